/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the trust store share: trust_store.c has the value and what is handed in, trust_load.c begins it
 * from the configuration and the ledger. Not for others.
 *
 * Thread: a store that is being built belongs to its builder. Ownership: stores own copies of what they are given.
 */
#ifndef SAL_SERVICE_TRUST_INTERNAL_H
#define SAL_SERVICE_TRUST_INTERNAL_H

#include "service/trust_store.h"

/* Names of the ledger's settings. */
#define SETTING_DOMAIN "trust.domain"
#define SETTING_ROOTS "trust.roots" /* the newest version */
#define SETTING_ROOT "trust.root.%zu"
#define SETTING_TARGETS "trust.targets"
#define SETTING_POLICY "trust.policy"

/* Fills reterr (which may be NULL); SAL_E_NOMEM. */
enum sal_status sal_trust_no_memory(struct sal_err *reterr);

/* An empty store with one owner; NULL without memory. */
struct sal_trust_store *sal_trust_store_new(void);

/* Puts a root that was verified at the end of the chain. `root` is taken in every case. Errors: SAL_E_NOMEM. */
enum sal_status sal_trust_add_root_take(struct sal_trust_store *store, struct sal_tuf_root *root, const char *bytes,
                                        size_t len, struct sal_err *reterr);

/* Verifies targets with the newest root and the policy with targets, and makes them the store's. Errors: those of
 * sal_tuf_targets_load, sal_tuf_target_check and sal_policy_parse; the pointer begins with "/targets" or "/policy". */
enum sal_status sal_trust_set_targets(struct sal_trust_store *store, const char *targets, size_t targets_len,
                                      const char *policy, size_t policy_len, struct sal_err *reterr);

#endif
