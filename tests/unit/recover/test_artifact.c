/* SPDX-License-Identifier: Apache-2.0 */
/* How long an artifact may take: it depends on its length, and no server can stretch it. */
#include "job_fixture.h"

#include "salvor-recover/artifact.h"

#include <arpa/inet.h>
#include <sys/socket.h>

static void the_bound_grows_with_the_length(void **state) {
        (void)state;
        assert_int_equal(sal_artifact_timeout_ms(1, -1), 120 * 1000);
        assert_int_equal(sal_artifact_timeout_ms(4096, -1), 121 * 1000);
        assert_int_equal(sal_artifact_timeout_ms(INT64_C(1) << 30, -1), (120 + 262144) * INT64_C(1000));
}

static void what_is_left_in_all_bounds_it_too(void **state) {
        (void)state;
        assert_int_equal(sal_artifact_timeout_ms(4096, 500), 500);
        assert_int_equal(sal_artifact_timeout_ms(4096, 999999), 121 * 1000);
        assert_int_equal(sal_artifact_timeout_ms(4096, 0), 1); /* 0 would be no bound */
}

/* A server that takes the connection and never says a word. */
static void a_silent_server_is_left_in_time(void **state) {
        (void)state;
        struct stage s = {0};
        char url[64];
        struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t len = sizeof name;
        sal_autoclose int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(listener, (struct sockaddr *)&name, len), 0);
        assert_int_equal(listen(listener, 4), 0);
        assert_int_equal(getsockname(listener, (struct sockaddr *)&name, &len), 0);
        snprintf(url, sizeof url, "https://127.0.0.1:%d", ntohs(name.sin_port));
        fixture_init(&s.f);
        stage_open(&s);
        sal_auto(sal_net) struct sal_net *net = NULL;
        struct sal_artifact_ref artifact = {.length = 4096};
        memset(artifact.sha256, 'a', sizeof artifact.sha256 - 1);
        const struct sal_net_options options = {.server = url}; /* it never comes to a certificate */
        assert_int_equal(sal_net_new(&options, &net, NULL), SAL_OK);
        int64_t begun_ms = sal_clock_mono_ms();
        assert_int_equal(sal_artifact_fetch(s.store, net, &artifact, 200, NULL), SAL_E_TIMEOUT);
        assert_true(sal_clock_mono_ms() - begun_ms < 5000);
        stage_close(&s);
        fixture_done(&s.f);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_bound_grows_with_the_length),
                cmocka_unit_test(what_is_left_in_all_bounds_it_too),
                cmocka_unit_test(a_silent_server_is_left_in_time),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
