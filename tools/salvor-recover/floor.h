/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What time it is for the client. Its own clock may be dead, and the server's word may be a lie, so time never goes
 * back behind the floor: the moment of the build, or any later time that is kept in the state directory.
 *
 * A time is kept only once a campaign has been accepted at it: then authors have signed that it is within their bounds,
 * and a server cannot push the floor past what authors signed, which would put every later campaign out of date.
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

/* Keeps a time that is later than the floor. Errors: SAL_E_IO, SAL_E_NOMEM. */
enum sal_status sal_floor_raise(struct sal_store *store, int64_t unix_ms, struct sal_err *reterr);

/* The client's time: max(floor, server_ms); where the server gave none (server_ms < 0), max(floor, own_ms), own_ms
 * being the hardware clock or --time. Pure. */
int64_t sal_client_time_ms(int64_t floor_ms, int64_t server_ms, int64_t own_ms);

#endif
