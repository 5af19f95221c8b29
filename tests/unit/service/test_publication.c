/* SPDX-License-Identifier: Apache-2.0 */
/* Publication with the real signer: this program is started again as the signer. The ledger's time stands still, the
 * publisher's and the signer's is the real one. */
#include "harness.h"

#include "service/publication.h"
#include "trust/file.h"

#include <dirent.h>
#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <time.h>

enum { PATIENCE_SECONDS = 60, EVENTS_MAX = 64 };

struct scene {
        struct world *w;
        struct sal_publication *publication;
        char key[128], root[128], dir[128], marks[128];
        pthread_mutex_t lock;
        char events[EVENTS_MAX][64];
        size_t event_count;
        int signer; /* its process */
};

#define OF_MODEL_B "{\"model\":\"B\",\"os\":\"beos\"}"

/* ---- the scene ---- */

static void tell(void *arg, const char *event, const char *what, const char *remedy) {
        (void)remedy;
        struct scene *s = arg;
        pthread_mutex_lock(&s->lock);
        if (s->event_count < EVENTS_MAX)
                snprintf(s->events[s->event_count++], sizeof s->events[0], "%s", event);
        const char *process = strstr(what, "as process ");
        if (process)
                sscanf(process, "as process %d", &s->signer);
        pthread_mutex_unlock(&s->lock);
}

static bool was_told(struct scene *s, const char *event) {
        bool found = false;
        pthread_mutex_lock(&s->lock);
        for (size_t i = 0; i < s->event_count; i++)
                found |= strcmp(s->events[i], event) == 0;
        pthread_mutex_unlock(&s->lock);
        return found;
}

static void kill_signer(struct scene *s) {
        pthread_mutex_lock(&s->lock);
        int pid = s->signer;
        pthread_mutex_unlock(&s->lock);
        assert_true(pid > 1);
        assert_int_equal(kill(pid, SIGKILL), 0);
}

static void go_public(struct scene *s) {
        const char *keys[] = {s->key};
        struct sal_err err = {0};
        const struct sal_signer_config signer = {
                .root_path = s->root, .key_paths = keys, .key_count = 1, .marks_dir = s->marks};
        const struct sal_publication_config config = {
                .service = s->w->service, .signer = &signer, .public_dir = s->dir, .tell = tell, .tell_arg = s};
        if (sal_publication_start(&config, &s->publication, &err))
                fail_msg("%s", err.detail);
        assert_ptr_equal(s->w->service->publication, s->publication);
}

static void go_private(struct scene *s) {
        sal_publication_stop(s->publication);
        sal_publication_free(s->publication);
        s->publication = NULL;
        assert_null(s->w->service->publication);
}

static int set_up(void **state) {
        struct scene *s = calloc(1, sizeof *s);
        void *world = NULL;
        pthread_mutex_init(&s->lock, NULL);
        world_setup(&world);
        s->w = world;
        world_path(s->w, "online.pem", s->key);
        world_path(s->w, "1.root.json", s->root);
        world_path(s->w, "tuf", s->dir);
        world_path(s->w, "signer", s->marks);
        assert_ok(sal_private_key_save(s->w->online, s->key, NULL));
        go_public(s);
        *state = s;
        return 0;
}

static int tear_down(void **state) {
        struct scene *s = *state;
        if (s->publication)
                go_private(s);
        void *world = s->w;
        world_done(&world);
        pthread_mutex_destroy(&s->lock);
        free(s);
        return 0;
}

/* ---- waiting ---- */

static void post(void *arg) {
        sem_post(arg);
}

/* What was committed is public now, or could not be made so. */
static void settle(struct scene *s) {
        sem_t done;
        struct timespec until;
        sem_init(&done, 0, 0);
        sal_publication_wait(s->publication, post, &done);
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += PATIENCE_SECONDS;
        while (sem_timedwait(&done, &until))
                if (errno != EINTR)
                        fail_msg("nothing was published in %d s", PATIENCE_SECONDS);
        sem_destroy(&done);
}

static struct sal_publication_state state_of(struct scene *s) {
        struct sal_publication_state state;
        sal_publication_state(s->publication, &state);
        return state;
}

/* Until publishing fails, or does not any more: it is tried again by itself. */
static void until_failing(struct scene *s, bool failing) {
        const struct timespec look = {.tv_nsec = 5000000};
        int64_t end_ms = sal_clock_mono_ms() + PATIENCE_SECONDS * SECOND_MS;
        while ((state_of(s).failing_ms != 0) != failing) {
                if (sal_clock_mono_ms() > end_ms)
                        fail_msg("it is not so after %d s", PATIENCE_SECONDS);
                nanosleep(&look, NULL);
        }
}

/* ---- looking ---- */

static bool find_file(void *context, const char *name, const char **ret_bytes, size_t *ret_len) {
        const struct sal_view_file *file = sal_view_find(context, name);
        if (!file)
                return false;
        *ret_bytes = file->bytes;
        *ret_len = file->len;
        return true;
}

/* A client that has nothing but the pinned root believes what is public; returns how many campaigns are listed, and
 * whether this one is. */
static size_t client_lists(struct scene *s, const char *path, bool *ret_lists) {
        struct sal_view *view = sal_publication_view(s->publication);
        struct sal_tuf_files pinned = {0};
        struct sal_updater *updater = NULL;
        struct sal_err err = {0};
        sal_autofree char *root = NULL;
        assert_ok(sal_file_read(s->root, SAL_TUF_MAX_BYTES, &root, &pinned.file[SAL_TUF_FILE_ROOT].len, NULL));
        pinned.file[SAL_TUF_FILE_ROOT].bytes = root;
        assert_ok(sal_updater_new(&pinned, sal_clock_wall_ms(), &updater, NULL));
        if (sal_updater_run(updater, find_file, view, &err))
                fail_msg("a client refuses what is public: %s", err.detail);
        size_t count = sal_updater_campaigns(updater)->count;
        *ret_lists = sal_tuf_campaigns_find(sal_updater_campaigns(updater), path) != NULL;
        assert_int_equal(view->listed_count, count);
        sal_updater_free(updater);
        sal_view_unref(view);
        return count;
}

static bool lists(struct scene *s, const char *path) {
        bool found;
        client_lists(s, path, &found);
        return found;
}

static int64_t version_of(struct scene *s, enum sal_tuf_file file) {
        struct sal_view *view = sal_publication_view(s->publication);
        int64_t version = view->versions[file];
        sal_view_unref(view);
        return version;
}

/* The directory holds the view's files, byte for byte, and no metadata beyond them. */
static void check_directory(struct scene *s) {
        struct sal_view *view = sal_publication_view(s->publication);
        char path[256];
        size_t seen = 0;
        for (size_t i = 0; i < view->file_count; i++) {
                sal_autofree char *bytes = NULL;
                size_t len = 0;
                snprintf(path, sizeof path, "%s/metadata/%s", s->dir, view->files[i].name);
                assert_ok(sal_file_read(path, SAL_TUF_MAX_BYTES, &bytes, &len, NULL));
                assert_int_equal(len, view->files[i].len);
                assert_memory_equal(bytes, view->files[i].bytes, len);
                struct stat info;
                assert_int_equal(stat(path, &info), 0);
                assert_int_equal(info.st_mode & 0777, 0644);
        }
        snprintf(path, sizeof path, "%s/metadata", s->dir);
        DIR *stream = opendir(path);
        assert_non_null(stream);
        for (const struct dirent *entry = readdir(stream); entry; entry = readdir(stream))
                seen += entry->d_name[0] != '.';
        closedir(stream);
        assert_int_equal(seen, view->file_count);
        sal_view_unref(view);
}

/* How many files lie in a folder of the public directory; `name` gets one of them. */
static size_t count_files(struct scene *s, const char *folder, char name[static 256]) {
        char path[256];
        size_t count = 0;
        snprintf(path, sizeof path, "%s/%s", s->dir, folder);
        DIR *stream = opendir(path);
        assert_non_null(stream);
        for (const struct dirent *entry = readdir(stream); entry; entry = readdir(stream))
                if (entry->d_name[0] != '.') {
                        snprintf(name, 256, "%s", entry->d_name);
                        count++;
                }
        closedir(stream);
        return count;
}

/* The sentence that a poll is told. */
static void detail_of(struct world *w, const char *machine, const char *facts, char ret[static 160]) {
        struct sal_poll poll;
        const struct ask ask = {.machine = machine, .facts = facts};
        fill_poll(&poll, &ask);
        assert_ok(world_run(w, poll_job, &poll));
        snprintf(ret, 160, "%s", poll.detail);
        sal_poll_done(&poll);
}

/* ---- tests ---- */

static void an_empty_list_is_public_at_once(void **state) {
        struct scene *s = *state;
        bool found;
        assert_int_equal(client_lists(s, "campaigns/fix-1.json", &found), 0);
        assert_true(state_of(s).published);
        assert_int_equal(state_of(s).failing_ms, 0);
        check_directory(s);
        char name[256];
        assert_int_equal(count_files(s, "targets/policy", name), 1);
        assert_int_equal(count_files(s, "targets/campaigns", name), 0);
        assert_true(was_told(s, "publication.made"));
}

static void what_starts_is_listed_and_then_offered(void **state) {
        struct scene *s = *state;
        start(s->w, "fix", SIMPLE);
        settle(s);
        assert_true(lists(s, "campaigns/fix-1.json"));
        assert_told(poll(s->w, .machine = "m-1"), "offered");
        check_directory(s);
        /* the envelope lies there under its name, byte for byte */
        char name[256], path[512], sha256[SAL_SHA256_HEX_BYTES];
        sal_autofree char *bytes = NULL;
        size_t len = 0;
        assert_int_equal(count_files(s, "targets/campaigns", name), 1);
        snprintf(path, sizeof path, "%s/targets/campaigns/%s", s->dir, name);
        assert_ok(sal_file_read(path, SAL_TUF_MAX_BYTES, &bytes, &len, NULL));
        sal_sha256_hex(bytes, len, sha256);
        assert_memory_equal(name, sha256, 64);
        assert_string_equal(name + 64, ".fix-1.json");
}

static void what_stops_leaves_the_list(void **state) {
        struct scene *s = *state;
        char name[256];
        static const struct {
                enum sal_life_act stop;
                bool resumes;
        } acts[] = {{SAL_LIFE_PAUSE, true}, {SAL_LIFE_HALT, true}, {SAL_LIFE_WITHDRAW, false}};
        start(s->w, "fix", SIMPLE);
        start(s->w, "other", "{\"match\":{\"fact\":\"os\",\"eq\":\"beos\"}," ONE_RING_ROLLOUT "}");
        settle(s);
        for (size_t i = 0; i < SAL_ARRAY_LEN(acts); i++) {
                assert_true(lists(s, "campaigns/fix-1.json"));
                assert_ok(life(s->w, acts[i].stop, "fix"));
                settle(s);
                /* a paused campaign stays in force: only its offers stand still */
                assert_int_equal(lists(s, "campaigns/fix-1.json"), acts[i].stop == SAL_LIFE_PAUSE);
                assert_true(lists(s, "campaigns/other-1.json"));
                if (!acts[i].resumes)
                        break;
                assert_ok(life(s->w, SAL_LIFE_RESUME, "fix"));
                settle(s);
        }
        assert_int_equal(count_files(s, "targets/campaigns", name), 1);
        check_directory(s);
}

static void the_kill_switch_empties_the_list(void **state) {
        struct scene *s = *state;
        bool found;
        start(s->w, "fix", SIMPLE);
        settle(s);
        kill_switch(s->w, true);
        settle(s);
        assert_int_equal(client_lists(s, "campaigns/fix-1.json", &found), 0);
        kill_switch(s->w, false);
        settle(s);
        assert_int_equal(client_lists(s, "campaigns/fix-1.json", &found), 1);
        assert_told(poll(s->w, .machine = "m-1"), "offered");
}

static void a_start_is_not_offered_before_it_is_listed(void **state) {
        struct scene *s = *state;
        char away[160], detail[160];
        start(s->w, "first", SIMPLE);
        settle(s);
        assert_told(poll(s->w, .machine = "m-1"), "offered");
        /* Without its key no signer can be started again. */
        snprintf(away, sizeof away, "%s.away", s->key);
        assert_int_equal(rename(s->key, away), 0);
        kill_signer(s);
        make_ready(s->w, "fix", 1, "{\"match\":{\"fact\":\"model\",\"eq\":\"B\"}," ONE_RING_ROLLOUT "}");
        assert_ok(life(s->w, SAL_LIFE_START, "fix"));
        settle(s);
        assert_int_not_equal(state_of(s).failing_ms, 0);
        assert_true(was_told(s, "publication.failing"));
        /* What was public before still is; what is not listed is not offered, and the sentence says why. */
        assert_true(lists(s, "campaigns/first-1.json"));
        assert_false(lists(s, "campaigns/fix-1.json"));
        assert_told(poll(s->w, .machine = "m-2", .facts = OF_MODEL_B), "ring_not_open");
        struct told told = worker_poll(s->w, .machine = "m-3", .facts = OF_MODEL_B);
        assert_told(told, "ring_not_open");
        assert_true(told.fast);
        detail_of(s->w, "m-2", OF_MODEL_B, detail);
        assert_non_null(strstr(detail, "no signed list"));
        /* A halt does not wait for anybody, and its offers end. */
        assert_ok(life(s->w, SAL_LIFE_HALT, "first"));
        assert_told(poll(s->w, .machine = "m-4"), "halted");
        /* The key is back: it is tried again by itself, and held polls are told. */
        int changes = s->w->changes;
        assert_int_equal(rename(away, s->key), 0);
        until_failing(s, false);
        settle(s);
        assert_true(was_told(s, "publication.recovered"));
        assert_false(lists(s, "campaigns/first-1.json"));
        assert_true(lists(s, "campaigns/fix-1.json"));
        assert_true(s->w->changes > changes);
        assert_told(poll(s->w, .machine = "m-2", .facts = OF_MODEL_B), "offered");
}

static void a_signer_that_ended_is_started_again(void **state) {
        struct scene *s = *state;
        int before = s->signer;
        int64_t version = version_of(s, SAL_TUF_FILE_CAMPAIGNS);
        kill_signer(s);
        start(s->w, "fix", SIMPLE);
        settle(s);
        assert_int_equal(state_of(s).failing_ms, 0);
        assert_int_not_equal(s->signer, before);
        assert_true(was_told(s, "publication.signer_restarted"));
        assert_true(lists(s, "campaigns/fix-1.json"));
        assert_int_equal(version_of(s, SAL_TUF_FILE_CAMPAIGNS), version + 1);
}

/* Where nothing changed, a restart serves the same bytes. */
static void a_restart_serves_the_same_bytes(void **state) {
        struct scene *s = *state;
        start(s->w, "fix", SIMPLE);
        settle(s);
        struct sal_view *before = sal_publication_view(s->publication);
        go_private(s);
        go_public(s);
        struct sal_view *after = sal_publication_view(s->publication);
        assert_int_equal(after->file_count, before->file_count);
        for (size_t i = 0; i < before->file_count; i++) {
                assert_string_equal(after->files[i].name, before->files[i].name);
                assert_string_equal(after->files[i].etag, before->files[i].etag);
                assert_memory_equal(after->files[i].bytes, before->files[i].bytes, before->files[i].len);
        }
        sal_view_unref(before);
        sal_view_unref(after);
        assert_told(poll(s->w, .machine = "m-1"), "offered");
        check_directory(s);
}

/* The directory of an earlier day comes back: what follows is above everything that was ever given away. */
static void a_restored_directory_lowers_no_version(void **state) {
        struct scene *s = *state;
        char saved[160], path[160];
        snprintf(saved, sizeof saved, "%s.saved", s->dir);
        assert_int_equal(rename(s->dir, saved), 0); /* that of the empty list; the next attempt makes a new one */
        start(s->w, "fix", SIMPLE);
        settle(s);
        assert_ok(life(s->w, SAL_LIFE_HALT, "fix"));
        settle(s);
        int64_t versions[SAL_TUF_FILES];
        for (int file = 0; file < SAL_TUF_FILES; file++)
                versions[file] = version_of(s, (enum sal_tuf_file)file);
        go_private(s);
        snprintf(path, sizeof path, "%s.newer", s->dir);
        assert_int_equal(rename(s->dir, path), 0);
        assert_int_equal(rename(saved, s->dir), 0);
        go_public(s);
        assert_false(lists(s, "campaigns/fix-1.json"));
        assert_true(version_of(s, SAL_TUF_FILE_TIMESTAMP) > versions[SAL_TUF_FILE_TIMESTAMP]);
        assert_true(version_of(s, SAL_TUF_FILE_SNAPSHOT) > versions[SAL_TUF_FILE_SNAPSHOT]);
        assert_true(version_of(s, SAL_TUF_FILE_CAMPAIGNS) > versions[SAL_TUF_FILE_CAMPAIGNS]);
        check_directory(s);
}

/* A directory that cannot be written is told, holds up nobody, and is caught up with. */
static void a_full_disk_is_told_and_holds_up_nobody(void **state) {
        struct scene *s = *state;
        char folder[160], away[160];
        snprintf(folder, sizeof folder, "%s/targets/campaigns", s->dir);
        snprintf(away, sizeof away, "%s/targets/campaigns.away", s->dir);
        assert_int_equal(rename(folder, away), 0);
        FILE *file = fopen(folder, "w"); /* a file in its place: nothing can be written beneath */
        assert_non_null(file);
        fclose(file);
        start(s->w, "fix", SIMPLE);
        settle(s);
        assert_int_not_equal(state_of(s).failing_ms, 0);
        assert_non_null(strstr(state_of(s).why, "targets/campaigns"));
        /* Machines are served from memory. */
        assert_true(lists(s, "campaigns/fix-1.json"));
        assert_told(poll(s->w, .machine = "m-1"), "offered");
        assert_ok(life(s->w, SAL_LIFE_HALT, "fix"));
        assert_told(poll(s->w, .machine = "m-2"), "halted");
        settle(s);
        assert_false(lists(s, "campaigns/fix-1.json"));
        assert_int_equal(unlink(folder), 0);
        assert_int_equal(rename(away, folder), 0);
        until_failing(s, false);
        check_directory(s);
}

/* Files of the newest few versions stay for clients in the middle of an update, older ones go. */
static void older_versions_are_kept_and_then_go(void **state) {
        struct scene *s = *state;
        char name[SAL_TUF_NAME_BYTES];
        start(s->w, "fix", SIMPLE);
        settle(s);
        for (int i = 0; i < SAL_PUBLICATION_KEPT_VERSIONS; i++) {
                assert_ok(life(s->w, i % 2 ? SAL_LIFE_RESUME : SAL_LIFE_HALT, "fix"));
                settle(s);
        }
        int64_t newest = version_of(s, SAL_TUF_FILE_SNAPSHOT);
        assert_int_equal(newest, 2 + SAL_PUBLICATION_KEPT_VERSIONS);
        struct sal_view *view = sal_publication_view(s->publication);
        for (int64_t version = 1; version <= newest; version++) {
                sal_tuf_file_name(SAL_TUF_FILE_SNAPSHOT, version, name);
                assert_int_equal(sal_view_find(view, name) != NULL, version >= newest - SAL_PUBLICATION_KEPT_VERSIONS);
                sal_tuf_file_name(SAL_TUF_FILE_CAMPAIGNS, version, name);
                assert_int_equal(sal_view_find(view, name) != NULL, version >= newest - SAL_PUBLICATION_KEPT_VERSIONS);
        }
        sal_view_unref(view);
        check_directory(s);
}

static void write_public(struct scene *s, const char *name, const char *text) {
        char path[256];
        snprintf(path, sizeof path, "%s/%s", s->dir, name);
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fputs(text, file);
        fclose(file);
}

/* What somebody else put into the directory is not believed; what a crash left is cleared away. */
static void strangers_files_are_not_believed(void **state) {
        struct scene *s = *state;
        char path[256], name[256];
        struct stat info;
        int64_t snapshot = version_of(s, SAL_TUF_FILE_SNAPSHOT);
        go_private(s);
        write_public(s, "metadata/timestamp.json", "{}");
        write_public(s, "metadata/999.snapshot.json", "{\"signed\":{},\"signatures\":[]}");
        write_public(s, "metadata/1.root.json", "another root");
        write_public(s, "metadata/.unfinished", "half a fi");
        write_public(s, "metadata/index.html", "for people");
        write_public(s,
                     "targets/campaigns/"
                     "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.x-1.json",
                     "not in force");
        go_public(s);
        bool found;
        assert_int_equal(client_lists(s, "campaigns/fix-1.json", &found), 0);
        assert_true(version_of(s, SAL_TUF_FILE_SNAPSHOT) > snapshot);
        assert_true(version_of(s, SAL_TUF_FILE_SNAPSHOT) < 999);
        struct sal_view *view = sal_publication_view(s->publication);
        assert_null(sal_view_find(view, "999.snapshot.json"));
        sal_view_unref(view);
        snprintf(path, sizeof path, "%s/metadata/.unfinished", s->dir);
        assert_int_equal(stat(path, &info), -1);
        snprintf(path, sizeof path, "%s/metadata/index.html", s->dir);
        assert_int_equal(stat(path, &info), 0);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(count_files(s, "targets/campaigns", name), 0);
        check_directory(s);
}

/* ---- another trust store ---- */

struct trust_change {
        struct sal_trust_store *store;
        bool fails; /* the batch does, after the job */
};

static enum sal_status trust_job(struct world *w, struct sal_tx *tx, void *arg) {
        const struct trust_change *change = arg;
        sal_service_set_trust_take(w->service, sal_trust_store_ref(change->store));
        assert_ptr_equal(w->service->policy, change->store->policy);
        if (change->fails)
                sal_tx_fail(tx, SAL_E_IO, "the disk is full");
        return SAL_OK;
}

/* The next targets, whose policy revokes this campaign. */
static struct sal_trust_store *store_that_revokes(struct scene *s, const char *id) {
        const struct sal_trust_store *before = s->w->service->trust;
        const struct sal_private_key *signer = s->w->root;
        const struct sal_public_key *key = sal_private_key_public(s->w->online);
        sal_autojson json_t *json = json_loads(sal_policy_bytes(before->policy, &(size_t){0}), 0, NULL);
        json_array_append_new(json_object_get(json, "revoked"), json_string(id));
        sal_autofree char *policy = sal_json_dump(json);
        const struct sal_tuf_targets_spec spec = {.version = before->parsed->version + 1,
                                                  .expires_ms = world_birth_ms + DAY * INT64_C(30000),
                                                  .policy = policy,
                                                  .policy_len = strlen(policy),
                                                  .keys = &key,
                                                  .key_count = 1,
                                                  .threshold = 1};
        sal_autobuf struct sal_buf file = SAL_BUF_INIT;
        assert_ok(sal_tuf_targets_build(&spec, &signer, 1, &file, NULL));
        const struct sal_trust_text targets_text = {file.data, file.len}, policy_text = {policy, strlen(policy)};
        struct sal_trust_store *store = NULL;
        struct sal_err err = {0};
        if (sal_trust_store_with_targets(before, &targets_text, &policy_text, sal_clock_wall_ms(), &store, &err))
                fail_msg("%s", err.detail);
        return store;
}

static void another_policy_is_published_and_obeyed(void **state) {
        struct scene *s = *state;
        char name[256];
        start(s->w, "fix", SIMPLE);
        start(s->w, "other", "{\"match\":{\"fact\":\"model\",\"eq\":\"B\"}," ONE_RING_ROLLOUT "}");
        settle(s);
        struct trust_change change = {.store = store_that_revokes(s, "fix")};
        assert_ok(world_run(s->w, trust_job, &change));
        settle(s);
        assert_ptr_equal(s->w->service->trust, change.store);
        assert_int_equal(version_of(s, SAL_TUF_FILE_TARGETS), 2);
        assert_false(lists(s, "campaigns/fix-1.json"));
        assert_true(lists(s, "campaigns/other-1.json"));
        assert_int_equal(poll(s->w, .machine = "m-1").offer, 0);
        assert_told(poll(s->w, .machine = "m-2", .facts = OF_MODEL_B), "offered");
        /* Clients in the middle still find the old targets; of policies only the one that is listed stays. */
        struct sal_view *view = sal_publication_view(s->publication);
        assert_non_null(sal_view_find(view, "1.targets.json"));
        assert_non_null(sal_view_find(view, "2.targets.json"));
        sal_view_unref(view);
        assert_int_equal(count_files(s, "targets/policy", name), 1);
        check_directory(s);
        sal_trust_store_unref(change.store);
}

static void a_trust_change_that_is_rolled_back_never_was(void **state) {
        struct scene *s = *state;
        start(s->w, "fix", SIMPLE);
        settle(s);
        struct sal_trust_store *before = s->w->service->trust;
        struct trust_change change = {.store = store_that_revokes(s, "fix"), .fails = true};
        assert_int_not_equal(world_run(s->w, trust_job, &change), SAL_OK);
        assert_ptr_equal(s->w->service->trust, before);
        assert_ptr_equal(s->w->service->policy, before->policy);
        world_batch(s->w);
        settle(s);
        assert_int_equal(version_of(s, SAL_TUF_FILE_TARGETS), 1);
        assert_true(lists(s, "campaigns/fix-1.json"));
        assert_told(poll(s->w, .machine = "m-1"), "offered");
        sal_trust_store_unref(change.store);
}

/* The offline files expired yesterday. */
static int set_up_expired(void **state) {
        int64_t now_ms = world_birth_ms;
        world_birth_ms = now_ms - 366 * INT64_C(86400000);
        set_up(state);
        world_birth_ms = world_wall_ms = now_ms;
        return 0;
}

/* No client would believe the list: its campaigns are not offered, and nobody's silence counts. Stopping still works.
 */
static void an_expired_list_offers_nothing(void **state) {
        struct scene *s = *state;
        char detail[160];
        start(s->w, "fix", SIMPLE);
        settle(s);
        struct sal_view *view = sal_publication_view(s->publication);
        assert_int_equal(view->listed_count, 1);
        sal_view_unref(view);
        assert_told(poll(s->w, .machine = "m-1"), "ring_not_open");
        detail_of(s->w, "m-1", FACTS, detail);
        assert_non_null(strstr(detail, "no signed list"));
        assert_ok(life(s->w, SAL_LIFE_HALT, "fix"));
        settle(s);
        view = sal_publication_view(s->publication);
        assert_int_equal(view->listed_count, 0);
        sal_view_unref(view);
}

/* Who waits is told at the end, and nobody waits after it. */
static void the_end_tells_those_who_wait(void **state) {
        struct scene *s = *state;
        sem_t done;
        sem_init(&done, 0, 0);
        start(s->w, "fix", SIMPLE);
        sal_publication_wait(s->publication, post, &done);
        sal_publication_stop(s->publication);
        assert_int_equal(sem_trywait(&done), 0);
        sal_publication_wait(s->publication, post, &done);
        assert_int_equal(sem_trywait(&done), 0);
        sem_destroy(&done);
        bool found;
        client_lists(s, "campaigns/fix-1.json", &found); /* views can still be had */
}

int main(int argc, char **argv) {
        if (sal_signer_wanted(argc, argv))
                return sal_signer_main(argc, argv);
        world_birth_ms = sal_clock_wall_ms() / SECOND_MS * SECOND_MS;
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        static const struct CMUnitTest tests[] = {
                TEST(an_empty_list_is_public_at_once),
                TEST(what_starts_is_listed_and_then_offered),
                TEST(what_stops_leaves_the_list),
                TEST(the_kill_switch_empties_the_list),
                TEST(a_start_is_not_offered_before_it_is_listed),
                TEST(a_signer_that_ended_is_started_again),
                TEST(a_restart_serves_the_same_bytes),
                TEST(a_restored_directory_lowers_no_version),
                TEST(a_full_disk_is_told_and_holds_up_nobody),
                TEST(older_versions_are_kept_and_then_go),
                TEST(strangers_files_are_not_believed),
                TEST(another_policy_is_published_and_obeyed),
                TEST(a_trust_change_that_is_rolled_back_never_was),
                TEST(the_end_tells_those_who_wait),
                cmocka_unit_test_setup_teardown(an_expired_list_offers_nothing, set_up_expired, tear_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
