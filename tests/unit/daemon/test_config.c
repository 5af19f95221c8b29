/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration file: what it says when it is good, and where it says what is wrong when it is bad. */
#include "daemon/config.h"

#include "api/api.h"
#include "base/buf.h"
#include "base/log.h"
#include "trust/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

static char folder[] = "/tmp/salvor-test-config-XXXXXX";
static char path[64];

#define TRUST                                                              \
        "trust {\n  root = \"1.root.json\" targets = \"1.targets.json\"\n" \
        "  policy = \"/etc/policy.json\" online_key = \"online.pem\"\n}\n"
#define MACHINE "machine {\n  certificate = \"m.crt\"\n  key = \"m.key\"\n}\n"
#define ADMIN "admin {\n  certificate = \"a.crt\"\n  key = \"a.key\"\n  client_ca = \"ca.crt\"\n}\n"
#define STATE "state_dir = \"state\"\n"
#define GOOD STATE TRUST MACHINE ADMIN /* 14 lines */

static int make_folder(void **state) {
        (void)state;
        assert_non_null(mkdtemp(folder));
        snprintf(path, sizeof path, "%s/salvord.conf", folder);
        return 0;
}

static int remove_folder(void **state) {
        (void)state;
        unlink(path);
        return rmdir(folder);
}

static enum sal_status read_text(const char *text, size_t len, struct sal_conf **ret, struct sal_err *reterr) {
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        assert_int_equal(fwrite(text, 1, len, file), len);
        assert_int_equal(fclose(file), 0);
        return sal_conf_read(path, ret, reterr);
}

static struct sal_conf *good(const char *text) {
        struct sal_conf *conf = NULL;
        struct sal_err err = {0};
        if (read_text(text, strlen(text), &conf, &err))
                fail_msg("refused: %s", err.detail);
        return conf;
}

static void assert_in_folder(const struct sal_conf_value *value, const char *name) {
        char expected[128];
        snprintf(expected, sizeof expected, "%s/%s", folder, name);
        assert_string_equal(value->text, expected);
}

static void defaults_hold_where_nothing_stands(void **state) {
        (void)state;
        sal_auto(sal_conf) struct sal_conf *conf = good(GOOD);
        assert_in_folder(&conf->values[SAL_CONF_STATE_DIR], "state");
        assert_in_folder(&conf->values[SAL_CONF_ROOT], "1.root.json");
        assert_string_equal(conf->values[SAL_CONF_POLICY].text, "/etc/policy.json");
        assert_in_folder(&conf->values[SAL_CONF_TARGETS], "1.targets.json");
        assert_in_folder(&conf->values[SAL_CONF_ONLINE_KEY], "online.pem");
        assert_null(conf->values[SAL_CONF_ONLINE_KEY_NEXT].text);
        assert_null(conf->values[SAL_CONF_SIGNER_DIR].text);
        assert_null(conf->values[SAL_CONF_PUBLIC_DIR].text);
        assert_int_equal(conf->values[SAL_CONF_WORKERS].number, 0);
        assert_int_equal(conf->values[SAL_CONF_LOG_LEVEL].number, SAL_LOG_INFO);
        assert_int_equal(conf->values[SAL_CONF_DRAIN_SECONDS].number, 10);
        assert_int_equal(conf->values[SAL_CONF_ANONYMOUS_POLL].number, 0);
        assert_int_equal(conf->values[SAL_CONF_FILTER_BITS].number, 1 << 27);
        const struct sal_conf_value *machine = conf->planes[SAL_PLANE_MACHINE].values;
        const struct sal_conf_value *admin = conf->planes[SAL_PLANE_ADMIN].values;
        const struct sal_conf_value *ops = conf->planes[SAL_PLANE_OPS].values;
        assert_string_equal(machine[SAL_CONF_ADDRESS].text, "0.0.0.0");
        assert_string_equal(admin[SAL_CONF_ADDRESS].text, "127.0.0.1");
        assert_int_equal(machine[SAL_CONF_PORT].number, 8443);
        assert_int_equal(admin[SAL_CONF_PORT].number, 8444);
        assert_int_equal(ops[SAL_CONF_PORT].number, 9464);
        assert_int_equal(machine[SAL_CONF_BODY_MAX_BYTES].number, 65536);
        assert_int_equal(admin[SAL_CONF_BODY_MAX_BYTES].number, 1048576);
        assert_null(machine[SAL_CONF_CLIENT_CA].text);
        assert_null(ops[SAL_CONF_CERTIFICATE].text);
        assert_int_equal(conf->operator_count, 0);
}

static void what_stands_there_is_read(void **state) {
        (void)state;
        sal_auto(sal_conf) struct sal_conf *conf =
                good("/* a comment\n   of \"two lines */\nworkers = 4 # threads\nlog_level = debug // loud\n" GOOD
                     "anonymous_poll = on\nops {\n  address = \"::1\"\n  port = 0\n}\n"
                     "operator \"ada\" {\n  certificate = \"ada.crt\"\n  role = \"author\"\n}\n"
                     "operator bob {\n  certificate = \"/b.crt\"\n  role = viewer\n}\n"
                     "operator \"J\u00fcrgen \u2713\" {\n  certificate = \"/j.crt\"\n  role = viewer\n}\n");
        assert_int_equal(conf->values[SAL_CONF_WORKERS].number, 4);
        assert_int_equal(conf->values[SAL_CONF_WORKERS].line, 3);
        assert_int_equal(conf->values[SAL_CONF_LOG_LEVEL].number, SAL_LOG_DEBUG);
        assert_int_equal(conf->values[SAL_CONF_ANONYMOUS_POLL].number, 1);
        assert_string_equal(conf->planes[SAL_PLANE_OPS].values[SAL_CONF_ADDRESS].text, "::1");
        assert_int_equal(conf->planes[SAL_PLANE_OPS].values[SAL_CONF_PORT].number, 0);
        assert_int_equal(conf->operator_count, 3);
        assert_string_equal(conf->operators[2].name, "J\u00fcrgen \u2713");
        assert_string_equal(conf->operators[0].name, "ada");
        assert_in_folder(&conf->operators[0].values[SAL_CONF_OPERATOR_CERTIFICATE], "ada.crt");
        assert_int_equal(conf->operators[0].values[SAL_CONF_OPERATOR_ROLE].number, SAL_ROLE_AUTHOR);
        assert_string_equal(conf->operators[1].name, "bob");
        assert_string_equal(conf->operators[1].values[SAL_CONF_OPERATOR_CERTIFICATE].text, "/b.crt");
        assert_int_equal(conf->operators[1].values[SAL_CONF_OPERATOR_ROLE].number, SAL_ROLE_VIEWER);
}

/* The line that the message must name (-1: none), and words that it must hold. */
static const struct bad {
        const char *text;
        int line;
        const char *words;
} bad[] = {
        {"", 0, "state_dir is missing"},
        {TRUST MACHINE ADMIN, 13, "state_dir is missing"},
        {STATE MACHINE ADMIN, 10, "trust.root is missing"},
        {STATE "trust {\n  root = a\n}\n" MACHINE ADMIN, 4, "trust.targets is missing"},
        {STATE "trust {\n  root = a\n  targets = b\n}\n" MACHINE ADMIN, 5, "trust.policy is missing"},
        {STATE "trust {\n  root = a\n  targets = b\n  policy = c\n}\n" MACHINE ADMIN, 6, "trust.online_key is missing"},
        {STATE TRUST ADMIN, 10, "machine.certificate is missing"},
        {STATE TRUST "machine {\n  certificate = a\n}\n" ADMIN, 8, "machine.key is missing"},
        {STATE TRUST MACHINE "admin {\n  certificate = a\n  key = a\n}\n", 13, "admin.client_ca is missing"},
        {GOOD "surprise = 1\n", 15, "unknown key \"surprise\""},
        {GOOD "surprise {\n}\n", 15, "unknown key \"surprise\""},
        {GOOD "ops {\n  surprise = 1\n}\n", 16, "unknown key \"surprise\" in the section ops"},
        {GOOD "ops {\n  certificate = a\n}\n", 16, "unknown key \"certificate\" in the section ops"},
        {GOOD "include(\"/etc/passwd\")\n", 15, "unknown key \"include\""},
        {GOOD "operator a {\n  certificat = b\n}\n", 16, "unknown key \"certificat\" in the section operator"},
        {GOOD "ops {\n  port = 1\n", 16, "the section ops is not closed"},
        {GOOD "ops {\n  port = 1", 16, "the section ops is not closed"},
        {GOOD "operator a {", 15, "the section operator is not closed"},
        {STATE TRUST "machine {\n  certificate = a\n  key = b\n" ADMIN, 9, "is the } before it missing?"},
        {GOOD "}\n", 15, "brace"},
        {GOOD "/* open\n", 15, "is not closed"},
        {GOOD "workers 4\n", 15, "equal sign"},
        {GOOD "workers = {1, 2}\n", 15, "{"},
        {GOOD "workers += 1\n", 15, "append"},
        {GOOD "machine = 4\n", 15, "brace"},
        {GOOD STATE, 15, "state_dir stands there twice, first in line 1"},
        {GOOD "ops {\n  port = 1\n  port = 2\n}\n", 17, "ops.port stands there twice, first in line 16"},
        {GOOD "ops {\n}\nops {\n}\n", 18, "the section ops stands there twice, first up to line 16"},
        {GOOD "trust {\n}\n", 16, "the section trust stands there twice"},
        {GOOD "operator a {\n certificate = b\n role = viewer\n}\noperator a {\n}\n", 19, "\"a\" stands there twice"},
        {GOOD "operator a {\n}\n", 16, "operator \"a\" certificate is missing"},
        {GOOD "operator a {\n  certificate = b\n}\n", 16, "operator \"a\" role is missing"},
        {GOOD "operator a {\n  certificate = b\n  role = emperor\n}\n", 17, "\"emperor\" is no role; viewer, author"},
        {GOOD "operator {\n}\n", 15, "title"},
        {GOOD "operator \"\" {\n}\n", 16, "1 to 63 bytes"},
        {GOOD "operator \"a\\nb\" {\n}\n", 16, "no control characters"},
        {GOOD "operator \"J\xfcrgen\" {\n}\n", 16, "1 to 63 bytes of UTF-8"},
        {GOOD "operator \"J\xfcrgen\" {\n  role = viewer\n}\n", 16, "1 to 63 bytes of UTF-8"},
        {GOOD "operator \"a\xc0\x80\" {\n}\n", 16, "1 to 63 bytes of UTF-8"},
        {GOOD "operator \"a\xed\xa0\x80\" {\n}\n", 16, "1 to 63 bytes of UTF-8"},
        {GOOD "operator \"a\xc3\" {\n}\n", 16, "1 to 63 bytes of UTF-8"},
        {GOOD "operator \"a\xc2\x9b\" {\n}\n", 16, "no control characters"},
        {GOOD "operator 0123456789012345678901234567890123456789012345678901234567890123 {\n}\n", 16, "63 bytes"},
        {GOOD "workers = many\n", 15, "workers = \"many\" is not a whole number; 0 to 64 threads"},
        {GOOD "workers = 1.5\n", 15, "not a whole number"},
        {GOOD "workers = 0x10\n", 15, "not a whole number"},
        {GOOD "workers = \"\"\n", 15, "not a whole number"},
        {GOOD "workers = -\n", 15, "not a whole number"},
        {GOOD "workers = 65\n", 15, "workers = 65 is out of range; 0 to 64 threads are allowed"},
        {GOOD "workers = 99999999999999999999\n", 15, "out of range"},
        {GOOD "ops {\n  port = 65536\n}\n", 16, "ops.port = 65536 is out of range; 0 to 65535 are allowed"},
        {GOOD "ops {\n  port = -1\n}\n", 16, "out of range"},
        {GOOD "ops {\n  idle_timeout_seconds = 0\n}\n", 16, "1 to 3600 seconds are allowed"},
        {GOOD "ops {\n  header_max_bytes = 1023\n}\n", 16, "1024 to 65536 bytes are allowed"},
        {GOOD "ops {\n  connections_max = 0\n}\n", 16, "1 to 1000000 connections"},
        {GOOD "ops {\n  address = nowhere.invalid\n}\n", 16, "no numeric IPv4 or IPv6 address"},
        {GOOD "ops {\n  address = 127.0.0.1.1\n}\n", 16, "no numeric"},
        {GOOD "filter_bits = 65537\n", 15, "not a power of two"},
        {GOOD "filter_bits = 32768\n", 15, "65536 to 17179869184 bits"},
        {GOOD "anonymous_poll = perhaps\n", 15, "neither true nor false"},
        {GOOD "log_level = shout\n", 15, "no log level; error, warning"},
        {"state_dir = \"\"\n" TRUST MACHINE ADMIN, 1, "state_dir is empty"},
        {GOOD "ops {\n  port = 8444\n}\n", 16, "ops.port = 8444: the admin plane listens there already"},
        {GOOD "ops {\n  port = 8443\n}\n", 16, "ops.port = 8443: the machine plane listens there already"},
        {GOOD "ops {\n  address = \"::\"\n  port = 8444\n}\n", 17, "(127.0.0.1, ::)"},
        {GOOD "ops {\n  address = \"::ffff:127.0.0.1\"\n  port = 8444\n}\n", 17, "the admin plane"},
};

static void bad_files_are_refused_with_their_line(void **state) {
        (void)state;
        for (size_t i = 0; i < SAL_ARRAY_LEN(bad); i++) {
                struct sal_conf *conf = NULL;
                struct sal_err err = {0};
                char place[96];
                enum sal_status status = read_text(bad[i].text, strlen(bad[i].text), &conf, &err);
                if (status != SAL_E_CONFIG)
                        fail_msg("row %zu (%s): status %d", i, bad[i].words, status);
                assert_null(conf);
                snprintf(place, sizeof place, "%s:%d: ", path, bad[i].line);
                if (bad[i].line == 0)
                        snprintf(place, sizeof place, "%s: ", path);
                if (strncmp(err.detail, place, strlen(place)) != 0 || !strstr(err.detail, bad[i].words))
                        fail_msg("row %zu: wanted %s… %s …, got %s", i, place, bad[i].words, err.detail);
        }
}

static void planes_apart_may_share_a_port(void **state) {
        (void)state;
        static const char *const apart[] = {
                GOOD "ops {\n  address = 127.0.0.2\n  port = 8444\n}\n",
                GOOD "ops {\n  address = \"::1\"\n  port = 8443\n}\n", /* 0.0.0.0 is IPv4 alone */
                STATE TRUST "machine {\n  certificate = a\n  key = b\n  port = 0\n}\n"
                            "admin {\n  certificate = a\n  key = b\n  client_ca = c\n  port = 0\n}\nops { port = 0 }\n",
        };
        for (size_t i = 0; i < SAL_ARRAY_LEN(apart); i++)
                sal_conf_free(good(apart[i]));
}

static void a_nul_byte_is_refused(void **state) {
        (void)state;
        static const char text[] = "state_dir = a\nworkers = 1\0\n";
        struct sal_conf *conf = NULL;
        struct sal_err err = {0};
        assert_int_equal(read_text(text, sizeof text - 1, &conf, &err), SAL_E_CONFIG);
        assert_non_null(strstr(err.detail, "salvord.conf:2: a NUL byte"));
}

static void a_file_that_is_not_there_is_named(void **state) {
        (void)state;
        struct sal_conf *conf = NULL;
        struct sal_err err = {0};
        assert_int_equal(sal_conf_read("/nonexistent/none.conf", &conf, &err), SAL_E_CONFIG);
        assert_int_equal(err.status, SAL_E_CONFIG);
        assert_non_null(strstr(err.detail, "/nonexistent/none.conf"));
        assert_int_equal(sal_conf_read(folder, &conf, &err), SAL_E_CONFIG);
        assert_non_null(strstr(err.detail, folder));
}

static void a_file_that_is_too_large_is_refused(void **state) {
        (void)state;
        size_t len = SAL_CONF_FILE_MAX_BYTES + 1;
        sal_autofree char *text = malloc(len);
        struct sal_conf *conf = NULL;
        struct sal_err err = {0};
        assert_non_null(text);
        memset(text, '\n', len);
        assert_int_equal(read_text(text, len, &conf, &err), SAL_E_CONFIG);
        assert_non_null(strstr(err.detail, "salvord.conf"));
}

static void as_many_operators_as_there_is_room_for(void **state) {
        (void)state;
        for (int more = 0; more <= 1; more++) {
                sal_autofree char *text = NULL;
                size_t len = 0;
                FILE *file = open_memstream(&text, &len);
                struct sal_conf *conf = NULL;
                struct sal_err err = {0};
                assert_non_null(file);
                fputs(GOOD, file);
                for (int i = 0; i < SAL_OPERATORS_MAX + more; i++)
                        fprintf(file, "operator o%d { certificate = c%d role = viewer }\n", i, i);
                fclose(file);
                assert_int_equal(read_text(text, len, &conf, &err), more ? SAL_E_CONFIG : SAL_OK);
                assert_true(!more || strstr(err.detail, ":271: there are more than 256 operators"));
                sal_conf_free(conf);
        }
}

/* The table itself: every default is a value that the key accepts. */
static void defaults_are_allowed(void **state) {
        (void)state;
        struct sal_conf conf = {.path = path, .folder = folder};
        for (enum sal_conf_section section = SAL_CONF_TOP; section <= SAL_CONF_OPERATOR; section++) {
                size_t count = 0;
                const struct sal_conf_row *rows = sal_conf_rows(section, &count);
                for (size_t i = 0; i < count; i++) {
                        for (size_t plane = 0; plane < (section == SAL_CONF_PLANE ? SAL_PLANES : 1); plane++) {
                                const char *text = rows[i].defaults[plane];
                                struct sal_conf_value value = {0};
                                struct sal_err err = {0};
                                if (!text || !*text)
                                        continue;
                                if (sal_conf_value_read(&conf, &rows[i], rows[i].name, text, 0, &value, &err))
                                        fail_msg("%s", err.detail);
                                free(value.text);
                        }
                }
        }
}

/* The manual's tables say what the program does. */
static void the_manual_has_every_key_with_range_and_default(void **state) {
        (void)state;
        sal_autofree char *manual = NULL;
        size_t len = 0;
        struct sal_err err = {0};
        if (sal_file_read(SALVOR_SOURCE_DIR "/docs/man/salvord.conf.5.scd", 1 << 20, &manual, &len, &err))
                fail_msg("%s", err.detail);
        for (enum sal_conf_section section = SAL_CONF_TOP; section <= SAL_CONF_OPERATOR; section++) {
                size_t count = 0;
                const struct sal_conf_row *rows = sal_conf_rows(section, &count);
                for (size_t i = 0; i < count; i++) {
                        bool ranged = rows[i].kind == SAL_CONF_IS_NUMBER || rows[i].kind == SAL_CONF_IS_POWER_OF_2;
                        sal_autobuf struct sal_buf cell = SAL_BUF_INIT;
                        sal_buf_printf(&cell, "|  *%s*\n", rows[i].name);
                        if (ranged)
                                sal_buf_printf(&cell, ":  %" PRId64 " to %" PRId64 "%s%s\n:  %s", rows[i].min,
                                               rows[i].max, *rows[i].unit ? " " : "", rows[i].unit,
                                               rows[i].defaults[0]);
                        for (size_t plane = 1; ranged && section == SAL_CONF_PLANE && plane < SAL_PLANES; plane++)
                                sal_buf_printf(&cell, ", %s", rows[i].defaults[plane]);
                        sal_buf_puts(&cell, ranged ? "\n" : "");
                        if (!strstr(manual, cell.data))
                                fail_msg("salvord.conf(5) lacks:\n%s", cell.data);
                }
        }
}

static void note_change(void *arg, const char *name) {
        char *text = arg;
        strncat(text, name, 200 - strlen(text));
        strncat(text, " ", 200 - strlen(text));
}

static void changes_that_need_a_restart_are_told_apart(void **state) {
        (void)state;
        char changed[256] = "";
        sal_auto(sal_conf) struct sal_conf *before = good(GOOD);
        sal_auto(sal_conf) struct sal_conf *live =
                good(GOOD "log_level = debug\ndrain_seconds = 1\noperator a { certificate = b role = viewer }\n");
        sal_auto(sal_conf) struct sal_conf *fixed =
                good(GOOD "workers = 2\nops { port = 1 }\nanonymous_poll = false\n");
        sal_conf_each_fixed_change(before, live, note_change, changed);
        assert_string_equal(changed, "");
        sal_conf_each_fixed_change(before, fixed, note_change, changed);
        assert_string_equal(changed, "workers ops.port ");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(defaults_hold_where_nothing_stands),
                cmocka_unit_test(what_stands_there_is_read),
                cmocka_unit_test(bad_files_are_refused_with_their_line),
                cmocka_unit_test(planes_apart_may_share_a_port),
                cmocka_unit_test(a_nul_byte_is_refused),
                cmocka_unit_test(a_file_that_is_not_there_is_named),
                cmocka_unit_test(a_file_that_is_too_large_is_refused),
                cmocka_unit_test(as_many_operators_as_there_is_room_for),
                cmocka_unit_test(defaults_are_allowed),
                cmocka_unit_test(the_manual_has_every_key_with_range_and_default),
                cmocka_unit_test(changes_that_need_a_restart_are_told_apart),
        };
        return cmocka_run_group_tests_name("daemon/config", tests, make_folder, remove_folder);
}
