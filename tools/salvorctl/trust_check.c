/* SPDX-License-Identifier: Apache-2.0 */
/* salvorctl trust check: root chain, targets and policy held against each other, as a client would. */
#include "base/clock.h"
#include "ceremony.h"
#include "out.h"
#include "trust/file.h"
#include "trust/separation.h"
#include "trust_words.h"

#include <string.h>

/* One file of the command line, what it is, and what was found about it. */
struct checked {
        const char *path;
        struct sal_paper paper;
        struct sal_policy *policy;
        bool pinned; /* of --root: believed */
        json_t *problems;
        json_t *notes;
        json_t *signatures;
};

struct checking {
        struct checked files[SAL_CTL_MAX_ARGS + 1];
        size_t count;
};

static void checking_done(struct checking *all) {
        for (size_t i = 0; i < all->count; i++) {
                sal_paper_done(&all->files[i].paper);
                sal_policy_unref(all->files[i].policy);
                json_decref(all->files[i].problems);
                json_decref(all->files[i].notes);
                json_decref(all->files[i].signatures);
        }
}

static void add_text(json_t *list, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add_text(json_t *list, const char *format, ...) {
        char text[SAL_ERR_DETAIL_BYTES];
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof text, format, args);
        va_end(args);
        json_array_append_new(list, json_string(text));
}

static const struct sal_tuf_root *root_of(const struct checked *file) {
        return file->paper.draft ? file->paper.draft->root : NULL;
}

static const struct sal_tuf_targets *targets_of(const struct checked *file) {
        return file->paper.draft ? file->paper.draft->targets : NULL;
}

/* ---- reading ---- */

static enum sal_status read_one(struct checking *all, const char *path, bool pinned, struct sal_err *reterr) {
        struct checked *file = &all->files[all->count++];
        *file = (struct checked){.path = path,
                                 .pinned = pinned,
                                 .problems = json_array(),
                                 .notes = json_array(),
                                 .signatures = json_array()};
        if (!file->problems || !file->notes || !file->signatures)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory to check a file");
        if (pinned)
                return sal_paper_read_root(path, &file->paper, reterr);
        sal_autofree char *bytes = NULL;
        size_t len = 0;
        sal_autojson json_t *json = NULL;
        enum sal_status status = sal_file_read(path, SAL_TUF_MAX_BYTES, &bytes, &len, reterr);
        if (status)
                return status;
        struct sal_err why = {0};
        if (!sal_json_parse(bytes, len, SAL_JSON_MAX_DEPTH, &json, NULL) && !json_object_get(json, "signed") &&
            json_object_get(json, "schema"))
                status = sal_policy_read(path, &file->policy, &why);
        else
                status = sal_paper_read(path, &file->paper, &why);
        if (status == SAL_E_NOMEM)
                return sal_fail(reterr, status, "no memory to check a file");
        if (status)
                add_text(file->problems, "%s%s%s", why.detail, *why.pointer ? " at " : "", why.pointer);
        return SAL_OK;
}

static int by_kind_and_version(const void *a, const void *b) {
        const struct checked *x = a, *y = b;
        int rank_x = root_of(x) ? 0 : targets_of(x) ? 1 : 2, rank_y = root_of(y) ? 0 : targets_of(y) ? 1 : 2;
        if (rank_x != rank_y)
                return rank_x - rank_y;
        if (rank_x == 2)
                return 0;
        if (x->paper.draft->version != y->paper.draft->version)
                return x->paper.draft->version < y->paper.draft->version ? -1 : 1;
        return y->pinned - x->pinned;
}

/* ---- judging ---- */

static json_t *key_ids(const struct sal_tally_of_role *tally, bool signed_ones) {
        json_t *list = json_array();
        for (size_t i = 0; i < tally->role->key_count; i++)
                if (sal_key_set_has(&tally->have, tally->role->keys[i]) == signed_ones)
                        json_array_append_new(list, json_string(sal_public_key_id(tally->role->keys[i])));
        return list;
}

static enum sal_status judge_signatures(struct checked *file, const char *by, const struct sal_tuf_role *role,
                                        struct sal_err *reterr) {
        struct sal_tally_of_role tally = {.name = by, .role = role};
        enum sal_status status = sal_words_count(file->paper.draft, &tally, reterr);
        if (status)
                return status;
        size_t have = tally.have.count, needed = (size_t)role->threshold;
        json_array_append_new(file->signatures, json_pack("{s:s, s:I, s:I, s:o, s:o}", "by", by, "have",
                                                          (json_int_t)have, "needed", (json_int_t)needed, "signed",
                                                          key_ids(&tally, true), "may_sign", key_ids(&tally, false)));
        if (have < needed)
                add_text(file->problems, "%zu more signature%s needed by %s", needed - have,
                         needed - have == 1 ? " is" : "s are", by);
        sal_key_set_done(&tally.have);
        return SAL_OK;
}

static void judge_expiry(struct checked *file, bool in_force) {
        int64_t days = sal_words_days_left(file->paper.draft->expires_ms);
        if (!in_force)
                return; /* a root that has a successor may be as old as it likes */
        if (days < 0)
                add_text(file->problems, "it has expired");
        else if (days <= SAL_WORDS_WARNING_DAYS)
                add_text(file->notes, "it expires in %lld days: have the next version signed", (long long)days);
}

static enum sal_status judge_roots(struct checking *all, const struct checked **ret_newest, struct sal_err *reterr) {
        const struct checked *before = NULL;
        for (size_t i = 0; i < all->count && root_of(&all->files[i]); i++) {
                struct checked *file = &all->files[i];
                const struct sal_tuf_root *root = root_of(file);
                const struct checked *next = i + 1 < all->count ? &all->files[i + 1] : NULL;
                bool newest = !next || !root_of(next);
                if (before && root->version == root_of(before)->version) {
                        if (strcmp(root->sha256, root_of(before)->sha256) != 0)
                                add_text(file->problems, "%.200s has the same version and other content", before->path);
                        *ret_newest = before;
                        continue;
                }
                enum sal_status status = judge_signatures(file, before ? "the new root's keys" : "the root's keys",
                                                          &root->roles[SAL_TUF_ROOT], reterr);
                if (!status && before)
                        status = judge_signatures(file, "the root's keys before", &root_of(before)->roles[SAL_TUF_ROOT],
                                                  reterr);
                if (status)
                        return status;
                if (before && root->version != root_of(before)->version + 1)
                        add_text(file->problems, "version %lld is missing between it and the root before",
                                 (long long)root_of(before)->version + 1);
                if (!before && root->version == 1)
                        add_text(file->notes, "the trust domain is %s", root->sha256);
                else if (!before && !file->pinned)
                        add_text(file->notes, "taken as the beginning: name the pinned 1.root.json and all after it");
                judge_expiry(file, newest);
                before = file;
                *ret_newest = file;
        }
        return SAL_OK;
}

static enum sal_status judge_targets(struct checking *all, const struct checked *root, struct sal_err *reterr) {
        for (size_t i = 0; i < all->count; i++) {
                struct checked *file = &all->files[i];
                if (!targets_of(file))
                        continue;
                if (!root) {
                        add_text(file->problems, "no root here says whose signatures count: name it with --root");
                        continue;
                }
                enum sal_status status =
                        judge_signatures(file, "the targets keys", &root_of(root)->roles[SAL_TUF_TARGETS], reterr);
                if (status)
                        return status;
                judge_expiry(file, true);
        }
        return SAL_OK;
}

static void judge_policies(struct checking *all) {
        for (size_t p = 0; p < all->count; p++) {
                struct checked *file = &all->files[p];
                bool any = false, named = false;
                for (size_t i = 0; i < all->count && file->policy; i++) {
                        const struct sal_tuf_targets *targets = targets_of(&all->files[i]);
                        any = any || targets;
                        named = named ||
                                (targets && strcmp(targets->policy.sha256, sal_policy_sha256(file->policy)) == 0);
                }
                if (any && !named)
                        add_text(file->problems, "no targets file here names it: its SHA-256 is %s",
                                 sal_policy_sha256(file->policy));
                else if (file->policy && !any)
                        add_text(file->notes, "no targets file was given with it");
        }
}

static void judge_keys(struct checked *file, const struct sal_tuf_said *now, const struct sal_tuf_said *before) {
        struct sal_err why = {0};
        if (sal_tuf_check_separation(now, before, &why))
                add_text(file->problems, "%s", why.detail);
}

/* Keys that are online and offline at once: said of the file that brings it about. */
static void judge_policy_keys(struct checking *all, struct checked *file, const struct sal_tuf_root *root) {
        bool any = false;
        for (size_t i = 0; i < all->count; i++) {
                struct sal_tuf_said said = {.root = root, .targets = targets_of(&all->files[i])};
                struct sal_tuf_said with = said;
                with.policy = file->policy;
                if (said.targets)
                        judge_keys(file, &with, &said);
                any = any || said.targets;
        }
        const struct sal_tuf_said alone = {.root = root, .policy = file->policy};
        if (!any)
                judge_keys(file, &alone, &(struct sal_tuf_said){.root = root});
}

static void judge_separation(struct checking *all, const struct checked *newest) {
        const struct sal_tuf_said root = {.root = newest ? root_of(newest) : NULL};
        for (size_t i = 0; i < all->count; i++) {
                struct checked *file = &all->files[i];
                const struct sal_tuf_said targets = {.root = root.root, .targets = targets_of(file)};
                if (file == newest)
                        judge_keys(file, &root, NULL);
                if (targets.targets)
                        judge_keys(file, &targets, &root);
                if (file->policy)
                        judge_policy_keys(all, file, root.root);
        }
}

/* ---- telling ---- */

static json_t *file_json(const struct checked *file) {
        const struct sal_tuf_draft *draft = file->paper.draft;
        bool ok = json_array_size(file->problems) == 0;
        const char *type = root_of(file) ? "root" : targets_of(file) ? "targets" : file->policy ? "policy" : "unknown";
        json_t *json = json_pack("{s:s, s:s, s:b, s:O, s:O, s:O}", "file", file->path, "type", type, "ok", ok,
                                 "problems", file->problems, "notes", file->notes, "signatures", file->signatures);
        if (!json || !draft)
                return json;
        char expires[SAL_TIME_BYTES];
        sal_time_format(draft->expires_ms, expires);
        json_object_set_new(json, "version", json_integer((json_int_t)draft->version));
        json_object_set_new(json, "expires", json_string(expires));
        json_object_set_new(json, "days_left", json_integer((json_int_t)sal_words_days_left(draft->expires_ms)));
        return json;
}

static void print_texts(const char *label, const json_t *list) {
        size_t i;
        json_t *text;
        json_array_foreach (list, i, text)
                sal_out_line(stdout, "  ", label, json_string_value(text), NULL);
}

static void print_missing(const json_t *signatures) {
        size_t i, k;
        json_t *role, *id;
        json_array_foreach (signatures, i, role) {
                printf("  signed   %lld of %lld by %s\n", (long long)sal_number(role, "have"),
                       (long long)sal_number(role, "needed"), sal_text(role, "by"));
                json_array_foreach (json_object_get(role, "signed"), k, id)
                        printf("           * %s\n", json_string_value(id));
                if (sal_number(role, "have") < sal_number(role, "needed"))
                        json_array_foreach (json_object_get(role, "may_sign"), k, id)
                                printf("             %s  may sign\n", json_string_value(id));
        }
}

static void print_file(const json_t *json) {
        bool ok = json_is_true(json_object_get(json, "ok"));
        printf("%-7s", ok ? "OK" : "NOT OK");
        sal_safe_print(stdout, sal_text(json, "file"));
        printf(": %s", sal_text(json, "type"));
        if (json_object_get(json, "version"))
                printf(" version %lld, until %s, %lld days left", (long long)sal_number(json, "version"),
                       sal_text(json, "expires"), (long long)sal_number(json, "days_left"));
        putchar('\n');
        print_texts("problem  ", json_object_get(json, "problems"));
        print_missing(json_object_get(json, "signatures"));
        print_texts("note     ", json_object_get(json, "notes"));
}

static enum sal_status tell(struct sal_ctl *ctl, const struct checking *all, struct sal_err *reterr) {
        sal_autojson json_t *files = json_array();
        bool ok = true;
        for (size_t i = 0; i < all->count; i++) {
                ok = ok && json_array_size(all->files[i].problems) == 0;
                if (json_array_append_new(files, file_json(&all->files[i])))
                        return sal_fail(reterr, SAL_E_NOMEM, "no memory to tell what was found");
        }
        ctl->exit_code = ok ? SAL_EXIT_DONE : SAL_EXIT_FAILED;
        if (ctl->json) {
                sal_autojson json_t *document = json_pack("{s:b, s:O}", "ok", ok, "files", files);
                sal_out_json(document);
                return SAL_OK;
        }
        size_t i;
        json_t *file;
        json_array_foreach (files, i, file)
                print_file(file);
        puts(ok ? "all of it holds together" : "not all of it holds together");
        return SAL_OK;
}

enum sal_status sal_ctl_trust_check(struct sal_ctl *ctl, struct sal_err *reterr) {
        struct checking all = {0};
        const struct checked *newest = NULL;
        enum sal_status status = SAL_OK;
        if (sal_ctl_has(ctl, SAL_OPT_ROOT))
                status = read_one(&all, ctl->options[SAL_OPT_ROOT], true, reterr);
        for (size_t i = 0; i < ctl->arg_count && !status; i++)
                status = read_one(&all, ctl->args[i], false, reterr);
        if (!status) {
                qsort(all.files, all.count, sizeof *all.files, by_kind_and_version);
                status = judge_roots(&all, &newest, reterr);
        }
        if (!status)
                status = judge_targets(&all, newest, reterr);
        if (!status) {
                judge_policies(&all);
                judge_separation(&all, newest);
        }
        if (!status)
                status = tell(ctl, &all, reterr);
        checking_done(&all);
        return status;
}
