/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hex (lower case), base64 (RFC 4648 section 4, padded, nothing else accepted) and base64url (section 5, unpadded);
 * SHA-256 (FIPS 180-4) and random bytes.
 *
 * SHA-256 stands here, not in trust/, because ring assignment and artifact names need it and are no matter of keys.
 * Thread: any. Ownership: outputs are handed over, to be freed with free.
 */
#ifndef SAL_BASE_ENCODE_H
#define SAL_BASE_ENCODE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SAL_SHA256_BYTES = 32, SAL_SHA256_HEX_BYTES = 65 };

/* Writes 2*len lower-case digits and a NUL. */
void sal_hex_encode(const void *data, size_t len, char *ret_text);

/* Reads exactly 2*len lower-case hex digits. Errors: SAL_E_MALFORMED. */
enum sal_status sal_hex_decode(const char *text, size_t text_len, uint8_t *ret_data, size_t len);

/* True when text is 64 lower-case hex digits. */
bool sal_is_sha256_hex(const char *text);

/* Base64, padded. NULL without memory. */
char *sal_base64_encode(const void *data, size_t len);

/* Strict: canonical padding, no white space, unused bits zero. Errors: SAL_E_MALFORMED, SAL_E_NOMEM. A NUL follows the
 * bytes (not counted). */
enum sal_status sal_base64_decode(const char *text, size_t text_len, uint8_t **ret_data, size_t *ret_len);

/* Base64url without padding; strict in the same way. */
char *sal_base64url_encode(const void *data, size_t len);
enum sal_status sal_base64url_decode(const char *text, size_t text_len, uint8_t **ret_data, size_t *ret_len);

/* SHA-256 of len bytes (data may be NULL when len is 0), as bytes or as 64 lower-case hex digits and a NUL. */
void sal_sha256(const void *data, size_t len, uint8_t ret_digest[static SAL_SHA256_BYTES]);
void sal_sha256_hex(const void *data, size_t len, char ret_text[static SAL_SHA256_HEX_BYTES]);

/* Streaming form, for files. */
struct sal_sha256_stream;
struct sal_sha256_stream *sal_sha256_stream_new(void);
void sal_sha256_stream_add(struct sal_sha256_stream *stream, const void *data, size_t len);
void sal_sha256_stream_end(struct sal_sha256_stream *stream, uint8_t ret_digest[static SAL_SHA256_BYTES]);
void sal_sha256_stream_free(struct sal_sha256_stream *stream);

/* Cryptographically strong bytes from the kernel; aborts when the kernel has none, for there is nothing safe to do. */
void sal_random(void *data, size_t len);

/* Compares without leaking where the first difference is. */
bool sal_equal_secret(const void *a, const void *b, size_t len);

#endif
