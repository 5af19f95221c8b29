/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filter has three answers. What the signer needs is allowed, with the descriptors it is needed for. What only an
 * intruder has a use for ends the process at once, which the daemon sees and logs. Everything else fails as in a kernel
 * that lacks the call (ENOSYS): a newer C library that tries one more call falls back, and does not take the signer
 * down in the middle of an outage; an intruder gets no more from it than from the other answer.
 */
#include "signer/internal.h"

#include <errno.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define WITH_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WITH_SANITIZER 1
#endif
#ifndef WITH_SANITIZER
#define WITH_SANITIZER 0
#endif

bool sal_signer_can_confine(void) {
        return !WITH_SANITIZER;
}

/* ---- the filter ---- */

/* Memory, time, randomness, signals and the end; none of them names anything outside of the process. restart_syscall
 * is how poll goes on after the process was stopped. */
static const int allowed[] = {
        SCMP_SYS(brk),           SCMP_SYS(munmap),         SCMP_SYS(mremap),
        SCMP_SYS(madvise),       SCMP_SYS(futex),          SCMP_SYS(getrandom),
        SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday),   SCMP_SYS(sysinfo),
        SCMP_SYS(rt_sigreturn),  SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigaction),
        SCMP_SYS(getpid),        SCMP_SYS(gettid),         SCMP_SYS(restart_syscall),
        SCMP_SYS(poll),          SCMP_SYS(ppoll),          SCMP_SYS(close),
        SCMP_SYS(exit),          SCMP_SYS(exit_group),
};

/* Nothing here has a reason ever to run a program, to reach a network, or to look into another process. */
static const int fatal[] = {
        SCMP_SYS(execve),
        SCMP_SYS(execveat),
        SCMP_SYS(fork),
        SCMP_SYS(vfork),
        SCMP_SYS(clone),
        SCMP_SYS(clone3),
        SCMP_SYS(socket),
        SCMP_SYS(socketpair),
        SCMP_SYS(connect),
        SCMP_SYS(bind),
        SCMP_SYS(ptrace),
        SCMP_SYS(process_vm_readv),
        SCMP_SYS(process_vm_writev),
        SCMP_SYS(pidfd_getfd),
        SCMP_SYS(bpf),
        SCMP_SYS(io_uring_setup),
        SCMP_SYS(userfaultfd),
        SCMP_SYS(perf_event_open),
        SCMP_SYS(mount),
        SCMP_SYS(unshare),
        SCMP_SYS(setns),
        SCMP_SYS(init_module),
        SCMP_SYS(finit_module),
        SCMP_SYS(kexec_load),
};

/* A call that is allowed when its arguments are so. */
struct rule {
        int call;
        unsigned count;
        struct scmp_arg_cmp arguments[2];
};

static struct scmp_arg_cmp equals(unsigned argument, int value) {
        return (struct scmp_arg_cmp){.arg = argument, .op = SCMP_CMP_EQ, .datum_a = (scmp_datum_t)value};
}

static struct scmp_arg_cmp masked(unsigned argument, int mask, int value) {
        return (struct scmp_arg_cmp){.arg = argument,
                                     .op = SCMP_CMP_MASKED_EQ,
                                     .datum_a = (scmp_datum_t)mask,
                                     .datum_b = (scmp_datum_t)value};
}

/* Each descriptor for what it is there for: a socket without addresses, marks, and the last words of the C library on
 * standard error. Memory of its own only, and none that can be run. Signals to itself only: abort sends one. */
static int allow_with_arguments(scmp_filter_ctx filter, int socket_fd, int marks_fd) {
        const struct rule rules[] = {
                {SCMP_SYS(recvfrom), 2, {equals(0, socket_fd), equals(4, 0)}},
                {SCMP_SYS(sendto), 2, {equals(0, socket_fd), equals(4, 0)}},
                {SCMP_SYS(pwrite64), 1, {equals(0, marks_fd)}},
                {SCMP_SYS(fdatasync), 1, {equals(0, marks_fd)}},
                {SCMP_SYS(write), 1, {equals(0, STDERR_FILENO)}},
                {SCMP_SYS(writev), 1, {equals(0, STDERR_FILENO)}},
                {SCMP_SYS(mmap), 2, {masked(2, PROT_EXEC, 0), masked(3, MAP_ANONYMOUS, MAP_ANONYMOUS)}},
                {SCMP_SYS(mprotect), 1, {masked(2, PROT_EXEC, 0)}},
                {SCMP_SYS(tgkill), 1, {equals(0, getpid())}},
        };
        int failed = 0;
        for (size_t i = 0; i < SAL_ARRAY_LEN(rules) && !failed; i++)
                failed = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, rules[i].call, rules[i].count,
                                                rules[i].arguments);
        return failed;
}

static enum sal_status load_filter(int socket_fd, int marks_fd, struct sal_err *reterr) {
        scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
        if (!filter)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for the filter of system calls");
        int failed = 0;
        for (size_t i = 0; i < SAL_ARRAY_LEN(allowed) && !failed; i++)
                failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
        for (size_t i = 0; i < SAL_ARRAY_LEN(fatal) && !failed; i++)
                failed = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, fatal[i], 0);
        if (!failed)
                failed = allow_with_arguments(filter, socket_fd, marks_fd);
        if (!failed)
                failed = seccomp_load(filter);
        seccomp_release(filter);
        if (failed)
                return sal_fail(reterr, SAL_E_IO, "the filter of system calls cannot be set: %s", strerror(-failed));
        return SAL_OK;
}

/* ---- all of it ---- */

static bool limit(__rlimit_resource_t resource, rlim_t value) {
        const struct rlimit both = {.rlim_cur = value, .rlim_max = value};
        return setrlimit(resource, &both) == 0;
}

enum sal_status sal_signer_confine(int socket_fd, int marks_fd, struct sal_err *reterr) {
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return sal_fail(reterr, SAL_E_IO, "no_new_privs cannot be set: %s", strerror(errno));
        if (!sal_signer_can_confine())
                return SAL_OK;
        /* The keys shall be in no core file and no other process of the same user may read them. The limits say again
         * what the filter says: poll(2) wants one descriptor to be allowed, and number 0 is taken. */
        if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || !limit(RLIMIT_CORE, 0) || !limit(RLIMIT_NOFILE, 1) ||
            !limit(RLIMIT_NPROC, 0))
                return sal_fail(reterr, SAL_E_IO, "the limits of the process cannot be set: %s", strerror(errno));
        return load_filter(socket_fd, marks_fd, reterr);
}
