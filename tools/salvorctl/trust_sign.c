/* SPDX-License-Identifier: Apache-2.0 */
/* salvorctl trust sign: shows what a root or targets file says and changes, then adds one signature. */
#include "ceremony.h"
#include "out.h"
#include "put.h"
#include "signing_key.h"
#include "trust/separation.h"
#include "trust_words.h"

#include <string.h>

enum { ROLES_MAX = 2 };

/* A file to sign, and all that it is held against. */
struct signing {
        const char *path;
        struct sal_paper paper;
        struct sal_paper before; /* --from */
        struct sal_paper root;   /* --root */
        struct sal_policy *policy;
        struct sal_tally_of_role tallies[ROLES_MAX]; /* of the roles whose keys count */
        size_t count;
};

static void signing_done(struct signing *signing) {
        for (size_t i = 0; i < signing->count; i++)
                sal_key_set_done(&signing->tallies[i].have);
        sal_paper_done(&signing->paper);
        sal_paper_done(&signing->before);
        sal_paper_done(&signing->root);
        sal_policy_unref(signing->policy);
}

static enum sal_status count_role(struct signing *signing, const char *name, const struct sal_tuf_role *role,
                                  struct sal_err *reterr) {
        struct sal_tally_of_role *tally = &signing->tallies[signing->count++];
        *tally = (struct sal_tally_of_role){.name = name, .role = role};
        return sal_words_count(signing->paper.draft, tally, reterr);
}

static enum sal_status read_before(struct sal_ctl *ctl, struct signing *signing, struct sal_err *reterr) {
        const char *from = ctl->options[SAL_OPT_FROM];
        const struct sal_tuf_draft *draft = signing->paper.draft;
        if (!from)
                return SAL_OK;
        enum sal_status status = draft->root ? sal_paper_read_root(from, &signing->before, reterr)
                                             : sal_paper_read_targets(from, &signing->before, reterr);
        if (status)
                return status;
        int64_t old = signing->before.draft->version;
        if (draft->root && draft->version != old + 1)
                return sal_fail(reterr, SAL_E_REFUSED,
                                "%.200s has version %lld; the root after version %lld must have %lld", signing->path,
                                (long long)draft->version, (long long)old, (long long)old + 1);
        if (draft->targets && draft->version <= old)
                return sal_fail(reterr, SAL_E_REFUSED, "%.200s has version %lld, not above that of %.200s, %lld",
                                signing->path, (long long)draft->version, from, (long long)old);
        return SAL_OK;
}

static enum sal_status read_policy(struct sal_ctl *ctl, struct signing *signing, struct sal_err *reterr) {
        const char *path = ctl->options[SAL_OPT_POLICY];
        if (!path)
                return SAL_OK;
        if (!signing->paper.draft->targets)
                return sal_fail(reterr, SAL_E_USAGE, "--policy goes with a targets file");
        enum sal_status status = sal_policy_read(path, &signing->policy, reterr);
        if (!status && strcmp(sal_policy_sha256(signing->policy), signing->paper.draft->targets->policy.sha256) != 0)
                status = sal_fail(reterr, SAL_E_REFUSED, "%.200s is not the policy that %.200s names", path,
                                  signing->path);
        return status;
}

static enum sal_status open_all(struct sal_ctl *ctl, struct signing *signing, struct sal_err *reterr) {
        signing->path = ctl->args[0];
        enum sal_status status = sal_paper_read(signing->path, &signing->paper, reterr);
        if (!status)
                status = read_before(ctl, signing, reterr);
        if (!status)
                status = read_policy(ctl, signing, reterr);
        if (status)
                return status;
        const struct sal_tuf_root *root = signing->paper.draft->root;
        if (root) {
                if (sal_ctl_has(ctl, SAL_OPT_ROOT))
                        return sal_fail(reterr, SAL_E_USAGE, "--root goes with a targets file; a root has --from");
                status = count_role(signing, "the new root's keys", &root->roles[SAL_TUF_ROOT], reterr);
                if (!status && signing->before.draft)
                        status = count_role(signing, "the root's keys before",
                                            &signing->before.draft->root->roles[SAL_TUF_ROOT], reterr);
                return status;
        }
        if (!sal_ctl_has(ctl, SAL_OPT_ROOT)) {
                sal_fail(reterr, SAL_E_USAGE,
                         "a targets file needs --root N.root.json: it says whose signatures count");
                return SAL_E_USAGE;
        }
        status = sal_paper_read_root(ctl->options[SAL_OPT_ROOT], &signing->root, reterr);
        return status ? status
                      : count_role(signing, "the targets keys", &signing->root.draft->root->roles[SAL_TUF_TARGETS],
                                   reterr);
}

/* Faults that the file before has too are no reason not to sign the one that mends others. */
static enum sal_status check_separation(const struct signing *signing, struct sal_err *reterr) {
        const struct sal_tuf_draft *draft = signing->paper.draft, *before = signing->before.draft;
        const struct sal_tuf_root *root = signing->root.draft ? signing->root.draft->root : NULL;
        const struct sal_tuf_said now = {draft->root ? draft->root : root, draft->targets, signing->policy};
        const struct sal_tuf_said then = {before && before->root ? before->root : root, before ? before->targets : NULL,
                                          NULL};
        return sal_tuf_check_separation(&now, &then, reterr);
}

static void show(const struct signing *signing) {
        const struct sal_tuf_draft *draft = signing->paper.draft;
        sal_words_draft(stderr, draft, signing->before.draft);
        if (signing->policy)
                sal_words_policy(stderr, signing->policy);
        for (size_t i = 0; i < signing->count; i++)
                sal_words_tally(stderr, &signing->tallies[i]);
        if (draft->root && draft->version > 1 && !signing->before.draft)
                fprintf(stderr,
                        "notice: what it changes can be told with --from %lld.root.json, whose keys have to "
                        "sign too\n",
                        (long long)draft->version - 1);
}

/* The key as the role has it whose threshold it still adds to: it must be one whose signature counts, and not have
 * signed. Borrowed from the role. */
static enum sal_status find_key(const struct signing *signing, const struct sal_public_key *key,
                                const struct sal_public_key **ret, struct sal_err *reterr) {
        bool listed = false;
        for (size_t i = 0; i < signing->count; i++) {
                const struct sal_tally_of_role *tally = &signing->tallies[i];
                for (size_t k = 0; k < tally->role->key_count; k++) {
                        if (!sal_public_key_equal(tally->role->keys[k], key))
                                continue;
                        listed = true;
                        *ret = tally->role->keys[k];
                        if (!sal_key_set_has(&tally->have, key))
                                return SAL_OK;
                }
        }
        if (listed)
                return sal_fail(reterr, SAL_E_CONFLICT, "the key %s has signed this file already",
                                sal_public_key_id(*ret));
        sal_fail(reterr, SAL_E_FORBIDDEN, "the key %s is none of those whose signatures count for %.200s",
                 sal_public_key_id(key), signing->path);
        if (signing->paper.draft->root && !signing->before.draft)
                sal_err_hint(reterr, "a key of the root before: name that file with --from");
        return SAL_E_FORBIDDEN;
}

static enum sal_status add_signature(struct sal_ctl *ctl, struct signing *signing, struct sal_paper *ret,
                                     char ret_keyid[static SAL_KEYID_BYTES], struct sal_err *reterr) {
        sal_auto(sal_private_key) struct sal_private_key *key = NULL;
        const struct sal_public_key *as = NULL;
        sal_autobuf struct sal_buf file = SAL_BUF_INIT;
        enum sal_status status = sal_ctl_signing_key(ctl, ctl->options[SAL_OPT_KEY], NULL, &key, reterr);
        if (!status)
                status = find_key(signing, sal_private_key_public(key), &as, reterr);
        if (!status)
                status = sal_tuf_draft_sign_as(signing->paper.draft, key, as, &file, reterr);
        if (!status)
                status = sal_put_over(signing->path, file.data, file.len, reterr);
        if (!status)
                status = sal_paper_read(signing->path, ret, reterr);
        if (!status)
                snprintf(ret_keyid, SAL_KEYID_BYTES, "%s", sal_public_key_id(as));
        return status;
}

static enum sal_status report(const struct sal_ctl *ctl, struct signing *signing, const struct sal_paper *paper,
                              const char *keyid, struct sal_err *reterr) {
        size_t missing = 0;
        for (size_t i = 0; i < signing->count; i++) {
                struct sal_tally_of_role *tally = &signing->tallies[i];
                enum sal_status status = sal_words_count(paper->draft, tally, reterr);
                if (status)
                        return status;
                size_t lacks = sal_words_enough(tally) ? 0 : (size_t)tally->role->threshold - tally->have.count;
                missing = lacks > missing ? lacks : missing;
        }
        if (ctl->json) {
                sal_autojson json_t *document = json_pack("{s:s, s:s, s:I}", "file", signing->path, "keyid", keyid,
                                                          "missing", (json_int_t)missing);
                sal_out_json(document);
                return SAL_OK;
        }
        sal_out_line(stdout, "signed ", signing->path, " with the key ", keyid, NULL);
        for (size_t i = 0; i < signing->count; i++)
                sal_words_tally(stdout, &signing->tallies[i]);
        return SAL_OK;
}

enum sal_status sal_ctl_trust_sign(struct sal_ctl *ctl, struct sal_err *reterr) {
        struct signing signing = {0};
        sal_autopaper struct sal_paper after = {0};
        char keyid[SAL_KEYID_BYTES];
        enum sal_status status = open_all(ctl, &signing, reterr);
        if (!status)
                status = check_separation(&signing, reterr);
        if (!status) {
                show(&signing);
                status = sal_ctl_ask_yes(ctl, "Sign this?", true, reterr);
        }
        if (!status)
                status = add_signature(ctl, &signing, &after, keyid, reterr);
        if (!status)
                status = report(ctl, &signing, &after, keyid, reterr);
        signing_done(&signing);
        return status;
}
