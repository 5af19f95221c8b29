/* SPDX-License-Identifier: Apache-2.0 */
/* salvorctl bundle: a folder for a USB stick, with which a machine without a network is rescued. */
#include "base/clock.h"
#include "bundle_make.h"
#include "init_place.h"
#include "out.h"
#include "trust/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <sys/stat.h>

static const int64_t hour_ms = INT64_C(3600000);

static enum sal_status make_folders(const char *stage, struct sal_err *reterr) {
        static const char *const names[] = {"metadata", "targets", "targets/policy", "targets/campaigns", "artifacts"};
        for (size_t i = 0; i < SAL_ARRAY_LEN(names); i++) {
                sal_autobuf struct sal_buf path = SAL_BUF_INIT;
                sal_buf_printf(&path, "%s/%s", stage, names[i]);
                if (path.failed)
                        return sal_fail(reterr, SAL_E_NOMEM, "no memory for a path");
                if (mkdir(path.data, 0755) < 0)
                        return sal_fail(reterr, SAL_E_IO, "cannot create the folder %.300s: %s", path.data,
                                        strerror(errno));
        }
        return SAL_OK;
}

/* The stick is pulled out as soon as this program says that it is done. */
static enum sal_status sync_all(const char *folder, struct sal_err *reterr) {
        sal_autoclose int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || syncfs(fd) < 0)
                return sal_fail(reterr, SAL_E_IO, "cannot sync %.300s: %s", folder, strerror(errno));
        return SAL_OK;
}

/* Reads back what was written and verifies all of it again, now as a machine will find it. */
static enum sal_status read_back(const struct sal_bundle *made, struct sal_err *reterr) {
        struct sal_bundle_source source = {.dir = made->folder};
        struct sal_ctl_campaign names[SAL_TUF_MAX_CAMPAIGNS] = {0};
        struct sal_bundle again = *made;
        size_t i;
        json_t *entry;
        json_array_foreach (made->campaigns, i, entry) {
                snprintf(names[i].id, sizeof names[i].id, "%s", sal_text(entry, "id"));
                names[i].version = sal_number(entry, "version");
        }
        again.source = &source;
        again.folder = NULL;
        again.wanted = names;
        again.wanted_count = i;
        again.campaigns = again.left_out = again.artifacts = NULL;
        struct sal_err why = {0};
        enum sal_status status = sal_bundle_collect(&again, &why);
        if (status)
                sal_fail(reterr, status, "what was written does not hold: %.400s", why.detail);
        sal_bundle_done(&again);
        return status;
}

static enum sal_status open_source(struct sal_ctl *ctl, struct sal_bundle_source *ret, struct sal_err *reterr) {
        const char *url = NULL;
        if (sal_ctl_has(ctl, SAL_OPT_FROM)) {
                ret->dir = ctl->options[SAL_OPT_FROM];
                return SAL_OK;
        }
        enum sal_status status = sal_ctl_connect(ctl, reterr);
        if (!status)
                status = sal_admin_machine_url(ctl->admin, &url, reterr);
        return status ? status : sal_bundle_source_server(url, sal_admin_paths(ctl->admin)->ca, ret, reterr);
}

/* --root, else the one of the folder: never one that the source gave. */
static enum sal_status read_pinned(struct sal_ctl *ctl, char **ret, size_t *ret_len, struct sal_err *reterr) {
        const char *path = ctl->options[SAL_OPT_ROOT];
        if (!path) {
                enum sal_status status = sal_ctl_connect(ctl, reterr);
                if (status) {
                        sal_err_hint(reterr, "or name the root that machines pin: --root 1.root.json");
                        return status;
                }
                path = sal_admin_paths(ctl->admin)->root;
        }
        return sal_file_read(path, SAL_TUF_MAX_BYTES, ret, ret_len, reterr);
}

static void tell_people(const char *out, const struct sal_bundle *bundle) {
        char until[SAL_TIME_BYTES];
        size_t i;
        json_t *entry;
        sal_time_format(bundle->good_until_ms, until);
        sal_out_line(stdout, "bundle     ", out, NULL);
        json_array_foreach (bundle->campaigns, i, entry) {
                printf("campaign   %s@%lld until %s: ", sal_text(entry, "id"), (long long)sal_number(entry, "version"),
                       sal_text(entry, "expires"));
                sal_out_line(stdout, sal_text(entry, "title"), NULL);
        }
        json_array_foreach (bundle->left_out, i, entry)
                sal_out_line(stderr, "notice: left out: ", sal_text(entry, "target"), ": ", sal_text(entry, "why"),
                             NULL);
        if (json_array_size(bundle->artifacts))
                printf("artifacts  %zu, %lld bytes\n", json_array_size(bundle->artifacts),
                       (long long)bundle->artifact_bytes);
        printf("good until %s, %lld hours from now, when %s expires; make it anew then\n", until,
               (long long)((bundle->good_until_ms - bundle->now_ms) / hour_ms), bundle->ends_first);
        sal_out_line(stdout, "on the machine: salvor-recover -c FILE --root DIR --bundle ", out, " --once", NULL);
}

static enum sal_status tell(const struct sal_ctl *ctl, const struct sal_bundle *bundle, struct sal_err *reterr) {
        if (!ctl->json) {
                tell_people(ctl->args[0], bundle);
                return SAL_OK;
        }
        char until[SAL_TIME_BYTES];
        sal_time_format(bundle->good_until_ms, until);
        sal_autojson json_t *document =
                json_pack("{s:s, s:s, s:s, s:O, s:O, s:O}", "bundle", ctl->args[0], "good_until", until, "ends_first",
                          bundle->ends_first, "campaigns", bundle->campaigns, "artifacts", bundle->artifacts,
                          "left_out", bundle->left_out);
        if (!document)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory to tell of the bundle");
        sal_out_json(document);
        return SAL_OK;
}

/* Makes all of it in a folder beside OUT and moves it there when it holds. */
static enum sal_status make(struct sal_ctl *ctl, struct sal_bundle *bundle, struct sal_err *reterr) {
        const char *out = ctl->args[0];
        struct stat info;
        sal_autofree char *copy = strdup(out);
        sal_autofree char *stage = NULL;
        if (!copy)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a path");
        if (lstat(out, &info) == 0) {
                sal_fail(reterr, SAL_E_CONFLICT, "%.300s exists already and is never overwritten", out);
                sal_err_hint(reterr, "choose another name, or move the old one away");
                return SAL_E_CONFLICT;
        }
        const char *parent = dirname(copy);
        enum sal_status status = sal_init_make_stage(out, parent, false, &stage, reterr);
        if (status)
                return status;
        bundle->folder = stage;
        status = make_folders(stage, reterr);
        if (!status)
                status = sal_bundle_collect(bundle, reterr);
        if (!status)
                status = sync_all(stage, reterr);
        if (!status)
                status = read_back(bundle, reterr);
        if (!status)
                status = sal_init_publish(stage, out, parent, false, reterr);
        if (!status)
                return sync_all(out, reterr);
        sal_init_remove(stage);
        return status;
}

static enum sal_status run_bundle(struct sal_ctl *ctl, struct sal_err *reterr) {
        struct sal_ctl_campaign wanted[SAL_CTL_MAX_ARGS];
        sal_autosource struct sal_bundle_source source = {0};
        sal_autofree char *pinned = NULL;
        size_t len = 0;
        enum sal_status status = SAL_OK;
        for (size_t i = 1; i < ctl->arg_count && !status; i++)
                status = sal_ctl_campaign_name(ctl->args[i], &wanted[i - 1], reterr);
        if (!status)
                status = open_source(ctl, &source, reterr);
        if (!status)
                status = read_pinned(ctl, &pinned, &len, reterr);
        if (status)
                return status;
        struct sal_bundle bundle = {.source = &source,
                                    .pinned = pinned,
                                    .pinned_len = len,
                                    .wanted = wanted,
                                    .wanted_count = ctl->arg_count - 1,
                                    .now_ms = sal_clock_wall_ms()};
        status = make(ctl, &bundle, reterr);
        if (!status)
                status = tell(ctl, &bundle, reterr);
        sal_bundle_done(&bundle);
        return status;
}

static const struct sal_option_words words[] = {
        {SAL_OPT_FROM, "DIR", "a copy of the server's public directory, read instead of the server"},
        {SAL_OPT_ROOT, "FILE", "the root that machines pin, 1.root.json (default: that of -C DIR)"},
        {0},
};

const struct sal_command sal_commands_bundle[] = {
        {.group = "bundle",
         .args = "OUT [ID[@V]...]",
         .min_args = 1,
         .max_args = SAL_CTL_MAX_ARGS,
         .options = SAL_BIT(SAL_OPT_FROM) | SAL_BIT(SAL_OPT_ROOT),
         .offline = true,
         .summary = "Write a folder with which machines without a network are rescued",
         .help = "OUT must not exist. All campaigns in force go into it, or those named, with metadata, policy and "
                 "artifacts, each file verified as a recovery client does it. It is on the disk when this is done: a "
                 "stick may be pulled out. --from DIR reads a copy of the public directory instead of the server.",
         .words = words,
         .run = run_bundle},
        {0},
};
