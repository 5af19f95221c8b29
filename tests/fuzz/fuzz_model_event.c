/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a line of the journal: what is read can be written, and is then read as the same. */
#include "base/mem.h"
#include "model/event.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(bool holds) {
        if (!holds)
                abort();
}

static bool same_text(const char *a, const char *b) {
        return a && b ? strcmp(a, b) == 0 : !a && !b;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
        sal_autoevent struct sal_event event = {0}, again = {0};
        struct sal_err err = {0};
        enum sal_status status = sal_event_parse((const char *)data, len, &event, &err);
        check(!status || err.detail[0]);
        if (status)
                return 0;
        sal_autojson json_t *json = sal_event_json(&event);
        sal_autofree char *line = json ? sal_json_dump(json) : NULL;
        check(line && !sal_event_parse(line, strlen(line), &again, NULL));
        check(event.seq == again.seq && event.at_ms == again.at_ms && event.type == again.type &&
              event.version == again.version && event.offer_row == again.offer_row && event.cause == again.cause);
        check(same_text(event.campaign, again.campaign) && same_text(event.machine_id, again.machine_id) &&
              same_text(event.ring, again.ring));
        return 0;
}
