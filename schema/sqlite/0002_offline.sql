-- SPDX-License-Identifier: Apache-2.0
-- Outcomes that came without an offer: a campaign that a machine applied from a bundle. Each is an offer that was
-- settled from the start and stands in no sum of this ledger.
ALTER TABLE offer ADD COLUMN offline INTEGER NOT NULL DEFAULT 0 CHECK (offline IN (0, 1));

-- How many a campaign has, for its views.
CREATE INDEX offer_offline ON offer (campaign_row) WHERE offline = 1;
