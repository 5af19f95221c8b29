/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the metadata below the root: what is signed is the fuzzer's, for a harness key signs it, so that the
 * readers behind the signature are reached. The first byte chooses the role.
 */
#include "harness.h"

static struct sal_private_key *key;

static void read_all(char role_name, const char *bytes, size_t len, const struct sal_tuf_role *role) {
        struct sal_err err = {0};
        struct sal_tuf_timestamp timestamp = {0};
        struct sal_tuf_snapshot snapshot = {0};
        sal_auto(sal_tuf_targets) struct sal_tuf_targets *targets = NULL;
        sal_auto(sal_tuf_campaigns) struct sal_tuf_campaigns *campaigns = NULL;
        switch ((uint8_t)role_name % 4) {
        case 0:
                if (!sal_tuf_timestamp_load(bytes, len, role, &timestamp, &err))
                        check(timestamp.version > 0 && timestamp.snapshot.version > 0);
                break;
        case 1:
                if (!sal_tuf_snapshot_load(bytes, len, role, &snapshot, &err))
                        check(snapshot.version > 0 && snapshot.targets.length <= SAL_TUF_MAX_BYTES);
                break;
        case 2:
                if (!sal_tuf_targets_load(bytes, len, role, &targets, &err))
                        check(strcmp(targets->policy.path, SAL_TUF_POLICY_PATH) == 0 &&
                              targets->campaigns.threshold > 0);
                break;
        default:
                if (sal_tuf_campaigns_load(bytes, len, role, &campaigns, &err))
                        break;
                for (size_t i = 0; i < campaigns->count; i++)
                        check(sal_tuf_campaign_path_valid(campaigns->targets[i].path) &&
                              sal_tuf_campaigns_find(campaigns, campaigns->targets[i].path));
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
        if (!key)
                key = fuzz_key(2);
        if (len == 0)
                return 0;
        struct sal_public_key *public = (struct sal_public_key *)sal_private_key_public(key);
        const struct sal_tuf_role role = {.keys = &public, .key_count = 1, .threshold = 1};
        const char *bytes = (const char *)data + 1;
        read_all((char)data[0], bytes, len - 1, &role);
        sal_autojson json_t *json = NULL;
        sal_autobuf struct sal_buf file = SAL_BUF_INIT;
        if (!sal_json_parse(bytes, len - 1, SAL_JSON_MAX_DEPTH, &json, NULL) &&
            !sal_tuf_sign(json, (const struct sal_private_key *[]){key}, 1, &file, NULL))
                read_all((char)data[0], file.data, file.len, &role);
        return 0;
}
