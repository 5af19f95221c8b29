/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the configuration's files hold: certificates, keys and authorities of the planes, operators by certificate, and
 * a check of the trust section (material_trust.c). Everything is checked before any of it is used, so that a start or a
 * reload fails whole.
 *
 * Thread: immutable after loading. Ownership: sal_material_free frees all; operators may be stolen.
 */
#ifndef SAL_DAEMON_MATERIAL_H
#define SAL_DAEMON_MATERIAL_H

#include "api/api.h"
#include "base/encode.h"
#include "daemon/config.h"

struct sal_plane_material {
        char *certificate_pem; /* NULL for the plain plane */
        char *key_pem;
        size_t key_len;
        char *client_ca_pem; /* NULL: client certificates are not asked for */
};

/* What the files of the trust section held, for a change in them needs a restart. */
enum { SAL_TRUST_DIGESTS = 5 };
struct sal_trust_digests {
        struct {
                const char *name;                  /* "trust.root (its content)" */
                char sha256[SAL_SHA256_HEX_BYTES]; /* "": no such file is configured */
        } of[SAL_TRUST_DIGESTS];
};

struct sal_material {
        struct sal_plane_material planes[SAL_PLANES];
        struct sal_operators *operators;
        struct sal_trust_digests trust;
};

/* Errors: SAL_E_CONFIG with the file and line of the key that names what is at fault, SAL_E_NOMEM. */
enum sal_status sal_material_load(const struct sal_conf *conf, struct sal_material **ret, struct sal_err *reterr);
/* Wipes private keys. */
void sal_material_free(struct sal_material *material);
SAL_DEFINE_CLEANUP(sal_material, sal_material_free)

/* ---- private to material*.c ---- */

/* Says which key of the configuration led to an error found elsewhere. */
enum sal_status sal_material_blame(const struct sal_conf *conf, const struct sal_conf_value *value, const char *name,
                                   const struct sal_err *why, struct sal_err *reterr);
/* Reads and checks the files of the trust section: the root, the targets that it verifies, the policy that those list,
 * and the online keys, which must serve every online role. An operator may have handed in newer files since: what the
 * public directory holds of them counts too, as far as the root's chain reaches. Once there is a ledger, keys that
 * serve no role are a warning in the log: a server whose key was lost has to start. */
enum sal_status sal_material_check_trust(const struct sal_conf *conf, struct sal_trust_digests *ret,
                                         struct sal_err *reterr);

#endif
