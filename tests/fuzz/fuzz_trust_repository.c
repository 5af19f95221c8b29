/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The holder of the online keys is told anything: old files, a policy, envelopes, marks. Whatever it gives away, a
 * client that begins with the pinned root can follow it, nothing in it is below a mark, and it lists nothing but
 * envelopes that both authors signed.
 */
#include "domain.h"
#include "trust/repository.h"

enum { ENVELOPES = 6 };

struct served {
        const struct fuzz_domain *domain;
        const struct sal_repository_next *next;
};

static bool find(void *context, const char *name, const char **ret_bytes, size_t *ret_len) {
        const struct served *served = context;
        char own[SAL_TUF_NAME_BYTES];
        if (strcmp(name, "1.targets.json") == 0) {
                *ret_bytes = served->domain->targets.data;
                *ret_len = served->domain->targets.len;
                return true;
        }
        for (int i = SAL_TUF_FILE_TIMESTAMP; i < SAL_TUF_FILES; i++) {
                sal_tuf_file_name((enum sal_tuf_file)i, served->next->marks[i].version, own);
                if (i == SAL_TUF_FILE_TARGETS || strcmp(own, name) != 0)
                        continue;
                *ret_bytes = served->next->files[i].data;
                *ret_len = served->next->files[i].len;
                return true;
        }
        return false;
}

/* What was given away must be good for a client, and name no more than what was allowed. */
static void follow(const struct fuzz_domain *d, const struct sal_repository_input *input,
                   const struct sal_repository_next *next, const bool *good) {
        struct served served = {d, next};
        struct sal_tuf_files pinned = {0};
        pinned.file[SAL_TUF_FILE_ROOT].bytes = d->root.data;
        pinned.file[SAL_TUF_FILE_ROOT].len = d->root.len;
        sal_auto(sal_updater) struct sal_updater *updater = NULL;
        check(!sal_updater_new(&pinned, fuzz_now_ms, &updater, NULL));
        check(!sal_updater_run(updater, find, &served, NULL));
        const struct sal_tuf_campaigns *list = sal_updater_campaigns(updater);
        check(list && list->count == next->listed);
        for (size_t i = 0; i < list->count; i++) {
                bool allowed = false;
                for (size_t e = 0; e < input->envelope_count; e++)
                        allowed = allowed || (good[e] && strcmp(input->envelopes[e].path, list->targets[i].path) == 0 &&
                                              !sal_tuf_target_check(&list->targets[i], input->envelopes[e].bytes,
                                                                    input->envelopes[e].len, NULL));
                check(allowed);
        }
        for (int i = 0; i < SAL_TUF_FILES; i++)
                check(next->marks[i].version >= input->marks[i].version);
}

/* An envelope as the input wants it; true when both authors signed it and it is in force under this path. */
static bool envelope_of(const struct fuzz_domain *d, const uint8_t **data, size_t *len,
                        struct sal_repository_envelope *ret) {
        uint8_t what = fuzz_byte(data, len);
        char id[8], path[SAL_TARGET_PATH_BYTES];
        int version = 1 + what / 64;
        snprintf(id, sizeof id, "fix-%c", 'a' + what % 4);
        sal_campaign_target_path(id, version, path);
        sal_autofree char *payload = fuzz_payload(d, id, version);
        int signers = what / 4 % 4 == 3 ? 1 : 2;
        sal_autofree char *sealed = fuzz_seal(d, payload, strlen(payload), signers);
        bool bend = what / 16 % 4 == 3;
        char *bytes = fuzz_bend(sealed, strlen(sealed), bend ? 2 : 0, data, len);
        if (what / 16 % 4 == 2)
                snprintf(path, sizeof path, "campaigns/other-1.json");
        *ret = (struct sal_repository_envelope){.path = strdup(path), .bytes = bytes, .len = strlen(sealed)};
        /* One that is bent is admitted only while it holds the payload that both signed (its hints may differ). */
        return signers == 2 && what / 16 % 4 != 2;
}

/* Old files: none, those of the last time, or the input's bytes. */
static void old_files(struct sal_repository_input *input, const struct sal_repository_next *last, uint8_t which,
                      char *rest, size_t rest_len) {
        for (int i = SAL_TUF_FILE_TIMESTAMP; i < SAL_TUF_FILES; i++) {
                if (i == SAL_TUF_FILE_TARGETS)
                        continue;
                unsigned how = which >> (i % 4 * 2) & 3;
                input->files.file[i].bytes = how == 1 ? last->files[i].data : how == 2 ? rest : NULL;
                input->files.file[i].len = how == 1 ? last->files[i].len : how == 2 ? rest_len : 0;
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
        const struct fuzz_domain *d = fuzz_domain();
        const struct sal_private_key *online = d->online;
        const struct sal_repository_signer signer = {.keys = &online, .count = 1};
        struct sal_repository_envelope envelopes[ENVELOPES];
        struct sal_repository_memory memory = {0};
        bool good[ENVELOPES] = {0};
        struct sal_repository_input input = {.now_ms = fuzz_now_ms,
                                             .trust_domain = d->trust_domain,
                                             .root = d->parsed_root,
                                             .policy = d->policy,
                                             .policy_len = strlen(d->policy),
                                             .envelopes = envelopes,
                                             .campaigns = signer,
                                             .snapshot = signer,
                                             .timestamp = signer,
                                             .memory = &memory};
        input.files.file[SAL_TUF_FILE_TARGETS].bytes = d->targets.data;
        input.files.file[SAL_TUF_FILE_TARGETS].len = d->targets.len;
        sal_autorepository struct sal_repository_next last = {0};
        for (int round = 0; round < 3 && len; round++) {
                uint8_t count = fuzz_byte(&data, &len), which = fuzz_byte(&data, &len);
                for (input.envelope_count = 0; input.envelope_count < count % (ENVELOPES + 1); input.envelope_count++)
                        good[input.envelope_count] = envelope_of(d, &data, &len, &envelopes[input.envelope_count]);
                input.renew = count & 0x80;
                sal_autofree char *rest = fuzz_text(data, len);
                old_files(&input, &last, which, rest, len);
                struct sal_repository_next next = {0};
                struct sal_repository_verdict verdicts[ENVELOPES];
                check(!sal_repository_make(&input, verdicts, &next, NULL));
                follow(d, &input, &next, good);
                memcpy(input.marks, next.marks, sizeof next.marks);
                sal_repository_next_done(&last);
                last = next;
                for (size_t e = 0; e < input.envelope_count; e++) {
                        free((char *)envelopes[e].path);
                        free((char *)envelopes[e].bytes);
                }
        }
        return 0;
}
