-- SPDX-License-Identifier: EUPL-1.2
-- A person's own words, sealed under a key of the audit so that they can be read as long as the audit stands (decision
-- D40). The form says what the MAC of an entry covers.
ALTER TABLE audit ADD COLUMN form BIGINT NOT NULL DEFAULT 1;
ALTER TABLE audit ADD COLUMN note BYTEA;
CREATE INDEX audit_object ON audit (object);
