/* SPDX-License-Identifier: Apache-2.0 */
/* The signer itself: reads what it may ever read, confines itself, and answers until its socket ends. */
#include "signer/internal.h"

#include "base/clock.h"
#include "trust/file.h"
#include "trust/key_file.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

/* A buffer that a large request has blown up is not kept. */
enum { KEPT_BYTES = 4 * 1024 * 1024 };

/* What it believes, and why. */
struct signer {
        struct sal_tuf_root *pinned;
        struct sal_private_key *keys[SAL_SIGNER_MAX_KEYS];
        size_t key_count;
        struct sal_signer_marks marks;
        /* The newest root that a verified chain led to, and the digests of the chain behind the pinned one: the same
         * bytes need not be verified again. */
        struct sal_tuf_root *newest; /* NULL: the pinned one */
        size_t chain_count;
        char chain[SAL_SIGNER_MAX_ROOTS][SAL_SHA256_HEX_BYTES];
        /* The targets verified last, with the root they were verified by. */
        struct sal_tuf_targets *targets;
        char targets_sha256[SAL_SHA256_HEX_BYTES], targets_root[SAL_SHA256_HEX_BYTES];
        struct sal_repository_memory memory;
        struct sal_signer_received received;
        struct sal_signer_answer answer;
};

/* ---- before it is confined ---- */

/* A file that the configuration names and that cannot be used: the name belongs into what is said of it. */
static enum sal_status config_error(struct sal_err *reterr, const char *what, const char *path,
                                    const struct sal_err *why) {
        if (why->status == SAL_E_NOMEM)
                return sal_fail(reterr, SAL_E_NOMEM, "%s", why->detail);
        sal_fail(reterr, SAL_E_CONFIG, "%s %s: %s", what, path, why->detail);
        sal_err_hint(reterr, "%s", why->hint);
        return SAL_E_CONFIG;
}

static enum sal_status load_root(struct signer *signer, const char *path, struct sal_err *reterr) {
        sal_autofree char *bytes = NULL;
        size_t len = 0;
        struct sal_err why = {0};
        if (sal_file_read(path, SAL_TUF_MAX_BYTES, &bytes, &len, &why) ||
            sal_tuf_root_load(bytes, len, &signer->pinned, &why))
                return config_error(reterr, "the pinned root", path, &why);
        if (signer->pinned->version == 1)
                return SAL_OK;
        sal_fail(reterr, SAL_E_CONFIG, "the pinned root %s has version %lld", path, (long long)signer->pinned->version);
        sal_err_hint(reterr, "name the first one, 1.root.json: its digest is the trust domain");
        return SAL_E_CONFIG;
}

static enum sal_status load_key(struct signer *signer, const char *path, struct sal_err *reterr) {
        struct sal_err why = {0};
        struct sal_private_key **key = &signer->keys[signer->key_count];
        enum sal_status status = sal_key_file_load(path, NULL, NULL, key, &why);
        if (status == SAL_E_UNAUTHENTICATED || status == SAL_E_REFUSED) {
                sal_fail(reterr, SAL_E_CONFIG, "the online key %s is encrypted, and nobody is there to be asked", path);
                sal_err_hint(reterr, "an online key lies in plain text, mode 0600: openssl pkey -in OLD -out NEW");
                return SAL_E_CONFIG;
        }
        if (status)
                return config_error(reterr, "the online key", path, &why);
        for (size_t i = 0; i < signer->key_count; i++)
                if (sal_public_key_equal(sal_private_key_public(signer->keys[i]), sal_private_key_public(*key))) {
                        sal_private_key_free(SAL_STEAL(*key));
                        return sal_fail(reterr, SAL_E_CONFIG, "the online key %s is named twice", path);
                }
        signer->key_count++;
        return SAL_OK;
}

static int compare_blocks(const void *a, const void *b) {
        return memcmp(a, b, 64);
}

/* Does once what libraries do lazily with files and system calls of their own (providers, random seed, time zone, the
 * size of memory in qsort, the seed of jansson's tables), and proves the keys. */
static enum sal_status warm_up(const struct signer *signer, struct sal_err *reterr) {
        static const char message[] = "salvor signer";
        char time[SAL_TIME_BYTES];
        char digest[SAL_SHA256_HEX_BYTES];
        char blocks[64][64] = {{0}};
        sal_autojson json_t *json = json_object();
        sal_time_format(sal_clock_wall_ms(), time);
        sal_sha256_hex(message, sizeof message, digest);
        qsort(blocks, SAL_ARRAY_LEN(blocks), sizeof blocks[0], compare_blocks);
        for (size_t i = 0; i < signer->key_count; i++) {
                uint8_t sig[SAL_SIGNATURE_MAX_BYTES];
                size_t sig_len = 0;
                const struct sal_public_key *public = sal_private_key_public(signer->keys[i]);
                enum sal_status status =
                        sal_private_key_sign(signer->keys[i], message, sizeof message, sig, &sig_len, reterr);
                if (status)
                        return status;
                if (!sal_public_key_verify(public, message, sizeof message, sig, sig_len))
                        return sal_fail(reterr, SAL_E_INTERNAL, "the online key %s does not verify what it signs",
                                        sal_public_key_id(public));
        }
        return json ? SAL_OK : sal_fail(reterr, SAL_E_NOMEM, "no memory for the signer");
}

static enum sal_status begin(struct signer *signer, int argc, char **argv, struct sal_err *reterr) {
        enum sal_status status = load_root(signer, argv[2], reterr);
        for (int i = SAL_SIGNER_FIXED_ARGUMENTS; i < argc && !status; i++)
                status = load_key(signer, argv[i], reterr);
        if (!status)
                status = sal_signer_marks_open(argv[3], strcmp(argv[4], SAL_SIGNER_RESUMED) == 0, &signer->marks,
                                               reterr);
        if (!status)
                status = warm_up(signer, reterr);
        if (!status)
                status = sal_signer_confine(SAL_SIGNER_FD, signer->marks.fd, reterr);
        return status;
}

/* ---- one request ---- */

/* Follows the chain from the pinned root. Roots that were verified before are known by their bytes. */
static enum sal_status follow_roots(struct signer *signer, const struct sal_signer_request *request,
                                    const struct sal_tuf_root **ret, struct sal_err *reterr) {
        static char digests[SAL_SIGNER_MAX_ROOTS][SAL_SHA256_HEX_BYTES];
        for (size_t i = 0; i < request->root_count; i++)
                sal_sha256_hex(request->roots[i].bytes, request->roots[i].len, digests[i]);
        if (request->root_count < signer->chain_count ||
            memcmp(digests, signer->chain, signer->chain_count * sizeof digests[0]) != 0) {
                sal_tuf_root_free(SAL_STEAL(signer->newest));
                signer->chain_count = 0;
        }
        while (signer->chain_count < request->root_count) {
                const struct sal_signer_bytes *bytes = &request->roots[signer->chain_count];
                struct sal_tuf_root *next = NULL;
                struct sal_err why = {0};
                enum sal_status status = sal_tuf_root_load_next(signer->newest ? signer->newest : signer->pinned,
                                                                bytes->bytes, bytes->len, &next, &why);
                if (status)
                        return sal_fail_at(reterr, status, why.pointer, "root %zu of the chain: %s",
                                           signer->chain_count + 2, why.detail);
                sal_tuf_root_free(signer->newest);
                signer->newest = next;
                memcpy(signer->chain[signer->chain_count], digests[signer->chain_count], sizeof digests[0]);
                signer->chain_count++;
        }
        *ret = signer->newest ? signer->newest : signer->pinned;
        return SAL_OK;
}

/* Who signs for the campaigns stands in targets, so it is looked at before they are made. */
static enum sal_status open_targets(struct signer *signer, const struct sal_tuf_root *root,
                                    const struct sal_tuf_files *files, struct sal_err *reterr) {
        const char *bytes = files->file[SAL_TUF_FILE_TARGETS].bytes;
        size_t len = files->file[SAL_TUF_FILE_TARGETS].len;
        char sha256[SAL_SHA256_HEX_BYTES];
        if (!bytes)
                return sal_fail(reterr, SAL_E_INVALID, "there is no targets file");
        sal_sha256_hex(bytes, len, sha256);
        if (signer->targets && strcmp(signer->targets_sha256, sha256) == 0 &&
            strcmp(signer->targets_root, root->sha256) == 0)
                return SAL_OK;
        struct sal_tuf_targets *targets = NULL;
        enum sal_status status = sal_tuf_targets_load(bytes, len, &root->roles[SAL_TUF_TARGETS], &targets, reterr);
        if (status)
                return status;
        sal_tuf_targets_free(signer->targets);
        signer->targets = targets;
        memcpy(signer->targets_sha256, sha256, sizeof sha256);
        memcpy(signer->targets_root, root->sha256, sizeof signer->targets_root);
        return SAL_OK;
}

/* The keys that belong to a role. */
struct role_keys {
        const struct sal_private_key *keys[SAL_SIGNER_MAX_KEYS];
        size_t count;
};

static enum sal_status choose_keys(const struct signer *signer, const struct sal_tuf_role *role, enum sal_tuf_file file,
                                   struct role_keys *room, struct sal_repository_signer *ret, struct sal_err *reterr) {
        room->count = 0;
        for (size_t i = 0; i < signer->key_count; i++)
                for (size_t k = 0; k < role->key_count; k++)
                        if (sal_public_key_equal(sal_private_key_public(signer->keys[i]), role->keys[k])) {
                                room->keys[room->count++] = signer->keys[i];
                                break;
                        }
        *ret = (struct sal_repository_signer){.keys = room->keys, .count = room->count};
        if (room->count >= (size_t)role->threshold)
                return SAL_OK;
        const char *who = file == SAL_TUF_FILE_CAMPAIGNS ? "targets file" : "root";
        sal_fail(reterr, SAL_E_UNTRUSTED,
                 "the newest %s wants %s signed by %d of %zu keys, and %zu of them %s configured here", who,
                 sal_tuf_file_text(file), role->threshold, role->key_count, room->count,
                 room->count == 1 ? "is" : "are");
        sal_err_hint(reterr, "configure the online keys that the newest %s names", who);
        return SAL_E_UNTRUSTED;
}

/* Makes the files; what comes back may be given away: its versions are on disk. */
static enum sal_status make(struct signer *signer, const struct sal_signer_request *request,
                            struct sal_signer_answer *answer, struct sal_err *reterr) {
        const struct sal_tuf_root *root = NULL;
        struct role_keys campaigns, snapshot, timestamp;
        enum sal_status status = follow_roots(signer, request, &root, reterr);
        if (!status)
                status = open_targets(signer, root, &request->files, reterr);
        if (status)
                return status;
        struct sal_repository_input input = {
                .now_ms = sal_clock_wall_ms(),
                .trust_domain = signer->pinned->sha256,
                .root = root,
                .files = request->files,
                .policy = request->policy.bytes,
                .policy_len = request->policy.len,
                .envelopes = request->envelopes,
                .envelope_count = request->envelope_count,
                .renew = request->renew,
                .memory = &signer->memory,
        };
        memcpy(input.marks, signer->marks.marks, sizeof input.marks);
        status = choose_keys(signer, &signer->targets->campaigns, SAL_TUF_FILE_CAMPAIGNS, &campaigns, &input.campaigns,
                             reterr);
        if (!status)
                status = choose_keys(signer, &root->roles[SAL_TUF_SNAPSHOT], SAL_TUF_FILE_SNAPSHOT, &snapshot,
                                     &input.snapshot, reterr);
        if (!status)
                status = choose_keys(signer, &root->roles[SAL_TUF_TIMESTAMP], SAL_TUF_FILE_TIMESTAMP, &timestamp,
                                     &input.timestamp, reterr);
        if (!status)
                status = sal_repository_make(&input, answer->verdicts, &answer->next, reterr);
        if (!status)
                status = sal_signer_marks_write(&signer->marks, answer->next.marks, reterr);
        if (status)
                return status;
        for (int file = 0; file < SAL_TUF_FILES; file++)
                answer->versions[file] = answer->next.marks[file].version;
        memcpy(answer->expires_ms, answer->next.expires_ms, sizeof answer->expires_ms);
        return SAL_OK;
}

/* Appends the answer to a request: what was made, or why not. */
static enum sal_status answer_to(struct signer *signer, const struct sal_buf *body, struct sal_buf *out) {
        struct sal_err why = {0};
        struct sal_signer_answer *answer = &signer->answer;
        memset(answer, 0, sizeof *answer);
        enum sal_status status = sal_signer_read_request(body->data, body->len, &signer->received, &why);
        if (!status)
                status = make(signer, &signer->received.request, answer, &why);
        if (!status)
                status = sal_signer_write_answer(answer, signer->received.request.envelope_count, out, &why);
        sal_repository_next_done(&answer->next);
        return status ? sal_signer_write_refusal(&why, out, NULL) : SAL_OK;
}

/* ---- the process ---- */

/* Its socket alone ends it. A Ctrl-C or a stop of the whole unit reaches it too, and the daemon may want it until its
 * own end; a write beyond a limit shall be an error. */
static void take_signals(void) {
        static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGXFSZ, SIGUSR1, SIGUSR2};
        sigset_t none;
        for (size_t i = 0; i < SAL_ARRAY_LEN(ignored); i++)
                signal(ignored[i], SIG_IGN);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
}

static void release(struct signer *signer) {
        for (size_t i = 0; i < signer->key_count; i++)
                sal_private_key_free(signer->keys[i]);
        sal_tuf_root_free(signer->pinned);
        sal_tuf_root_free(signer->newest);
        sal_tuf_targets_free(signer->targets);
        sal_signer_marks_done(&signer->marks);
}

/* Answers until the socket ends. Whatever is no request ends it too: nothing can be told from what follows. */
static int serve(struct signer *signer) {
        sal_autobuf struct sal_buf body = SAL_BUF_INIT;
        sal_autobuf struct sal_buf out = SAL_BUF_INIT;
        for (;;) {
                enum sal_signer_kind kind;
                enum sal_status status = sal_signer_receive(SAL_SIGNER_FD, 1u << SAL_SIGNER_REQUEST, SAL_SIGNER_FOREVER,
                                                            &kind, &body, NULL);
                if (status)
                        return status == SAL_E_GONE ? SAL_EXIT_DONE : SAL_EXIT_FAILED;
                sal_buf_clear(&out);
                status = answer_to(signer, &body, &out);
                if (!status)
                        status = sal_signer_send(SAL_SIGNER_FD, &out, SAL_SIGNER_FOREVER, NULL);
                if (status)
                        return SAL_EXIT_FAILED;
                if (body.cap > KEPT_BYTES)
                        sal_buf_done(&body);
        }
}

bool sal_signer_wanted(int argc, char **argv) {
        return argc > SAL_SIGNER_FIXED_ARGUMENTS && strcmp(argv[0], SAL_SIGNER_TITLE) == 0 &&
               strcmp(argv[1], SAL_SIGNER_ARGUMENT) == 0;
}

int sal_signer_main(int argc, char **argv) {
        static struct signer signer = {.marks.fd = -1};
        struct sal_err why = {0};
        sal_autobuf struct sal_buf out = SAL_BUF_INIT;
        take_signals();
        prctl(PR_SET_NAME, SAL_SIGNER_TITLE, 0, 0, 0);
        if (argc > SAL_SIGNER_FIXED_ARGUMENTS + SAL_SIGNER_MAX_KEYS)
                return SAL_EXIT_USAGE;
        enum sal_status status = begin(&signer, argc, argv, &why);
        enum sal_status written =
                status ? sal_signer_write_refusal(&why, &out, NULL) : sal_signer_write_ready(&out, NULL);
        int code = SAL_EXIT_FAILED;
        if (!written && !sal_signer_send(SAL_SIGNER_FD, &out, SAL_SIGNER_FOREVER, NULL) && !status)
                code = serve(&signer);
        release(&signer);
        return code;
}
