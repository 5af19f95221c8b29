/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An update that is told anything in any order. Below a root of its own the input is a list of acts: give the needed
 * file, another one, nothing, or a good one that is bent. An update always ends, and never completes with a file whose
 * bytes were not the good ones.
 */
#include "harness.h"

static struct sal_private_key *key;
static struct sal_buf good[SAL_TUF_FILES];

static void make(void) {
        key = fuzz_key(1);
        const struct sal_public_key *public = sal_private_key_public(key);
        const struct sal_private_key *signer = key;
        const int64_t expires_ms = fuzz_now_ms + 1000000;
        struct sal_tuf_root_spec root = {.version = 1, .expires_ms = expires_ms};
        for (int r = 0; r < SAL_TUF_ROLES; r++) {
                root.roles[r].keys = &public;
                root.roles[r].key_count = 1;
                root.roles[r].threshold = 1;
        }
        check(!sal_tuf_root_build(&root, &signer, 1, &good[SAL_TUF_FILE_ROOT], NULL));
        struct sal_buf *targets = &good[SAL_TUF_FILE_TARGETS], *campaigns = &good[SAL_TUF_FILE_CAMPAIGNS],
                       *snapshot = &good[SAL_TUF_FILE_SNAPSHOT];
        const struct sal_tuf_targets_spec spec = {.version = 1,
                                                  .expires_ms = expires_ms,
                                                  .policy = "{}",
                                                  .policy_len = 2,
                                                  .keys = &public,
                                                  .key_count = 1,
                                                  .threshold = 1};
        check(!sal_tuf_targets_build(&spec, &signer, 1, targets, NULL));
        static struct sal_tuf_campaigns list;
        list.version = 1;
        list.expires_ms = expires_ms;
        check(!sal_tuf_campaigns_build(&list, &signer, 1, campaigns, NULL));
        const struct sal_tuf_snapshot names = {.version = 1,
                                               .expires_ms = expires_ms,
                                               .targets = sal_tuf_meta_of(1, targets->data, targets->len),
                                               .campaigns = sal_tuf_meta_of(1, campaigns->data, campaigns->len)};
        check(!sal_tuf_snapshot_build(&names, &signer, 1, snapshot, NULL));
        const struct sal_tuf_timestamp timestamp = {
                .version = 1, .expires_ms = expires_ms, .snapshot = sal_tuf_meta_of(1, snapshot->data, snapshot->len)};
        check(!sal_tuf_timestamp_build(&timestamp, &signer, 1, &good[SAL_TUF_FILE_TIMESTAMP], NULL));
}

/* One act of one byte, which may take bytes of the input for a file. */
static void act(struct sal_updater *updater, const struct sal_update_need *need, const uint8_t **data, size_t *len) {
        uint8_t what = *(*data)++;
        (*len)--;
        const struct sal_buf *own = &good[need->file];
        switch (what % 6) {
        case 0:
                sal_updater_give(updater, need->name, own->data, own->len, NULL);
                break;
        case 1: {
                size_t take = *len < need->max_bytes + 1 ? *len : need->max_bytes + 1;
                sal_updater_give(updater, need->name, (const char *)*data, take, NULL);
                *data += take;
                *len -= take;
                break;
        }
        case 2: {
                sal_autofree char *bent = malloc(own->len);
                check(bent != NULL);
                memcpy(bent, own->data, own->len);
                if (*len > 2) {
                        bent[((size_t)(*data)[0] << 8 | (*data)[1]) % own->len] = (char)(*data)[2];
                        *data += 3;
                        *len -= 3;
                }
                sal_updater_give(updater, need->name, bent, own->len, NULL);
                break;
        }
        case 3:
                check(sal_updater_give(updater, "0.root.json", own->data, own->len, NULL) == SAL_E_CONFLICT);
                break;
        case 4:
                sal_updater_absent(updater, NULL);
                break;
        default:
                sal_updater_unavailable(updater, NULL);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
        if (!key)
                make();
        struct sal_tuf_files trusted = {0};
        /* the first byte says which good files are held already */
        for (int i = 0; i < SAL_TUF_FILES; i++)
                if (i == SAL_TUF_FILE_ROOT || (len && data[0] >> i & 1)) {
                        trusted.file[i].bytes = good[i].data;
                        trusted.file[i].len = good[i].len;
                }
        sal_auto(sal_updater) struct sal_updater *updater = NULL;
        check(!sal_updater_new(&trusted, fuzz_now_ms, &updater, NULL));
        const uint8_t *at = len ? data + 1 : data;
        size_t left = len ? len - 1 : 0;
        struct sal_update_need need;
        while (left > 0 && sal_updater_need(updater, &need))
                act(updater, &need, &at, &left);
        struct sal_tuf_files files;
        sal_updater_files(updater, &files);
        enum sal_update_outcome outcome = sal_updater_outcome(updater);
        check((outcome == SAL_UPDATE_UNABLE) == (sal_updater_reason(updater, NULL) != SAL_UPDATE_FINE));
        if (outcome == SAL_UPDATE_NEWS || outcome == SAL_UPDATE_NO_NEWS)
                for (int i = SAL_TUF_FILE_SNAPSHOT; i < SAL_TUF_FILES; i++)
                        check(files.file[i].len == good[i].len &&
                              memcmp(files.file[i].bytes, good[i].data, good[i].len) == 0);
        return 0;
}
