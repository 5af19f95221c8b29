/* SPDX-License-Identifier: Apache-2.0 */
/* The signer as a process: what it starts with, what it may do, how it ends, and what outlives it. */
#include "fixture.h"

#include <dirent.h>
#include <poll.h>
#include <pthread.h>

/* ---- starting ---- */

static void not_started(struct domain *d, enum sal_status expected, const char *words) {
        struct sal_signer *signer = NULL;
        struct sal_err err = {0};
        enum sal_status status = sal_signer_start(&d->config, &signer, &err);
        if (status != expected || !strstr(err.detail, words))
                fail_msg("expected %s with \"%s\", got %s: %s", sal_status_info(expected)->name, words,
                         sal_status_info(status)->name, err.detail);
        assert_null(signer);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child, no zombie */
        assert_int_equal(errno, ECHILD);
}

static void a_bad_root_is_told(void **state) {
        struct domain *d = *state;
        write_file(d->root_path, "{}", 2);
        not_started(d, SAL_E_CONFIG, d->root_path);
        d->config.root_path = "/nowhere/1.root.json";
        not_started(d, SAL_E_CONFIG, "/nowhere/1.root.json");
        static const int real[] = {ROOT_A, ROOT_B};
        d->w->version[SAL_TUF_FILE_ROOT] = 2;
        world_root_by(d->w, real, 2);
        const struct world_file *second = world_get(d->w, "2.root.json");
        write_file(d->root_path, second->bytes, second->len);
        d->config.root_path = d->root_path;
        not_started(d, SAL_E_CONFIG, "has version 2");
}

static void a_bad_key_is_told(void **state) {
        struct domain *d = *state;
        const char *keys[SAL_SIGNER_MAX_KEYS + 1] = {d->key_path, d->key_path};
        char other[FIXTURE_PATH_BYTES];
        d->config.key_paths = keys;
        d->config.key_count = 2;
        not_started(d, SAL_E_CONFIG, "named twice");
        d->config.key_count = 0;
        not_started(d, SAL_E_CONFIG, "1 to 8 online keys");
        d->config.key_count = SAL_SIGNER_MAX_KEYS + 1;
        not_started(d, SAL_E_CONFIG, "1 to 8 online keys");
        d->config.key_count = 1;
        keys[0] = d->root_path;
        not_started(d, SAL_E_CONFIG, d->root_path);
        keys[0] = "/nowhere/online.pem";
        not_started(d, SAL_E_CONFIG, "/nowhere/online.pem");
        snprintf(other, sizeof other, "%s/sealed.pem", d->dir);
        static const char passphrase[] = "correct horse battery";
        assert_int_equal(sal_key_file_save(d->w->keys[SPARE], passphrase, strlen(passphrase), other, NULL), SAL_OK);
        keys[0] = other;
        not_started(d, SAL_E_CONFIG, "sealed.pem is encrypted");
}

static void bad_marks_are_told(void **state) {
        struct domain *d = *state;
        domain_start(d);
        domain_stop(d);
        write_file(d->marks_path, "nothing", 7);
        not_started(d, SAL_E_CORRUPT, d->marks_path);
}

/* A signer that is none: what the program does under these names of a root. */
static int pretend(const char *root) {
        if (strcmp(root, "/die") == 0)
                raise(SIGKILL);
        if (strcmp(root, "/nonsense") == 0)
                return send(SAL_SIGNER_FD, "ready, more or less", 19, 0) == 19 ? 8 : 9;
        return strcmp(root, "/quit") == 0 ? 7 : 0;
}

static void a_bad_start_is_told(void **state) {
        struct domain *d = *state;
        d->config.root_path = "/die";
        not_started(d, SAL_E_IO, "not ready: it was ended by signal 9");
        d->config.root_path = "/quit";
        not_started(d, SAL_E_IO, "not ready: it ended with code 7");
        d->config.root_path = "/nonsense";
        not_started(d, SAL_E_IO, "not ready: it ended with code 8");
}

/* Whose key signed the newest file? */
static bool signed_by(const struct domain *d, enum sal_tuf_file file, int key) {
        const struct sal_buf *bytes = &d->answer.next.files[file];
        const char *id = sal_public_key_id(world_key(d->w, key));
        const char *found = memmem(bytes->data, bytes->len, id, strlen(id));
        return found != NULL;
}

/* One key for each role, one of them for P-256, whose signatures take random numbers in the confined process. */
static void several_keys_serve_their_roles(void **state) {
        struct domain *d = *state;
        static const int online[] = {SPARE, ONLINE, AUTHOR_B}, real[] = {ROOT_A, ROOT_B};
        char paths[SAL_ARRAY_LEN(online)][FIXTURE_PATH_BYTES];
        const char *keys[SAL_ARRAY_LEN(online)];
        for (size_t i = 0; i < SAL_ARRAY_LEN(online); i++) {
                snprintf(paths[i], sizeof paths[i], "%s/online-%zu.pem", d->dir, i);
                assert_int_equal(sal_private_key_save(d->w->keys[online[i]], paths[i], NULL), SAL_OK);
                keys[i] = paths[i];
        }
        d->w->role_keys[SAL_TUF_FILE_SNAPSHOT][0] = d->w->role_keys[SAL_TUF_FILE_SNAPSHOT][1] = AUTHOR_B;
        d->w->role_keys[SAL_TUF_FILE_TIMESTAMP][0] = d->w->role_keys[SAL_TUF_FILE_TIMESTAMP][1] = SPARE;
        d->w->version[SAL_TUF_FILE_ROOT] = 2;
        world_root_by(d->w, real, 2);
        const struct world_file *file = world_get(d->w, "2.root.json");
        const struct sal_signer_bytes root = {file->bytes, file->len};
        d->request.roots = &root;
        d->request.root_count = 1;
        d->config.key_paths = keys;
        d->config.key_count = SAL_ARRAY_LEN(online);
        domain_start(d);
        for (int i = 0; i < 20; i++) {
                domain_lose_files(d);
                domain_makes(d);
        }
        static const enum sal_tuf_file files[] = {SAL_TUF_FILE_TIMESTAMP, SAL_TUF_FILE_CAMPAIGNS,
                                                  SAL_TUF_FILE_SNAPSHOT};
        for (size_t f = 0; f < SAL_ARRAY_LEN(files); f++)
                for (size_t k = 0; k < SAL_ARRAY_LEN(online); k++)
                        assert_int_equal(signed_by(d, files[f], online[k]), f == k);
}

/* Several threads start signers at once; each handle's end is the end of its own process and waits for no other. */
struct starter {
        struct sal_signer_config config;
        char marks_dir[FIXTURE_PATH_BYTES];
        struct sal_signer *signer;
        enum sal_status status;
};

static void *start_one(void *arg) {
        struct starter *starter = arg;
        starter->status = sal_signer_start(&starter->config, &starter->signer, NULL);
        return NULL;
}

static void signers_of_many_threads_are_apart(void **state) {
        struct domain *d = *state;
        struct starter starters[6] = {0};
        pthread_t threads[SAL_ARRAY_LEN(starters)];
        for (size_t i = 0; i < SAL_ARRAY_LEN(starters); i++) {
                snprintf(starters[i].marks_dir, sizeof starters[i].marks_dir, "%s/signer-%zu", d->dir, i);
                starters[i].config = d->config;
                starters[i].config.marks_dir = starters[i].marks_dir;
                assert_int_equal(pthread_create(&threads[i], NULL, start_one, &starters[i]), 0);
        }
        for (size_t i = 0; i < SAL_ARRAY_LEN(starters); i++) {
                pthread_join(threads[i], NULL);
                assert_int_equal(starters[i].status, SAL_OK);
        }
        for (size_t i = 0; i < SAL_ARRAY_LEN(starters); i++) {
                /* were its socket held by another one, it would see no end and be killed only after two seconds */
                int64_t begun_ms = sal_clock_mono_ms();
                sal_signer_free(starters[i].signer);
                assert_in_range(sal_clock_mono_ms() - begun_ms, 0, sal_signer_can_confine() ? 1500 : 10000);
        }
}

/* ---- what it is ---- */

static size_t read_proc(const struct domain *d, const char *file, char *to, size_t room) {
        char path[64];
        snprintf(path, sizeof path, "/proc/%d/%s", sal_signer_pid(d->signer), file);
        size_t len = read_file(path, to, room - 1);
        to[len] = '\0';
        return len;
}

static void says(const char *status, const char *line) {
        if (!strstr(status, line))
                fail_msg("no \"%s\" in: %s", line, status);
}

static void is_confined(void **state) {
        struct domain *d = *state;
        char text[8192];
        domain_add_good(d, "fix", 1);
        domain_makes(d);
        read_proc(d, "status", text, sizeof text);
        says(text, "Name:\tsalvord: signer\n");
        says(text, "NoNewPrivs:\t1\n");
        says(text, "Threads:\t1\n");
        if (!sal_signer_can_confine())
                return;
        says(text, "Seccomp:\t2\n");
        says(text, "Seccomp_filters:\t1\n");
        read_proc(d, "limits", text, sizeof text);
        says(text, "Max open files            1                    1 ");
        says(text, "Max processes             0                    0 ");
        says(text, "Max core file size        0                    0 ");
        /* not dumpable: what is in /proc belongs to root and not to its user */
        struct stat info;
        snprintf(text, sizeof text, "/proc/%d/mem", sal_signer_pid(d->signer));
        assert_int_equal(stat(text, &info), 0);
        assert_int_equal(info.st_uid, 0);
}

static void begins_with_nothing(void **state) {
        struct domain *d = *state;
        char text[8192];
        domain_stop(d);
        /* what leaks would leak: descriptors, a name in the environment, signals that are blocked or ignored */
        setenv("SALVOR_LEAK", "yes", 1);
        int low = open("/dev/zero", O_RDONLY);
        int high = fcntl(low, F_DUPFD, 900);
        sigset_t all, before;
        sigfillset(&all);
        sigprocmask(SIG_BLOCK, &all, &before);
        domain_start(d);
        sigprocmask(SIG_SETMASK, &before, NULL);
        close(low);
        close(high);
        unsetenv("SALVOR_LEAK");
        size_t len = read_proc(d, "cmdline", text, sizeof text);
        assert_memory_equal(text, "salvord: signer", sizeof "salvord: signer");
        assert_null(memmem(text, len, "SALVOR_LEAK", 11));
        read_proc(d, "status", text, sizeof text);
        says(text, "SigBlk:\t0000000000000000\n");
        if (geteuid() != 0 && sal_signer_can_confine())
                return; /* it is not dumpable: its own user may not look into the rest */
        assert_int_equal(read_proc(d, "environ", text, sizeof text), 0);
        snprintf(text, sizeof text, "/proc/%d/fd", sal_signer_pid(d->signer));
        DIR *folder = opendir(text);
        assert_non_null(folder);
        int count = 0;
        for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder))
                count += entry->d_name[0] != '.';
        closedir(folder);
        assert_int_equal(count, 5); /* three of the system, the socket, the marks */
}

/* ---- its end ---- */

static bool ends(int pid) {
        int64_t deadline_ms = sal_clock_mono_ms() + 5000;
        siginfo_t info = {0};
        while (sal_clock_mono_ms() < deadline_ms) {
                if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT | WNOHANG) == 0 && info.si_pid == pid)
                        return true;
                poll(NULL, 0, 1);
        }
        return false;
}

static void is_gone(struct domain *d, const char *words) {
        assert_int_equal(domain_make(d), SAL_E_UNREACHABLE);
        says(d->err.detail, words);
        assert_int_equal(domain_make(d), SAL_E_UNREACHABLE);
        assert_int_equal(sal_signer_socket(d->signer), -1);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
        domain_stop(d);
        domain_start(d);
        domain_makes(d);
}

static void signals_of_the_terminal_do_not_end_it(void **state) {
        struct domain *d = *state;
        static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGUSR1, SIGXFSZ};
        int pid = sal_signer_pid(d->signer);
        for (size_t i = 0; i < SAL_ARRAY_LEN(signals); i++) {
                kill(pid, signals[i]);
                domain_makes(d);
        }
        domain_stop(d);
        assert_int_equal(kill(pid, 0), -1);
}

static void a_killed_one_is_noticed_and_replaced(void **state) {
        struct domain *d = *state;
        domain_add_good(d, "fix", 1);
        domain_makes(d);
        int pid = sal_signer_pid(d->signer);
        kill(pid, SIGKILL);
        assert_true(ends(pid));
        is_gone(d, "signal 9");
        assert_int_equal(d->answer.versions[SAL_TUF_FILE_TIMESTAMP], 1);
}

static void a_hung_one_is_put_down(void **state) {
        struct domain *d = *state;
        struct sal_signer_answer answer;
        domain_makes(d);
        kill(sal_signer_pid(d->signer), SIGSTOP);
        int64_t begun_ms = sal_clock_mono_ms();
        assert_int_equal(sal_signer_make_within(d->signer, &d->request, 50, &answer, &d->err), SAL_E_UNREACHABLE);
        assert_in_range(sal_clock_mono_ms() - begun_ms, 50, SAL_SIGNER_TIMEOUT_MS - 1);
        says(d->err.detail, "nothing came in time");
        is_gone(d, "signal 9");
        /* also when it is hung before it took the whole request */
        char *large = malloc(SAL_ENVELOPE_MAX_BYTES);
        assert_non_null(large);
        memset(large, ' ', SAL_ENVELOPE_MAX_BYTES - 1);
        large[SAL_ENVELOPE_MAX_BYTES - 1] = '\0';
        domain_add(d, "large", 1, large);
        kill(sal_signer_pid(d->signer), SIGSTOP);
        assert_int_equal(sal_signer_make_within(d->signer, &d->request, 50, &answer, &d->err), SAL_E_UNREACHABLE);
        is_gone(d, "");
}

static void a_stopped_one_goes_on(void **state) {
        struct domain *d = *state;
        domain_makes(d);
        kill(sal_signer_pid(d->signer), SIGSTOP);
        kill(sal_signer_pid(d->signer), SIGCONT);
        domain_makes(d);
}

static void a_hung_one_does_not_hold_up_the_end(void **state) {
        struct domain *d = *state;
        int pid = sal_signer_pid(d->signer);
        kill(pid, SIGSTOP);
        domain_stop(d);
        assert_int_equal(kill(pid, 0), -1);
}

/* ---- what no daemon sends ---- */

static void push(const struct domain *d, const void *bytes, size_t len) {
        assert_int_equal(send(sal_signer_socket(d->signer), bytes, len, MSG_NOSIGNAL), len);
}

/* It has ended by itself: with a code, not by a signal. */
static void has_ended_cleanly(struct domain *d) {
        int pid = sal_signer_pid(d->signer);
        siginfo_t info = {0};
        assert_true(ends(pid));
        assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
        assert_int_equal(info.si_code, CLD_EXITED);
        domain_stop(d);
        domain_start(d);
        domain_makes(d);
}

static void what_is_no_request_ends_it(void **state) {
        struct domain *d = *state;
        static const struct {
                const char *bytes;
                size_t len;
        } cases[] = {
                {"GET / HTTP/1.1\r\n\r\n", 18}, {"\0\0\0\0\0\0\0\0", 8},
                {"SAL\0\xff\xff\xff\xff", 8}, /* longer than any request */
                {"SAL\0\x04\0\0\x01", 8},     /* by one byte */
                {"SAL\x01\0\0\0\0", 8},       /* its own kinds */
                {"SAL\x02\0\0\0\0", 8},         {"SAL\x03\0\0\0\0", 8},
                {"SAL\x04\0\0\0\0", 8}, /* no kind at all */
                {"SAL\xff\0\0\0\0", 8},
        };
        for (size_t i = 0; i < SAL_ARRAY_LEN(cases); i++) {
                push(d, cases[i].bytes, cases[i].len);
                has_ended_cleanly(d);
        }
        static const char cut[] = "SAL\0\0\0\0\x10half";
        for (size_t len = 1; len < sizeof cut; len++) {
                push(d, cut, len);
                shutdown(sal_signer_socket(d->signer), SHUT_WR);
                has_ended_cleanly(d);
        }
}

/* A request of the right length that says nonsense is answered with an error, and the next one is heard. */
static void nonsense_is_refused(void **state) {
        struct domain *d = *state;
        domain_add_good(d, "fix", 1);
        sal_autobuf struct sal_buf good = SAL_BUF_INIT;
        sal_autobuf struct sal_buf body = SAL_BUF_INIT;
        assert_int_equal(sal_signer_write_request(&d->request, &good, NULL), SAL_OK);
        uint64_t seed = 88172645463325252;
        for (int i = 0; i < 400; i++) {
                sal_autobuf struct sal_buf bent = SAL_BUF_INIT;
                sal_buf_append(&bent, good.data, good.len);
                for (int n = 0; n < 1 + i % 4; n++) {
                        seed ^= seed << 13;
                        seed ^= seed >> 7;
                        seed ^= seed << 17;
                        bent.data[SAL_SIGNER_HEAD_BYTES + seed % (bent.len - SAL_SIGNER_HEAD_BYTES)] =
                                (char)(seed >> 40);
                }
                enum sal_signer_kind kind = SAL_SIGNER_READY;
                struct sal_err why = {0};
                push(d, bent.data, bent.len);
                int64_t deadline_ms = sal_clock_mono_ms() + SAL_SIGNER_TIMEOUT_MS;
                assert_int_equal(sal_signer_receive(sal_signer_socket(d->signer),
                                                    1u << SAL_SIGNER_ANSWER | 1u << SAL_SIGNER_REFUSAL, deadline_ms,
                                                    &kind, &body, &why),
                                 SAL_OK);
                if (kind == SAL_SIGNER_REFUSAL)
                        assert_int_equal(sal_signer_read_refusal(body.data, body.len, &why), SAL_OK);
        }
        /* another file before its own was among them may be: versions only rose */
        domain_makes(d);
        assert_int_equal(d->answer.next.listed, 1);
}

/* A signer whose answer is not of the question is put down. */
static void an_answer_to_something_else_is_none(void **state) {
        struct domain *d = *state;
        sal_autobuf struct sal_buf other = SAL_BUF_INIT;
        domain_add_good(d, "fix", 1);
        assert_int_equal(sal_signer_write_request(&d->request, &other, NULL), SAL_OK);
        push(d, other.data, other.len);
        domain_forget(d);
        is_gone(d, "count of");
}

int main(int argc, char **argv) {
        int pretended = sal_signer_wanted(argc, argv) ? pretend(argv[2]) : 0;
        if (pretended)
                return pretended;
        FIXTURE_SIGNER(argc, argv);
#define TEST(name) cmocka_unit_test_setup_teardown(name, domain_set_up, domain_tear_down)
#define TEST_STOPPED(name) cmocka_unit_test_setup_teardown(name, domain_set_up_stopped, domain_tear_down)
        static const struct CMUnitTest tests[] = {
                TEST_STOPPED(a_bad_root_is_told),
                TEST_STOPPED(a_bad_key_is_told),
                TEST_STOPPED(bad_marks_are_told),
                TEST_STOPPED(a_bad_start_is_told),
                TEST_STOPPED(several_keys_serve_their_roles),
                TEST_STOPPED(signers_of_many_threads_are_apart),
                TEST(is_confined),
                TEST(begins_with_nothing),
                TEST(signals_of_the_terminal_do_not_end_it),
                TEST(a_killed_one_is_noticed_and_replaced),
                TEST(a_hung_one_is_put_down),
                TEST(a_stopped_one_goes_on),
                TEST(a_hung_one_does_not_hold_up_the_end),
                TEST(what_is_no_request_ends_it),
                TEST(nonsense_is_refused),
                TEST(an_answer_to_something_else_is_none),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
