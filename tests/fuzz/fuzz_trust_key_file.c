/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a private key file, and as the DER inside the PEM of an encrypted one. */
#include "base/buf.h"
#include "base/encode.h"
#include "trust/key_file.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void look_at(const char *pem, size_t len) {
        struct sal_key_protection protection;
        struct sal_err err = {0};
        char words[SAL_KEY_PROTECTION_BYTES];
        if (sal_key_file_inspect(pem, len, &protection, &err))
                return;
        sal_key_protection_describe(&protection, words);
        sal_key_protection_check(&protection, words, &err);
        sal_auto(sal_private_key) struct sal_private_key *key = NULL;
        sal_private_key_from_pem(pem, len, NULL, &key, &err); /* without a passphrase: nothing is derived */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
        static const char kind[] = "ENCRYPTED PRIVATE KEY";
        look_at((const char *)data, len);
        if (len > SAL_KEY_FILE_MAX_BYTES / 2)
                return 0;
        sal_autofree char *base64 = sal_base64_encode(data, len);
        sal_autobuf struct sal_buf pem = SAL_BUF_INIT;
        sal_buf_printf(&pem, "-----BEGIN %s-----\n", kind);
        for (size_t at = 0; base64 && at < strlen(base64); at += 64)
                sal_buf_printf(&pem, "%.64s\n", base64 + at);
        sal_buf_printf(&pem, "-----END %s-----\n", kind);
        if (!pem.failed)
                look_at(pem.data, pem.len);
        return 0;
}
