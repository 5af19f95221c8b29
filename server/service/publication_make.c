/* SPDX-License-Identifier: Apache-2.0 */
#include "service/publication_internal.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What one attempt works with. */
struct round {
        struct sal_publication *publication;
        struct sal_trust_store *trust;
        struct sal_snapshot *snapshot;
        size_t count; /* launches that are in force */
        const struct sal_launch *launches[SAL_TUF_MAX_CAMPAIGNS];
};

static const int64_t day_ms = INT64_C(86400000);

static enum sal_status no_memory(struct sal_err *reterr) {
        return sal_fail(reterr, SAL_E_NOMEM, "no memory to publish");
}

void sal_publication_tell(const struct sal_publication *publication, const char *event, const char *remedy,
                          const char *format, ...) {
        char what[SAL_ERR_DETAIL_BYTES];
        va_list args;
        if (!publication->tell)
                return;
        va_start(args, format);
        vsnprintf(what, sizeof what, format, args);
        va_end(args);
        publication->tell(publication->tell_arg, event, what, remedy);
}

/* ---- the signer ---- */

enum sal_status sal_publication_sign_on(struct sal_publication *publication, struct sal_err *reterr) {
        if (publication->signer)
                return SAL_OK;
        struct sal_err why = {0};
        enum sal_status status = sal_signer_start(&publication->signer_config, &publication->signer, &why);
        if (status) {
                if (*publication->ended && !*why.hint)
                        sal_err_hint(&why, "it is started again by itself, within a minute");
                if (reterr)
                        *reterr = why;
                return status;
        }
        int pid = (int)sal_signer_pid(publication->signer);
        if (*publication->ended)
                sal_publication_tell(
                        publication, "publication.signer_restarted",
                        "nothing: what is public stayed as it was; if it ends again and again, find out why",
                        "%s; started again as process %d", publication->ended, pid);
        else
                sal_publication_tell(publication, "publication.signer", "", "started as process %d", pid);
        publication->ended[0] = '\0';
        return SAL_OK;
}

/* One that ended meanwhile is started again, once. */
static enum sal_status ask(struct sal_publication *publication, const struct sal_signer_request *request,
                           struct sal_signer_answer *ret, struct sal_err *reterr) {
        enum sal_status status = SAL_E_UNREACHABLE;
        struct sal_err why = {0};
        for (int tries = 0; tries < 2 && status == SAL_E_UNREACHABLE; tries++) {
                status = sal_publication_sign_on(publication, reterr);
                if (status)
                        return status;
                status = sal_signer_make(publication->signer, request, ret, &why);
                if (status && reterr)
                        *reterr = why;
                if (status == SAL_E_UNREACHABLE) {
                        snprintf(publication->ended, sizeof publication->ended, "%s", why.detail);
                        sal_signer_free(publication->signer);
                        publication->signer = NULL;
                }
        }
        return status;
}

/* ---- what is wanted ---- */

/* In force: active, paused or completed, and the kill switch off. */
static void gather(struct round *round) {
        const struct sal_snapshot *snapshot = round->snapshot;
        for (size_t i = 0; !snapshot->kill_switch && i < snapshot->count && round->count < SAL_TUF_MAX_CAMPAIGNS; i++)
                if (sal_campaign_in_force(snapshot->campaigns[i].state))
                        round->launches[round->count++] = snapshot->campaigns[i].launch;
}

static bool is_settled(const struct round *round) {
        const struct sal_publication *publication = round->publication;
        if (!publication->settled || publication->view->trust != round->trust ||
            publication->wanted_count != round->count)
                return false;
        for (size_t i = 0; i < round->count; i++)
                if (strcmp(publication->wanted[i], round->launches[i]->sha256) != 0)
                        return false;
        return true;
}

/* As the signer judges it (trust/repository.h): most of its life is over, or it was signed while the clock was ahead.
 */
static bool is_old(const struct sal_view *view, enum sal_tuf_file file, int64_t life_ms, int64_t left_ms,
                   int64_t now_ms) {
        int64_t left = view->expires_ms[file] - now_ms;
        return left <= left_ms || left > life_ms;
}

static bool needs_renewal(const struct sal_view *view, int64_t now_ms) {
        static const int64_t timestamp_ms = SAL_TUF_TIMESTAMP_DAYS * day_ms;
        static const int64_t snapshot_ms = SAL_TUF_SNAPSHOT_DAYS * day_ms;
        static const int64_t campaigns_ms = SAL_TUF_CAMPAIGNS_DAYS * day_ms;
        return is_old(view, SAL_TUF_FILE_TIMESTAMP, timestamp_ms, timestamp_ms - SAL_TUF_TIMESTAMP_RENEW_MS, now_ms) ||
               is_old(view, SAL_TUF_FILE_SNAPSHOT, snapshot_ms, snapshot_ms / 2, now_ms) ||
               is_old(view, SAL_TUF_FILE_CAMPAIGNS, campaigns_ms, campaigns_ms / 2, now_ms);
}

/* ---- marks ---- */

/* Clients refuse a list that has expired, or hangs below something that has. */
static bool is_alive(const struct sal_view *view, int64_t now_ms) {
        for (int file = 0; file < SAL_TUF_FILES; file++)
                if (view->expires_ms[file] <= now_ms)
                        return false;
        return true;
}

bool sal_publication_mark(struct sal_publication *publication) {
        bool news = false;
        pthread_mutex_lock(&publication->marking);
        struct sal_view *view = sal_publication_view(publication);
        struct sal_snapshot *snapshot = sal_snapshot_slot_now(&publication->service->snapshots);
        bool alive = is_alive(view, sal_clock_wall_ms());
        for (size_t i = 0; snapshot && i < snapshot->count; i++) {
                struct sal_launch *launch = snapshot->campaigns[i].launch;
                bool lists = alive && sal_view_lists(view, launch->sha256);
                news |= !atomic_exchange(&launch->listed, lists) && lists;
        }
        sal_snapshot_unref(snapshot);
        sal_view_unref(view);
        pthread_mutex_unlock(&publication->marking);
        return news;
}

/* ---- asking and taking over ---- */

static void fill_files(const struct round *round, struct sal_signer_request *request) {
        static const enum sal_tuf_file given[] = {SAL_TUF_FILE_TIMESTAMP, SAL_TUF_FILE_SNAPSHOT,
                                                  SAL_TUF_FILE_CAMPAIGNS};
        for (size_t i = 0; i < SAL_ARRAY_LEN(given); i++) {
                const struct sal_view_file *file = round->publication->last->newest[given[i]];
                if (!file)
                        continue;
                request->files.file[given[i]].bytes = file->bytes;
                request->files.file[given[i]].len = file->len;
        }
        request->files.file[SAL_TUF_FILE_TARGETS].bytes = round->trust->targets.bytes;
        request->files.file[SAL_TUF_FILE_TARGETS].len = round->trust->targets.len;
        request->policy.bytes = sal_policy_bytes(round->trust->policy, &request->policy.len);
}

static enum sal_status request_answer(const struct round *round, struct sal_signer_answer *ret,
                                      struct sal_err *reterr) {
        struct sal_repository_envelope envelopes[SAL_TUF_MAX_CAMPAIGNS];
        size_t later = round->trust->root_count - 1;
        sal_autofree struct sal_signer_bytes *roots = calloc(later + 1, sizeof *roots);
        struct sal_signer_request request = {
                .roots = roots, .root_count = later, .envelopes = envelopes, .envelope_count = round->count};
        if (!roots)
                return no_memory(reterr);
        for (size_t i = 0; i < later; i++)
                roots[i] = (struct sal_signer_bytes){round->trust->roots[i + 1].bytes, round->trust->roots[i + 1].len};
        for (size_t i = 0; i < round->count; i++)
                envelopes[i] = (struct sal_repository_envelope){.path = round->launches[i]->target,
                                                                .bytes = round->launches[i]->envelope,
                                                                .len = round->launches[i]->envelope_len};
        fill_files(round, &request);
        return ask(round->publication, &request, ret, reterr);
}

/* The view that the answer makes. */
static enum sal_status take_over(const struct round *round, const struct sal_signer_answer *answer,
                                 struct sal_view **ret, struct sal_err *reterr) {
        struct sal_view_parts parts = {.trust = round->trust, .before = round->publication->last};
        for (int file = 0; file < SAL_TUF_FILES; file++) {
                parts.files.file[file].bytes = answer->next.files[file].data;
                parts.files.file[file].len = answer->next.files[file].len;
                parts.versions[file] = answer->versions[file];
                parts.expires_ms[file] = answer->expires_ms[file];
        }
        for (size_t i = 0; i < round->count; i++) {
                const struct sal_repository_verdict *verdict = &answer->verdicts[i];
                if (!verdict->admission)
                        parts.listed[parts.listed_count++] = round->launches[i]->sha256;
                else
                        sal_publication_tell(round->publication, "publication.not_listed", verdict->why.hint,
                                             "%s (%s): %s", round->launches[i]->target,
                                             sal_admission_text(verdict->admission), verdict->why.detail);
        }
        return sal_view_make(&parts, ret, reterr);
}

/* Asks the signer for what is in force now. The answer is given away from here on, whatever the disk says. */
static enum sal_status sign(struct round *round, struct sal_view **ret, struct sal_err *reterr) {
        struct sal_publication *publication = round->publication;
        struct sal_signer_answer *answer = calloc(1, sizeof *answer);
        if (!answer)
                return no_memory(reterr);
        publication->settled = false;
        enum sal_status status = request_answer(round, answer, reterr);
        if (!status) {
                status = take_over(round, answer, ret, reterr);
                sal_repository_next_done(&answer->next);
        }
        free(answer);
        if (status)
                return status;
        publication->settled = true;
        publication->wanted_count = round->count;
        for (size_t i = 0; i < round->count; i++)
                memcpy(publication->wanted[i], round->launches[i]->sha256, sizeof publication->wanted[i]);
        return SAL_OK;
}

/* ---- writing and publishing ---- */

static enum sal_status write_down(const struct round *round, struct sal_view *view, struct sal_err *reterr) {
        struct sal_public_target targets[SAL_TUF_MAX_CAMPAIGNS];
        size_t count = 0;
        for (size_t i = 0; i < round->count; i++) {
                const struct sal_launch *launch = round->launches[i];
                if (!sal_view_lists(view, launch->sha256))
                        continue;
                struct sal_public_target *target = &targets[count++];
                snprintf(target->name, sizeof target->name, "%s.%s", launch->sha256,
                         launch->target + strlen("campaigns/"));
                target->bytes = launch->envelope;
                target->len = launch->envelope_len;
        }
        return sal_public_dir_write(round->publication->public_dir, view, targets, count, reterr);
}

static bool same_files(const struct sal_view *a, const struct sal_view *b) {
        for (int file = 0; file < SAL_TUF_FILES; file++)
                if (!a->newest[file] || !b->newest[file] || a->newest[file]->text != b->newest[file]->text)
                        return false;
        return true;
}

static void put(struct sal_publication *publication, struct sal_view *view) {
        bool news = !same_files(view, publication->view);
        sal_view_unref(publication->last);
        publication->last = sal_view_ref(view);
        sal_publication_put_take(publication, sal_view_ref(view));
        if (news)
                sal_publication_tell(publication, "publication.made", "",
                                     "timestamp %" PRId64 ", snapshot %" PRId64 ", campaigns %" PRId64 ", %zu listed",
                                     view->versions[SAL_TUF_FILE_TIMESTAMP], view->versions[SAL_TUF_FILE_SNAPSHOT],
                                     view->versions[SAL_TUF_FILE_CAMPAIGNS], view->listed_count);
}

enum sal_status sal_publication_attempt(struct sal_publication *publication, struct sal_trust_store *trust,
                                        int64_t now_ms, struct sal_err *reterr) {
        struct round round = {.publication = publication, .trust = trust};
        sal_auto(sal_view) struct sal_view *view = NULL;
        enum sal_status status = SAL_OK;
        round.snapshot = sal_snapshot_slot_now(&publication->service->snapshots);
        if (!round.snapshot)
                return no_memory(reterr);
        gather(&round);
        if (is_settled(&round) && !needs_renewal(publication->view, now_ms))
                view = sal_view_ref(publication->view);
        else
                status = sign(&round, &view, reterr);
        if (!status) {
                status = write_down(&round, view, reterr);
                if (view != publication->view)
                        put(publication, view);
        }
        sal_snapshot_unref(round.snapshot);
        return status;
}
