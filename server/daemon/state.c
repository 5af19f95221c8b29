/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/state.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* SAL_OK sets *ret_there: the file exists and has bytes. */
static enum sal_status look(const char *path, bool *ret_there, struct sal_err *reterr) {
        struct stat info;
        if (stat(path, &info) == 0) {
                *ret_there = !S_ISREG(info.st_mode) || info.st_size > 0;
                return SAL_OK;
        }
        *ret_there = false;
        return errno == ENOENT ? SAL_OK : sal_fail(reterr, SAL_E_IO, "cannot look at %s: %s", path, strerror(errno));
}

static bool holds_files(const char *path) {
        DIR *folder = opendir(path);
        bool found = false;
        for (struct dirent *entry = folder ? readdir(folder) : NULL; entry && !found; entry = readdir(folder))
                found = strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
        if (folder)
                closedir(folder);
        return found;
}

enum sal_status sal_state_check_ledger(const char *dir, const char *path, bool wanted, struct sal_err *reterr) {
        char log[PATH_MAX], key[PATH_MAX], artifacts[PATH_MAX];
        if ((size_t)snprintf(log, sizeof log, "%s-wal", path) >= sizeof log ||
            (size_t)snprintf(key, sizeof key, "%s/machine-token.key", dir) >= sizeof key ||
            (size_t)snprintf(artifacts, sizeof artifacts, "%s/artifacts", dir) >= sizeof artifacts)
                return sal_fail(reterr, SAL_E_CONFIG, "the state directory's path is too long");
        bool there = false, has_log = false, has_key = false;
        enum sal_status status = look(path, &there, reterr);
        if (!status)
                status = look(log, &has_log, reterr);
        if (!status)
                status = look(key, &has_key, reterr);
        if (status)
                return status;
        there = there || has_log;
        if (there && wanted) {
                sal_fail(reterr, SAL_E_REFUSED, "%s is there, so --new-ledger is refused", path);
                sal_err_hint(reterr, "the option is for one start without the ledger; start without it");
                return SAL_E_REFUSED;
        }
        if (there || wanted || (!has_key && !holds_files(artifacts)))
                return SAL_OK;
        sal_fail(reterr, SAL_E_REFUSED, "%s is lost, while %s is there", path, has_key ? key : artifacts);
        sal_err_hint(reterr, "restore it from a backup; or start once with --new-ledger: campaigns, machines and the "
                             "journal begin empty then");
        return SAL_E_REFUSED;
}
