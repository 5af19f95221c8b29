/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A class's glob, an action's path and a file, each up to a NUL: when the glob covers the path, then every file that
 * the path means lies within the glob.
 */
#include "harness.h"
#include "trust/policy.h"

/* `*` is any run of bytes but '/', `?` one byte but '/'. */
static bool matches(const char *pattern, const char *text) {
        const char *star = NULL, *resume = NULL;
        while (*text) {
                if (*pattern == '*') {
                        star = ++pattern;
                        resume = text;
                } else if (*pattern && (*pattern == *text || (*pattern == '?' && *text != '/'))) {
                        pattern++;
                        text++;
                } else if (star && *resume != '/') {
                        pattern = star;
                        text = ++resume;
                } else {
                        return false;
                }
        }
        while (*pattern == '*')
                pattern++;
        return !*pattern;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
        sal_autofree char *glob = fuzz_next(&data, &len), *path = fuzz_next(&data, &len);
        sal_autofree char *file = fuzz_next(&data, &len);
        if (sal_policy_glob_covers(glob, path) && matches(path, file))
                check(matches(glob, file));
        if (strcmp(glob, path) == 0 && !strchr(glob, '?'))
                check(sal_policy_glob_covers(glob, path));
        return 0;
}
