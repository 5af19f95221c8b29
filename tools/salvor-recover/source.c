/* SPDX-License-Identifier: Apache-2.0 */
#include "salvor-recover/source.h"

#include <string.h>

void sal_unable_tell(struct sal_unable *unable, const char *file, enum sal_update_reason reason) {
        snprintf(unable->file, sizeof unable->file, "%s", file);
        unable->reason = reason;
}

void sal_source_names(const struct sal_tuf_target *target, char ret_folder[static 16],
                      char ret_name[static SAL_SOURCE_NAME_BYTES]) {
        bool policy = strcmp(target->path, SAL_TUF_POLICY_PATH) == 0;
        const char *folder = policy ? "policy" : "campaigns";
        snprintf(ret_folder, 16, "%s", folder);
        snprintf(ret_name, SAL_SOURCE_NAME_BYTES, "%s.%s", target->sha256, target->path + strlen(folder) + 1);
}

enum sal_status sal_source_take(const struct sal_source *source, const struct sal_tuf_target *target,
                                struct sal_buf *ret, struct sal_unable *ret_unable, struct sal_err *reterr) {
        char folder[16], name[SAL_SOURCE_NAME_BYTES];
        struct sal_err cause = {0};
        *ret_unable = (struct sal_unable){0};
        sal_unable_tell(ret_unable, target->path, SAL_UPDATE_TOO_LONG);
        if (target->length > SAL_SOURCE_TARGET_MAX_BYTES)
                return sal_fail(reterr, SAL_E_UNTRUSTED, "%s has %lld bytes, %d are the most", target->path,
                                (long long)target->length, SAL_SOURCE_TARGET_MAX_BYTES);
        sal_source_names(target, folder, name);
        enum sal_status got = source->target(source->context, target, folder, name, ret, &cause);
        if (!got) {
                sal_unable_tell(ret_unable, target->path, SAL_UPDATE_MISMATCH);
                return sal_tuf_target_check(target, ret->data ? ret->data : "", ret->len, reterr);
        }
        ret_unable->slow = got == SAL_E_TIMEOUT;
        if (got == SAL_E_NOMEM)
                ret_unable->reason = SAL_UPDATE_INTERNAL;
        else if (got == SAL_E_REFUSED)
                ret_unable->reason = SAL_UPDATE_CONTENT;
        else if (got != SAL_E_TOO_LARGE)
                ret_unable->reason = SAL_UPDATE_UNAVAILABLE;
        bool refused = got == SAL_E_TOO_LARGE || got == SAL_E_REFUSED;
        bool as_it_is = got == SAL_E_NOMEM || got == SAL_E_NOT_FOUND;
        return sal_fail(reterr,
                        as_it_is  ? got
                        : refused ? SAL_E_UNTRUSTED
                                  : SAL_E_UNREACHABLE,
                        "%s: %.400s", target->path, cause.detail);
}
