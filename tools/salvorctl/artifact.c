/* SPDX-License-Identifier: Apache-2.0 */
/* salvorctl artifact put, list, get, delete: files that campaigns restore or run, named by their SHA-256. */
#include "base/encode.h"
#include "command.h"
#include "confirm.h"
#include "out.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

enum { ARTIFACT_MAX_BYTES = 1 << 30 };

static enum sal_status hash_file(FILE *file, char ret[static SAL_SHA256_HEX_BYTES], struct sal_err *reterr) {
        struct sal_sha256_stream *stream = sal_sha256_stream_new();
        if (!stream)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a hash");
        char chunk[65536];
        size_t n;
        while ((n = fread(chunk, 1, sizeof chunk, file)) > 0)
                sal_sha256_stream_add(stream, chunk, n);
        uint8_t digest[SAL_SHA256_BYTES];
        sal_sha256_stream_end(stream, digest);
        sal_sha256_stream_free(stream);
        sal_hex_encode(digest, sizeof digest, ret);
        if (ferror(file) || fseeko(file, 0, SEEK_SET))
                return sal_fail(reterr, SAL_E_IO, "cannot read the file: %s", strerror(errno));
        return SAL_OK;
}

static enum sal_status run_put(struct sal_ctl *ctl, struct sal_err *reterr) {
        sal_autofclose FILE *file = fopen(ctl->args[0], "re");
        struct stat info;
        if (!file || fstat(fileno(file), &info))
                return sal_fail(reterr, errno == ENOENT ? SAL_E_NOT_FOUND : SAL_E_IO, "cannot open %.300s: %s",
                                ctl->args[0], strerror(errno));
        if (!S_ISREG(info.st_mode) || info.st_size > ARTIFACT_MAX_BYTES)
                return sal_fail(reterr, SAL_E_USAGE, "%.300s is no regular file of at most 1 GiB", ctl->args[0]);
        char sha256[SAL_SHA256_HEX_BYTES], path[SAL_CTL_PATH_BYTES];
        enum sal_status status = hash_file(file, sha256, reterr);
        if (status)
                return status;
        snprintf(path, sizeof path, "/api/v1/artifacts/%s", sha256);
        const struct sal_admin_call call = {.method = "PUT",
                                            .path = path,
                                            .file = file,
                                            .file_len = info.st_size,
                                            .content_type = "application/octet-stream",
                                            .timeout_ms = 3600 * 1000};
        sal_autojson json_t *answer = NULL;
        status = sal_admin_json(ctl->admin, &call, &answer, reterr);
        if (!status && !sal_ctl_says(answer, "sha256", sha256))
                status = sal_ctl_unconfirmed(reterr, "that it has %s", sha256);
        if (status)
                return status;
        /* What a campaign's action says of it, ready to be pasted. */
        sal_autojson json_t *document = json_pack("{s:s, s:I}", "sha256", sha256, "length", (json_int_t)info.st_size);
        if (ctl->json)
                sal_out_json(document);
        else
                printf("{\"sha256\": \"%s\", \"length\": %lld}\n", sha256, (long long)info.st_size);
        return SAL_OK;
}

static enum sal_status artifact_path(const char *sha256, char ret[static SAL_CTL_PATH_BYTES], struct sal_err *reterr) {
        if (!sal_is_sha256_hex(sha256))
                return sal_fail(reterr, SAL_E_USAGE, "\"%.80s\" is no SHA-256 in lower-case hex", sha256);
        snprintf(ret, SAL_CTL_PATH_BYTES, "/api/v1/artifacts/%s", sha256);
        return SAL_OK;
}

/* What comes from the server stands here until it is known to be what was asked for. */
struct arrival {
        FILE *file;
        struct sal_sha256_stream *hash;
        int64_t len;
};

static bool take_piece(void *arg, const void *data, size_t len) {
        struct arrival *arrival = arg;
        arrival->len += (int64_t)len;
        sal_sha256_stream_add(arrival->hash, data, len);
        return arrival->len <= ARTIFACT_MAX_BYTES && fwrite(data, 1, len, arrival->file) == len;
}

static enum sal_status fetch(struct sal_ctl *ctl, const char *path, struct arrival *arrival, struct sal_err *reterr) {
        const struct sal_admin_call call = {.path = path,
                                            .accept = "application/octet-stream, application/problem+json",
                                            .timeout_ms = 3600 * 1000,
                                            .sink = take_piece,
                                            .sink_arg = arrival};
        sal_autoreply struct sal_client_reply reply = SAL_CLIENT_REPLY_INIT;
        enum sal_status status = sal_admin_do(ctl->admin, &call, &reply, reterr);
        uint8_t digest[SAL_SHA256_BYTES];
        char sha256[SAL_SHA256_HEX_BYTES];
        sal_sha256_stream_end(arrival->hash, digest);
        sal_hex_encode(digest, sizeof digest, sha256);
        if (arrival->len > ARTIFACT_MAX_BYTES)
                return sal_fail(reterr, SAL_E_TOO_LARGE, "the server sent more than 1 GiB");
        if (ferror(arrival->file) || fflush(arrival->file))
                return sal_fail(reterr, SAL_E_IO, "cannot write the temporary file: %s", strerror(errno));
        if (status || strcmp(sha256, ctl->args[0]) == 0)
                return status;
        sal_fail(reterr, SAL_E_MALFORMED, "the server's %lld bytes are not this artifact: their SHA-256 is %s",
                 (long long)arrival->len, sha256);
        sal_err_hint(reterr, "nothing was written; the stored file may be damaged: delete it and put it again");
        return SAL_E_MALFORMED;
}

static enum sal_status hand_on(FILE *file, struct sal_err *reterr) {
        char chunk[65536];
        size_t n;
        rewind(file);
        while ((n = fread(chunk, 1, sizeof chunk, file)) > 0)
                if (fwrite(chunk, 1, n, stdout) != n)
                        return sal_fail(reterr, SAL_E_IO, "cannot write to standard output: %s", strerror(errno));
        return ferror(file) ? sal_fail(reterr, SAL_E_IO, "cannot read the temporary file: %s", strerror(errno))
                            : SAL_OK;
}

static enum sal_status run_get(struct sal_ctl *ctl, struct sal_err *reterr) {
        char path[SAL_CTL_PATH_BYTES];
        enum sal_status status = artifact_path(ctl->args[0], path, reterr);
        if (status)
                return status;
        if (!ctl->json && isatty(STDOUT_FILENO)) {
                sal_fail(reterr, SAL_E_USAGE, "an artifact's bytes do not go to a terminal");
                sal_err_hint(reterr, "send standard output to a file");
                return SAL_E_USAGE;
        }
        sal_autofclose FILE *file = tmpfile();
        if (!file)
                return sal_fail(reterr, SAL_E_IO, "cannot make a temporary file: %s", strerror(errno));
        struct arrival arrival = {.file = file, .hash = sal_sha256_stream_new()};
        if (!arrival.hash)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a hash");
        status = fetch(ctl, path, &arrival, reterr);
        sal_sha256_stream_free(arrival.hash);
        if (status || !ctl->json)
                return status ? status : hand_on(file, reterr);
        sal_autojson json_t *document =
                json_pack("{s:s, s:I}", "sha256", ctl->args[0], "length", (json_int_t)arrival.len);
        sal_out_json(document);
        return SAL_OK;
}

static enum sal_status run_delete(struct sal_ctl *ctl, struct sal_err *reterr) {
        char path[SAL_CTL_PATH_BYTES];
        enum sal_status status = artifact_path(ctl->args[0], path, reterr);
        if (!status)
                status = sal_ctl_delete(ctl, path, reterr);
        if (!status && !ctl->json)
                sal_out_line(stdout, "deleted ", ctl->args[0], NULL);
        return status;
}

static enum sal_status run_list(struct sal_ctl *ctl, struct sal_err *reterr) {
        sal_autojson json_t *items = NULL;
        enum sal_status status =
                sal_admin_list(ctl->admin, "/api/v1/artifacts", NULL, SAL_CTL_LIST_ITEMS, &items, NULL, reterr);
        if (status)
                return status;
        if (ctl->json) {
                sal_autojson json_t *document = json_pack("{s:O}", "items", items);
                sal_out_json(document);
                return SAL_OK;
        }
        static const char *const heads[] = {"SHA256", ">LENGTH"};
        sal_autotable struct sal_table table = SAL_TABLE_INIT(heads);
        for (size_t i = 0; i < json_array_size(items); i++) {
                sal_table_text(&table, sal_text(json_array_get(items, i), "sha256"));
                sal_table_json(&table, json_object_get(json_array_get(items, i), "length"));
        }
        sal_table_print(&table, stdout, "no artifacts");
        return SAL_OK;
}

const struct sal_command sal_commands_artifact[] = {
        {.group = "artifact",
         .verb = "put",
         .args = "FILE",
         .min_args = 1,
         .max_args = 1,
         .summary = "Store a file that campaigns name; prints its sha256 and length",
         .run = run_put},
        {.group = "artifact", .verb = "list", .args = "", .summary = "What is stored", .run = run_list},
        {.group = "artifact",
         .verb = "get",
         .args = "SHA256",
         .min_args = 1,
         .max_args = 1,
         .summary = "Write its bytes to standard output",
         .help = "Not a byte is written unless all of them have this SHA-256; until then they stand in a temporary "
                 "file. With --json they are fetched and checked, and their sha256 and length are printed instead.",
         .run = run_get},
        {.group = "artifact",
         .verb = "delete",
         .args = "SHA256",
         .min_args = 1,
         .max_args = 1,
         .summary = "Remove it",
         .run = run_delete},
        {0},
};
