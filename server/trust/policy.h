/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trust policy, trust-policy.json (`salvor.policy/1`): who may sign which actions, how many of them it takes, and
 * what has been revoked. Server and recovery client decide with this very code.
 *
 * Classes allow; they do not forbid. An action's class is the first that holds its kind and its path, so a narrow class
 * ahead of a wide one takes nothing away from the wide one: an action written in another way (other case, a `?`,
 * another variable for the same folder) falls through to it. Give a wide class the threshold that everything in it
 * deserves.
 *
 * Thread: a policy is immutable and may be shared; the reference count is atomic. Ownership: getters borrow.
 */
#ifndef SAL_TRUST_POLICY_H
#define SAL_TRUST_POLICY_H

#include "trust/key.h"

#include "base/encode.h"

#define SAL_POLICY_SCHEMA "salvor.policy/1"

enum {
        SAL_POLICY_MAX_BYTES = 256 * 1024,
        SAL_POLICY_MAX_AUTHORS = 32,
        SAL_POLICY_MAX_CLASSES = 64,
        SAL_POLICY_MAX_KINDS = 32, /* per class */
        SAL_POLICY_MAX_PATHS = 64, /* per class */
        SAL_POLICY_MAX_REVOKED = 4096,
        SAL_POLICY_MAX_APPROVALS = 32,
        SAL_POLICY_PATH_MAX_BYTES = 1024,
        SAL_POLICY_NAME_MAX_BYTES = 64
};

struct sal_policy;

struct sal_policy_author {
        const char *name;                 /* 1..64 bytes, no control byte */
        const struct sal_public_key *key; /* its id was recomputed and equals the written keyid */
};

struct sal_policy_class {
        char *name;
        char **kinds; /* action kinds; one that this version does not know never matches */
        size_t kind_count;
        char **paths; /* globs; path_count 0: any path, and actions without one */
        size_t path_count;
        size_t *authors; /* indexes into the policy's authors */
        size_t author_count;
        int threshold; /* 1..number of different public keys among the authors */
        int approvals; /* operators other than the drafter who must approve the digest; 0..32 */
};

struct sal_policy_revocation {
        char *id;
        int64_t version; /* 0: every version */
};

/* What the policy needs to know of an action. `path` is NULL for a kind without a path; `path2` is rename_file's `to`,
 * NULL for every other kind. Both are as written in the payload, variables and globs included. */
struct sal_policy_action {
        const char *kind;
        const char *path;
        const char *path2;
};

/* Parses strictly: unknown and duplicate members, a keyid that does not belong to its key, an author or class named
 * twice, a class with an unknown author, with no author or kind, a threshold that its authors cannot reach, an empty
 * `paths` are refused. A public key listed under several names counts once.
 * Errors: SAL_E_TOO_LARGE, SAL_E_MALFORMED, SAL_E_INVALID with the pointer, SAL_E_NOMEM. */
enum sal_status sal_policy_parse(const char *bytes, size_t len, struct sal_policy **ret, struct sal_err *reterr);

struct sal_policy *sal_policy_ref(const struct sal_policy *policy);
void sal_policy_unref(struct sal_policy *policy);
SAL_DEFINE_CLEANUP(sal_policy, sal_policy_unref)

/* Hex SHA-256 of the bytes that were parsed. Borrowed. */
const char *sal_policy_sha256(const struct sal_policy *policy);
/* The bytes that were parsed. Borrowed. */
const char *sal_policy_bytes(const struct sal_policy *policy, size_t *ret_len);

/* How many authors the policy names. */
size_t sal_policy_author_count(const struct sal_policy *policy);
/* index < count. */
struct sal_policy_author sal_policy_author(const struct sal_policy *policy, size_t index);
/* The author's key by its id, or NULL. Borrowed. */
const struct sal_public_key *sal_policy_author_key(const struct sal_policy *policy, const char *keyid);
/* Every author's key, in order, as sal_envelope_verify takes them. Borrowed. */
const struct sal_public_key *const *sal_policy_keys(const struct sal_policy *policy, size_t *ret_count);
size_t sal_policy_class_count(const struct sal_policy *policy);
const struct sal_policy_class *sal_policy_class(const struct sal_policy *policy, size_t index);

/* What was revoked. Borrowed; *ret_count of them, which may be none. */
const struct sal_policy_revocation *sal_policy_revocations(const struct sal_policy *policy, size_t *ret_count);

/* Does the class glob cover the action's path as written? `*` covers any run of bytes but `/`, the action's own `*` and
 * `?` included; `?` covers one byte but `/` and `*` (the action's `?` included); every other byte covers itself, case
 * counting. So what the action may touch is within what the class allows. */
bool sal_policy_glob_covers(const char *glob, const char *path);

/* The class of an action: the first that holds its kind and (where it names paths) its path, and both paths of a
 * rename. A class that names paths holds no action without one. NULL: none. */
const struct sal_policy_class *sal_policy_class_of(const struct sal_policy *policy, const char *kind, const char *path,
                                                   const char *path2);

/* May a campaign of these actions run, given the different public keys that signed it? Every action must fall in a
 * class and every class used needs `threshold` of its authors among `signers`. Errors: SAL_E_UNTRUSTED; detail and
 * pointer
 * (/actions/N) say which action lacks what. No actions at all: SAL_E_INVALID. */
enum sal_status sal_policy_check(const struct sal_policy *policy, const struct sal_policy_action *actions,
                                 size_t action_count, const struct sal_key_set *signers, struct sal_err *reterr);

/* May this key sign such a campaign, that is: is it an author of at least one class that the actions use, while every
 * action falls in a class? Errors: SAL_E_FORBIDDEN (it signs none of them), SAL_E_UNTRUSTED (an action has no class).
 */
enum sal_status sal_policy_may_sign(const struct sal_policy *policy, const struct sal_policy_action *actions,
                                    size_t action_count, const struct sal_public_key *key, struct sal_err *reterr);

/* The most approvals that any class used by these actions asks for; 0 when none does. */
int sal_policy_approvals(const struct sal_policy *policy, const struct sal_policy_action *actions, size_t action_count);

/* True when `revoked` names the id, or the id with this version. */
bool sal_policy_is_revoked(const struct sal_policy *policy, const char *id, int64_t version);

#endif
