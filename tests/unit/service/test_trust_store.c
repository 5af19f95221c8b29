/* SPDX-License-Identifier: Apache-2.0 */
/* The trust store: what is believed of what is handed in, and that what was believed once is still there tomorrow. */
#include "service/trust_store.h"

#include "base/buf.h"
#include "base/mem.h"
#include "ledger/internal.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* 2026-05-01T00:00:00Z */
static const int64_t now_ms = INT64_C(1777593600000);
static const int64_t later_ms = INT64_C(1777593600000) + INT64_C(86400000) * 300;

enum { ROOT_A, ROOT_B, TARGETS_A, TARGETS_B, ONLINE, AUTHOR, STRANGER, KEYS };

/* Where a root is at fault. */
#define AT_ROOT "/root"

struct fixture {
        char folder[64];
        struct sal_private_key *keys[KEYS];
        struct sal_ledger *ledger;
        struct sal_trust_store *store;
        struct sal_err err;
};

#define assert_ok(expression)                                                            \
        do {                                                                             \
                enum sal_status status_ = (expression);                                  \
                if (status_ != SAL_OK)                                                   \
                        fail_msg("%s: %s", #expression, sal_status_info(status_)->name); \
        } while (0)

/* ---- files ---- */

static void path_of(const struct fixture *f, const char *name, char ret[static 128]) {
        snprintf(ret, 128, "%s/%s", f->folder, name);
}

static void put_file(const struct fixture *f, const char *name, const char *bytes, size_t len) {
        char path[128];
        path_of(f, name, path);
        sal_autofclose FILE *file = fopen(path, "w");
        assert_non_null(file);
        assert_int_equal(fwrite(bytes, 1, len, file), len);
}

struct root {
        int64_t version, expires_ms;
        int root_key, targets_key;
        int signers[3];
        size_t signer_count;
};

/* A root of one key per role. */
static struct sal_trust_text make_root(const struct fixture *f, const struct root *what) {
        const int role_keys[SAL_TUF_ROLES] = {[SAL_TUF_ROOT] = what->root_key,
                                              [SAL_TUF_TARGETS] = what->targets_key,
                                              [SAL_TUF_SNAPSHOT] = ONLINE,
                                              [SAL_TUF_TIMESTAMP] = ONLINE};
        const struct sal_public_key *keys[SAL_TUF_ROLES];
        struct sal_tuf_root_spec spec = {.version = what->version, .expires_ms = what->expires_ms};
        for (int role = 0; role < SAL_TUF_ROLES; role++) {
                keys[role] = sal_private_key_public(f->keys[role_keys[role]]);
                spec.roles[role].keys = &keys[role];
                spec.roles[role].key_count = 1;
                spec.roles[role].threshold = 1;
        }
        const struct sal_private_key *signers[3];
        for (size_t i = 0; i < what->signer_count; i++)
                signers[i] = f->keys[what->signers[i]];
        struct sal_buf file = SAL_BUF_INIT;
        struct sal_err err = {0};
        if (sal_tuf_root_build(&spec, signers, what->signer_count, &file, &err))
                fail_msg("root: %s", err.detail);
        struct sal_trust_text text = {0};
        text.bytes = sal_buf_take(&file, &text.len);
        return text;
}

/* The root after the first, signed as it should be. */
static struct sal_trust_text root_2(const struct fixture *f, int targets_key) {
        return make_root(f, &(struct root){.version = 2,
                                           .expires_ms = later_ms,
                                           .root_key = ROOT_B,
                                           .targets_key = targets_key,
                                           .signers = {ROOT_A, ROOT_B},
                                           .signer_count = 2});
}

static struct sal_trust_text make_policy(const struct fixture *f, const char *revoked) {
        const struct sal_public_key *key = sal_private_key_public(f->keys[AUTHOR]);
        sal_autojson json_t *policy =
                json_pack("{s:s, s:[{s:s, s:s, s:s, s:s, s:s}], s:[{s:s, s:[s], s:[s], s:i}], s:[s]}", "schema",
                          SAL_POLICY_SCHEMA, "authors", "name", "ann", "keyid", sal_public_key_id(key), "keytype",
                          sal_public_key_keytype(key), "scheme", sal_public_key_scheme(key), "public",
                          sal_public_key_text(key), "classes", "name", "files", "kinds", "delete_file", "authors",
                          "ann", "threshold", 1, "revoked", revoked);
        struct sal_trust_text text = {.bytes = sal_json_dump(policy)};
        assert_non_null(text.bytes);
        text.len = strlen(text.bytes);
        return text;
}

static struct sal_trust_text make_targets(const struct fixture *f, int64_t version, int64_t expires_ms,
                                          const struct sal_trust_text *policy, int signer, int second_signer) {
        const struct sal_public_key *online = sal_private_key_public(f->keys[ONLINE]);
        const struct sal_tuf_targets_spec spec = {.version = version,
                                                  .expires_ms = expires_ms,
                                                  .policy = policy->bytes,
                                                  .policy_len = policy->len,
                                                  .keys = &online,
                                                  .key_count = 1,
                                                  .threshold = 1};
        const struct sal_private_key *signers[] = {f->keys[signer], f->keys[second_signer]};
        struct sal_buf file = SAL_BUF_INIT;
        assert_ok(sal_tuf_targets_build(&spec, signers, signer == second_signer ? 1 : 2, &file, NULL));
        struct sal_trust_text text = {0};
        text.bytes = sal_buf_take(&file, &text.len);
        return text;
}

/* Targets and policy that go together. */
struct pair {
        struct sal_trust_text targets, policy;
};

static struct pair make_pair(const struct fixture *f, int64_t version, int signer, const char *revoked) {
        struct pair pair = {.policy = make_policy(f, revoked)};
        pair.targets = make_targets(f, version, later_ms, &pair.policy, signer, signer);
        return pair;
}

static void pair_done(struct pair *pair) {
        free(pair->targets.bytes);
        free(pair->policy.bytes);
}
#define autopair __attribute__((cleanup(pair_done)))

static void text_done(struct sal_trust_text *text) {
        free(text->bytes);
}
#define autotext __attribute__((cleanup(text_done)))

static void configure(const struct fixture *f, const struct pair *pair) {
        put_file(f, "targets.json", pair->targets.bytes, pair->targets.len);
        put_file(f, "policy.json", pair->policy.bytes, pair->policy.len);
}

/* ---- the ledger ---- */

struct job {
        struct fixture *f;
        const struct sal_trust_store *before;
        const char *name, *value;
};

static enum sal_status load_job(struct sal_tx *tx, void *arg) {
        struct fixture *f = ((struct job *)arg)->f;
        char root[128], targets[128], policy[128];
        path_of(f, "1.root.json", root);
        path_of(f, "targets.json", targets);
        path_of(f, "policy.json", policy);
        sal_trust_store_unref(f->store);
        f->store = NULL;
        f->err = (struct sal_err){0};
        return sal_trust_store_load(root, targets, policy, tx, &f->store, &f->err);
}

static enum sal_status load(struct fixture *f) {
        return sal_ledger_run_now(f->ledger, load_job, &(struct job){.f = f});
}

static enum sal_status save_job(struct sal_tx *tx, void *arg) {
        const struct job *job = arg;
        return sal_trust_store_save(job->f->store, job->before, tx);
}

static enum sal_status put_job(struct sal_tx *tx, void *arg) {
        const struct job *job = arg;
        return sal_setting_put(tx, job->name, job->value);
}

/* What the ledger holds under this name is changed behind its back. */
static void put_setting(struct fixture *f, const char *name, const char *value) {
        assert_ok(sal_ledger_run_now(f->ledger, put_job, &(struct job){.f = f, .name = name, .value = value}));
}

/* `next` takes the place of the fixture's store, in the ledger too. */
static void take(struct fixture *f, struct sal_trust_store *next) {
        struct sal_trust_store *before = f->store;
        f->store = next;
        assert_ok(sal_ledger_run_now(f->ledger, save_job, &(struct job){.f = f, .before = before}));
        sal_trust_store_unref(before);
}

static int set_up(void **state) {
        struct fixture *f = calloc(1, sizeof *f);
        const char *base = getenv("TMPDIR");
        snprintf(f->folder, sizeof f->folder, "%.40s/salvor-trust-XXXXXX", base ? base : "/tmp");
        assert_non_null(mkdtemp(f->folder));
        for (int i = 0; i < KEYS; i++)
                assert_ok(sal_private_key_generate(SAL_KEY_ED25519, &f->keys[i], NULL));
        autotext struct sal_trust_text root = make_root(f, &(struct root){.version = 1,
                                                                          .expires_ms = later_ms,
                                                                          .root_key = ROOT_A,
                                                                          .targets_key = TARGETS_A,
                                                                          .signers = {ROOT_A},
                                                                          .signer_count = 1});
        put_file(f, "1.root.json", root.bytes, root.len);
        autopair struct pair pair = make_pair(f, 1, TARGETS_A, "old-one");
        configure(f, &pair);
        char path[128];
        path_of(f, "ledger.db", path);
        assert_ok(sal_ledger_open(&(struct sal_ledger_config){.path = path}, &f->ledger, &f->err));
        if (load(f))
                fail_msg("%s", f->err.detail);
        *state = f;
        return 0;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *ftw) {
        (void)info, (void)type, (void)ftw;
        return remove(path);
}

static int tear_down(void **state) {
        struct fixture *f = *state;
        sal_trust_store_unref(f->store);
        sal_ledger_close(f->ledger);
        for (int i = 0; i < KEYS; i++)
                sal_private_key_free(f->keys[i]);
        nftw(f->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
        free(f);
        return 0;
}

/* ---- what is asked of every refusal: the status, where, and words that say why ---- */

static void refuses_root(struct fixture *f, const struct sal_trust_text *root, const struct pair *pair,
                         enum sal_status status, const char *pointer, const char *words) {
        struct sal_trust_store *next = NULL;
        struct sal_err err = {0};
        enum sal_status got = sal_trust_store_with_root(f->store, root->bytes, root->len, pair ? &pair->targets : NULL,
                                                        pair ? &pair->policy : NULL, now_ms, &next, &err);
        assert_null(next);
        if (got != status || err.status != status || strcmp(err.pointer, pointer) != 0 || !strstr(err.detail, words))
                fail_msg("%s at %s: %s", sal_status_info(got)->name, err.pointer, err.detail);
}

static void refuses_targets(struct fixture *f, const struct sal_trust_text *targets,
                            const struct sal_trust_text *policy, enum sal_status status, const char *pointer,
                            const char *words) {
        struct sal_trust_store *next = NULL;
        struct sal_err err = {0};
        enum sal_status got = sal_trust_store_with_targets(f->store, targets, policy, now_ms, &next, &err);
        assert_null(next);
        if (got != status || err.status != status || strcmp(err.pointer, pointer) != 0 || !strstr(err.detail, words))
                fail_msg("%s at %s: %s", sal_status_info(got)->name, err.pointer, err.detail);
}

static struct sal_trust_store *takes_root(struct fixture *f, const struct sal_trust_text *root,
                                          const struct pair *pair) {
        struct sal_trust_store *next = NULL;
        struct sal_err err = {0};
        if (sal_trust_store_with_root(f->store, root->bytes, root->len, pair ? &pair->targets : NULL,
                                      pair ? &pair->policy : NULL, now_ms, &next, &err))
                fail_msg("%s: %s", err.pointer, err.detail);
        return next;
}

static struct sal_trust_store *takes_targets(struct fixture *f, const struct pair *pair) {
        struct sal_trust_store *next = NULL;
        struct sal_err err = {0};
        if (sal_trust_store_with_targets(f->store, &pair->targets, &pair->policy, now_ms, &next, &err))
                fail_msg("%s: %s", err.pointer, err.detail);
        return next;
}

/* ---- tests ---- */

static void the_configured_files_are_the_beginning(void **state) {
        struct fixture *f = *state;
        char hex[SAL_SHA256_HEX_BYTES];
        assert_int_equal(f->store->root_count, 1);
        assert_int_equal(f->store->root->version, 1);
        assert_int_equal(f->store->parsed->version, 1);
        assert_true(sal_policy_is_revoked(f->store->policy, "old-one", 1));
        sal_sha256_hex(f->store->roots[0].bytes, f->store->roots[0].len, hex);
        assert_string_equal(f->store->trust_domain, hex);
        /* Without a ledger, as salvord -t asks. */
        struct job job = {.f = f};
        assert_ok(load_job(NULL, &job));
        assert_int_equal(f->store->parsed->version, 1);
}

static void a_root_follows_by_both_thresholds(void **state) {
        struct fixture *f = *state;
        autotext struct sal_trust_text root = root_2(f, TARGETS_A);
        struct sal_trust_store *next = takes_root(f, &root, NULL);
        assert_int_equal(next->root_count, 2);
        assert_int_equal(next->root->version, 2);
        assert_int_equal(next->parsed->version, 1);
        assert_string_equal(next->trust_domain, f->store->trust_domain);
        assert_int_equal(f->store->root_count, 1); /* a store never changes */
        sal_trust_store_unref(next);
}

static void a_root_signed_by_one_side_only_is_refused(void **state) {
        struct fixture *f = *state;
        struct root what = {.version = 2,
                            .expires_ms = later_ms,
                            .root_key = ROOT_B,
                            .targets_key = TARGETS_A,
                            .signers = {ROOT_B},
                            .signer_count = 1};
        autotext struct sal_trust_text by_new = make_root(f, &what);
        refuses_root(f, &by_new, NULL, SAL_E_UNTRUSTED, "/root", "not signed by the keys of root version 1");
        /* What the old keys alone signed cannot be built; so the new keys' signature is taken away. */
        autotext struct sal_trust_text both = root_2(f, TARGETS_A);
        sal_autojson json_t *json = NULL;
        assert_ok(sal_json_parse(both.bytes, both.len, SAL_JSON_MAX_DEPTH, &json, NULL));
        assert_int_equal(json_array_remove(json_object_get(json, "signatures"), 1), 0);
        autotext struct sal_trust_text by_old = {.bytes = sal_json_dump(json)};
        by_old.len = strlen(by_old.bytes);
        refuses_root(f, &by_old, NULL, SAL_E_UNTRUSTED, "/root", "not signed by its own keys");
}

static void only_the_very_next_root_is_taken(void **state) {
        struct fixture *f = *state;
        struct root what = {.version = 3,
                            .expires_ms = later_ms,
                            .root_key = ROOT_A,
                            .targets_key = TARGETS_A,
                            .signers = {ROOT_A},
                            .signer_count = 1};
        autotext struct sal_trust_text skipped = make_root(f, &what);
        refuses_root(f, &skipped, NULL, SAL_E_CONFLICT, AT_ROOT "/signed/version", "the next one has 2 and not 3");
        what.version = 1;
        autotext struct sal_trust_text same = make_root(f, &what);
        refuses_root(f, &same, NULL, SAL_E_CONFLICT, AT_ROOT "/signed/version", "the next one has 2 and not 1");
}

/* Two roots that both follow the first: whichever comes first is the chain, and the other one never joins it. */
static void a_fork_is_refused(void **state) {
        struct fixture *f = *state;
        autotext struct sal_trust_text one = root_2(f, TARGETS_A);
        struct root what = {.version = 2,
                            .expires_ms = later_ms + 1000,
                            .root_key = STRANGER,
                            .targets_key = TARGETS_A,
                            .signers = {ROOT_A, STRANGER},
                            .signer_count = 2};
        autotext struct sal_trust_text other = make_root(f, &what);
        take(f, takes_root(f, &one, NULL));
        refuses_root(f, &other, NULL, SAL_E_CONFLICT, AT_ROOT "/signed/version", "has version 2");
        what.version = 3;
        what.signers[0] = STRANGER;
        what.signer_count = 1;
        autotext struct sal_trust_text successor = make_root(f, &what);
        refuses_root(f, &successor, NULL, SAL_E_UNTRUSTED, "/root", "not signed by the keys of root version 2");
}

static void an_expired_root_is_refused(void **state) {
        struct fixture *f = *state;
        struct root what = {.version = 2,
                            .expires_ms = now_ms,
                            .root_key = ROOT_A,
                            .targets_key = TARGETS_A,
                            .signers = {ROOT_A},
                            .signer_count = 1};
        autotext struct sal_trust_text root = make_root(f, &what);
        refuses_root(f, &root, NULL, SAL_E_REFUSED, AT_ROOT "/signed/expires", "expired");
}

static void what_is_no_root_is_refused(void **state) {
        struct fixture *f = *state;
        autopair struct pair pair = make_pair(f, 2, TARGETS_A, "old-one");
        static char nul[] = "{\0}", longer[SAL_TUF_MAX_BYTES + 1];
        memset(longer, ' ', sizeof longer);
        const struct sal_trust_text empty = {.bytes = nul, .len = 0}, with_nul = {.bytes = nul, .len = 3},
                                    text = {.bytes = (char *)"hello", .len = 5},
                                    too_long = {.bytes = longer, .len = sizeof longer};
        refuses_root(f, &empty, NULL, SAL_E_MALFORMED, "/root", "no JSON");
        refuses_root(f, &with_nul, NULL, SAL_E_MALFORMED, "/root", "no JSON");
        refuses_root(f, &text, NULL, SAL_E_MALFORMED, "/root", "");
        refuses_root(f, &too_long, NULL, SAL_E_TOO_LARGE, "/root", "524288");
        refuses_root(f, &pair.targets, NULL, SAL_E_INVALID, AT_ROOT "/signed/_type", "");
}

/* Files are served under names with versions, so a root that says otherwise would lead other clients astray. */
static void a_root_without_consistent_snapshots_is_refused(void **state) {
        struct fixture *f = *state;
        autotext struct sal_trust_text root = root_2(f, TARGETS_A);
        sal_autojson json_t *json = NULL;
        assert_ok(sal_json_parse(root.bytes, root.len, SAL_JSON_MAX_DEPTH, &json, NULL));
        json_object_set_new(json_object_get(json, "signed"), "consistent_snapshot", json_false());
        const struct sal_private_key *signers[] = {f->keys[ROOT_A], f->keys[ROOT_B]};
        sal_autobuf struct sal_buf again = SAL_BUF_INIT;
        assert_ok(sal_tuf_sign(json_object_get(json, "signed"), signers, 2, &again, NULL));
        const struct sal_trust_text text = {.bytes = again.data, .len = again.len};
        refuses_root(f, &text, NULL, SAL_E_INVALID, AT_ROOT "/signed/consistent_snapshot", "must be true");
}

/* Whoever takes the server over has this key. What is wrong already is no reason to keep a revocation out. */
static void an_online_key_is_no_offline_one(void **state) {
        struct fixture *f = *state;
        autotext struct sal_trust_text root = make_root(f, &(struct root){.version = 2,
                                                                          .expires_ms = later_ms,
                                                                          .root_key = ONLINE,
                                                                          .targets_key = TARGETS_A,
                                                                          .signers = {ROOT_A, ONLINE},
                                                                          .signer_count = 2});
        refuses_root(f, &root, NULL, SAL_E_INVALID, AT_ROOT "/signed/roles/root", "cannot be a key of root too");
        assert_ok(sal_trust_store_check_separation(f->store, NULL, NULL));
        struct sal_private_key *author = f->keys[AUTHOR];
        f->keys[AUTHOR] = f->keys[ONLINE];
        autopair struct pair bad = make_pair(f, 2, TARGETS_A, "one"), worse = make_pair(f, 3, TARGETS_A, "two");
        f->keys[AUTHOR] = author;
        refuses_targets(f, &bad.targets, &bad.policy, SAL_E_INVALID, "/policy/authors/0", "the author \"ann\" too");
        configure(f, &bad);
        assert_ok(load(f)); /* the configuration is warned of, not refused */
        struct sal_err err = {0};
        assert_int_equal(sal_trust_store_check_separation(f->store, NULL, &err), SAL_E_INVALID);
        assert_non_null(strstr(err.detail, "online (timestamp, snapshot, campaigns)"));
        refuses_root(f, &root, NULL, SAL_E_INVALID, AT_ROOT "/signed/roles/root", "cannot be a key of root too");
        take(f, takes_targets(f, &worse));
        autopair struct pair good = make_pair(f, 4, TARGETS_A, "three");
        take(f, takes_targets(f, &good));
        assert_ok(sal_trust_store_check_separation(f->store, NULL, NULL));
}

/* New targets keys: the targets in force are nobody's then, so new ones come with the root, or before it by both. */
static void targets_hold_under_the_new_root(void **state) {
        struct fixture *f = *state;
        autotext struct sal_trust_text root = root_2(f, TARGETS_B);
        refuses_root(f, &root, NULL, SAL_E_UNTRUSTED, AT_ROOT "/signed/roles/targets", "do not hold under its keys");
        autopair struct pair by_old = make_pair(f, 2, TARGETS_A, "bad-one"),
                             by_new = make_pair(f, 2, TARGETS_B, "bad-one"),
                             too_low = make_pair(f, 1, TARGETS_B, "bad-one");
        refuses_root(f, &root, &by_old, SAL_E_UNTRUSTED, "/targets", "1 different keys");
        refuses_root(f, &root, &too_low, SAL_E_CONFLICT, "/targets/signed/version", "a higher one and not 1");
        struct sal_trust_store *next = takes_root(f, &root, &by_new);
        assert_int_equal(next->root->version, 2);
        assert_int_equal(next->parsed->version, 2);
        assert_true(sal_policy_is_revoked(next->policy, "bad-one", 1));
        sal_trust_store_unref(next);
        /* The other way: targets signed by both, then the root alone. */
        autopair struct pair by_both = {.policy = make_policy(f, "bad-one")};
        by_both.targets = make_targets(f, 2, later_ms, &by_both.policy, TARGETS_A, TARGETS_B);
        take(f, takes_targets(f, &by_both));
        next = takes_root(f, &root, NULL);
        assert_int_equal(next->parsed->version, 2);
        sal_trust_store_unref(next);
}

static void targets_are_judged_as_a_client_would(void **state) {
        struct fixture *f = *state;
        autopair struct pair good = make_pair(f, 2, TARGETS_A, "bad-one"), other = make_pair(f, 2, TARGETS_A, "other"),
                             online = make_pair(f, 2, ONLINE, "x"), by_root = make_pair(f, 2, ROOT_A, "x"),
                             same = make_pair(f, 1, TARGETS_A, "bad-one");
        autotext struct sal_trust_text expired = make_targets(f, 2, now_ms, &good.policy, TARGETS_A, TARGETS_A);
        autotext struct sal_trust_text root = root_2(f, TARGETS_A);
        const struct sal_trust_text garbage = {.bytes = (char *)"[]", .len = 2};
        refuses_targets(f, &online.targets, &online.policy, SAL_E_UNTRUSTED, "/targets", "there are 0");
        refuses_targets(f, &by_root.targets, &by_root.policy, SAL_E_UNTRUSTED, "/targets", "there are 0");
        refuses_targets(f, &good.targets, &other.policy, SAL_E_UNTRUSTED, "/policy", "policy");
        refuses_targets(f, &good.targets, NULL, SAL_E_UNTRUSTED, "/policy", "policy");
        refuses_targets(f, &same.targets, &same.policy, SAL_E_CONFLICT, "/targets/signed/version", "not 1");
        refuses_targets(f, &expired, &good.policy, SAL_E_REFUSED, "/targets/signed/expires", "expired");
        refuses_targets(f, &root, &good.policy, SAL_E_INVALID, "/targets/signed/_type", "");
        refuses_targets(f, &garbage, &good.policy, SAL_E_INVALID, "/targets", "");
        refuses_targets(f, &good.targets, &garbage, SAL_E_UNTRUSTED, "/policy", "policy");
        struct sal_trust_store *next = takes_targets(f, &good);
        assert_int_equal(next->parsed->version, 2);
        assert_int_equal(next->root_count, 1);
        assert_true(sal_policy_is_revoked(next->policy, "bad-one", 1));
        assert_false(sal_policy_is_revoked(next->policy, "old-one", 1));
        sal_trust_store_unref(next);
}

/* A policy that targets lists and that is none: its authors signed it, and still it is refused whole. */
static void a_listed_policy_must_be_one(void **state) {
        struct fixture *f = *state;
        struct sal_trust_text policy = {.bytes = (char *)"{\"schema\":\"salvor.policy/1\",\"authors\":7}"};
        policy.len = strlen(policy.bytes);
        autotext struct sal_trust_text targets = make_targets(f, 2, later_ms, &policy, TARGETS_A, TARGETS_A);
        refuses_targets(f, &targets, &policy, SAL_E_INVALID, "/policy/authors", "policy: ");
}

static void targets_may_keep_their_policy(void **state) {
        struct fixture *f = *state;
        size_t len = 0;
        struct sal_trust_text policy = {.bytes = (char *)sal_policy_bytes(f->store->policy, &len)};
        policy.len = len;
        autotext struct sal_trust_text targets = make_targets(f, 2, later_ms, &policy, TARGETS_A, TARGETS_A);
        struct sal_trust_store *next = NULL;
        assert_ok(sal_trust_store_with_targets(f->store, &targets, NULL, now_ms, &next, &f->err));
        assert_string_equal(sal_policy_sha256(next->policy), sal_policy_sha256(f->store->policy));
        sal_trust_store_unref(next);
}

static void what_was_saved_is_there_again(void **state) {
        struct fixture *f = *state;
        autotext struct sal_trust_text root = root_2(f, TARGETS_B);
        autopair struct pair pair = make_pair(f, 5, TARGETS_B, "bad-one"), next = make_pair(f, 6, TARGETS_B, "third");
        take(f, takes_root(f, &root, &pair));
        take(f, takes_targets(f, &next));
        for (int again = 0; again < 2; again++) {
                if (load(f))
                        fail_msg("%s", f->err.detail);
                assert_int_equal(f->store->root_count, 2);
                assert_int_equal(f->store->roots[1].len, root.len);
                assert_memory_equal(f->store->roots[1].bytes, root.bytes, root.len);
                assert_int_equal(f->store->parsed->version, 6);
                assert_int_equal(f->store->targets.len, next.targets.len);
                assert_memory_equal(f->store->targets.bytes, next.targets.bytes, next.targets.len);
                assert_true(sal_policy_is_revoked(f->store->policy, "third", 1));
        }
}

/* An operator may put newer files beside the configuration; what was believed then outlives them. */
static void the_higher_version_of_file_and_ledger_wins(void **state) {
        struct fixture *f = *state;
        autopair struct pair two = make_pair(f, 2, TARGETS_A, "two"), three = make_pair(f, 3, TARGETS_A, "three"),
                             again = make_pair(f, 3, TARGETS_A, "again");
        take(f, takes_targets(f, &two));
        configure(f, &three);
        assert_ok(load(f));
        assert_true(sal_policy_is_revoked(f->store->policy, "three", 1));
        autotext struct sal_trust_text root = root_2(f, TARGETS_A);
        take(f, takes_root(f, &root, NULL));
        configure(f, &again); /* of the same version: the first one stays */
        assert_ok(load(f));
        assert_true(sal_policy_is_revoked(f->store->policy, "three", 1));
        configure(f, &two);
        assert_ok(load(f));
        assert_int_equal(f->store->root->version, 2);
        assert_true(sal_policy_is_revoked(f->store->policy, "three", 1));
}

static void fails(struct fixture *f, enum sal_status status, const char *words) {
        enum sal_status got = load(f);
        assert_null(f->store);
        if (got != status || f->err.status != status || !strstr(f->err.detail, words))
                fail_msg("%s: %s", sal_status_info(got)->name, f->err.detail);
}

static void a_damaged_ledger_is_named(void **state) {
        struct fixture *f = *state;
        autotext struct sal_trust_text root = root_2(f, TARGETS_A);
        autopair struct pair two = make_pair(f, 2, TARGETS_A, "two"), other = make_pair(f, 2, STRANGER, "two");
        take(f, takes_root(f, &root, &two));
        static const char *const names[] = {"trust.root.2", "trust.targets", "trust.policy"};
        const char *good[] = {root.bytes, two.targets.bytes, two.policy.bytes};
        for (size_t i = 0; i < SAL_ARRAY_LEN(names); i++) {
                put_setting(f, names[i], "{}");
                fails(f, SAL_E_CORRUPT, names[i]);
                sal_autofree char *flipped = strdup(good[i]);
                flipped[strlen(flipped) / 2] ^= 1;
                put_setting(f, names[i], flipped);
                fails(f, SAL_E_CORRUPT, names[i]);
                put_setting(f, names[i], good[i]);
                assert_ok(load(f));
        }
        put_setting(f, "trust.targets", other.targets.bytes);
        fails(f, SAL_E_CORRUPT, "trust.targets");
        put_setting(f, "trust.targets", two.targets.bytes);
        put_setting(f, "trust.roots", "3"); /* one that is not there */
        fails(f, SAL_E_CORRUPT, "trust.root.3");
        put_setting(f, "trust.roots", "many");
        fails(f, SAL_E_CORRUPT, "trust.roots");
        put_setting(f, "trust.roots", "1025");
        fails(f, SAL_E_CORRUPT, "trust.roots");
}

static void another_trust_domain_is_a_mistake_of_the_configuration(void **state) {
        struct fixture *f = *state;
        autopair struct pair two = make_pair(f, 2, TARGETS_A, "two");
        take(f, takes_targets(f, &two));
        put_setting(f, "trust.domain", "0000000000000000000000000000000000000000000000000000000000000000");
        fails(f, SAL_E_CONFIG, "trust domain");
        assert_non_null(strstr(f->err.hint, "1.root.json"));
}

static void bad_files_are_named(void **state) {
        struct fixture *f = *state;
        autopair struct pair foreign = make_pair(f, 1, STRANGER, "x"), other = make_pair(f, 1, TARGETS_A, "y");
        autotext struct sal_trust_text first = {.len = f->store->roots[0].len};
        first.bytes = strdup(f->store->roots[0].bytes);
        autotext struct sal_trust_text second = root_2(f, TARGETS_A);
        put_file(f, "policy.json", other.policy.bytes, other.policy.len);
        fails(f, SAL_E_CONFIG, "policy.json");
        configure(f, &foreign);
        fails(f, SAL_E_CONFIG, "targets.json");
        configure(f, &other);
        put_file(f, "1.root.json", second.bytes, second.len);
        fails(f, SAL_E_CONFIG, "has version 2");
        put_file(f, "1.root.json", "{}", 2);
        fails(f, SAL_E_CONFIG, "1.root.json");
        put_file(f, "1.root.json", first.bytes, first.len);
        assert_ok(load(f));
        char path[128];
        path_of(f, "targets.json", path);
        assert_int_equal(remove(path), 0);
        fails(f, SAL_E_CONFIG, "targets.json");
}

/* With newer trust in the ledger an old file is as good as ever; but one that no root knows is a mistake. */
static void a_foreign_file_is_told_even_when_the_ledger_is_newer(void **state) {
        struct fixture *f = *state;
        autotext struct sal_trust_text root = root_2(f, TARGETS_B);
        autopair struct pair two = make_pair(f, 2, TARGETS_B, "two"), foreign = make_pair(f, 1, STRANGER, "x");
        take(f, takes_root(f, &root, &two));
        assert_ok(load(f)); /* the configured one is signed by the keys of root 1 only */
        configure(f, &foreign);
        fails(f, SAL_E_CONFIG, "targets.json");
}

static void expired_files_are_taken_at_a_start(void **state) {
        struct fixture *f = *state;
        autopair struct pair old = {.policy = make_policy(f, "x")};
        old.targets = make_targets(f, 2, 1000, &old.policy, TARGETS_A, TARGETS_A);
        configure(f, &old);
        assert_ok(load(f));
        assert_int_equal(f->store->parsed->expires_ms, 1000);
}

static void collect_expiry(void *arg, const char *role, int64_t version, int64_t expires_ms) {
        struct sal_buf *buf = arg;
        sal_buf_printf(buf, "%s %lld %d;", role, (long long)version, expires_ms == later_ms);
}

static void expiries_are_told(void **state) {
        struct fixture *f = *state;
        sal_autobuf struct sal_buf buf = SAL_BUF_INIT;
        sal_trust_each_expiry(f->store, collect_expiry, &buf);
        assert_string_equal(buf.data, "root 1 1;targets 1 1;");
}

static void references_are_counted(void **state) {
        struct fixture *f = *state;
        sal_trust_store_unref(NULL);
        assert_null(sal_trust_store_ref(NULL));
        struct sal_trust_store *second = sal_trust_store_ref(f->store);
        sal_trust_store_unref(f->store);
        assert_int_equal(second->root->version, 1);
        f->store = second;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(the_configured_files_are_the_beginning),
                TEST(a_root_follows_by_both_thresholds),
                TEST(a_root_signed_by_one_side_only_is_refused),
                TEST(only_the_very_next_root_is_taken),
                TEST(a_fork_is_refused),
                TEST(an_expired_root_is_refused),
                TEST(what_is_no_root_is_refused),
                TEST(a_root_without_consistent_snapshots_is_refused),
                TEST(an_online_key_is_no_offline_one),
                TEST(targets_hold_under_the_new_root),
                TEST(targets_are_judged_as_a_client_would),
                TEST(a_listed_policy_must_be_one),
                TEST(targets_may_keep_their_policy),
                TEST(what_was_saved_is_there_again),
                TEST(the_higher_version_of_file_and_ledger_wins),
                TEST(a_damaged_ledger_is_named),
                TEST(another_trust_domain_is_a_mistake_of_the_configuration),
                TEST(bad_files_are_named),
                TEST(a_foreign_file_is_told_even_when_the_ledger_is_newer),
                TEST(expired_files_are_taken_at_a_start),
                TEST(expiries_are_told),
                TEST(references_are_counted),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
