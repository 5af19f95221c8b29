/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of trust/ share: cmocka's includes, keys that are always the same, a folder that goes away.
 *
 * Thread: one. Ownership: functions that return a pointer hand it over unless they say otherwise.
 */
#ifndef SAL_TESTS_TRUST_TESTING_H
#define SAL_TESTS_TRUST_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>

#include "base/encode.h"
#include "trust/key.h"

static inline struct sal_private_key *make_key(enum sal_key_type type) {
        struct sal_private_key *key = NULL;
        assert_int_equal(sal_private_key_generate(type, &key, NULL), SAL_OK);
        return key;
}

static inline uint8_t *from_hex(const char *hex, size_t *ret_len) {
        size_t len = strlen(hex) / 2;
        uint8_t *bytes = malloc(len + 1);
        assert_non_null(bytes);
        assert_int_equal(sal_hex_decode(hex, 2 * len, bytes, len), SAL_OK);
        *ret_len = len;
        return bytes;
}

static inline int test_remove_entry(const char *path, const struct stat *info, int type, struct FTW *ftw) {
        (void)info;
        (void)type;
        (void)ftw;
        return remove(path);
}

/* A fresh folder; the name is static. */
static inline const char *make_folder(void) {
        static char path[64];
        snprintf(path, sizeof path, "/tmp/salvor-test-XXXXXX");
        assert_non_null(mkdtemp(path));
        return path;
}

static inline void drop_folder(const char *path) {
        nftw(path, test_remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

#endif
