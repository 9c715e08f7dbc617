-- SPDX-License-Identifier: EUPL-1.2
-- What expires of a chain is found at its beginning, in the order of its key.
DROP INDEX audit_node_at;
