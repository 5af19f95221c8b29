/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/endpoints.h"

#include "base/json.h"
#include "trust/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

void sal_endpoint_format(const char *address, uint16_t port, bool tls, char ret[static SAL_ENDPOINT_BYTES]) {
        const char *host = address, *open = "", *close = "";
        if (strcmp(address, "0.0.0.0") == 0) {
                host = "127.0.0.1";
        } else if (strcmp(address, "::") == 0) {
                host = "localhost";
        } else if (strchr(address, ':')) {
                open = "[";
                close = "]";
        }
        snprintf(ret, SAL_ENDPOINT_BYTES, "%s://%s%s%s:%u", tls ? "https" : "http", open, host, close, (unsigned)port);
}

enum sal_status sal_endpoints_write(const char *state_dir, char urls[SAL_PLANES][SAL_ENDPOINT_BYTES],
                                    struct sal_err *reterr) {
        char path[PATH_MAX], temporary[PATH_MAX];
        snprintf(path, sizeof path, "%s/endpoints.json", state_dir);
        snprintf(temporary, sizeof temporary, "%s/.endpoints.json.new", state_dir);
        sal_autojson json_t *json = json_object();
        for (enum sal_plane plane = 0; plane < SAL_PLANES; plane++)
                json_object_set_new(json, sal_plane_name(plane), json_string(urls[plane]));
        sal_autofree char *text = json ? sal_json_dump(json) : NULL;
        if (!text)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for endpoints.json");
        sal_autoclose int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
        if (fd < 0 || !sal_file_write(fd, text, strlen(text)) || !sal_file_write(fd, "\n", 1) || fsync(fd) < 0 ||
            rename(temporary, path) < 0)
                return sal_fail(reterr, SAL_E_IO, "cannot write %.300s: %s", path, strerror(errno));
        return sal_dir_sync(state_dir, reterr);
}

void sal_endpoints_remove(const char *state_dir) {
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%s/endpoints.json", state_dir);
        unlink(path);
}
