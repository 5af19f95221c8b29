/* SPDX-License-Identifier: Apache-2.0 */
/* What travels between daemon and signer: it arrives as it was sent, and nothing that is cut, bent or too long does. */
#include "fixture.h"

/* A request with something of everything. */
static struct sal_signer_request sample(void) {
        static const struct sal_signer_bytes roots[] = {{"root two", 8}, {"root three", 10}};
        static const struct sal_repository_envelope envelopes[] = {
                {"campaigns/fix-1.json", "first", 5}, {"campaigns/other-2.json", "", 0}, {"", "no name", 7}};
        struct sal_signer_request request = {.roots = roots,
                                             .root_count = 2,
                                             .policy = {"policy", 6},
                                             .envelopes = envelopes,
                                             .envelope_count = 3,
                                             .renew = true};
        request.files.file[SAL_TUF_FILE_TARGETS].bytes = "targets";
        request.files.file[SAL_TUF_FILE_TARGETS].len = 7;
        request.files.file[SAL_TUF_FILE_SNAPSHOT].bytes = "snap\0shot";
        request.files.file[SAL_TUF_FILE_SNAPSHOT].len = 9;
        return request;
}

static void same(const char *a, size_t a_len, const char *b, size_t b_len) {
        assert_int_equal(a_len, b_len);
        assert_memory_equal(a, b, a_len);
}

static void requests_arrive(void **state) {
        (void)state;
        static struct sal_signer_received got;
        struct sal_signer_request sent = sample();
        sal_autobuf struct sal_buf message = SAL_BUF_INIT;
        assert_int_equal(sal_signer_write_request(&sent, &message, NULL), SAL_OK);
        assert_int_equal(sal_signer_read_request(message.data + SAL_SIGNER_HEAD_BYTES,
                                                 message.len - SAL_SIGNER_HEAD_BYTES, &got, NULL),
                         SAL_OK);
        assert_true(got.request.renew);
        assert_int_equal(got.request.root_count, 2);
        assert_int_equal(got.request.envelope_count, 3);
        for (size_t i = 0; i < 2; i++)
                same(got.request.roots[i].bytes, got.request.roots[i].len, sent.roots[i].bytes, sent.roots[i].len);
        for (size_t i = 0; i < 3; i++) {
                assert_string_equal(got.request.envelopes[i].path, sent.envelopes[i].path);
                same(got.request.envelopes[i].bytes, got.request.envelopes[i].len, sent.envelopes[i].bytes,
                     sent.envelopes[i].len);
        }
        for (int i = 0; i < SAL_TUF_FILES; i++) {
                assert_int_equal(got.request.files.file[i].bytes != NULL, sent.files.file[i].bytes != NULL);
                if (sent.files.file[i].bytes)
                        same(got.request.files.file[i].bytes, got.request.files.file[i].len, sent.files.file[i].bytes,
                             sent.files.file[i].len);
        }
        same(got.request.policy.bytes, got.request.policy.len, "policy", 6);
}

static struct sal_signer_answer *sample_answer(void) {
        struct sal_signer_answer *answer = calloc(1, sizeof *answer);
        assert_non_null(answer);
        static const enum sal_tuf_file made[] = {SAL_TUF_FILE_TIMESTAMP, SAL_TUF_FILE_SNAPSHOT, SAL_TUF_FILE_CAMPAIGNS};
        for (size_t i = 0; i < SAL_ARRAY_LEN(made); i++)
                sal_buf_puts(&answer->next.files[made[i]], sal_tuf_file_text(made[i]));
        for (int i = 0; i < SAL_TUF_FILES; i++) {
                answer->versions[i] = SAL_TUF_VERSION_MAX - i;
                answer->expires_ms[i] = INT64_C(253402300799000) + i;
                answer->next.signed_anew[i] = i % 2;
        }
        answer->next.listed = 1;
        answer->verdicts[1].admission = SAL_ADMIT_EXPIRED;
        sal_fail_at(&answer->verdicts[1].why, SAL_E_UNTRUSTED, "/signed/x", "over since yesterday");
        sal_err_hint(&answer->verdicts[1].why, "sign it again");
        sal_err_ref(&answer->verdicts[1].why, "fix");
        return answer;
}

static void free_answer(struct sal_signer_answer *answer) {
        sal_repository_next_done(&answer->next);
        free(answer);
}

static void answers_arrive(void **state) {
        (void)state;
        struct sal_signer_answer *sent = sample_answer(), *got = calloc(1, sizeof *got);
        assert_non_null(got);
        sal_autobuf struct sal_buf message = SAL_BUF_INIT;
        assert_int_equal(sal_signer_write_answer(sent, 2, &message, NULL), SAL_OK);
        assert_int_equal(sal_signer_read_answer(message.data + SAL_SIGNER_HEAD_BYTES,
                                                message.len - SAL_SIGNER_HEAD_BYTES, 2, got, NULL),
                         SAL_OK);
        assert_memory_equal(got->versions, sent->versions, sizeof sent->versions);
        assert_memory_equal(got->expires_ms, sent->expires_ms, sizeof sent->expires_ms);
        assert_memory_equal(got->next.signed_anew, sent->next.signed_anew, sizeof sent->next.signed_anew);
        assert_memory_equal(got->verdicts, sent->verdicts, sizeof sent->verdicts);
        assert_int_equal(got->next.listed, 1);
        for (int i = 0; i < SAL_TUF_FILES; i++) {
                assert_int_equal(got->next.marks[i].version, sent->versions[i]);
                same(got->next.files[i].data ? got->next.files[i].data : "", got->next.files[i].len,
                     sent->next.files[i].data ? sent->next.files[i].data : "", sent->next.files[i].len);
        }
        /* another number of verdicts than envelopes is no answer */
        sal_repository_next_done(&got->next);
        for (size_t count = 0; count < 4; count++)
                if (count != 2)
                        assert_int_equal(sal_signer_read_answer(message.data + SAL_SIGNER_HEAD_BYTES,
                                                                message.len - SAL_SIGNER_HEAD_BYTES, count, got, NULL),
                                         SAL_E_MALFORMED);
        free_answer(sent);
        free(got);
}

static void refusals_arrive(void **state) {
        (void)state;
        struct sal_err sent = {0}, got = {0};
        sal_fail_at(&sent, SAL_E_CORRUPT, "/a", "it is broken");
        sal_err_hint(&sent, "mend it");
        sal_err_ref(&sent, "ref");
        sal_autobuf struct sal_buf message = SAL_BUF_INIT;
        assert_int_equal(sal_signer_write_refusal(&sent, &message, NULL), SAL_OK);
        assert_true(message.len <= SAL_SIGNER_REFUSAL_MAX_BYTES);
        assert_int_equal(sal_signer_read_refusal(message.data + SAL_SIGNER_HEAD_BYTES,
                                                 message.len - SAL_SIGNER_HEAD_BYTES, &got),
                         SAL_OK);
        assert_memory_equal(&sent, &got, sizeof sent);
        /* the longest there is */
        memset(sent.detail, 'd', sizeof sent.detail - 1);
        memset(sent.pointer, 'p', sizeof sent.pointer - 1);
        memset(sent.hint, 'h', sizeof sent.hint - 1);
        memset(sent.ref, 'r', sizeof sent.ref - 1);
        sal_buf_clear(&message);
        assert_int_equal(sal_signer_write_refusal(&sent, &message, NULL), SAL_OK);
        assert_true(message.len <= SAL_SIGNER_REFUSAL_MAX_BYTES);
        assert_int_equal(sal_signer_read_refusal(message.data + SAL_SIGNER_HEAD_BYTES,
                                                 message.len - SAL_SIGNER_HEAD_BYTES, &got),
                         SAL_OK);
        assert_memory_equal(&sent, &got, sizeof sent);
}

/* ---- what is cut off or bent ---- */

typedef enum sal_status reads(const char *body, size_t len);

static enum sal_status read_as_request(const char *body, size_t len) {
        static struct sal_signer_received got;
        struct sal_err err = {0};
        enum sal_status status = sal_signer_read_request(body, len, &got, &err);
        assert_int_equal(status == SAL_E_MALFORMED, *err.detail != '\0');
        return status;
}

static enum sal_status read_as_answer(const char *body, size_t len) {
        static struct sal_signer_answer got;
        enum sal_status status = sal_signer_read_answer(body, len, 2, &got, NULL);
        if (!status)
                sal_repository_next_done(&got.next);
        for (int i = 0; i < SAL_TUF_FILES && status; i++)
                assert_null(got.next.files[i].data);
        return status;
}

static enum sal_status read_as_refusal(const char *body, size_t len) {
        struct sal_err got = {0};
        return sal_signer_read_refusal(body, len, &got);
}

/* Every prefix, from memory of exactly its length, so that a sanitizer sees the first byte too far; and one byte more.
 */
static void cut_anywhere(const struct sal_buf *message, reads *reader) {
        const char *body = message->data + SAL_SIGNER_HEAD_BYTES;
        size_t whole = message->len - SAL_SIGNER_HEAD_BYTES;
        for (size_t len = 0; len < whole; len++) {
                sal_autofree char *copy = malloc(len + 1);
                assert_non_null(copy);
                memcpy(copy + 1, body, len);
                assert_int_equal(reader(copy + 1, len), SAL_E_MALFORMED);
        }
        sal_autofree char *more = calloc(1, whole + 1);
        assert_non_null(more);
        memcpy(more, body, whole);
        assert_int_equal(reader(more, whole), SAL_OK);
        assert_int_equal(reader(more, whole + 1), SAL_E_MALFORMED);
        /* every byte, every bit: read or refused, and nothing worse */
        for (size_t i = 0; i < whole; i++)
                for (int bit = 0; bit < 8; bit++) {
                        more[i] = (char)(more[i] ^ 1 << bit);
                        enum sal_status status = reader(more, whole);
                        assert_true(status == SAL_OK || status == SAL_E_MALFORMED);
                        more[i] = (char)(more[i] ^ 1 << bit);
                }
}

static void what_is_cut_or_bent_is_refused(void **state) {
        (void)state;
        sal_autobuf struct sal_buf message = SAL_BUF_INIT;
        struct sal_signer_request request = sample();
        assert_int_equal(sal_signer_write_request(&request, &message, NULL), SAL_OK);
        cut_anywhere(&message, read_as_request);
        struct sal_signer_answer *answer = sample_answer();
        sal_buf_clear(&message);
        assert_int_equal(sal_signer_write_answer(answer, 2, &message, NULL), SAL_OK);
        cut_anywhere(&message, read_as_answer);
        sal_buf_clear(&message);
        assert_int_equal(sal_signer_write_refusal(&answer->verdicts[1].why, &message, NULL), SAL_OK);
        cut_anywhere(&message, read_as_refusal);
        free_answer(answer);
}

/* Bodies by hand: a flag, then the fields of a request. */
static void bounds_are_the_readers_too(void **state) {
        (void)state;
        static const struct {
                const char *what, *body;
                size_t len;
        } cases[] = {
                {"a flag of two", "\2", 1},
                {"1024 roots", "\0\0\0\4\0", 5},
                {"roots without end", "\0\xff\xff\xff\xff", 5},
                {"a root longer than any", "\0\0\0\0\1\0\x08\0\1", 9},
                {"a file longer than any", "\0\0\0\0\0\0\x08\0\1", 9},
                {"101 envelopes", "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x65", 29},
                {"a path without its NUL",
                 "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\1a\0\0\0\0", 38},
                {"an empty path without a NUL",
                 "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0", 37},
                {"a path with a NUL in it",
                 "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\3a\0\0\0\0\0\0", 40},
                {"a path longer than any", "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\x81", 33},
        };
        for (size_t i = 0; i < SAL_ARRAY_LEN(cases); i++)
                if (read_as_request(cases[i].body, cases[i].len) != SAL_E_MALFORMED)
                        fail_msg("%s was read", cases[i].what);
        assert_int_equal(read_as_request("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\1\0\0\0\0\0",
                                         38),
                         SAL_OK);
        /* a status that there is not, and success as an error */
        assert_int_equal(read_as_refusal("\0\0\0\0\0\0\0\1\0\0\0\0\1\0\0\0\0\1\0\0\0\0\1\0", 24), SAL_E_MALFORMED);
        assert_int_equal(read_as_refusal("\0\0\3\0\0\0\0\1\0\0\0\0\1\0\0\0\0\1\0\0\0\0\1\0", 24), SAL_E_MALFORMED);
        assert_int_equal(read_as_refusal("\0\0\0\1\0\0\0\1\0\0\0\0\1\0\0\0\0\1\0\0\0\0\1\0", 24), SAL_OK);
}

/* ---- over a socket ---- */

static void messages_are_whole_or_nothing(void **state) {
        (void)state;
        int ends[2];
        enum sal_signer_kind kind;
        struct sal_err err = {0};
        static const unsigned answers = 1u << SAL_SIGNER_ANSWER | 1u << SAL_SIGNER_REFUSAL;
        sal_autobuf struct sal_buf message = SAL_BUF_INIT;
        sal_autobuf struct sal_buf body = SAL_BUF_INIT;
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        struct sal_signer_answer *answer = sample_answer();
        assert_int_equal(sal_signer_write_answer(answer, 2, &message, NULL), SAL_OK);
        free_answer(answer);
        assert_int_equal(sal_signer_send(ends[0], &message, SAL_SIGNER_FOREVER, &err), SAL_OK);
        /* the time is over, and what is there is taken nevertheless */
        assert_int_equal(sal_signer_receive(ends[1], answers, 0, &kind, &body, &err), SAL_OK);
        assert_int_equal(kind, SAL_SIGNER_ANSWER);
        same(body.data, body.len, message.data + SAL_SIGNER_HEAD_BYTES, message.len - SAL_SIGNER_HEAD_BYTES);
        assert_int_equal(sal_signer_receive(ends[1], answers, sal_clock_mono_ms() + 20, &kind, &body, &err),
                         SAL_E_TIMEOUT);
        assert_int_equal(send(ends[0], "SAL\2\0\0\0\5five!", 13, 0), 13);
        assert_int_equal(sal_signer_receive(ends[1], answers, 0, &kind, &body, &err), SAL_OK);
        assert_string_equal(body.data, "five!");
        assert_int_equal(send(ends[0], "SAL\1\0\0\0\0", 8, 0), 8);
        assert_int_equal(sal_signer_receive(ends[1], answers, 0, &kind, &body, &err), SAL_E_MALFORMED);
        assert_int_equal(send(ends[0], "SAL\2\0\xff\0\0", 8, 0), 8);
        assert_int_equal(sal_signer_receive(ends[1], answers, 0, &kind, &body, &err), SAL_E_MALFORMED);
        assert_non_null(strstr(err.detail, "16711680 bytes"));
        assert_int_equal(send(ends[0], "SAL\2\0\0\0\5fou", 11, 0), 11);
        assert_int_equal(sal_signer_receive(ends[1], answers, 0, &kind, &body, &err), SAL_E_TIMEOUT);
        shutdown(ends[0], SHUT_WR);
        assert_int_equal(sal_signer_receive(ends[1], answers, 0, &kind, &body, &err), SAL_E_GONE);
        close(ends[1]);
        assert_int_equal(sal_signer_send(ends[0], &message, SAL_SIGNER_FOREVER, &err), SAL_E_UNREACHABLE);
        close(ends[0]);
}

static void a_full_socket_is_not_waited_for_for_ever(void **state) {
        (void)state;
        int ends[2];
        sal_autobuf struct sal_buf message = SAL_BUF_INIT;
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        assert_true(sal_buf_reserve(&message, 8 * 1024 * 1024));
        message.len = 8 * 1024 * 1024;
        assert_int_equal(sal_signer_send(ends[0], &message, sal_clock_mono_ms() + 20, NULL), SAL_E_TIMEOUT);
        close(ends[0]);
        close(ends[1]);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(requests_arrive),
                cmocka_unit_test(answers_arrive),
                cmocka_unit_test(refusals_arrive),
                cmocka_unit_test(what_is_cut_or_bent_is_refused),
                cmocka_unit_test(bounds_are_the_readers_too),
                cmocka_unit_test(messages_are_whole_or_nothing),
                cmocka_unit_test(a_full_socket_is_not_waited_for_for_ever),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
