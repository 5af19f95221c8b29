/* SPDX-License-Identifier: Apache-2.0 */
/* The high-water marks: they last, they never fall, and a torn write costs nothing that was promised. */
#include "fixture.h"

#include "base/clock.h"

#include <sys/file.h>

#define DIGEST "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

struct place {
        char dir[64], marks_dir[96], path[160];
        struct sal_signer_marks marks;
        struct sal_err err;
};

static int set_up(void **state) {
        struct place *p = calloc(1, sizeof *p);
        assert_non_null(p);
        snprintf(p->dir, sizeof p->dir, "%s", make_folder());
        snprintf(p->marks_dir, sizeof p->marks_dir, "%s/signer", p->dir);
        snprintf(p->path, sizeof p->path, "%s/" SAL_SIGNER_MARKS_FILE, p->marks_dir);
        p->marks.fd = -1;
        *state = p;
        return 0;
}

static int tear_down(void **state) {
        struct place *p = *state;
        sal_signer_marks_done(&p->marks);
        drop_folder(p->dir);
        free(p);
        return 0;
}

static void opens(struct place *p) {
        sal_signer_marks_done(&p->marks);
        if (sal_signer_marks_open(p->marks_dir, false, &p->marks, &p->err))
                fail_msg("not opened: %s", p->err.detail);
}

/* The marks of one moment; of files of no known content when `sha256` is "". */
static void marks_of(struct sal_tuf_mark ret[static SAL_TUF_FILES], int64_t version, const char *sha256) {
        for (int i = 0; i < SAL_TUF_FILES; i++) {
                ret[i].version = i == SAL_TUF_FILE_ROOT ? 1 : i == SAL_TUF_FILE_TARGETS ? 2 : version;
                snprintf(ret[i].sha256, sizeof ret[i].sha256, "%s", sha256);
        }
}

static void writes(struct place *p, int64_t version) {
        struct sal_tuf_mark next[SAL_TUF_FILES];
        marks_of(next, version, DIGEST);
        if (sal_signer_marks_write(&p->marks, next, &p->err))
                fail_msg("not written: %s", p->err.detail);
}

static void holds(const struct place *p, int64_t version) {
        static const enum sal_tuf_file online[] = {SAL_TUF_FILE_TIMESTAMP, SAL_TUF_FILE_SNAPSHOT,
                                                   SAL_TUF_FILE_CAMPAIGNS};
        for (size_t i = 0; i < SAL_ARRAY_LEN(online); i++) {
                assert_int_equal(p->marks.marks[online[i]].version, version);
                assert_string_equal(p->marks.marks[online[i]].sha256, version ? DIGEST : "");
        }
}

static void begins_with_none_and_lasts(void **state) {
        struct place *p = *state;
        struct stat info;
        opens(p);
        holds(p, 0);
        assert_int_equal(stat(p->marks_dir, &info), 0);
        assert_int_equal(info.st_mode & 07777, 0700);
        assert_int_equal(stat(p->path, &info), 0);
        assert_int_equal(info.st_mode & 07777, 0600);
        assert_int_equal(info.st_size, SAL_SIGNER_MARKS_BYTES);
        for (int64_t version = 1; version < 8; version++) {
                writes(p, version);
                opens(p);
                holds(p, version);
        }
}

static void never_fall(void **state) {
        struct place *p = *state;
        struct sal_tuf_mark high[SAL_TUF_FILES];
        marks_of(high, 3, DIGEST);
        opens(p);
        assert_int_equal(sal_signer_marks_write(&p->marks, high, &p->err), SAL_OK);
        for (int i = 0; i < SAL_TUF_FILES; i++) {
                struct sal_tuf_mark lower[SAL_TUF_FILES];
                marks_of(lower, 4, DIGEST);
                lower[i].version = high[i].version - 1;
                assert_int_equal(sal_signer_marks_write(&p->marks, lower, &p->err), SAL_E_INTERNAL);
                assert_non_null(strstr(p->err.detail, sal_tuf_file_text((enum sal_tuf_file)i)));
        }
        opens(p);
        holds(p, 3);
}

/* One version may lose what was known of its file, and learn it. */
static void digests_last_too(void **state) {
        struct place *p = *state;
        struct sal_tuf_mark next[SAL_TUF_FILES];
        marks_of(next, 3, "");
        opens(p);
        assert_int_equal(sal_signer_marks_write(&p->marks, next, &p->err), SAL_OK);
        opens(p);
        assert_string_equal(p->marks.marks[SAL_TUF_FILE_TARGETS].sha256, "");
        writes(p, 3);
        opens(p);
        holds(p, 3);
}

static void the_same_is_not_written_again(void **state) {
        struct place *p = *state;
        opens(p);
        writes(p, 5);
        uint64_t sequence = p->marks.sequence;
        writes(p, 5);
        assert_int_equal(p->marks.sequence, sequence);
}

/* The damaged slot may have held one version more. */
static void holds_above(const struct place *p, int64_t version) {
        assert_int_equal(p->marks.marks[SAL_TUF_FILE_TIMESTAMP].version, version + 1);
        assert_int_equal(p->marks.marks[SAL_TUF_FILE_SNAPSHOT].version, version + 1);
        assert_int_equal(p->marks.marks[SAL_TUF_FILE_CAMPAIGNS].version, version + 1);
        assert_string_equal(p->marks.marks[SAL_TUF_FILE_TIMESTAMP].sha256, "");
        assert_int_equal(p->marks.marks[SAL_TUF_FILE_TARGETS].version, 2);
        assert_string_equal(p->marks.marks[SAL_TUF_FILE_TARGETS].sha256, DIGEST);
}

/* A write that is cut off after any number of bytes, or any byte of it that is wrong, leaves the marks before it,
 * raised by what the damaged ones may have been. */
static void a_torn_slot_falls_back(void **state) {
        struct place *p = *state;
        uint8_t before[SAL_SIGNER_MARKS_BYTES], after[SAL_SIGNER_MARKS_BYTES], torn[SAL_SIGNER_MARKS_BYTES];
        for (int round = 0; round < SAL_SIGNER_SLOTS; round++) {
                opens(p);
                writes(p, 10 * round + 6);
                assert_int_equal(read_file(p->path, before, sizeof before), sizeof before);
                writes(p, 10 * round + 7);
                assert_int_equal(read_file(p->path, after, sizeof after), sizeof after);
                size_t at = p->marks.sequence % SAL_SIGNER_SLOTS * SAL_SIGNER_SLOT_STRIDE;
                for (size_t i = 0; i < SAL_SIGNER_SLOT_BYTES; i++) {
                        memcpy(torn, after, sizeof torn);
                        torn[at + i] ^= 0x10;
                        write_file(p->path, torn, sizeof torn);
                        opens(p);
                        holds_above(p, 10 * round + 6);
                        memcpy(torn, before, sizeof torn);
                        memcpy(torn + at, after + at, i);
                        write_file(p->path, torn, sizeof torn);
                        opens(p);
                        /* the first bytes of a slot are the same in both, and the digest is its end */
                        if (memcmp(torn, before, sizeof torn) == 0)
                                holds(p, 10 * round + 6);
                        else
                                holds_above(p, 10 * round + 6);
                        writes(p, 10 * round + 8);
                        opens(p);
                        holds(p, 10 * round + 8);
                }
        }
}

/* Marks of a server that has published before were lost: what comes is above all of the past. */
static void lost_ones_begin_above_the_past(void **state) {
        struct place *p = *state;
        int64_t minutes = (sal_clock_wall_ms() / 1000 - 1577836800) / 60;
        assert_int_equal(sal_signer_marks_open(p->marks_dir, true, &p->marks, &p->err), SAL_OK);
        int64_t version = p->marks.marks[SAL_TUF_FILE_TIMESTAMP].version;
        assert_true(minutes > 3000000 && version >= minutes && version <= minutes + 10);
        assert_int_equal(p->marks.marks[SAL_TUF_FILE_SNAPSHOT].version, version);
        assert_int_equal(p->marks.marks[SAL_TUF_FILE_CAMPAIGNS].version, version);
        assert_int_equal(p->marks.marks[SAL_TUF_FILE_ROOT].version, 0);
        assert_int_equal(p->marks.marks[SAL_TUF_FILE_TARGETS].version, 0);
        /* they are there now, and stay as they are */
        sal_signer_marks_done(&p->marks);
        assert_int_equal(sal_signer_marks_open(p->marks_dir, true, &p->marks, &p->err), SAL_OK);
        assert_int_equal(p->marks.marks[SAL_TUF_FILE_TIMESTAMP].version, version);
}

static void both_slots_torn_is_an_error(void **state) {
        struct place *p = *state;
        uint8_t bytes[SAL_SIGNER_MARKS_BYTES];
        opens(p);
        writes(p, 6);
        read_file(p->path, bytes, sizeof bytes);
        bytes[20] ^= 1;
        bytes[SAL_SIGNER_SLOT_STRIDE + 20] ^= 1;
        static const size_t lengths[] = {SAL_SIGNER_MARKS_BYTES, SAL_SIGNER_SLOT_STRIDE, 10, 0};
        for (size_t i = 0; i < SAL_ARRAY_LEN(lengths); i++) {
                write_file(p->path, bytes, lengths[i]);
                sal_signer_marks_done(&p->marks);
                assert_int_equal(sal_signer_marks_open(p->marks_dir, false, &p->marks, &p->err), SAL_E_CORRUPT);
                assert_non_null(strstr(p->err.detail, p->path));
                assert_non_null(strstr(p->err.hint, "move the damaged file away"));
                assert_int_equal(p->marks.fd, -1);
        }
        assert_int_equal(unlink(p->path), 0);
        opens(p);
        holds(p, 0);
}

/* A slot with a good digest that says what no signer writes is no slot. */
static void versions_out_of_range_are_no_marks(void **state) {
        struct place *p = *state;
        uint8_t bytes[SAL_SIGNER_MARKS_BYTES];
        opens(p);
        writes(p, 6);
        read_file(p->path, bytes, sizeof bytes);
        for (size_t at = 0; at < sizeof bytes; at += SAL_SIGNER_SLOT_STRIDE) {
                bytes[at + 24 + 8] = 0x80;
                sal_sha256(bytes + at, SAL_SIGNER_SLOT_BYTES - SAL_SHA256_BYTES,
                           bytes + at + SAL_SIGNER_SLOT_BYTES - SAL_SHA256_BYTES);
        }
        write_file(p->path, bytes, sizeof bytes);
        sal_signer_marks_done(&p->marks);
        assert_int_equal(sal_signer_marks_open(p->marks_dir, false, &p->marks, &p->err), SAL_E_CORRUPT);
}

static void unwritable_is_an_error(void **state) {
        struct place *p = *state;
        opens(p);
        writes(p, 6);
        int good = p->marks.fd;
        p->marks.fd = open(p->path, O_RDONLY | O_CLOEXEC);
        struct sal_tuf_mark next[SAL_TUF_FILES];
        marks_of(next, 7, DIGEST);
        assert_int_equal(sal_signer_marks_write(&p->marks, next, &p->err), SAL_E_IO);
        assert_non_null(strstr(p->err.detail, p->path));
        holds(p, 6);
        close(good);
        opens(p);
        holds(p, 6);
}

static void one_signer_at_a_time(void **state) {
        struct place *p = *state;
        struct sal_signer_marks second;
        opens(p);
        assert_int_equal(sal_signer_marks_open(p->marks_dir, false, &second, &p->err), SAL_E_CONFIG);
        assert_non_null(strstr(p->err.detail, "another signer holds"));
        sal_signer_marks_done(&p->marks);
        assert_int_equal(sal_signer_marks_open(p->marks_dir, false, &second, &p->err), SAL_OK);
        sal_signer_marks_done(&second);
}

static void what_is_no_file_is_refused(void **state) {
        struct place *p = *state;
        assert_int_equal(mkdir(p->marks_dir, 0700), 0);
        char elsewhere[160];
        snprintf(elsewhere, sizeof elsewhere, "%s/elsewhere", p->dir);
        write_file(elsewhere, "", 0);
        assert_int_equal(symlink(elsewhere, p->path), 0);
        assert_int_equal(sal_signer_marks_open(p->marks_dir, false, &p->marks, &p->err), SAL_E_IO);
        unlink(p->path);
        assert_int_equal(mkfifo(p->path, 0600), 0);
        assert_int_equal(sal_signer_marks_open(p->marks_dir, false, &p->marks, &p->err), SAL_E_IO);
        unlink(p->path);
        assert_int_equal(mkdir(p->path, 0700), 0);
        assert_int_equal(sal_signer_marks_open(p->marks_dir, false, &p->marks, &p->err), SAL_E_IO);
        rmdir(p->path);
        assert_int_equal(sal_signer_marks_open("/nowhere/at/all", false, &p->marks, &p->err), SAL_E_IO);
        assert_non_null(strstr(p->err.detail, "/nowhere/at/all"));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        static const struct CMUnitTest tests[] = {
                TEST(begins_with_none_and_lasts),
                TEST(never_fall),
                TEST(digests_last_too),
                TEST(lost_ones_begin_above_the_past),
                TEST(the_same_is_not_written_again),
                TEST(a_torn_slot_falls_back),
                TEST(both_slots_torn_is_an_error),
                TEST(versions_out_of_range_are_no_marks),
                TEST(unwritable_is_an_error),
                TEST(one_signer_at_a_time),
                TEST(what_is_no_file_is_refused),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
