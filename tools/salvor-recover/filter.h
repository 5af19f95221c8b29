/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one path of an action or of a verify comes to on this tree: the files found, and which of them pass `require`.
 *
 * Thread: one. Ownership: see tree.h.
 */
#ifndef SAL_RECOVER_FILTER_H
#define SAL_RECOVER_FILTER_H

#include "model/campaign.h"
#include "salvor-recover/tree.h"

/* Negative, 0 or positive: the file time is before, at, or after the wall time unix_ms. Exact to the nanosecond. */
int sal_time_compare(struct timespec time, int64_t unix_ms);

/* Do size and mtime pass? Pure; sha256 is not looked at. */
bool sal_require_passes_info(const struct sal_require *require, const struct stat *info);

/* Is the digest among those required (or none is)? Pure. */
bool sal_require_passes_sha256(const struct sal_require *require, const char *sha256);

/* Does the regular file pass all of `require`? Its content is read only when everything else passes. Errors: SAL_E_IO.
 */
enum sal_status sal_require_passes(const struct sal_tree *tree, const struct sal_require *require,
                                   const struct sal_found *file, bool *ret, struct sal_err *reterr);

/* Hex SHA-256 of a regular file. Errors: SAL_E_IO. */
enum sal_status sal_tree_sha256(const struct sal_tree *tree, const char *path, char ret[static 65],
                                struct sal_err *reterr);

/* Are all of a campaign's `verify` true now? When not, *ret_why (255 bytes at most) says which and why. A path that
 * cannot be judged makes its verify false. Errors: SAL_E_NOMEM. */
enum sal_status sal_verify_tree(const struct sal_tree *tree, const struct sal_campaign *campaign, bool *ret,
                                char ret_why[static 256], struct sal_err *reterr);

#endif
