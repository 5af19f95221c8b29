/* SPDX-License-Identifier: Apache-2.0 */
/* Ed25519 keys and signatures that are almost right, see vectors/ed25519.py. */
#include "vectors/vectors.h"

static void table(void **state) {
        (void)state;
        vectors_all("ed25519.json", 300);
}

int main(void) {
        const struct CMUnitTest tests[] = {cmocka_unit_test(table)};
        return cmocka_run_group_tests(tests, NULL, NULL);
}
