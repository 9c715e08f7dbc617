-- SPDX-License-Identifier: EUPL-1.2
-- Who decides about what (decisions D25 and D43): the sender's unit as it was when the mail was held, how many
-- recipients the mail had, and whether a rule that held the copy asks for two persons.
ALTER TABLE mail ADD COLUMN unit TEXT;
ALTER TABLE mail ADD COLUMN recipients BIGINT NOT NULL DEFAULT 1;
ALTER TABLE held ADD COLUMN needs_two BOOLEAN NOT NULL DEFAULT FALSE;

-- What the first of two persons proposed; the words are sealed under the audit's key.
CREATE TABLE proposal (
    copy TEXT PRIMARY KEY,
    resolution TEXT NOT NULL,
    actor TEXT NOT NULL,
    role TEXT NOT NULL,
    at BIGINT NOT NULL,
    ground TEXT NOT NULL,
    note BYTEA NOT NULL
);

-- By which role somebody acted, what a proposal was about, and who confirmed.
ALTER TABLE audit ADD COLUMN role TEXT;
ALTER TABLE audit ADD COLUMN about TEXT;
ALTER TABLE audit ADD COLUMN second TEXT;
