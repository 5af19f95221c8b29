/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A slot: "salvor-marks/1" and two NULs, the sequence number, the five versions in the order of enum sal_tuf_file
 * (64 bits each, big-endian), the SHA-256 of the five files in the same order (zeros: not known), and the SHA-256 of
 * all that. The valid slot with the higher number counts; the other one is written next. So a write that is cut off
 * spoils only marks that were never promised to anyone.
 */
#include "signer/internal.h"

#include "base/clock.h"
#include "trust/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

enum {
        MAGIC_BYTES = 16,
        VERSIONS_AT = MAGIC_BYTES + 8,
        DIGESTS_AT = VERSIONS_AT + 8 * SAL_TUF_FILES,
        SIGNED_BYTES = DIGESTS_AT + SAL_SHA256_BYTES * SAL_TUF_FILES,
        LOCK_STEP_MS = 20
};

_Static_assert(SIGNED_BYTES + SAL_SHA256_BYTES == SAL_SIGNER_SLOT_BYTES, "a slot is as long as its parts");

static const char magic[MAGIC_BYTES] = "salvor-marks/1";

static enum sal_status fail_errno(struct sal_err *reterr, const char *verb, const char *path) {
        return sal_fail(reterr, SAL_E_IO, "cannot %s %s: %s", verb, path, strerror(errno));
}

/* ---- one slot ---- */

static void put_u64(uint8_t *to, uint64_t value) {
        for (int i = 0; i < 8; i++)
                to[i] = (uint8_t)(value >> (8 * (7 - i)));
}

static uint64_t get_u64(const uint8_t *from) {
        uint64_t value = 0;
        for (int i = 0; i < 8; i++)
                value = value << 8 | from[i];
        return value;
}

static void write_slot(uint8_t slot[static SAL_SIGNER_SLOT_BYTES], uint64_t sequence,
                       const struct sal_tuf_mark marks[static SAL_TUF_FILES]) {
        memset(slot, 0, SAL_SIGNER_SLOT_BYTES);
        memcpy(slot, magic, MAGIC_BYTES);
        put_u64(slot + MAGIC_BYTES, sequence);
        for (int i = 0; i < SAL_TUF_FILES; i++) {
                put_u64(slot + VERSIONS_AT + 8 * i, (uint64_t)marks[i].version);
                if (*marks[i].sha256)
                        sal_hex_decode(marks[i].sha256, SAL_SHA256_HEX_BYTES - 1,
                                       slot + DIGESTS_AT + SAL_SHA256_BYTES * i, SAL_SHA256_BYTES);
        }
        sal_sha256(slot, SIGNED_BYTES, slot + SIGNED_BYTES);
}

/* False when the slot is torn, or says what no signer writes. */
static bool read_slot(const uint8_t slot[static SAL_SIGNER_SLOT_BYTES], uint64_t *ret_sequence,
                      struct sal_tuf_mark ret[static SAL_TUF_FILES]) {
        static const uint8_t unknown[SAL_SHA256_BYTES];
        uint8_t digest[SAL_SHA256_BYTES];
        sal_sha256(slot, SIGNED_BYTES, digest);
        if (memcmp(slot, magic, MAGIC_BYTES) != 0 || memcmp(slot + SIGNED_BYTES, digest, sizeof digest) != 0)
                return false;
        for (int i = 0; i < SAL_TUF_FILES; i++) {
                uint64_t version = get_u64(slot + VERSIONS_AT + 8 * i);
                const uint8_t *of_file = slot + DIGESTS_AT + SAL_SHA256_BYTES * i;
                if (version > (uint64_t)SAL_TUF_VERSION_MAX)
                        return false;
                ret[i] = (struct sal_tuf_mark){.version = (int64_t)version};
                if (memcmp(of_file, unknown, sizeof unknown) != 0)
                        sal_hex_encode(of_file, SAL_SHA256_BYTES, ret[i].sha256);
        }
        *ret_sequence = get_u64(slot + MAGIC_BYTES);
        return true;
}

/* ---- the file ---- */

/* Takes the file for this process alone. A signer whose daemon has just died ends in a moment: it is waited for. */
static enum sal_status lock(const struct sal_signer_marks *marks, struct sal_err *reterr) {
        for (int waited_ms = 0; flock(marks->fd, LOCK_EX | LOCK_NB) < 0; waited_ms += LOCK_STEP_MS) {
                if (errno != EWOULDBLOCK && errno != EINTR)
                        return fail_errno(reterr, "lock", marks->path);
                if (waited_ms >= SAL_SIGNER_LOCK_WAIT_MS) {
                        sal_fail(reterr, SAL_E_CONFIG, "another signer holds %s", marks->path);
                        sal_err_hint(reterr, "two daemons must not share it: give each its own signer_dir");
                        return SAL_E_CONFIG;
                }
                poll(NULL, 0, LOCK_STEP_MS);
        }
        return SAL_OK;
}

static const enum sal_tuf_file online[] = {SAL_TUF_FILE_TIMESTAMP, SAL_TUF_FILE_SNAPSHOT, SAL_TUF_FILE_CAMPAIGNS};

/* A version above all of the past; 0 by a clock that stands before 2020. */
static int64_t lost_version(void) {
        static const int64_t epoch_ms = INT64_C(1577836800000); /* 2020-01-01T00:00:00Z */
        int64_t minutes = (sal_clock_wall_ms() - epoch_ms) / 60000;
        return minutes < 0 ? 0 : minutes < SAL_TUF_VERSION_MAX / 2 ? minutes : SAL_TUF_VERSION_MAX / 2;
}

/* Both slots are whole from the start: an empty or short file is damage, never a beginning. */
static enum sal_status create(const char *path, bool resumed, struct sal_err *reterr) {
        uint8_t bytes[SAL_SIGNER_MARKS_BYTES] = {0};
        struct sal_tuf_mark first[SAL_TUF_FILES] = {0};
        for (size_t i = 0; resumed && i < SAL_ARRAY_LEN(online); i++)
                first[online[i]].version = lost_version();
        for (uint64_t i = 0; i < SAL_SIGNER_SLOTS; i++)
                write_slot(bytes + i * SAL_SIGNER_SLOT_STRIDE, i, first);
        enum sal_status status = sal_file_publish(path, 0600, bytes, sizeof bytes, reterr);
        return status == SAL_E_CONFLICT ? SAL_OK : status;
}

static enum sal_status make_folder(const char *dir, struct sal_err *reterr) {
        if (mkdir(dir, 0700) < 0)
                return errno == EEXIST ? SAL_OK : fail_errno(reterr, "make the folder", dir);
        sal_autofree char *copy = strdup(dir);
        return copy ? sal_dir_sync(dirname(copy), reterr) : sal_fail(reterr, SAL_E_NOMEM, "no memory for %s", dir);
}

static enum sal_status open_file(struct sal_signer_marks *marks, bool resumed, struct sal_err *reterr) {
        static const int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
        struct stat info;
        marks->fd = open(marks->path, flags);
        if (marks->fd < 0 && errno == ENOENT) {
                enum sal_status status = create(marks->path, resumed, reterr);
                if (status)
                        return status;
                marks->fd = open(marks->path, flags);
        }
        if (marks->fd < 0 || fstat(marks->fd, &info) < 0)
                return fail_errno(reterr, "open", marks->path);
        if (!S_ISREG(info.st_mode))
                return sal_fail(reterr, SAL_E_IO, "cannot open %s: it is not a regular file", marks->path);
        return SAL_OK;
}

/* One slot is written at a time, after the other one is on disk, and a request raises a version by one: what was in the
 * damaged slot is at most one above. (More only where published files were already ahead of the marks; those files then
 * carry the version.) */
static void raise_by_one(struct sal_signer_marks *marks) {
        for (size_t i = 0; i < SAL_ARRAY_LEN(online); i++) {
                struct sal_tuf_mark *mark = &marks->marks[online[i]];
                if (mark->version < SAL_TUF_VERSION_MAX)
                        *mark = (struct sal_tuf_mark){.version = mark->version + 1};
        }
}

static enum sal_status read_file(struct sal_signer_marks *marks, struct sal_err *reterr) {
        int found = 0;
        for (int i = 0; i < SAL_SIGNER_SLOTS; i++) {
                uint8_t slot[SAL_SIGNER_SLOT_BYTES] = {0};
                uint64_t sequence = 0;
                struct sal_tuf_mark of_slot[SAL_TUF_FILES];
                if (pread(marks->fd, slot, sizeof slot, (off_t)i * SAL_SIGNER_SLOT_STRIDE) < 0)
                        return fail_errno(reterr, "read", marks->path);
                if (!read_slot(slot, &sequence, of_slot))
                        continue;
                if (found++ && sequence <= marks->sequence)
                        continue;
                marks->sequence = sequence;
                memcpy(marks->marks, of_slot, sizeof of_slot);
        }
        if (found && found < SAL_SIGNER_SLOTS)
                raise_by_one(marks);
        if (found)
                return SAL_OK;
        sal_fail(reterr, SAL_E_CORRUPT, "%s is damaged: neither of its two slots can be read", marks->path);
        sal_err_hint(reterr, "move the damaged file away and start again: versions then go on above all of the past");
        return SAL_E_CORRUPT;
}

enum sal_status sal_signer_marks_open(const char *dir, bool resumed, struct sal_signer_marks *ret,
                                      struct sal_err *reterr) {
        *ret = (struct sal_signer_marks){.fd = -1};
        if (snprintf(ret->path, sizeof ret->path, "%s/" SAL_SIGNER_MARKS_FILE, dir) >= (int)sizeof ret->path)
                return sal_fail(reterr, SAL_E_CONFIG, "the folder's name is too long: %.200s", dir);
        enum sal_status status = make_folder(dir, reterr);
        if (!status)
                status = open_file(ret, resumed, reterr);
        if (!status)
                status = lock(ret, reterr);
        if (!status)
                status = read_file(ret, reterr);
        if (status) {
                sal_signer_marks_done(ret);
                return status == SAL_E_NOT_FOUND ? SAL_E_IO : status;
        }
        return SAL_OK;
}

enum sal_status sal_signer_marks_write(struct sal_signer_marks *marks,
                                       const struct sal_tuf_mark next[static SAL_TUF_FILES], struct sal_err *reterr) {
        uint8_t slot[SAL_SIGNER_SLOT_BYTES];
        uint64_t sequence = marks->sequence + 1;
        bool same = true;
        for (int i = 0; i < SAL_TUF_FILES; i++) {
                const struct sal_tuf_mark *before = &marks->marks[i];
                if (next[i].version < before->version)
                        return sal_fail(reterr, SAL_E_INTERNAL, "the mark of %s would fall from %lld to %lld",
                                        sal_tuf_file_text((enum sal_tuf_file)i), (long long)before->version,
                                        (long long)next[i].version);
                same = same && next[i].version == before->version && strcmp(next[i].sha256, before->sha256) == 0;
        }
        if (same)
                return SAL_OK;
        write_slot(slot, sequence, next);
        ssize_t put =
                pwrite(marks->fd, slot, sizeof slot, (off_t)(sequence % SAL_SIGNER_SLOTS) * SAL_SIGNER_SLOT_STRIDE);
        if (put >= 0 && put < (ssize_t)sizeof slot)
                errno = ENOSPC; /* a short write of a regular file: the disk is full */
        if (put < (ssize_t)sizeof slot || fdatasync(marks->fd) < 0)
                return fail_errno(reterr, "write", marks->path);
        marks->sequence = sequence;
        memcpy(marks->marks, next, sizeof marks->marks);
        return SAL_OK;
}

void sal_signer_marks_done(struct sal_signer_marks *marks) {
        if (marks->fd >= 0)
                close(marks->fd);
        marks->fd = -1;
}
