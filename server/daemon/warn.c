/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/warn.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "service/trust_status.h"
#include "trust/x509.h"

#include <dirent.h>
#include <fnmatch.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

enum { OFFLINE_NAMES_BYTES = 1024 }; /* as many names as one line takes */

static void close_dir(DIR **stream) {
        if (*stream)
                closedir(*stream);
}
#define sal_auto_dir __attribute__((cleanup(close_dir)))

void sal_warn_offline_keys(const struct sal_conf *conf) {
        static const char *const names[] = {"root-*.pem", "targets-*.pem", "author-*.pem"};
        sal_autobuf struct sal_buf found = SAL_BUF_INIT;
        sal_autofree char *folder = NULL;
        if (asprintf(&folder, "%s/keys", conf->folder) < 0) {
                folder = NULL;
                return;
        }
        sal_auto_dir DIR *stream = opendir(folder);
        for (struct dirent *entry = stream ? readdir(stream) : NULL; entry; entry = readdir(stream))
                for (size_t i = 0; i < SAL_ARRAY_LEN(names) && found.len < OFFLINE_NAMES_BYTES; i++)
                        if (fnmatch(names[i], entry->d_name, 0) == 0)
                                sal_buf_printf(&found, "%s%s", found.len ? " " : "", entry->d_name);
        if (found.len && !found.failed)
                sal_log(SAL_LOG_WARNING, "key.offline_within_reach", SAL_F_STR("folder", folder),
                        SAL_F_STR("keys", found.data),
                        SAL_F_STR("remedy", "keep offline keys on a machine that serves nobody"));
}

static void check_expiry(const char *path, const char *of, int64_t now_ms) {
        static const int64_t day_ms = INT64_C(86400000);
        sal_auto(sal_certificate) struct sal_certificate *certificate = NULL;
        if (!path || sal_certificate_load(path, &certificate, NULL))
                return;
        int64_t end_ms = sal_certificate_not_after_ms(certificate);
        if (end_ms > now_ms + SAL_EXPIRY_WARNING_DAYS * day_ms)
                return;
        char end[SAL_TIME_BYTES];
        sal_time_format(end_ms, end);
        sal_log(SAL_LOG_WARNING, end_ms <= now_ms ? "certificate.expired" : "certificate.expires", SAL_F_STR("of", of),
                SAL_F_STR("file", path), SAL_F_STR("end", end), SAL_F_INT("days", (end_ms - now_ms) / day_ms));
}

void sal_warn_expiry(const struct sal_conf *conf, int64_t now_ms) {
        for (enum sal_plane plane = 0; plane < SAL_PLANES; plane++) {
                check_expiry(conf->planes[plane].values[SAL_CONF_CERTIFICATE].text, sal_plane_name(plane), now_ms);
                check_expiry(conf->planes[plane].values[SAL_CONF_CLIENT_CA].text, sal_plane_name(plane), now_ms);
        }
        for (size_t i = 0; i < conf->operator_count; i++)
                check_expiry(conf->operators[i].values[SAL_CONF_OPERATOR_CERTIFICATE].text, conf->operators[i].name,
                             now_ms);
}

static void warn_trust(void *arg, const struct sal_trust_warning *warning) {
        (void)arg;
        static const int64_t day_seconds = INT64_C(86400);
        sal_log(SAL_LOG_WARNING, warning->event, SAL_F_STR("of", warning->subject), SAL_F_STR("what", warning->text),
                SAL_F_INT("days", warning->seconds_left / day_seconds));
}

void sal_warn_trust(struct sal_service *service, int64_t now_ms) {
        sal_trust_each_warning(service, now_ms, warn_trust, NULL);
}

static void check_key_mode(const char *path) {
        struct stat info;
        if (path && stat(path, &info) == 0 && (info.st_mode & 077))
                sal_log(SAL_LOG_WARNING, "key.readable_by_others", SAL_F_STR("file", path),
                        SAL_F_STR("remedy", "chmod 600"));
}

void sal_warn_key_modes(const struct sal_conf *conf) {
        for (enum sal_plane plane = 0; plane < SAL_PLANES; plane++)
                check_key_mode(conf->planes[plane].values[SAL_CONF_PRIVATE_KEY].text);
        check_key_mode(conf->values[SAL_CONF_ONLINE_KEY].text);
        check_key_mode(conf->values[SAL_CONF_ONLINE_KEY_NEXT].text);
}

void sal_raise_file_limit(const struct sal_conf *conf) {
        enum { OTHER_FILES = 128 }; /* database, listeners, loops, artifacts being sent */
        struct rlimit limit;
        if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
                return;
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
        rlim_t wanted = OTHER_FILES;
        for (size_t i = 0; i < SAL_PLANES; i++)
                wanted += (rlim_t)conf->planes[i].values[SAL_CONF_CONNECTIONS_MAX].number;
        if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < wanted)
                sal_log(SAL_LOG_WARNING, "limit.files", SAL_F_INT("limit", limit.rlim_cur), SAL_F_INT("wanted", wanted),
                        SAL_F_STR("remedy", "raise LimitNOFILE (systemd) or ulimit -Hn, or lower connections_max"));
}
