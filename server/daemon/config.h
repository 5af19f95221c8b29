/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration of salvord: one file in libconfuse's syntax, one typed table (config.c) that names each key with its
 * kind, range, unit and default. Reading checks the text and the values; the files that it names are read by
 * material.h.
 *
 * Thread: a configuration is immutable after reading; one reader at a time in the process (libconfuse reports errors
 * through a callback without a context). Ownership: sal_conf_free frees everything; texts are borrowed from it.
 */
#ifndef SAL_DAEMON_CONFIG_H
#define SAL_DAEMON_CONFIG_H

#include "base/err.h"
#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>

enum { SAL_CONF_FILE_MAX_BYTES = 1024 * 1024, SAL_CONF_TEXT_MAX_BYTES = 4096 };

/* Keys outside planes and operators; those of `trust` last. The order is that of the table. */
enum sal_conf_key {
        SAL_CONF_STATE_DIR,
        SAL_CONF_WORKERS,
        SAL_CONF_LOG_LEVEL,
        SAL_CONF_DRAIN_SECONDS,
        SAL_CONF_ANONYMOUS_POLL,
        SAL_CONF_ANONYMOUS_OFFERS_MAX,
        SAL_CONF_POLL_AFTER_SECONDS,
        SAL_CONF_GIVE_UP_AFTER_SECONDS,
        SAL_CONF_QUEUE_ADMIN_MAX,
        SAL_CONF_QUEUE_REPORT_MAX,
        SAL_CONF_QUEUE_POLL_MAX,
        SAL_CONF_BATCH_MAX,
        SAL_CONF_FILTER_BITS,
        SAL_CONF_ROOT,
        SAL_CONF_TARGETS,
        SAL_CONF_POLICY,
        SAL_CONF_ONLINE_KEY,
        SAL_CONF_ONLINE_KEY_NEXT,
        SAL_CONF_SIGNER_DIR,
        SAL_CONF_PUBLIC_DIR,
        SAL_CONF_KEYS
};

/* Keys of each plane. The plain HTTP plane knows neither certificate, key nor client_ca. */
enum sal_conf_plane_key {
        SAL_CONF_ADDRESS,
        SAL_CONF_PORT,
        SAL_CONF_CERTIFICATE,
        SAL_CONF_PRIVATE_KEY,
        SAL_CONF_CLIENT_CA,
        SAL_CONF_CONNECTIONS_MAX,
        SAL_CONF_HELD_MAX,
        SAL_CONF_UNAUTHENTICATED_MAX,
        SAL_CONF_IDLE_TIMEOUT_SECONDS,
        SAL_CONF_HEADER_MAX_BYTES,
        SAL_CONF_BODY_MAX_BYTES,
        SAL_CONF_PLANE_KEYS
};

enum sal_conf_operator_key { SAL_CONF_OPERATOR_CERTIFICATE, SAL_CONF_OPERATOR_ROLE, SAL_CONF_OPERATOR_KEYS };

enum sal_conf_section { SAL_CONF_TOP, SAL_CONF_TRUST, SAL_CONF_PLANE, SAL_CONF_OPERATOR };

/* Also the index of the plane in the HTTP server. */
enum sal_plane { SAL_PLANE_MACHINE, SAL_PLANE_ADMIN, SAL_PLANE_OPS, SAL_PLANES };

/* "machine" "admin" "ops", static text. */
const char *sal_plane_name(enum sal_plane plane);

enum sal_conf_kind {
        SAL_CONF_IS_PATH,       /* relative to the configuration's folder */
        SAL_CONF_IS_ADDRESS,    /* numeric IPv4 or IPv6 */
        SAL_CONF_IS_NUMBER,     /* decimal, within the range */
        SAL_CONF_IS_POWER_OF_2, /* a number that is a power of two */
        SAL_CONF_IS_BOOL,       /* true/false, yes/no, on/off; number is 1 or 0 */
        SAL_CONF_IS_LEVEL,      /* a log level; number is its value */
        SAL_CONF_IS_ROLE        /* an operator's role; number is enum sal_role */
};

/* One row of the table. */
struct sal_conf_row {
        enum sal_conf_section section;
        const char *name;
        enum sal_conf_kind kind;
        int64_t min, max; /* of numbers */
        const char *unit; /* for messages; "" if none */
        /* As text; NULL: the key must stand there; "": it may be missing. PLANE: one for each plane, else the first. */
        const char *defaults[SAL_PLANES];
        bool live;    /* a reload puts it in force; others need a restart */
        bool not_ops; /* PLANE: unknown to the plane without TLS */
};

/* Rows of a section, at the indexes of its enum (TOP's begin at SAL_CONF_STATE_DIR, TRUST's at SAL_CONF_ROOT). */
const struct sal_conf_row *sal_conf_rows(enum sal_conf_section section, size_t *ret_count);

struct sal_conf_value {
        char *text;     /* as written, or the default; paths are joined to the folder; NULL: optional and not there */
        int64_t number; /* of kinds that have one */
        int line;       /* where it stands; 0: the default */
};

struct sal_conf_plane {
        int line; /* of the section's end; 0: not there */
        struct sal_conf_value values[SAL_CONF_PLANE_KEYS];
};

struct sal_conf_operator {
        char *name;
        int line;
        struct sal_conf_value values[SAL_CONF_OPERATOR_KEYS];
};

struct sal_conf {
        char *path;
        char *folder;
        int trust_line;
        struct sal_conf_value values[SAL_CONF_KEYS];
        struct sal_conf_plane planes[SAL_PLANES];
        struct sal_conf_operator *operators;
        size_t operator_count;
};

/* Reads and checks `path`. Errors: SAL_E_CONFIG with "FILE:LINE: …" in the detail (also for a file that cannot be
 * read, then without a line), SAL_E_NOMEM. */
enum sal_status sal_conf_read(const char *path, struct sal_conf **ret, struct sal_err *reterr);
void sal_conf_free(struct sal_conf *conf);
SAL_DEFINE_CLEANUP(sal_conf, sal_conf_free)

/* Fills reterr with "FILE:LINE: …" (line 0: "FILE: …") and returns SAL_E_CONFIG. */
enum sal_status sal_conf_fail(const struct sal_conf *conf, int line, struct sal_err *reterr, const char *format, ...)
        __attribute__((format(printf, 4, 5)));

/* Calls each(arg, name) for every key ("workers", "machine.port") whose value differs and is not live. Operators are
 * always live. */
void sal_conf_each_fixed_change(const struct sal_conf *before, const struct sal_conf *after,
                                void (*each)(void *arg, const char *name), void *arg);

/* Private to config*.c: two planes must not want one port of one address. Errors: SAL_E_CONFIG with the line, or
 * `last_line` when both ports are defaults. */
enum sal_status sal_conf_check_ports(const struct sal_conf *conf, int last_line, struct sal_err *reterr);

/* Private to config*.c: reads `text` as the value of a row; `name` is for messages. */
enum sal_status sal_conf_value_read(const struct sal_conf *conf, const struct sal_conf_row *row, const char *name,
                                    const char *text, int line, struct sal_conf_value *ret, struct sal_err *reterr);

#endif
