/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any JSON as what a root says, signed by the keys of the domain, and any bytes as the file: alone, as the next after
 * the domain's root, and as a draft. A root that is taken has a threshold for each role, of different keys.
 */
#include "domain.h"
#include "trust/tuf_draft.h"

static void look_at(const struct sal_tuf_root *root) {
        check(root->version >= 1 && root->version <= SAL_TUF_VERSION_MAX);
        for (int r = 0; r < SAL_TUF_ROLES; r++) {
                sal_autokeyset struct sal_key_set set = SAL_KEY_SET_INIT;
                for (size_t i = 0; i < root->roles[r].key_count; i++)
                        check(!sal_key_set_add(&set, root->roles[r].keys[i]));
                check(root->roles[r].threshold >= 1 && (size_t)root->roles[r].threshold <= set.count);
        }
}

static void look_at_draft(const struct fuzz_domain *d, const char *bytes, size_t len) {
        sal_auto(sal_tuf_draft) struct sal_tuf_draft *draft = NULL, *again = NULL;
        sal_autobuf struct sal_buf more = SAL_BUF_INIT;
        if (sal_tuf_draft_read(bytes, len, &draft, NULL))
                return;
        check((draft->root != NULL) != (draft->targets != NULL));
        if (draft->root)
                look_at(draft->root);
        if (sal_tuf_draft_sign(draft, d->ann, &more, NULL))
                return;
        if (more.len <= SAL_TUF_MAX_BYTES)
                check(!sal_tuf_draft_read(more.data, more.len, &again, NULL) &&
                      again->signature_count == draft->signature_count + 1 && again->version == draft->version);
}

static void read_all(const struct fuzz_domain *d, const char *bytes, size_t len) {
        sal_auto(sal_tuf_root) struct sal_tuf_root *root = NULL, *next = NULL;
        if (!sal_tuf_root_load(bytes, len, &root, NULL))
                look_at(root);
        if (!sal_tuf_root_load_next(d->parsed_root, bytes, len, &next, NULL)) {
                look_at(next);
                check(root && next->version == 2);
        }
        look_at_draft(d, bytes, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
        const struct fuzz_domain *d = fuzz_domain();
        read_all(d, (const char *)data, len);
        const struct sal_private_key *signers[] = {d->offline, d->online};
        sal_autojson json_t *json = NULL;
        sal_autobuf struct sal_buf file = SAL_BUF_INIT;
        if (!sal_json_parse((const char *)data, len, SAL_JSON_MAX_DEPTH, &json, NULL) &&
            !sal_tuf_sign(json, signers, 2, &file, NULL))
                read_all(d, file.data, file.len);
        return 0;
}
