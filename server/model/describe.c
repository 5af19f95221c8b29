/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/encode.h"
#include "model/campaign.h"
#include "model/quote.h"

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

/* A word of ours, and a name of the payload's behind it. */
static void put_name(struct sal_buf *out, const char *words, const char *name) {
        sal_buf_puts(out, words);
        sal_quote(out, name, SAL_QUOTE_NAME);
}

static void describe_registry(const struct sal_action *action, struct sal_buf *out) {
        sal_autobuf struct sal_buf key = SAL_BUF_INIT;
        sal_autofree char *value = json_dumps(action->registry_value, JSON_ENSURE_ASCII | JSON_ENCODE_ANY);
        sal_buf_printf(&key, "%s\\%s", action->registry_hive, action->registry_key);
        put_name(out, "set ", key.data);
        sal_buf_puts(out, ", value ");
        sal_quote(out, action->registry_name, SAL_QUOTE_VALUE);
        put_name(out, " (", action->registry_type);
        sal_buf_puts(out, "), to ");
        if (json_is_string(action->registry_value))
                sal_quote(out, json_string_value(action->registry_value), SAL_QUOTE_VALUE);
        else
                sal_buf_puts(out, value ? value : "?");
}

static void describe_mode(const struct sal_action *action, struct sal_buf *out) {
        if (action->mode >= 0)
                sal_buf_printf(out, ", with mode %04llo", (unsigned long long)action->mode);
}

void sal_action_describe(const struct sal_action *action, struct sal_buf *out) {
        char digest[SAL_SHA256_HEX_BYTES];
        switch (action->kind) {
        case SAL_ACTION_DELETE_FILE:
                put_name(out, "delete ", action->path);
                sal_buf_printf(out, " (at most %lld files)", (long long)action->max_matches);
                break;
        case SAL_ACTION_RENAME_FILE:
                put_name(out, "rename ", action->path);
                put_name(out, " to ", action->to);
                break;
        case SAL_ACTION_RESTORE_FILE:
                put_name(out, "restore ", action->path);
                sal_buf_printf(out, " from artifact %s (%lld bytes)", action->artifact.sha256,
                               (long long)action->artifact.length);
                describe_mode(action, out);
                break;
        case SAL_ACTION_WRITE_FILE:
                sal_sha256_hex(action->content, action->content_len, digest);
                put_name(out, "write ", action->path);
                sal_buf_printf(out, " (%zu bytes, SHA-256 %s)", action->content_len, digest);
                describe_mode(action, out);
                break;
        case SAL_ACTION_DISABLE_SERVICE:
                put_name(out, "disable the service ", action->name);
                break;
        case SAL_ACTION_DISABLE_DRIVER:
                put_name(out, "disable the driver ", action->name);
                break;
        case SAL_ACTION_SET_BOOT_ENTRY:
                put_name(out, "boot ", action->entry);
                sal_buf_puts(out, action->once ? ", once" : " from now on");
                break;
        case SAL_ACTION_SET_REGISTRY_VALUE:
                describe_registry(action, out);
                break;
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
        put_name(out, "then check that ", verify->path);
        sal_buf_printf(out, " %s%s", words[verify->kind], digest);
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
        put_name(out, "ring ", ring->name);
        sal_buf_printf(out, ": %.4g %% of the machines; each success lets %.4g more be under way", ring->share * 100,
                       ring->growth);
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
        sal_buf_printf(out, "%s version %lld: ", campaign->id, (long long)campaign->version);
        sal_quote(out, campaign->title, SAL_QUOTE_PROSE);
        sal_buf_printf(out, "\nfrom %s until %s%s\n", from, until, campaign->drill ? ", as a drill" : "");
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
