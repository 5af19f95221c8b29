/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a policy, for the file that parses it (policy.c) and the one that decides with it (policy_check.c).
 *
 * Thread: immutable once parsed. Ownership: the policy owns everything here.
 */
#ifndef SAL_TRUST_POLICY_INTERNAL_H
#define SAL_TRUST_POLICY_INTERNAL_H

#include "trust/policy.h"

#include <stdatomic.h>

struct sal_policy {
        atomic_int references;
        char *bytes;
        size_t len;
        char sha256[SAL_SHA256_HEX_BYTES];
        char **author_names;
        struct sal_public_key **author_keys;
        size_t author_count;
        struct sal_policy_class *classes;
        size_t class_count;
        struct sal_policy_revocation *revoked;
        size_t revoked_count;
};

#endif
