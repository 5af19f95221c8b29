/* SPDX-License-Identifier: Apache-2.0 */
/* Where a running server is to be found, as the command-line programs read it. */
#include "daemon/endpoints.h"

#include "base/json.h"
#include "trust/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static void addresses_become_urls(void **state) {
        static const struct {
                const char *address;
                uint16_t port;
                bool tls;
                const char *url;
        } rows[] = {
                {"127.0.0.1", 9464, false, "http://127.0.0.1:9464"}, {"0.0.0.0", 8443, true, "https://127.0.0.1:8443"},
                {"::", 8443, true, "https://localhost:8443"},        {"::1", 1, true, "https://[::1]:1"},
                {"fd00::5", 65535, false, "http://[fd00::5]:65535"},
        };
        (void)state;
        for (size_t i = 0; i < SAL_ARRAY_LEN(rows); i++) {
                char url[SAL_ENDPOINT_BYTES];
                sal_endpoint_format(rows[i].address, rows[i].port, rows[i].tls, url);
                assert_string_equal(url, rows[i].url);
        }
}

static void the_file_is_written_replaced_and_removed(void **state) {
        (void)state;
        char folder[] = "/tmp/salvor-test-endpoints-XXXXXX", path[96];
        char urls[SAL_PLANES][SAL_ENDPOINT_BYTES] = {"https://a:1", "https://b:2", "http://c:3"};
        struct sal_err err = {0};
        assert_non_null(mkdtemp(folder));
        snprintf(path, sizeof path, "%s/endpoints.json", folder);
        sal_endpoints_remove(folder); /* nothing there: nothing happens */
        for (int round = 0; round < 2; round++) {
                sal_autofree char *text = NULL;
                size_t len = 0;
                snprintf(urls[SAL_PLANE_OPS], sizeof urls[0], "http://c:%d", round);
                assert_int_equal(sal_endpoints_write(folder, urls, &err), SAL_OK);
                assert_int_equal(sal_file_read(path, 1000, &text, &len, &err), SAL_OK);
                sal_autojson json_t *json = NULL;
                assert_int_equal(sal_json_parse(text, len, 4, &json, &err), SAL_OK);
                assert_int_equal(json_object_size(json), 3);
                assert_string_equal(json_string_value(json_object_get(json, "machine")), "https://a:1");
                assert_string_equal(json_string_value(json_object_get(json, "admin")), "https://b:2");
                assert_string_equal(json_string_value(json_object_get(json, "ops")), urls[SAL_PLANE_OPS]);
        }
        sal_endpoints_remove(folder);
        assert_int_equal(rmdir(folder), 0); /* nothing else was left behind */
}

static void a_folder_that_is_not_there_is_named(void **state) {
        (void)state;
        char urls[SAL_PLANES][SAL_ENDPOINT_BYTES] = {{0}};
        struct sal_err err = {0};
        assert_int_equal(sal_endpoints_write("/nonexistent/state", urls, &err), SAL_E_IO);
        assert_non_null(strstr(err.detail, "/nonexistent/state/endpoints.json"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(addresses_become_urls),
                cmocka_unit_test(the_file_is_written_replaced_and_removed),
                cmocka_unit_test(a_folder_that_is_not_there_is_named),
        };
        return cmocka_run_group_tests_name("daemon/endpoints", tests, NULL, NULL);
}
