/* SPDX-License-Identifier: Apache-2.0 */
#include "service/publication_internal.h"

enum sal_status sal_publication_load_keys(struct sal_publication *publication, struct sal_err *reterr) {
        const struct sal_signer_config *config = &publication->signer_config;
        enum sal_status status = SAL_OK;
        for (size_t i = 0; !status && i < config->key_count; i++) {
                sal_auto(sal_private_key) struct sal_private_key *key = NULL;
                status = sal_private_key_load(config->key_paths[i], NULL, &key, reterr);
                if (!status)
                        status = sal_key_set_add(&publication->online_keys, sal_private_key_public(key));
        }
        return status;
}

static enum sal_status check_role(const struct sal_publication *publication, const char *name,
                                  const struct sal_tuf_role *role, const char *file, int64_t version,
                                  struct sal_err *reterr) {
        int held = 0;
        for (size_t i = 0; i < role->key_count; i++)
                held += sal_key_set_has(&publication->online_keys, role->keys[i]);
        if (held >= role->threshold)
                return SAL_OK;
        sal_fail(reterr, SAL_E_CONFLICT, "%s version %lld takes %d of the keys of %s, and this server has %d of them",
                 file, (long long)version, role->threshold, name, held);
        sal_err_hint(reterr, "configure the new key as trust.online_key_next and restart salvord; then hand it in");
        return SAL_E_CONFLICT;
}

enum sal_status sal_publication_check_keys(const struct sal_publication *publication,
                                           const struct sal_trust_store *trust, struct sal_err *reterr) {
        const struct sal_tuf_root *root = trust->root;
        enum sal_status status =
                check_role(publication, "timestamp", &root->roles[SAL_TUF_TIMESTAMP], "root", root->version, reterr);
        if (!status)
                status = check_role(publication, "snapshot", &root->roles[SAL_TUF_SNAPSHOT], "root", root->version,
                                    reterr);
        if (!status)
                status = check_role(publication, "campaigns", &trust->parsed->campaigns, "targets",
                                    trust->parsed->version, reterr);
        return status;
}
