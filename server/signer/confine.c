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

/* With the descriptor they are for. */
static int allow_descriptors(scmp_filter_ctx filter, int socket_fd, int marks_fd) {
        const struct scmp_arg_cmp on_socket = SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)socket_fd);
        const struct scmp_arg_cmp on_marks = SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)marks_fd);
        int failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(recvfrom), 1, on_socket);
        if (!failed) /* without an address */
                failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(sendto), 2, on_socket,
                                          SCMP_A4(SCMP_CMP_EQ, 0));
        if (!failed)
                failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(pwrite64), 1, on_marks);
        if (!failed)
                failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fdatasync), 1, on_marks);
        if (!failed) /* the last words of the C library and of sanitizers */
                failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(write), 1,
                                          SCMP_A0(SCMP_CMP_EQ, STDERR_FILENO));
        if (!failed)
                failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(writev), 1,
                                          SCMP_A0(SCMP_CMP_EQ, STDERR_FILENO));
        return failed;
}

/* Memory of its own only, and none that can be run; signals to itself only (abort). */
static int allow_memory(scmp_filter_ctx filter) {
        const struct scmp_arg_cmp not_executable = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
        int failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2, not_executable,
                                      SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS));
        if (!failed)
                failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, not_executable);
        if (!failed)
                failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                                          SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
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
                failed = allow_descriptors(filter, socket_fd, marks_fd);
        if (!failed)
                failed = allow_memory(filter);
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
