/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts that a machine can tell of itself: `os` by the layout of its tree, `arch`, and from its firmware's tables
 * `vendor`, `model`, `bios`. What the command line says goes before them.
 *
 * Thread: any. Ownership: the facts are handed over.
 */
#ifndef SAL_RECOVER_SELFFACTS_H
#define SAL_RECOVER_SELFFACTS_H

#include "model/facts.h"
#include "salvor-recover/syspath.h"

/* `given`: "name=value" each; the value true or false becomes a boolean, everything else stays a string (which equals
 * the number of the same digits). Errors: SAL_E_USAGE naming the argument at fault, SAL_E_NOMEM. */
enum sal_status sal_self_facts(enum sal_layout layout, const char *const *given, size_t given_count,
                               struct sal_facts **ret, struct sal_err *reterr);

#endif
