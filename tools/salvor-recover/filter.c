/* SPDX-License-Identifier: Apache-2.0 */
#include "salvor-recover/filter.h"

#include "base/encode.h"
#include "salvor-recover/store.h"

#include <string.h>

int sal_time_compare(struct timespec time, int64_t unix_ms) {
        int64_t seconds = unix_ms / 1000, ms = unix_ms % 1000;
        if (ms < 0) {
                ms += 1000;
                seconds--;
        }
        if (time.tv_sec != seconds)
                return time.tv_sec < seconds ? -1 : 1;
        int64_t ns = ms * 1000000;
        return time.tv_nsec == ns ? 0 : time.tv_nsec < ns ? -1 : 1;
}

bool sal_require_passes_info(const struct sal_require *require, const struct stat *info) {
        if (!require->present)
                return true;
        if (info->st_size < require->size_min || info->st_size > require->size_max)
                return false;
        /* The bounds that stand for "none" are compared too, and hold for every time there is. */
        bool before =
                require->mtime_before_ms == INT64_MAX || sal_time_compare(info->st_mtim, require->mtime_before_ms) < 0;
        bool after =
                require->mtime_after_ms == INT64_MIN || sal_time_compare(info->st_mtim, require->mtime_after_ms) > 0;
        return before && after;
}

bool sal_require_passes_sha256(const struct sal_require *require, const char *sha256) {
        if (!require->present || require->sha256_count == 0)
                return true;
        for (size_t i = 0; i < require->sha256_count; i++)
                if (strcmp(require->sha256[i], sha256) == 0)
                        return true;
        return false;
}

enum sal_status sal_tree_sha256(const struct sal_tree *tree, const char *path, char ret[static 65],
                                struct sal_err *reterr) {
        sal_autoclose int fd = sal_tree_open_file(tree, path, NULL);
        int64_t len = 0;
        int outcome = fd < 0 ? fd : sal_hash_fd(fd, &len, ret);
        if (!outcome)
                return SAL_OK;
        sal_autobuf struct sal_buf text = SAL_BUF_INIT;
        sal_syspath_escape(path, &text);
        return sal_fail(reterr, SAL_E_IO, "cannot read %.300s: %s", text.data ? text.data : "", strerror(-outcome));
}

enum sal_status sal_require_passes(const struct sal_tree *tree, const struct sal_require *require,
                                   const struct sal_found *file, bool *ret, struct sal_err *reterr) {
        bool passes = sal_require_passes_info(require, &file->info);
        if (passes && require->present && require->sha256_count > 0) {
                char sha256[SAL_SHA256_HEX_BYTES];
                enum sal_status status = sal_tree_sha256(tree, file->path, sha256, reterr);
                if (status)
                        return status;
                passes = sal_require_passes_sha256(require, sha256);
        }
        *ret = passes;
        return SAL_OK;
}

/* ---- verify ---- */

struct tally {
        size_t passing;  /* regular files that pass `require` */
        size_t others;   /* entries that are no regular files, and so cannot be judged by `require` */
        size_t matching; /* of the passing ones, those with the digest of sha256_is */
};

static enum sal_status digest_matches(const struct sal_tree *tree, const struct sal_verify *verify,
                                      const struct sal_found *file, bool *ret, struct sal_err *reterr) {
        char sha256[SAL_SHA256_HEX_BYTES] = "";
        enum sal_status status = sal_tree_sha256(tree, file->path, sha256, reterr);
        if (!status)
                *ret = verify->sha256[0] ? strcmp(sha256, verify->sha256) == 0
                                         : sal_require_passes_sha256(&verify->require, sha256);
        return status;
}

static enum sal_status count(const struct sal_tree *tree, const struct sal_verify *verify, struct tally *ret,
                             struct sal_err *reterr) {
        sal_autosyspath struct sal_syspath path = {0};
        sal_autofound struct sal_found_list found = SAL_FOUND_LIST_INIT;
        struct sal_require require = verify->require;
        if (verify->kind == SAL_VERIFY_SHA256_IS && !verify->sha256[0])
                require.sha256_count = 0; /* they are what is asked, not whom it is asked of */
        enum sal_status status = sal_syspath_parse(verify->path, tree->layout, &path, reterr);
        if (!status)
                status = sal_tree_find(tree, &path, &found, reterr);
        for (size_t i = 0; i < found.count && !status; i++) {
                if (!S_ISREG(found.items[i].info.st_mode)) {
                        ret->others++;
                        continue;
                }
                bool passes = false, matches = false;
                status = sal_require_passes(tree, &require, &found.items[i], &passes, reterr);
                if (!status && passes && verify->kind == SAL_VERIFY_SHA256_IS)
                        status = digest_matches(tree, verify, &found.items[i], &matches, reterr);
                ret->passing += passes;
                ret->matching += matches;
        }
        return status;
}

/* Doubt counts against the fix: an entry that is no regular file is there for path_absent, and is nothing for the
 * others. */
static bool holds(enum sal_verify_kind kind, const struct tally *tally) {
        switch (kind) {
        case SAL_VERIFY_PATH_ABSENT:
                return tally->passing + tally->others == 0;
        case SAL_VERIFY_PATH_PRESENT:
                return tally->passing > 0;
        case SAL_VERIFY_SHA256_IS:
                return tally->passing > 0 && tally->matching == tally->passing;
        }
        return false;
}

enum sal_status sal_verify_tree(const struct sal_tree *tree, const struct sal_campaign *campaign, bool *ret,
                                char ret_why[static 256], struct sal_err *reterr) {
        for (size_t i = 0; i < campaign->verify_count; i++) {
                const struct sal_verify *verify = &campaign->verify[i];
                struct tally tally = {0};
                struct sal_err cause = {0};
                enum sal_status status = count(tree, verify, &tally, &cause);
                if (status == SAL_E_NOMEM) {
                        if (reterr)
                                *reterr = cause;
                        return status;
                }
                if (!status && holds(verify->kind, &tally))
                        continue;
                if (status)
                        snprintf(ret_why, 256, "verify %zu (%s): %.200s", i, sal_verify_kind_name(verify->kind),
                                 cause.detail);
                else
                        snprintf(ret_why, 256, "verify %zu (%s %.120s) is false: %zu files count, %zu others are there",
                                 i, sal_verify_kind_name(verify->kind), verify->path, tally.passing, tally.others);
                *ret = false;
                return SAL_OK;
        }
        *ret = true;
        return SAL_OK;
}
