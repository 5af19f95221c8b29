/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as the header of an elevated act, and any texts as the id and challenge that a server wants to be signed:
 * what is signed can be read and verified, for this challenge and no other.
 */
#include "harness.h"
#include "trust/elevation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
        static struct sal_private_key *key;
        if (!key)
                key = fuzz_key(7);
        const struct sal_public_key *half = sal_private_key_public(key);
        struct sal_elevation_header header;
        if (!sal_elevation_header_parse((const char *)data, len, &header, NULL)) {
                check(strlen(header.id) < sizeof header.id && header.proof_len <= sizeof header.proof);
                check(!sal_elevation_verify(half, "a challenge", header.proof, header.proof_len));
        }
        sal_autofree char *id = fuzz_next(&data, &len), *challenge = fuzz_next(&data, &len);
        sal_autofree char *value = NULL;
        if (sal_elevation_sign(key, id, challenge, &value, NULL))
                return 0;
        check(!sal_elevation_header_parse(value, strlen(value), &header, NULL) && strcmp(header.id, id) == 0);
        check(sal_elevation_verify(half, challenge, header.proof, header.proof_len));
        sal_autofree char *other = fuzz_next(&data, &len);
        if (strcmp(other, challenge) != 0)
                check(!sal_elevation_verify(half, other, header.proof, header.proof_len));
        return 0;
}
