-- SPDX-License-Identifier: EUPL-1.2
-- Who is told what becomes of a held copy, and what of it is still to be told (decision D16).

-- The address told, and the language written in; without an address nobody is told. Neither is kept of private mail
-- beyond the address the envelope gives anyway (decision D20).
ALTER TABLE mail ADD COLUMN tell TEXT;
ALTER TABLE mail ADD COLUMN language TEXT;

-- 'expiring', 'released', 'rejected' or 'expired' until the sender has been told.
ALTER TABLE held ADD COLUMN untold TEXT;
CREATE INDEX held_untold ON held (untold) WHERE untold IS NOT NULL;

-- When a sender was last told of such an event: at most one notice an hour.
CREATE TABLE told (tell TEXT NOT NULL, event TEXT NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (tell, event));
