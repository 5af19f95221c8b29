/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the fuzz targets of trust/ share: a check that stops the run, keys that are the same in every run (so that an
 * input that was found, or a seed, means the same next time), and the bits of a repository made with them.
 *
 * Thread: one. Ownership: functions that return a pointer hand it over unless they say otherwise.
 */
#ifndef SAL_TESTS_FUZZ_HARNESS_H
#define SAL_TESTS_FUZZ_HARNESS_H

#include "base/buf.h"
#include "base/encode.h"
#include "base/mem.h"
#include "trust/updater.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* 2026-05-01T00:00:00Z */
static const int64_t fuzz_now_ms = INT64_C(1777593600000);

static inline void check(bool holds) {
        if (!holds)
                abort();
}

/* The Ed25519 key whose seed is 32 times this byte (PKCS#8, RFC 8410 section 7). */
static inline struct sal_private_key *fuzz_key(uint8_t seed) {
        uint8_t der[48] = {0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20};
        static const char kind[] = "PRIVATE KEY";
        char pem[256];
        memset(der + 16, seed, 32);
        sal_autofree char *base64 = sal_base64_encode(der, sizeof der);
        int len = snprintf(pem, sizeof pem, "-----BEGIN %s-----\n%s\n-----END %s-----\n", kind, base64, kind);
        struct sal_private_key *key = NULL;
        check(!sal_private_key_from_pem(pem, (size_t)len, NULL, &key, NULL));
        return key;
}

/* A text that ends where the bytes do: what a parser that wants a NUL is given. */
static inline char *fuzz_text(const uint8_t *data, size_t len) {
        char *text = malloc(len + 1);
        check(text != NULL);
        if (len)
                memcpy(text, data, len);
        text[len] = '\0';
        return text;
}

/* Takes the bytes up to a NUL, or all, off the front. */
static inline char *fuzz_next(const uint8_t **data, size_t *len) {
        const uint8_t *end = *len ? memchr(*data, 0, *len) : NULL;
        size_t take = end ? (size_t)(end - *data) : *len;
        char *text = fuzz_text(*data, take);
        size_t used = take + (end ? 1 : 0);
        *data = *len ? *data + used : *data;
        *len -= used;
        return text;
}

/* Takes one byte off the front, 0 when there is none. */
static inline uint8_t fuzz_byte(const uint8_t **data, size_t *len) {
        if (*len == 0)
                return 0;
        (*len)--;
        return *(*data)++;
}

/* A copy of good bytes with up to `most` bytes changed as the input says (two bytes where, one what). */
static inline char *fuzz_bend(const char *good, size_t good_len, unsigned most, const uint8_t **data, size_t *len) {
        char *bent = fuzz_text((const uint8_t *)good, good_len);
        for (unsigned i = 0; i < most && *len >= 3 && good_len; i++) {
                bent[((size_t)(*data)[0] << 8 | (*data)[1]) % good_len] = (char)(*data)[2];
                *data += 3;
                *len -= 3;
        }
        return bent;
}

#endif
