/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/internal.h"

#include <string.h>

enum { REPORTS_PER_OFFER = 16, LOG_MAX_BYTES = 16 * 1024 };

/* Length of text cut to the limit, never inside a UTF-8 character. */
static size_t cut(const char *text) {
        size_t len = text ? strnlen(text, LOG_MAX_BYTES + 1) : 0;
        if (len <= LOG_MAX_BYTES)
                return len;
        len = LOG_MAX_BYTES;
        while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
                len--;
        return len;
}

enum sal_status sal_report_insert(struct sal_tx *tx, const struct sal_report_row *report) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_REPORT_INSERT);
        sal_put_int(&q, report->offer_row);
        sal_put_int(&q, report->at_ms);
        sal_put_text(&q, report->stage);
        sal_put_text(&q, report->boot_id);
        sal_put_int(&q, report->accepted);
        sal_put_text(&q, report->actions);
        sal_put_text_n(&q, report->log, cut(report->log));
        sal_put_int(&q, REPORTS_PER_OFFER);
        return sal_query_run(&q);
}

enum sal_status sal_report_each(struct sal_tx *tx, int64_t offer_row,
                                bool (*each)(void *arg, const struct sal_report_row *report), void *arg) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_REPORT_EACH);
        sal_put_int(&q, offer_row);
        bool more = true;
        while (more && sal_query_row(&q)) {
                struct sal_report_row report = {.offer_row = sal_take_int(&q)};
                report.at_ms = sal_take_int(&q);
                sal_take_text(&q, report.stage, sizeof report.stage);
                sal_take_text(&q, report.boot_id, sizeof report.boot_id);
                report.accepted = sal_take_bool(&q);
                report.actions = sal_take_borrowed(&q);
                report.log = sal_take_borrowed(&q);
                if (q.status == SAL_OK)
                        more = each(arg, &report);
        }
        return q.status;
}
