/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/separation.h"

#include <stdio.h>

/* A pointer into the root begins so. */
#define IN_ROOT "/root"

enum online { ONLINE_TIMESTAMP, ONLINE_SNAPSHOT, ONLINE_CAMPAIGNS, ONLINE_ROLES };
enum offline { OFFLINE_ROOT, OFFLINE_TARGETS, OFFLINE_AUTHORS, OFFLINE_PLACES };

static const char *const online_texts[ONLINE_ROLES] = {"timestamp", "snapshot", "campaigns"};

static const struct sal_tuf_role *online_role(const struct sal_tuf_said *said, enum online role) {
        if (role == ONLINE_CAMPAIGNS)
                return said->targets ? &said->targets->campaigns : NULL;
        if (!said->root)
                return NULL;
        return &said->root->roles[role == ONLINE_TIMESTAMP ? SAL_TUF_TIMESTAMP : SAL_TUF_SNAPSHOT];
}

/* The keys of an offline place, in order; none when its file is not known. */
static const struct sal_public_key *const *offline_keys(const struct sal_tuf_said *said, enum offline place,
                                                        size_t *ret_count) {
        *ret_count = 0;
        if (place == OFFLINE_AUTHORS)
                return said->policy ? sal_policy_keys(said->policy, ret_count) : NULL;
        if (!said->root)
                return NULL;
        const struct sal_tuf_role *role = &said->root->roles[place == OFFLINE_ROOT ? SAL_TUF_ROOT : SAL_TUF_TARGETS];
        *ret_count = role->key_count;
        return (const struct sal_public_key *const *)role->keys;
}

/* Where the key stands in a list; count: nowhere. */
static size_t find(const struct sal_public_key *const *keys, size_t count, const struct sal_public_key *key) {
        for (size_t i = 0; i < count; i++)
                if (sal_public_key_equal(keys[i], key))
                        return i;
        return count;
}

static bool is_online_as(const struct sal_tuf_said *said, enum online name, const struct sal_public_key *key) {
        const struct sal_tuf_role *role = online_role(said, name);
        return role && find((const struct sal_public_key *const *)role->keys, role->key_count, key) < role->key_count;
}

static bool is_online(const struct sal_tuf_said *said, const struct sal_public_key *key) {
        for (int role = 0; role < ONLINE_ROLES; role++)
                if (is_online_as(said, (enum online)role, key))
                        return true;
        return false;
}

static bool is_offline_at(const struct sal_tuf_said *said, enum offline place, const struct sal_public_key *key) {
        size_t count;
        const struct sal_public_key *const *keys = offline_keys(said, place, &count);
        return find(keys, count, key) < count;
}

static void place_text(const struct sal_tuf_said *said, enum offline place, size_t at, char ret[static 96]) {
        if (place == OFFLINE_AUTHORS)
                snprintf(ret, 96, "the author \"%.64s\"", sal_policy_author(said->policy, at).name);
        else
                snprintf(ret, 96, "a key of %s", place == OFFLINE_ROOT ? "root" : "targets");
}

static enum sal_status fail(const struct sal_tuf_said *now, enum offline place, size_t at,
                            const struct sal_public_key *key, struct sal_err *reterr) {
        char roles[64] = "", who[96], pointer[64];
        for (int role = 0, len = 0; role < ONLINE_ROLES; role++)
                if (is_online_as(now, (enum online)role, key))
                        len += snprintf(roles + len, sizeof roles - (size_t)len, "%s%s", len ? ", " : "",
                                        online_texts[role]);
        place_text(now, place, at, who);
        if (place == OFFLINE_AUTHORS)
                snprintf(pointer, sizeof pointer, "/policy/authors/%zu", at);
        else
                snprintf(pointer, sizeof pointer, IN_ROOT "/signed/roles/%s",
                         place == OFFLINE_ROOT ? "root" : "targets");
        sal_fail_at(reterr, SAL_E_INVALID, pointer, "the key %s is online (%s) and cannot be %s too",
                    sal_public_key_id(key), roles, who);
        sal_err_hint(reterr, "whoever takes the server over has this key, and it would let them add what nobody else "
                             "signed: give root, targets and authors keys of their own");
        return SAL_E_INVALID;
}

enum sal_status sal_tuf_check_separation(const struct sal_tuf_said *now, const struct sal_tuf_said *before,
                                         struct sal_err *reterr) {
        for (int p = 0; p < OFFLINE_PLACES; p++) {
                enum offline place = (enum offline)p;
                size_t count;
                const struct sal_public_key *const *keys = offline_keys(now, place, &count);
                for (size_t i = 0; i < count; i++) {
                        if (!is_online(now, keys[i]))
                                continue;
                        if (before && is_offline_at(before, place, keys[i]) && is_online(before, keys[i]))
                                continue;
                        return fail(now, place, i, keys[i], reterr);
                }
        }
        return SAL_OK;
}
