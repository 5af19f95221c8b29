/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structured logs: one line per event on standard error, `time level event key=value …` (logfmt). Values that hold
 * white space, quotes, control or non-ASCII bytes are quoted and escaped, so that hostile text stays one harmless line.
 *
 * Who logs: api/, daemon/ and the tools above debug; other rooms at most at debug. Event names are dotted, lower case
 * ("campaign.halted"). Thread: any; a line is written with one write(2). Ownership: everything is borrowed for the
 * call.
 */
#ifndef SAL_BASE_LOG_H
#define SAL_BASE_LOG_H

#include <stddef.h>
#include <stdint.h>

/* The values are syslog's (RFC 5424 section 6.2.1). */
enum sal_log_level { SAL_LOG_ERROR = 3, SAL_LOG_WARNING = 4, SAL_LOG_NOTICE = 5, SAL_LOG_INFO = 6, SAL_LOG_DEBUG = 7 };

struct sal_log_field {
        const char *key;
        const char *text; /* NULL: number is the value */
        int64_t number;
};

/* A field that holds text; NULL is written as the empty string. Both pointers are borrowed until the line is written.
 */
static inline struct sal_log_field sal_log_text(const char *key, const char *text) {
        return (struct sal_log_field){.key = key, .text = text ? text : ""};
}

#define SAL_F_STR(k, v) sal_log_text((k), (v))
#define SAL_F_INT(k, v) ((struct sal_log_field){.key = (k), .number = (int64_t)(v)})

/* sal_log(SAL_LOG_INFO, "campaign.started", SAL_F_STR("campaign", id), SAL_F_INT("version", v)); */
#define sal_log(level, event, ...)                                                   \
        sal_log_write((level), (event), (const struct sal_log_field[]){__VA_ARGS__}, \
                      sizeof((const struct sal_log_field[]){__VA_ARGS__}) / sizeof(struct sal_log_field))

/* Writes one line with count fields; call it through sal_log. A line that cannot be written is dropped. */
void sal_log_write(enum sal_log_level level, const char *event, const struct sal_log_field *fields, size_t count);

/* Lines above this level are dropped (default: info). With journald as the reader, a "<N>" priority goes first. */
void sal_log_set(enum sal_log_level max_level);

/* "error" "warning" "notice" "info" "debug" -> level, or -1. */
int sal_log_level_parse(const char *name);

#endif
