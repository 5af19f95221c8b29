/* SPDX-License-Identifier: Apache-2.0 */
#include "salvor-fleet/show.h"

#include "base/clock.h"
#include "client/safe.h"

#include <string.h>

static const char *const end_names[] = {
        [SAL_FLEET_END_ALL] = "every machine came to its end", [SAL_FLEET_END_CAMPAIGN] = "the campaign was completed",
        [SAL_FLEET_END_STOPPED] = "the campaign was stopped",  [SAL_FLEET_END_DURATION] = "the duration passed",
        [SAL_FLEET_END_LOST] = "the server does not answer",
};

static bool wants_progress(void) {
        const char *terminal = getenv("TERM");
        return isatty(STDERR_FILENO) && terminal && strcmp(terminal, "dumb") != 0;
}

void sal_fleet_show_progress(const struct sal_fleet *fleet) {
        if (!wants_progress())
                return;
        const struct sal_fleet_sums *sums = &fleet->sums;
        fprintf(stderr,
                "\r%lld/%lld enrolled, %lld offers, %lld applied, %lld failed, %lld silent, %lld relapsed, %lld rescued"
                "\033[K",
                (long long)sums->enrolled, (long long)fleet->options->machines, (long long)sums->offers,
                (long long)sums->applied, (long long)sums->failed, (long long)sums->silent, (long long)sums->relapsed,
                (long long)sums->rescued);
        fflush(stderr);
}

/* The summary, one row per number. */
struct row {
        const char *name;
        int64_t value;
};

static void print_json(const struct sal_fleet *fleet, const struct row *rows, size_t count, enum sal_fleet_end end,
                       const char *campaign_state, double seconds) {
        sal_autojson json_t *document = json_pack("{s:f, s:s}", "seconds", seconds, "ended", end_names[end]);
        for (size_t i = 0; i < count; i++)
                json_object_set_new(document, rows[i].name, json_integer(rows[i].value));
        if (fleet->options->campaign) {
                json_object_set_new(document, "campaign", json_string(fleet->options->campaign));
                json_object_set_new(document, "campaign_state", json_string(campaign_state));
        }
        if (fleet->first_error.status)
                json_object_set_new(document, "first_error", json_string(fleet->first_error.detail));
        json_dumpf(document, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(6));
        fputc('\n', stdout);
}

void sal_fleet_show_summary(const struct sal_fleet *fleet, enum sal_fleet_end end, const char *campaign_state) {
        if (wants_progress())
                fputs("\r\033[K", stderr);
        const struct sal_fleet_sums *sums = &fleet->sums;
        double seconds = (double)(sal_clock_mono_ms() - fleet->started_ms) / 1000;
        const struct row rows[] = {
                {"machines", fleet->options->machines},
                {"enrolled", sums->enrolled},
                {"polls", sums->polls},
                {"offers", sums->offers},
                {"applied", sums->applied},
                {"failed", sums->failed},
                {"silent", sums->silent},
                {"relapsed", sums->relapsed},
                {"healthy", sums->healthy},
                {"rescued", sums->rescued},
                {"gave_up", sums->gave_up},
                {"refused", sums->refused},
                {"waiting", sal_fleet_waiting(fleet)},
                {"late", sums->late},
                {"errors", sums->errors},
                {"requests", sums->requests},
        };
        if (fleet->options->json) {
                print_json(fleet, rows, SAL_ARRAY_LEN(rows), end, campaign_state, seconds);
                return;
        }
        for (size_t i = 0; i < SAL_ARRAY_LEN(rows); i++)
                printf("%-10s %8lld\n", rows[i].name, (long long)rows[i].value);
        printf("%-10s %8.1f\n", "seconds", seconds);
        printf("ended: %s", end_names[end]);
        if (*campaign_state) {
                fputs(" (", stdout);
                sal_safe_print(stdout, campaign_state);
                fputc(')', stdout);
        }
        fputc('\n', stdout);
        if (fleet->first_error.status) {
                fputs("first error: ", stdout);
                sal_safe_print(stdout, fleet->first_error.detail);
                fputc('\n', stdout);
        }
}
