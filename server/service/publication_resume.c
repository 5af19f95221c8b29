/* SPDX-License-Identifier: Apache-2.0 */
#include "service/publication_internal.h"

static bool find_file(void *context, const char *name, const char **ret_bytes, size_t *ret_len) {
        const struct sal_view_file *file = sal_view_find(context, name);
        if (!file)
                return false;
        *ret_bytes = file->bytes;
        *ret_len = file->len;
        return true;
}

/* What lies in the directory, judged as a client would judge it. *parts is changed when it is whole, alive, and made
 * from the targets that are in force. */
static enum sal_status verify(const struct sal_trust_store *trust, struct sal_view *found, int64_t now_ms,
                              struct sal_updater **ret_updater, struct sal_view_parts *parts) {
        struct sal_tuf_files trusted = {0};
        const struct sal_trust_text *root = &trust->roots[trust->root_count - 1];
        trusted.file[SAL_TUF_FILE_ROOT].bytes = root->bytes;
        trusted.file[SAL_TUF_FILE_ROOT].len = root->len;
        enum sal_status status = sal_updater_new(&trusted, now_ms, ret_updater, NULL);
        if (status)
                return status == SAL_E_NOMEM ? status : SAL_OK;
        const struct sal_updater *updater = *ret_updater;
        if (sal_updater_run(*ret_updater, find_file, found, NULL) ||
            sal_updater_version(updater, SAL_TUF_FILE_ROOT) != trust->root->version ||
            sal_updater_version(updater, SAL_TUF_FILE_TARGETS) != trust->parsed->version)
                return SAL_OK;
        sal_updater_files(updater, &parts->files);
        for (int file = 0; file < SAL_TUF_FILES; file++) {
                parts->versions[file] = sal_updater_version(updater, (enum sal_tuf_file)file);
                parts->expires_ms[file] = sal_updater_expires_ms(updater, (enum sal_tuf_file)file);
        }
        const struct sal_tuf_campaigns *campaigns = sal_updater_campaigns(updater);
        for (parts->listed_count = 0; parts->listed_count < campaigns->count; parts->listed_count++)
                parts->listed[parts->listed_count] = campaigns->targets[parts->listed_count].sha256;
        return SAL_OK;
}

enum sal_status sal_view_resume(struct sal_trust_store *trust, struct sal_view *found, int64_t now_ms,
                                struct sal_view **ret, struct sal_err *reterr) {
        sal_auto(sal_updater) struct sal_updater *updater = NULL;
        struct sal_view_parts parts = {.trust = trust, .before = found};
        if (verify(trust, found, now_ms, &updater, &parts))
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for what is public");
        return sal_view_make(&parts, ret, reterr);
}
