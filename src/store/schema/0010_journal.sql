-- SPDX-License-Identifier: EUPL-1.2
-- When rows of the journal were written stands beside their ids, which only grow: a row for each hour in which some were,
-- with the first id and what the clock said. A clock that jumps spoils no ids and no expiry. Rows of before followed the
-- clock: 64 ids for each millisecond since 2020.

CREATE TABLE journaled_hour (first BIGINT PRIMARY KEY, at BIGINT NOT NULL);
INSERT INTO journaled_hour (first, at)
    SELECT MIN(id), (MIN(id) / 64 + 1577836800000) * 1000 FROM journaled_mail GROUP BY id / 230400000;

-- A copy that was put off before anybody judged it, and is judged later, has what was judged then, sealed.
ALTER TABLE journaled_copy ADD COLUMN later BYTEA;

-- Of private mail more was kept than decision D20 allows. Units go at once, what is sealed at the next sweeps.
UPDATE journaled_mail SET unit = NULL WHERE private;
INSERT INTO meta (name, value) VALUES ('journal_private_before', '');
