/* SPDX-License-Identifier: Apache-2.0 */
/* What a confined process can still do, tried out by processes that confine themselves. */
#include "fixture.h"

#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>

/* What is open in the confined process. */
struct inside {
        int socket, marks, other;
};

typedef bool deed(const struct inside *in);

/* Runs a deed in a confined child: its exit code (0: it went well, 1: it did not), or minus the signal. */
static int confined(deed *act) {
        int ends[2];
        char path[] = "/tmp/salvor-test-XXXXXX";
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        const struct inside in = {.socket = ends[0], .marks = mkstemp(path), .other = open(path, O_RDWR)};
        assert_true(in.marks >= 0 && in.other >= 0);
        assert_int_equal(send(ends[1], "hello", 5, 0), 5);
        pid_t pid = fork();
        if (pid == 0) {
                struct sal_err err = {0};
                if (sal_signer_confine(in.socket, in.marks, &err))
                        _exit(99);
                _exit(act(&in) ? 0 : 1);
        }
        int how = 0;
        assert_int_equal(waitpid(pid, &how, 0), pid);
        close(ends[0]);
        close(ends[1]);
        close(in.marks);
        close(in.other);
        unlink(path);
        return WIFSIGNALED(how) ? -WTERMSIG(how) : WEXITSTATUS(how);
}

/* ---- what it needs ---- */

static bool work(const struct inside *in) {
        char text[8];
        struct pollfd wanted = {.fd = in->socket, .events = POLLIN};
        uint8_t random[16];
        sal_random(random, sizeof random);
        char *large = malloc(64 * 1024 * 1024);
        bool good = large && poll(&wanted, 1, 1000) == 1 && recv(in->socket, text, sizeof text, MSG_DONTWAIT) == 5 &&
                    send(in->socket, "bye", 3, MSG_NOSIGNAL) == 3 && pwrite(in->marks, "mark", 4, 4096) == 4 &&
                    fdatasync(in->marks) == 0 && sal_clock_wall_ms() > 0 && write(2, "", 0) == 0;
        if (large)
                memset(large, 1, 1024 * 1024);
        free(large);
        return good;
}

static bool abort_itself(const struct inside *in) {
        (void)in;
        abort();
}

static void what_it_needs_works(void **state) {
        (void)state;
        assert_int_equal(confined(work), 0);
        assert_int_equal(confined(abort_itself), -SIGABRT);
}

/* ---- what fails ---- */

static bool open_file(const struct inside *in) {
        (void)in;
        return open("/etc/passwd", O_RDONLY) >= 0 || openat(AT_FDCWD, "/etc/passwd", O_RDONLY) >= 0 ||
               syscall(SYS_openat2, AT_FDCWD, "/etc/passwd", NULL, 0) >= 0 || creat("/tmp/salvor-test-x", 0600) >= 0;
}

static bool change_files(const struct inside *in) {
        return unlink("/tmp/salvor-test-x") == 0 || errno != ENOSYS || mkdir("/tmp/salvor-test-x", 0700) == 0 ||
               errno != ENOSYS || chmod("/tmp", 0700) == 0 || errno != ENOSYS || ftruncate(in->marks, 0) == 0 ||
               errno != ENOSYS || symlink("/", "/tmp/salvor-test-x") == 0 || errno != ENOSYS;
}

static bool use_other_descriptors(const struct inside *in) {
        char text[8];
        return pwrite(in->other, "x", 1, 0) >= 0 || write(in->other, "x", 1) >= 0 || write(in->marks, "x", 1) >= 0 ||
               read(in->other, text, 1) >= 0 || read(in->socket, text, 1) >= 0 || pread(in->marks, text, 1, 0) >= 0 ||
               fdatasync(in->other) >= 0 || dup(in->other) >= 0;
}

static bool pass_descriptors(const struct inside *in) {
        char text = 'x', room[64] = {0};
        struct iovec part = {.iov_base = &text, .iov_len = 1};
        struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
        return sendmsg(in->socket, &message, 0) >= 0 || recvmsg(in->socket, &message, 0) >= 0;
}

static bool make_code(const struct inside *in) {
        void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (page == MAP_FAILED)
                return true;
        return mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0 ||
               mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED ||
               mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, in->other, 0) != MAP_FAILED;
}

static bool signal_others(const struct inside *in) {
        (void)in;
        return kill(getppid(), 0) == 0 || syscall(SYS_tgkill, getppid(), getppid(), 0) == 0;
}

static bool loosen(const struct inside *in) {
        (void)in;
        struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
        return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0 || setrlimit(RLIMIT_NOFILE, &all) == 0 || setuid(0) == 0 ||
               chdir("/") == 0 || chroot("/") == 0;
}

static void the_rest_fails(void **state) {
        (void)state;
        static deed *const deeds[] = {open_file,     change_files, use_other_descriptors, pass_descriptors, make_code,
                                      signal_others, loosen};
        for (size_t i = 0; i < SAL_ARRAY_LEN(deeds); i++)
                if (confined(deeds[i]) != 1)
                        fail_msg("deed %zu did not fail", i);
}

/* ---- what ends it ---- */

static bool run_program(const struct inside *in) {
        (void)in;
        char *argv[] = {(char *)"true", NULL};
        return execv("/bin/true", argv) == 0;
}

static bool make_process(const struct inside *in) {
        (void)in;
        return fork() >= 0;
}

static bool make_socket(const struct inside *in) {
        (void)in;
        return socket(AF_INET, SOCK_STREAM, 0) >= 0;
}

static bool make_local_socket(const struct inside *in) {
        (void)in;
        return socket(AF_UNIX, SOCK_STREAM, 0) >= 0;
}

static bool look_into_parent(const struct inside *in) {
        (void)in;
        return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) == 0;
}

static bool read_parent(const struct inside *in) {
        (void)in;
        char to;
        struct iovec local = {&to, 1}, remote = {&to, 1};
        return process_vm_readv(getppid(), &local, 1, &remote, 1, 0) >= 0;
}

static bool make_ring(const struct inside *in) {
        (void)in;
        return syscall(SYS_io_uring_setup, 1, NULL) >= 0;
}

static void an_intruders_deeds_end_it(void **state) {
        (void)state;
        static deed *const deeds[] = {run_program,      make_process, make_socket, make_local_socket,
                                      look_into_parent, read_parent,  make_ring};
        for (size_t i = 0; i < SAL_ARRAY_LEN(deeds); i++)
                if (confined(deeds[i]) != -SIGSYS)
                        fail_msg("deed %zu did not end it", i);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_it_needs_works),
                cmocka_unit_test(the_rest_fails),
                cmocka_unit_test(an_intruders_deeds_end_it),
        };
        return sal_signer_can_confine() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
