/* SPDX-License-Identifier: Apache-2.0 */
/* A bundle's files: plain ones within their bounds, and everything else that may stand in their place. */
#include "fixture.h"

#include "salvor-recover/bundle.h"

#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

struct scene {
        struct fixture f;
        char dir[128];
        struct sal_bundle *bundle;
        struct sal_store *store;
        struct sal_source source;
};

static int set_up(void **state) {
        struct scene *s = calloc(1, sizeof *s);
        fixture_init(&s->f);
        snprintf(s->dir, sizeof s->dir, "%s/stick", s->f.dir);
        make_dirs(s->f.dir, "stick/metadata");
        make_dirs(s->f.dir, "stick/targets/campaigns");
        make_dirs(s->f.dir, "stick/targets/policy");
        make_dirs(s->f.dir, "stick/artifacts");
        put(s->dir, "metadata/timestamp.json", "12345678", NULL);
        assert_int_equal(sal_bundle_open(s->dir, &s->bundle, NULL), SAL_OK);
        assert_int_equal(sal_store_open(s->f.state, &s->store, NULL), SAL_OK);
        sal_bundle_source(s->bundle, &s->source);
        *state = s;
        return 0;
}

static int tear_down(void **state) {
        struct scene *s = *state;
        sal_bundle_free(s->bundle);
        sal_store_free(s->store);
        fixture_done(&s->f);
        free(s);
        return 0;
}

static enum sal_status get(struct scene *s, size_t max_bytes, const char *expected) {
        sal_autobuf struct sal_buf bytes = SAL_BUF_INIT;
        const struct sal_update_need need = {
                .file = SAL_TUF_FILE_TIMESTAMP, .name = "timestamp.json", .max_bytes = max_bytes};
        enum sal_status status = s->source.metadata(s->source.context, &need, &bytes, NULL);
        if (!status)
                assert_string_equal(bytes.data, expected);
        return status;
}

static void files_are_read_within_their_bounds(void **state) {
        struct scene *s = *state;
        assert_int_equal(get(s, 8, "12345678"), SAL_OK);
        assert_int_equal(get(s, 9, "12345678"), SAL_OK);
        assert_int_equal(get(s, 7, NULL), SAL_E_TOO_LARGE);
        assert_int_equal(unlink(at(s->dir, "metadata/timestamp.json")), 0);
        assert_int_equal(get(s, 8, NULL), SAL_E_NOT_FOUND);
}

static void a_target_has_its_digest_in_its_name(void **state) {
        struct scene *s = *state;
        struct sal_tuf_target target = {.path = "campaigns/fix-1.json", .length = 5};
        char folder[16], name[SAL_SOURCE_NAME_BYTES], path[256];
        sal_autobuf struct sal_buf bytes = SAL_BUF_INIT;
        sal_sha256_hex("first", 5, target.sha256);
        sal_source_names(&target, folder, name);
        assert_string_equal(folder, "campaigns");
        snprintf(path, sizeof path, "targets/campaigns/%s.fix-1.json", target.sha256);
        put(s->dir, path, "first", NULL);
        assert_int_equal(s->source.target(s->source.context, &target, folder, name, &bytes, NULL), SAL_OK);
        assert_string_equal(bytes.data, "first");
        struct sal_tuf_target policy = {.path = SAL_TUF_POLICY_PATH, .length = 2};
        sal_sha256_hex("{}", 2, policy.sha256);
        sal_source_names(&policy, folder, name);
        snprintf(path, sizeof path, "targets/policy/%s.trust-policy.json", policy.sha256);
        put(s->dir, path, "{}", NULL);
        sal_buf_clear(&bytes);
        assert_int_equal(s->source.target(s->source.context, &policy, folder, name, &bytes, NULL), SAL_OK);
        assert_string_equal(bytes.data, "{}");
}

static void put_socket(const char *path) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        snprintf(address.sun_path, sizeof address.sun_path, "%.100s", path);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(fd >= 0);
        assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
        close(fd);
}

/* None of them makes the client wait, or read what stands elsewhere. */
static void what_is_no_plain_file_is_refused(void **state) {
        struct scene *s = *state;
        const char *path = "metadata/timestamp.json";
        char file[256];
        snprintf(file, sizeof file, "%s/%s", s->dir, path);
        put(s->f.outside, "timestamp.json", "12345678", NULL);
        assert_int_equal(unlink(file), 0);
        assert_int_equal(symlink(at(s->f.outside, "timestamp.json"), file), 0);
        assert_int_equal(get(s, 8, NULL), SAL_E_REFUSED);
        assert_int_equal(unlink(file), 0);
        put(s->dir, "metadata/other", "12345678", NULL);
        assert_int_equal(symlink("other", file), 0); /* also within the bundle */
        assert_int_equal(get(s, 8, NULL), SAL_E_REFUSED);
        assert_int_equal(unlink(file), 0);
        assert_int_equal(mkfifo(file, 0644), 0);
        assert_int_equal(get(s, 8, NULL), SAL_E_REFUSED);
        assert_int_equal(unlink(file), 0);
        put_socket(file);
        assert_int_equal(get(s, 8, NULL), SAL_E_REFUSED);
        assert_int_equal(unlink(file), 0);
        assert_int_equal(mkdir(file, 0755), 0);
        assert_int_equal(get(s, 8, NULL), SAL_E_REFUSED);
        assert_int_equal(rmdir(file), 0);
        if (geteuid() == 0 && mknod(file, S_IFCHR | 0644, makedev(1, 5)) == 0) { /* /dev/zero */
                assert_int_equal(get(s, 8, NULL), SAL_E_REFUSED);
                assert_int_equal(unlink(file), 0);
        }
}

static void a_linked_folder_leads_nowhere(void **state) {
        struct scene *s = *state;
        char folder[256];
        snprintf(folder, sizeof folder, "%s/metadata", s->dir);
        assert_int_equal(rename(folder, at(s->f.outside, "metadata")), 0);
        assert_int_equal(symlink(at(s->f.outside, "metadata"), folder), 0);
        assert_int_equal(get(s, 8, NULL), SAL_E_REFUSED);
}

static void artifacts_are_copied_and_checked(void **state) {
        struct scene *s = *state;
        struct sal_artifact_ref artifact = {.length = 5};
        char path[128], blob[128];
        struct sal_err err = {0};
        sal_sha256_hex("bytes", 5, artifact.sha256);
        snprintf(path, sizeof path, "artifacts/%s", artifact.sha256);
        snprintf(blob, sizeof blob, "blobs/%s", artifact.sha256);
        assert_int_equal(sal_bundle_artifact(s->bundle, s->store, &artifact, &err), SAL_E_NOT_FOUND);
        assert_non_null(strstr(err.detail, artifact.sha256));
        static const char *const bad[] = {"bytez", "byte", "bytes and more"};
        for (size_t i = 0; i < SAL_ARRAY_LEN(bad); i++) {
                put(s->dir, path, bad[i], NULL);
                assert_int_equal(sal_bundle_artifact(s->bundle, s->store, &artifact, &err), SAL_E_UNTRUSTED);
                assert_int_equal(err.status, SAL_E_UNTRUSTED);
                assert_false(there(s->f.state, blob));
        }
        put(s->dir, path, "bytes", NULL);
        assert_int_equal(sal_bundle_artifact(s->bundle, s->store, &artifact, &err), SAL_OK);
        assert_string_equal(content(s->f.state, blob), "bytes");
        assert_int_equal(unlink(at(s->dir, path)), 0);
        assert_int_equal(symlink("/etc/passwd", at(s->dir, path)), 0);
        assert_int_equal(sal_bundle_artifact(s->bundle, s->store, &artifact, &err), SAL_E_UNTRUSTED);
}

static void a_bundle_is_a_folder(void **state) {
        struct scene *s = *state;
        struct sal_bundle *none = NULL;
        assert_int_equal(sal_bundle_open(at(s->f.dir, "missing"), &none, NULL), SAL_E_NOT_FOUND);
        assert_int_equal(sal_bundle_open(at(s->dir, "metadata/timestamp.json"), &none, NULL), SAL_E_USAGE);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                CASE(files_are_read_within_their_bounds), CASE(a_target_has_its_digest_in_its_name),
                CASE(what_is_no_plain_file_is_refused),   CASE(a_linked_folder_leads_nowhere),
                CASE(artifacts_are_copied_and_checked),   CASE(a_bundle_is_a_folder),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
