/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/policy.h"

#include "trust/policy_internal.h"

#include <stdio.h>
#include <string.h>

/* Both strings are patterns: the question is whether every name that `path` can match is one that `glob` matches.
 * Taking the path's wildcards as bytes of their own answers it on the safe side: a `*` of the glob takes in any of
 * them, a `?` of the glob takes in a `?` but no `*`, and a literal takes in neither. Since no `*` crosses a slash, only
 * the latest one can be stretched. */
bool sal_policy_glob_covers(const char *glob, const char *path) {
        const char *star = NULL;
        const char *stretched = NULL;
        while (*path) {
                if (*glob == '*') {
                        star = ++glob;
                        stretched = path;
                } else if (*glob == '?' ? *path != '/' && *path != '*' : *glob == *path) {
                        if (*path == '/')
                                star = NULL;
                        glob++;
                        path++;
                } else if (star && *stretched != '/') {
                        glob = star;
                        path = ++stretched;
                } else {
                        return false;
                }
        }
        while (*glob == '*')
                glob++;
        return !*glob;
}

static bool any_glob_covers(const struct sal_policy_class *class, const char *path) {
        for (size_t i = 0; i < class->path_count; i++)
                if (sal_policy_glob_covers(class->paths[i], path))
                        return true;
        return false;
}

static bool class_holds(const struct sal_policy_class *class, const char *kind, const char *path, const char *path2) {
        bool named = false;
        for (size_t i = 0; i < class->kind_count && !named; i++)
                named = strcmp(class->kinds[i], kind) == 0;
        if (!named || class->path_count == 0)
                return named;
        if (!path || (!path2 && strcmp(kind, "rename_file") == 0))
                return false;
        return any_glob_covers(class, path) && (!path2 || any_glob_covers(class, path2));
}

const struct sal_policy_class *sal_policy_class_of(const struct sal_policy *policy, const char *kind, const char *path,
                                                   const char *path2) {
        for (size_t i = 0; i < policy->class_count; i++)
                if (class_holds(&policy->classes[i], kind, path, path2))
                        return &policy->classes[i];
        return NULL;
}

/* How many different public keys of the class are among the signers; the set holds each public key once. */
static int signed_by(const struct sal_policy *policy, const struct sal_policy_class *class,
                     const struct sal_key_set *signers) {
        int count = 0;
        for (size_t i = 0; i < signers->count; i++) {
                bool author = false;
                for (size_t j = 0; j < class->author_count && !author; j++)
                        author = sal_public_key_equal(signers->keys[i], policy->author_keys[class->authors[j]]);
                count += author;
        }
        return count;
}

static enum sal_status fail_action(size_t index, enum sal_status status, struct sal_err *reterr, const char *detail) {
        char pointer[SAL_ERR_POINTER_BYTES];
        snprintf(pointer, sizeof pointer, "/actions/%zu", index);
        return sal_fail_at(reterr, status, pointer, "%s", detail);
}

static enum sal_status no_class(const struct sal_policy_action *action, size_t index, struct sal_err *reterr) {
        char detail[SAL_ERR_DETAIL_BYTES];
        snprintf(detail, sizeof detail, "no class of the trust policy holds %s%s%.200s%s%.200s", action->kind,
                 action->path ? " of " : "", action->path ? action->path : "", action->path2 ? " to " : "",
                 action->path2 ? action->path2 : "");
        fail_action(index, SAL_E_UNTRUSTED, reterr, detail);
        sal_err_hint(reterr, "write the path as the policy's classes write it, or have the policy changed and signed");
        return SAL_E_UNTRUSTED;
}

static enum sal_status no_actions(struct sal_err *reterr) {
        return sal_fail_at(reterr, SAL_E_INVALID, "/actions", "a campaign without actions");
}

enum sal_status sal_policy_check(const struct sal_policy *policy, const struct sal_policy_action *actions,
                                 size_t action_count, const struct sal_key_set *signers, struct sal_err *reterr) {
        if (action_count == 0)
                return no_actions(reterr);
        for (size_t i = 0; i < action_count; i++) {
                const struct sal_policy_class *class =
                        sal_policy_class_of(policy, actions[i].kind, actions[i].path, actions[i].path2);
                if (!class)
                        return no_class(&actions[i], i, reterr);
                int have = signed_by(policy, class, signers);
                if (have >= class->threshold)
                        continue;
                char detail[SAL_ERR_DETAIL_BYTES];
                snprintf(detail, sizeof detail,
                         "%s is of class \"%s\", which needs %d different authors' signatures; there %s %d",
                         actions[i].kind, class->name, class->threshold, have == 1 ? "is" : "are", have);
                return fail_action(i, SAL_E_UNTRUSTED, reterr, detail);
        }
        return SAL_OK;
}

enum sal_status sal_policy_may_sign(const struct sal_policy *policy, const struct sal_policy_action *actions,
                                    size_t action_count, const struct sal_public_key *key, struct sal_err *reterr) {
        if (action_count == 0)
                return no_actions(reterr);
        struct sal_public_key *borrowed = (struct sal_public_key *)key; /* the set of one is only read */
        const struct sal_key_set alone = {.keys = &borrowed, .count = 1};
        bool may = false;
        for (size_t i = 0; i < action_count; i++) {
                const struct sal_policy_class *class =
                        sal_policy_class_of(policy, actions[i].kind, actions[i].path, actions[i].path2);
                if (!class)
                        return no_class(&actions[i], i, reterr);
                may = may || signed_by(policy, class, &alone) > 0;
        }
        if (!may)
                return sal_fail(reterr, SAL_E_FORBIDDEN, "key %.16s… is no author of any class that these actions use",
                                sal_public_key_id(key));
        return SAL_OK;
}

int sal_policy_approvals(const struct sal_policy *policy, const struct sal_policy_action *actions,
                         size_t action_count) {
        int most = 0;
        for (size_t i = 0; i < action_count; i++) {
                const struct sal_policy_class *class =
                        sal_policy_class_of(policy, actions[i].kind, actions[i].path, actions[i].path2);
                if (class && class->approvals > most)
                        most = class->approvals;
        }
        return most;
}

bool sal_policy_is_revoked(const struct sal_policy *policy, const char *id, int64_t version) {
        for (size_t i = 0; i < policy->revoked_count; i++) {
                const struct sal_policy_revocation *entry = &policy->revoked[i];
                if (strcmp(entry->id, id) == 0 && (entry->version == 0 || entry->version == version))
                        return true;
        }
        return false;
}
