/* SPDX-License-Identifier: Apache-2.0 */
#include "bundle_source.h"

#include "base/encode.h"
#include "trust/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum { ARTIFACT_MS = 3600 * 1000 };

enum sal_status sal_bundle_source_server(const char *base_url, const char *ca, struct sal_bundle_source *ret,
                                         struct sal_err *reterr) {
        const struct sal_client_options options = {.base_url = base_url, .ca_file = ca};
        *ret = (struct sal_bundle_source){0};
        return sal_client_new(&options, &ret->client, reterr);
}

void sal_bundle_source_done(struct sal_bundle_source *source) {
        sal_client_free(source->client);
        *source = (struct sal_bundle_source){0};
}

/* ---- small files ---- */

struct room {
        struct sal_buf *buf;
        size_t max_bytes;
        bool over;
};

static bool take_bytes(void *arg, const void *data, size_t len) {
        struct room *room = arg;
        room->over = len > room->max_bytes - room->buf->len;
        if (!room->over)
                sal_buf_append(room->buf, data, len);
        return !room->over && !room->buf->failed;
}

static enum sal_status get_from_server(struct sal_bundle_source *source, const char *path, size_t max_bytes,
                                       struct sal_buf *ret, struct sal_err *reterr) {
        char url[SAL_BUNDLE_PATH_BYTES];
        struct room room = {.buf = ret, .max_bytes = max_bytes};
        snprintf(url, sizeof url, "/tuf/%s", path);
        const struct sal_client_request request = {.path = url,
                                                   .accept = "application/json, application/problem+json",
                                                   .sink = take_bytes,
                                                   .sink_arg = &room};
        sal_autoreply struct sal_client_reply reply = SAL_CLIENT_REPLY_INIT;
        enum sal_status status = sal_client_do(source->client, &request, &reply, reterr);
        if (room.over)
                return sal_fail(reterr, SAL_E_TOO_LARGE, "%s is longer than the %zu bytes that it may have", url,
                                max_bytes);
        if (!status && reply.status != 200)
                return sal_fail(reterr, SAL_E_MALFORMED, "%s: the server answered %d", url, reply.status);
        return status;
}

enum sal_status sal_bundle_source_get(struct sal_bundle_source *source, const char *path, size_t max_bytes,
                                      struct sal_buf *ret, struct sal_err *reterr) {
        if (!source->dir)
                return get_from_server(source, path, max_bytes, ret, reterr);
        sal_autobuf struct sal_buf name = SAL_BUF_INIT;
        sal_autofree char *bytes = NULL;
        size_t len = 0;
        sal_buf_printf(&name, "%s/%s", source->dir, path);
        if (name.failed)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a path");
        enum sal_status status = sal_file_read(name.data, max_bytes, &bytes, &len, reterr);
        if (status)
                return status;
        sal_buf_append(ret, bytes, len);
        return ret->failed ? sal_fail(reterr, SAL_E_NOMEM, "no memory for %.200s", path) : SAL_OK;
}

/* ---- artifacts ---- */

struct arrival {
        struct sal_sha256_stream *hash;
        FILE *to;
        int64_t len, max;
};

static bool take_piece(void *arg, const void *data, size_t len) {
        struct arrival *arrival = arg;
        arrival->len += (int64_t)len;
        sal_sha256_stream_add(arrival->hash, data, len);
        return arrival->len <= arrival->max && (!arrival->to || fwrite(data, 1, len, arrival->to) == len);
}

static enum sal_status from_server(struct sal_bundle_source *source, const char *sha256, struct arrival *arrival,
                                   struct sal_err *reterr) {
        char url[SAL_BUNDLE_PATH_BYTES];
        snprintf(url, sizeof url, "/v1/artifacts/%s", sha256);
        const struct sal_client_request request = {.path = url,
                                                   .accept = "application/octet-stream, application/problem+json",
                                                   .timeout_ms = ARTIFACT_MS,
                                                   .sink = take_piece,
                                                   .sink_arg = arrival};
        sal_autoreply struct sal_client_reply reply = SAL_CLIENT_REPLY_INIT;
        enum sal_status status = sal_client_do(source->client, &request, &reply, reterr);
        if (!status && reply.status != 200)
                return sal_fail(reterr, SAL_E_MALFORMED, "%s: the server answered %d", url, reply.status);
        return arrival->len > arrival->max ? SAL_OK : status; /* told as other bytes */
}

static enum sal_status from_folder(const char *dir, const char *sha256, struct arrival *arrival,
                                   struct sal_err *reterr) {
        sal_autobuf struct sal_buf name = SAL_BUF_INIT;
        sal_buf_printf(&name, "%s/artifacts/%s", dir, sha256);
        if (name.failed)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a path");
        int fd = open(name.data, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC); /* a FIFO there is not waited for */
        sal_autofclose FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;
        struct stat info;
        if (!file && errno == ENOENT) {
                sal_fail(reterr, SAL_E_NOT_FOUND, "%.300s is missing, and a campaign needs it", name.data);
                sal_err_hint(reterr, "copy the server's artifacts folder into %.180s", dir);
                return SAL_E_NOT_FOUND;
        }
        if (!file || fstat(fd, &info))
                return sal_fail(reterr, SAL_E_IO, "cannot read %.300s: %s", name.data, strerror(errno));
        if (!S_ISREG(info.st_mode))
                return sal_fail(reterr, SAL_E_REFUSED, "%.300s is no plain file", name.data);
        char chunk[65536];
        size_t n;
        while ((n = fread(chunk, 1, sizeof chunk, file)) > 0)
                if (!take_piece(arrival, chunk, n))
                        break;
        return ferror(file) ? sal_fail(reterr, SAL_E_IO, "cannot read %.300s: %s", name.data, strerror(errno)) : SAL_OK;
}

enum sal_status sal_bundle_source_artifact(struct sal_bundle_source *source, const char *sha256, int64_t length,
                                           FILE *to, struct sal_err *reterr) {
        struct arrival arrival = {.hash = sal_sha256_stream_new(), .to = to, .max = length};
        if (!arrival.hash)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a hash");
        enum sal_status status = source->dir ? from_folder(source->dir, sha256, &arrival, reterr)
                                             : from_server(source, sha256, &arrival, reterr);
        uint8_t digest[SAL_SHA256_BYTES];
        char found[SAL_SHA256_HEX_BYTES];
        sal_sha256_stream_end(arrival.hash, digest);
        sal_sha256_stream_free(arrival.hash);
        sal_hex_encode(digest, sizeof digest, found);
        if (status)
                return status;
        if (to && ferror(to))
                return sal_fail(reterr, SAL_E_IO, "cannot write the artifact %s: %s", sha256, strerror(errno));
        if (arrival.len != length || strcmp(found, sha256) != 0)
                return sal_fail(reterr, SAL_E_UNTRUSTED, "the artifact %s is not what the campaign's authors signed",
                                sha256);
        return SAL_OK;
}
