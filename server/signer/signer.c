/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's handle of the signer: starting, asking, ending. */
#include "signer/internal.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum {
        /* files on a cold disk, and the wait for a signer before this one */
        START_TIMEOUT_MS = SAL_SIGNER_TIMEOUT_MS + SAL_SIGNER_LOCK_WAIT_MS,
        END_TIMEOUT_MS = 2000, /* after its socket was closed; then it is killed */
        ENDING_BYTES = 96      /* room for the words of how it ended */
};

struct sal_signer {
        pid_t pid;
        int fd;                    /* -1: the process is gone */
        char ending[ENDING_BYTES]; /* how it ended */
};

/* ---- its end ---- */

/* Notes how it ended, from what waitpid(2) said; `known` false: somebody else reaped it. */
static void note(struct sal_signer *signer, bool known, int how) {
        if (known && WIFSIGNALED(how))
                snprintf(signer->ending, sizeof signer->ending, "it was ended by signal %d (%s)", WTERMSIG(how),
                         strsignal(WTERMSIG(how)));
        else if (known)
                snprintf(signer->ending, sizeof signer->ending, "it ended with code %d", WEXITSTATUS(how));
        else
                snprintf(signer->ending, sizeof signer->ending, "it is no child of this process any more");
        close(signer->fd);
        signer->fd = -1;
}

/* Ends a signer that cannot be trusted to answer. It is our own child and not reaped yet: the number is its. */
static void put_down(struct sal_signer *signer) {
        int how = 0;
        pid_t got = 0;
        kill(signer->pid, SIGKILL);
        do
                got = waitpid(signer->pid, &how, 0);
        while (got < 0 && errno == EINTR);
        note(signer, got == signer->pid, how);
}

/* Closes the socket, at which it ends by itself, and waits for that, so that it leaves no zombie. */
static void end(struct sal_signer *signer) {
        int64_t deadline_ms = sal_clock_mono_ms() + END_TIMEOUT_MS;
        shutdown(signer->fd, SHUT_RDWR);
        for (;;) {
                int how = 0;
                pid_t got = waitpid(signer->pid, &how, WNOHANG);
                if (got > 0 || (got < 0 && errno != EINTR)) {
                        note(signer, got == signer->pid, how);
                        return;
                }
                if (sal_clock_mono_ms() >= deadline_ms) {
                        put_down(signer);
                        return;
                }
                poll(NULL, 0, 1);
        }
}

void sal_signer_free(struct sal_signer *signer) {
        if (!signer)
                return;
        if (signer->fd >= 0)
                end(signer);
        free(signer);
}
SAL_DEFINE_CLEANUP(sal_signer, sal_signer_free)

int sal_signer_pid(const struct sal_signer *signer) {
        return (int)signer->pid;
}

int sal_signer_socket(const struct sal_signer *signer) {
        return signer->fd;
}

/* ---- its start ---- */

/* What the new process gets: its end of the socket, nothing to read, nowhere to write but the daemon's standard error.
 */
static int describe_files(posix_spawn_file_actions_t *actions, int socket_fd) {
        bool has_stderr = fcntl(STDERR_FILENO, F_GETFD) >= 0;
        int failed = posix_spawn_file_actions_adddup2(actions, socket_fd, SAL_SIGNER_FD);
        if (!failed)
                failed = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        if (!failed)
                failed = posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
        if (!failed && !has_stderr)
                failed = posix_spawn_file_actions_addopen(actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
        if (!failed)
                failed = posix_spawn_file_actions_addclosefrom_np(actions, SAL_SIGNER_FD + 1);
        return failed;
}

/* The signals of a fresh process. Those that end a daemon are blocked until it ignores them. */
static int describe_signals(posix_spawnattr_t *attributes) {
        sigset_t all, ending;
        sigfillset(&all);
        sigemptyset(&ending);
        sigaddset(&ending, SIGINT);
        sigaddset(&ending, SIGTERM);
        sigaddset(&ending, SIGHUP);
        int failed = posix_spawnattr_setsigdefault(attributes, &all);
        if (!failed)
                failed = posix_spawnattr_setsigmask(attributes, &ending);
        if (!failed)
                failed = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
        return failed;
}

/* This program again, without an environment. 0 or an errno. */
static int spawn(int socket_fd, char *const *argv, pid_t *ret) {
        static char *const environment[] = {NULL};
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        int failed = posix_spawn_file_actions_init(&actions);
        if (failed)
                return failed;
        failed = posix_spawnattr_init(&attributes);
        if (!failed) {
                failed = describe_files(&actions, socket_fd);
                if (!failed)
                        failed = describe_signals(&attributes);
                if (!failed)
                        failed = posix_spawn(ret, "/proc/self/exe", &actions, &attributes, argv, environment);
                posix_spawnattr_destroy(&attributes);
        }
        posix_spawn_file_actions_destroy(&actions);
        return failed;
}

/* Both ends above the standard descriptors, so that none of them is opened over an end. */
static bool make_socket(int ret[static 2]) {
        int ends[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
                return false;
        for (int i = 0; i < 2; i++) {
                ret[i] = ends[i] > STDERR_FILENO ? ends[i] : fcntl(ends[i], F_DUPFD_CLOEXEC, SAL_SIGNER_FD);
                if (ret[i] != ends[i])
                        close(ends[i]);
        }
        return ret[0] >= 0 && ret[1] >= 0;
}

static enum sal_status launch(struct sal_signer *signer, const struct sal_signer_config *config,
                              struct sal_err *reterr) {
        char *argv[SAL_SIGNER_FIXED_ARGUMENTS + SAL_SIGNER_MAX_KEYS + 1] = {
                (char *)SAL_SIGNER_TITLE, (char *)SAL_SIGNER_ARGUMENT, (char *)config->root_path,
                (char *)config->marks_dir, (char *)(config->resumed ? SAL_SIGNER_RESUMED : SAL_SIGNER_NEW)};
        for (size_t i = 0; i < config->key_count; i++)
                argv[SAL_SIGNER_FIXED_ARGUMENTS + i] = (char *)config->key_paths[i];
        sal_autoclose int ours = -1;
        sal_autoclose int theirs = -1;
        int ends[2] = {-1, -1};
        bool made = make_socket(ends);
        ours = ends[0];
        theirs = ends[1];
        if (!made)
                return sal_fail(reterr, SAL_E_IO, "no socket for the signer: %s", strerror(errno));
        int failed = spawn(theirs, argv, &signer->pid);
        if (failed)
                return sal_fail(reterr, SAL_E_IO, "the signer cannot be started: %s", strerror(failed));
        signer->fd = ours;
        ours = -1;
        return SAL_OK;
}

/* Its first message. */
static enum sal_status hear(struct sal_signer *signer, struct sal_err *reterr) {
        sal_autobuf struct sal_buf body = SAL_BUF_INIT;
        enum sal_signer_kind kind = SAL_SIGNER_READY;
        struct sal_err why = {0};
        enum sal_status status = sal_signer_receive(signer->fd, 1u << SAL_SIGNER_READY | 1u << SAL_SIGNER_REFUSAL,
                                                    sal_clock_mono_ms() + START_TIMEOUT_MS, &kind, &body, &why);
        if (!status && kind == SAL_SIGNER_READY)
                return SAL_OK;
        if (!status && !sal_signer_read_refusal(body.data, body.len, &why)) {
                *reterr = why;
                return why.status;
        }
        bool late = status == SAL_E_TIMEOUT;
        late ? put_down(signer) : end(signer);
        return sal_fail(reterr, SAL_E_IO, "the signer was not ready%s: %s", late ? " in time" : "", signer->ending);
}

enum sal_status sal_signer_start(const struct sal_signer_config *config, struct sal_signer **ret,
                                 struct sal_err *reterr) {
        struct sal_err unread;
        if (config->key_count < 1 || config->key_count > SAL_SIGNER_MAX_KEYS)
                return sal_fail(reterr, SAL_E_CONFIG, "the signer takes 1 to %d online keys, not %zu",
                                SAL_SIGNER_MAX_KEYS, config->key_count);
        sal_auto(sal_signer) struct sal_signer *signer = calloc(1, sizeof *signer);
        if (!signer)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for the signer");
        signer->fd = -1;
        enum sal_status status = launch(signer, config, reterr);
        if (!status)
                status = hear(signer, reterr ? reterr : &unread);
        if (!status)
                *ret = SAL_STEAL(signer);
        return status;
}

/* ---- asking ---- */

static enum sal_status gone(const struct sal_signer *signer, const char *why, struct sal_err *reterr) {
        sal_fail(reterr, SAL_E_UNREACHABLE, "the signer is gone: %s%s%s", why, *why ? "; " : "", signer->ending);
        sal_err_hint(reterr, "what is published stays as it is until a new one is started");
        return SAL_E_UNREACHABLE;
}

/* One exchange: the answer's kind and body. A signer that does not answer as one is put down. */
static enum sal_status ask(struct sal_signer *signer, const struct sal_buf *message, int64_t timeout_ms,
                           enum sal_signer_kind *ret_kind, struct sal_buf *body, struct sal_err *reterr) {
        int64_t deadline_ms = sal_clock_mono_ms() + timeout_ms;
        struct sal_err why = {0};
        enum sal_status status = sal_signer_send(signer->fd, message, deadline_ms, &why);
        if (!status)
                status = sal_signer_receive(signer->fd, 1u << SAL_SIGNER_ANSWER | 1u << SAL_SIGNER_REFUSAL, deadline_ms,
                                            ret_kind, body, &why);
        if (!status)
                return SAL_OK;
        put_down(signer);
        return gone(signer, why.detail, reterr);
}

/* What the body says; *ret_readable is false when it is nothing that a signer says. */
static enum sal_status understand(enum sal_signer_kind kind, const struct sal_buf *body, size_t envelope_count,
                                  struct sal_signer_answer *ret, bool *ret_readable, struct sal_err *why) {
        if (kind == SAL_SIGNER_REFUSAL) {
                *ret_readable = !sal_signer_read_refusal(body->data, body->len, why);
                return why->status;
        }
        sal_autofree struct sal_signer_answer *answer = calloc(1, sizeof *answer);
        if (!answer)
                return sal_fail(why, SAL_E_NOMEM, "no memory for what the signer made");
        enum sal_status status = sal_signer_read_answer(body->data, body->len, envelope_count, answer, why);
        if (!status)
                *ret = *answer;
        *ret_readable = status != SAL_E_MALFORMED;
        return status;
}

enum sal_status sal_signer_make_within(struct sal_signer *signer, const struct sal_signer_request *request,
                                       int64_t timeout_ms, struct sal_signer_answer *ret, struct sal_err *reterr) {
        sal_autobuf struct sal_buf message = SAL_BUF_INIT;
        sal_autobuf struct sal_buf body = SAL_BUF_INIT;
        enum sal_signer_kind kind = SAL_SIGNER_ANSWER;
        struct sal_err why = {0};
        if (signer->fd < 0)
                return gone(signer, "", reterr);
        enum sal_status status = sal_signer_write_request(request, &message, reterr);
        if (!status)
                status = ask(signer, &message, timeout_ms, &kind, &body, reterr);
        if (status)
                return status;
        bool readable = true;
        status = understand(kind, &body, request->envelope_count, ret, &readable, &why);
        if (!readable) {
                put_down(signer);
                return gone(signer, why.detail, reterr);
        }
        if (status && reterr)
                *reterr = why;
        return status;
}

enum sal_status sal_signer_make(struct sal_signer *signer, const struct sal_signer_request *request,
                                struct sal_signer_answer *ret, struct sal_err *reterr) {
        return sal_signer_make_within(signer, request, SAL_SIGNER_TIMEOUT_MS, ret, reterr);
}
