-- SPDX-License-Identifier: Apache-2.0
-- A halt, a withdrawal or an expiry recalls every offered offer of the campaign: those up to recall_row, with this
-- cause, piece by piece (a million of them must not hold the ledger); 0: none is left to recall.
ALTER TABLE campaign ADD COLUMN recall_row INTEGER NOT NULL DEFAULT 0 CHECK (recall_row >= 0);
ALTER TABLE campaign ADD COLUMN recall_cause INTEGER NOT NULL DEFAULT 0 CHECK (recall_cause BETWEEN 0 AND 12);

-- Whether a machine was known to match when the fleet was counted after the start: -1 not counted yet, 0 none, 1 some.
-- It was a setting of the campaign's own, "fleet_known.<row>".
ALTER TABLE campaign ADD COLUMN fleet_known INTEGER NOT NULL DEFAULT -1 CHECK (fleet_known BETWEEN -1 AND 1);
UPDATE campaign SET fleet_known =
        coalesce((SELECT CAST(value AS INTEGER) <> 0 FROM setting WHERE name = 'fleet_known.' || campaign.row), -1);
DELETE FROM setting WHERE name GLOB 'fleet_known.*';

-- Campaign's served time at which the last unsettled offer settled, or a machine was last told to wait for room: quiet
-- begins anew there.
ALTER TABLE campaign ADD COLUMN last_busy_served_ms INTEGER NOT NULL DEFAULT 0;

-- What operators lay on a campaign beyond its signed plan, as JSON (server/model/limits.h).
CREATE TABLE campaign_limits (
        campaign_row INTEGER PRIMARY KEY REFERENCES campaign (row) ON DELETE CASCADE,
        limits       TEXT    NOT NULL CHECK (length(limits) BETWEEN 2 AND 1048576),
        set_ms       INTEGER NOT NULL,
        set_by       TEXT    NOT NULL CHECK (length(set_by) <= 63)
) STRICT;
