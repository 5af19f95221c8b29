/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Offer filter: a Bloom filter of the machines about which the snapshot alone cannot answer (they hold an offer of a
 * live campaign, are pinned, opted out, deleted or re-enrolled). It may say yes wrongly, never no: a wrong yes costs
 * one look-up in the ledger, a wrong no would cost a second offer.
 *
 * Threads: add and test are atomic and lock-free, from any thread. Ownership: the filter owns its bits.
 */
#ifndef SAL_SERVICE_FILTER_H
#define SAL_SERVICE_FILTER_H

#include <stdbool.h>
#include <stdint.h>

struct sal_filter;

/* bits: a power of two, 2^16..2^34; 16 bits per machine keep wrong answers under 0.3 %. NULL without memory. */
struct sal_filter *sal_filter_new(uint64_t bits);
void sal_filter_free(struct sal_filter *filter); /* NULL is allowed */
void sal_filter_add(struct sal_filter *filter, const char *machine_id);
bool sal_filter_test(const struct sal_filter *filter, const char *machine_id);

#endif
