/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/policy.h"

#include "base/encode.h"
#include "model/campaign.h"
#include "trust/policy_internal.h"

#include <string.h>

enum { VERSION_MAX_DIGITS = 10 };
static const int64_t version_max = INT64_C(2147483647);

static enum sal_status no_memory(struct sal_err *reterr) {
        return sal_fail(reterr, SAL_E_NOMEM, "no memory for the trust policy");
}

/* A member or an element that is a name: 1..64 bytes without control bytes. */
static bool is_name(const char *text) {
        size_t len = strlen(text);
        if (len < 1 || len > SAL_POLICY_NAME_MAX_BYTES)
                return false;
        for (const char *p = text; *p; p++)
                if ((unsigned char)*p < 0x20 || *p == 0x7f)
                        return false;
        return true;
}

static enum sal_status read_name(const struct sal_json_at *at, const char **ret, struct sal_err *reterr) {
        enum sal_status status = sal_json_string(at, "name", true, 1, SAL_POLICY_NAME_MAX_BYTES, ret, reterr);
        if (!status && !is_name(*ret))
                return sal_json_fail(at, "name", SAL_E_INVALID, reterr, "\"name\" must not hold control bytes");
        return status;
}

/* An element that must be a string of 1..max bytes without control bytes. */
static enum sal_status read_text(const struct sal_json_at *at, size_t max, const char **ret, struct sal_err *reterr) {
        const char *text = json_string_value(at->value);
        size_t len = text ? strlen(text) : 0;
        if (!text || len < 1 || len > max)
                return sal_json_fail(at, NULL, SAL_E_INVALID, reterr, "must be a string of 1 to %zu bytes", max);
        for (const char *p = text; *p; p++)
                if ((unsigned char)*p < 0x20 || *p == 0x7f)
                        return sal_json_fail(at, NULL, SAL_E_INVALID, reterr, "must not hold control bytes");
        *ret = text;
        return SAL_OK;
}

static bool author_index(const struct sal_policy *policy, const char *name, size_t *ret) {
        for (size_t i = 0; i < policy->author_count; i++) {
                if (strcmp(policy->author_names[i], name) == 0) {
                        *ret = i;
                        return true;
                }
        }
        return false;
}

/* ---- authors ---- */

static enum sal_status read_author_key(const struct sal_json_at *at, struct sal_public_key **ret,
                                       struct sal_err *reterr) {
        const char *keyid = NULL;
        const char *keytype = NULL;
        const char *scheme = NULL;
        const char *text = NULL;
        enum sal_status status = sal_json_string(at, "keyid", true, 64, 64, &keyid, reterr);
        if (!status)
                status = sal_json_string(at, "keytype", true, 1, 32, &keytype, reterr);
        if (!status)
                status = sal_json_string(at, "scheme", true, 1, 32, &scheme, reterr);
        if (!status)
                status = sal_json_string(at, "public", true, 1, SAL_KEY_TEXT_MAX_BYTES, &text, reterr);
        if (status)
                return status;
        struct sal_err inner = {0};
        sal_auto(sal_public_key) struct sal_public_key *key = NULL;
        status = sal_public_key_new(keytype, scheme, text, &key, &inner);
        if (status)
                return sal_json_fail(at, "public", status, reterr, "%s", inner.detail);
        if (strcmp(keyid, sal_public_key_id(key)) != 0)
                return sal_json_fail(at, "keyid", SAL_E_INVALID, reterr,
                                     "\"keyid\" is not this key's: that would be %s", sal_public_key_id(key));
        *ret = SAL_STEAL(key);
        return SAL_OK;
}

static enum sal_status read_author(struct sal_policy *policy, const struct sal_json_at *at, struct sal_err *reterr) {
        static const char *const known[] = {"name", "keyid", "keytype", "scheme", "public", NULL};
        const char *name = NULL;
        size_t other = 0;
        enum sal_status status = sal_json_only(at, known, reterr);
        if (!status)
                status = read_name(at, &name, reterr);
        if (!status && author_index(policy, name, &other))
                return sal_json_fail(at, "name", SAL_E_INVALID, reterr, "two authors are named \"%s\"", name);
        sal_auto(sal_public_key) struct sal_public_key *key = NULL;
        if (!status)
                status = read_author_key(at, &key, reterr);
        if (status)
                return status;
        char *copy = strdup(name);
        if (!copy)
                return no_memory(reterr);
        policy->author_names[policy->author_count] = copy;
        policy->author_keys[policy->author_count++] = SAL_STEAL(key);
        return SAL_OK;
}

static enum sal_status read_authors(struct sal_policy *policy, const struct sal_json_at *at, struct sal_err *reterr) {
        struct sal_json_at list;
        enum sal_status status = sal_json_array(at, "authors", true, 1, SAL_POLICY_MAX_AUTHORS, &list, reterr);
        if (status)
                return status;
        size_t count = json_array_size(list.value);
        policy->author_names = calloc(count, sizeof *policy->author_names);
        policy->author_keys = calloc(count, sizeof *policy->author_keys);
        if (!policy->author_names || !policy->author_keys)
                return no_memory(reterr);
        for (size_t i = 0; i < count && !status; i++) {
                struct sal_json_at element = sal_json_element(&list, i);
                status = read_author(policy, &element, reterr);
        }
        return status;
}

/* ---- classes ---- */

/* Reads an array of different strings into fresh copies. */
static enum sal_status read_texts(const struct sal_json_at *at, const char *key, bool required, size_t max_count,
                                  size_t max_bytes, char ***ret, size_t *ret_count, struct sal_err *reterr) {
        struct sal_json_at list;
        enum sal_status status = sal_json_array(at, key, required, 1, max_count, &list, reterr);
        if (status || !list.value)
                return status;
        size_t count = json_array_size(list.value);
        *ret = calloc(count, sizeof **ret);
        if (!*ret)
                return no_memory(reterr);
        for (size_t i = 0; i < count; i++) {
                struct sal_json_at element = sal_json_element(&list, i);
                const char *text = NULL;
                status = read_text(&element, max_bytes, &text, reterr);
                if (status)
                        return status;
                for (size_t j = 0; j < i; j++)
                        if (strcmp((*ret)[j], text) == 0)
                                return sal_json_fail(&element, NULL, SAL_E_INVALID, reterr, "\"%s\" is listed twice",
                                                     text);
                (*ret)[i] = strdup(text);
                if (!(*ret)[i])
                        return no_memory(reterr);
                *ret_count = i + 1;
        }
        return SAL_OK;
}

static enum sal_status read_class_authors(const struct sal_policy *policy, struct sal_policy_class *class,
                                          const struct sal_json_at *at, size_t *ret_different, struct sal_err *reterr) {
        struct sal_json_at list;
        enum sal_status status = sal_json_array(at, "authors", true, 1, SAL_POLICY_MAX_AUTHORS, &list, reterr);
        if (status)
                return status;
        size_t count = json_array_size(list.value);
        class->authors = calloc(count, sizeof *class->authors);
        if (!class->authors)
                return no_memory(reterr);
        sal_autokeyset struct sal_key_set different = SAL_KEY_SET_INIT;
        for (size_t i = 0; i < count; i++) {
                struct sal_json_at element = sal_json_element(&list, i);
                const char *name = NULL;
                size_t index = 0;
                status = read_text(&element, SAL_POLICY_NAME_MAX_BYTES, &name, reterr);
                if (status)
                        return status;
                if (!author_index(policy, name, &index))
                        return sal_json_fail(&element, NULL, SAL_E_INVALID, reterr, "no author is named \"%s\"", name);
                for (size_t j = 0; j < i; j++)
                        if (class->authors[j] == index)
                                return sal_json_fail(&element, NULL, SAL_E_INVALID, reterr, "\"%s\" is listed twice",
                                                     name);
                if (sal_key_set_add(&different, policy->author_keys[index]))
                        return no_memory(reterr);
                class->authors[i] = index;
                class->author_count = i + 1;
        }
        *ret_different = different.count;
        return SAL_OK;
}

static enum sal_status read_class(struct sal_policy *policy, const struct sal_json_at *at, struct sal_err *reterr) {
        static const char *const known[] = {"name", "kinds", "paths", "authors", "threshold", "approvals", NULL};
        struct sal_policy_class *class = &policy->classes[policy->class_count];
        const char *name = NULL;
        size_t different = 0;
        int64_t threshold = 0;
        int64_t approvals = 0;
        enum sal_status status = sal_json_only(at, known, reterr);
        if (!status)
                status = read_name(at, &name, reterr);
        for (size_t i = 0; i < policy->class_count && !status; i++)
                if (strcmp(policy->classes[i].name, name) == 0)
                        status = sal_json_fail(at, "name", SAL_E_INVALID, reterr, "two classes are named \"%s\"", name);
        if (status)
                return status;
        policy->class_count++; /* from here on the policy frees what the class has */
        class->name = strdup(name);
        if (!class->name)
                return no_memory(reterr);
        status = read_texts(at, "kinds", true, SAL_POLICY_MAX_KINDS, SAL_POLICY_NAME_MAX_BYTES, &class->kinds,
                            &class->kind_count, reterr);
        if (!status)
                status = read_texts(at, "paths", false, SAL_POLICY_MAX_PATHS, SAL_POLICY_PATH_MAX_BYTES, &class->paths,
                                    &class->path_count, reterr);
        if (!status)
                status = read_class_authors(policy, class, at, &different, reterr);
        if (!status)
                status = sal_json_int(at, "threshold", true, 1, (int64_t)different, &threshold, reterr);
        if (!status)
                status = sal_json_int(at, "approvals", false, 0, SAL_POLICY_MAX_APPROVALS, &approvals, reterr);
        class->threshold = (int)threshold;
        class->approvals = (int)approvals;
        return status;
}

static enum sal_status read_classes(struct sal_policy *policy, const struct sal_json_at *at, struct sal_err *reterr) {
        struct sal_json_at list;
        enum sal_status status = sal_json_array(at, "classes", true, 0, SAL_POLICY_MAX_CLASSES, &list, reterr);
        if (status)
                return status;
        size_t count = json_array_size(list.value);
        policy->classes = calloc(count ? count : 1, sizeof *policy->classes);
        if (!policy->classes)
                return no_memory(reterr);
        for (size_t i = 0; i < count && !status; i++) {
                struct sal_json_at element = sal_json_element(&list, i);
                status = read_class(policy, &element, reterr);
        }
        return status;
}

/* ---- revocations ---- */

/* "id" or "id@version", the version in its one decimal form. *ret_version is 0 when there is none. */
static bool parse_revocation(const char *text, char ret_id[static SAL_CAMPAIGN_ID_BYTES], int64_t *ret_version) {
        size_t len = strcspn(text, "@");
        if (len >= SAL_CAMPAIGN_ID_BYTES)
                return false;
        memcpy(ret_id, text, len);
        ret_id[len] = '\0';
        *ret_version = 0;
        if (!text[len])
                return sal_campaign_id_valid(ret_id);
        const char *digits = text + len + 1;
        size_t count = strspn(digits, "0123456789");
        if (digits[count] || count < 1 || count > VERSION_MAX_DIGITS || digits[0] == '0')
                return false;
        for (size_t i = 0; i < count; i++)
                *ret_version = *ret_version * 10 + (digits[i] - '0');
        return *ret_version <= version_max && sal_campaign_id_valid(ret_id);
}

static enum sal_status read_revoked(struct sal_policy *policy, const struct sal_json_at *at, struct sal_err *reterr) {
        struct sal_json_at list;
        enum sal_status status = sal_json_array(at, "revoked", false, 0, SAL_POLICY_MAX_REVOKED, &list, reterr);
        if (status || !list.value)
                return status;
        size_t count = json_array_size(list.value);
        policy->revoked = calloc(count ? count : 1, sizeof *policy->revoked);
        if (!policy->revoked)
                return no_memory(reterr);
        for (size_t i = 0; i < count; i++) {
                struct sal_json_at element = sal_json_element(&list, i);
                const char *text = json_string_value(element.value);
                char id[SAL_CAMPAIGN_ID_BYTES];
                int64_t version = 0;
                if (!text || !parse_revocation(text, id, &version))
                        return sal_json_fail(&element, NULL, SAL_E_INVALID, reterr,
                                             "must be a campaign's \"id\" or \"id@version\"");
                policy->revoked[i] = (struct sal_policy_revocation){.id = strdup(id), .version = version};
                if (!policy->revoked[i].id)
                        return no_memory(reterr);
                policy->revoked_count = i + 1;
        }
        return SAL_OK;
}

/* ---- the whole ---- */

static enum sal_status read_policy(struct sal_policy *policy, const struct sal_json_at *at, struct sal_err *reterr) {
        static const char *const known[] = {"schema", "authors", "classes", "revoked", NULL};
        const char *schema = NULL;
        enum sal_status status = sal_json_only(at, known, reterr);
        if (!status)
                status = sal_json_string(at, "schema", true, 1, 64, &schema, reterr);
        if (!status && strcmp(schema, SAL_POLICY_SCHEMA) != 0)
                return sal_json_fail(at, "schema", SAL_E_INVALID, reterr,
                                     "\"schema\" must be \"" SAL_POLICY_SCHEMA "\"");
        if (!status)
                status = read_authors(policy, at, reterr);
        if (!status)
                status = read_classes(policy, at, reterr);
        if (!status)
                status = read_revoked(policy, at, reterr);
        return status;
}

enum sal_status sal_policy_parse(const char *bytes, size_t len, struct sal_policy **ret, struct sal_err *reterr) {
        if (len > SAL_POLICY_MAX_BYTES)
                return sal_fail(reterr, SAL_E_TOO_LARGE, "a trust policy has at most %d bytes, this one %zu",
                                SAL_POLICY_MAX_BYTES, len);
        sal_autojson json_t *document = NULL;
        enum sal_status status = sal_json_parse(bytes, len, SAL_JSON_MAX_DEPTH, &document, reterr);
        if (status)
                return status;
        sal_auto(sal_policy) struct sal_policy *policy = calloc(1, sizeof *policy);
        if (!policy)
                return no_memory(reterr);
        atomic_init(&policy->references, 1);
        policy->bytes = malloc(len + 1);
        if (!policy->bytes)
                return no_memory(reterr);
        memcpy(policy->bytes, bytes, len);
        policy->bytes[len] = '\0';
        policy->len = len;
        sal_sha256_hex(bytes, len, policy->sha256);
        struct sal_json_at root = sal_json_root(document);
        status = read_policy(policy, &root, reterr);
        if (!status)
                *ret = SAL_STEAL(policy);
        return status;
}

static void free_texts(char **texts, size_t count) {
        for (size_t i = 0; i < count; i++)
                free(texts[i]);
        free(texts);
}

struct sal_policy *sal_policy_ref(const struct sal_policy *policy) {
        struct sal_policy *shared = (struct sal_policy *)policy; /* only the counter changes */
        if (shared)
                atomic_fetch_add_explicit(&shared->references, 1, memory_order_relaxed);
        return shared;
}

void sal_policy_unref(struct sal_policy *policy) {
        if (!policy || atomic_fetch_sub_explicit(&policy->references, 1, memory_order_acq_rel) != 1)
                return;
        for (size_t i = 0; i < policy->author_count; i++)
                sal_public_key_unref(policy->author_keys[i]);
        free_texts(policy->author_names, policy->author_count);
        free(policy->author_keys);
        for (size_t i = 0; i < policy->class_count; i++) {
                struct sal_policy_class *class = &policy->classes[i];
                free(class->name);
                free_texts(class->kinds, class->kind_count);
                free_texts(class->paths, class->path_count);
                free(class->authors);
        }
        free(policy->classes);
        for (size_t i = 0; i < policy->revoked_count; i++)
                free(policy->revoked[i].id);
        free(policy->revoked);
        free(policy->bytes);
        free(policy);
}

const char *sal_policy_sha256(const struct sal_policy *policy) {
        return policy->sha256;
}

const char *sal_policy_bytes(const struct sal_policy *policy, size_t *ret_len) {
        *ret_len = policy->len;
        return policy->bytes;
}

size_t sal_policy_author_count(const struct sal_policy *policy) {
        return policy->author_count;
}

struct sal_policy_author sal_policy_author(const struct sal_policy *policy, size_t index) {
        return (struct sal_policy_author){.name = policy->author_names[index], .key = policy->author_keys[index]};
}

const struct sal_public_key *sal_policy_author_key(const struct sal_policy *policy, const char *keyid) {
        for (size_t i = 0; i < policy->author_count; i++)
                if (strcmp(sal_public_key_id(policy->author_keys[i]), keyid) == 0)
                        return policy->author_keys[i];
        return NULL;
}

const struct sal_public_key *const *sal_policy_keys(const struct sal_policy *policy, size_t *ret_count) {
        *ret_count = policy->author_count;
        return (const struct sal_public_key *const *)policy->author_keys;
}

size_t sal_policy_class_count(const struct sal_policy *policy) {
        return policy->class_count;
}

const struct sal_policy_class *sal_policy_class(const struct sal_policy *policy, size_t index) {
        return &policy->classes[index];
}

const struct sal_policy_revocation *sal_policy_revocations(const struct sal_policy *policy, size_t *ret_count) {
        *ret_count = policy->revoked_count;
        return policy->revoked;
}
