/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of the recovery client share: a scratch folder with a system tree and a state directory, and a text
 * that tells everything about a tree, so that "as it was" can be compared byte for byte.
 *
 * Thread: one. Ownership: the fixture owns what it points to; fixture_done removes the folder.
 */
#ifndef SAL_TEST_RECOVER_FIXTURE_H
#define SAL_TEST_RECOVER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/encode.h"
#include "model/campaign.h"
#include "salvor-recover/store.h"
#include "salvor-recover/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>

struct fixture {
        char dir[64], root[96], state[96], outside[96];
};

static inline int remove_one(const char *path, const struct stat *info, int type, struct FTW *walk) {
        (void)info, (void)type, (void)walk;
        return remove(path);
}

static inline void fixture_init(struct fixture *f) {
        snprintf(f->dir, sizeof f->dir, "/tmp/salvor-recover-XXXXXX");
        assert_non_null(mkdtemp(f->dir));
        snprintf(f->root, sizeof f->root, "%s/root", f->dir);
        snprintf(f->state, sizeof f->state, "%s/state", f->dir);
        snprintf(f->outside, sizeof f->outside, "%s/outside", f->dir);
        assert_int_equal(mkdir(f->root, 0755), 0);
        assert_int_equal(mkdir(f->outside, 0755), 0);
}

static inline void fixture_done(struct fixture *f) {
        nftw(f->dir, remove_one, 32, FTW_DEPTH | FTW_PHYS);
}

/* "<base>/<path>" in one of a few buffers that take turns. */
static inline const char *at(const char *base, const char *path) {
        static char buffers[8][4400];
        static unsigned turn;
        char *buffer = buffers[turn++ % 8];
        snprintf(buffer, sizeof buffers[0], "%s/%s", base, path);
        return buffer;
}

static inline void make_dirs(const char *base, const char *path) {
        char text[4400];
        snprintf(text, sizeof text, "%s/%s", base, path);
        for (char *p = text + strlen(base) + 1; *p; p++) {
                if (*p != '/')
                        continue;
                *p = 0;
                assert_true(mkdir(text, 0755) == 0 || errno == EEXIST);
                *p = '/';
        }
        assert_true(mkdir(text, 0755) == 0 || errno == EEXIST);
}

/* A file of the given content and, unless NULL, modification time. */
static inline void put(const char *base, const char *path, const char *content, const char *mtime) {
        int fd = open(at(base, path), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, content, strlen(content)), (ssize_t)strlen(content));
        if (mtime) {
                int64_t ms = 0;
                assert_int_equal(sal_time_parse(mtime, &ms), 0);
                const struct timespec times[2] = {{.tv_sec = ms / 1000, .tv_nsec = 123456789},
                                                  {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}};
                assert_int_equal(futimens(fd, times), 0);
        }
        close(fd);
}

static inline bool there(const char *base, const char *path) {
        struct stat info;
        return lstat(at(base, path), &info) == 0;
}

static inline char *content(const char *base, const char *path) {
        static char text[65536];
        int fd = open(at(base, path), O_RDONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        ssize_t n = read(fd, text, sizeof text - 1);
        assert_true(n >= 0);
        text[n] = 0;
        close(fd);
        return text;
}

static struct sal_buf *picture_out;

static inline int picture_one(const char *path, const struct stat *info, int type, struct FTW *walk) {
        (void)type, (void)walk;
        char sha256[SAL_SHA256_HEX_BYTES] = "-";
        int64_t len = 0;
        int fd = S_ISREG(info->st_mode) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
        if (fd >= 0) {
                assert_int_equal(sal_hash_fd(fd, &len, sha256), 0);
                close(fd);
        }
        sal_buf_printf(picture_out, "%s %o %u:%u %lld %lld.%09ld %s\n", path, info->st_mode, info->st_uid, info->st_gid,
                       S_ISDIR(info->st_mode) ? 0LL : (long long)info->st_size, (long long)info->st_mtim.tv_sec,
                       info->st_mtim.tv_nsec, sha256);
        return 0;
}

static inline int compare_lines(const void *a, const void *b) {
        return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Everything about a tree: one line per entry, sorted. To be freed with free. */
static inline char *picture(const char *root) {
        struct sal_buf text = SAL_BUF_INIT, sorted = SAL_BUF_INIT;
        picture_out = &text;
        assert_int_equal(nftw(root, picture_one, 32, FTW_PHYS), 0);
        size_t count = 0, capacity = 1;
        for (const char *p = text.data; *p; p++)
                capacity += *p == '\n';
        char **lines = calloc(capacity, sizeof *lines);
        for (char *line = strtok(text.data, "\n"); line; line = strtok(NULL, "\n"))
                lines[count++] = line;
        qsort(lines, count, sizeof *lines, compare_lines);
        for (size_t i = 0; i < count; i++)
                sal_buf_printf(&sorted, "%s\n", lines[i]);
        free(lines);
        sal_buf_done(&text);
        return sal_buf_take(&sorted, NULL);
}

/* A campaign with these actions and verifies (JSON arrays). */
static inline struct sal_campaign *campaign_of(const char *actions, const char *verify) {
        sal_autobuf struct sal_buf text = SAL_BUF_INIT;
        struct sal_campaign *campaign = NULL;
        struct sal_err error = {0};
        sal_buf_puts(&text, "{\"schema\":\"salvor.campaign/1\",\"id\":\"test\",\"version\":1,\"trust_domain\":\"");
        for (int i = 0; i < 64; i++)
                sal_buf_putc(&text, 'a');
        sal_buf_printf(
                &text,
                "\",\"title\":\"t\",\"not_before\":\"2026-01-01T00:00:00Z\",\"expires\":\"2026-01-20T00:00:00Z\","
                "\"match\":{\"fact\":\"os\",\"eq\":\"windows\"},\"actions\":%s,\"verify\":%s}",
                actions, verify);
        if (sal_campaign_parse(text.data, text.len, &campaign, &error))
                fail_msg("%s at %s", error.detail, error.pointer);
        return campaign;
}

#endif
