/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

static void parses(const char *path, enum sal_layout layout, const char *expected) {
        sal_autosyspath struct sal_syspath parsed = {0};
        sal_autobuf struct sal_buf joined = SAL_BUF_INIT;
        assert_int_equal(sal_syspath_parse(path, layout, &parsed, NULL), SAL_OK);
        for (size_t i = 0; i < parsed.count; i++)
                sal_buf_printf(&joined, "%s%s", i ? "/" : "", parsed.parts[i]);
        assert_string_equal(joined.data, expected);
        assert_int_equal(parsed.fold, layout == SAL_LAYOUT_WINDOWS);
}

static void variables_stand_for_the_layouts_folders(void **state) {
        (void)state;
        parses("${SYSTEM}/drivers/a*.sys", SAL_LAYOUT_WINDOWS, "Windows/System32/drivers/a*.sys");
        parses("${SYSTEMROOT}/x", SAL_LAYOUT_WINDOWS, "Windows/x");
        parses("${BOOT}/BCD", SAL_LAYOUT_WINDOWS, "Boot/BCD");
        parses("${SYSTEM}/lib/x", SAL_LAYOUT_UNIX, "usr/lib/x");
        parses("${SYSTEMROOT}/etc/x", SAL_LAYOUT_UNIX, "etc/x");
        parses("${BOOT}/grub/grub.cfg", SAL_LAYOUT_UNIX, "boot/grub/grub.cfg");
}

static void tricks_are_refused(void **state) {
        (void)state;
        static const char *const bad[] = {
                "",
                "/etc/passwd",
                "etc/passwd",
                "${HOME}/x",
                "${SYSTEM}",
                "${SYSTEM}/",
                "${SYSTEM}x/y",
                "${SYSTEM}/../x",
                "${SYSTEM}/a/../../x",
                "${SYSTEM}/./x",
                "${SYSTEM}//x",
                "${SYSTEM}/x/",
                "${SYSTEM}/c:x",
                "${SYSTEM}/x:stream",
                "${SYSTEM}/a\\b",
                "${SYSTEM}/a\nb",
                "${SYSTEM}/a\177b",
                "x${SYSTEM}/y",
        };
        for (size_t i = 0; i < SAL_ARRAY_LEN(bad); i++) {
                sal_autosyspath struct sal_syspath parsed = {0};
                struct sal_err error = {0};
                assert_int_equal(sal_syspath_parse(bad[i], SAL_LAYOUT_UNIX, &parsed, &error), SAL_E_REFUSED);
                assert_true(strlen(error.detail) > 0);
        }
}

static void bounds_hold(void **state) {
        (void)state;
        sal_autobuf struct sal_buf text = SAL_BUF_INIT;
        sal_autosyspath struct sal_syspath parsed = {0};
        sal_buf_puts(&text, "${SYSTEM}/");
        for (int i = 0; i < 256; i++)
                sal_buf_putc(&text, 'a');
        assert_int_equal(sal_syspath_parse(text.data, SAL_LAYOUT_UNIX, &parsed, NULL), SAL_E_REFUSED);
        sal_buf_clear(&text);
        sal_buf_puts(&text, "${SYSTEM}");
        for (int i = 0; i < 65; i++)
                sal_buf_puts(&text, "/a");
        assert_int_equal(sal_syspath_parse(text.data, SAL_LAYOUT_UNIX, &parsed, NULL), SAL_E_REFUSED);
}

static void names_compare_by_layout(void **state) {
        (void)state;
        assert_true(sal_syspath_part_matches("C-00000291*.sys", "c-00000291-a.SYS", true));
        assert_false(sal_syspath_part_matches("C-00000291*.sys", "c-00000291-a.SYS", false));
        assert_true(sal_syspath_part_matches("Drivers", "dRIVERS", true));
        assert_false(sal_syspath_part_matches("Drivers", "drivers", false));
        assert_false(sal_syspath_part_matches("Drivers", "drivers2", true));
        assert_true(sal_syspath_part_matches("a?c", "a\nc", false));
        assert_false(sal_syspath_part_matches("a?c", "ac", false));
        assert_false(sal_syspath_same("[", "{", true)); /* only letters have a case */
}

static void escaping_round_trips(void **state) {
        (void)state;
        const char *hostile = "a\nb%41\xff\x1b[31m ";
        sal_autobuf struct sal_buf text = SAL_BUF_INIT;
        sal_autofree char *back = NULL;
        sal_syspath_escape(hostile, &text);
        assert_string_equal(text.data, "a%0Ab%2541%FF%1B[31m ");
        assert_int_equal(sal_syspath_unescape(text.data, &back), SAL_OK);
        assert_string_equal(back, hostile);
        char *none = NULL;
        assert_int_equal(sal_syspath_unescape("a%4", &none), SAL_E_MALFORMED);
        assert_int_equal(sal_syspath_unescape("a%", &none), SAL_E_MALFORMED);
        assert_int_equal(sal_syspath_unescape("a%00", &none), SAL_E_MALFORMED);
        assert_int_equal(sal_syspath_unescape("a%zz", &none), SAL_E_MALFORMED);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(variables_stand_for_the_layouts_folders),
                cmocka_unit_test(tricks_are_refused),
                cmocka_unit_test(bounds_hold),
                cmocka_unit_test(names_compare_by_layout),
                cmocka_unit_test(escaping_round_trips),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
