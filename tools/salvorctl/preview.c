/* SPDX-License-Identifier: Apache-2.0 */
/* Whom a campaign reaches: the server looks at so many machines per page, the pages are summed here. */
#include "command.h"
#include "confirm.h"
#include "out.h"
#include "wrap.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum { PAGES_MAX = 1000000, SAMPLE_ITEMS = 10, REASON_ITEMS = 5, CURSOR_BYTES = 1024, PROGRESS_PAGES = 20 };

/* ---- sums ---- */

static void add_number(json_t *to, const json_t *from, const char *key) {
        json_object_set_new(to, key, json_integer(sal_number(to, key) + sal_number(from, key)));
}

static json_t *ring_of(json_t *rings, const char *name) {
        for (size_t i = 0; i < json_array_size(rings); i++)
                if (strcmp(sal_text(json_array_get(rings, i), "name"), name) == 0)
                        return json_array_get(rings, i);
        json_array_append_new(rings, json_pack("{s:s, s:i}", "name", name, "matching", 0));
        return json_array_get(rings, json_array_size(rings) - 1);
}

static void add_reason(json_t *reasons, const json_t *row) {
        for (size_t i = 0; i < json_array_size(reasons); i++) {
                json_t *known = json_array_get(reasons, i);
                if (json_equal(json_object_get(known, "pointer"), json_object_get(row, "pointer")) &&
                    json_equal(json_object_get(known, "missing"), json_object_get(row, "missing"))) {
                        add_number(known, row, "machines");
                        return;
                }
        }
        json_array_append_new(reasons, json_copy((json_t *)row));
}

static void add_page(json_t *sum, const json_t *page) {
        static const char *const numbers[] = {"looked_at", "matching",    "not_matching",
                                              "opted_out", "limited_out", "anonymous"};
        for (size_t i = 0; i < SAL_ARRAY_LEN(numbers); i++)
                add_number(sum, page, numbers[i]);
        json_t *rings = json_object_get(sum, "rings");
        const json_t *more = json_object_get(page, "rings");
        for (size_t i = 0; i < json_array_size(more); i++) {
                const json_t *row = json_array_get(more, i);
                json_t *ring = ring_of(rings, sal_text(row, "name"));
                add_number(ring, row, "matching");
        }
        const char *key;
        json_t *value;
        json_object_foreach (json_object_get(page, "of_matching"), key, value)
                add_number(json_object_get(sum, "of_matching"), json_object_get(page, "of_matching"), key);
        const json_t *reasons = json_object_get(page, "reasons");
        for (size_t i = 0; i < json_array_size(reasons); i++)
                add_reason(json_object_get(sum, "reasons"), json_array_get(reasons, i));
        json_t *sample = json_object_get(sum, "sample");
        const json_t *others = json_object_get(page, "sample");
        for (size_t i = 0; i < json_array_size(others) && json_array_size(sample) < SAMPLE_ITEMS; i++)
                json_array_append(sample, json_array_get(others, i));
        static const char *const newest[] = {"first_offers", "in_flight", "cap"}; /* of all machines up to this page */
        for (size_t i = 0; i < SAL_ARRAY_LEN(newest); i++)
                if (json_object_get(page, newest[i]))
                        json_object_set(sum, newest[i], json_object_get(page, newest[i]));
}

/* The most machines first. */
static int by_machines(const void *a, const void *b) {
        int64_t x = sal_number(*(json_t *const *)a, "machines"), y = sal_number(*(json_t *const *)b, "machines");
        return x > y ? -1 : x < y;
}

static void sort_reasons(json_t *sum) {
        json_t *reasons = json_object_get(sum, "reasons");
        size_t count = json_array_size(reasons);
        sal_autofree json_t **sorted = calloc(count + 1, sizeof *sorted);
        for (size_t i = 0; sorted && i < count; i++)
                sorted[i] = json_incref(json_array_get(reasons, i));
        if (!sorted)
                return;
        qsort(sorted, count, sizeof(json_t *), by_machines);
        json_array_clear(reasons);
        for (size_t i = 0; i < count; i++)
                json_array_append_new(reasons, sorted[i]);
}

static void tell_progress(const json_t *sum, bool last) {
        if (last)
                fputs("\r\033[K", stderr);
        else
                fprintf(stderr, "\r%" PRId64 " machines looked at", sal_number(sum, "looked_at"));
        fflush(stderr);
}

enum sal_status sal_ctl_preview(struct sal_ctl *ctl, const struct sal_ctl_campaign *campaign, bool progress,
                                json_t **ret, struct sal_err *reterr) {
        char path[SAL_CTL_PATH_BYTES], cursor[CURSOR_BYTES] = "";
        bool told = false, tell = progress && isatty(STDERR_FILENO);
        enum sal_status status = SAL_OK;
        sal_ctl_path(campaign, "preview", path);
        sal_autojson json_t *sum = json_pack("{s:[], s:[], s:{}, s:[]}", "rings", "sample", "of_matching", "reasons");
        if (!sum)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a preview");
        for (int i = 0; i < PAGES_MAX; i++) {
                sal_autobuf struct sal_buf query = SAL_BUF_INIT;
                if (*cursor) {
                        sal_buf_puts(&query, "cursor=");
                        sal_client_query_escape(&query, cursor);
                }
                sal_autojson json_t *page = NULL;
                status = sal_admin_get(ctl->admin, path, query.data, &page, reterr);
                if (!status && !json_is_integer(json_object_get(page, "matching")))
                        status = sal_ctl_unconfirmed(reterr, "how many machines match");
                if (status)
                        break;
                add_page(sum, page);
                const char *next = sal_text(page, "next_cursor");
                if (!*next || strlen(next) >= sizeof cursor || strcmp(next, cursor) == 0)
                        break;
                snprintf(cursor, sizeof cursor, "%s", next);
                if (tell && i % PROGRESS_PAGES == PROGRESS_PAGES - 1) {
                        tell_progress(sum, false);
                        told = true;
                }
        }
        if (told)
                tell_progress(sum, true);
        if (status)
                return status;
        sort_reasons(sum);
        *ret = SAL_STEAL(sum);
        return SAL_OK;
}

/* ---- for a person ---- */

static const struct {
        const char *key, *words;
} standings[] = {
        {"done", "have it already"},
        {"offered", "hold an offer of it"},
        {"holds_another", "hold an offer of another campaign"},
        {"exhausted", "have used their attempts: they need hands"},
        {"not_applicable", "found that it does not apply"},
};

static void print_sentence(FILE *stream, const char *campaign, const json_t *preview) {
        int64_t matching = sal_number(preview, "matching"), behind = 0, first = sal_number(preview, "first_offers");
        const json_t *of = json_object_get(preview, "of_matching");
        sal_autobuf struct sal_buf text = SAL_BUF_INIT;
        for (size_t i = 0; i < SAL_ARRAY_LEN(standings); i++)
                behind += sal_number(of, standings[i].key);
        sal_buf_printf(&text, "%s is for %" PRId64 " of %" PRId64 " known machines", campaign, matching,
                       sal_number(preview, "looked_at"));
        if (behind > 0)
                sal_buf_printf(&text, ", of which %" PRId64 " can still be offered it", matching - behind);
        if (json_object_get(preview, "cap"))
                sal_buf_printf(&text, "; %" PRId64 " are in flight, cap %" PRId64, sal_number(preview, "in_flight"),
                               sal_number(preview, "cap"));
        else if (json_object_get(preview, "first_offers"))
                sal_buf_printf(&text, "; it starts with %" PRId64 " in flight", first);
        sal_buf_putc(&text, '.');
        sal_wrap_put(stream, sal_wrap_columns(stream), "reach", text.data ? text.data : "");
}

static void print_line(FILE *stream, const char *label, int64_t machines, const char *words) {
        sal_autobuf struct sal_buf text = SAL_BUF_INIT;
        sal_buf_printf(&text, "%7" PRId64 "  %s", machines, words);
        sal_wrap_put(stream, sal_wrap_columns(stream), label, text.data ? text.data : "");
}

/* Those that match and wait for nothing but their turn are left out. */
static void print_standings(FILE *stream, const json_t *preview) {
        const json_t *of = json_object_get(preview, "of_matching");
        const char *label = "of these";
        for (size_t i = 0; i < SAL_ARRAY_LEN(standings); i++) {
                int64_t machines = sal_number(of, standings[i].key);
                if (!machines)
                        continue;
                print_line(stream, label, machines, standings[i].words);
                label = "";
        }
        if (sal_number(of, "cohort_held"))
                print_line(stream, label, sal_number(of, "cohort_held"), "are of a cohort that is held");
}

static void print_others(FILE *stream, const json_t *preview) {
        static const struct {
                const char *key, *words;
        } kinds[] = {{"opted_out", "are opted out"},
                     {"limited_out", "are left out by an operator's limit"},
                     {"anonymous", "have no credential: unknown machines"}};
        const json_t *reasons = json_object_get(preview, "reasons");
        const char *label = "not for";
        size_t count = json_array_size(reasons);
        for (size_t i = 0; i < SAL_ARRAY_LEN(kinds); i++) {
                if (!sal_number(preview, kinds[i].key))
                        continue;
                print_line(stream, label, sal_number(preview, kinds[i].key), kinds[i].words);
                label = "";
        }
        int64_t others = 0;
        for (size_t i = 0; i < count; i++) {
                const json_t *reason = json_array_get(reasons, i);
                if (i >= REASON_ITEMS) {
                        others += sal_number(reason, "machines");
                        continue;
                }
                print_line(stream, label, sal_number(reason, "machines"), sal_text(reason, "text"));
                label = "";
        }
        if (others)
                print_line(stream, label, others, "fail other parts of `match`");
}

void sal_ctl_preview_print(FILE *stream, const char *campaign, const json_t *preview) {
        static const char *const heads[] = {"RING", ">MATCHING"}, *const examples[] = {"FOR EXAMPLE", "RING"};
        sal_autotable struct sal_table rings = SAL_TABLE_INIT(heads), sample = SAL_TABLE_INIT(examples);
        const json_t *rows = json_object_get(preview, "rings");
        print_sentence(stream, campaign, preview);
        print_standings(stream, preview);
        print_others(stream, preview);
        for (size_t i = 0; i < json_array_size(rows); i++) {
                sal_table_text(&rings, sal_text(json_array_get(rows, i), "name"));
                sal_table_json(&rings, json_object_get(json_array_get(rows, i), "matching"));
        }
        fputc('\n', stream);
        sal_table_print(&rings, stream, "no rings");
        rows = json_object_get(preview, "sample");
        for (size_t i = 0; i < json_array_size(rows); i++) {
                sal_table_text(&sample, sal_text(json_array_get(rows, i), "machine_id"));
                sal_table_text(&sample, sal_text(json_array_get(rows, i), "ring"));
        }
        fputc('\n', stream);
        sal_table_print(&sample, stream, "no known machine matches");
}
