/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What it costs to sign one more campaign into force beside 99 others: CPU time of the daemon's side and of the signer
 * process together. Beside it, from the same run, the same work without the signer's memory (every author signature is
 * verified anew, in this process), and one Ed25519 verification, which makes runs on different machines comparable.
 */
#include "base/clock.h"
#include "signer/signer.h"
#include "trust/dsse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CAMPAIGNS = 100, ROUNDS = 50, VERIFICATIONS = 500, PATH_BYTES = 256 };

static const int64_t day_ms = INT64_C(86400000);

/* The files of a trust domain and the campaigns of its authors. */
struct domain {
        struct sal_private_key *offline, *online, *authors[2];
        struct sal_buf root, targets, policy;
        char dir[64], root_path[PATH_BYTES], key_path[PATH_BYTES], marks_dir[PATH_BYTES];
        char trust_domain[SAL_SHA256_HEX_BYTES];
        struct sal_repository_envelope envelopes[CAMPAIGNS];
        size_t envelope_bytes;
};

static void must(bool good, const char *what) {
        if (good)
                return;
        fprintf(stderr, "bench_sign: %s failed\n", what);
        exit(EXIT_FAILURE);
}

static void write_file(const char *path, const struct sal_buf *bytes) {
        sal_autofclose FILE *file = fopen(path, "we");
        must(file && fwrite(bytes->data, 1, bytes->len, file) == bytes->len, path);
}

/* ---- the domain ---- */

static void make_policy(struct domain *d) {
        sal_autojson json_t *authors = json_array();
        static const char *const names[] = {"ann", "ben"};
        for (int i = 0; i < 2; i++) {
                const struct sal_public_key *key = sal_private_key_public(d->authors[i]);
                json_array_append_new(authors, json_pack("{s:s, s:s, s:s, s:s, s:s}", "name", names[i], "keyid",
                                                         sal_public_key_id(key), "keytype", sal_public_key_keytype(key),
                                                         "scheme", sal_public_key_scheme(key), "public",
                                                         sal_public_key_text(key)));
        }
        sal_autojson json_t *policy =
                json_pack("{s:s, s:O, s:[{s:s, s:[s], s:[s,s], s:i}], s:[]}", "schema", SAL_POLICY_SCHEMA, "authors",
                          authors, "classes", "name", "files", "kinds", "delete_file", "authors", names[0], names[1],
                          "threshold", 2, "revoked");
        sal_autofree char *text = sal_json_dump(policy);
        must(text != NULL, "the policy");
        sal_buf_puts(&d->policy, text);
}

static void make_metadata(struct domain *d, int64_t now_ms) {
        const struct sal_private_key *offline = d->offline;
        const struct sal_public_key *offline_public = sal_private_key_public(d->offline);
        const struct sal_public_key *online_public = sal_private_key_public(d->online);
        struct sal_tuf_root_spec root = {.version = 1, .expires_ms = now_ms + 365 * day_ms};
        for (int r = 0; r < SAL_TUF_ROLES; r++) {
                root.roles[r].keys = r == SAL_TUF_ROOT || r == SAL_TUF_TARGETS ? &offline_public : &online_public;
                root.roles[r].key_count = 1;
                root.roles[r].threshold = 1;
        }
        const struct sal_tuf_targets_spec targets = {.version = 1,
                                                     .expires_ms = now_ms + 365 * day_ms,
                                                     .policy = d->policy.data,
                                                     .policy_len = d->policy.len,
                                                     .keys = &online_public,
                                                     .key_count = 1,
                                                     .threshold = 1};
        must(!sal_tuf_root_build(&root, &offline, 1, &d->root, NULL), "the root");
        must(!sal_tuf_targets_build(&targets, &offline, 1, &d->targets, NULL), "targets");
        sal_sha256_hex(d->root.data, d->root.len, d->trust_domain);
}

/* A campaign of the usual size: some actions and a summary of some lines. */
static char *make_payload(const struct domain *d, const char *id, int64_t now_ms) {
        char not_before[SAL_TIME_BYTES], expires[SAL_TIME_BYTES], summary[1024];
        sal_time_format((now_ms - day_ms) / 1000 * 1000, not_before);
        sal_time_format((now_ms + 20 * day_ms) / 1000 * 1000, expires);
        memset(summary, 's', sizeof summary - 1);
        summary[sizeof summary - 1] = '\0';
        sal_autojson json_t *actions = json_array();
        for (int i = 0; i < 8; i++) {
                char path[64];
                snprintf(path, sizeof path, "${SYSTEM}/drivers/vendor/C-00000291-%08d.sys", i);
                json_array_append_new(actions, json_pack("{s:s, s:s}", "kind", "delete_file", "path", path));
        }
        sal_autojson json_t *json =
                json_pack("{s:s, s:s, s:i, s:s, s:s, s:s, s:s, s:s, s:{s:s, s:s}, s:O}", "schema", SAL_CAMPAIGN_SCHEMA,
                          "id", id, "version", 1, "trust_domain", d->trust_domain, "title", "Remove a bad file",
                          "summary", summary, "not_before", not_before, "expires", expires, "match", "fact", "os", "eq",
                          "windows", "actions", actions);
        return sal_json_dump(json);
}

static void make_envelope(struct domain *d, size_t index, int64_t now_ms) {
        char id[32], path[SAL_TARGET_PATH_BYTES];
        snprintf(id, sizeof id, "campaign-%zu", index);
        sal_campaign_target_path(id, 1, path);
        sal_autofree char *payload = make_payload(d, id, now_ms);
        sal_auto(sal_envelope) struct sal_envelope *envelope =
                payload ? sal_envelope_new(SAL_CAMPAIGN_TYPE, payload, strlen(payload)) : NULL;
        must(envelope && !sal_envelope_sign(envelope, d->authors[0], NULL) &&
                     !sal_envelope_sign(envelope, d->authors[1], NULL),
             "an envelope");
        struct sal_buf bytes = SAL_BUF_INIT;
        sal_envelope_serialise(envelope, &bytes);
        size_t len = 0;
        const char *text = sal_buf_take(&bytes, &len);
        d->envelopes[index] = (struct sal_repository_envelope){strdup(path), text, len};
        d->envelope_bytes += len;
}

static void make_domain(struct domain *d) {
        int64_t now_ms = sal_clock_wall_ms();
        snprintf(d->dir, sizeof d->dir, "/var/tmp/bench-sign-XXXXXX");
        must(mkdtemp(d->dir) != NULL, "a folder");
        snprintf(d->root_path, sizeof d->root_path, "%s/1.root.json", d->dir);
        snprintf(d->key_path, sizeof d->key_path, "%s/online.pem", d->dir);
        snprintf(d->marks_dir, sizeof d->marks_dir, "%s/signer", d->dir);
        must(!sal_private_key_generate(SAL_KEY_ED25519, &d->offline, NULL) &&
                     !sal_private_key_generate(SAL_KEY_ED25519, &d->online, NULL) &&
                     !sal_private_key_generate(SAL_KEY_ED25519, &d->authors[0], NULL) &&
                     !sal_private_key_generate(SAL_KEY_ED25519, &d->authors[1], NULL),
             "a key");
        make_policy(d);
        make_metadata(d, now_ms);
        write_file(d->root_path, &d->root);
        must(!sal_private_key_save(d->online, d->key_path, NULL), "the online key");
        for (size_t i = 0; i < CAMPAIGNS; i++)
                make_envelope(d, i, now_ms);
}

static void drop_domain(struct domain *d) {
        char marks[PATH_BYTES];
        snprintf(marks, sizeof marks, "%s/signer/" SAL_SIGNER_MARKS_FILE, d->dir);
        unlink(marks);
        rmdir(d->marks_dir);
        unlink(d->key_path);
        unlink(d->root_path);
        rmdir(d->dir);
        for (size_t i = 0; i < CAMPAIGNS; i++) {
                free((char *)d->envelopes[i].path);
                free((char *)d->envelopes[i].bytes);
        }
        sal_buf_done(&d->root);
        sal_buf_done(&d->targets);
        sal_buf_done(&d->policy);
        sal_private_key_free(d->offline);
        sal_private_key_free(d->online);
        sal_private_key_free(d->authors[0]);
        sal_private_key_free(d->authors[1]);
}

/* ---- measuring ---- */

/* CPU microseconds of a process so far, 0 for this one. */
static double cpu_us(int pid) {
        clockid_t clock = CLOCK_PROCESS_CPUTIME_ID;
        struct timespec now;
        must((!pid || clock_getcpuclockid(pid, &clock) == 0) && clock_gettime(clock, &now) == 0, "a CPU clock");
        return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b) {
        double x = *(const double *)a, y = *(const double *)b;
        return x < y ? -1 : x > y;
}

static double median(double *values, size_t count) {
        qsort(values, count, sizeof *values, compare);
        return values[count / 2];
}

/* One Ed25519 verification of a short message. */
static double measure_verification(const struct domain *d) {
        static const char message[] = "the unit of work";
        uint8_t sig[SAL_SIGNATURE_MAX_BYTES];
        size_t len = 0;
        must(!sal_private_key_sign(d->online, message, sizeof message, sig, &len, NULL), "signing");
        double begun_us = cpu_us(0);
        for (int i = 0; i < VERIFICATIONS; i++)
                must(sal_public_key_verify(sal_private_key_public(d->online), message, sizeof message, sig, len),
                     "verifying");
        return (cpu_us(0) - begun_us) / VERIFICATIONS;
}

/* All 100 envelopes judged anew, in this process. */
static double measure_baseline(const struct domain *d) {
        double values[ROUNDS];
        sal_auto(sal_tuf_root) struct sal_tuf_root *root = NULL;
        must(!sal_tuf_root_load(d->root.data, d->root.len, &root, NULL), "the root");
        const struct sal_private_key *key = d->online;
        const struct sal_repository_signer online = {.keys = &key, .count = 1};
        struct sal_repository_input input = {.now_ms = sal_clock_wall_ms(),
                                             .trust_domain = d->trust_domain,
                                             .root = root,
                                             .policy = d->policy.data,
                                             .policy_len = d->policy.len,
                                             .envelopes = d->envelopes,
                                             .envelope_count = CAMPAIGNS,
                                             .campaigns = online,
                                             .snapshot = online,
                                             .timestamp = online};
        input.files.file[SAL_TUF_FILE_TARGETS].bytes = d->targets.data;
        input.files.file[SAL_TUF_FILE_TARGETS].len = d->targets.len;
        for (int i = 0; i < ROUNDS; i++) {
                struct sal_repository_next next = {0};
                double begun_us = cpu_us(0);
                must(!sal_repository_make(&input, NULL, &next, NULL) && next.listed == CAMPAIGNS, "the baseline");
                values[i] = cpu_us(0) - begun_us;
                sal_repository_next_done(&next);
        }
        return median(values, ROUNDS);
}

/* What came back is what was given away last. */
static void ask(struct sal_signer *signer, struct sal_signer_request *request, struct sal_signer_answer *answer) {
        static struct sal_signer_answer next;
        struct sal_err err = {0};
        if (sal_signer_make(signer, request, &next, &err)) {
                fprintf(stderr, "bench_sign: %s\n", err.detail);
                exit(EXIT_FAILURE);
        }
        sal_repository_next_done(&answer->next);
        *answer = next;
        for (int i = SAL_TUF_FILE_TIMESTAMP; i < SAL_TUF_FILES; i++)
                if (i != SAL_TUF_FILE_TARGETS) {
                        request->files.file[i].bytes = answer->next.files[i].data;
                        request->files.file[i].len = answer->next.files[i].len;
                }
}

struct costs {
        double daemon_us, signer_us, both_us, wall_us;
};

/* The hundredth campaign comes beside 99, and goes again, time after time: to the signer it is new each time, for it
 * remembers what is listed. */
static struct costs measure_signer(const struct domain *d) {
        static struct sal_signer_answer answer;
        double daemon[ROUNDS], signer_cpu[ROUNDS], both[ROUNDS], wall[ROUNDS];
        const char *const keys[] = {d->key_path};
        const struct sal_signer_config config = {
                .root_path = d->root_path, .key_paths = keys, .key_count = 1, .marks_dir = d->marks_dir};
        struct sal_signer *signer = NULL;
        struct sal_signer_request request = {.policy = {d->policy.data, d->policy.len}, .envelopes = d->envelopes};
        request.files.file[SAL_TUF_FILE_TARGETS].bytes = d->targets.data;
        request.files.file[SAL_TUF_FILE_TARGETS].len = d->targets.len;
        must(!sal_signer_start(&config, &signer, NULL), "the signer");
        int pid = sal_signer_pid(signer);
        for (int i = 0; i < ROUNDS; i++) {
                request.envelope_count = CAMPAIGNS - 1;
                ask(signer, &request, &answer);
                request.envelope_count = CAMPAIGNS;
                double daemon_us = cpu_us(0), signer_us = cpu_us(pid);
                int64_t begun_us = sal_clock_mono_us();
                ask(signer, &request, &answer);
                wall[i] = (double)(sal_clock_mono_us() - begun_us);
                daemon[i] = cpu_us(0) - daemon_us;
                signer_cpu[i] = cpu_us(pid) - signer_us;
                both[i] = daemon[i] + signer_cpu[i];
                must(answer.next.listed == CAMPAIGNS && answer.next.signed_anew[SAL_TUF_FILE_CAMPAIGNS], "the list");
        }
        sal_signer_free(signer);
        sal_repository_next_done(&answer.next);
        return (struct costs){.daemon_us = median(daemon, ROUNDS),
                              .signer_us = median(signer_cpu, ROUNDS),
                              .both_us = median(both, ROUNDS),
                              .wall_us = median(wall, ROUNDS)};
}

int main(int argc, char **argv) {
        static struct domain domain;
        if (sal_signer_wanted(argc, argv))
                return sal_signer_main(argc, argv);
        make_domain(&domain);
        double verification_us = measure_verification(&domain);
        double baseline_us = measure_baseline(&domain);
        struct costs costs = measure_signer(&domain);
        printf("%d campaigns, envelopes of %zu bytes on average, medians of %d rounds\n", CAMPAIGNS,
               domain.envelope_bytes / CAMPAIGNS, ROUNDS);
        printf("%-44s %8.0f us CPU\n", "one Ed25519 verification", verification_us);
        printf("%-44s %8.0f us CPU\n", "all anew, in process, without memory", baseline_us);
        printf("%-44s %8.0f us CPU (daemon %.0f, signer %.0f), %.0f us on the clock\n",
               "one more beside 99, through the signer", costs.both_us, costs.daemon_us, costs.signer_us,
               costs.wall_us);
        printf("%-44s %8.2f\n", "ratio to all anew", costs.both_us / baseline_us);
        printf("%-44s %8.1f\n", "ratio to one verification", costs.both_us / verification_us);
        drop_domain(&domain);
        return EXIT_SUCCESS;
}
