/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "model/campaign.h"

static void describe_require(const struct sal_require *require, struct sal_buf *out) {
        char time[SAL_TIME_BYTES];
        if (require->sha256_count)
                sal_buf_printf(out, ", whose SHA-256 is one of %zu", require->sha256_count);
        if (require->size_min > 0)
                sal_buf_printf(out, ", of at least %lld bytes", (long long)require->size_min);
        if (require->size_max < INT64_MAX)
                sal_buf_printf(out, ", of at most %lld bytes", (long long)require->size_max);
        if (require->mtime_before_ms < INT64_MAX) {
                sal_time_format(require->mtime_before_ms, time);
                sal_buf_printf(out, ", last changed before %s", time);
        }
        if (require->mtime_after_ms > INT64_MIN) {
                sal_time_format(require->mtime_after_ms, time);
                sal_buf_printf(out, ", last changed after %s", time);
        }
}

static void describe_action(const struct sal_action *action, struct sal_buf *out) {
        switch (action->kind) {
        case SAL_ACTION_DELETE_FILE:
                sal_buf_printf(out, "delete %s (at most %lld files)", action->path, (long long)action->max_matches);
                break;
        case SAL_ACTION_RENAME_FILE:
                sal_buf_printf(out, "rename %s to %s", action->path, action->to);
                break;
        case SAL_ACTION_RESTORE_FILE:
                sal_buf_printf(out, "restore %s from artifact %s (%lld bytes)", action->path, action->artifact.sha256,
                               (long long)action->artifact.length);
                break;
        case SAL_ACTION_WRITE_FILE:
                sal_buf_printf(out, "write %s (%zu bytes)", action->path, action->content_len);
                break;
        case SAL_ACTION_DISABLE_SERVICE:
                sal_buf_printf(out, "disable the service %s", action->name);
                break;
        case SAL_ACTION_DISABLE_DRIVER:
                sal_buf_printf(out, "disable the driver %s", action->name);
                break;
        case SAL_ACTION_SET_BOOT_ENTRY:
                sal_buf_printf(out, "boot %s%s", action->entry, action->once ? ", once" : " from now on");
                break;
        case SAL_ACTION_SET_REGISTRY_VALUE: {
                sal_autofree char *value = sal_json_dump(action->registry_value);
                sal_buf_printf(out, "set %s\\%s, value \"%s\" (%s), to %s", action->registry_hive, action->registry_key,
                               action->registry_name, action->registry_type, value ? value : "?");
                break;
        }
        case SAL_ACTION_RUN_SCRIPT:
                sal_buf_printf(out, "run the script %s (%lld bytes) for at most %lld s", action->artifact.sha256,
                               (long long)action->artifact.length, (long long)action->timeout_seconds);
                break;
        case SAL_ACTION_KINDS:
                break;
        }
        describe_require(&action->require, out);
        sal_buf_putc(out, '\n');
}

static void describe_verify(const struct sal_verify *verify, struct sal_buf *out) {
        static const char *const words[] = {
                [SAL_VERIFY_PATH_ABSENT] = "is absent",
                [SAL_VERIFY_PATH_PRESENT] = "is present",
                [SAL_VERIFY_SHA256_IS] = "has the SHA-256 ",
        };
        const char *digest = verify->kind == SAL_VERIFY_SHA256_IS && !verify->sha256[0] ? "named" : verify->sha256;
        sal_buf_printf(out, "then check that %s %s%s", verify->path, words[verify->kind], digest);
        describe_require(&verify->require, out);
        sal_buf_putc(out, '\n');
}

void sal_campaign_describe(const struct sal_campaign *campaign, struct sal_buf *out) {
        char from[SAL_TIME_BYTES];
        char until[SAL_TIME_BYTES];
        sal_time_format(campaign->not_before_ms, from);
        sal_time_format(campaign->expires_ms, until);
        sal_buf_printf(out, "%s version %lld: %s\n", campaign->id, (long long)campaign->version, campaign->title);
        sal_buf_printf(out, "from %s until %s%s\n", from, until, campaign->drill ? ", as a drill" : "");
        sal_buf_puts(out, "where ");
        sal_selector_describe(campaign->match, out);
        sal_buf_putc(out, '\n');
        for (size_t i = 0; i < campaign->action_count; i++)
                describe_action(&campaign->actions[i], out);
        for (size_t i = 0; i < campaign->verify_count; i++)
                describe_verify(&campaign->verify[i], out);
        sal_buf_puts(out, campaign->reboot ? "then reboot; on failure revert everything\n"
                                           : "without a reboot; on failure revert everything\n");
}
