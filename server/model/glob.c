/* SPDX-License-Identifier: Apache-2.0 */
#include "model/selector.h"

static unsigned char lower(char c) {
        return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static bool same(char a, char b, bool fold) {
        return fold ? lower(a) == lower(b) : a == b;
}

bool sal_glob_match(const char *pattern, const char *text, bool fold) {
        /* Once the part before a star has matched, a longer run for an earlier star can win nothing that a longer run
         * for this one cannot, so only the last star is ever tried again. */
        const char *after_star = NULL;
        const char *resume = NULL;
        while (*text) {
                if (*pattern == '*') {
                        after_star = ++pattern;
                        resume = text;
                } else if (*pattern && (*pattern == '?' || same(*pattern, *text, fold))) {
                        pattern++;
                        text++;
                } else if (after_star) {
                        pattern = after_star;
                        text = ++resume;
                } else {
                        return false;
                }
        }
        while (*pattern == '*')
                pattern++;
        return *pattern == '\0';
}
