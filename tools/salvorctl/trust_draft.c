/* SPDX-License-Identifier: Apache-2.0 */
/* salvorctl trust draft root, trust draft targets: the next version, without signatures. */
#include "base/clock.h"
#include "ceremony.h"
#include "out.h"
#include "put.h"
#include "trust/file.h"
#include "trust/separation.h"
#include "trust_words.h"

#include <string.h>

static const int64_t day_ms = INT64_C(86400000);

enum { DAYS_MAX = 3650, KEYID_PREFIX_MIN = 8 };

/* ---- pieces of the command line ---- */

enum sal_status sal_ctl_pair(const char *option, const char *text, char ret_name[static SAL_CTL_NAME_BYTES],
                             const char **ret_value, struct sal_err *reterr) {
        size_t len = strcspn(text, "=");
        if (!text[len] || !text[len + 1] || len == 0 || len >= SAL_CTL_NAME_BYTES)
                return sal_fail(reterr, SAL_E_USAGE, "--%s takes NAME=VALUE, not \"%.80s\"", option, text);
        memcpy(ret_name, text, len);
        ret_name[len] = '\0';
        *ret_value = text + len + 1;
        return SAL_OK;
}

int sal_ctl_threshold(const char *text) {
        size_t len = strspn(text, "0123456789");
        if (text[len] || len < 1 || len > 2)
                return 0;
        return len == 1 ? text[0] - '0' : 10 * (text[0] - '0') + text[1] - '0';
}

enum sal_status sal_ctl_public_key(const char *path, struct sal_public_key **ret, struct sal_err *reterr) {
        sal_autofree char *text = NULL;
        size_t len = 0;
        struct sal_err why = {0};
        enum sal_status status = sal_file_read(path, SAL_KEY_FILE_MAX_BYTES, &text, &len, reterr);
        if (status)
                return status;
        if (strlen(text) == len && !sal_public_key_from_pem(text, ret, &why))
                return SAL_OK;
        status = sal_fail(reterr, SAL_E_INVALID, "%.200s: %.200s", path,
                          *why.detail ? why.detail : "not a PEM public key");
        if (strstr(text, "PRIVATE KEY"))
                sal_err_hint(reterr, "this is a private key; hand over its public half: "
                                     "salvorctl key show KEY --public-out FILE");
        return status;
}

/* ---- a role in the making ---- */

struct role_draft {
        const char *name;
        struct sal_key_set keys;
        int threshold; /* 0: not said */
};

static void roles_done(struct role_draft *roles, size_t count) {
        for (size_t i = 0; i < count; i++)
                sal_key_set_done(&roles[i].keys);
}

static enum sal_status role_begin(struct role_draft *role, const struct sal_tuf_role *from) {
        enum sal_status status = SAL_OK;
        for (size_t i = 0; i < from->key_count && !status; i++)
                status = sal_key_set_add(&role->keys, from->keys[i]);
        role->threshold = from->threshold;
        return status;
}

static enum sal_status find_role(struct role_draft *roles, size_t count, const char *option, const char *name,
                                 struct role_draft **ret, struct sal_err *reterr) {
        for (size_t i = 0; i < count; i++)
                if (strcmp(roles[i].name, name) == 0) {
                        *ret = &roles[i];
                        return SAL_OK;
                }
        sal_fail(reterr, SAL_E_USAGE, "--%s: there is no role \"%s\" here", option, name);
        sal_err_hint(reterr, count == 1 ? "the role of a targets file is campaigns; root, targets, snapshot and "
                                          "timestamp are roles of the root"
                                        : "root, targets, snapshot or timestamp; the keys of campaigns stand in the "
                                          "targets file");
        return SAL_E_USAGE;
}

static void remove_key(struct sal_key_set *set, size_t at) {
        sal_public_key_unref(set->keys[at]);
        memmove(&set->keys[at], &set->keys[at + 1], (set->count - at - 1) * sizeof *set->keys);
        set->count--;
}

/* A key is named by its id, by the id's beginning, or by its public file. */
static enum sal_status drop_key(struct role_draft *role, const char *name, struct sal_err *reterr) {
        size_t len = strlen(name), found = SIZE_MAX, matches = 0;
        bool id = len >= KEYID_PREFIX_MIN && len <= 64 && strspn(name, "0123456789abcdef") == len;
        sal_auto(sal_public_key) struct sal_public_key *key = NULL;
        if (!id) {
                enum sal_status status = sal_ctl_public_key(name, &key, reterr);
                if (status)
                        return status;
        }
        for (size_t i = 0; i < role->keys.count; i++)
                if (id ? strncmp(sal_public_key_id(role->keys.keys[i]), name, len) == 0
                       : sal_public_key_equal(role->keys.keys[i], key)) {
                        found = i;
                        matches++;
                }
        if (matches == 0)
                return sal_fail(reterr, SAL_E_NOT_FOUND, "the role %s has no key %.100s", role->name, name);
        if (matches > 1)
                return sal_fail(reterr, SAL_E_USAGE, "%.64s begins the ids of %zu keys of the role %s", name, matches,
                                role->name);
        remove_key(&role->keys, found);
        return SAL_OK;
}

static enum sal_status add_key(struct role_draft *role, const char *path, struct sal_err *reterr) {
        sal_auto(sal_public_key) struct sal_public_key *key = NULL;
        enum sal_status status = sal_ctl_public_key(path, &key, reterr);
        if (status)
                return status;
        if (sal_key_set_has(&role->keys, key))
                return sal_fail(reterr, SAL_E_CONFLICT, "the role %s has the key of %.200s already", role->name, path);
        return sal_key_set_add(&role->keys, key) ? sal_fail(reterr, SAL_E_NOMEM, "no memory for a key") : SAL_OK;
}

static enum sal_status set_threshold(struct role_draft *role, const char *text, struct sal_err *reterr) {
        int number = sal_ctl_threshold(text);
        if (number < 1 || number > SAL_TUF_MAX_KEYS)
                return sal_fail(reterr, SAL_E_USAGE,
                                "--threshold %s= must be a whole number from 1 to %d, not \"%.20s\"", role->name,
                                SAL_TUF_MAX_KEYS, text);
        role->threshold = number;
        return SAL_OK;
}

/* First what goes, then what comes, then how many: so a key can be put in the place of another. */
static enum sal_status change_roles(const struct sal_ctl *ctl, struct role_draft *roles, size_t count,
                                    struct sal_err *reterr) {
        static const struct {
                enum sal_option option;
                const char *name;
                enum sal_status (*apply)(struct role_draft *role, const char *value, struct sal_err *reterr);
        } steps[] = {{SAL_OPT_DROP, "drop", drop_key},
                     {SAL_OPT_ADD, "add", add_key},
                     {SAL_OPT_THRESHOLD, "threshold", set_threshold}};
        for (size_t s = 0; s < SAL_ARRAY_LEN(steps); s++) {
                const char *text = NULL;
                for (size_t i = 0; (text = sal_ctl_nth(ctl, steps[s].option, i)); i++) {
                        char name[SAL_CTL_NAME_BYTES];
                        const char *value = NULL;
                        struct role_draft *role = NULL;
                        enum sal_status status = sal_ctl_pair(steps[s].name, text, name, &value, reterr);
                        if (!status)
                                status = find_role(roles, count, steps[s].name, name, &role, reterr);
                        if (!status)
                                status = steps[s].apply(role, value, reterr);
                        if (status)
                                return status;
                }
        }
        return SAL_OK;
}

static enum sal_status check_role(const struct role_draft *role, struct sal_err *reterr) {
        if (role->keys.count == 0) {
                sal_fail(reterr, SAL_E_INVALID, "the role %s would have no key", role->name);
                sal_err_hint(reterr, "give it one: --add %s=PUBLIC.pem", role->name);
                return SAL_E_INVALID;
        }
        if ((size_t)role->threshold > role->keys.count) {
                sal_fail(reterr, SAL_E_INVALID, "the role %s would need %d signatures of %zu keys", role->name,
                         role->threshold, role->keys.count);
                sal_err_hint(reterr, "--add another key, or lower it: --threshold %s=%zu", role->name,
                             role->keys.count);
                return SAL_E_INVALID;
        }
        return SAL_OK;
}

static const struct sal_public_key *const *keys_of(const struct role_draft *role) {
        return (const struct sal_public_key *const *)role->keys.keys;
}

/* ---- the result ---- */

/* `said`: the files that this one goes with. */
static enum sal_status finish(struct sal_ctl *ctl, const struct sal_buf *file, const struct sal_tuf_draft *before,
                              struct sal_tuf_said said, struct sal_err *reterr) {
        const char *out = ctl->options[SAL_OPT_OUT];
        sal_auto(sal_tuf_draft) struct sal_tuf_draft *draft = NULL;
        enum sal_status status = sal_tuf_draft_read(file->data, file->len, &draft, reterr);
        if (status)
                return status;
        if (draft->root)
                said.root = draft->root;
        else
                said.targets = draft->targets;
        status = sal_tuf_check_separation(&said, NULL, reterr);
        if (!status)
                status = sal_put_new(out, file->data, file->len, reterr);
        if (status)
                return status;
        if (ctl->json) {
                char expires[SAL_TIME_BYTES];
                sal_time_format(draft->expires_ms, expires);
                sal_autojson json_t *document =
                        json_pack("{s:s, s:s, s:I, s:s}", "file", out, "type", draft->root ? "root" : "targets",
                                  "version", (json_int_t)draft->version, "expires", expires);
                sal_out_json(document);
                return SAL_OK;
        }
        sal_words_draft(stdout, draft, before);
        sal_out_line(stdout, "wrote ", out, ", not signed yet: salvorctl trust sign ", out, " --key KEY", NULL);
        return SAL_OK;
}

static enum sal_status read_days(const struct sal_ctl *ctl, int64_t days, int64_t *ret_expires_ms,
                                 struct sal_err *reterr) {
        enum sal_status status = sal_ctl_int(ctl, SAL_OPT_DAYS, 1, DAYS_MAX, &days, reterr);
        *ret_expires_ms = sal_clock_wall_ms() + days * day_ms;
        return status;
}

static enum sal_status next_version(const struct sal_tuf_draft *before, int64_t *ret, struct sal_err *reterr) {
        if (before && before->version >= SAL_TUF_VERSION_MAX)
                return sal_fail(reterr, SAL_E_REFUSED, "there is no version above %lld", (long long)before->version);
        *ret = before ? before->version + 1 : 1;
        return SAL_OK;
}

/* ---- root ---- */

static enum sal_status make_root(struct sal_ctl *ctl, struct role_draft *roles, const struct sal_tuf_draft *before,
                                 struct sal_err *reterr) {
        struct sal_tuf_root_spec spec = {0};
        enum sal_status status = change_roles(ctl, roles, SAL_TUF_ROLES, reterr);
        if (!status)
                status = read_days(ctl, SAL_TUF_ROOT_DAYS, &spec.expires_ms, reterr);
        if (!status)
                status = next_version(before, &spec.version, reterr);
        for (int r = 0; r < SAL_TUF_ROLES && !status; r++) {
                struct role_draft *role = &roles[r];
                bool offline = r == SAL_TUF_ROOT || r == SAL_TUF_TARGETS;
                if (!role->threshold) /* more than half of those who keep an offline key */
                        role->threshold = offline ? (int)(role->keys.count / 2 + 1) : 1;
                status = check_role(role, reterr);
                spec.roles[r].keys = keys_of(role);
                spec.roles[r].key_count = role->keys.count;
                spec.roles[r].threshold = role->threshold;
        }
        if (status)
                return status;
        sal_autobuf struct sal_buf file = SAL_BUF_INIT;
        status = sal_tuf_root_draft(&spec, &file, reterr);
        return status ? status : finish(ctl, &file, before, (struct sal_tuf_said){0}, reterr);
}

enum sal_status sal_ctl_draft_root(struct sal_ctl *ctl, struct sal_err *reterr) {
        if (sal_ctl_has(ctl, SAL_OPT_NEW) == sal_ctl_has(ctl, SAL_OPT_FROM))
                return sal_fail(reterr, SAL_E_USAGE,
                                "a root needs --from N.root.json, the one there is, or --new for a new trust domain");
        sal_autopaper struct sal_paper before = {0};
        struct role_draft roles[SAL_TUF_ROLES] = {0};
        enum sal_status status = SAL_OK;
        if (sal_ctl_has(ctl, SAL_OPT_FROM))
                status = sal_paper_read_root(ctl->options[SAL_OPT_FROM], &before, reterr);
        for (int r = 0; r < SAL_TUF_ROLES && !status; r++) {
                roles[r].name = sal_tuf_role_text((enum sal_tuf_role_name)r);
                if (before.draft && role_begin(&roles[r], &before.draft->root->roles[r]))
                        status = sal_fail(reterr, SAL_E_NOMEM, "no memory for the keys of a root");
        }
        if (!status)
                status = make_root(ctl, roles, before.draft, reterr);
        roles_done(roles, SAL_TUF_ROLES);
        return status;
}

/* ---- targets ---- */

static enum sal_status make_targets(struct sal_ctl *ctl, struct role_draft *role, const struct sal_tuf_root *root,
                                    const struct sal_policy *policy, const struct sal_tuf_draft *before,
                                    struct sal_err *reterr) {
        struct sal_tuf_targets_spec spec = {0};
        enum sal_status status = change_roles(ctl, role, 1, reterr);
        if (!status)
                status = read_days(ctl, SAL_TUF_TARGETS_DAYS, &spec.expires_ms, reterr);
        if (!status)
                status = next_version(before, &spec.version, reterr);
        if (!role->threshold)
                role->threshold = 1;
        if (!status)
                status = check_role(role, reterr);
        if (status)
                return status;
        spec.policy = sal_policy_bytes(policy, &spec.policy_len);
        spec.keys = keys_of(role);
        spec.key_count = role->keys.count;
        spec.threshold = role->threshold;
        sal_autobuf struct sal_buf file = SAL_BUF_INIT;
        status = sal_tuf_targets_build(&spec, NULL, 0, &file, reterr);
        return status ? status
                      : finish(ctl, &file, before, (struct sal_tuf_said){.root = root, .policy = policy}, reterr);
}

/* Old targets by other keys than the root's are no mistake while the keys of targets are being replaced. */
static void note_unsigned(const struct sal_paper *root, const struct sal_paper *before, const char *path) {
        if (sal_tuf_document_verify(before->draft->document, &root->draft->root->roles[SAL_TUF_TARGETS], NULL))
                sal_out_line(stderr, "notice: ", path,
                             " is not signed by the targets keys of this root; compare the campaigns keys below", NULL);
}

enum sal_status sal_ctl_draft_targets(struct sal_ctl *ctl, struct sal_err *reterr) {
        if (!sal_ctl_has(ctl, SAL_OPT_ROOT) || !sal_ctl_has(ctl, SAL_OPT_POLICY))
                return sal_fail(reterr, SAL_E_USAGE, "targets need --root N.root.json and --policy FILE");
        sal_autopaper struct sal_paper root = {0};
        sal_autopaper struct sal_paper before = {0};
        sal_auto(sal_policy) struct sal_policy *policy = NULL;
        struct role_draft role = {.name = "campaigns"};
        const char *from = ctl->options[SAL_OPT_FROM];
        enum sal_status status = sal_paper_read_root(ctl->options[SAL_OPT_ROOT], &root, reterr);
        if (!status)
                status = sal_policy_read(ctl->options[SAL_OPT_POLICY], &policy, reterr);
        if (!status && from)
                status = sal_paper_read_targets(from, &before, reterr);
        if (!status && from) {
                note_unsigned(&root, &before, from);
                if (role_begin(&role, &before.draft->targets->campaigns))
                        status = sal_fail(reterr, SAL_E_NOMEM, "no memory for the keys of targets");
        }
        if (!status)
                status = make_targets(ctl, &role, root.draft->root, policy, before.draft, reterr);
        roles_done(&role, 1);
        return status;
}
