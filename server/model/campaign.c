/* SPDX-License-Identifier: Apache-2.0 */
#include "model/campaign.h"

#include "base/encode.h"
#include "model/action.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static const int64_t LIFE_MAX_MS = (int64_t)SAL_CAMPAIGN_LIFE_MAX_DAYS * 24 * 3600 * 1000;
enum { TITLE_MAX_BYTES = 200, SUMMARY_MAX_BYTES = 4096, LINKS_MAX = 16, LINK_MAX_BYTES = 2048, PRIORITY_MAX = 1000 };

/* What stands behind a campaign: its JSON tree, from which every string is borrowed. */
struct counted_campaign {
        struct sal_campaign campaign; /* first, so that both have one address */
        atomic_int refs;
        json_t *source;
};

struct sal_campaign *sal_campaign_ref(struct sal_campaign *campaign) {
        if (campaign)
                atomic_fetch_add_explicit(&((struct counted_campaign *)campaign)->refs, 1, memory_order_relaxed);
        return campaign;
}

void sal_campaign_unref(struct sal_campaign *campaign) {
        struct counted_campaign *counted = (struct counted_campaign *)campaign;
        if (!counted || atomic_fetch_sub_explicit(&counted->refs, 1, memory_order_acq_rel) != 1)
                return;
        for (size_t i = 0; i < campaign->action_count; i++)
                sal_action_done(&campaign->actions[i]);
        for (size_t i = 0; i < campaign->verify_count; i++)
                sal_verify_done(&campaign->verify[i]);
        free(campaign->actions);
        free(campaign->verify);
        free(campaign->links);
        free(campaign->supersedes);
        sal_selector_free(campaign->match);
        json_decref(counted->source);
        free(counted);
}

static enum sal_status parse_identity(const struct sal_json_at *at, struct sal_campaign *c, struct sal_err *reterr) {
        const char *schema = NULL;
        const char *id = NULL;
        const char *domain = NULL;
        enum sal_status status;
        if ((status = sal_json_string(at, "schema", true, 1, 64, &schema, reterr)))
                return status;
        if (strcmp(schema, SAL_CAMPAIGN_SCHEMA) != 0)
                return sal_json_fail(at, "schema", SAL_E_INVALID, reterr, "\"schema\" must be \"%s\"",
                                     SAL_CAMPAIGN_SCHEMA);
        if ((status = sal_json_string(at, "id", true, 1, SAL_CAMPAIGN_ID_BYTES - 1, &id, reterr)))
                return status;
        if (!sal_campaign_id_valid(id))
                return sal_json_fail(at, "id", SAL_E_INVALID, reterr,
                                     "\"id\" has only a-z, 0-9 and -, and does not begin with -");
        if ((status = sal_json_int(at, "version", true, 1, INT32_MAX, &c->version, reterr)) ||
            (status = sal_json_string(at, "trust_domain", true, 0, 256, &domain, reterr)))
                return status;
        if (!sal_is_sha256_hex(domain))
                return sal_json_fail(at, "trust_domain", SAL_E_INVALID, reterr,
                                     "\"trust_domain\" must be 64 lower-case hex digits: the SHA-256 of 1.root.json");
        memcpy(c->id, id, strlen(id) + 1);
        memcpy(c->trust_domain, domain, sizeof c->trust_domain);
        return SAL_OK;
}

static enum sal_status parse_links(const struct sal_json_at *at, struct sal_campaign *c, struct sal_err *reterr) {
        struct sal_json_at links = {0};
        enum sal_status status = sal_json_array(at, "links", false, 0, LINKS_MAX, &links, reterr);
        if (status || !links.value || json_array_size(links.value) == 0)
                return status;
        c->links = calloc(json_array_size(links.value), sizeof *c->links);
        if (!c->links)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a campaign");
        for (size_t i = 0; i < json_array_size(links.value); i++) {
                struct sal_json_at element = sal_json_element(&links, i);
                const char *link = json_string_value(element.value);
                size_t len = link ? strlen(link) : 0;
                bool good = link && len <= LINK_MAX_BYTES && len > 8 && strncmp(link, "https://", 8) == 0;
                for (size_t k = 0; good && k < len; k++)
                        good = (unsigned char)link[k] > 0x20 && link[k] != 0x7f;
                if (!good)
                        return sal_json_fail(&element, NULL, SAL_E_INVALID, reterr,
                                             "must be an https:// address of at most %d bytes without white space",
                                             LINK_MAX_BYTES);
                c->links[c->link_count++] = link;
        }
        return SAL_OK;
}

static enum sal_status parse_texts(const struct sal_json_at *at, struct sal_campaign *c, struct sal_err *reterr) {
        enum sal_status status;
        c->summary = "";
        if ((status = sal_json_string(at, "title", true, 1, TITLE_MAX_BYTES, &c->title, reterr)) ||
            (status = sal_text_check(at, "title", c->title, "", reterr)) ||
            (status = sal_json_string(at, "summary", false, 0, SUMMARY_MAX_BYTES, &c->summary, reterr)) ||
            (status = sal_text_check(at, "summary", c->summary, "\n\t", reterr)))
                return status;
        return parse_links(at, c, reterr);
}

static enum sal_status parse_times(const struct sal_json_at *at, struct sal_campaign *c, struct sal_err *reterr) {
        enum sal_status status;
        if ((status = sal_json_time(at, "not_before", true, &c->not_before_ms, reterr)) ||
            (status = sal_json_time(at, "expires", true, &c->expires_ms, reterr)))
                return status;
        if (c->expires_ms <= c->not_before_ms || c->expires_ms - c->not_before_ms > LIFE_MAX_MS)
                return sal_json_fail(at, "expires", SAL_E_INVALID, reterr,
                                     "\"expires\" must be after \"not_before\", and at most %d days after it",
                                     SAL_CAMPAIGN_LIFE_MAX_DAYS);
        return SAL_OK;
}

/* The id of another campaign. */
static enum sal_status check_other(const struct sal_json_at *at, const char *key, const struct sal_campaign *c,
                                   const char *id, struct sal_err *reterr) {
        if (!id || !sal_campaign_id_valid(id))
                return sal_json_fail(at, key, SAL_E_INVALID, reterr, "must be the id of a campaign");
        if (strcmp(id, c->id) == 0)
                return sal_json_fail(at, key, SAL_E_INVALID, reterr, "names this campaign itself");
        return SAL_OK;
}

static enum sal_status parse_supersedes(const struct sal_json_at *at, struct sal_campaign *c, struct sal_err *reterr) {
        struct sal_json_at list = {0};
        enum sal_status status = sal_json_array(at, "supersedes", false, 0, SAL_CAMPAIGN_MAX_SUPERSEDES, &list, reterr);
        if (status || !list.value || json_array_size(list.value) == 0)
                return status;
        c->supersedes = calloc(json_array_size(list.value), sizeof *c->supersedes);
        if (!c->supersedes)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a campaign");
        for (size_t i = 0; i < json_array_size(list.value); i++) {
                struct sal_json_at element = sal_json_element(&list, i);
                const char *id = json_string_value(element.value);
                if ((status = check_other(&element, NULL, c, id, reterr)))
                        return status;
                c->supersedes[c->supersedes_count++] = id;
        }
        return SAL_OK;
}

static enum sal_status parse_order(const struct sal_json_at *at, struct sal_campaign *c, struct sal_err *reterr) {
        const char *on_failure = "revert";
        enum sal_status status;
        c->reboot = true;
        if ((status = sal_json_int(at, "priority", false, -PRIORITY_MAX, PRIORITY_MAX, &c->priority, reterr)) ||
            (status = sal_json_bool(at, "drill", false, &c->drill, reterr)) ||
            (status = sal_json_bool(at, "reboot", false, &c->reboot, reterr)) ||
            (status = sal_json_string(at, "on_failure", false, 0, 64, &on_failure, reterr)))
                return status;
        if (strcmp(on_failure, "revert") != 0)
                return sal_json_fail(at, "on_failure", SAL_E_INVALID, reterr, "\"on_failure\" must be \"revert\"");
        if ((status = parse_supersedes(at, c, reterr)) ||
            (status = sal_json_string(at, "undoes", false, 1, SAL_CAMPAIGN_ID_BYTES - 1, &c->undoes, reterr)))
                return status;
        return c->undoes ? check_other(at, "undoes", c, c->undoes, reterr) : SAL_OK;
}

static enum sal_status parse_match(const struct sal_json_at *at, struct sal_campaign *c, struct sal_err *reterr) {
        struct sal_json_at match = {0};
        enum sal_status status = sal_json_object(at, "match", true, &match, reterr);
        return status ? status : sal_selector_parse(&match, &c->match, reterr);
}

static enum sal_status parse_actions(const struct sal_json_at *at, struct sal_campaign *c, struct sal_err *reterr) {
        struct sal_json_at list = {0};
        enum sal_status status = sal_json_array(at, "actions", true, 1, SAL_CAMPAIGN_MAX_ACTIONS, &list, reterr);
        if (status)
                return status;
        c->actions = calloc(json_array_size(list.value), sizeof *c->actions);
        if (!c->actions)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a campaign");
        for (size_t i = 0; i < json_array_size(list.value); i++) {
                struct sal_json_at element = sal_json_element(&list, i);
                /* Counted before it is read, so that what a failed read has allocated is freed too. */
                status = sal_action_parse(&element, &c->actions[c->action_count++], reterr);
                if (status)
                        return status;
        }
        return SAL_OK;
}

static enum sal_status parse_verify(const struct sal_json_at *at, struct sal_campaign *c, struct sal_err *reterr) {
        struct sal_json_at list = {0};
        enum sal_status status = sal_json_array(at, "verify", false, 0, SAL_CAMPAIGN_MAX_VERIFY, &list, reterr);
        if (status || !list.value || json_array_size(list.value) == 0)
                return status;
        c->verify = calloc(json_array_size(list.value), sizeof *c->verify);
        if (!c->verify)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a campaign");
        for (size_t i = 0; i < json_array_size(list.value); i++) {
                struct sal_json_at element = sal_json_element(&list, i);
                status = sal_verify_parse(&element, &c->verify[c->verify_count++], reterr);
                if (status)
                        return status;
        }
        return SAL_OK;
}

static enum sal_status parse_plan(const struct sal_json_at *at, struct sal_campaign *c, struct sal_err *reterr) {
        struct sal_json_at rollout = {0};
        enum sal_status status = sal_json_object(at, "rollout", false, &rollout, reterr);
        return status ? status : sal_plan_parse(&rollout, &c->plan, reterr);
}

static enum sal_status parse_payload(const struct sal_json_at *at, struct sal_campaign *c, struct sal_err *reterr) {
        static const char *const known[] = {"schema",  "id",     "version", "trust_domain", "title",
                                            "summary", "links",  "expires", "not_before",   "priority",
                                            "drill",   "undoes", "match",   "supersedes",   "actions",
                                            "verify",  "reboot", "rollout", "on_failure",   NULL};
        enum sal_status status;
        if ((status = sal_json_only(at, known, reterr)) || (status = parse_identity(at, c, reterr)) ||
            (status = parse_texts(at, c, reterr)) || (status = parse_times(at, c, reterr)) ||
            (status = parse_order(at, c, reterr)) || (status = parse_match(at, c, reterr)) ||
            (status = parse_actions(at, c, reterr)) || (status = parse_verify(at, c, reterr)))
                return status;
        return parse_plan(at, c, reterr);
}

enum sal_status sal_campaign_parse(const char *bytes, size_t len, struct sal_campaign **ret, struct sal_err *reterr) {
        if (len > SAL_CAMPAIGN_MAX_BYTES)
                return sal_fail(reterr, SAL_E_TOO_LARGE, "a campaign has at most %d bytes, this one has %zu",
                                SAL_CAMPAIGN_MAX_BYTES, len);
        struct counted_campaign *counted = calloc(1, sizeof *counted);
        if (!counted)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a campaign");
        atomic_init(&counted->refs, 1);
        sal_auto(sal_campaign) struct sal_campaign *campaign = &counted->campaign;
        enum sal_status status = sal_json_parse(bytes, len, SAL_JSON_MAX_DEPTH, &counted->source, reterr);
        if (status)
                return status;
        struct sal_json_at at = sal_json_root(counted->source);
        status = parse_payload(&at, campaign, reterr);
        if (status)
                return status;
        *ret = SAL_STEAL(campaign);
        return SAL_OK;
}
