/* SPDX-License-Identifier: Apache-2.0 */
#include "service/engine.h"
#include "service/machine_plane.h"
#include "service/views.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { SCAN_MAX = 2000, LABELS_MAX = 32, LABELS_MAX_BYTES = 4096 };

json_t *sal_view_machine(const struct sal_machine *machine) {
        json_t *facts = NULL, *labels = NULL;
        if (machine->facts)
                sal_json_parse(machine->facts, strlen(machine->facts), SAL_JSON_MAX_DEPTH, &facts, NULL);
        if (machine->labels)
                sal_json_parse(machine->labels, strlen(machine->labels), SAL_JSON_MAX_DEPTH, &labels, NULL);
        json_t *view =
                json_pack("{s:s, s:s, s:s*, s:s?, s:b, s:b, s:I, s:o, s:o, s:o, s:o}", "machine_id", machine->id,
                          "state", sal_standing_name(machine->standing), "state_reason",
                          machine->standing_reason[0] ? machine->standing_reason : NULL, "pin",
                          machine->pin[0] ? machine->pin : NULL, "opt_out", (int)machine->opt_out, "enrolled",
                          (int)(machine->generation > 0), "incarnation", (json_int_t)machine->incarnation, "first_seen",
                          sal_view_time(machine->first_seen_ms), "last_seen", sal_view_time(machine->last_seen_ms),
                          "facts", facts ? facts : json_object(), "labels", labels ? labels : json_object());
        if (view && machine->boot_id[0])
                json_object_set_new(view, "boot_id", json_string(machine->boot_id));
        return view;
}

/* ---- list and show ---- */

struct fleet_list {
        const struct sal_machine_filter *filter;
        json_t *items;
        unsigned limit, count, seen;
        int64_t last;
};

static bool fact_equals(const struct sal_facts *facts, const char *name, const char *value) {
        const struct sal_fact *fact = sal_facts_get(facts, name);
        return fact && strcasecmp(fact->text, value) == 0;
}

static bool passes(const struct sal_machine_filter *filter, const struct sal_machine *machine) {
        if (filter->ring && strcmp(filter->ring, machine->pin) != 0)
                return false;
        if (!filter->fact_count)
                return true;
        sal_auto(sal_facts) struct sal_facts *facts = NULL;
        if (!machine->facts || sal_facts_parse_text(machine->facts, &facts))
                return false;
        for (size_t i = 0; i < filter->fact_count; i++)
                if (!fact_equals(facts, filter->fact_names[i], filter->fact_values[i]))
                        return false;
        return true;
}

static bool list_machine(void *arg, const struct sal_machine *machine) {
        struct fleet_list *list = arg;
        list->last = machine->row;
        list->seen++;
        if (!passes(list->filter, machine))
                return true;
        json_array_append_new(list->items, sal_view_machine(machine));
        return ++list->count < list->limit;
}

enum sal_status sal_fleet_list(const struct sal_act *act, const struct sal_machine_filter *filter,
                               const struct sal_page *page, json_t **ret, struct sal_err *reterr) {
        int standing = -1;
        int64_t after = 0;
        if (filter->state && (standing = sal_standing_parse(filter->state)) < 0)
                return sal_fail(reterr, SAL_E_INVALID, "\"%.40s\" is no state of a machine", filter->state);
        if (filter->ring && !sal_ring_name_valid(filter->ring))
                return sal_fail(reterr, SAL_E_INVALID, "a ring's name is 1 to 32 of [a-z0-9-]");
        enum sal_status status = sal_view_cursor(page, &after, reterr);
        if (status)
                return status;
        /* No read may hold the ledger for long: a page looks at so many machines, and may come out short. */
        struct fleet_list list = {.filter = filter, .items = json_array(), .limit = page->limit};
        status = sal_machine_each(act->tx, after, standing, SCAN_MAX, list_machine, &list);
        if (status) {
                json_decref(list.items);
                return status;
        }
        char cursor[24];
        snprintf(cursor, sizeof cursor, "%" PRId64, list.last);
        *ret = sal_view_page(list.items, list.count == list.limit || list.seen == SCAN_MAX ? cursor : NULL);
        return *ret ? SAL_OK : SAL_E_NOMEM;
}

static enum sal_status get_machine(const struct sal_act *act, const char *machine_id, struct sal_machine *ret,
                                   struct sal_err *reterr) {
        enum sal_status status = sal_machine_get(act->tx, machine_id, ret);
        if (status == SAL_OK && ret->deleted) {
                sal_machine_done(ret);
                *ret = (struct sal_machine){0};
                status = SAL_E_NOT_FOUND;
        }
        if (status == SAL_E_NOT_FOUND)
                return sal_fail(reterr, status, "there is no machine %s", machine_id);
        return status;
}

struct offers_view {
        const struct sal_act *act;
        json_t *items;
};

static bool machine_offer(void *arg, const struct sal_offer *offer) {
        struct offers_view *view = arg;
        struct sal_campaign_row row = {0};
        sal_auto(sal_campaign) struct sal_campaign *campaign = NULL;
        if (sal_campaign_row_get_row(view->act->tx, offer->campaign_row, &row))
                return false;
        struct sal_campaign_row full = {0};
        if (!sal_campaign_row_get(view->act->tx, row.id, row.version, true, &full) &&
            !sal_campaign_parse(full.payload, full.payload_len, &campaign, NULL)) {
                json_t *item = sal_view_offer(view->act, &campaign->plan, offer, true);
                json_object_set_new(item, "campaign", json_string(row.id));
                json_object_set_new(item, "version", json_integer(row.version));
                json_array_append_new(view->items, item);
        }
        sal_campaign_row_done(&full);
        sal_campaign_row_done(&row);
        return true;
}

enum sal_status sal_fleet_show(const struct sal_act *act, const char *machine_id, json_t **ret,
                               struct sal_err *reterr) {
        enum { OFFERS_SHOWN = 20 };
        struct sal_machine machine = {0};
        enum sal_status status = get_machine(act, machine_id, &machine, reterr);
        if (status)
                return status;
        json_t *view = sal_view_machine(&machine);
        struct offers_view offers = {.act = act, .items = json_array()};
        status = sal_offer_each_of_machine(act->tx, machine.row, 0, OFFERS_SHOWN, machine_offer, &offers);
        json_object_set_new(view, "offers", offers.items);
        sal_machine_done(&machine);
        if (status) {
                json_decref(view);
                return status;
        }
        *ret = view;
        return SAL_OK;
}

/* ---- change, delete, import ---- */

struct machine_change {
        bool has_pin, has_opt_out, has_labels;
        const char *pin; /* "" takes it away */
        bool opt_out;
        char *labels; /* malloc'ed */
};

static enum sal_status parse_labels(const struct sal_json_at *at, struct machine_change *change,
                                    struct sal_err *reterr) {
        struct sal_json_at labels;
        enum sal_status status = sal_json_object(at, "labels", false, &labels, reterr);
        if (status || !labels.value)
                return status;
        if (json_object_size(labels.value) > LABELS_MAX)
                return sal_json_fail(&labels, NULL, SAL_E_INVALID, reterr, "at most %d labels", LABELS_MAX);
        const char *key;
        json_t *value;
        json_object_foreach ((json_t *)labels.value, key, value) {
                if (!sal_fact_name_valid(key))
                        return sal_json_fail(&labels, key, SAL_E_INVALID, reterr,
                                             "a label's name is 1 to 32 of [a-z0-9_.]");
                if (!json_is_string(value) || json_string_length(value) > SAL_FACT_VALUE_MAX_BYTES)
                        return sal_json_fail(&labels, key, SAL_E_INVALID, reterr,
                                             "a label's value is a string of at most %d bytes",
                                             SAL_FACT_VALUE_MAX_BYTES);
        }
        change->labels = sal_json_dump(labels.value);
        change->has_labels = true;
        return change->labels ? SAL_OK : SAL_E_NOMEM;
}

static enum sal_status parse_change(const struct sal_json_at *at, struct machine_change *change,
                                    struct sal_err *reterr) {
        const json_t *pin = json_object_get(at->value, "pin");
        change->has_pin = pin != NULL;
        change->pin = "";
        enum sal_status status = SAL_OK;
        if (pin && !json_is_null(pin)) {
                status = sal_json_string(at, "pin", true, 1, SAL_RING_NAME_BYTES - 1, &change->pin, reterr);
                if (!status && !sal_ring_name_valid(change->pin))
                        status = sal_json_fail(at, "pin", SAL_E_INVALID, reterr,
                                               "a ring's name is 1 to 32 of [a-z0-9-], null takes the pin away");
        }
        change->has_opt_out = json_object_get(at->value, "opt_out") != NULL;
        if (!status)
                status = sal_json_bool(at, "opt_out", false, &change->opt_out, reterr);
        if (!status)
                status = parse_labels(at, change, reterr);
        return status;
}

static enum sal_status apply_change(const struct sal_act *act, struct sal_machine *machine,
                                    struct machine_change *change) {
        struct sal_engine *engine = act->service->engine;
        enum sal_status status = sal_population_forget(engine, act->tx, machine);
        if (change->has_pin)
                snprintf(machine->pin, sizeof machine->pin, "%s", change->pin);
        bool leaves = change->has_opt_out && change->opt_out && !machine->opt_out;
        if (change->has_opt_out)
                machine->opt_out = change->opt_out;
        if (change->has_labels) {
                free(machine->labels);
                machine->labels = SAL_STEAL(change->labels);
        }
        if (!status)
                status = machine->row ? sal_machine_update(act->tx, machine) : sal_machine_insert(act->tx, machine);
        if (!status && leaves)
                status = sal_machine_recall(engine, act->tx, machine, SAL_CAUSE_OPT_OUT);
        if (!status)
                status = sal_population_count(engine, act->tx, machine);
        /* The snapshot knows nothing of pins and opt-outs: from now on the ledger is asked. Others stay with the
         * snapshot: a whole fleet may be imported. */
        if (machine->pin[0] || machine->opt_out)
                sal_filter_add(act->service->filter, machine->id);
        return status;
}

enum sal_status sal_fleet_change(const struct sal_act *act, const char *machine_id, const json_t *body, json_t **ret,
                                 struct sal_err *reterr) {
        static const char *const known[] = {"pin", "opt_out", "labels", NULL};
        struct sal_json_at at = sal_json_root(body);
        struct machine_change change = {0};
        struct sal_machine machine = {0};
        enum sal_status status = sal_json_only(&at, known, reterr);
        if (!status)
                status = parse_change(&at, &change, reterr);
        if (!status)
                status = get_machine(act, machine_id, &machine, reterr);
        if (!status)
                status = apply_change(act, &machine, &change);
        if (!status)
                status = sal_journal_admin(act, "machine.change", NULL, 0, machine_id,
                                           json_pack("{s:O}", "change", body));
        if (!status)
                status = (*ret = sal_view_machine(&machine)) ? SAL_OK : SAL_E_NOMEM;
        free(change.labels);
        sal_machine_done(&machine);
        return status;
}

enum sal_status sal_fleet_delete(const struct sal_act *act, const char *machine_id, struct sal_err *reterr) {
        struct sal_machine machine = {0};
        enum sal_status status = get_machine(act, machine_id, &machine, reterr);
        if (status)
                return status;
        status = sal_population_forget(act->service->engine, act->tx, &machine);
        if (!status)
                status = sal_machine_recall(act->service->engine, act->tx, &machine, SAL_CAUSE_DELETED);
        /* The row stays, so that its old tokens stay refused, also when it is imported again or comes back by its
         * certificate; what it told of itself goes. */
        machine.deleted = true;
        machine.generation += machine.generation > 0;
        machine.token_used = false;
        machine.opt_out = false;
        machine.pin[0] = '\0';
        machine.standing = SAL_STANDING_KNOWN;
        machine.standing_reason[0] = '\0';
        machine.boot_id[0] = '\0';
        free(machine.facts);
        free(machine.labels);
        machine.facts = machine.labels = NULL;
        if (!status)
                status = sal_machine_update(act->tx, &machine);
        if (!status)
                status = sal_journal_admin(act, "machine.delete", NULL, 0, machine_id, NULL);
        sal_filter_add(act->service->filter, machine.id);
        sal_machine_done(&machine);
        return status;
}

/* What one line says. */
struct import {
        const char *id;
        struct sal_facts *facts;
        struct machine_change change;
};

static void import_done(struct import *import) {
        sal_facts_free(import->facts);
        free(import->change.labels);
}

static enum sal_status parse_import(const json_t *line, struct import *ret, struct sal_err *reterr) {
        static const char *const known[] = {"machine_id", "facts", "pin", "opt_out", "labels", NULL};
        struct sal_json_at at = sal_json_root(line);
        struct sal_json_at facts_at;
        enum sal_status status = sal_json_only(&at, known, reterr);
        if (!status)
                status = sal_json_string(&at, "machine_id", true, 1, SAL_MACHINE_ID_BYTES - 1, &ret->id, reterr);
        if (!status && !sal_machine_id_valid(ret->id))
                status = sal_json_fail(&at, "machine_id", SAL_E_INVALID, reterr,
                                       "must be 1 to 64 of [A-Za-z0-9._:-] without a leading dot");
        if (!status)
                status = sal_json_object(&at, "facts", false, &facts_at, reterr);
        if (!status && facts_at.value)
                status = sal_facts_parse(&facts_at, &ret->facts, reterr);
        if (!status)
                status = parse_change(&at, &ret->change, reterr);
        return status;
}

enum sal_status sal_fleet_import_check(const json_t *line, struct sal_err *reterr) {
        struct import import = {0};
        enum sal_status status = parse_import(line, &import, reterr);
        import_done(&import);
        return status;
}

static enum sal_status replace_facts(const struct sal_act *act, struct sal_machine *machine,
                                     const struct sal_facts *facts) {
        char *text = sal_facts_dump(facts);
        if (!text)
                return SAL_E_NOMEM;
        enum sal_status status = sal_population_forget(act->service->engine, act->tx, machine);
        free(machine->facts);
        machine->facts = text;
        return status ? status : sal_population_count(act->service->engine, act->tx, machine);
}

enum sal_status sal_fleet_import(const struct sal_act *act, const json_t *line, bool *ret_new, struct sal_err *reterr) {
        struct import import = {0};
        struct sal_machine machine = {0};
        enum sal_status status = parse_import(line, &import, reterr);
        if (!status)
                status = sal_machine_get(act->tx, import.id, &machine);
        *ret_new = status == SAL_E_NOT_FOUND || (!status && machine.deleted);
        if (status == SAL_E_NOT_FOUND) {
                status = SAL_OK;
                machine.incarnation = 1;
                snprintf(machine.id, sizeof machine.id, "%s", import.id);
        }
        machine.deleted = false;
        if (!status && import.facts)
                status = replace_facts(act, &machine, import.facts);
        if (!status)
                status = apply_change(act, &machine, &import.change);
        import_done(&import);
        sal_machine_done(&machine);
        return status;
}
