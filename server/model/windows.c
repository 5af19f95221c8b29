/* SPDX-License-Identifier: Apache-2.0 */
#include "model/windows.h"

#include "base/mem.h"

#include <string.h>

enum { MINUTES_PER_DAY = 24 * 60 };

static const int64_t MS_PER_MINUTE = 60000;
static const int64_t EPOCH_WEEKDAY = 3; /* 1970-01-01 was a Thursday, weeks begin on Monday */
static const char *const day_names[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

/* ---- reading ---- */

/* "HH:MM" -> minutes, at most `max`. */
static enum sal_status parse_clock(const struct sal_json_at *at, const char *key, int max, int *ret,
                                   struct sal_err *reterr) {
        const char *text = NULL;
        enum sal_status status = sal_json_string(at, key, true, 0, 64, &text, reterr);
        if (status)
                return status;
        static const char form[] = "00:00";
        bool good = strlen(text) == sizeof form - 1;
        for (size_t i = 0; good && form[i]; i++)
                good = form[i] == ':' ? text[i] == ':' : text[i] >= '0' && text[i] <= '9';
        int hour = good ? (text[0] - '0') * 10 + (text[1] - '0') : 0;
        int minute = good ? (text[3] - '0') * 10 + (text[4] - '0') : 0;
        if (!good || minute > 59 || hour * 60 + minute > max)
                return sal_json_fail(at, key, SAL_E_INVALID, reterr, "\"%s\" must be a time of day, 00:00 to %02d:%02d",
                                     key, max / 60, max % 60);
        *ret = hour * 60 + minute;
        return SAL_OK;
}

static int day_index(const char *name) {
        for (int i = 0; name && i < (int)SAL_ARRAY_LEN(day_names); i++) {
                if (strcmp(day_names[i], name) == 0)
                        return i;
        }
        return -1;
}

/* The days on which the window begins, a bit for each. */
static enum sal_status parse_days(const struct sal_json_at *window, unsigned *ret, struct sal_err *reterr) {
        struct sal_json_at days = {0};
        enum sal_status status = sal_json_array(window, "days", false, 1, 7, &days, reterr);
        *ret = days.value ? 0 : 0x7f;
        for (size_t i = 0; !status && i < json_array_size(days.value); i++) {
                struct sal_json_at element = sal_json_element(&days, i);
                int day = day_index(json_string_value(element.value));
                if (day < 0)
                        return sal_json_fail(&element, NULL, SAL_E_INVALID, reterr,
                                             "must be one of mon, tue, wed, thu, fri, sat and sun");
                if (*ret & 1u << day)
                        return sal_json_fail(&element, NULL, SAL_E_INVALID, reterr, "\"%s\" is listed twice",
                                             day_names[day]);
                *ret |= 1u << day;
        }
        return status;
}

static enum sal_status parse_window(const struct sal_json_at *window, struct sal_windows *ret, struct sal_err *reterr) {
        static const char *const known[] = {"days", "from", "to", NULL};
        unsigned days = 0;
        int from = 0, to = 0;
        enum sal_status status = sal_json_only(window, known, reterr);
        if (status || (status = parse_days(window, &days, reterr)) ||
            (status = parse_clock(window, "from", MINUTES_PER_DAY - 1, &from, reterr)) ||
            (status = parse_clock(window, "to", MINUTES_PER_DAY, &to, reterr)))
                return status;
        if (from == to) {
                sal_json_fail(window, "to", SAL_E_INVALID, reterr, "\"to\" must differ from \"from\"");
                sal_err_hint(reterr, "a whole day is from 00:00 to 24:00");
                return SAL_E_INVALID;
        }
        int length = to > from ? to - from : MINUTES_PER_DAY - from + to;
        for (int day = 0; day < 7; day++) {
                if (!(days & 1u << day))
                        continue;
                for (int i = 0; i < length; i++) {
                        int minute = (day * MINUTES_PER_DAY + from + i) % SAL_WINDOWS_MINUTES;
                        ret->week[minute / 64] |= UINT64_C(1) << (minute % 64);
                }
        }
        return SAL_OK;
}

enum sal_status sal_windows_parse(const struct sal_json_at *at, const char *key, struct sal_windows *ret,
                                  struct sal_err *reterr) {
        struct sal_json_at windows = {0};
        enum sal_status status = sal_json_array(at, key, false, 1, SAL_WINDOWS_MAX, &windows, reterr);
        *ret = (struct sal_windows){.any = windows.value != NULL};
        for (size_t i = 0; !status && i < json_array_size(windows.value); i++) {
                struct sal_json_at window = sal_json_element(&windows, i);
                status = parse_window(&window, ret, reterr);
        }
        return status;
}

/* ---- the questions ---- */

static bool open_at(const struct sal_windows *windows, int minute) {
        return windows->week[minute / 64] >> (minute % 64) & 1;
}

bool sal_windows_within(const struct sal_windows *a, const struct sal_windows *b) {
        for (int minute = 0; b->any && minute < SAL_WINDOWS_MINUTES; minute++) {
                if (!open_at(b, minute) && (!a->any || open_at(a, minute)))
                        return false;
        }
        return true;
}

/* The minute in its week, and the time at which it began. */
static int minute_of_week(int64_t now_ms, int64_t *ret_began_ms) {
        int64_t within_ms = (now_ms % MS_PER_MINUTE + MS_PER_MINUTE) % MS_PER_MINUTE;
        int64_t minutes = (now_ms - within_ms) / MS_PER_MINUTE % SAL_WINDOWS_MINUTES;
        *ret_began_ms = now_ms - within_ms;
        return (int)((minutes + EPOCH_WEEKDAY * MINUTES_PER_DAY + SAL_WINDOWS_MINUTES) % SAL_WINDOWS_MINUTES);
}

bool sal_windows_open(const struct sal_windows *windows, int64_t now_ms) {
        int64_t began_ms;
        return !windows->any || open_at(windows, minute_of_week(now_ms, &began_ms));
}

/* The first minute from `from` on that is open (or shut), -1: none is before the week ends. A word at a time: every
 * poll may ask this of every campaign. */
static int find_minute(const struct sal_windows *windows, int from, bool open) {
        uint64_t beginning = UINT64_MAX << (from % 64);
        for (int word = from / 64; word < SAL_WINDOWS_WORDS; word++, beginning = UINT64_MAX) {
                uint64_t bits = (open ? windows->week[word] : ~windows->week[word]) & beginning;
                if (!bits)
                        continue;
                int minute = word * 64 + __builtin_ctzll(bits);
                return minute < SAL_WINDOWS_MINUTES ? minute : -1; /* the last word has bits behind the week */
        }
        return -1;
}

int64_t sal_windows_next_ms(const struct sal_windows *windows, int64_t now_ms, bool open) {
        int64_t began_ms;
        if (!windows->any)
                return open ? now_ms : INT64_MAX;
        int now = minute_of_week(now_ms, &began_ms);
        int next = find_minute(windows, now + 1, open);
        if (next >= 0)
                return began_ms + (next - now) * MS_PER_MINUTE;
        next = find_minute(windows, 0, open);
        return next >= 0 ? began_ms + (next + SAL_WINDOWS_MINUTES - now) * MS_PER_MINUTE : INT64_MAX;
}
