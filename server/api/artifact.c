/* SPDX-License-Identifier: Apache-2.0 */
#include "api/artifact.h"

#include "base/encode.h"
#include "service/admin.h"
#include "trust/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- download ---- */

/* One range of RFC 9110 section 14.1.2. Returns 1 with the range, 0 when there is none to obey (no header, another
 * unit, several ranges, malformed), -1 when it cannot be satisfied. */
static int parse_range(const char *header, int64_t length, int64_t *ret_first, int64_t *ret_count) {
        if (!header || strncasecmp(header, "bytes=", 6) != 0 || strchr(header, ','))
                return 0;
        const char *spec = header + 6;
        char *end = NULL;
        if (*spec == '-') {
                if (spec[1] < '0' || spec[1] > '9')
                        return 0;
                int64_t last = strtoll(spec + 1, &end, 10);
                if (*end || last < 0)
                        return 0;
                if (last == 0 || length == 0)
                        return -1;
                *ret_count = last < length ? last : length;
                *ret_first = length - *ret_count;
                return 1;
        }
        if (*spec < '0' || *spec > '9')
                return 0;
        int64_t first = strtoll(spec, &end, 10);
        if (*end++ != '-')
                return 0;
        int64_t last = length - 1;
        if (*end) {
                if (*end < '0' || *end > '9')
                        return 0;
                char *rest = NULL;
                last = strtoll(end, &rest, 10);
                if (*rest || last < first)
                        return 0;
        }
        if (first >= length)
                return -1;
        if (last > length - 1)
                last = length - 1;
        *ret_first = first;
        *ret_count = last - first + 1;
        return 1;
}

static void not_found(struct sal_http_request *request, const char *sha256) {
        struct sal_err err;
        sal_fail(&err, SAL_E_NOT_FOUND, "there is no artifact %.64s", sha256);
        sal_reply_error(request, &err);
}

static void reply_unsatisfiable(struct sal_http_request *request, int64_t length) {
        struct sal_err err;
        struct sal_http_reply reply = {0};
        sal_fail(&err, SAL_E_RANGE, "the artifact has %" PRId64 " bytes", length);
        sal_api_error_reply(request, &err, &reply);
        sal_http_reply_header(&reply, "Content-Range", "bytes */%" PRId64, length);
        sal_http_reply(request, &reply);
}

void sal_api_artifact_get(struct sal_http_request *request) {
        const struct sal_api *api = sal_http_plane_data(request);
        const char *sha256 = sal_http_param(request, "sha256");
        struct stat st;
        if (!sal_is_sha256_hex(sha256)) {
                not_found(request, sha256);
                return;
        }
        sal_autofree char *path = sal_artifact_path(api->service, sha256);
        int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
        if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode)) {
                if (fd >= 0)
                        close(fd);
                not_found(request, sha256);
                return;
        }
        char etag[SAL_SHA256_HEX_BYTES + 2];
        snprintf(etag, sizeof etag, "\"%s\"", sha256);
        struct sal_http_reply reply = {.status = 200, .content_type = "application/octet-stream"};
        sal_http_reply_header(&reply, "ETag", "%s", etag);
        sal_http_reply_header(&reply, "Accept-Ranges", "bytes");
        sal_http_reply_header(&reply, "Cache-Control", "max-age=31536000, immutable");
        const char *if_range = sal_http_header_get(request, "If-Range");
        if (sal_request_has_etag(request, etag)) {
                close(fd);
                reply.status = 304;
                reply.content_type = NULL;
                sal_http_reply(request, &reply);
                return;
        }
        int64_t first = 0, count = st.st_size;
        const char *header = if_range && strcmp(if_range, etag) != 0 ? NULL : sal_http_header_get(request, "Range");
        int range = parse_range(header, st.st_size, &first, &count);
        if (range < 0) {
                close(fd);
                reply_unsatisfiable(request, st.st_size);
                return;
        }
        if (range > 0) {
                reply.status = 206;
                sal_http_reply_header(&reply, "Content-Range", "bytes %" PRId64 "-%" PRId64 "/%" PRId64, first,
                                      first + count - 1, (int64_t)st.st_size);
        }
        reply.body = sal_http_body_file_take(fd, (uint64_t)first, (uint64_t)count);
        sal_http_reply(request, &reply);
}

/* ---- upload ---- */

struct upload {
        bool open, failed;
        int fd;
        int64_t length;
        char *path; /* of the file that is being written */
        struct sal_sha256_stream *hash;
        int error;
};

static void upload_end(void *scratch) {
        struct upload *upload = scratch;
        if (upload->open) {
                close(upload->fd);
                unlink(upload->path);
        }
        sal_sha256_stream_free(upload->hash);
        free(upload->path);
}

static bool upload_begin(const struct sal_api *api, struct upload *upload) {
        struct sal_buf path = SAL_BUF_INIT;
        sal_buf_printf(&path, "%s/artifacts/.upload-XXXXXX", api->service->state_dir);
        upload->path = sal_buf_take(&path, NULL);
        upload->hash = sal_sha256_stream_new();
        if (!upload->path || !upload->hash)
                return false;
        upload->fd = mkostemp(upload->path, O_CLOEXEC);
        upload->error = errno;
        upload->open = upload->fd >= 0;
        return upload->open;
}

bool sal_api_artifact_piece(struct sal_http_request *request, const void *data, size_t len) {
        struct upload *upload = sal_http_request_scratch(request, sizeof *upload, upload_end);
        if (!upload)
                return false;
        if (!upload->open && !upload->failed)
                upload->failed = !upload_begin(sal_http_plane_data(request), upload);
        if (!upload->failed && !sal_file_write(upload->fd, data, len)) {
                upload->error = errno;
                upload->failed = true;
        }
        if (upload->failed)
                return false;
        sal_sha256_stream_add(upload->hash, data, len);
        upload->length += (int64_t)len;
        return true;
}

enum sal_status sal_api_artifact_finish(struct sal_http_request *request, int64_t *ret_length, struct sal_err *reterr) {
        const struct sal_api *api = sal_http_plane_data(request);
        const char *sha256 = sal_http_param(request, "sha256");
        if (!sal_is_sha256_hex(sha256))
                return sal_fail(reterr, SAL_E_INVALID, "an artifact's name is the 64 hex digits of its SHA-256");
        struct upload *upload = sal_http_request_scratch(request, sizeof *upload, upload_end);
        if (upload && !upload->open && !upload->failed)
                sal_api_artifact_piece(request, "", 0); /* an empty artifact has no pieces */
        if (!upload || upload->failed)
                return sal_fail(reterr, SAL_E_IO, "the artifact cannot be stored: %s",
                                upload ? strerror(upload->error) : "no memory");
        uint8_t digest[SAL_SHA256_BYTES];
        char found[SAL_SHA256_HEX_BYTES];
        sal_sha256_stream_end(upload->hash, digest);
        sal_hex_encode(digest, sizeof digest, found);
        if (strcmp(found, sha256) != 0) {
                unlink(upload->path); /* gone before the answer says so */
                return sal_fail(reterr, SAL_E_INVALID, "the body's SHA-256 is %s, not the one in the path", found);
        }
        sal_autofree char *path = sal_artifact_path(api->service, sha256);
        sal_autofree char *folder = sal_artifact_path(api->service, "");
        if (!path || !folder)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a path");
        if (fchmod(upload->fd, 0600) || fsync(upload->fd) || rename(upload->path, path))
                return sal_fail(reterr, SAL_E_IO, "the artifact cannot be stored: %s", strerror(errno));
        close(upload->fd);
        upload->open = false;
        *ret_length = upload->length;
        return sal_dir_sync(folder, reterr);
}
