/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages between daemon and signer, read by both sides from any bytes. What is read keeps the bounds, and,
 * written again, gives the very same bytes: there is one way to say a thing.
 */
#include "signer/internal.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(bool holds) {
        if (!holds)
                abort();
}

static void same(const struct sal_buf *written, const char *body, size_t len) {
        check(written->len == SAL_SIGNER_HEAD_BYTES + len);
        check(len == 0 || memcmp(written->data + SAL_SIGNER_HEAD_BYTES, body, len) == 0);
}

static void read_request(const char *body, size_t len) {
        static struct sal_signer_received got;
        sal_autobuf struct sal_buf again = SAL_BUF_INIT;
        if (sal_signer_read_request(body, len, &got, NULL))
                return;
        const struct sal_signer_request *request = &got.request;
        check(request->root_count < SAL_SIGNER_MAX_ROOTS && request->envelope_count <= SAL_TUF_MAX_CAMPAIGNS);
        check(request->policy.len <= SAL_POLICY_MAX_BYTES);
        for (size_t i = 0; i < request->envelope_count; i++)
                check(strlen(request->envelopes[i].path) < SAL_TARGET_PATH_BYTES &&
                      request->envelopes[i].len <= SAL_ENVELOPE_MAX_BYTES);
        /* a root is not looked at, and none is given */
        check(!request->files.file[SAL_TUF_FILE_ROOT].bytes);
        check(!sal_signer_write_request(request, &again, NULL));
        same(&again, body, len);
}

static void read_answer(const char *body, size_t len, size_t verdict_count) {
        static struct sal_signer_answer got;
        sal_autobuf struct sal_buf again = SAL_BUF_INIT;
        if (sal_signer_read_answer(body, len, verdict_count, &got, NULL))
                return;
        check(got.next.listed <= verdict_count);
        for (size_t i = 0; i < verdict_count; i++)
                check((got.verdicts[i].admission == SAL_ADMIT_YES) == (got.verdicts[i].why.status == SAL_OK));
        check(!sal_signer_write_answer(&got, verdict_count, &again, NULL));
        same(&again, body, len);
        sal_repository_next_done(&got.next);
}

static void read_refusal(const char *body, size_t len) {
        struct sal_err got = {0};
        sal_autobuf struct sal_buf again = SAL_BUF_INIT;
        if (sal_signer_read_refusal(body, len, &got))
                return;
        check(got.status < 0);
        check(!sal_signer_write_refusal(&got, &again, NULL));
        same(&again, body, len);
}

/* The first byte says whose message it is. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
        if (len == 0)
                return 0;
        const char *body = (const char *)data + 1;
        switch (data[0] % 3) {
        case 0:
                read_request(body, len - 1);
                break;
        case 1:
                read_answer(body, len - 1, data[0] / 3);
                break;
        default:
                read_refusal(body, len - 1);
        }
        return 0;
}
