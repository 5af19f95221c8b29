/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the client trusts. It begins with the pinned 1.root.json of the configuration and is kept in the state directory
 * under tuf/: the newest verified root, timestamp, snapshot, targets and campaigns (their versions are the floors
 * against rollback), the policy, and the SHA-256 of the pinned root that all of it belongs to. (Who can write the state
 * directory is root on this machine, and needs no server to change it.)
 *
 * An update runs the client workflow of TUF (trust/updater.h) over a source. Whatever its outcome, what the updater
 * says is kept: roots as far as they were verified, the rest all or nothing. What cannot be written is logged and the
 * rescue goes on; what was damaged is dropped, logged, and fetched anew. With another pinned root all of it is dropped,
 * and with it the kept time, what was applied and what was tried (done.h).
 *
 * Theft of the online keys. When a verified root changes the keys of timestamp or snapshot, the kept time (floor.h)
 * falls together with the versions that those keys vouched for.
 *
 * Thread: one. Ownership: the metadata owns all of it; getters borrow, until the next update. The store is borrowed.
 */
#ifndef SAL_RECOVER_METADATA_H
#define SAL_RECOVER_METADATA_H

#include "base/json.h"
#include "salvor-recover/source.h"
#include "salvor-recover/store.h"
#include "trust/policy.h"

struct sal_metadata;

/* Loads the pinned root and what is kept. Errors: SAL_E_CONFIG (the pinned root is missing or no version 1 that its own
 * keys sign), SAL_E_NOMEM. */
enum sal_status sal_metadata_open(struct sal_store *store, const char *root_path, struct sal_metadata **ret,
                                  struct sal_err *reterr);
void sal_metadata_free(struct sal_metadata *metadata); /* NULL is allowed */
SAL_DEFINE_CLEANUP(sal_metadata, sal_metadata_free)

/* Hex SHA-256 of the pinned root. */
const char *sal_metadata_trust_domain(const struct sal_metadata *metadata);

/* `have` of a poll: the versions held and the policy's SHA-256; 0 and "" for none. A new reference, NULL without
 * memory. */
json_t *sal_metadata_have(const struct sal_metadata *metadata);

/* The bytes of a file that is held, NULL: none. */
const char *sal_metadata_held(const struct sal_metadata *metadata, enum sal_tuf_file file, size_t *ret_len);

/* Updates over the source; `now_ms` is the client's time. SAL_OK: complete, the lists below are verified and not
 * expired. Else *ret_unable tells: SAL_E_UNREACHABLE (a file could not be had), the refusal, SAL_E_NOMEM. */
enum sal_status sal_metadata_update(struct sal_metadata *metadata, const struct sal_source *source, int64_t now_ms,
                                    struct sal_unable *ret_unable, struct sal_err *reterr);

/* The verified list of campaigns in force; NULL unless the last update is complete. */
const struct sal_tuf_campaigns *sal_metadata_campaigns(const struct sal_metadata *metadata);

/* Expiry (unix_ms) of the verified timestamp; 0 unless the last update is complete. */
int64_t sal_metadata_timestamp_expires_ms(const struct sal_metadata *metadata);

/* The policy that the verified targets list: the kept one if it is that, else from the source, and kept. Errors: as
 * sal_metadata_update. */
enum sal_status sal_metadata_policy(struct sal_metadata *metadata, const struct sal_source *source,
                                    const struct sal_policy **ret, struct sal_unable *ret_unable,
                                    struct sal_err *reterr);

#endif
