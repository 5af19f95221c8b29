/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/config.h"

#include "api/api.h"
#include "base/buf.h"
#include "base/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define GIB (INT64_C(1024) * 1024 * 1024)

/* clang-format off */
#define SERVER(n, k, ...) {.section = SAL_CONF_TOP, .name = (n), .kind = SAL_CONF_IS_##k, __VA_ARGS__}
#define TRUST(n, ...) {.section = SAL_CONF_TRUST, .name = (n), .kind = SAL_CONF_IS_PATH, __VA_ARGS__}
#define PLANE(n, k, ...) {.section = SAL_CONF_PLANE, .name = (n), .kind = SAL_CONF_IS_##k, __VA_ARGS__}
#define OPERATOR(n, k) {.section = SAL_CONF_OPERATOR, .name = (n), .kind = SAL_CONF_IS_##k, .live = true}
#define RANGE(lo, hi, of) .min = (lo), .max = (hi), .unit = (of)
#define DEFAULT(...) .defaults = {__VA_ARGS__}

/* Every key of salvord.conf. Defaults of planes: machine, admin, ops. Without a default the key must stand there. */
static const struct sal_conf_row server_rows[SAL_CONF_KEYS] = {
        [SAL_CONF_STATE_DIR] = SERVER("state_dir", PATH),
        [SAL_CONF_WORKERS] = SERVER("workers", NUMBER, RANGE(0, 64, "threads"), DEFAULT("0")),
        [SAL_CONF_LOG_LEVEL] = SERVER("log_level", LEVEL, DEFAULT("info"), .live = true),
        [SAL_CONF_DRAIN_SECONDS] =
                SERVER("drain_seconds", NUMBER, RANGE(0, 600, "seconds"), DEFAULT("10"), .live = true),
        [SAL_CONF_ANONYMOUS_POLL] = SERVER("anonymous_poll", BOOL, DEFAULT("false")),
        [SAL_CONF_ANONYMOUS_OFFERS_MAX] =
                SERVER("anonymous_offers_max", NUMBER, RANGE(1, 1000000, "offers"), DEFAULT("1000")),
        [SAL_CONF_POLL_AFTER_SECONDS] = SERVER("poll_after_seconds", NUMBER, RANGE(1, 3600, "seconds"), DEFAULT("60")),
        [SAL_CONF_GIVE_UP_AFTER_SECONDS] =
                SERVER("give_up_after_seconds", NUMBER, RANGE(60, 604800, "seconds"), DEFAULT("14400")),
        [SAL_CONF_QUEUE_ADMIN_MAX] = SERVER("queue_admin_max", NUMBER, RANGE(1, 1000000, "jobs"), DEFAULT("256")),
        [SAL_CONF_QUEUE_REPORT_MAX] = SERVER("queue_report_max", NUMBER, RANGE(1, 1000000, "jobs"), DEFAULT("8192")),
        [SAL_CONF_QUEUE_POLL_MAX] = SERVER("queue_poll_max", NUMBER, RANGE(1, 1000000, "jobs"), DEFAULT("8192")),
        [SAL_CONF_BATCH_MAX] = SERVER("batch_max", NUMBER, RANGE(1, 65536, "jobs"), DEFAULT("512")),
        [SAL_CONF_FILTER_BITS] =
                SERVER("filter_bits", POWER_OF_2, RANGE(65536, 16 * GIB, "bits"), DEFAULT("134217728")),
        [SAL_CONF_ROOT] = TRUST("root"),
        [SAL_CONF_TARGETS] = TRUST("targets"),
        [SAL_CONF_POLICY] = TRUST("policy"),
        [SAL_CONF_ONLINE_KEY] = TRUST("online_key"),
        [SAL_CONF_ONLINE_KEY_NEXT] = TRUST("online_key_next", DEFAULT("")),
        [SAL_CONF_SIGNER_DIR] = TRUST("signer_dir", DEFAULT("")),
        [SAL_CONF_PUBLIC_DIR] = TRUST("public_dir", DEFAULT("")),
};

static const struct sal_conf_row plane_rows[SAL_CONF_PLANE_KEYS] = {
        [SAL_CONF_ADDRESS] = PLANE("address", ADDRESS, DEFAULT("0.0.0.0", "127.0.0.1", "127.0.0.1")),
        [SAL_CONF_PORT] = PLANE("port", NUMBER, RANGE(0, 65535, ""), DEFAULT("8443", "8444", "9464")),
        [SAL_CONF_CERTIFICATE] = PLANE("certificate", PATH, .live = true, .not_ops = true),
        [SAL_CONF_PRIVATE_KEY] = PLANE("key", PATH, .live = true, .not_ops = true),
        [SAL_CONF_CLIENT_CA] = PLANE("client_ca", PATH, DEFAULT("", NULL), .live = true, .not_ops = true),
        [SAL_CONF_CONNECTIONS_MAX] =
                PLANE("connections_max", NUMBER, RANGE(1, 1000000, "connections"), DEFAULT("16000", "256", "256")),
        [SAL_CONF_HELD_MAX] = PLANE("held_max", NUMBER, RANGE(1, 1000000, "requests"), DEFAULT("15000", "256", "256")),
        [SAL_CONF_UNAUTHENTICATED_MAX] =
                PLANE("unauthenticated_per_address_max", NUMBER, RANGE(0, 1000000, "connections"),
                      DEFAULT("0", "0", "0")),
        [SAL_CONF_IDLE_TIMEOUT_SECONDS] =
                PLANE("idle_timeout_seconds", NUMBER, RANGE(1, 3600, "seconds"), DEFAULT("60", "60", "60")),
        [SAL_CONF_HEADER_MAX_BYTES] =
                PLANE("header_max_bytes", NUMBER, RANGE(1024, 65536, "bytes"), DEFAULT("8192", "8192", "8192")),
        [SAL_CONF_BODY_MAX_BYTES] =
                PLANE("body_max_bytes", NUMBER, RANGE(1024, 64 * 1024 * 1024, "bytes"),
                      DEFAULT("65536", "1048576", "65536")),
};

static const struct sal_conf_row operator_rows[SAL_CONF_OPERATOR_KEYS] = {
        [SAL_CONF_OPERATOR_CERTIFICATE] = OPERATOR("certificate", PATH),
        [SAL_CONF_OPERATOR_ROLE] = OPERATOR("role", ROLE),
};
/* clang-format on */

const struct sal_conf_row *sal_conf_rows(enum sal_conf_section section, size_t *ret_count) {
        switch (section) {
        case SAL_CONF_TOP:
                *ret_count = SAL_CONF_ROOT;
                return server_rows;
        case SAL_CONF_TRUST:
                *ret_count = SAL_CONF_KEYS - SAL_CONF_ROOT;
                return &server_rows[SAL_CONF_ROOT];
        case SAL_CONF_PLANE:
                *ret_count = SAL_CONF_PLANE_KEYS;
                return plane_rows;
        default:
                *ret_count = SAL_CONF_OPERATOR_KEYS;
                return operator_rows;
        }
}

const char *sal_plane_name(enum sal_plane plane) {
        static const char *const names[SAL_PLANES] = {"machine", "admin", "ops"};
        return names[plane];
}

enum sal_status sal_conf_fail(const struct sal_conf *conf, int line, struct sal_err *reterr, const char *format, ...) {
        char text[SAL_ERR_DETAIL_BYTES];
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof text, format, args);
        va_end(args);
        /* The end of a long path says more than its beginning. */
        size_t len = strlen(conf->path);
        const char *path = len > 160 ? conf->path + len - 160 : conf->path;
        if (line > 0)
                return sal_fail(reterr, SAL_E_CONFIG, "%s:%d: %s", path, line, text);
        return sal_fail(reterr, SAL_E_CONFIG, "%s: %s", path, text);
}

/* ---- values ---- */

static enum sal_status read_number(const struct sal_conf *conf, const struct sal_conf_row *row, const char *name,
                                   const char *text, int line, int64_t *ret, struct sal_err *reterr) {
        const char *space = *row->unit ? " " : "";
        size_t sign = *text == '-';
        size_t digits = strspn(text + sign, "0123456789");
        if (!digits || text[sign + digits])
                return sal_conf_fail(conf, line, reterr,
                                     "%s = \"%.60s\" is not a whole number; %" PRId64 " to %" PRId64 "%s%s are allowed",
                                     name, text, row->min, row->max, space, row->unit);
        errno = 0;
        int64_t number = strtoll(text, NULL, 10);
        if (errno || number < row->min || number > row->max)
                return sal_conf_fail(conf, line, reterr,
                                     "%s = %.60s is out of range; %" PRId64 " to %" PRId64 "%s%s are allowed", name,
                                     text, row->min, row->max, space, row->unit);
        if (row->kind == SAL_CONF_IS_POWER_OF_2 && (number & (number - 1)))
                return sal_conf_fail(conf, line, reterr, "%s = %.60s is not a power of two", name, text);
        *ret = number;
        return SAL_OK;
}

static enum sal_status read_bool(const struct sal_conf *conf, const char *name, const char *text, int line,
                                 int64_t *ret, struct sal_err *reterr) {
        static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};
        for (size_t i = 0; i < SAL_ARRAY_LEN(words); i++) {
                if (strcmp(text, words[i]) == 0) {
                        *ret = i % 2;
                        return SAL_OK;
                }
        }
        return sal_conf_fail(conf, line, reterr, "%s = \"%.60s\" is neither true nor false", name, text);
}

static enum sal_status read_word(const struct sal_conf *conf, const struct sal_conf_row *row, const char *name,
                                 const char *text, int line, int64_t *ret, struct sal_err *reterr) {
        if (row->kind == SAL_CONF_IS_LEVEL) {
                *ret = sal_log_level_parse(text);
                return *ret >= 0 ? SAL_OK
                                 : sal_conf_fail(conf, line, reterr,
                                                 "%s = \"%.60s\" is no log level; error, warning, notice, info and "
                                                 "debug are",
                                                 name, text);
        }
        *ret = sal_role_parse(text);
        return *ret != SAL_ROLE_NONE
                       ? SAL_OK
                       : sal_conf_fail(conf, line, reterr,
                                       "%s: \"%.60s\" is no role; viewer, author, operator and security are", name,
                                       text);
}

static enum sal_status read_address(const struct sal_conf *conf, const char *name, const char *text, int line,
                                    struct sal_err *reterr) {
        struct in6_addr address;
        if (inet_pton(AF_INET, text, &address) == 1 || inet_pton(AF_INET6, text, &address) == 1)
                return SAL_OK;
        return sal_conf_fail(conf, line, reterr,
                             "%s = \"%.60s\" is no numeric IPv4 or IPv6 address (host names are not looked up)", name,
                             text);
}

static char *join(const char *folder, const char *name) {
        sal_autobuf struct sal_buf path = SAL_BUF_INIT;
        if (*name != '/')
                sal_buf_printf(&path, "%s/", folder);
        sal_buf_puts(&path, name);
        return sal_buf_take(&path, NULL);
}

enum sal_status sal_conf_value_read(const struct sal_conf *conf, const struct sal_conf_row *row, const char *name,
                                    const char *text, int line, struct sal_conf_value *ret, struct sal_err *reterr) {
        int64_t number = 0;
        enum sal_status status = SAL_OK;
        if (strlen(text) > SAL_CONF_TEXT_MAX_BYTES)
                return sal_conf_fail(conf, line, reterr, "%s is longer than %d bytes", name, SAL_CONF_TEXT_MAX_BYTES);
        switch (row->kind) {
        case SAL_CONF_IS_PATH:
                if (!*text)
                        status = sal_conf_fail(conf, line, reterr, "%s is empty; a path is wanted", name);
                break;
        case SAL_CONF_IS_ADDRESS:
                status = read_address(conf, name, text, line, reterr);
                break;
        case SAL_CONF_IS_BOOL:
                status = read_bool(conf, name, text, line, &number, reterr);
                break;
        case SAL_CONF_IS_LEVEL:
        case SAL_CONF_IS_ROLE:
                status = read_word(conf, row, name, text, line, &number, reterr);
                break;
        default:
                status = read_number(conf, row, name, text, line, &number, reterr);
        }
        if (status)
                return status;
        char *copy = row->kind == SAL_CONF_IS_PATH ? join(conf->folder, text) : strdup(text);
        if (!copy)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for the configuration");
        *ret = (struct sal_conf_value){.text = copy, .number = number, .line = line};
        return SAL_OK;
}

/* ---- two planes on one address ---- */

/* A wildcard takes every address of its family, and "::" those of IPv4 as well. */
static bool addresses_meet(const char *a, const char *b) {
        struct in6_addr addresses[2];
        const char *texts[2] = {a, b};
        bool wild[2], v6[2];
        for (size_t i = 0; i < 2; i++) {
                struct in_addr v4;
                v6[i] = inet_pton(AF_INET, texts[i], &v4) != 1;
                if (v6[i] && inet_pton(AF_INET6, texts[i], &addresses[i]) != 1)
                        return false;
                if (!v6[i]) /* as IPv6 writes it (RFC 4291 section 2.5.5.2) */
                        addresses[i] = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
                if (!v6[i])
                        memcpy(&addresses[i].s6_addr[12], &v4, sizeof v4);
                wild[i] = v6[i] ? IN6_IS_ADDR_UNSPECIFIED(&addresses[i]) : v4.s_addr == 0;
                v6[i] = !IN6_IS_ADDR_V4MAPPED(&addresses[i]);
        }
        return (wild[0] && (v6[0] || !v6[1])) || (wild[1] && (v6[1] || !v6[0])) ||
               memcmp(&addresses[0], &addresses[1], sizeof addresses[0]) == 0;
}

enum sal_status sal_conf_check_ports(const struct sal_conf *conf, int last_line, struct sal_err *reterr) {
        for (enum sal_plane a = 0; a < SAL_PLANES; a++) {
                for (enum sal_plane b = a + 1; b < SAL_PLANES; b++) {
                        const struct sal_conf_value *one = conf->planes[a].values, *other = conf->planes[b].values;
                        if (one[SAL_CONF_PORT].number == 0 ||
                            one[SAL_CONF_PORT].number != other[SAL_CONF_PORT].number ||
                            !addresses_meet(one[SAL_CONF_ADDRESS].text, other[SAL_CONF_ADDRESS].text))
                                continue;
                        /* Where either was written, the later line, for there it went wrong. */
                        int line = one[SAL_CONF_PORT].line > other[SAL_CONF_PORT].line ? one[SAL_CONF_PORT].line
                                                                                       : other[SAL_CONF_PORT].line;
                        return sal_conf_fail(conf, line ? line : last_line, reterr,
                                             "%s.port = %" PRId64 ": the %s plane listens there already (%s, %s); give "
                                             "each a port of its own, or 0",
                                             sal_plane_name(b), other[SAL_CONF_PORT].number, sal_plane_name(a),
                                             one[SAL_CONF_ADDRESS].text, other[SAL_CONF_ADDRESS].text);
                }
        }
        return SAL_OK;
}

/* ---- differences ---- */

static bool differs(const struct sal_conf_value *a, const struct sal_conf_value *b) {
        return strcmp(a->text ? a->text : "", b->text ? b->text : "") != 0;
}

void sal_conf_each_fixed_change(const struct sal_conf *before, const struct sal_conf *after,
                                void (*each)(void *arg, const char *name), void *arg) {
        char name[64];
        for (size_t i = 0; i < SAL_CONF_KEYS; i++) {
                if (server_rows[i].live || !differs(&before->values[i], &after->values[i]))
                        continue;
                snprintf(name, sizeof name, "%s%s", server_rows[i].section == SAL_CONF_TRUST ? "trust." : "",
                         server_rows[i].name);
                each(arg, name);
        }
        for (enum sal_plane plane = 0; plane < SAL_PLANES; plane++) {
                for (size_t i = 0; i < SAL_CONF_PLANE_KEYS; i++) {
                        if (plane_rows[i].live ||
                            !differs(&before->planes[plane].values[i], &after->planes[plane].values[i]))
                                continue;
                        snprintf(name, sizeof name, "%s.%s", sal_plane_name(plane), plane_rows[i].name);
                        each(arg, name);
                }
        }
}

/* ---- life ---- */

static void values_done(struct sal_conf_value *values, size_t count) {
        for (size_t i = 0; i < count; i++)
                free(values[i].text);
}

void sal_conf_free(struct sal_conf *conf) {
        if (!conf)
                return;
        values_done(conf->values, SAL_CONF_KEYS);
        for (size_t i = 0; i < SAL_PLANES; i++)
                values_done(conf->planes[i].values, SAL_CONF_PLANE_KEYS);
        for (size_t i = 0; i < conf->operator_count; i++) {
                values_done(conf->operators[i].values, SAL_CONF_OPERATOR_KEYS);
                free(conf->operators[i].name);
        }
        free(conf->operators);
        free(conf->path);
        free(conf->folder);
        free(conf);
}
