/* SPDX-License-Identifier: Apache-2.0 */
#include "trust_words.h"

#include "base/clock.h"
#include "client/safe.h"
#include "trust/file.h"

#include <inttypes.h>
#include <string.h>

static const int64_t day_ms = INT64_C(86400000);

/* ---- reading ---- */

void sal_paper_done(struct sal_paper *paper) {
        sal_tuf_draft_free(paper->draft);
        free(paper->bytes);
        *paper = (struct sal_paper){0};
}

/* Puts the file's name in front of what is wrong with it. */
static enum sal_status blame(const char *path, enum sal_status status, const struct sal_err *why,
                             struct sal_err *reterr) {
        sal_fail_at(reterr, status, why->pointer, "%.200s: %.300s", path, why->detail);
        if (*why->hint)
                sal_err_hint(reterr, "%s", why->hint);
        return status;
}

enum sal_status sal_paper_read(const char *path, struct sal_paper *ret, struct sal_err *reterr) {
        sal_autopaper struct sal_paper paper = {0};
        struct sal_err why = {0};
        enum sal_status status = sal_file_read(path, SAL_TUF_MAX_BYTES, &paper.bytes, &paper.len, reterr);
        if (status)
                return status;
        status = sal_tuf_draft_read(paper.bytes, paper.len, &paper.draft, &why);
        if (status)
                return blame(path, status, &why, reterr);
        *ret = paper;
        paper = (struct sal_paper){0};
        return SAL_OK;
}

enum sal_status sal_paper_read_root(const char *path, struct sal_paper *ret, struct sal_err *reterr) {
        sal_autopaper struct sal_paper paper = {0};
        enum sal_status status = sal_paper_read(path, &paper, reterr);
        if (!status && !paper.draft->root)
                status = sal_fail(reterr, SAL_E_INVALID, "%.300s is a targets file, not a root", path);
        if (status)
                return status;
        struct sal_err why = {0};
        status = sal_tuf_document_verify(paper.draft->document, &paper.draft->root->roles[SAL_TUF_ROOT], &why);
        if (status) {
                sal_err_hint(&why, "have it signed first: salvorctl trust sign %.100s --key KEY", path);
                return blame(path, status, &why, reterr);
        }
        *ret = paper;
        paper = (struct sal_paper){0};
        return SAL_OK;
}

enum sal_status sal_paper_read_targets(const char *path, struct sal_paper *ret, struct sal_err *reterr) {
        sal_autopaper struct sal_paper paper = {0};
        enum sal_status status = sal_paper_read(path, &paper, reterr);
        if (!status && !paper.draft->targets)
                status = sal_fail(reterr, SAL_E_INVALID, "%.300s is a root, not a targets file", path);
        if (status)
                return status;
        *ret = paper;
        paper = (struct sal_paper){0};
        return SAL_OK;
}

enum sal_status sal_policy_read(const char *path, struct sal_policy **ret, struct sal_err *reterr) {
        sal_autofree char *bytes = NULL;
        size_t len = 0;
        struct sal_err why = {0};
        enum sal_status status = sal_file_read(path, SAL_POLICY_MAX_BYTES, &bytes, &len, reterr);
        if (status)
                return status;
        status = sal_policy_parse(bytes, len, ret, &why);
        return status ? blame(path, status, &why, reterr) : SAL_OK;
}

/* ---- time ---- */

int64_t sal_words_days_left(int64_t expires_ms) {
        int64_t left = expires_ms - sal_clock_wall_ms();
        return left >= 0 ? left / day_ms : -((day_ms - 1 - left) / day_ms);
}

void sal_words_expiry(FILE *stream, int64_t expires_ms) {
        char text[SAL_TIME_BYTES];
        int64_t days = sal_words_days_left(expires_ms);
        sal_time_format(expires_ms, text);
        if (days < 0)
                fprintf(stream, "%s: EXPIRED %" PRId64 " day%s ago", text, -days, days == -1 ? "" : "s");
        else
                fprintf(stream, "%s, %" PRId64 " day%s left", text, days, days == 1 ? "" : "s");
}

/* ---- what a file says ---- */

static bool role_has(const struct sal_tuf_role *role, const struct sal_public_key *key) {
        for (size_t i = 0; i < role->key_count; i++)
                if (sal_public_key_equal(role->keys[i], key))
                        return true;
        return false;
}

static void print_key(FILE *stream, char mark, const struct sal_public_key *key, const char *what) {
        fprintf(stream, "           %c %s %s%s\n", mark, sal_public_key_id(key), sal_public_key_keytype(key), what);
}

static void print_role(FILE *stream, const char *name, const struct sal_tuf_role *role,
                       const struct sal_tuf_role *before) {
        fprintf(stream, "%-9s  %d of %zu key%s must sign", name, role->threshold, role->key_count,
                role->key_count == 1 ? "" : "s");
        if (before && (before->threshold != role->threshold || before->key_count != role->key_count))
                fprintf(stream, " (before: %d of %zu)", before->threshold, before->key_count);
        fputc('\n', stream);
        for (size_t i = 0; i < role->key_count; i++) {
                bool added = before && !role_has(before, role->keys[i]);
                print_key(stream, added ? '+' : ' ', role->keys[i], added ? "  ADDED" : "");
        }
        for (size_t i = 0; before && i < before->key_count; i++)
                if (!role_has(role, before->keys[i]))
                        print_key(stream, '-', before->keys[i], "  DROPPED");
}

static void print_root(FILE *stream, const struct sal_tuf_draft *draft, const struct sal_tuf_draft *before) {
        static const enum sal_tuf_role_name order[] = {SAL_TUF_ROOT, SAL_TUF_TARGETS, SAL_TUF_SNAPSHOT,
                                                       SAL_TUF_TIMESTAMP};
        for (size_t i = 0; i < SAL_ARRAY_LEN(order); i++)
                print_role(stream, sal_tuf_role_text(order[i]), &draft->root->roles[order[i]],
                           before ? &before->root->roles[order[i]] : NULL);
}

static void print_targets(FILE *stream, const struct sal_tuf_draft *draft, const struct sal_tuf_draft *before) {
        const struct sal_tuf_target *policy = &draft->targets->policy;
        const struct sal_tuf_target *old = before ? &before->targets->policy : NULL;
        fprintf(stream, "policy     %s, %" PRId64 " bytes%s\n", policy->sha256, policy->length,
                !old                                       ? ""
                : strcmp(old->sha256, policy->sha256) == 0 ? ", unchanged"
                                                           : "  CHANGED");
        print_role(stream, "campaigns", &draft->targets->campaigns, before ? &before->targets->campaigns : NULL);
}

void sal_words_draft(FILE *stream, const struct sal_tuf_draft *draft, const struct sal_tuf_draft *before) {
        fprintf(stream, "%-9s  version %" PRId64, draft->root ? "root" : "targets", draft->version);
        if (before)
                fprintf(stream, " (before: %" PRId64 ")", before->version);
        fputs("\nexpires    ", stream);
        sal_words_expiry(stream, draft->expires_ms);
        fputc('\n', stream);
        if (draft->root)
                print_root(stream, draft, before);
        else
                print_targets(stream, draft, before);
}

/* ---- the policy ---- */

static void print_list(FILE *stream, char *const *texts, size_t count) {
        for (size_t i = 0; i < count; i++) {
                fputs(i ? ", " : "", stream);
                sal_safe_print(stream, texts[i]);
        }
}

static void print_class(FILE *stream, const struct sal_policy *policy, const struct sal_policy_class *class) {
        fputs("class      ", stream);
        sal_safe_print(stream, class->name);
        fprintf(stream, ": %d of ", class->threshold);
        for (size_t i = 0; i < class->author_count; i++) {
                fputs(i ? ", " : "", stream);
                sal_safe_print(stream, sal_policy_author(policy, class->authors[i]).name);
        }
        fputs(" may ", stream);
        print_list(stream, class->kinds, class->kind_count);
        if (class->path_count) {
                fputs(" in ", stream);
                print_list(stream, class->paths, class->path_count);
        }
        if (class->approvals)
                fprintf(stream, "; approvals of %d operators", class->approvals);
        fputc('\n', stream);
}

void sal_words_policy(FILE *stream, const struct sal_policy *policy) {
        for (size_t i = 0; i < sal_policy_author_count(policy); i++) {
                struct sal_policy_author author = sal_policy_author(policy, i);
                fputs("author     ", stream);
                sal_safe_print(stream, author.name);
                fprintf(stream, " %s %s\n", sal_public_key_id(author.key), sal_public_key_keytype(author.key));
        }
        for (size_t i = 0; i < sal_policy_class_count(policy); i++)
                print_class(stream, policy, sal_policy_class(policy, i));
        size_t count = 0;
        const struct sal_policy_revocation *revoked = sal_policy_revocations(policy, &count);
        fputs(count ? "revoked   " : "revoked    none", stream);
        for (size_t i = 0; i < count; i++) {
                fputc(' ', stream);
                sal_safe_print(stream, revoked[i].id);
                if (revoked[i].version)
                        fprintf(stream, "@%" PRId64, revoked[i].version);
        }
        fputc('\n', stream);
}

/* ---- signatures ---- */

enum sal_status sal_words_count(const struct sal_tuf_draft *draft, struct sal_tally_of_role *tally,
                                struct sal_err *reterr) {
        return sal_tuf_document_signers(draft->document, tally->role, &tally->have)
                       ? sal_fail(reterr, SAL_E_NOMEM, "no memory to count signatures")
                       : SAL_OK;
}

bool sal_words_enough(const struct sal_tally_of_role *tally) {
        return tally->have.count >= (size_t)tally->role->threshold;
}

void sal_words_tally(FILE *stream, const struct sal_tally_of_role *tally) {
        fprintf(stream, "signed     %zu of %d by %s", tally->have.count, tally->role->threshold, tally->name);
        if (sal_words_enough(tally))
                fputs(": enough\n", stream);
        else
                fprintf(stream, ": %zu more needed\n", (size_t)tally->role->threshold - tally->have.count);
        for (size_t i = 0; i < tally->role->key_count; i++) {
                bool there = sal_key_set_has(&tally->have, tally->role->keys[i]);
                if (there || !sal_words_enough(tally))
                        print_key(stream, there ? '*' : ' ', tally->role->keys[i], there ? "  signed" : "  may sign");
        }
}
