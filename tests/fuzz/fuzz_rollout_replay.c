/* SPDX-License-Identifier: Apache-2.0 */
/* Any lines as a journal: the replay takes it or says what is wrong, and never promises what it did not see. Sequence
 * numbers are set right and offers numbered anew, or nothing would get past the first line. */
#include "base/mem.h"
#include "rollout/replay.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(bool holds) {
        if (!holds)
                abort();
}

static void count(void *arg, const struct sal_event *event, const char *what) {
        check(event->campaign && *what);
        ++*(int *)arg;
}

/* The decision's id follows its place. */
static void set_id(const struct sal_event *event) {
        char id[32];
        snprintf(id, sizeof id, "d%lld", (long long)event->seq);
        if (event->type == SAL_JOURNAL_DECISION)
                json_object_set_new((json_t *)event->detail, "id", json_string(id));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
        sal_auto(sal_replay) struct sal_replay *replay = sal_replay_new();
        const char *at = (const char *)data, *end = at + len;
        int64_t seq = 0;
        int told = 0;
        enum sal_status status = SAL_OK;
        check(replay != NULL);
        sal_replay_on_disagreement(replay, count, &told);
        while (!status && at < end) {
                const char *newline = memchr(at, '\n', (size_t)(end - at));
                size_t length = (size_t)((newline ? newline : end) - at);
                sal_autoevent struct sal_event event = {0};
                struct sal_err err = {0};
                if (!sal_event_parse(at, length, &event, NULL)) {
                        event.seq = ++seq;
                        set_id(&event);
                        status = sal_replay_event(replay, &event, &err);
                        check(!status || err.detail[0]);
                }
                at = newline ? newline + 1 : end;
        }
        if (!status)
                sal_replay_end(replay, NULL);
        struct sal_replay_sums sums;
        sal_replay_sums(replay, &sums);
        check(sums.events == seq && sums.recomputed <= sums.decisions && sums.disagreements == told &&
              sums.unjudged + sums.disagreements <= sums.campaigns && strlen(sums.digest) == 64);
        return 0;
}
