/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A trust domain for tests: keys of every role, the files that its server gives away, and a client that keeps what it
 * trusts. `world_publish` makes the files below the root from the versions and expiries that a test has set; a bend
 * changes one of them before its parents are made, so that only what the bend says is wrong.
 *
 * Thread: one. Ownership: a world owns its keys and files.
 */
#ifndef SAL_TESTS_TRUST_WORLD_H
#define SAL_TESTS_TRUST_WORLD_H

#include "testing.h"

#include "../model/payload.h"
#include "base/buf.h"
#include "trust/repository.h"

enum {
        ROOT_A,
        ROOT_B,
        ROOT_C,
        TARGETS_A,
        TARGETS_B,
        TARGETS_C,
        ONLINE,
        SPARE,
        AUTHOR_A,
        AUTHOR_B,
        STRANGER,
        KEYS,
        WORLD_FILES = 256
};

/* 2026-05-01T00:00:00Z, and a day. */
static const int64_t now_ms = INT64_C(1777593600000);
static const int64_t one_day_ms = INT64_C(86400000);

struct world_file {
        char name[SAL_TUF_NAME_BYTES];
        char *bytes;
        size_t len;
};

struct world;
/* Changes the bytes of a file that has just been made. */
typedef void world_bend(struct world *w, enum sal_tuf_file file, char **bytes, size_t *len);

struct world {
        struct sal_private_key *keys[KEYS];
        int role_keys[SAL_TUF_FILES][2]; /* who signs; both the same: one key, threshold 1 */
        int64_t version[SAL_TUF_FILES];
        int64_t expires_ms[SAL_TUF_FILES];
        char *policy;
        struct sal_tuf_target listed[4];
        size_t listed_count;
        struct world_file served[WORLD_FILES];
        size_t served_count;
        struct world_file trusted[SAL_TUF_FILES]; /* what the client keeps */
        world_bend *bend;
        enum sal_tuf_file bend_file;
        const char *bend_pointer, *bend_text;
};

static inline const struct sal_public_key *world_key(const struct world *w, int key) {
        return sal_private_key_public(w->keys[key]);
}

static inline void world_put(struct world *w, const char *name, const char *bytes, size_t len) {
        size_t i = 0;
        while (i < w->served_count && strcmp(w->served[i].name, name) != 0)
                i++;
        assert_true(i < WORLD_FILES);
        struct world_file *file = &w->served[i];
        if (i == w->served_count)
                w->served_count++;
        free(file->bytes);
        snprintf(file->name, sizeof file->name, "%s", name);
        file->bytes = malloc(len + 1);
        assert_non_null(file->bytes);
        memcpy(file->bytes, bytes, len);
        file->bytes[len] = '\0';
        file->len = len;
}

static inline struct world_file *world_get(struct world *w, const char *name) {
        for (size_t i = 0; i < w->served_count; i++)
                if (strcmp(w->served[i].name, name) == 0)
                        return &w->served[i];
        return NULL;
}

static inline void world_remove(struct world *w, const char *name) {
        struct world_file *file = world_get(w, name);
        assert_non_null(file);
        free(file->bytes);
        *file = w->served[--w->served_count];
        w->served[w->served_count] = (struct world_file){0};
}

static inline char *world_policy(const struct world *w) {
        json_t *authors = json_array();
        static const char *const names[] = {"ann", "ben"};
        for (int i = 0; i < 2; i++) {
                const struct sal_public_key *key = world_key(w, AUTHOR_A + i);
                json_array_append_new(authors, json_pack("{s:s, s:s, s:s, s:s, s:s}", "name", names[i], "keyid",
                                                         sal_public_key_id(key), "keytype", sal_public_key_keytype(key),
                                                         "scheme", sal_public_key_scheme(key), "public",
                                                         sal_public_key_text(key)));
        }
        json_t *policy = json_pack("{s:s, s:o, s:[{s:s, s:[s], s:[s,s], s:i}], s:[s, s]}", "schema", SAL_POLICY_SCHEMA,
                                   "authors", authors, "classes", "name", "files", "kinds", "delete_file", "authors",
                                   "ann", "ben", "threshold", 2, "revoked", "bad-fix", "half-bad@1");
        char *text = sal_json_dump(policy);
        json_decref(policy);
        return text;
}

/* Makes the root of the present version with the present keys of all roles; `signers` are keys. */
static inline void world_root_by(struct world *w, const int *signers, size_t count) {
        static const enum sal_tuf_file files[SAL_TUF_ROLES] = {[SAL_TUF_ROOT] = SAL_TUF_FILE_ROOT,
                                                               [SAL_TUF_SNAPSHOT] = SAL_TUF_FILE_SNAPSHOT,
                                                               [SAL_TUF_TARGETS] = SAL_TUF_FILE_TARGETS,
                                                               [SAL_TUF_TIMESTAMP] = SAL_TUF_FILE_TIMESTAMP};
        const struct sal_public_key *half[SAL_TUF_ROLES][2];
        struct sal_tuf_root_spec spec = {.version = w->version[SAL_TUF_FILE_ROOT],
                                         .expires_ms = w->expires_ms[SAL_TUF_FILE_ROOT]};
        for (int r = 0; r < SAL_TUF_ROLES; r++) {
                const int *own = w->role_keys[files[r]];
                half[r][0] = world_key(w, own[0]);
                half[r][1] = world_key(w, own[1]);
                spec.roles[r].keys = half[r];
                spec.roles[r].key_count = own[0] == own[1] ? 1 : 2;
                spec.roles[r].threshold = own[0] == own[1] ? 1 : 2;
        }
        const struct sal_private_key *private[4];
        for (size_t i = 0; i < count; i++)
        private[i] = w->keys[signers[i]];
        sal_autobuf struct sal_buf file = SAL_BUF_INIT;
        struct sal_err err = {0};
        if (sal_tuf_root_build(&spec, private, count, &file, &err))
                fail_msg("root: %s", err.detail);
        char name[SAL_TUF_NAME_BYTES];
        sal_tuf_file_name(SAL_TUF_FILE_ROOT, spec.version, name);
        world_put(w, name, file.data, file.len);
}

static inline void world_root(struct world *w) {
        static const int signers[] = {ROOT_A, ROOT_B, ROOT_C};
        world_root_by(w, signers, 3);
}

/* Serves a file that was made, bent first when it is its turn, and says how its parent must name it. */
static inline struct sal_tuf_meta world_serve(struct world *w, enum sal_tuf_file file, struct sal_buf *made) {
        size_t len = 0;
        char *bytes = sal_buf_take(made, &len);
        assert_non_null(bytes);
        if (w->bend && w->bend_file == file)
                w->bend(w, file, &bytes, &len);
        char name[SAL_TUF_NAME_BYTES];
        sal_tuf_file_name(file, w->version[file], name);
        world_put(w, name, bytes, len);
        struct sal_tuf_meta meta = sal_tuf_meta_of(w->version[file], bytes, len);
        free(bytes);
        return meta;
}

#define WORLD_SIGNERS(w, file)                                                                                      \
        (const struct sal_private_key *[]){(w)->keys[(w)->role_keys[file][0]], (w)->keys[(w)->role_keys[file][1]]}, \
                (w)->role_keys[file][0] == (w)->role_keys[file][1] ? 1u : 2u

/* Makes and serves targets, campaigns, snapshot and timestamp. */
static inline void world_publish(struct world *w) {
        struct sal_buf made = SAL_BUF_INIT;
        struct sal_err err = {0};
        const struct sal_public_key *delegate = world_key(w, w->role_keys[SAL_TUF_FILE_CAMPAIGNS][0]);
        const struct sal_tuf_targets_spec targets = {.version = w->version[SAL_TUF_FILE_TARGETS],
                                                     .expires_ms = w->expires_ms[SAL_TUF_FILE_TARGETS],
                                                     .policy = w->policy,
                                                     .policy_len = strlen(w->policy),
                                                     .keys = &delegate,
                                                     .key_count = 1,
                                                     .threshold = 1};
        if (sal_tuf_targets_build(&targets, WORLD_SIGNERS(w, SAL_TUF_FILE_TARGETS), &made, &err))
                fail_msg("targets: %s", err.detail);
        struct sal_tuf_snapshot snapshot = {.version = w->version[SAL_TUF_FILE_SNAPSHOT],
                                            .expires_ms = w->expires_ms[SAL_TUF_FILE_SNAPSHOT],
                                            .targets = world_serve(w, SAL_TUF_FILE_TARGETS, &made)};
        struct sal_tuf_campaigns *campaigns = calloc(1, sizeof *campaigns);
        assert_non_null(campaigns);
        campaigns->version = w->version[SAL_TUF_FILE_CAMPAIGNS];
        campaigns->expires_ms = w->expires_ms[SAL_TUF_FILE_CAMPAIGNS];
        campaigns->count = w->listed_count;
        memcpy(campaigns->targets, w->listed, sizeof w->listed);
        if (sal_tuf_campaigns_build(campaigns, WORLD_SIGNERS(w, SAL_TUF_FILE_CAMPAIGNS), &made, &err))
                fail_msg("campaigns: %s", err.detail);
        free(campaigns);
        snapshot.campaigns = world_serve(w, SAL_TUF_FILE_CAMPAIGNS, &made);
        if (sal_tuf_snapshot_build(&snapshot, WORLD_SIGNERS(w, SAL_TUF_FILE_SNAPSHOT), &made, &err))
                fail_msg("snapshot: %s", err.detail);
        const struct sal_tuf_timestamp timestamp = {.version = w->version[SAL_TUF_FILE_TIMESTAMP],
                                                    .expires_ms = w->expires_ms[SAL_TUF_FILE_TIMESTAMP],
                                                    .snapshot = world_serve(w, SAL_TUF_FILE_SNAPSHOT, &made)};
        if (sal_tuf_timestamp_build(&timestamp, WORLD_SIGNERS(w, SAL_TUF_FILE_TIMESTAMP), &made, &err))
                fail_msg("timestamp: %s", err.detail);
        world_serve(w, SAL_TUF_FILE_TIMESTAMP, &made);
}

/* The files below the root get this version. */
static inline void world_versions(struct world *w, int64_t version) {
        for (int i = SAL_TUF_FILE_TIMESTAMP; i < SAL_TUF_FILES; i++)
                w->version[i] = version;
}

static inline bool world_find(void *context, const char *name, const char **ret_bytes, size_t *ret_len) {
        const struct world_file *file = world_get(context, name);
        if (!file)
                return false;
        *ret_bytes = file->bytes;
        *ret_len = file->len;
        return true;
}

static inline struct sal_tuf_files world_trusted(const struct world *w) {
        struct sal_tuf_files files = {0};
        for (int i = 0; i < SAL_TUF_FILES; i++) {
                files.file[i].bytes = w->trusted[i].bytes;
                files.file[i].len = w->trusted[i].len;
        }
        return files;
}

/* The client keeps what the updater says. */
static inline void world_keep(struct world *w, const struct sal_updater *updater) {
        struct sal_tuf_files files;
        sal_updater_files(updater, &files);
        for (int i = 0; i < SAL_TUF_FILES; i++) {
                char *copy = NULL;
                if (files.file[i].bytes) {
                        copy = malloc(files.file[i].len + 1);
                        assert_non_null(copy);
                        memcpy(copy, files.file[i].bytes, files.file[i].len);
                        copy[files.file[i].len] = '\0';
                }
                free(w->trusted[i].bytes);
                w->trusted[i].bytes = copy;
                w->trusted[i].len = files.file[i].len;
        }
}

/* Updates the client at a time; what comes out is kept. */
static inline enum sal_update_outcome world_update_at(struct world *w, int64_t at_ms,
                                                      enum sal_update_reason *ret_reason, enum sal_tuf_file *ret_file,
                                                      struct sal_err *err) {
        sal_auto(sal_updater) struct sal_updater *updater = NULL;
        const struct sal_tuf_files trusted = world_trusted(w);
        assert_int_equal(sal_updater_new(&trusted, at_ms, &updater, err), SAL_OK);
        enum sal_status status = sal_updater_run(updater, world_find, w, err);
        enum sal_update_outcome outcome = sal_updater_outcome(updater);
        assert_int_equal(status == SAL_OK, outcome != SAL_UPDATE_UNABLE);
        assert_int_not_equal(outcome, SAL_UPDATE_PENDING);
        *ret_reason = sal_updater_reason(updater, ret_file);
        world_keep(w, updater);
        return outcome;
}

/* The update must be complete. */
static inline void world_updates(struct world *w, enum sal_update_outcome expected) {
        enum sal_update_reason reason;
        enum sal_tuf_file file;
        struct sal_err err = {0};
        if (world_update_at(w, now_ms, &reason, &file, &err) != expected)
                fail_msg("not the outcome %d: %s", (int)expected, err.detail);
}

/* The update must be refused, for this reason, over this file; and what was trusted stays. */
static inline void world_refuses(struct world *w, int64_t at_ms, enum sal_tuf_file file,
                                 enum sal_update_reason reason) {
        enum sal_update_reason got = SAL_UPDATE_FINE;
        enum sal_tuf_file at = SAL_TUF_FILE_ROOT;
        struct sal_err err = {0};
        enum sal_update_outcome outcome = world_update_at(w, at_ms, &got, &at, &err);
        if (outcome != SAL_UPDATE_UNABLE || got != reason || at != file)
                fail_msg("expected %s (%s), got outcome %d, %s (%s): %s", sal_tuf_file_text(file),
                         sal_update_reason_text(reason), (int)outcome, sal_tuf_file_text(at),
                         sal_update_reason_text(got), err.detail);
        assert_non_null(strstr(err.detail, sal_update_reason_text(reason)));
}

/* A world in which version 2 of everything below root 1 is served and trusted. */
static inline struct world *world_new(void) {
        struct world *w = calloc(1, sizeof *w);
        assert_non_null(w);
        for (int i = 0; i < KEYS; i++)
                w->keys[i] = make_key(i == ROOT_B || i == AUTHOR_B ? SAL_KEY_P256 : SAL_KEY_ED25519);
        for (int i = 0; i < SAL_TUF_FILES; i++) {
                w->role_keys[i][0] = w->role_keys[i][1] = ONLINE;
                w->expires_ms[i] = now_ms + one_day_ms;
        }
        w->role_keys[SAL_TUF_FILE_ROOT][0] = ROOT_A;
        w->role_keys[SAL_TUF_FILE_ROOT][1] = ROOT_B;
        w->role_keys[SAL_TUF_FILE_TARGETS][0] = TARGETS_A;
        w->role_keys[SAL_TUF_FILE_TARGETS][1] = TARGETS_B;
        w->policy = world_policy(w);
        w->version[SAL_TUF_FILE_ROOT] = 1;
        world_versions(w, 2);
        w->listed_count = 1;
        snprintf(w->listed[0].path, sizeof w->listed[0].path, "campaigns/fix-1.json");
        w->listed[0].length = 5;
        sal_sha256_hex("first", 5, w->listed[0].sha256);
        world_root(w);
        world_publish(w);
        const struct world_file *root = world_get(w, "1.root.json");
        w->trusted[SAL_TUF_FILE_ROOT].bytes = strdup(root->bytes);
        w->trusted[SAL_TUF_FILE_ROOT].len = root->len;
        world_updates(w, SAL_UPDATE_NEWS);
        return w;
}

static inline void world_free(struct world *w) {
        for (int i = 0; i < KEYS; i++)
                sal_private_key_free(w->keys[i]);
        for (size_t i = 0; i < w->served_count; i++)
                free(w->served[i].bytes);
        for (size_t i = 0; i < SAL_TUF_FILES; i++)
                free(w->trusted[i].bytes);
        free(w->policy);
        free(w);
}

static inline int world_set_up(void **state) {
        *state = world_new();
        return 0;
}

static inline int world_tear_down(void **state) {
        world_free(*state);
        return 0;
}

/* ---- bends ---- */

/* Changes `signed` at bend_pointer to bend_text (NULL: removes it) and signs it again with the role's keys. */
static inline void world_bend_signed(struct world *w, enum sal_tuf_file file, char **bytes, size_t *len) {
        sal_autojson json_t *json = NULL;
        assert_int_equal(sal_json_parse(*bytes, *len, 32, &json, NULL), SAL_OK);
        payload_edit(json, w->bend_pointer, w->bend_text);
        sal_autobuf struct sal_buf again = SAL_BUF_INIT;
        assert_int_equal(sal_tuf_sign(json_object_get(json, "signed"), WORLD_SIGNERS(w, file), &again, NULL), SAL_OK);
        free(*bytes);
        *bytes = sal_buf_take(&again, len);
}

/* Puts bend_text in place of the first bend_pointer in the bytes; nothing is signed again. */
static inline void world_bend_text(struct world *w, enum sal_tuf_file file, char **bytes, size_t *len) {
        (void)file;
        const char *place = strstr(*bytes, w->bend_pointer);
        assert_non_null(place);
        sal_autobuf struct sal_buf again = SAL_BUF_INIT;
        sal_buf_append(&again, *bytes, (size_t)(place - *bytes));
        sal_buf_puts(&again, w->bend_text);
        sal_buf_puts(&again, place + strlen(w->bend_pointer));
        free(*bytes);
        *bytes = sal_buf_take(&again, len);
}

/* Publishes with one bend. */
static inline void world_publish_bent(struct world *w, enum sal_tuf_file file, world_bend *bend, const char *pointer,
                                      const char *text) {
        w->bend = bend;
        w->bend_file = file;
        w->bend_pointer = pointer;
        w->bend_text = text;
        world_publish(w);
        w->bend = NULL;
}

#endif
