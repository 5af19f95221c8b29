/* SPDX-License-Identifier: Apache-2.0 */
#include "service/trust_internal.h"

#include "trust/file.h"

#include <stdio.h>
#include <string.h>

/* What is read and not yet judged. */
struct found {
        char *targets, *policy;
        size_t targets_len, policy_len;
};

static void found_done(struct found *found) {
        free(found->targets);
        free(found->policy);
}

/* Any failure to read a configured file is the configuration's. */
static enum sal_status read_configured(const char *path, size_t max_bytes, char **ret, size_t *ret_len,
                                       struct sal_err *reterr) {
        struct sal_err why = {0};
        enum sal_status status = sal_file_read(path, max_bytes, ret, ret_len, &why);
        return !status || status == SAL_E_NOMEM ? status : sal_fail(reterr, SAL_E_CONFIG, "%s", why.detail);
}

static enum sal_status bad_file(const char *path, enum sal_status status, const struct sal_err *why,
                                struct sal_err *reterr) {
        if (status == SAL_E_NOMEM)
                return sal_trust_no_memory(reterr);
        return sal_fail(reterr, SAL_E_CONFIG, "%s: %s%s%s", path, why->pointer, *why->pointer ? " " : "", why->detail);
}

static enum sal_status load_pinned(struct sal_trust_store *store, const char *path, struct sal_err *reterr) {
        sal_autofree char *bytes = NULL;
        size_t len = 0;
        struct sal_err why = {0};
        enum sal_status status = read_configured(path, SAL_TUF_MAX_BYTES, &bytes, &len, reterr);
        if (status)
                return status;
        struct sal_tuf_root *root = NULL;
        status = sal_tuf_root_load(bytes, len, &root, &why);
        if (status)
                return bad_file(path, status, &why, reterr);
        if (root->version != 1) {
                sal_fail(reterr, SAL_E_CONFIG, "%s has version %lld; the trust domain is named by its first root", path,
                         (long long)root->version);
                sal_err_hint(reterr, "configure 1.root.json; later roots are handed in with salvorctl trust put-root");
                sal_tuf_root_free(root);
                return SAL_E_CONFIG;
        }
        sal_sha256_hex(bytes, len, store->trust_domain);
        return sal_trust_add_root_take(store, root, bytes, len, reterr);
}

static enum sal_status corrupt(const char *name, enum sal_status status, const struct sal_err *why,
                               struct sal_err *reterr) {
        if (status == SAL_E_NOMEM || status == SAL_E_IO)
                return sal_fail(reterr, status, "the ledger's %s cannot be read: %s", name,
                                sal_status_info(status)->title);
        sal_fail(reterr, SAL_E_CORRUPT, "the ledger's %s does not hold: %s%s%s", name, why->pointer,
                 *why->pointer ? " " : "", why->detail);
        sal_err_hint(reterr, "restore the ledger from a backup; nobody's machine believes this file either");
        return SAL_E_CORRUPT;
}

static bool of_policy(const struct sal_err *why) {
        return strncmp(why->pointer, "/policy", strlen("/policy")) == 0;
}

/* The ledger's part belongs to the pinned root, or the configuration names another one. SAL_E_NOT_FOUND: it holds
 * nothing, for nothing was ever handed in. */
static enum sal_status check_domain(const struct sal_trust_store *store, struct sal_tx *tx, struct sal_err *reterr) {
        sal_autofree char *domain = NULL;
        enum sal_status status = sal_setting_get(tx, SETTING_DOMAIN, &domain);
        if (status == SAL_E_NOT_FOUND)
                return status;
        if (status)
                return corrupt(SETTING_DOMAIN, status, &(struct sal_err){0}, reterr);
        if (strcmp(domain, store->trust_domain) == 0)
                return SAL_OK;
        sal_fail(reterr, SAL_E_CONFIG, "the configured root is of trust domain %s, the ledger's trust of %.64s",
                 store->trust_domain, domain);
        sal_err_hint(reterr, "configure the 1.root.json that this ledger began with, or begin with an empty state_dir");
        return SAL_E_CONFIG;
}

static enum sal_status load_chain(struct sal_trust_store *store, struct sal_tx *tx, struct sal_err *reterr) {
        int64_t newest = 0;
        enum sal_status status = sal_setting_get_int(tx, SETTING_ROOTS, &newest);
        if (!status && (newest < 1 || newest > SAL_TRUST_MAX_ROOTS))
                status = SAL_E_CORRUPT;
        if (status)
                return corrupt(SETTING_ROOTS, status, &(struct sal_err){.detail = "no number of roots"}, reterr);
        while (!status && store->root_count < (size_t)newest) {
                char name[32];
                sal_autofree char *text = NULL;
                struct sal_tuf_root *root = NULL;
                struct sal_err why = {.detail = "it is missing"};
                snprintf(name, sizeof name, SETTING_ROOT, store->root_count + 1);
                status = sal_setting_get(tx, name, &text);
                if (!status)
                        status = sal_tuf_root_load_next(store->root, text, strlen(text), &root, &why);
                if (status)
                        return corrupt(name, status, &why, reterr);
                status = sal_trust_add_root_take(store, root, text, strlen(text), reterr);
        }
        return status;
}

/* Targets and policy were accepted, so they verify now. */
static enum sal_status load_targets(struct sal_trust_store *store, struct sal_tx *tx, struct sal_err *reterr) {
        __attribute__((cleanup(found_done))) struct found found = {0};
        struct sal_err why = {.detail = "it is missing"};
        enum sal_status status = sal_setting_get(tx, SETTING_TARGETS, &found.targets);
        if (status)
                return corrupt(SETTING_TARGETS, status, &why, reterr);
        status = sal_setting_get(tx, SETTING_POLICY, &found.policy);
        if (status)
                return corrupt(SETTING_POLICY, status, &why, reterr);
        status = sal_trust_set_targets(store, found.targets, strlen(found.targets), found.policy, strlen(found.policy),
                                       &why);
        return status ? corrupt(of_policy(&why) ? SETTING_POLICY : SETTING_TARGETS, status, &why, reterr) : SAL_OK;
}

static enum sal_status load_saved(struct sal_trust_store *store, struct sal_tx *tx, struct sal_err *reterr) {
        enum sal_status status = check_domain(store, tx, reterr);
        if (status)
                return status == SAL_E_NOT_FOUND ? SAL_OK : status;
        status = load_chain(store, tx, reterr);
        return status ? status : load_targets(store, tx, reterr);
}

/* The version that a file says it has; nothing is verified. 0: it cannot be read. */
static int64_t version_of(const char *bytes, size_t len, const char *type) {
        sal_auto(sal_tuf_document) struct sal_tuf_document *document = NULL;
        return sal_tuf_document_parse(bytes, len, type, &document, NULL) ? 0 : sal_tuf_document_version(document);
}

/* True when one of the roots of the chain lets its targets keys sign this file. */
static bool signed_once(const struct sal_trust_store *store, const struct found *found) {
        for (size_t i = store->root_count; i-- > 0;) {
                sal_auto(sal_tuf_root) struct sal_tuf_root *root = NULL;
                sal_auto(sal_tuf_targets) struct sal_tuf_targets *parsed = NULL;
                if (!sal_tuf_root_load(store->roots[i].bytes, store->roots[i].len, &root, NULL) &&
                    !sal_tuf_targets_load(found->targets, found->targets_len, &root->roles[SAL_TUF_TARGETS], &parsed,
                                          NULL))
                        return true;
        }
        return false;
}

/* The configured targets count when the ledger holds none that are newer. Older ones may be signed by keys that have
 * been rotated away since, and their policy is nobody's business any more. */
static enum sal_status load_configured(struct sal_trust_store *store, const char *targets_path, const char *policy_path,
                                       struct sal_err *reterr) {
        __attribute__((cleanup(found_done))) struct found found = {0};
        struct sal_err why = {0};
        enum sal_status status =
                read_configured(targets_path, SAL_TUF_MAX_BYTES, &found.targets, &found.targets_len, reterr);
        if (status) {
                sal_err_hint(reterr, "trust.targets is the targets file that the offline keys signed");
                return status;
        }
        if (store->parsed && signed_once(store, &found) &&
            version_of(found.targets, found.targets_len, "targets") <= store->parsed->version)
                return SAL_OK;
        status = read_configured(policy_path, SAL_POLICY_MAX_BYTES, &found.policy, &found.policy_len, reterr);
        if (status)
                return status;
        status = sal_trust_set_targets(store, found.targets, found.targets_len, found.policy, found.policy_len, &why);
        if (!status || status == SAL_E_NOMEM)
                return status ? sal_trust_no_memory(reterr) : SAL_OK;
        bad_file(of_policy(&why) ? policy_path : targets_path, status, &why, reterr);
        sal_err_hint(reterr,
                     "targets must be signed by the targets keys of root version %lld, and they name the "
                     "policy by its digest: the two files are handed over together",
                     (long long)store->root->version);
        return SAL_E_CONFIG;
}

enum sal_status sal_trust_store_load(const char *root_path, const char *targets_path, const char *policy_path,
                                     struct sal_tx *tx, struct sal_trust_store **ret, struct sal_err *reterr) {
        sal_auto(sal_trust_store) struct sal_trust_store *store = sal_trust_store_new();
        if (!store)
                return sal_trust_no_memory(reterr);
        enum sal_status status = load_pinned(store, root_path, reterr);
        if (!status && tx)
                status = load_saved(store, tx, reterr);
        if (!status)
                status = load_configured(store, targets_path, policy_path, reterr);
        if (!status)
                *ret = SAL_STEAL(store);
        return status;
}
