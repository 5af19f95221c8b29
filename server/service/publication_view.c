/* SPDX-License-Identifier: Apache-2.0 */
#include "service/publication_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { KEPT_TARGETS = 2, NAME_DIGITS_MAX = 10 };

/* ---- texts ---- */

static struct sal_view_text *text_new(const char *bytes, size_t len, bool saved) {
        struct sal_view_text *text = malloc(sizeof *text + len + 1);
        if (!text)
                return NULL;
        char sha256[SAL_SHA256_HEX_BYTES];
        sal_sha256_hex(bytes, len, sha256);
        atomic_init(&text->refs, 1);
        text->saved = saved;
        snprintf(text->etag, sizeof text->etag, "\"%s\"", sha256);
        text->len = len;
        memcpy(text->bytes, bytes, len);
        text->bytes[len] = '\0';
        return text;
}

static struct sal_view_text *text_ref(struct sal_view_text *text) {
        atomic_fetch_add_explicit(&text->refs, 1, memory_order_relaxed);
        return text;
}

static void text_unref(struct sal_view_text *text) {
        if (text && atomic_fetch_sub_explicit(&text->refs, 1, memory_order_acq_rel) == 1)
                free(text);
}

static void file_set_take(struct sal_view_file *file, const char *name, struct sal_view_text *text) {
        *file = (struct sal_view_file){.text = text, .bytes = text->bytes, .len = text->len, .etag = text->etag};
        snprintf(file->name, sizeof file->name, "%s", name);
}

/* ---- life ---- */

struct sal_view *sal_view_new(size_t room) {
        struct sal_view *view = calloc(1, sizeof *view);
        if (!view)
                return NULL;
        atomic_init(&view->refs, 1);
        view->files = calloc(room + 1, sizeof *view->files);
        if (!view->files) {
                free(view);
                return NULL;
        }
        return view;
}

struct sal_view *sal_view_ref(struct sal_view *view) {
        atomic_fetch_add_explicit(&view->refs, 1, memory_order_relaxed);
        return view;
}

void sal_view_unref(struct sal_view *view) {
        if (!view || atomic_fetch_sub_explicit(&view->refs, 1, memory_order_acq_rel) != 1)
                return;
        for (size_t i = 0; i < view->file_count; i++)
                text_unref(view->files[i].text);
        text_unref(view->policy.text);
        sal_trust_store_unref(view->trust);
        free(view->files);
        free(view->listed);
        free(view);
}

/* ---- names ---- */

bool sal_tuf_name_read(const char *name, enum sal_tuf_file *ret_file, int64_t *ret_version) {
        if (strcmp(name, "timestamp.json") == 0) {
                *ret_file = SAL_TUF_FILE_TIMESTAMP;
                *ret_version = 0;
                return true;
        }
        size_t digits = strspn(name, "0123456789");
        if (digits == 0 || digits > NAME_DIGITS_MAX || name[0] == '0')
                return false;
        int64_t version = strtoll(name, NULL, 10);
        for (int file = 0; file < SAL_TUF_FILES; file++) {
                char same[SAL_TUF_NAME_BYTES];
                sal_tuf_file_name((enum sal_tuf_file)file, version, same);
                if (strcmp(same, name) != 0)
                        continue;
                *ret_file = (enum sal_tuf_file)file;
                *ret_version = version;
                return version <= SAL_TUF_VERSION_MAX;
        }
        return false;
}

static int compare_files(const void *a, const void *b) {
        return strcmp(((const struct sal_view_file *)a)->name, ((const struct sal_view_file *)b)->name);
}

static int compare_name(const void *name, const void *file) {
        return strcmp(name, ((const struct sal_view_file *)file)->name);
}

const struct sal_view_file *sal_view_find(const struct sal_view *view, const char *name) {
        return bsearch(name, view->files, view->file_count, sizeof *view->files, compare_name);
}

static int compare_sha256(const void *a, const void *b) {
        return memcmp(a, b, SAL_SHA256_HEX_BYTES);
}

bool sal_view_lists(const struct sal_view *view, const char *sha256) {
        return view->listed_count > 0 &&
               bsearch(sha256, view->listed, view->listed_count, sizeof *view->listed, compare_sha256);
}

/* ---- building ---- */

bool sal_view_add(struct sal_view *view, const char *name, const char *bytes, size_t len, bool saved) {
        struct sal_view_text *text = text_new(bytes, len, saved);
        if (text)
                file_set_take(&view->files[view->file_count++], name, text);
        return text;
}

void sal_view_seal(struct sal_view *view) {
        int64_t versions[SAL_TUF_FILES] = {0};
        qsort(view->files, view->file_count, sizeof *view->files, compare_files);
        for (size_t i = 0; i < view->file_count; i++) {
                enum sal_tuf_file file;
                int64_t version;
                if (!sal_tuf_name_read(view->files[i].name, &file, &version) ||
                    (view->newest[file] && version <= versions[file]))
                        continue;
                view->newest[file] = &view->files[i];
                versions[file] = version;
        }
}

/* The text of `before` when it is the same, else a new one. */
static struct sal_view_text *share(const struct sal_view_file *before, const char *bytes, size_t len) {
        if (before && before->len == len && memcmp(before->bytes, bytes, len) == 0)
                return text_ref(before->text);
        return text_new(bytes, len, false);
}

static bool add(struct sal_view *view, const struct sal_view *before, const char *name, const char *bytes, size_t len) {
        struct sal_view_text *text = share(before ? sal_view_find(before, name) : NULL, bytes, len);
        if (text)
                file_set_take(&view->files[view->file_count++], name, text);
        return text;
}

/* Earlier files that a client may be in the middle of: of each kind the newest few. */
static void keep_earlier(struct sal_view *view, const struct sal_view *before, enum sal_tuf_file kind, size_t max) {
        int64_t below = view->versions[kind] ? view->versions[kind] : INT64_MAX;
        for (size_t kept = 0; kept < max; kept++) {
                const struct sal_view_file *best = NULL;
                int64_t best_version = 0;
                for (size_t i = 0; i < before->file_count; i++) {
                        enum sal_tuf_file file;
                        int64_t version;
                        if (sal_tuf_name_read(before->files[i].name, &file, &version) && file == kind &&
                            version < below && version > best_version) {
                                best = &before->files[i];
                                best_version = version;
                        }
                }
                if (!best)
                        return;
                below = best_version;
                file_set_take(&view->files[view->file_count++], best->name, text_ref(best->text));
        }
}

static bool add_metadata(struct sal_view *view, const struct sal_view_parts *parts) {
        const struct sal_trust_store *trust = parts->trust;
        char name[SAL_TUF_NAME_BYTES];
        bool ok = true;
        for (size_t i = 0; ok && i < trust->root_count; i++) {
                sal_tuf_file_name(SAL_TUF_FILE_ROOT, (int64_t)i + 1, name);
                ok = add(view, parts->before, name, trust->roots[i].bytes, trust->roots[i].len);
        }
        sal_tuf_file_name(SAL_TUF_FILE_TARGETS, trust->parsed->version, name);
        ok = ok && add(view, parts->before, name, trust->targets.bytes, trust->targets.len);
        for (int file = 0; ok && file < SAL_TUF_FILES; file++) {
                if (file == SAL_TUF_FILE_ROOT || file == SAL_TUF_FILE_TARGETS || !parts->files.file[file].bytes)
                        continue;
                view->versions[file] = parts->versions[file];
                view->expires_ms[file] = parts->expires_ms[file];
                sal_tuf_file_name((enum sal_tuf_file)file, parts->versions[file], name);
                ok = add(view, parts->before, name, parts->files.file[file].bytes, parts->files.file[file].len);
        }
        view->versions[SAL_TUF_FILE_ROOT] = trust->root->version;
        view->expires_ms[SAL_TUF_FILE_ROOT] = trust->root->expires_ms;
        view->versions[SAL_TUF_FILE_TARGETS] = trust->parsed->version;
        view->expires_ms[SAL_TUF_FILE_TARGETS] = trust->parsed->expires_ms;
        return ok;
}

static bool add_policy(struct sal_view *view, const struct sal_view_parts *parts) {
        char name[SAL_VIEW_NAME_BYTES];
        size_t len = 0;
        const char *bytes = sal_policy_bytes(parts->trust->policy, &len);
        struct sal_view_text *text =
                share(parts->before && parts->before->policy.text ? &parts->before->policy : NULL, bytes, len);
        snprintf(name, sizeof name, "%s.trust-policy.json", sal_policy_sha256(parts->trust->policy));
        if (text)
                file_set_take(&view->policy, name, text);
        return text;
}

static bool add_listed(struct sal_view *view, const struct sal_view_parts *parts) {
        if (parts->listed_count == 0)
                return true;
        view->listed = calloc(parts->listed_count, sizeof *view->listed);
        for (size_t i = 0; view->listed && i < parts->listed_count; i++)
                memcpy(view->listed[view->listed_count++], parts->listed[i], sizeof *view->listed);
        if (view->listed)
                qsort(view->listed, view->listed_count, sizeof *view->listed, compare_sha256);
        return view->listed;
}

/* The newest files by the versions that the view has, for an older one may have a higher number. */
static void find_newest(struct sal_view *view) {
        qsort(view->files, view->file_count, sizeof *view->files, compare_files);
        for (int file = 0; file < SAL_TUF_FILES; file++) {
                char name[SAL_TUF_NAME_BYTES];
                sal_tuf_file_name((enum sal_tuf_file)file, view->versions[file], name);
                if (view->versions[file])
                        view->newest[file] = sal_view_find(view, name);
        }
}

enum sal_status sal_view_make(const struct sal_view_parts *parts, struct sal_view **ret, struct sal_err *reterr) {
        size_t room = parts->trust->root_count + SAL_TUF_FILES + KEPT_TARGETS + 2 * SAL_PUBLICATION_KEPT_VERSIONS;
        sal_auto(sal_view) struct sal_view *view = sal_view_new(room);
        if (!view || !add_metadata(view, parts) || !add_policy(view, parts) || !add_listed(view, parts))
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for what is public");
        view->trust = sal_trust_store_ref(parts->trust);
        if (parts->before) {
                keep_earlier(view, parts->before, SAL_TUF_FILE_SNAPSHOT, SAL_PUBLICATION_KEPT_VERSIONS);
                keep_earlier(view, parts->before, SAL_TUF_FILE_CAMPAIGNS, SAL_PUBLICATION_KEPT_VERSIONS);
                keep_earlier(view, parts->before, SAL_TUF_FILE_TARGETS, KEPT_TARGETS - 1);
        }
        find_newest(view);
        *ret = SAL_STEAL(view);
        return SAL_OK;
}
