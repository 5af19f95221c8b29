/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trust store: what the offline keys have said, as this server holds it: the root chain from the pinned 1.root.json,
 * the targets file and the trust policy that it lists. It begins with the files of the configuration; what operators
 * hand in later (PUT /trust/root, PUT /trust/targets) lies in the ledger and is believed only as far as a client would:
 * each next root by the old and the new threshold, targets by the newest root's keys, versions only upwards.
 *
 * Thread: a store is immutable and shared by reference; a change makes a new one. Ownership: the store owns all of it.
 */
#ifndef SAL_SERVICE_TRUST_STORE_H
#define SAL_SERVICE_TRUST_STORE_H

#include "ledger/store.h"
#include "trust/policy.h"
#include "trust/tuf_roles.h"

#include <stdatomic.h>

enum {
        SAL_TRUST_MAX_ROOTS = 1024,
        SAL_TRUST_EXPIRY_WARNING_DAYS = 45,
};

struct sal_trust_text {
        char *bytes;
        size_t len;
};

struct sal_trust_store {
        atomic_int refs;
        char trust_domain[SAL_SHA256_HEX_BYTES]; /* hex SHA-256 of roots[0] */
        size_t root_count;                       /* 1..; roots[i] is version i+1 */
        struct sal_trust_text *roots;
        struct sal_tuf_root *root;      /* the newest */
        struct sal_trust_text targets;  /* the file */
        struct sal_tuf_targets *parsed; /* the same, verified with `root` */
        struct sal_policy *policy;      /* the one that targets lists; holds its bytes */
};

/* Reads the configured files, then what the ledger holds. `tx` may be NULL: the files alone (salvord -t). Errors:
 * SAL_E_CONFIG with the file's name (and what makes it good in the hint), SAL_E_CORRUPT (the ledger's part does not
 * verify; the detail names it), SAL_E_IO, SAL_E_NOMEM. Expired files are taken: they are warned of
 * (sal_trust_each_expiry). */
enum sal_status sal_trust_store_load(const char *root_path, const char *targets_path, const char *policy_path,
                                     struct sal_tx *tx, struct sal_trust_store **ret, struct sal_err *reterr);

struct sal_trust_store *sal_trust_store_ref(struct sal_trust_store *store);
void sal_trust_store_unref(struct sal_trust_store *store); /* NULL is allowed */
SAL_DEFINE_CLEANUP(sal_trust_store, sal_trust_store_unref)

/* Both functions below: where a file is at fault, the pointer begins with its name: "/targets/signed/version". */

/* The store with one root more. It is refused as a client would refuse it. Targets that the new root's keys did not
 * sign are refused too (hand in a root that both sets verify, or the targets first): `targets` may be given with it and
 * then replaces them (their version has to be higher all the same); NULL: the old ones stay. Errors: SAL_E_CONFLICT
 * (not the very next version; the chain is full), SAL_E_UNTRUSTED, SAL_E_FORBIDDEN (targets list or delegate what is
 * not theirs), SAL_E_REFUSED (expired), SAL_E_TOO_LARGE, SAL_E_MALFORMED, SAL_E_INVALID (a key that is online and
 * offline at once, too), SAL_E_NOMEM. */
enum sal_status sal_trust_store_with_root(const struct sal_trust_store *store, const char *bytes, size_t len,
                                          const struct sal_trust_text *targets, const struct sal_trust_text *policy,
                                          int64_t now_ms, struct sal_trust_store **ret, struct sal_err *reterr);

/* The store with other targets and their policy (NULL: the policy in force, if they list it). Errors: as above;
 * SAL_E_CONFLICT for a version that is not higher. */
enum sal_status sal_trust_store_with_targets(const struct sal_trust_store *store, const struct sal_trust_text *targets,
                                             const struct sal_trust_text *policy, int64_t now_ms,
                                             struct sal_trust_store **ret, struct sal_err *reterr);

/* sal_tuf_check_separation (trust/separation.h) for all that a store holds. `before` NULL: every fault counts. What is
 * handed in brings none that the store before does not have; a store that is loaded may have some, and is warned of. */
enum sal_status sal_trust_store_check_separation(const struct sal_trust_store *store,
                                                 const struct sal_trust_store *before, struct sal_err *reterr);

/* Writes what differs from `before` to the ledger, in the transaction of the act; targets and policy in any case, so
 * that what was believed under a root is at hand whatever becomes of the configured files. */
enum sal_status sal_trust_store_save(const struct sal_trust_store *store, const struct sal_trust_store *before,
                                     struct sal_tx *tx);

/* Calls each(arg, role, version, expires_ms) for root and targets. */
void sal_trust_each_expiry(const struct sal_trust_store *store,
                           void (*each)(void *arg, const char *role, int64_t version, int64_t expires_ms), void *arg);

#endif
