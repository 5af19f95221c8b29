/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the configuration's files hold: certificates, keys and authorities of the planes, operators by certificate, and
 * a check of root and policy. Everything is checked before any of it is used, so that a start or a reload fails whole.
 *
 * Thread: immutable after loading. Ownership: sal_material_free frees all; operators may be stolen.
 */
#ifndef SAL_DAEMON_MATERIAL_H
#define SAL_DAEMON_MATERIAL_H

#include "api/api.h"
#include "daemon/config.h"

struct sal_plane_material {
        char *certificate_pem; /* NULL for the plain plane */
        char *key_pem;
        size_t key_len;
        char *client_ca_pem; /* NULL: client certificates are not asked for */
};

struct sal_material {
        struct sal_plane_material planes[SAL_PLANES];
        struct sal_operators *operators;
        char root_sha256[65], policy_sha256[65];
};

/* Errors: SAL_E_CONFIG with the file and line of the key that names what is at fault, SAL_E_NOMEM. */
enum sal_status sal_material_load(const struct sal_conf *conf, struct sal_material **ret, struct sal_err *reterr);
/* Wipes private keys. */
void sal_material_free(struct sal_material *material);
SAL_DEFINE_CLEANUP(sal_material, sal_material_free)

#endif
