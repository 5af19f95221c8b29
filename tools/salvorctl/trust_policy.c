/* SPDX-License-Identifier: Apache-2.0 */
/* salvorctl trust draft policy: the next trust-policy.json, with authors added, dropped, campaigns revoked. */
#include "ceremony.h"
#include "model/campaign.h"
#include "out.h"
#include "put.h"
#include "trust/file.h"
#include "trust_words.h"

#include <string.h>

static enum sal_status no_memory(struct sal_err *reterr) {
        return sal_fail(reterr, SAL_E_NOMEM, "no memory for a policy");
}

static json_t *list_of(json_t *object, const char *key) {
        json_t *list = json_object_get(object, key);
        if (!list) {
                json_object_set_new(object, key, json_array());
                list = json_object_get(object, key);
        }
        return list;
}

static json_t *find_named(json_t *list, const char *name, size_t *ret_at) {
        size_t i;
        json_t *entry;
        json_array_foreach (list, i, entry) {
                if (strcmp(sal_text(entry, "name"), name) == 0) {
                        *ret_at = i;
                        return entry;
                }
        }
        return NULL;
}

/* One class that may do everything: the pattern from which a first policy is made. */
static json_t *first_policy(void) {
        sal_autojson json_t *kinds = json_array();
        for (int kind = 0; kind < SAL_ACTION_KINDS; kind++)
                json_array_append_new(kinds, json_string(sal_action_kind_name((enum sal_action_kind)kind)));
        return json_pack("{s:s, s:[], s:[{s:s, s:O, s:[], s:i}], s:[]}", "schema", SAL_POLICY_SCHEMA, "authors",
                         "classes", "name", "all", "kinds", kinds, "authors", "threshold", 0, "revoked");
}

/* ---- changes ---- */

static enum sal_status drop_author(json_t *policy, const char *name, struct sal_err *reterr) {
        size_t at = 0, i, k;
        json_t *class, *entry, *authors = list_of(policy, "authors");
        if (!find_named(authors, name, &at))
                return sal_fail(reterr, SAL_E_NOT_FOUND, "the policy has no author \"%.64s\"", name);
        json_array_remove(authors, at);
        json_array_foreach (list_of(policy, "classes"), i, class) {
                json_t *names = json_object_get(class, "authors");
                json_array_foreach (names, k, entry) {
                        if (strcmp(json_string_value(entry), name) == 0) {
                                json_array_remove(names, k);
                                break;
                        }
                }
        }
        return SAL_OK;
}

static bool class_is_meant(const struct sal_ctl *ctl, const char *name) {
        const char *wanted = NULL;
        for (size_t i = 0; (wanted = sal_ctl_nth(ctl, SAL_OPT_CLASS, i)); i++)
                if (strcmp(wanted, name) == 0)
                        return true;
        return !sal_ctl_has(ctl, SAL_OPT_CLASS);
}

static enum sal_status add_author(const struct sal_ctl *ctl, json_t *policy, const char *text, struct sal_err *reterr) {
        char name[SAL_CTL_NAME_BYTES];
        const char *path = NULL;
        size_t at = 0, i;
        json_t *class;
        sal_auto(sal_public_key) struct sal_public_key *key = NULL;
        enum sal_status status = sal_ctl_pair("add", text, name, &path, reterr);
        if (!status)
                status = sal_ctl_public_key(path, &key, reterr);
        if (status)
                return status;
        if (find_named(list_of(policy, "authors"), name, &at))
                return sal_fail(reterr, SAL_E_CONFLICT, "the policy has an author \"%.64s\" already", name);
        json_t *author = json_pack("{s:s, s:s, s:s, s:s, s:s}", "name", name, "keyid", sal_public_key_id(key),
                                   "keytype", sal_public_key_keytype(key), "scheme", sal_public_key_scheme(key),
                                   "public", sal_public_key_text(key));
        if (!author)
                return sal_fail(reterr, SAL_E_USAGE, "--add: \"%.64s\" is no author's name", name);
        json_array_append_new(list_of(policy, "authors"), author);
        json_array_foreach (list_of(policy, "classes"), i, class) {
                if (class_is_meant(ctl, sal_text(class, "name")))
                        json_array_append_new(list_of(class, "authors"), json_string(name));
        }
        return SAL_OK;
}

static enum sal_status set_threshold(json_t *policy, const char *text, struct sal_err *reterr) {
        char name[SAL_CTL_NAME_BYTES];
        const char *value = NULL;
        size_t at = 0;
        enum sal_status status = sal_ctl_pair("threshold", text, name, &value, reterr);
        if (status)
                return status;
        json_t *class = find_named(list_of(policy, "classes"), name, &at);
        if (!class)
                return sal_fail(reterr, SAL_E_NOT_FOUND, "the policy has no class \"%.64s\"", name);
        int number = sal_ctl_threshold(value);
        if (number < 1)
                return sal_fail(reterr, SAL_E_USAGE, "--threshold %.64s= takes a whole number, not \"%.20s\"", name,
                                value);
        json_object_set_new(class, "threshold", json_integer(number));
        return SAL_OK;
}

static enum sal_status revoke_campaign(json_t *policy, const char *text, struct sal_err *reterr) {
        size_t i;
        json_t *entry, *list = list_of(policy, "revoked");
        json_array_foreach (list, i, entry) {
                if (strcmp(json_string_value(entry), text) == 0)
                        return sal_fail(reterr, SAL_E_CONFLICT, "%.100s is revoked already", text);
        }
        return json_array_append_new(list, json_string(text)) ? no_memory(reterr) : SAL_OK;
}

static enum sal_status change(const struct sal_ctl *ctl, json_t *policy, struct sal_err *reterr) {
        enum sal_status status = SAL_OK;
        const char *text = NULL;
        for (size_t i = 0; !status && (text = sal_ctl_nth(ctl, SAL_OPT_CLASS, i)); i++) {
                size_t at = 0;
                if (!find_named(list_of(policy, "classes"), text, &at))
                        status = sal_fail(reterr, SAL_E_NOT_FOUND, "the policy has no class \"%.64s\"", text);
        }
        for (size_t i = 0; !status && (text = sal_ctl_nth(ctl, SAL_OPT_DROP, i)); i++)
                status = drop_author(policy, text, reterr);
        for (size_t i = 0; !status && (text = sal_ctl_nth(ctl, SAL_OPT_ADD, i)); i++)
                status = add_author(ctl, policy, text, reterr);
        for (size_t i = 0; !status && (text = sal_ctl_nth(ctl, SAL_OPT_THRESHOLD, i)); i++)
                status = set_threshold(policy, text, reterr);
        for (size_t i = 0; !status && (text = sal_ctl_nth(ctl, SAL_OPT_REVOKE, i)); i++)
                status = revoke_campaign(policy, text, reterr);
        return status;
}

/* ---- the whole ---- */

static enum sal_status begin(const struct sal_ctl *ctl, json_t **ret, struct sal_err *reterr) {
        sal_auto(sal_policy) struct sal_policy *before = NULL;
        const char *from = ctl->options[SAL_OPT_FROM];
        if (!from) {
                *ret = first_policy();
                return *ret ? SAL_OK : no_memory(reterr);
        }
        enum sal_status status = sal_policy_read(from, &before, reterr);
        if (status)
                return status;
        size_t len = 0;
        const char *bytes = sal_policy_bytes(before, &len);
        return sal_json_parse(bytes, len, SAL_JSON_MAX_DEPTH, ret, reterr);
}

enum sal_status sal_ctl_draft_policy(struct sal_ctl *ctl, struct sal_err *reterr) {
        if (sal_ctl_has(ctl, SAL_OPT_NEW) == sal_ctl_has(ctl, SAL_OPT_FROM))
                return sal_fail(reterr, SAL_E_USAGE, "a policy needs --from FILE, the one there is, or --new");
        sal_autojson json_t *document = NULL;
        enum sal_status status = begin(ctl, &document, reterr);
        if (!status)
                status = change(ctl, document, reterr);
        if (status)
                return status;
        json_t *class = json_array_get(json_object_get(document, "classes"), 0);
        if (sal_ctl_has(ctl, SAL_OPT_NEW) && sal_number(class, "threshold") == 0)
                json_object_set_new(class, "threshold",
                                    json_integer((json_int_t)json_array_size(json_object_get(class, "authors")) / 2 +
                                                 1));
        sal_autofree char *text = json_dumps(document, JSON_INDENT(1));
        sal_autobuf struct sal_buf file = SAL_BUF_INIT;
        sal_buf_printf(&file, "%s\n", text ? text : "");
        if (!text || file.failed)
                return no_memory(reterr);
        sal_auto(sal_policy) struct sal_policy *policy = NULL;
        status = sal_policy_parse(file.data, file.len, &policy, reterr);
        if (status) {
                sal_err_hint(reterr, "nothing was written; add an author, or lower a class: --threshold CLASS=N");
                return status;
        }
        const char *out = ctl->options[SAL_OPT_OUT];
        status = sal_put_new(out, file.data, file.len, reterr);
        if (status)
                return status;
        if (ctl->json) {
                sal_autojson json_t *said = json_pack("{s:s, s:s, s:s}", "file", out, "type", "policy", "sha256",
                                                      sal_policy_sha256(policy));
                sal_out_json(said);
                return SAL_OK;
        }
        sal_words_policy(stdout, policy);
        sal_out_line(stdout, "wrote ", out, "; it counts once a targets file names it: salvorctl trust draft targets",
                     NULL);
        return SAL_OK;
}
