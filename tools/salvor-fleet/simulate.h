/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `salvor-fleet simulate`: rollouts in simulated time.
 *
 * Thread: the main one. Ownership: none.
 */
#ifndef SAL_FLEET_SIMULATE_H
#define SAL_FLEET_SIMULATE_H

#include "base/err.h"

#include <stdatomic.h>
#include <stdbool.h>

/* Runs the command; argv: the words behind "simulate". stop becomes true when it is to end early. *ret_reached false:
 * the table was played and a bound is not reached. Errors: SAL_E_USAGE, SAL_E_IO, SAL_E_NOMEM, SAL_E_TIMEOUT when it
 * was stopped. */
enum sal_status sal_simulate(int argc, char **argv, const atomic_bool *stop, bool *ret_reached, struct sal_err *reterr);

#endif
