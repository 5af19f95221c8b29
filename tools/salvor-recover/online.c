/* SPDX-License-Identifier: Apache-2.0 */
#include "salvor-recover/online.h"

#include "base/clock.h"

#include <string.h>

static enum sal_status copy(const char *bytes, size_t len, size_t max_bytes, struct sal_buf *ret,
                            struct sal_err *reterr) {
        if (len > max_bytes)
                return sal_fail(reterr, SAL_E_TOO_LARGE, "it has %zu bytes, %zu are the most", len, max_bytes);
        sal_buf_append(ret, bytes, len);
        return ret->failed ? sal_fail(reterr, SAL_E_NOMEM, "no memory for a file") : SAL_OK;
}

static enum sal_status download(const struct sal_online *online, const char *path, size_t max_bytes, int64_t seconds,
                                struct sal_buf *ret, struct sal_err *reterr) {
        sal_autonetreply struct sal_reply reply = SAL_REPLY_INIT;
        int64_t left_ms = online->until_ms - sal_clock_mono_ms();
        if (left_ms <= 0)
                return sal_fail(reterr, SAL_E_TIMEOUT, "the time for an update, %d seconds, is up",
                                SAL_ONLINE_UPDATE_SECONDS);
        int64_t timeout_ms = seconds * 1000 < left_ms ? seconds * 1000 : left_ms;
        enum sal_status status = sal_net_get(online->net, path, max_bytes, timeout_ms, &reply, reterr);
        if (status)
                return status;
        sal_buf_done(ret);
        *ret = reply.body;
        reply.body = SAL_BUF_INIT;
        return SAL_OK;
}

static enum sal_status get_metadata(void *context, const struct sal_update_need *need, struct sal_buf *ret,
                                    struct sal_err *reterr) {
        struct sal_online *online = context;
        char path[SAL_TUF_NAME_BYTES + 32];
        size_t len = 0;
        const char *text = sal_answer_metadata(online->answer, need->name, &len);
        bool timestamp = need->file == SAL_TUF_FILE_TIMESTAMP, root = need->file == SAL_TUF_FILE_ROOT;
        if (text)
                return copy(text, len, need->max_bytes, ret, reterr);
        if (timestamp && online->timestamp)
                return copy(online->timestamp, online->timestamp_len, need->max_bytes, ret, reterr);
        if (root && !online->ask &&
            (online->timestamp || sal_answer_metadata(online->answer, "timestamp.json", &len))) {
                online->inferred = true;
                return sal_fail(reterr, SAL_E_NOT_FOUND, "the answer brought no %s", need->name);
        }
        snprintf(path, sizeof path, "/tuf/metadata/%s", need->name);
        return download(online, path, need->max_bytes, SAL_NET_FILE_SECONDS, ret, reterr);
}

/* A text of the answer that is not the file is as good as none: the server's files decide. */
static enum sal_status get_target(void *context, const struct sal_tuf_target *target, const char *folder,
                                  const char *name, struct sal_buf *ret, struct sal_err *reterr) {
        const struct sal_online *online = context;
        char path[SAL_SOURCE_NAME_BYTES + 64];
        size_t len = 0;
        const char *text = sal_answer_file(online->answer, target->path, &len);
        if (text && sal_tuf_target_check(target, text, len, NULL) == SAL_OK)
                return copy(text, len, (size_t)target->length, ret, reterr);
        snprintf(path, sizeof path, "/tuf/targets/%s/%s", folder, name);
        return download(online, path, (size_t)target->length, SAL_NET_TARGET_SECONDS, ret, reterr);
}

void sal_online_begin(struct sal_online *online, struct sal_source *ret) {
        online->until_ms = sal_clock_mono_ms() + SAL_ONLINE_UPDATE_SECONDS * INT64_C(1000);
        *ret = (struct sal_source){.context = online, .metadata = get_metadata, .target = get_target};
}
