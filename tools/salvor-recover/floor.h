/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What time it is for the client. Its own clock may be dead, and the server's word may be a lie, so time never goes
 * back behind the floor: the moment of the build, or any later time that is kept in the state directory.
 *
 * A time that is kept too far ahead would put everything out of date for good. So a server's word alone is never kept.
 * A time is kept only once a campaign was accepted at it, and then it is vouched for twice:
 *
 *   by the authors: it is before the campaign's `expires`, at most 30 days after the `not_before` that they signed;
 *   by the online keys: it is not after the expiry of the verified timestamp, a day ahead of the truth at most. Every
 *   later timestamp expires later, so a floor that a lying server pushed up to there never puts one out of date.
 *
 * Who stole the online keys can sign timestamps of any expiry and push the floor up to the end of an author-signed
 * campaign. Therefore it falls back to the moment of the build when a verified root rotates the online keys (metadata.h
 * does that), as the versions do that they vouched for: the recovery from the theft recovers the time too.
 *
 * Thread: one. Ownership: the store is borrowed.
 */
#ifndef SAL_RECOVER_FLOOR_H
#define SAL_RECOVER_FLOOR_H

#include "salvor-recover/store.h"

/* unix_ms of the build (SOURCE_DATE_EPOCH when it was set). */
int64_t sal_floor_build_ms(void);

/* The newest of the build and the time kept; one that cannot be read counts as none. */
int64_t sal_floor_ms(struct sal_store *store);

/* Keeps the time at which a campaign was accepted, but none after `vouched_ms`, the expiry of the verified timestamp;
 * nothing unless that is later than the floor. Errors: SAL_E_IO, SAL_E_NOMEM. */
enum sal_status sal_floor_raise(struct sal_store *store, int64_t unix_ms, int64_t vouched_ms, struct sal_err *reterr);

/* Forgets the time kept. Errors: SAL_E_IO. */
enum sal_status sal_floor_forget(struct sal_store *store, struct sal_err *reterr);

/* The client's time: max(floor, server_ms); where the server gave none (server_ms < 0), max(floor, own_ms), own_ms
 * being the hardware clock or --time. Pure. */
int64_t sal_client_time_ms(int64_t floor_ms, int64_t server_ms, int64_t own_ms);

#endif
