/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as a machine's token, and a true token of another machine or generation: only the very text is taken. */
#include "harness.h"
#include "trust/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
        static const struct sal_token_key key = {.bytes = {1, 2, 3}};
        char made[SAL_MACHINE_TOKEN_BYTES], digest[SAL_SHA256_HEX_BYTES];
        int64_t generation = fuzz_byte(&data, &len), got = -1;
        sal_autofree char *id = fuzz_next(&data, &len);
        if (generation % 2) { /* a true token, bent */
                if (sal_machine_token_make(&key, id, generation, made))
                        return 0;
                sal_autofree char *bent = fuzz_bend(made, strlen(made), 4, &data, &len);
                enum sal_status status = sal_machine_token_check(&key, id, bent, strlen(made), &got);
                check((status == SAL_OK) == (memcmp(bent, made, strlen(made)) == 0));
                check(status || got == generation);
                return 0;
        }
        sal_secret_token_digest((const char *)data, len, digest);
        if (!sal_machine_token_check(&key, id, (const char *)data, len, &got)) {
                check(!sal_machine_token_make(&key, id, got, made));
                check(strlen(made) == len && memcmp(made, data, len) == 0);
        }
        return 0;
}
