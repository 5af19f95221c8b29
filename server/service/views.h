/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Views: pieces of JSON answers that several use cases share. Private to service/.
 *
 * Thread: the ledger's. Ownership: everything returned is a new reference; NULL without memory.
 */
#ifndef SAL_SERVICE_VIEWS_H
#define SAL_SERVICE_VIEWS_H

#include "service/admin.h"

/* RFC 3339 text, or null for 0. */
json_t *sal_view_time(int64_t unix_ms);
/* {"items": …, "next_cursor": text or null}; takes items over. */
json_t *sal_view_page(json_t *items_take, const char *next_cursor);
/* Reads a numeric cursor ("" : 0). SAL_E_INVALID. */
enum sal_status sal_view_cursor(const struct sal_page *page, int64_t *ret, struct sal_err *reterr);
/* One offer, with its reports if asked. */
json_t *sal_view_offer(const struct sal_act *act, const struct sal_plan *plan, const struct sal_offer *offer,
                       bool reports);
/* One machine as the API shows it. */
json_t *sal_view_machine(const struct sal_machine *machine);

#endif
