/* SPDX-License-Identifier: Apache-2.0 */
#include "service/trust_internal.h"

#include "trust/separation.h"
#include "trust/updater.h"

#include <stdio.h>
#include <string.h>

/* The pointer of a fault in a root that is handed in begins so. */
#define IN_ROOT "/root"

enum sal_status sal_trust_no_memory(struct sal_err *reterr) {
        return sal_fail(reterr, SAL_E_NOMEM, "no memory for the trust store");
}

/* Says in which file the fault is: the pointer begins with the file's name. */
static enum sal_status in_file(const char *file, enum sal_status status, const struct sal_err *why,
                               struct sal_err *reterr) {
        char pointer[SAL_ERR_POINTER_BYTES];
        if (status == SAL_E_NOMEM)
                return sal_trust_no_memory(reterr);
        snprintf(pointer, sizeof pointer, "/%s%s", file, why->pointer);
        sal_fail_at(reterr, status, pointer, "%s: %s", file, why->detail);
        sal_err_hint(reterr, "%s", why->hint);
        return status;
}

/* ---- the value ---- */

struct sal_trust_store *sal_trust_store_ref(struct sal_trust_store *store) {
        if (store)
                atomic_fetch_add(&store->refs, 1);
        return store;
}

void sal_trust_store_unref(struct sal_trust_store *store) {
        if (!store || atomic_fetch_sub(&store->refs, 1) > 1)
                return;
        for (size_t i = 0; i < store->root_count; i++)
                free(store->roots[i].bytes);
        free(store->roots);
        free(store->targets.bytes);
        sal_tuf_root_free(store->root);
        sal_tuf_targets_free(store->parsed);
        sal_policy_unref(store->policy);
        free(store);
}

static bool copy_text(struct sal_trust_text *ret, const char *bytes, size_t len) {
        ret->bytes = malloc(len + 1);
        if (!ret->bytes)
                return false;
        memcpy(ret->bytes, bytes, len);
        ret->bytes[len] = '\0';
        ret->len = len;
        return true;
}

enum sal_status sal_trust_add_root_take(struct sal_trust_store *store, struct sal_tuf_root *root, const char *bytes,
                                        size_t len, struct sal_err *reterr) {
        struct sal_trust_text *more = realloc(store->roots, (store->root_count + 1) * sizeof *more);
        if (more)
                store->roots = more;
        if (!more || !copy_text(&store->roots[store->root_count], bytes, len)) {
                sal_tuf_root_free(root);
                return sal_trust_no_memory(reterr);
        }
        store->root_count++;
        sal_tuf_root_free(store->root);
        store->root = root;
        return SAL_OK;
}

struct sal_trust_store *sal_trust_store_new(void) {
        struct sal_trust_store *store = calloc(1, sizeof *store);
        if (store)
                atomic_init(&store->refs, 1);
        return store;
}

/* A store with the same root chain and nothing else. `root` stays NULL. */
static struct sal_trust_store *store_with_chain(const struct sal_trust_store *from) {
        sal_auto(sal_trust_store) struct sal_trust_store *store = sal_trust_store_new();
        if (!store)
                return NULL;
        memcpy(store->trust_domain, from->trust_domain, sizeof store->trust_domain);
        store->roots = calloc(from->root_count, sizeof *store->roots);
        if (!store->roots)
                return NULL;
        for (size_t i = 0; i < from->root_count; i++, store->root_count++)
                if (!copy_text(&store->roots[i], from->roots[i].bytes, from->roots[i].len))
                        return NULL;
        return SAL_STEAL(store);
}

enum sal_status sal_trust_set_targets(struct sal_trust_store *store, const char *targets, size_t targets_len,
                                      const char *policy, size_t policy_len, struct sal_err *reterr) {
        sal_auto(sal_tuf_targets) struct sal_tuf_targets *parsed = NULL;
        sal_auto(sal_policy) struct sal_policy *rules = NULL;
        struct sal_err why = {0};
        enum sal_status status =
                sal_tuf_targets_load(targets, targets_len, &store->root->roles[SAL_TUF_TARGETS], &parsed, &why);
        if (status)
                return in_file("targets", status, &why, reterr);
        status = sal_tuf_target_check(&parsed->policy, policy, policy_len, &why);
        if (!status)
                status = sal_policy_parse(policy, policy_len, &rules, &why);
        if (status)
                return in_file("policy", status, &why, reterr);
        struct sal_trust_text text = {0};
        if (!copy_text(&text, targets, targets_len))
                return sal_trust_no_memory(reterr);
        free(store->targets.bytes);
        sal_tuf_targets_free(store->parsed);
        sal_policy_unref(store->policy);
        store->targets = text;
        store->parsed = SAL_STEAL(parsed);
        store->policy = SAL_STEAL(rules);
        return SAL_OK;
}

static struct sal_tuf_said said_by(const struct sal_trust_store *store) {
        return (struct sal_tuf_said){.root = store->root, .targets = store->parsed, .policy = store->policy};
}

enum sal_status sal_trust_store_check_separation(const struct sal_trust_store *store,
                                                 const struct sal_trust_store *before, struct sal_err *reterr) {
        const struct sal_tuf_said now = said_by(store), then = before ? said_by(before) : (struct sal_tuf_said){0};
        return sal_tuf_check_separation(&now, before ? &then : NULL, reterr);
}

/* ---- what is handed in ---- */

static enum sal_status check_expiry(const char *file, int64_t expires_ms, int64_t now_ms, struct sal_err *reterr) {
        struct sal_err why = {.detail = "it has expired",
                              .pointer = "/signed/expires",
                              .hint = "no machine would believe it; sign one with a later date"};
        return expires_ms > now_ms ? SAL_OK : in_file(file, SAL_E_REFUSED, &why, reterr);
}

static enum sal_status check_text(const char *file, const struct sal_trust_text *text, size_t max_bytes,
                                  struct sal_err *reterr) {
        struct sal_err why = {.detail = "no JSON text"};
        if (text->len > max_bytes) {
                sal_fail(&why, SAL_E_TOO_LARGE, "longer than %zu bytes", max_bytes);
                return in_file(file, SAL_E_TOO_LARGE, &why, reterr);
        }
        return text->len && !memchr(text->bytes, '\0', text->len) ? SAL_OK
                                                                  : in_file(file, SAL_E_MALFORMED, &why, reterr);
}

/* A person wants to know whose signatures are missing. */
static enum sal_status next_root(const struct sal_tuf_root *current, const struct sal_tuf_document *document,
                                 const struct sal_trust_text *text, struct sal_tuf_root **ret, struct sal_err *why) {
        struct sal_err inner = {0};
        enum sal_status status = sal_tuf_document_verify(document, &current->roles[SAL_TUF_ROOT], &inner);
        if (status == SAL_E_UNTRUSTED)
                return sal_fail(why, status, "not signed by the keys of root version %lld: %s",
                                (long long)current->version, inner.detail);
        if (!status)
                status = sal_tuf_root_load_next(current, text->bytes, text->len, ret, &inner);
        if (status == SAL_E_UNTRUSTED)
                return sal_fail(why, status, "not signed by its own keys: %s", inner.detail);
        if (status)
                *why = inner;
        return status;
}

/* The next root, judged by the newest one of the chain. */
static enum sal_status judge_root(const struct sal_tuf_root *current, const struct sal_trust_text *text,
                                  struct sal_tuf_root **ret, struct sal_err *why) {
        sal_auto(sal_tuf_document) struct sal_tuf_document *document = NULL;
        enum sal_status status = sal_tuf_document_parse(text->bytes, text->len, "root", &document, why);
        if (status)
                return status;
        if (sal_tuf_document_version(document) != current->version + 1)
                return sal_fail_at(why, SAL_E_CONFLICT, "/signed/version",
                                   "the root in force has version %lld, so the next one has %lld and not %lld",
                                   (long long)current->version, (long long)current->version + 1,
                                   (long long)sal_tuf_document_version(document));
        return next_root(current, document, text, ret, why);
}

static enum sal_status step_root(struct sal_trust_store *store, const struct sal_tuf_root *current,
                                 const struct sal_trust_text *text, int64_t now_ms, struct sal_err *reterr) {
        sal_auto(sal_tuf_root) struct sal_tuf_root *root = NULL;
        struct sal_err why = {0};
        if (store->root_count >= SAL_TRUST_MAX_ROOTS)
                return sal_fail(reterr, SAL_E_CONFLICT, "a chain has %d roots at most", SAL_TRUST_MAX_ROOTS);
        enum sal_status status = check_text("root", text, SAL_TUF_MAX_BYTES, reterr);
        if (status)
                return status;
        status = judge_root(current, text, &root, &why);
        if (status)
                return in_file("root", status, &why, reterr);
        status = check_expiry("root", root->expires_ms, now_ms, reterr);
        return status ? status : sal_trust_add_root_take(store, SAL_STEAL(root), text->bytes, text->len, reterr);
}

/* Targets that were handed in: verified, newer than those in force, alive. policy NULL: the one in force. */
static enum sal_status step_targets(struct sal_trust_store *store, const struct sal_trust_store *before,
                                    const struct sal_trust_text *targets, const struct sal_trust_text *policy,
                                    int64_t now_ms, struct sal_err *reterr) {
        size_t policy_len = 0;
        const char *policy_bytes = sal_policy_bytes(before->policy, &policy_len);
        enum sal_status status = check_text("targets", targets, SAL_TUF_MAX_BYTES, reterr);
        if (!status && policy) {
                policy_bytes = policy->bytes;
                policy_len = policy->len;
                status = check_text("policy", policy, SAL_POLICY_MAX_BYTES, reterr);
        }
        if (!status)
                status = sal_trust_set_targets(store, targets->bytes, targets->len, policy_bytes, policy_len, reterr);
        if (status)
                return status;
        if (store->parsed->version <= before->parsed->version)
                return sal_fail_at(reterr, SAL_E_CONFLICT, "/targets/signed/version",
                                   "targets: those in force have version %lld, so the next ones have a higher one and "
                                   "not %lld",
                                   (long long)before->parsed->version, (long long)store->parsed->version);
        return check_expiry("targets", store->parsed->expires_ms, now_ms, reterr);
}

/* The old targets stay, if the keys of the new root signed them. */
static enum sal_status keep_targets(struct sal_trust_store *store, const struct sal_trust_store *before,
                                    struct sal_err *reterr) {
        size_t len = 0;
        const char *policy = sal_policy_bytes(before->policy, &len);
        struct sal_err why = {0};
        enum sal_status status =
                sal_trust_set_targets(store, before->targets.bytes, before->targets.len, policy, len, &why);
        if (!status || status == SAL_E_NOMEM)
                return status;
        sal_fail_at(reterr, status, IN_ROOT "/signed/roles/targets",
                    "root: the targets in force do not hold under its keys: %s", why.detail);
        sal_err_hint(reterr,
                     "hand in targets that its keys signed together with it, or before it targets that the keys "
                     "of both roots signed");
        return status;
}

enum sal_status sal_trust_store_with_root(const struct sal_trust_store *store, const char *bytes, size_t len,
                                          const struct sal_trust_text *targets, const struct sal_trust_text *policy,
                                          int64_t now_ms, struct sal_trust_store **ret, struct sal_err *reterr) {
        sal_auto(sal_trust_store) struct sal_trust_store *next = store_with_chain(store);
        if (!next)
                return sal_trust_no_memory(reterr);
        const struct sal_trust_text root = {.bytes = (char *)bytes, .len = len}; /* read only */
        enum sal_status status = step_root(next, store->root, &root, now_ms, reterr);
        if (!status && targets)
                status = step_targets(next, store, targets, policy, now_ms, reterr);
        else if (!status)
                status = keep_targets(next, store, reterr);
        if (!status)
                status = sal_trust_store_check_separation(next, store, reterr);
        if (!status)
                *ret = SAL_STEAL(next);
        return status;
}

enum sal_status sal_trust_store_with_targets(const struct sal_trust_store *store, const struct sal_trust_text *targets,
                                             const struct sal_trust_text *policy, int64_t now_ms,
                                             struct sal_trust_store **ret, struct sal_err *reterr) {
        sal_auto(sal_trust_store) struct sal_trust_store *next = store_with_chain(store);
        const struct sal_trust_text *newest = &store->roots[store->root_count - 1];
        if (!next)
                return sal_trust_no_memory(reterr);
        enum sal_status status = sal_tuf_root_load(newest->bytes, newest->len, &next->root, reterr);
        if (!status)
                status = step_targets(next, store, targets, policy, now_ms, reterr);
        if (!status)
                status = sal_trust_store_check_separation(next, store, reterr);
        if (!status)
                *ret = SAL_STEAL(next);
        return status;
}

/* ---- keeping ---- */

/* Targets and policy are written with every change, those of the configuration too: the file may be gone or newer at
 * the next start, and what was believed under this root stays. */
enum sal_status sal_trust_store_save(const struct sal_trust_store *store, const struct sal_trust_store *before,
                                     struct sal_tx *tx) {
        enum sal_status status = sal_setting_put(tx, SETTING_DOMAIN, store->trust_domain);
        for (size_t i = before->root_count; !status && i < store->root_count; i++) {
                char name[32];
                snprintf(name, sizeof name, SETTING_ROOT, i + 1);
                status = sal_setting_put(tx, name, store->roots[i].bytes);
        }
        if (!status)
                status = sal_setting_put_int(tx, SETTING_ROOTS, (int64_t)store->root_count);
        if (!status)
                status = sal_setting_put(tx, SETTING_TARGETS, store->targets.bytes);
        size_t len = 0;
        return status ? status : sal_setting_put(tx, SETTING_POLICY, sal_policy_bytes(store->policy, &len));
}

void sal_trust_each_expiry(const struct sal_trust_store *store,
                           void (*each)(void *arg, const char *role, int64_t version, int64_t expires_ms), void *arg) {
        each(arg, "root", store->root->version, store->root->expires_ms);
        each(arg, "targets", store->parsed->version, store->parsed->expires_ms);
}
