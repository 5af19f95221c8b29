/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a trust policy and as a TUF root. */
#include "trust/policy.h"
#include "trust/tuf.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
        sal_auto(sal_policy) struct sal_policy *policy = NULL;
        struct sal_err err = {0};
        sal_policy_parse((const char *)data, len, &policy, &err);
        sal_auto(sal_tuf_root) struct sal_tuf_root *root = NULL;
        if (!sal_tuf_root_load((const char *)data, len, &root, &err) && root->version < 1)
                abort();
        return 0;
}
