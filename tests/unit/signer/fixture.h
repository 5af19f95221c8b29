/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A signer of a trust domain of its own: keys and files in a fresh folder, the real process, and a request that a test
 * fills. Each test program begins its main() with FIXTURE_SIGNER, for the signer is the same program started again.
 *
 * Thread: one. Ownership: a domain owns everything in it.
 */
#ifndef SAL_TESTS_SIGNER_FIXTURE_H
#define SAL_TESTS_SIGNER_FIXTURE_H

#include "../trust/world.h"
#include "base/clock.h"
#include "signer/internal.h"
#include "trust/dsse.h"
#include "trust/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define FIXTURE_SIGNER(argc, argv)                          \
        do {                                                \
                if (sal_signer_wanted(argc, argv))          \
                        return sal_signer_main(argc, argv); \
        } while (0)

enum { FIXTURE_ENVELOPES = 128, FIXTURE_PATH_BYTES = 128 };

struct domain {
        struct world *w;
        char dir[64];
        char root_path[FIXTURE_PATH_BYTES], key_path[FIXTURE_PATH_BYTES], marks_dir[FIXTURE_PATH_BYTES],
                marks_path[FIXTURE_PATH_BYTES];
        const char *keys[1];
        char trust_domain[SAL_SHA256_HEX_BYTES];
        struct sal_signer_config config;
        struct sal_signer *signer;
        struct sal_signer_request request;
        struct sal_repository_envelope envelopes[FIXTURE_ENVELOPES];
        struct sal_signer_answer answer; /* the last one; its files are the request's old ones */
        struct sal_err err;
};

static inline void write_file(const char *path, const void *bytes, size_t len) {
        sal_autofclose FILE *file = fopen(path, "we");
        assert_non_null(file);
        assert_int_equal(fwrite(bytes, 1, len, file), len);
}

static inline size_t read_file(const char *path, void *to, size_t room) {
        sal_autofclose FILE *file = fopen(path, "re");
        assert_non_null(file);
        return fread(to, 1, room, file);
}

/* ---- campaigns ---- */

/* A payload that is in force now, of the domain, with one edit (pointer NULL: none). */
static inline char *domain_payload(const struct domain *d, const char *id, int version, const char *pointer,
                                   const char *text) {
        char not_before[SAL_TIME_BYTES], expires[SAL_TIME_BYTES];
        int64_t now = sal_clock_wall_ms() / 1000 * 1000;
        sal_time_format(now - one_day_ms, not_before);
        sal_time_format(now + 10 * one_day_ms, expires);
        json_t *json = json_pack("{s:s, s:s, s:i, s:s, s:s, s:s, s:s, s:{s:s, s:s}, s:[{s:s, s:s}]}", "schema",
                                 SAL_CAMPAIGN_SCHEMA, "id", id, "version", version, "trust_domain", d->trust_domain,
                                 "title", "A fix", "not_before", not_before, "expires", expires, "match", "fact", "os",
                                 "eq", "windows", "actions", "kind", "delete_file", "path", "${SYSTEM}/drivers/x.sys");
        assert_non_null(json);
        if (pointer)
                payload_edit(json, pointer, text);
        char *payload = sal_json_dump(json);
        json_decref(json);
        return payload;
}

static inline char *domain_seal(const struct domain *d, const char *payload, const int *signers, size_t count) {
        sal_auto(sal_envelope) struct sal_envelope *envelope =
                sal_envelope_new(SAL_CAMPAIGN_TYPE, payload, strlen(payload));
        assert_non_null(envelope);
        for (size_t i = 0; i < count; i++)
                assert_int_equal(sal_envelope_sign(envelope, d->w->keys[signers[i]], NULL), SAL_OK);
        struct sal_buf bytes = SAL_BUF_INIT;
        sal_envelope_serialise(envelope, &bytes);
        return sal_buf_take(&bytes, &(size_t){0});
}

/* Puts an envelope into the request; path and bytes are taken over. */
static inline void domain_add(struct domain *d, const char *id, int version, char *envelope_take) {
        char path[SAL_TARGET_PATH_BYTES];
        assert_true(d->request.envelope_count < FIXTURE_ENVELOPES);
        sal_campaign_target_path(id, version, path);
        d->envelopes[d->request.envelope_count++] =
                (struct sal_repository_envelope){strdup(path), envelope_take, strlen(envelope_take)};
}

static inline void domain_add_good(struct domain *d, const char *id, int version) {
        static const int both[] = {AUTHOR_A, AUTHOR_B};
        sal_autofree char *payload = domain_payload(d, id, version, NULL, NULL);
        domain_add(d, id, version, domain_seal(d, payload, both, 2));
}

static inline void domain_forget(struct domain *d) {
        for (size_t i = 0; i < d->request.envelope_count; i++) {
                free((char *)d->envelopes[i].path);
                free((char *)d->envelopes[i].bytes);
        }
        d->request.envelope_count = 0;
}

/* ---- asking ---- */

/* The request's policy and targets are those that the world serves now. */
static inline void domain_refresh(struct domain *d) {
        char name[SAL_TUF_NAME_BYTES];
        sal_tuf_file_name(SAL_TUF_FILE_TARGETS, d->w->version[SAL_TUF_FILE_TARGETS], name);
        const struct world_file *targets = world_get(d->w, name);
        d->request.files.file[SAL_TUF_FILE_TARGETS].bytes = targets->bytes;
        d->request.files.file[SAL_TUF_FILE_TARGETS].len = targets->len;
        d->request.policy = (struct sal_signer_bytes){d->w->policy, strlen(d->w->policy)};
}

/* Asks; what comes back becomes what was given away last. */
static inline enum sal_status domain_make(struct domain *d) {
        static struct sal_signer_answer answer;
        d->err = (struct sal_err){0};
        enum sal_status status = sal_signer_make(d->signer, &d->request, &answer, &d->err);
        if (status)
                return status;
        sal_repository_next_done(&d->answer.next);
        d->answer = answer;
        for (int i = SAL_TUF_FILE_TIMESTAMP; i < SAL_TUF_FILES; i++)
                if (i != SAL_TUF_FILE_TARGETS) {
                        d->request.files.file[i].bytes = answer.next.files[i].data;
                        d->request.files.file[i].len = answer.next.files[i].len;
                }
        return SAL_OK;
}

static inline void domain_makes(struct domain *d) {
        if (domain_make(d))
                fail_msg("not made: %s", d->err.detail);
}

static inline void domain_start(struct domain *d) {
        if (sal_signer_start(&d->config, &d->signer, &d->err))
                fail_msg("not started: %s", d->err.detail);
}

static inline void domain_stop(struct domain *d) {
        sal_signer_free(d->signer);
        d->signer = NULL;
}

/* The old files are lost. */
static inline void domain_lose_files(struct domain *d) {
        for (int i = 0; i < SAL_TUF_FILES; i++)
                if (i != SAL_TUF_FILE_TARGETS) {
                        d->request.files.file[i].bytes = NULL;
                        d->request.files.file[i].len = 0;
                }
}

/* ---- a domain ---- */

static inline struct domain *domain_new(void) {
        struct domain *d = calloc(1, sizeof *d);
        assert_non_null(d);
        d->w = world_new();
        snprintf(d->dir, sizeof d->dir, "%s", make_folder());
        snprintf(d->root_path, sizeof d->root_path, "%s/1.root.json", d->dir);
        snprintf(d->key_path, sizeof d->key_path, "%s/online.pem", d->dir);
        snprintf(d->marks_dir, sizeof d->marks_dir, "%s/signer", d->dir);
        snprintf(d->marks_path, sizeof d->marks_path, "%s/signer/" SAL_SIGNER_MARKS_FILE, d->dir);
        const struct world_file *root = world_get(d->w, "1.root.json");
        write_file(d->root_path, root->bytes, root->len);
        sal_sha256_hex(root->bytes, root->len, d->trust_domain);
        assert_int_equal(sal_private_key_save(d->w->keys[ONLINE], d->key_path, NULL), SAL_OK);
        d->keys[0] = d->key_path;
        d->config = (struct sal_signer_config){
                .root_path = d->root_path, .key_paths = d->keys, .key_count = 1, .marks_dir = d->marks_dir};
        d->request.envelopes = d->envelopes;
        domain_refresh(d);
        return d;
}

static inline void domain_free(struct domain *d) {
        domain_stop(d);
        domain_forget(d);
        sal_repository_next_done(&d->answer.next);
        drop_folder(d->dir);
        world_free(d->w);
        free(d);
}

static inline int domain_set_up(void **state) {
        struct domain *d = domain_new();
        domain_start(d);
        *state = d;
        return 0;
}

static inline int domain_set_up_stopped(void **state) {
        *state = domain_new();
        return 0;
}

static inline int domain_tear_down(void **state) {
        domain_free(*state);
        return 0;
}

#endif
