/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `salvorctl init DIR`: makes a complete trust domain in one folder: configuration, certificates, keys, the signed TUF
 * root and targets, and the trust policy. Meant for trial and as the pattern for production, where offline keys are
 * made elsewhere.
 *
 * Thread: one. Ownership: options are borrowed for the call.
 */
#ifndef SAL_SALVORCTL_INIT_H
#define SAL_SALVORCTL_INIT_H

#include "base/err.h"

#include <stdint.h>

enum { SAL_INIT_MACHINE_PORT = 8443, SAL_INIT_ADMIN_PORT = 8444, SAL_INIT_OPS_PORT = 9464 };

struct sal_init_options {
        const char *dir;  /* is made; may exist when empty; its parent must exist */
        int machine_port; /* 0..65535; 0: any free port, written to endpoints.json by the daemon */
        int admin_port;   /* the same */
        int ops_port;     /* the same */
        int64_t now_ms;   /* wall time: start of every validity */
};

/* Makes the trust domain; it appears whole or not at all, and is on disk on return. Errors: SAL_E_USAGE (a port or the
 * folder's name out of range), SAL_E_NOT_FOUND (the parent is missing), SAL_E_CONFLICT (the folder holds a trust domain
 * or other files; the error names one), SAL_E_IO. */
enum sal_status sal_init_trust_domain(const struct sal_init_options *options, struct sal_err *reterr);

#endif
