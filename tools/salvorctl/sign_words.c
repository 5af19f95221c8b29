/* SPDX-License-Identifier: Apache-2.0 */
#include "sign_words.h"

#include "base/clock.h"
#include "model/quote.h"
#include "out.h"
#include "trust/dsse.h"
#include "wrap.h"

#include <string.h>

enum { CONTENT_MAX_BYTES = 1024 };

void sal_sign_digest(const void *payload, size_t len, char ret[static SAL_SHA256_HEX_BYTES]) {
        sal_autobuf struct sal_buf pae = SAL_BUF_INIT;
        sal_dsse_pae(SAL_CAMPAIGN_TYPE, payload, len, &pae);
        sal_sha256_hex(pae.data ? pae.data : "", pae.len, ret);
}

static void put(FILE *stream, const char *label, const char *text) {
        sal_wrap_put(stream, sal_wrap_columns(stream), label, text);
}

/* Lines of a text that is not ours, each behind a bar that none of ours begins with. */
static void put_quoted(struct sal_buf *out, const char *bar, const char *text, size_t len) {
        const char *end = text + len;
        while (text < end) {
                const char *stop = memchr(text, '\n', (size_t)(end - text));
                sal_buf_puts(out, bar);
                sal_buf_append(out, text, (size_t)((stop ? stop : end) - text));
                text = stop ? stop + 1 : end;
        }
}

static bool is_ascii(const char *text, size_t len) {
        for (size_t i = 0; i < len; i++)
                if ((unsigned char)text[i] >= 0x80)
                        return false;
        return true;
}

static struct sal_policy_action action_of(const struct sal_action *action) {
        return (struct sal_policy_action){
                .kind = sal_action_kind_name(action->kind), .path = action->path, .path2 = action->to};
}

/* ---- whose signatures ---- */

static bool has_signed(const struct sal_sign_words *words, const struct sal_public_key *key) {
        return words->signed_by && sal_key_set_has(words->signed_by, key);
}

/* "class files: 1 of 2 signatures are there (author-1); author-2 and author-3 may sign too" */
static void describe_class(const struct sal_sign_words *words, const struct sal_policy_class *class,
                           struct sal_buf *out) {
        sal_autokeyset struct sal_key_set have = SAL_KEY_SET_INIT;
        sal_autobuf struct sal_buf done = SAL_BUF_INIT, open = SAL_BUF_INIT;
        for (size_t i = 0; i < class->author_count; i++) {
                const struct sal_policy_author author = sal_policy_author(words->policy, class->authors[i]);
                bool signed_it = has_signed(words, author.key);
                struct sal_buf *list = signed_it ? &done : &open;
                sal_buf_puts(list, list->len ? ", " : "");
                sal_quote(list, author.name, SAL_QUOTE_NAME);
                if (signed_it)
                        sal_key_set_add(&have, author.key);
        }
        sal_buf_puts(out, "class ");
        sal_quote(out, class->name, SAL_QUOTE_NAME);
        sal_buf_puts(out, ": ");
        if (words->signed_by)
                sal_buf_printf(out, "%zu of %d signatures", have.count, class->threshold);
        else
                sal_buf_printf(out, "needs %d signatures", class->threshold);
        if (done.len)
                sal_buf_printf(out, " (%s)", done.data);
        if (open.len)
                sal_buf_printf(out, "; may sign: %s", open.data);
        if (class->approvals)
                sal_buf_printf(out, "; %d approvals of operators", class->approvals);
}

static const struct sal_policy_class *class_of(const struct sal_sign_words *words, const struct sal_action *action) {
        const struct sal_policy_action asked = action_of(action);
        return words->policy ? sal_policy_class_of(words->policy, asked.kind, asked.path, asked.path2) : NULL;
}

/* Each class that the actions use, once, in the order of the policy. */
static void show_classes(FILE *stream, const struct sal_sign_words *words) {
        if (!words->policy) {
                put(stream, "policy", "not at hand: --policy FILE tells which signatures are needed");
                return;
        }
        sal_autobuf struct sal_buf text = SAL_BUF_INIT;
        for (size_t i = 0; i < sal_policy_class_count(words->policy); i++) {
                const struct sal_policy_class *class = sal_policy_class(words->policy, i);
                bool used = false;
                for (size_t j = 0; j < words->campaign->action_count; j++)
                        used = used || class_of(words, &words->campaign->actions[j]) == class;
                if (!used)
                        continue;
                sal_buf_puts(&text, text.len ? "\n" : "");
                describe_class(words, class, &text);
        }
        if (sal_policy_is_revoked(words->policy, words->campaign->id, words->campaign->version))
                sal_buf_printf(&text, "%sthe policy has REVOKED this campaign", text.len ? "\n" : "");
        if (text.len)
                put(stream, "needs", text.data);
}

/* ---- what happens ---- */

/* Why the content is not shown, or NULL. */
static const char *hidden_because(const struct sal_action *action) {
        if (action->content_len > CONTENT_MAX_BYTES)
                return "it is too long";
        for (size_t i = 0; i < action->content_len; i++) {
                const uint8_t c = action->content[i];
                if ((c < 0x20 && c != '\t' && c != '\r' && c != '\n') || c == 0x7f)
                        return "it is no plain text";
        }
        return NULL;
}

/* What write_file writes; what is not shown is said, for a signer would take silence for nothing. */
static void describe_content(const struct sal_campaign *campaign, const struct sal_action *action,
                             struct sal_buf *out) {
        if (action->kind != SAL_ACTION_WRITE_FILE || !action->content_len)
                return;
        const char *content = (const char *)action->content;
        const char *hidden = hidden_because(action);
        if (hidden) {
                sal_buf_printf(out,
                               "\n   its content is NOT shown, for %s: `salvorctl campaign payload %s@%lld` has it, in "
                               "base64",
                               hidden, campaign->id, (long long)campaign->version);
                return;
        }
        put_quoted(out, "\n   | ", content, action->content_len);
        if (!is_ascii(content, action->content_len))
                sal_buf_puts(out, "\n   its content contains letters that are not ASCII; some look like others");
}

static void show_actions(FILE *stream, const struct sal_sign_words *words) {
        const struct sal_campaign *campaign = words->campaign;
        for (size_t i = 0; i < campaign->action_count; i++) {
                sal_autobuf struct sal_buf text = SAL_BUF_INIT;
                sal_buf_printf(&text, "%zu. ", i + 1);
                sal_action_describe(&campaign->actions[i], &text);
                describe_content(campaign, &campaign->actions[i], &text);
                const struct sal_policy_class *class = class_of(words, &campaign->actions[i]);
                if (class) {
                        sal_buf_puts(&text, "\n   class ");
                        sal_quote(&text, class->name, SAL_QUOTE_NAME);
                } else if (words->policy) {
                        sal_buf_puts(&text, "\n   NO class of the policy holds this action: no machine will take it");
                }
                put(stream, i ? "" : "does", text.data ? text.data : "");
        }
        sal_autobuf struct sal_buf after = SAL_BUF_INIT;
        for (size_t i = 0; i < campaign->verify_count; i++) {
                sal_verify_describe(&campaign->verify[i], &after);
                sal_buf_putc(&after, '\n');
        }
        sal_buf_puts(&after, campaign->reboot ? "then reboot" : "without a reboot");
        sal_buf_puts(&after, "; on failure revert everything");
        put(stream, "", after.data ? after.data : "");
}

static void show_reach(FILE *stream, const struct sal_sign_words *words) {
        if (!words->reach)
                return;
        sal_autobuf struct sal_buf text = SAL_BUF_INIT;
        sal_buf_printf(&text, "%lld known machines match now", (long long)sal_number(words->reach, "matching"));
        const json_t *rings = json_object_get(words->reach, "rings");
        for (size_t i = 0; i < json_array_size(rings); i++) {
                const json_t *ring = json_array_get(rings, i);
                sal_buf_puts(&text, i ? ", " : ": ");
                sal_quote(&text, sal_text(ring, "name"), SAL_QUOTE_NAME);
                sal_buf_printf(&text, " %lld", (long long)sal_number(ring, "matching"));
        }
        put(stream, "reach", text.data ? text.data : "");
}

static void show_where(FILE *stream, const struct sal_campaign *campaign) {
        sal_autobuf struct sal_buf text = SAL_BUF_INIT;
        sal_selector_describe(campaign->match, &text);
        if (campaign->undoes)
                sal_buf_printf(&text, "\nonly those that the campaign %s was applied to: it is undone",
                               campaign->undoes);
        if (campaign->drill)
                sal_buf_puts(&text, "\nonly machines that ask for a drill");
        put(stream, "where", text.data ? text.data : "");
}

static void show_dates(FILE *stream, const struct sal_campaign *campaign) {
        char from[SAL_TIME_BYTES], until[SAL_TIME_BYTES];
        sal_autobuf struct sal_buf text = SAL_BUF_INIT;
        sal_time_format(campaign->not_before_ms, from);
        sal_time_format(campaign->expires_ms, until);
        sal_buf_printf(&text, "from %s until %s", from, until);
        for (size_t i = 0; i < campaign->supersedes_count; i++)
                sal_buf_printf(&text, "%s%s", i ? ", " : "; its start halts ", campaign->supersedes[i]);
        put(stream, "when", text.data ? text.data : "");
}

static void show_head(FILE *stream, const struct sal_campaign *campaign) {
        sal_autobuf struct sal_buf head = SAL_BUF_INIT;
        sal_buf_printf(&head, "%s version %lld: ", campaign->id, (long long)campaign->version);
        sal_quote(&head, campaign->title, SAL_QUOTE_PROSE);
        put_quoted(&head, "\n| ", campaign->summary, strlen(campaign->summary));
        for (size_t i = 0; i < campaign->link_count; i++) {
                sal_buf_puts(&head, "\nlink ");
                sal_quote(&head, campaign->links[i], SAL_QUOTE_NAME);
        }
        const struct {
                const char *name, *text;
        } parts[] = {{"title", campaign->title}, {"summary", campaign->summary}};
        for (size_t i = 0; i < SAL_ARRAY_LEN(parts); i++)
                if (!is_ascii(parts[i].text, strlen(parts[i].text)))
                        sal_buf_printf(&head, "\nthe %s contains letters that are not ASCII; some look like others",
                                       parts[i].name);
        put(stream, "campaign", head.data ? head.data : "");
}

void sal_sign_show(FILE *stream, const struct sal_sign_words *words) {
        const struct sal_campaign *campaign = words->campaign;
        sal_autobuf struct sal_buf plan = SAL_BUF_INIT;
        show_head(stream, campaign);
        show_where(stream, campaign);
        show_reach(stream, words);
        show_actions(stream, words);
        show_dates(stream, campaign);
        sal_plan_describe(&campaign->plan, &plan);
        put(stream, "pace", plan.data ? plan.data : "");
        show_classes(stream, words);
        put(stream, "domain", campaign->trust_domain);
        put(stream, "digest", words->digest);
}

enum sal_status sal_sign_check_key(const struct sal_sign_words *words, const struct sal_public_key *key,
                                   struct sal_err *reterr) {
        struct sal_policy_action actions[SAL_CAMPAIGN_MAX_ACTIONS];
        if (!words->policy)
                return SAL_OK;
        for (size_t i = 0; i < words->campaign->action_count; i++)
                actions[i] = action_of(&words->campaign->actions[i]);
        return sal_policy_may_sign(words->policy, actions, words->campaign->action_count, key, reterr);
}
