/* SPDX-License-Identifier: Apache-2.0 */
/* The passphrases of key files and the PINs of tokens: from the terminal without echo, from a file, or from a
 * descriptor. */
#include "passphrase.h"

#include "out.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <termios.h>

void sal_secret_wipe(struct sal_secret *secret) {
        explicit_bzero(secret, sizeof *secret);
}

/* One byte. With `mask` (NULL: none) it waits with the signals of that mask, so that one which came just before is not
 * slept over. */
static ssize_t read_byte(int fd, const sigset_t *mask, char *ret) {
        struct pollfd wanted = {.fd = fd, .events = POLLIN};
        return mask && ppoll(&wanted, 1, NULL, mask) < 0 ? -1 : read(fd, ret, 1);
}

/* Reads up to the end of the line or of the file, byte by byte: what follows belongs to others. */
static enum sal_status read_line(int fd, const sigset_t *mask, struct sal_secret *ret, struct sal_err *reterr) {
        size_t len = 0;
        for (;;) {
                char c;
                ssize_t got = read_byte(fd, mask, &c);
                if (got < 0)
                        return sal_fail(reterr, SAL_E_IO, "cannot read the passphrase: %s", strerror(errno));
                if (got == 0 || c == '\n')
                        break;
                if (c == '\0')
                        return sal_fail(reterr, SAL_E_INVALID, "the passphrase holds a NUL byte");
                if (len == SAL_PASSPHRASE_MAX_BYTES)
                        return sal_fail(reterr, SAL_E_INVALID, "the passphrase has more than %d bytes",
                                        SAL_PASSPHRASE_MAX_BYTES);
                ret->text[len++] = c;
        }
        if (len && ret->text[len - 1] == '\r')
                len--;
        ret->len = len;
        return len ? SAL_OK : sal_fail(reterr, SAL_E_INVALID, "the passphrase is empty");
}

/* ---- the terminal ---- */

/* Signals that would leave the terminal without echo: taken until it has it again, then delivered. */
static const int watched[] = {SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGTSTP};
static volatile sig_atomic_t caught[SAL_ARRAY_LEN(watched)];

static void catch_signal(int number) {
        for (size_t i = 0; i < SAL_ARRAY_LEN(watched); i++)
                if (watched[i] == number)
                        caught[i] = 1;
}

/* Asks once the terminal is quiet: going quiet drops what was typed before, and nobody answers before the question. */
static enum sal_status read_quietly(int fd, const char *question, struct sal_secret *ret, struct sal_err *reterr) {
        struct termios before, quiet;
        struct sigaction old[SAL_ARRAY_LEN(watched)];
        sigset_t block, mask;
        if (tcgetattr(fd, &before))
                return sal_fail(reterr, SAL_E_IO, "the terminal cannot be asked: %s", strerror(errno));
        struct sigaction action = {.sa_handler = catch_signal}; /* without SA_RESTART: it ends the wait */
        sigemptyset(&block);
        for (size_t i = 0; i < SAL_ARRAY_LEN(watched); i++) {
                caught[i] = 0;
                sigaddset(&block, watched[i]);
                sigaction(watched[i], &action, &old[i]);
        }
        sigprocmask(SIG_BLOCK, &block, &mask);
        quiet = before;
        quiet.c_lflag &= ~(tcflag_t)ECHO;
        enum sal_status status = SAL_OK;
        if (tcsetattr(fd, TCSAFLUSH, &quiet)) {
                status = sal_fail(reterr, SAL_E_IO, "the terminal cannot be made quiet: %s", strerror(errno));
        } else {
                dprintf(fd, "%s: ", question);
                status = read_line(fd, &mask, ret, reterr);
        }
        tcsetattr(fd, TCSAFLUSH, &before);
        for (size_t i = 0; i < SAL_ARRAY_LEN(watched); i++)
                sigaction(watched[i], &old[i], NULL);
        for (size_t i = 0; i < SAL_ARRAY_LEN(watched); i++)
                if (caught[i])
                        raise(watched[i]);
        sigprocmask(SIG_SETMASK, &mask, NULL); /* delivers them */
        return status;
}

static enum sal_status ask_terminal(const char *question, struct sal_secret *ret, struct sal_err *reterr) {
        sal_autoclose int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
        if (fd < 0) {
                sal_fail(reterr, SAL_E_UNAUTHENTICATED, "a passphrase is needed, and there is no terminal to ask at");
                sal_err_hint(reterr, "--passphrase-file FILE or --passphrase-fd N gives it");
                return SAL_E_UNAUTHENTICATED;
        }
        enum sal_status status = read_quietly(fd, question, ret, reterr);
        dprintf(fd, "\n");
        return status;
}

/* ---- where it comes from ---- */

bool sal_secret_is_given(const struct sal_ctl *ctl) {
        return sal_ctl_has(ctl, SAL_OPT_PASSPHRASE_FILE) || sal_ctl_has(ctl, SAL_OPT_PASSPHRASE_FD);
}

enum sal_status sal_secret_read_file(const char *path, struct sal_secret *ret, struct sal_err *reterr) {
        sal_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (fd < 0)
                return sal_fail(reterr, errno == ENOENT ? SAL_E_NOT_FOUND : SAL_E_IO,
                                "cannot read the passphrase from %.300s: %s", path, strerror(errno));
        return read_line(fd, NULL, ret, reterr);
}

static enum sal_status read_given(const struct sal_ctl *ctl, struct sal_secret *ret, struct sal_err *reterr) {
        int64_t number = -1;
        const char *path = ctl->options[SAL_OPT_PASSPHRASE_FILE];
        enum sal_status status = sal_ctl_int(ctl, SAL_OPT_PASSPHRASE_FD, 0, INT_MAX, &number, reterr);
        if (status)
                return status;
        return path ? sal_secret_read_file(path, ret, reterr) : read_line((int)number, NULL, ret, reterr);
}

enum sal_status sal_secret_check_use(const struct sal_ctl *ctl, struct sal_err *reterr) {
        if (sal_ctl_has(ctl, SAL_OPT_PASSPHRASE_FILE) && sal_ctl_has(ctl, SAL_OPT_PASSPHRASE_FD))
                return sal_fail(reterr, SAL_E_USAGE, "--passphrase-file and --passphrase-fd exclude each other");
        int64_t number = 0;
        return sal_ctl_int(ctl, SAL_OPT_PASSPHRASE_FD, 0, INT_MAX, &number, reterr);
}

enum sal_status sal_secret_choose(const struct sal_ctl *ctl, struct sal_secret *ret, struct sal_err *reterr) {
        if (sal_secret_is_given(ctl)) {
                enum sal_status status = read_given(ctl, ret, reterr);
                return status ? status : sal_passphrase_check(ret->text, ret->len, reterr);
        }
        sal_autosecret struct sal_secret again = {0};
        enum sal_status status = ask_terminal("New passphrase of the key", ret, reterr);
        if (!status)
                status = sal_passphrase_check(ret->text, ret->len, reterr);
        if (!status)
                status = ask_terminal("The same once more", &again, reterr);
        if (!status && (again.len != ret->len || memcmp(again.text, ret->text, ret->len) != 0))
                status = sal_fail(reterr, SAL_E_REFUSED, "the two passphrases differ; no key was made");
        return status;
}

enum sal_status sal_secret_get(const struct sal_ctl *ctl, const char *question, struct sal_secret *ret,
                               struct sal_err *reterr) {
        return sal_secret_is_given(ctl) ? read_given(ctl, ret, reterr) : ask_terminal(question, ret, reterr);
}
