/* SPDX-License-Identifier: Apache-2.0 */
#include "base/encode.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static const char hex_digits[] = "0123456789abcdef";
static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void sal_hex_encode(const void *data, size_t len, char *ret_text) {
        const uint8_t *bytes = data;
        for (size_t i = 0; i < len; i++) {
                ret_text[2 * i] = hex_digits[bytes[i] >> 4];
                ret_text[2 * i + 1] = hex_digits[bytes[i] & 15];
        }
        ret_text[2 * len] = '\0';
}

static int hex_value(char c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        return -1;
}

enum sal_status sal_hex_decode(const char *text, size_t text_len, uint8_t *ret_data, size_t len) {
        if (text_len != 2 * len)
                return SAL_E_MALFORMED;
        for (size_t i = 0; i < len; i++) {
                int high = hex_value(text[2 * i]);
                int low = hex_value(text[2 * i + 1]);
                if (high < 0 || low < 0)
                        return SAL_E_MALFORMED;
                ret_data[i] = (uint8_t)(high << 4 | low);
        }
        return SAL_OK;
}

bool sal_is_sha256_hex(const char *text) {
        uint8_t digest[SAL_SHA256_BYTES];
        return sal_hex_decode(text, strlen(text), digest, sizeof digest) == SAL_OK;
}

static char *encode(const char *alphabet, bool pad, const void *data, size_t len) {
        if (len > SIZE_MAX / 2)
                return NULL;
        const uint8_t *in = data;
        char *text = malloc((len + 2) / 3 * 4 + 1);
        if (!text)
                return NULL;
        char *out = text;
        for (size_t i = 0; i < len; i += 3) {
                size_t left = len - i;
                uint32_t group = (uint32_t)in[i] << 16;
                if (left > 1)
                        group |= (uint32_t)in[i + 1] << 8;
                if (left > 2)
                        group |= in[i + 2];
                *out++ = alphabet[group >> 18];
                *out++ = alphabet[group >> 12 & 63];
                if (left > 1)
                        *out++ = alphabet[group >> 6 & 63];
                else if (pad)
                        *out++ = '=';
                if (left > 2)
                        *out++ = alphabet[group & 63];
                else if (pad)
                        *out++ = '=';
        }
        *out = '\0';
        return text;
}

static int decode_digit(char c, char c62, char c63) {
        if (c >= 'A' && c <= 'Z')
                return c - 'A';
        if (c >= 'a' && c <= 'z')
                return c - 'a' + 26;
        if (c >= '0' && c <= '9')
                return c - '0' + 52;
        return c == c62 ? 62 : c == c63 ? 63 : -1;
}

/* Decodes text without padding; a group of one digit, a foreign character or a used spare bit is malformed. */
static enum sal_status decode(const char *alphabet, const char *text, size_t text_len, uint8_t **ret_data,
                              size_t *ret_len) {
        if (text_len % 4 == 1)
                return SAL_E_MALFORMED;
        uint8_t *data = malloc(text_len / 4 * 3 + 4);
        if (!data)
                return SAL_E_NOMEM;
        size_t len = 0;
        uint32_t group = 0;
        unsigned bits = 0;
        for (size_t i = 0; i < text_len; i++) {
                int digit = decode_digit(text[i], alphabet[62], alphabet[63]);
                if (digit < 0) {
                        free(data);
                        return SAL_E_MALFORMED;
                }
                group = (group << 6 | (uint32_t)digit) & 0xffffffu;
                bits += 6;
                if (bits >= 8) {
                        bits -= 8;
                        data[len++] = (uint8_t)(group >> bits & 0xff);
                }
        }
        if (group & ((1u << bits) - 1)) {
                free(data);
                return SAL_E_MALFORMED;
        }
        data[len] = 0;
        *ret_data = data;
        *ret_len = len;
        return SAL_OK;
}

char *sal_base64_encode(const void *data, size_t len) {
        return encode(standard, true, data, len);
}

enum sal_status sal_base64_decode(const char *text, size_t text_len, uint8_t **ret_data, size_t *ret_len) {
        if (text_len % 4)
                return SAL_E_MALFORMED;
        size_t padding = 0;
        while (padding < 2 && padding < text_len && text[text_len - 1 - padding] == '=')
                padding++;
        return decode(standard, text, text_len - padding, ret_data, ret_len);
}

char *sal_base64url_encode(const void *data, size_t len) {
        return encode(url_safe, false, data, len);
}

enum sal_status sal_base64url_decode(const char *text, size_t text_len, uint8_t **ret_data, size_t *ret_len) {
        return decode(url_safe, text, text_len, ret_data, ret_len);
}

void sal_sha256(const void *data, size_t len, uint8_t ret_digest[static SAL_SHA256_BYTES]) {
        SHA256(data, len, ret_digest);
}

void sal_sha256_hex(const void *data, size_t len, char ret_text[static SAL_SHA256_HEX_BYTES]) {
        uint8_t digest[SAL_SHA256_BYTES];
        sal_sha256(data, len, digest);
        sal_hex_encode(digest, sizeof digest, ret_text);
}

struct sal_sha256_stream *sal_sha256_stream_new(void) {
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        if (ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1) {
                EVP_MD_CTX_free(ctx);
                ctx = NULL;
        }
        return (struct sal_sha256_stream *)ctx;
}

void sal_sha256_stream_add(struct sal_sha256_stream *stream, const void *data, size_t len) {
        EVP_DigestUpdate((EVP_MD_CTX *)stream, data, len);
}

void sal_sha256_stream_end(struct sal_sha256_stream *stream, uint8_t ret_digest[static SAL_SHA256_BYTES]) {
        EVP_DigestFinal_ex((EVP_MD_CTX *)stream, ret_digest, NULL);
}

void sal_sha256_stream_free(struct sal_sha256_stream *stream) {
        EVP_MD_CTX_free((EVP_MD_CTX *)stream);
}

void sal_random(void *data, size_t len) {
        uint8_t *p = data;
        while (len) {
                ssize_t n = getrandom(p, len, 0);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        abort();
                p += n;
                len -= (size_t)n;
        }
}

bool sal_equal_secret(const void *a, const void *b, size_t len) {
        return CRYPTO_memcmp(a, b, len) == 0;
}
