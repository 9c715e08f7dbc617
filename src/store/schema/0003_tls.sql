-- SPDX-License-Identifier: EUPL-1.2
-- How both sides of us were protected while a mail came by: version/suite/verified or unverified; none in clear.
ALTER TABLE journal ADD COLUMN client_tls TEXT;
ALTER TABLE journal ADD COLUMN next_hop_tls TEXT;
