/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/material.h"

#include "base/log.h"
#include "service/trust_store.h"
#include "signer/signer.h"
#include "trust/file.h"
#include "trust/updater.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { ONLINE_ROLES = 3, ONLINE_KEYS = 2, KEY_MAX_BYTES = 64 * 1024 };

/* What is known of who may sign online. */
struct online {
        const struct sal_conf *conf;
        struct sal_tuf_root *root;       /* the newest that could be verified */
        struct sal_tuf_targets *targets; /* the same */
        struct sal_private_key *keys[ONLINE_KEYS];
};

static void online_done(struct online *online) {
        sal_tuf_root_free(online->root);
        sal_tuf_targets_free(online->targets);
        for (size_t i = 0; i < ONLINE_KEYS; i++)
                sal_private_key_free(online->keys[i]);
}

/* The bytes' digest goes into ret; they are handed over. */
static enum sal_status read_trust(const struct sal_conf *conf, enum sal_conf_key key, const char *name, size_t max,
                                  char **ret, size_t *ret_len, char ret_sha256[static SAL_SHA256_HEX_BYTES],
                                  struct sal_err *reterr) {
        const struct sal_conf_value *value = &conf->values[key];
        struct sal_err why = {0};
        if (sal_file_read(value->text, max, ret, ret_len, &why))
                return sal_material_blame(conf, value, name, &why, reterr);
        sal_sha256_hex(*ret, *ret_len, ret_sha256);
        return SAL_OK;
}

/* The same, with the file's name before an error in its content. */
static enum sal_status blame_file(const struct sal_conf *conf, enum sal_conf_key key, const char *name,
                                  const struct sal_err *why, struct sal_err *reterr) {
        char text[SAL_ERR_DETAIL_BYTES];
        const struct sal_conf_value *value = &conf->values[key];
        snprintf(text, sizeof text, "%s %.200s", name, value->text);
        return sal_material_blame(conf, value, text, why, reterr);
}

/* ---- what was handed in since ---- */

/* "<public_dir>/metadata/<name>" into ret; false when that is too long. */
static bool public_path(const struct sal_conf *conf, const char *name, char ret[static PATH_MAX]) {
        const char *given = conf->values[SAL_CONF_PUBLIC_DIR].text, *state = conf->values[SAL_CONF_STATE_DIR].text;
        int len = given ? snprintf(ret, PATH_MAX, "%s/metadata/%s", given, name)
                        : snprintf(ret, PATH_MAX, "%s/tuf/metadata/%s", state, name);
        return len < PATH_MAX;
}

static bool read_public(const struct sal_conf *conf, enum sal_tuf_file file, int64_t version, char **ret,
                        size_t *ret_len) {
        char path[PATH_MAX], name[SAL_TUF_NAME_BYTES];
        sal_tuf_file_name(file, version, name);
        return public_path(conf, name, path) && sal_file_read(path, SAL_TUF_MAX_BYTES, ret, ret_len, NULL) == SAL_OK;
}

/* Whether two files of targets say the same, however they are spelled. */
static bool same_signed(const char *a, size_t a_len, const char *b, size_t b_len) {
        sal_auto(sal_tuf_document) struct sal_tuf_document *first = NULL;
        sal_auto(sal_tuf_document) struct sal_tuf_document *second = NULL;
        return !sal_tuf_document_parse(a, a_len, "targets", &first, NULL) &&
               !sal_tuf_document_parse(b, b_len, "targets", &second, NULL) &&
               json_equal((json_t *)(uintptr_t)sal_tuf_document_signed(first),
                          (json_t *)(uintptr_t)sal_tuf_document_signed(second));
}

/* A version that was given away stays what it was: clients would refuse another one. That the public copy was signed
 * proves that it was given away; its spelling proves nothing, since anybody can change that. */
static enum sal_status check_not_replaced(const struct online *online, const char *targets, size_t targets_len,
                                          struct sal_err *reterr) {
        sal_autofree char *bytes = NULL;
        sal_auto(sal_tuf_targets) struct sal_tuf_targets *given = NULL;
        size_t len = 0;
        struct sal_err why = {0};
        int64_t version = online->targets->version;
        if (!read_public(online->conf, SAL_TUF_FILE_TARGETS, version, &bytes, &len) ||
            same_signed(bytes, len, targets, targets_len) ||
            sal_tuf_targets_load(bytes, len, &online->root->roles[SAL_TUF_TARGETS], &given, NULL))
                return SAL_OK;
        sal_fail(&why, SAL_E_CONFIG, "version %lld was published with other content", (long long)version);
        sal_err_hint(&why,
                     "clients refuse a second file of one version: sign it as version %lld, or hand it in with "
                     "salvorctl trust put-targets",
                     (long long)version + 1);
        return blame_file(online->conf, SAL_CONF_TARGETS, "trust.targets", &why, reterr);
}

/* Follows the chain as far as the public directory has it. The configured targets are taken when any root of the chain
 * lets its keys sign them: the file may be older than the last change of these keys. Else `why` tells what the newest
 * root has against it. */
static void follow_roots(struct online *online, const char *targets, size_t targets_len, struct sal_err *why) {
        for (int64_t steps = 0; steps < SAL_SIGNER_MAX_ROOTS; steps++) {
                sal_autofree char *bytes = NULL;
                size_t len = 0;
                struct sal_tuf_root *next = NULL;
                if (!online->targets)
                        (void)sal_tuf_targets_load(targets, targets_len, &online->root->roles[SAL_TUF_TARGETS],
                                                   &online->targets, why);
                if (!read_public(online->conf, SAL_TUF_FILE_ROOT, online->root->version + 1, &bytes, &len) ||
                    sal_tuf_root_load_next(online->root, bytes, len, &next, NULL))
                        break;
                sal_tuf_root_free(online->root);
                online->root = next;
        }
}

/* Takes a public file of targets in the place of those there are, if it is newer and the root's keys signed it. */
static void take_newer(struct online *online, const char *name) {
        sal_autofree char *bytes = NULL;
        size_t len = 0;
        struct sal_tuf_targets *targets = NULL;
        char same[SAL_TUF_NAME_BYTES];
        int64_t version = strtoll(name, NULL, 10);
        if (version <= online->targets->version || version > SAL_TUF_VERSION_MAX)
                return;
        sal_tuf_file_name(SAL_TUF_FILE_TARGETS, version, same);
        if (strcmp(same, name) != 0 || !read_public(online->conf, SAL_TUF_FILE_TARGETS, version, &bytes, &len) ||
            sal_tuf_targets_load(bytes, len, &online->root->roles[SAL_TUF_TARGETS], &targets, NULL))
                return;
        sal_tuf_targets_free(online->targets);
        online->targets = targets;
}

/* The newest targets are far above the configured ones after some years, and the public directory has but the last. */
static void follow_targets(struct online *online) {
        char path[PATH_MAX];
        DIR *stream = public_path(online->conf, "", path) ? opendir(path) : NULL;
        if (!stream)
                return;
        for (const struct dirent *entry = readdir(stream); entry; entry = readdir(stream))
                take_newer(online, entry->d_name);
        closedir(stream);
}

/* What was handed in lies in the ledger, which nobody reads here; the public files tell of it, unless they are gone. */
static bool has_ledger(const struct online *online) {
        char ledger[PATH_MAX];
        struct stat info;
        int length = snprintf(ledger, sizeof ledger, "%s/salvor.db", online->conf->values[SAL_CONF_STATE_DIR].text);
        return length < (int)sizeof ledger && stat(ledger, &info) == 0;
}

static bool in_the_dark(const struct online *online) {
        sal_autofree char *bytes = NULL;
        size_t len = 0;
        return has_ledger(online) && !read_public(online->conf, SAL_TUF_FILE_TIMESTAMP, 0, &bytes, &len);
}

/* ---- the three files ---- */

static enum sal_status check_files(struct online *online, struct sal_trust_digests *ret, struct sal_err *reterr) {
        const struct sal_conf *conf = online->conf;
        sal_autofree char *root = NULL;
        sal_autofree char *targets = NULL;
        sal_autofree char *bytes = NULL;
        sal_auto(sal_policy) struct sal_policy *policy = NULL;
        size_t root_len = 0, targets_len = 0, len = 0;
        struct sal_err why = {0};
        enum sal_status status = read_trust(conf, SAL_CONF_ROOT, "trust.root", SAL_TUF_MAX_BYTES, &root, &root_len,
                                            ret->of[0].sha256, reterr);
        if (status)
                return status;
        if (sal_tuf_root_load(root, root_len, &online->root, &why))
                return blame_file(conf, SAL_CONF_ROOT, "trust.root", &why, reterr);
        status = read_trust(conf, SAL_CONF_TARGETS, "trust.targets", SAL_TUF_MAX_BYTES, &targets, &targets_len,
                            ret->of[1].sha256, reterr);
        if (status)
                return status;
        follow_roots(online, targets, targets_len, &why);
        if (!online->targets && !(why.status == SAL_E_UNTRUSTED && in_the_dark(online)))
                return blame_file(conf, SAL_CONF_TARGETS, "trust.targets", &why, reterr);
        status = read_trust(conf, SAL_CONF_POLICY, "trust.policy", SAL_POLICY_MAX_BYTES, &bytes, &len,
                            ret->of[2].sha256, reterr);
        if (status)
                return status;
        if (sal_policy_parse(bytes, len, &policy, &why))
                return blame_file(conf, SAL_CONF_POLICY, "trust.policy", &why, reterr);
        if (!online->targets)
                return SAL_OK; /* the start judges all of it by the ledger */
        if (sal_tuf_target_check(&online->targets->policy, bytes, len, &why)) {
                sal_err_hint(&why, "trust.targets lists another policy: put that one back, or have this one listed by "
                                   "new targets (salvorctl trust)");
                return blame_file(conf, SAL_CONF_POLICY, "trust.policy", &why, reterr);
        }
        return check_not_replaced(online, targets, targets_len, reterr);
}

/* ---- the keys ---- */

static enum sal_status load_key(struct online *online, size_t n, enum sal_conf_key key, const char *name,
                                char ret_sha256[static SAL_SHA256_HEX_BYTES], struct sal_err *reterr) {
        struct sal_err why = {0};
        sal_autofree char *bytes = NULL;
        size_t len = 0;
        enum sal_status status = read_trust(online->conf, key, name, KEY_MAX_BYTES, &bytes, &len, ret_sha256, reterr);
        if (status)
                return status;
        status = sal_private_key_from_pem(bytes, len, NULL, &online->keys[n], &why);
        explicit_bzero(bytes, len);
        return status ? blame_file(online->conf, key, name, &why, reterr) : SAL_OK;
}

static bool serves(const struct online *online, const struct sal_tuf_role *role) {
        for (size_t n = 0; n < ONLINE_KEYS; n++)
                for (size_t i = 0; online->keys[n] && i < role->key_count; i++)
                        if (sal_public_key_equal(sal_private_key_public(online->keys[n]), role->keys[i]))
                                return true;
        return false;
}

static enum sal_status check_roles(const struct online *online, struct sal_err *reterr) {
        const struct {
                const char *name;
                const struct sal_tuf_role *role;
        } roles[ONLINE_ROLES] = {{"timestamp", &online->root->roles[SAL_TUF_TIMESTAMP]},
                                 {"snapshot", &online->root->roles[SAL_TUF_SNAPSHOT]},
                                 {"campaigns", &online->targets->campaigns}};
        const struct sal_conf_value *value = &online->conf->values[SAL_CONF_ONLINE_KEY];
        for (size_t i = 0; i < ONLINE_ROLES; i++) {
                if (serves(online, roles[i].role))
                        continue;
                sal_conf_fail(online->conf, value->line, reterr,
                              "trust.online_key %.200s: it is no key of the role %s in root %lld and targets %lld",
                              value->text, roles[i].name, (long long)online->root->version,
                              (long long)online->targets->version);
                sal_err_hint(reterr, "name the key that the root and targets give to timestamp, snapshot and "
                                     "campaigns; one that a coming root gives belongs in online_key_next");
                return SAL_E_CONFIG;
        }
        return SAL_OK;
}

enum sal_status sal_material_check_trust(const struct sal_conf *conf, struct sal_trust_digests *ret,
                                         struct sal_err *reterr) {
        __attribute__((cleanup(online_done))) struct online online = {.conf = conf};
        struct sal_trust_digests digests = {.of = {{.name = "trust.root (its content)"},
                                                   {.name = "trust.targets (its content)"},
                                                   {.name = "trust.policy (its content)"},
                                                   {.name = "trust.online_key (its content)"},
                                                   {.name = "trust.online_key_next (its content)"}}};
        enum sal_status status = check_files(&online, &digests, reterr);
        if (!status)
                status = load_key(&online, 0, SAL_CONF_ONLINE_KEY, "trust.online_key", digests.of[3].sha256, reterr);
        if (!status && conf->values[SAL_CONF_ONLINE_KEY_NEXT].text)
                status = load_key(&online, 1, SAL_CONF_ONLINE_KEY_NEXT, "trust.online_key_next", digests.of[4].sha256,
                                  reterr);
        if (status)
                return status;
        if (online.targets && !in_the_dark(&online)) {
                struct sal_err why = {0};
                follow_targets(&online);
                status = check_roles(&online, &why);
                /* A server whose key was lost has to start, so that a root with another one can be handed in. */
                if (status == SAL_E_CONFIG && has_ledger(&online)) {
                        sal_log(SAL_LOG_WARNING, "key.of_no_role", SAL_F_STR("detail", why.detail),
                                SAL_F_STR("remedy", why.hint));
                        status = SAL_OK;
                } else if (status && reterr) {
                        *reterr = why;
                }
        }
        if (!status)
                *ret = digests;
        return status;
}
