/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sal_machine_done(struct sal_machine *machine) {
        free(machine->facts);
        free(machine->labels);
        machine->facts = machine->labels = NULL;
}

enum { BOOTS_BYTES = (SAL_EARLIER_BOOTS + 1) * SAL_BOOT_ID_BYTES };

/* "newest earlier …": a machine's boots in one text. */
static void write_boots(const struct sal_machine *machine, char ret[static BOOTS_BYTES]) {
        int len = snprintf(ret, BOOTS_BYTES, "%s", machine->boot_id);
        for (int i = 0; i < SAL_EARLIER_BOOTS && machine->earlier_boots[i][0]; i++)
                len += snprintf(ret + len, (size_t)(BOOTS_BYTES - len), " %s", machine->earlier_boots[i]);
}

static void read_boots(const char *text, struct sal_machine *ret) {
        for (int i = -1; i < SAL_EARLIER_BOOTS && text && *text; i++) {
                size_t len = strcspn(text, " ");
                char *into = i < 0 ? ret->boot_id : ret->earlier_boots[i];
                snprintf(into, SAL_BOOT_ID_BYTES, "%.*s", (int)len, text);
                text += len + (text[len] == ' ');
        }
}

/* Fills *ret from the row at hand; on failure it holds nothing that must be released. */
static enum sal_status take_machine(struct sal_query *q, struct sal_machine *ret) {
        *ret = (struct sal_machine){.row = sal_take_int(q)};
        sal_take_text(q, ret->id, sizeof ret->id);
        sal_take_text(q, ret->pin, sizeof ret->pin);
        ret->opt_out = sal_take_bool(q);
        ret->deleted = sal_take_bool(q);
        ret->anonymous = sal_take_bool(q);
        ret->incarnation = sal_take_int(q);
        ret->generation = sal_take_int(q);
        ret->token_used = sal_take_bool(q);
        ret->standing = (enum sal_standing)sal_take_enum(q, SAL_STANDINGS);
        sal_take_text(q, ret->standing_reason, sizeof ret->standing_reason);
        ret->first_seen_ms = sal_take_int(q);
        ret->last_seen_ms = sal_take_int(q);
        read_boots(sal_take_borrowed(q), ret);
        ret->facts = sal_take_copy(q, NULL);
        ret->labels = sal_take_copy(q, NULL);
        if (q->status != SAL_OK)
                sal_machine_done(ret);
        return q->status;
}

static enum sal_status get(struct sal_query *q, struct sal_machine *ret) {
        struct sal_machine machine;
        if (!sal_query_row(q))
                return sal_query_missing(q);
        enum sal_status status = take_machine(q, &machine);
        if (status == SAL_OK)
                *ret = machine;
        return status;
}

enum sal_status sal_machine_get(struct sal_tx *tx, const char *id, struct sal_machine *ret) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_MACHINE_GET);
        sal_put_text(&q, id);
        return get(&q, ret);
}

enum sal_status sal_machine_get_row(struct sal_tx *tx, int64_t row, struct sal_machine *ret) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_MACHINE_GET_ROW);
        sal_put_int(&q, row);
        return get(&q, ret);
}

static void count(struct sal_tx *tx, enum sal_standing standing, bool deleted, int change) {
        if (deleted)
                return;
        tx->ledger->machine_counts[standing] += change;
        tx->ledger->machine_counts_dirty = true;
}

enum sal_status sal_machine_insert(struct sal_tx *tx, struct sal_machine *machine) {
        char boots[BOOTS_BYTES];
        write_boots(machine, boots);
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_MACHINE_INSERT);
        sal_put_text(&q, machine->id);
        sal_put_text(&q, machine->pin);
        sal_put_int(&q, machine->opt_out);
        sal_put_int(&q, machine->deleted);
        sal_put_int(&q, machine->anonymous);
        sal_put_int(&q, machine->incarnation);
        sal_put_int(&q, machine->generation);
        sal_put_int(&q, machine->token_used);
        sal_put_int(&q, machine->standing);
        sal_put_text(&q, machine->standing_reason);
        sal_put_int(&q, machine->first_seen_ms);
        sal_put_int(&q, machine->last_seen_ms);
        sal_put_text(&q, boots);
        sal_put_text(&q, machine->facts);
        sal_put_text(&q, machine->labels);
        if (sal_query_run(&q) != SAL_OK)
                return q.status;
        machine->row = sqlite3_last_insert_rowid(tx->ledger->db);
        count(tx, machine->standing, machine->deleted, +1);
        return SAL_OK;
}

/* The stored values that stand in an index or a sum. */
struct machine_keys {
        char pin[SAL_RING_NAME_BYTES];
        bool opt_out, deleted;
        int64_t generation;
        enum sal_standing standing;
};

static enum sal_status get_keys(struct sal_tx *tx, int64_t row, struct machine_keys *ret) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_MACHINE_KEYS);
        sal_put_int(&q, row);
        if (!sal_query_row(&q))
                return q.status != SAL_OK
                               ? q.status
                               : sal_tx_fail(tx, SAL_E_INTERNAL, "no machine %lld to update", (long long)row);
        sal_take_text(&q, ret->pin, sizeof ret->pin);
        ret->opt_out = sal_take_bool(&q);
        ret->deleted = sal_take_bool(&q);
        ret->generation = sal_take_int(&q);
        ret->standing = (enum sal_standing)sal_take_enum(&q, SAL_STANDINGS);
        return q.status;
}

static bool keys_equal(const struct machine_keys *keys, const struct sal_machine *machine) {
        return keys->standing == machine->standing && keys->opt_out == machine->opt_out &&
               keys->deleted == machine->deleted && keys->generation == machine->generation &&
               strcmp(keys->pin, machine->pin) == 0;
}

enum sal_status sal_machine_update(struct sal_tx *tx, const struct sal_machine *machine) {
        struct machine_keys keys;
        enum sal_status status = get_keys(tx, machine->row, &keys);
        if (status != SAL_OK)
                return status;
        char boots[BOOTS_BYTES];
        write_boots(machine, boots);
        bool same = keys_equal(&keys, machine);
        sal_autoquery struct sal_query q =
                sal_query_open(tx, same ? SAL_SQL_MACHINE_UPDATE_SEEN : SAL_SQL_MACHINE_UPDATE);
        sal_put_int(&q, machine->row);
        sal_put_int(&q, machine->anonymous);
        sal_put_int(&q, machine->incarnation);
        sal_put_int(&q, machine->token_used);
        sal_put_text(&q, machine->standing_reason);
        sal_put_int(&q, machine->first_seen_ms);
        sal_put_int(&q, machine->last_seen_ms);
        sal_put_text(&q, boots);
        sal_put_text(&q, machine->facts);
        sal_put_text(&q, machine->labels);
        if (!same) {
                sal_put_text(&q, machine->pin);
                sal_put_int(&q, machine->opt_out);
                sal_put_int(&q, machine->deleted);
                sal_put_int(&q, machine->generation);
                sal_put_int(&q, machine->standing);
        }
        if (sal_query_run(&q) != SAL_OK)
                return q.status;
        if (keys.standing != machine->standing || keys.deleted != machine->deleted) {
                count(tx, keys.standing, keys.deleted, -1);
                count(tx, machine->standing, machine->deleted, +1);
        }
        return SAL_OK;
}

enum sal_status sal_machine_each(struct sal_tx *tx, int64_t after, int standing, unsigned limit,
                                 bool (*each)(void *arg, const struct sal_machine *machine), void *arg) {
        sal_autoquery struct sal_query q =
                sal_query_open(tx, standing < 0 ? SAL_SQL_MACHINE_EACH : SAL_SQL_MACHINE_EACH_STANDING);
        sal_put_int(&q, after);
        sal_put_limit(&q, limit);
        if (standing >= 0)
                sal_put_int(&q, standing);
        bool more = true;
        while (more && sal_query_row(&q)) {
                struct sal_machine machine;
                if (take_machine(&q, &machine) != SAL_OK)
                        break;
                more = each(arg, &machine);
                sal_machine_done(&machine);
        }
        return q.status;
}

enum sal_status sal_machine_each_special(struct sal_tx *tx, bool (*each)(void *arg, const char *id), void *arg) {
        sal_autoquery struct sal_query q = sal_query_open(tx, SAL_SQL_MACHINE_EACH_SPECIAL);
        bool more = true;
        while (more && sal_query_row(&q)) {
                char id[SAL_MACHINE_ID_BYTES];
                sal_take_text(&q, id, sizeof id);
                if (q.status == SAL_OK)
                        more = each(arg, id);
        }
        return q.status;
}

enum sal_status sal_machine_counts(struct sal_tx *tx, int64_t ret[static SAL_STANDINGS]) {
        if (tx->status != SAL_OK)
                return tx->status;
        memcpy(ret, tx->ledger->machine_counts, sizeof tx->ledger->machine_counts);
        return SAL_OK;
}
