-- SPDX-License-Identifier: EUPL-1.2
-- The rules of a held copy as rows, so that copies are found by their rule; and an index for whatever looked through a
-- whole table.

CREATE TABLE held_rule (
    copy TEXT NOT NULL,
    rule TEXT NOT NULL,
    held_at BIGINT NOT NULL,
    PRIMARY KEY (copy, rule)
);
CREATE INDEX held_rule_rule ON held_rule (rule, held_at, copy);
-- Copies held before stand in no row yet; the next start writes them and takes this away.
INSERT INTO meta (name, value) VALUES ('held_rules_missing', '');

CREATE INDEX held_at ON held (held_at, id);
CREATE INDEX held_expires ON held (expires) WHERE state = 'held';
CREATE INDEX held_unwarned ON held (expires) WHERE state = 'held' AND NOT warned;
CREATE INDEX held_decided ON held (decided_at) WHERE decided_at IS NOT NULL;
CREATE INDEX mail_received ON mail (received);
CREATE INDEX outbox_copy ON outbox (copy) WHERE copy IS NOT NULL;
CREATE INDEX outbox_created ON outbox (created, id);
CREATE INDEX outbox_ended ON outbox (ended) WHERE ended IS NOT NULL;
CREATE INDEX told_at ON told (at);
CREATE INDEX audit_node_at ON audit (node, at, seq);
CREATE INDEX journal_copy ON journal (copy) WHERE copy IS NOT NULL;
CREATE INDEX blob_stored ON blob (stored);
