/* SPDX-License-Identifier: Apache-2.0 */
#include "api/poll_metadata.h"
#include "service/publication_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* A view in which `roots` roots of root_len bytes are public, and version 5 of all others. */
static struct sal_view *view_of(int64_t roots, size_t root_len) {
        struct sal_view *view = sal_view_new((size_t)roots + SAL_TUF_FILES);
        char name[SAL_TUF_NAME_BYTES];
        sal_autofree char *bytes = malloc(root_len + 1);
        assert_non_null(view);
        assert_non_null(bytes);
        memset(bytes, '"', root_len); /* each takes two bytes in JSON */
        for (int64_t version = 1; version <= roots; version++) {
                sal_tuf_file_name(SAL_TUF_FILE_ROOT, version, name);
                assert_true(sal_view_add(view, name, bytes, root_len, false));
        }
        for (int file = SAL_TUF_FILE_TIMESTAMP; file < SAL_TUF_FILES; file++) {
                sal_tuf_file_name((enum sal_tuf_file)file, 5, name);
                assert_true(sal_view_add(view, name, name, strlen(name), false));
                view->versions[file] = 5;
        }
        view->versions[SAL_TUF_FILE_ROOT] = roots;
        sal_view_seal(view);
        return view;
}

/* The names that a poll with this `have` is given, joined by blanks; the whole answer's length. */
static size_t names_for(const struct sal_view *view, const char *have, char ret[static 4096]) {
        sal_autojson json_t *body = json_pack("{s:o}", "have", json_loads(have, 0, NULL));
        sal_autojson json_t *answer = json_object();
        const struct sal_json_at at = sal_json_root(body);
        struct sal_poll_have parsed = {0};
        struct sal_err err = {0};
        const char *name;
        json_t *text;
        if (sal_poll_have_read(&at, &parsed, &err))
                fail_msg("%s %s", err.pointer, err.detail);
        sal_poll_bring_along(answer, &parsed, view, NULL);
        assert_null(json_object_get(answer, "files"));
        ret[0] = '\0';
        json_object_foreach (json_object_get(answer, "metadata"), name, text)
                snprintf(ret + strlen(ret), 4096 - strlen(ret), "%s%s", *ret ? " " : "", name);
        sal_autofree char *dump = sal_json_dump(answer);
        return strlen(dump);
}

static void what_is_newer_comes_in_order(void **state) {
        static const struct {
                const char *have, *names;
        } cases[] = {
                {"{}", "1.root.json 2.root.json timestamp.json 5.snapshot.json 5.targets.json 5.campaigns.json"},
                {"{\"root\":2,\"timestamp\":5,\"snapshot\":5,\"targets\":5,\"campaigns\":5}", ""},
                {"{\"root\":2,\"timestamp\":4,\"snapshot\":5,\"targets\":5,\"campaigns\":5}", "timestamp.json"},
                {"{\"root\":2,\"timestamp\":4,\"snapshot\":4,\"targets\":5,\"campaigns\":4}",
                 "timestamp.json 5.snapshot.json 5.campaigns.json"},
                {"{\"root\":2}", "timestamp.json 5.snapshot.json 5.targets.json 5.campaigns.json"},
                /* ahead of what there is: nothing is newer; */
                {"{\"root\":2,\"timestamp\":2147483647,\"snapshot\":9,\"targets\":5,\"campaigns\":9}", ""},
                /* but a new root may let its floors fall, so that it needs everything below */
                {"{\"root\":1,\"timestamp\":2147483647,\"snapshot\":9,\"targets\":5,\"campaigns\":9}",
                 "2.root.json timestamp.json 5.snapshot.json 5.targets.json 5.campaigns.json"},
                {"{\"root\":9,\"timestamp\":4,\"snapshot\":5,\"targets\":5,\"campaigns\":5}", "timestamp.json"},
        };
        (void)state;
        sal_auto(sal_view) struct sal_view *view = view_of(2, 100);
        for (size_t i = 0; i < SAL_ARRAY_LEN(cases); i++) {
                char names[4096];
                names_for(view, cases[i].have, names);
                assert_string_equal(names, cases[i].names);
        }
}

/* A chain that does not fit: as many roots as fit, from the first on, and never more than an answer may have. */
static void what_does_not_fit_is_left_out(void **state) {
        (void)state;
        char names[4096];
        sal_auto(sal_view) struct sal_view *view = view_of(20, 3000);
        size_t len = names_for(view, "{}", names);
        assert_true(len < SAL_POLL_ANSWER_MAX_BYTES);
        assert_true(strncmp(names, "1.root.json 2.root.json 3.root.json ", 36) == 0);
        assert_null(strstr(names, "20.root.json"));
        sal_auto(sal_view) struct sal_view *large = view_of(1, 40000);
        assert_true(names_for(large, "{}", names) < SAL_POLL_ANSWER_MAX_BYTES);
        assert_string_equal(names, "timestamp.json 5.snapshot.json 5.targets.json 5.campaigns.json");
}

static void have_is_read_strictly(void **state) {
        static const struct {
                const char *body, *pointer;
        } cases[] = {
                {"{\"have\":1}", "/have"},
                {"{\"have\":{\"root\":-1}}", "/have/root"},
                {"{\"have\":{\"timestamp\":2147483648}}", "/have/timestamp"},
                {"{\"have\":{\"snapshot\":1.5}}", "/have/snapshot"},
                {"{\"have\":{\"targets\":\"1\"}}", "/have/targets"},
                {"{\"have\":{\"campaigns\":null}}", "/have/campaigns"},
                {"{\"have\":{\"policy\":1}}", "/have/policy"},
        };
        (void)state;
        for (size_t i = 0; i < SAL_ARRAY_LEN(cases); i++) {
                sal_autojson json_t *body = json_loads(cases[i].body, 0, NULL);
                const struct sal_json_at at = sal_json_root(body);
                struct sal_poll_have have = {0};
                struct sal_err err = {0};
                assert_int_equal(sal_poll_have_read(&at, &have, &err), SAL_E_INVALID);
                assert_string_equal(err.pointer, cases[i].pointer);
                assert_false(have.given);
        }
}

/* A poll without it is told nothing: it may be a client that knows no TUF. */
static void without_have_nothing_comes(void **state) {
        (void)state;
        sal_auto(sal_view) struct sal_view *view = view_of(1, 100);
        sal_autojson json_t *body = json_object(), *answer = json_object();
        const struct sal_json_at at = sal_json_root(body);
        struct sal_poll_have have = {0};
        assert_int_equal(sal_poll_have_read(&at, &have, NULL), SAL_OK);
        sal_poll_bring_along(answer, &have, view, NULL);
        assert_int_equal(json_object_size(answer), 0);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_newer_comes_in_order),
                cmocka_unit_test(what_does_not_fit_is_left_out),
                cmocka_unit_test(have_is_read_strictly),
                cmocka_unit_test(without_have_nothing_comes),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
