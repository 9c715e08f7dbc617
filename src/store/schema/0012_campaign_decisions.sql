-- SPDX-License-Identifier: EUPL-1.2
-- What people decided about bulk sends (decision D22), and who sent them: sealed under the audit's key, by the keyed hash
-- of the address. A proposal about a bulk send stands among the others, under its id. All of it goes with the campaign.
CREATE TABLE campaign_decision (
    campaign TEXT PRIMARY KEY,
    resolution TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE TABLE campaign_sender (
    member BIGINT PRIMARY KEY,
    address BYTEA NOT NULL
);
