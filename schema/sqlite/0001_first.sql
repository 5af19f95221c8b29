-- SPDX-License-Identifier: Apache-2.0
-- The ledger, version 1. Migrations run in one transaction, in order of their number; a released one is never edited.
-- The server sets application_id ("SLVR") and user_version (the number of the newest migration) by itself.
--
-- States, causes, kinds and types are stored as the numbers of the server's enums (server/model/offer.h,
-- server/ledger/store.h), which are pinned by assertions in server/ledger/enums.c. Times ending in _ms are unix time,
-- those ending in _served_ms served time. A text that may be missing is '' where it is short, NULL where it is long.

CREATE TABLE setting (
        name  TEXT NOT NULL PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 64),
        value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- ---- machines ----

CREATE TABLE machine (
        row             INTEGER PRIMARY KEY,
        id              TEXT    NOT NULL UNIQUE
                        CHECK (length(id) BETWEEN 1 AND 64 AND id NOT GLOB '*[^A-Za-z0-9._:-]*' AND id NOT GLOB '.*'),
        pin             TEXT    NOT NULL CHECK (length(pin) <= 32),
        opt_out         INTEGER NOT NULL CHECK (opt_out IN (0, 1)),
        deleted         INTEGER NOT NULL CHECK (deleted IN (0, 1)),
        anonymous       INTEGER NOT NULL CHECK (anonymous IN (0, 1)),
        incarnation     INTEGER NOT NULL CHECK (incarnation >= 1),
        generation      INTEGER NOT NULL CHECK (generation >= 0),
        token_used      INTEGER NOT NULL CHECK (token_used IN (0, 1)),
        standing        INTEGER NOT NULL CHECK (standing BETWEEN 0 AND 5),
        standing_reason TEXT    NOT NULL CHECK (length(standing_reason) <= 47),
        first_seen_ms   INTEGER NOT NULL,
        last_seen_ms    INTEGER NOT NULL,
        boots           TEXT    NOT NULL CHECK (length(boots) <= 519), -- ids, newest first, parted by spaces
        facts           TEXT,
        labels          TEXT
) STRICT;

-- Lists by standing (needs_hands above all) page by row, however few of ten million stand there.
CREATE INDEX machine_standing ON machine (standing) WHERE deleted = 0;
-- The few about which the campaigns alone cannot answer.
CREATE INDEX machine_special ON machine (id) WHERE pin <> '' OR opt_out = 1 OR deleted = 1 OR generation > 1;

-- Sums, kept by the store with every change of a machine.
CREATE TABLE machine_count (
        standing INTEGER NOT NULL PRIMARY KEY CHECK (standing BETWEEN 0 AND 5),
        machines INTEGER NOT NULL CHECK (machines >= 0)
) STRICT;
INSERT INTO machine_count (standing, machines) VALUES (0, 0), (1, 0), (2, 0), (3, 0), (4, 0), (5, 0);

-- ---- campaigns ----

CREATE TABLE campaign (
        row                 INTEGER PRIMARY KEY AUTOINCREMENT,
        id                  TEXT    NOT NULL CHECK (length(id) BETWEEN 1 AND 63 AND id NOT GLOB '*[^a-z0-9-]*'),
        version             INTEGER NOT NULL CHECK (version BETWEEN 1 AND 2147483647),
        state               INTEGER NOT NULL CHECK (state BETWEEN 0 AND 7),
        digest              TEXT    NOT NULL CHECK (length(digest) IN (0, 64)),
        drafted_by          TEXT    NOT NULL CHECK (length(drafted_by) <= 63),
        created_ms          INTEGER NOT NULL,
        started_ms          INTEGER NOT NULL,
        start_order         INTEGER NOT NULL CHECK (start_order >= 0),
        rings_open          INTEGER NOT NULL CHECK (rings_open BETWEEN 0 AND 16),
        period              INTEGER NOT NULL CHECK (period >= 1),
        halts_resumed       INTEGER NOT NULL CHECK (halts_resumed >= 0),
        served_offset_ms    INTEGER NOT NULL,
        served_stopped_ms   INTEGER NOT NULL,
        last_take_served_ms INTEGER NOT NULL,
        halted_by_engine    INTEGER NOT NULL CHECK (halted_by_engine IN (0, 1)),
        halt_decision       INTEGER NOT NULL CHECK (halt_decision >= 0),
        offers_made         INTEGER NOT NULL CHECK (offers_made >= 0),
        unsettled           INTEGER NOT NULL CHECK (unsettled >= 0),
        succeeded           INTEGER NOT NULL CHECK (succeeded >= 0),
        failed              INTEGER NOT NULL CHECK (failed >= 0),
        silent              INTEGER NOT NULL CHECK (silent >= 0),
        not_applicable      INTEGER NOT NULL CHECK (not_applicable >= 0),
        recalled            INTEGER NOT NULL CHECK (recalled >= 0),
        UNIQUE (id, version)
) STRICT;

CREATE INDEX campaign_live ON campaign (id, version) WHERE state IN (2, 3, 4, 5);
-- Ended ones (withdrawn, expired) that still have offers to settle.
CREATE INDEX campaign_ending ON campaign (id, version) WHERE state IN (6, 7) AND unsettled > 0;

-- Apart from the row above, which changes with every offer, because these bytes hardly ever do.
CREATE TABLE campaign_bytes (
        campaign_row INTEGER PRIMARY KEY REFERENCES campaign (row) ON DELETE CASCADE,
        payload      BLOB NOT NULL CHECK (length(payload) BETWEEN 1 AND 262144),
        envelope     BLOB
) STRICT;

CREATE TABLE signature (
        campaign_row INTEGER NOT NULL REFERENCES campaign (row) ON DELETE CASCADE,
        keyid        TEXT    NOT NULL CHECK (length(keyid) BETWEEN 1 AND 64),
        sig          TEXT    NOT NULL,
        PRIMARY KEY (campaign_row, keyid)
) STRICT, WITHOUT ROWID;

CREATE TABLE tally (
        campaign_row INTEGER NOT NULL REFERENCES campaign (row) ON DELETE CASCADE,
        kind         INTEGER NOT NULL,
        a            INTEGER NOT NULL,
        b            INTEGER NOT NULL,
        v0           INTEGER NOT NULL,
        v1           INTEGER NOT NULL,
        v2           INTEGER NOT NULL,
        v3           INTEGER NOT NULL,
        text         TEXT    NOT NULL,
        PRIMARY KEY (campaign_row, kind, a, b)
) STRICT, WITHOUT ROWID;

-- ---- offers ----

CREATE TABLE offer (
        row               INTEGER PRIMARY KEY AUTOINCREMENT,
        campaign_row      INTEGER NOT NULL REFERENCES campaign (row),
        machine_row       INTEGER NOT NULL REFERENCES machine (row),
        attempt           INTEGER NOT NULL CHECK (attempt >= 1),
        incarnation       INTEGER NOT NULL CHECK (incarnation >= 1),
        period            INTEGER NOT NULL CHECK (period >= 1),
        ring              INTEGER NOT NULL CHECK (ring BETWEEN 0 AND 15),
        state             INTEGER NOT NULL CHECK (state BETWEEN 0 AND 5),
        cause             INTEGER NOT NULL CHECK (cause BETWEEN 0 AND 12),
        can_healthy       INTEGER NOT NULL CHECK (can_healthy IN (0, 1)),
        counted           INTEGER NOT NULL CHECK (counted IN (0, 1)),
        excluded          INTEGER NOT NULL CHECK (excluded IN (0, 1)),
        late_applied      INTEGER NOT NULL CHECK (late_applied IN (0, 1)),
        anonymous         INTEGER NOT NULL CHECK (anonymous IN (0, 1)),
        made_ms           INTEGER NOT NULL,
        applied_ms        INTEGER NOT NULL,
        settled_ms        INTEGER NOT NULL,
        made_served_ms    INTEGER NOT NULL,
        applied_served_ms INTEGER NOT NULL,
        due_kind          INTEGER NOT NULL CHECK (due_kind BETWEEN 0 AND 2),
        due_served_ms     INTEGER NOT NULL,
        slot_i            INTEGER NOT NULL,
        slot_o            INTEGER NOT NULL,
        stage             INTEGER NOT NULL CHECK (stage BETWEEN 0 AND 15),
        boot_id           TEXT    NOT NULL CHECK (length(boot_id) <= 64),
        cohorts           TEXT    NOT NULL -- numbers j, parted by commas
) STRICT;

CREATE INDEX offer_machine ON offer (machine_row, campaign_row);
CREATE INDEX offer_campaign ON offer (campaign_row);
CREATE INDEX offer_state ON offer (campaign_row, state);
-- Timers: only offers that have one stand here, so the next that is due is always the first entry.
CREATE INDEX offer_due ON offer (campaign_row, due_served_ms) WHERE due_kind <> 0;

-- Unsettled offers outside the pace: few, and their number is needed when the sums are loaded.
CREATE INDEX offer_special ON offer (campaign_row, state) WHERE excluded <> 0 OR anonymous <> 0;

-- Which counted offers carry a cohort value, for the moment when it is held.
CREATE TABLE offer_cohort (
        campaign_row INTEGER NOT NULL,
        period       INTEGER NOT NULL,
        j            INTEGER NOT NULL,
        offer_row    INTEGER NOT NULL REFERENCES offer (row),
        PRIMARY KEY (campaign_row, period, j, offer_row)
) STRICT, WITHOUT ROWID;

-- Sums per ring, kept by the store with every change of an offer.
CREATE TABLE ring_count (
        campaign_row   INTEGER NOT NULL REFERENCES campaign (row) ON DELETE CASCADE,
        ring           INTEGER NOT NULL CHECK (ring BETWEEN 0 AND 15),
        machines       INTEGER NOT NULL CHECK (machines >= 0),
        offered        INTEGER NOT NULL CHECK (offered >= 0),
        unsettled      INTEGER NOT NULL CHECK (unsettled >= 0),
        succeeded      INTEGER NOT NULL CHECK (succeeded >= 0),
        failed         INTEGER NOT NULL CHECK (failed >= 0),
        not_applicable INTEGER NOT NULL CHECK (not_applicable >= 0),
        PRIMARY KEY (campaign_row, ring)
) STRICT, WITHOUT ROWID;

CREATE TABLE report (
        row       INTEGER PRIMARY KEY,
        offer_row INTEGER NOT NULL REFERENCES offer (row),
        at_ms     INTEGER NOT NULL,
        stage     TEXT    NOT NULL CHECK (length(stage) BETWEEN 1 AND 15),
        boot_id   TEXT    NOT NULL CHECK (length(boot_id) <= 64),
        accepted  INTEGER NOT NULL CHECK (accepted IN (0, 1)),
        actions   TEXT,
        log       TEXT
) STRICT;

CREATE INDEX report_offer ON report (offer_row);

-- ---- journal ----

-- Append-only: seq from 1 without gaps. Archiving old entries will be a migration that changes these rules openly.
CREATE TABLE journal (
        seq        INTEGER PRIMARY KEY,
        at_ms      INTEGER NOT NULL,
        type       INTEGER NOT NULL CHECK (type BETWEEN 0 AND 9),
        version    INTEGER NOT NULL,
        offer_row  INTEGER NOT NULL,
        cause      INTEGER NOT NULL CHECK (cause BETWEEN 0 AND 12),
        campaign   TEXT,
        machine_id TEXT,
        ring       TEXT,
        detail     TEXT
) STRICT;

CREATE INDEX journal_decision ON journal (campaign) WHERE type = 8;

CREATE TRIGGER journal_in_order BEFORE INSERT ON journal
WHEN NEW.seq <> 1 + (SELECT coalesce(max(seq), 0) FROM journal)
BEGIN
        SELECT raise(ABORT, 'the journal has no gaps');
END;

CREATE TRIGGER journal_no_update BEFORE UPDATE ON journal
BEGIN
        SELECT raise(ABORT, 'the journal is append-only');
END;

CREATE TRIGGER journal_no_delete BEFORE DELETE ON journal
BEGIN
        SELECT raise(ABORT, 'the journal is append-only');
END;

-- ---- enrollment tokens, elevations, artifacts ----

CREATE TABLE enroll_token (
        row        INTEGER PRIMARY KEY AUTOINCREMENT,
        hash       TEXT    NOT NULL UNIQUE CHECK (length(hash) = 64),
        machine_id TEXT    NOT NULL CHECK (length(machine_id) <= 64),
        uses_max   INTEGER NOT NULL CHECK (uses_max >= 1),
        uses       INTEGER NOT NULL CHECK (uses BETWEEN 0 AND uses_max),
        reenroll   INTEGER NOT NULL CHECK (reenroll IN (0, 1)),
        reimaged   INTEGER NOT NULL CHECK (reimaged IN (0, 1)),
        created_ms INTEGER NOT NULL,
        expires_ms INTEGER NOT NULL,
        created_by TEXT    NOT NULL CHECK (length(created_by) <= 63)
) STRICT;

CREATE TABLE elevation (
        id            TEXT    NOT NULL PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 32),
        challenge     TEXT    NOT NULL CHECK (length(challenge) BETWEEN 1 AND 64),
        operator_name TEXT    NOT NULL CHECK (length(operator_name) <= 63),
        method        TEXT    NOT NULL CHECK (length(method) <= 7),
        path          TEXT    NOT NULL CHECK (length(path) <= 255),
        body_sha256   TEXT    NOT NULL CHECK (length(body_sha256) IN (0, 64)),
        reason        TEXT    NOT NULL CHECK (length(reason) <= 255),
        expires_ms    INTEGER NOT NULL,
        consumed      INTEGER NOT NULL CHECK (consumed IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE INDEX elevation_expires ON elevation (expires_ms);
CREATE INDEX elevation_operator ON elevation (operator_name) WHERE consumed = 0;

CREATE TABLE artifact (
        sha256       TEXT    NOT NULL PRIMARY KEY CHECK (length(sha256) = 64),
        length_bytes INTEGER NOT NULL CHECK (length_bytes >= 0),
        at_ms        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
