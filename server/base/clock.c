/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { MS_PER_SECOND = 1000, SECONDS_PER_DAY = 86400 };

static int64_t read_clock_us(clockid_t id) {
        struct timespec ts;
        clock_gettime(id, &ts);
        return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t sal_clock_wall_ms(void) {
        return read_clock_us(CLOCK_REALTIME) / 1000;
}

int64_t sal_clock_mono_ms(void) {
        return read_clock_us(CLOCK_MONOTONIC) / 1000;
}

int64_t sal_clock_mono_us(void) {
        return read_clock_us(CLOCK_MONOTONIC);
}

void sal_time_format(int64_t unix_ms, char ret_text[static SAL_TIME_BYTES]) {
        time_t seconds = (time_t)(unix_ms / MS_PER_SECOND);
        int ms = (int)(unix_ms % MS_PER_SECOND);
        struct tm tm = {0};
        gmtime_r(&seconds, &tm);
        size_t n = strftime(ret_text, SAL_TIME_BYTES, "%Y-%m-%dT%H:%M:%S", &tm);
        if (ms > 0)
                snprintf(ret_text + n, SAL_TIME_BYTES - n, ".%03dZ", ms);
        else
                snprintf(ret_text + n, SAL_TIME_BYTES - n, "Z");
}

/* Reads exactly `digits` decimal digits and moves *p behind them. */
static bool read_digits(const char **p, int digits, int *ret) {
        int value = 0;
        for (int i = 0; i < digits; i++, (*p)++) {
                if (**p < '0' || **p > '9')
                        return false;
                value = value * 10 + (**p - '0');
        }
        *ret = value;
        return true;
}

static bool read_char(const char **p, char c) {
        if (**p != c)
                return false;
        (*p)++;
        return true;
}

static int days_in_month(int year, int month) {
        static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        return month == 2 && leap ? 29 : days[month - 1];
}

/* Days from 1970-01-01 in the proleptic Gregorian calendar. */
static int64_t days_from_epoch(int year, int month, int day) {
        int64_t y = month <= 2 ? year - 1 : year;
        int64_t era = y / 400;
        int64_t year_of_era = y - era * 400;
        int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
        int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        return era * 146097 + day_of_era - 719468;
}

enum sal_status sal_time_parse(const char *text, int64_t *ret_unix_ms) {
        const char *p = text;
        int year, month, day, hour, minute, second, ms = 0;
        if (!read_digits(&p, 4, &year) || !read_char(&p, '-') || !read_digits(&p, 2, &month) || !read_char(&p, '-') ||
            !read_digits(&p, 2, &day) || !read_char(&p, 'T') || !read_digits(&p, 2, &hour) || !read_char(&p, ':') ||
            !read_digits(&p, 2, &minute) || !read_char(&p, ':') || !read_digits(&p, 2, &second))
                return SAL_E_MALFORMED;
        if (read_char(&p, '.')) {
                int digits = 0;
                for (; *p >= '0' && *p <= '9'; p++, digits++)
                        if (digits < 3)
                                ms = ms * 10 + (*p - '0');
                if (digits < 1 || digits > 9)
                        return SAL_E_MALFORMED;
                for (; digits < 3; digits++)
                        ms *= 10;
        }
        if (!read_char(&p, 'Z') || *p != '\0')
                return SAL_E_MALFORMED;
        if (year < 1970 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) || hour > 23 ||
            minute > 59 || second > 59)
                return SAL_E_MALFORMED;
        int64_t seconds = days_from_epoch(year, month, day) * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second;
        *ret_unix_ms = seconds * MS_PER_SECOND + ms;
        return SAL_OK;
}
