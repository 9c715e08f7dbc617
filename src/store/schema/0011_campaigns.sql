-- SPDX-License-Identifier: EUPL-1.2
-- Bulk sends under way (decision D22): what is counted, by its kind and key. The values are octroi's own, without text
-- or address.
CREATE TABLE campaign (
    kind BIGINT NOT NULL,
    key BIGINT NOT NULL,
    value BYTEA NOT NULL,
    PRIMARY KEY (kind, key)
);
