/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/statements.h"

#define MACHINE                                                                                      \
        "row, id, pin, opt_out, deleted, anonymous, incarnation, generation, token_used, standing, " \
        "standing_reason, first_seen_ms, last_seen_ms, boots, facts, labels"
#define CAMPAIGN                                                                                         \
        "row, id, version, state, digest, drafted_by, created_ms, started_ms, start_order, rings_open, " \
        "period, halts_resumed, served_offset_ms, served_stopped_ms, last_take_served_ms, "              \
        "halted_by_engine, halt_decision, offers_made, unsettled, succeeded, failed, silent, "           \
        "not_applicable, recalled, recall_row, recall_cause, fleet_known, last_busy_served_ms"
#define OFFER                                                                                             \
        "row, campaign_row, machine_row, attempt, incarnation, period, ring, state, cause, can_healthy, " \
        "counted, excluded, late_applied, anonymous, made_ms, applied_ms, settled_ms, made_served_ms, "   \
        "applied_served_ms, due_kind, due_served_ms, slot_i, slot_o, stage, boot_id, cohorts, offline"
#define JOURNAL "seq, at_ms, type, version, offer_row, cause, campaign, machine_id, ring, detail"
#define TOKEN "row, hash, machine_id, uses_max, uses, reenroll, reimaged, created_ms, expires_ms, created_by"
#define ELEVATION "id, challenge, operator_name, method, path, body_sha256, reason, expires_ms, consumed"

/* LIMIT -1 is no limit. Where a list has a cursor, the row behind it is found through an index, never by counting. */
const char *const sal_sql_texts[SAL_SQL_COUNT] = {
        /* Deferred: a batch that only reads takes no lock and costs no sync. */
        [SAL_SQL_BEGIN] = "BEGIN",
        [SAL_SQL_COMMIT] = "COMMIT",
        [SAL_SQL_ROLLBACK] = "ROLLBACK",

        [SAL_SQL_SETTING_GET] = "SELECT value FROM setting WHERE name = ?1",
        [SAL_SQL_SETTING_PUT] = "INSERT INTO setting (name, value) VALUES (?1, ?2) "
                                "ON CONFLICT (name) DO UPDATE SET value = excluded.value",

        [SAL_SQL_MACHINE_GET] = "SELECT " MACHINE " FROM machine WHERE id = ?1",
        [SAL_SQL_MACHINE_GET_ROW] = "SELECT " MACHINE " FROM machine WHERE row = ?1",
        [SAL_SQL_MACHINE_INSERT] = "INSERT INTO machine (" MACHINE ") VALUES "
                                   "(NULL, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
        [SAL_SQL_MACHINE_KEYS] = "SELECT pin, opt_out, deleted, generation, standing FROM machine WHERE row = ?1",
        [SAL_SQL_MACHINE_UPDATE] =
                "UPDATE machine SET anonymous = ?2, incarnation = ?3, token_used = ?4, standing_reason = ?5, "
                "first_seen_ms = ?6, last_seen_ms = ?7, boots = ?8, facts = ?9, labels = ?10, "
                "pin = ?11, opt_out = ?12, deleted = ?13, generation = ?14, standing = ?15 WHERE row = ?1",
        /* The usual change: it names no column of an index, so SQLite touches none. */
        [SAL_SQL_MACHINE_UPDATE_SEEN] =
                "UPDATE machine SET anonymous = ?2, incarnation = ?3, token_used = ?4, standing_reason = ?5, "
                "first_seen_ms = ?6, last_seen_ms = ?7, boots = ?8, facts = ?9, labels = ?10 WHERE row = ?1",
        [SAL_SQL_MACHINE_EACH] =
                "SELECT " MACHINE " FROM machine NOT INDEXED WHERE row > ?1 AND deleted = 0 ORDER BY row LIMIT ?2",
        [SAL_SQL_MACHINE_EACH_STANDING] = "SELECT " MACHINE " FROM machine INDEXED BY machine_standing "
                                          "WHERE standing = ?3 AND deleted = 0 AND row > ?1 ORDER BY row LIMIT ?2",
        [SAL_SQL_MACHINE_EACH_SPECIAL] = "SELECT id FROM machine INDEXED BY machine_special "
                                         "WHERE pin <> '' OR opt_out = 1 OR deleted = 1 OR generation > 1",
        [SAL_SQL_MACHINE_COUNTS] = "SELECT standing, machines FROM machine_count",
        [SAL_SQL_MACHINE_COUNT_PUT] = "UPDATE machine_count SET machines = ?2 WHERE standing = ?1",

        [SAL_SQL_CAMPAIGN_GET] = "SELECT " CAMPAIGN " FROM campaign WHERE id = ?1 AND version = ?2",
        [SAL_SQL_CAMPAIGN_GET_ROW] = "SELECT " CAMPAIGN " FROM campaign WHERE row = ?1",
        [SAL_SQL_CAMPAIGN_INSERT] =
                "INSERT INTO campaign (" CAMPAIGN ") VALUES (NULL, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, "
                "?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27)",
        [SAL_SQL_CAMPAIGN_UPDATE] =
                "UPDATE campaign SET state = ?2, digest = ?3, started_ms = ?4, start_order = ?5, rings_open = ?6, "
                "period = ?7, halts_resumed = ?8, served_offset_ms = ?9, served_stopped_ms = ?10, "
                "last_take_served_ms = ?11, halted_by_engine = ?12, halt_decision = ?13, offers_made = ?14, "
                "unsettled = ?15, succeeded = ?16, failed = ?17, silent = ?18, not_applicable = ?19, recalled = ?20, "
                "recall_row = ?21, recall_cause = ?22, fleet_known = ?23, last_busy_served_ms = ?24 "
                "WHERE row = ?1",
        [SAL_SQL_CAMPAIGN_DELETE] = "DELETE FROM campaign WHERE row = ?1",
        [SAL_SQL_CAMPAIGN_EACH] =
                "SELECT " CAMPAIGN " FROM campaign WHERE (id, version) > (?1, ?2) ORDER BY id, version LIMIT ?3",
        [SAL_SQL_CAMPAIGN_EACH_LIVE] = "SELECT " CAMPAIGN " FROM campaign INDEXED BY campaign_live "
                                       "WHERE state IN (2, 3, 4, 5) ORDER BY id, version",
        [SAL_SQL_CAMPAIGN_EACH_ENDING] = "SELECT " CAMPAIGN " FROM campaign INDEXED BY campaign_ending "
                                         "WHERE state IN (6, 7) AND unsettled > 0 ORDER BY id, version",
        [SAL_SQL_CAMPAIGN_ENDED_STAND] =
                "UPDATE campaign SET served_stopped_ms = ?1 WHERE state IN (6, 7) AND served_stopped_ms < 0",
        [SAL_SQL_CAMPAIGN_ENDED_RUN] =
                "UPDATE campaign SET served_offset_ms = served_offset_ms + ?1 - served_stopped_ms, "
                "served_stopped_ms = -1 WHERE state IN (6, 7) AND served_stopped_ms >= 0",
        [SAL_SQL_CAMPAIGN_BYTES_GET] = "SELECT payload, envelope FROM campaign_bytes WHERE campaign_row = ?1",
        [SAL_SQL_CAMPAIGN_BYTES_INSERT] =
                "INSERT INTO campaign_bytes (campaign_row, payload, envelope) VALUES (?1, ?2, ?3)",
        [SAL_SQL_CAMPAIGN_PAYLOAD_PUT] = "UPDATE campaign_bytes SET payload = ?2 WHERE campaign_row = ?1",
        [SAL_SQL_CAMPAIGN_ENVELOPE_PUT] = "UPDATE campaign_bytes SET envelope = ?2 WHERE campaign_row = ?1",
        [SAL_SQL_SIGNATURE_PUT] = "INSERT INTO signature (campaign_row, keyid, sig) VALUES (?1, ?2, ?3) "
                                  "ON CONFLICT (campaign_row, keyid) DO UPDATE SET sig = excluded.sig",
        [SAL_SQL_SIGNATURE_EACH] = "SELECT keyid, sig FROM signature WHERE campaign_row = ?1 ORDER BY keyid",
        [SAL_SQL_SIGNATURE_DELETE_ALL] = "DELETE FROM signature WHERE campaign_row = ?1",
        [SAL_SQL_LIMITS_GET] = "SELECT limits, set_ms, set_by FROM campaign_limits WHERE campaign_row = ?1",
        [SAL_SQL_LIMITS_PUT] = "INSERT INTO campaign_limits (campaign_row, limits, set_ms, set_by) "
                               "VALUES (?1, ?2, ?3, ?4) ON CONFLICT (campaign_row) DO UPDATE SET "
                               "limits = excluded.limits, set_ms = excluded.set_ms, set_by = excluded.set_by",
        [SAL_SQL_LIMITS_DROP] = "DELETE FROM campaign_limits WHERE campaign_row = ?1",

        [SAL_SQL_OFFER_INSERT] =
                "INSERT INTO offer (" OFFER ") VALUES (NULL, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, "
                "?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26)",
        [SAL_SQL_OFFER_ANY] =
                "SELECT 1 FROM offer WHERE machine_row = ?1 AND campaign_row = ?2 AND offline = 0 LIMIT 1",
        [SAL_SQL_OFFER_COHORT_INSERT] =
                "INSERT INTO offer_cohort (campaign_row, period, j, offer_row) VALUES (?1, ?2, ?3, ?4)",
        [SAL_SQL_OFFER_KEYS] = "SELECT campaign_row, ring, state, offline FROM offer WHERE row = ?1",
        [SAL_SQL_OFFER_UPDATE] =
                "UPDATE offer SET cause = ?2, excluded = ?3, late_applied = ?4, applied_ms = ?5, "
                "settled_ms = ?6, applied_served_ms = ?7, due_kind = ?8, due_served_ms = ?9, boot_id = ?10 "
                "WHERE row = ?1",
        [SAL_SQL_OFFER_UPDATE_STATE] =
                "UPDATE offer SET cause = ?2, excluded = ?3, late_applied = ?4, applied_ms = ?5, settled_ms = ?6, "
                "applied_served_ms = ?7, due_kind = ?8, due_served_ms = ?9, boot_id = ?10, state = ?11 WHERE row = ?1",
        [SAL_SQL_OFFER_GET] = "SELECT " OFFER " FROM offer WHERE row = ?1",
        [SAL_SQL_OFFER_EACH_OF_MACHINE] =
                "SELECT " OFFER " FROM offer WHERE machine_row = ?1 ORDER BY row DESC LIMIT ?2",
        [SAL_SQL_OFFER_EACH_OF_MACHINE_CAMPAIGN] =
                "SELECT " OFFER " FROM offer WHERE machine_row = ?1 AND campaign_row = ?2 ORDER BY row LIMIT ?3",
        [SAL_SQL_OFFER_EACH_DUE] = "SELECT " OFFER " FROM offer INDEXED BY offer_due WHERE campaign_row = ?1 "
                                   "AND due_kind <> 0 AND due_served_ms <= ?2 ORDER BY due_served_ms, row LIMIT ?3",
        [SAL_SQL_OFFER_NEXT_DUE] = "SELECT due_served_ms FROM offer INDEXED BY offer_due WHERE campaign_row = ?1 "
                                   "AND due_kind <> 0 ORDER BY due_served_ms LIMIT 1",
        [SAL_SQL_OFFER_NEWEST] = "SELECT coalesce(max(row), 0) FROM offer",
        [SAL_SQL_OFFER_EACH] = "SELECT " OFFER " FROM offer INDEXED BY offer_campaign "
                               "WHERE campaign_row = ?1 AND row > ?2 ORDER BY row LIMIT ?3",
        [SAL_SQL_OFFER_EACH_STATE] = "SELECT " OFFER " FROM offer INDEXED BY offer_state "
                                     "WHERE campaign_row = ?1 AND row > ?2 AND state = ?4 ORDER BY row LIMIT ?3",
        [SAL_SQL_OFFER_EACH_SPECIAL] = "SELECT " OFFER " FROM offer INDEXED BY offer_special "
                                       "WHERE campaign_row = ?1 AND state = ?2 AND (excluded <> 0 OR anonymous <> 0)",
        [SAL_SQL_OFFER_OFFLINE] = "SELECT count(*) FROM offer INDEXED BY offer_offline "
                                  "WHERE campaign_row = ?1 AND offline = 1",
        [SAL_SQL_OFFER_EACH_COHORT] =
                "SELECT " OFFER " FROM offer WHERE excluded = 0 AND row IN "
                "(SELECT offer_row FROM offer_cohort WHERE campaign_row = ?1 AND period = ?2 AND j = ?3) ORDER BY row",
        /* A lower bound of the daemon's served time: the newest that any campaign has noted. */
        [SAL_SQL_OFFER_SERVED_NOW] =
                "SELECT coalesce(max(max(last_take_served_ms, served_stopped_ms)), 0) FROM campaign",
        [SAL_SQL_OFFER_MACHINES_LIVE] = "SELECT m.id FROM campaign c INDEXED BY campaign_live "
                                        "CROSS JOIN offer o INDEXED BY offer_campaign ON o.campaign_row = c.row "
                                        "CROSS JOIN machine m ON m.row = o.machine_row WHERE c.state IN (2, 3, 4, 5)",
        [SAL_SQL_OFFER_MACHINES_REACH] =
                "SELECT m.id FROM campaign c CROSS JOIN offer o INDEXED BY offer_state ON o.campaign_row = c.row "
                "CROSS JOIN machine m ON m.row = o.machine_row WHERE c.state IN (6, 7) AND o.state IN (0, 1, 2) AND "
                "(o.state < 2 OR o.made_served_ms >= "
                "CASE WHEN c.served_stopped_ms >= 0 THEN c.served_stopped_ms ELSE ?1 END - c.served_offset_ms - ?2)",
        [SAL_SQL_RING_COUNTS] = "SELECT ring, machines, offered, unsettled, succeeded, failed, not_applicable "
                                "FROM ring_count WHERE campaign_row = ?1",
        [SAL_SQL_RING_COUNT_PUT] =
                "INSERT INTO ring_count (campaign_row, ring, machines, offered, unsettled, succeeded, failed, "
                "not_applicable) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (campaign_row, ring) DO UPDATE "
                "SET machines = excluded.machines, offered = excluded.offered, unsettled = excluded.unsettled, "
                "succeeded = excluded.succeeded, failed = excluded.failed, not_applicable = excluded.not_applicable",
        [SAL_SQL_REPORT_INSERT] =
                "INSERT INTO report (offer_row, at_ms, stage, boot_id, accepted, actions, log) "
                "SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE (SELECT count(*) FROM report WHERE offer_row = ?1) < ?8",
        [SAL_SQL_REPORT_EACH] = "SELECT offer_row, at_ms, stage, boot_id, accepted, actions, log FROM report "
                                "WHERE offer_row = ?1 ORDER BY row",

        [SAL_SQL_TALLY_PUT] = "INSERT INTO tally (campaign_row, kind, a, b, v0, v1, v2, v3, text) "
                              "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (campaign_row, kind, a, b) "
                              "DO UPDATE SET v0 = excluded.v0, v1 = excluded.v1, v2 = excluded.v2, "
                              "v3 = excluded.v3, text = excluded.text",
        [SAL_SQL_TALLY_EACH] = "SELECT kind, a, b, v0, v1, v2, v3, text FROM tally WHERE campaign_row = ?1 "
                               "ORDER BY kind, a, b",
        [SAL_SQL_TALLY_CLEAR] = "DELETE FROM tally WHERE campaign_row = ?1",

        [SAL_SQL_JOURNAL_INSERT] = "INSERT INTO journal (" JOURNAL ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        [SAL_SQL_JOURNAL_SEQ] = "SELECT coalesce(max(seq), 0) FROM journal",
        [SAL_SQL_JOURNAL_EACH] = "SELECT " JOURNAL " FROM journal WHERE seq > ?1 ORDER BY seq LIMIT ?2",
        [SAL_SQL_JOURNAL_EACH_DECISION] =
                "SELECT " JOURNAL " FROM journal INDEXED BY journal_decision WHERE campaign = ?1 AND type = 8 "
                "AND seq > ?3 AND (?2 = 0 OR version = ?2) ORDER BY seq LIMIT ?4",
        [SAL_SQL_JOURNAL_NEWEST_DECISIONS] =
                "SELECT " JOURNAL " FROM journal INDEXED BY journal_decision WHERE campaign = ?1 AND type = 8 "
                "AND version = ?2 ORDER BY seq DESC LIMIT ?3",

        [SAL_SQL_TOKEN_INSERT] =
                "INSERT INTO enroll_token (" TOKEN ") VALUES (NULL, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        [SAL_SQL_TOKEN_FIND] = "SELECT " TOKEN " FROM enroll_token WHERE hash = ?1",
        [SAL_SQL_TOKEN_USE] = "UPDATE enroll_token SET uses = uses + 1 WHERE row = ?1",
        [SAL_SQL_TOKEN_EACH] = "SELECT " TOKEN " FROM enroll_token WHERE row > ?1 ORDER BY row LIMIT ?2",
        [SAL_SQL_TOKEN_DELETE] = "DELETE FROM enroll_token WHERE row = ?1",

        [SAL_SQL_ELEVATION_INSERT] =
                "INSERT INTO elevation (" ELEVATION ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        [SAL_SQL_ELEVATION_GET] = "SELECT " ELEVATION " FROM elevation WHERE id = ?1",
        [SAL_SQL_ELEVATION_CONSUME] = "UPDATE elevation SET consumed = 1 WHERE id = ?1",
        [SAL_SQL_ELEVATION_DROP] = "DELETE FROM elevation WHERE expires_ms < ?1",
        [SAL_SQL_ELEVATION_OPEN] = "SELECT count(*) FROM elevation WHERE operator_name = ?1 AND consumed = 0",

        [SAL_SQL_ARTIFACT_PUT] = "INSERT INTO artifact (sha256, length_bytes, at_ms) VALUES (?1, ?2, ?3) "
                                 "ON CONFLICT (sha256) DO UPDATE SET length_bytes = excluded.length_bytes",
        [SAL_SQL_ARTIFACT_GET] = "SELECT length_bytes FROM artifact WHERE sha256 = ?1",
        [SAL_SQL_ARTIFACT_EACH] = "SELECT sha256, length_bytes, at_ms FROM artifact WHERE sha256 > ?1 "
                                  "ORDER BY sha256 LIMIT ?2",
        [SAL_SQL_ARTIFACT_DELETE] = "DELETE FROM artifact WHERE sha256 = ?1",
};
