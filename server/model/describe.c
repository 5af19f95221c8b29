/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/encode.h"
#include "model/campaign.h"

static void describe_require(const struct sal_require *require, struct sal_buf *out) {
        char time[SAL_TIME_BYTES];
        for (size_t i = 0; i < require->sha256_count; i++)
                sal_buf_printf(out, "%s%s", i ? " or " : ", whose SHA-256 is ", require->sha256[i]);
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

static void describe_mode(const struct sal_action *action, struct sal_buf *out) {
        if (action->mode >= 0)
                sal_buf_printf(out, ", with mode %04llo", (unsigned long long)action->mode);
}

void sal_action_describe(const struct sal_action *action, struct sal_buf *out) {
        char digest[SAL_SHA256_HEX_BYTES];
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
                describe_mode(action, out);
                break;
        case SAL_ACTION_WRITE_FILE:
                sal_sha256_hex(action->content, action->content_len, digest);
                sal_buf_printf(out, "write %s (%zu bytes, SHA-256 %s)", action->path, action->content_len, digest);
                describe_mode(action, out);
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
}

void sal_verify_describe(const struct sal_verify *verify, struct sal_buf *out) {
        static const char *const words[] = {
                [SAL_VERIFY_PATH_ABSENT] = "is absent",
                [SAL_VERIFY_PATH_PRESENT] = "is present",
                [SAL_VERIFY_SHA256_IS] = "has the SHA-256 ",
        };
        const char *digest = verify->kind == SAL_VERIFY_SHA256_IS && !verify->sha256[0] ? "named" : verify->sha256;
        sal_buf_printf(out, "then check that %s %s%s", verify->path, words[verify->kind], digest);
        describe_require(&verify->require, out);
}

/* "90 s", "30 min", "2 h": the largest unit that says it exactly. */
static void describe_seconds(int64_t seconds, struct sal_buf *out) {
        static const struct {
                int64_t seconds;
                const char *name;
        } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
        size_t i = 0;
        while (units[i].seconds > 1 && (seconds == 0 || seconds % units[i].seconds != 0))
                i++;
        sal_buf_printf(out, "%lld %s", (long long)(seconds / units[i].seconds), units[i].name);
}

static void describe_ring(const struct sal_ring_plan *ring, struct sal_buf *out) {
        sal_buf_printf(out, "ring %s: %.4g %% of the machines; each success lets %.4g more be under way", ring->name,
                       ring->share * 100, ring->growth);
        if (ring->soak_seconds > 0) {
                sal_buf_puts(out, ", and is one after ");
                describe_seconds(ring->soak_seconds, out);
        }
        sal_buf_putc(out, '\n');
}

void sal_plan_describe(const struct sal_plan *plan, struct sal_buf *out) {
        for (size_t i = 0; i < plan->ring_count; i++)
                describe_ring(&plan->rings[i], out);
        sal_buf_printf(out, "at first %lld machines are under way, never more than %lld; each is tried %lld times\n",
                       (long long)plan->in_flight_initial, (long long)plan->in_flight_max,
                       (long long)plan->max_attempts);
        if (plan->manual_advance)
                sal_buf_puts(out, "a ring opens only when an operator says so\n");
        else
                sal_buf_printf(out,
                               "the next ring opens on evidence that fewer than %.4g %% fail, or when no machine is "
                               "left to try\n",
                               plan->unacceptable_failure * 100);
        sal_buf_printf(out,
                       "it halts by itself on evidence that more than %.4g %% fail, or more than %.4g %% say nothing "
                       "for ",
                       plan->acceptable_failure * 100, plan->acceptable_silence * 100);
        describe_seconds(plan->outcome_deadline_seconds, out);
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
        for (size_t i = 0; i < campaign->action_count; i++) {
                sal_action_describe(&campaign->actions[i], out);
                sal_buf_putc(out, '\n');
        }
        for (size_t i = 0; i < campaign->verify_count; i++) {
                sal_verify_describe(&campaign->verify[i], out);
                sal_buf_putc(out, '\n');
        }
        sal_buf_puts(out, campaign->reboot ? "then reboot; on failure revert everything\n"
                                           : "without a reboot; on failure revert everything\n");
}
