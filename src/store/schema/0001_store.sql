-- SPDX-License-Identifier: EUPL-1.2
-- One text for SQLite and PostgreSQL: ids from us, instants as BIGINT microseconds of the Unix epoch, JSON as TEXT.

CREATE TABLE meta (name TEXT PRIMARY KEY, value BYTEA NOT NULL);

-- The process epoch of each gateway: pending rows of an older epoch belong to nobody (decision D12).
CREATE TABLE node (name TEXT PRIMARY KEY, epoch BIGINT NOT NULL);

-- A sealed content; the file has the same name unless the sealed bytes stand in the row. An empty key is a destroyed one.
CREATE TABLE blob (
    name TEXT PRIMARY KEY,
    wrapped BYTEA NOT NULL,
    size BIGINT NOT NULL,
    stored BIGINT NOT NULL,
    inline BYTEA,
    created BIGINT NOT NULL,
    freed BIGINT
);
CREATE INDEX blob_freed ON blob (freed) WHERE freed IS NOT NULL;

-- What the held copies of one mail have in common. Subject and excerpts are sealed with the blob's data key (D14).
CREATE TABLE mail (
    id TEXT PRIMARY KEY,
    blob TEXT NOT NULL,
    received BIGINT NOT NULL,
    reverse_path TEXT NOT NULL,
    sender TEXT NOT NULL,
    client TEXT,
    login TEXT,
    queue_id TEXT,
    message_id TEXT,
    private BOOLEAN NOT NULL,
    subject BYTEA
);
CREATE INDEX mail_message_id ON mail (message_id);
CREATE INDEX mail_queue_id ON mail (queue_id);
CREATE INDEX mail_sender ON mail (sender);
CREATE INDEX mail_blob ON mail (blob);

CREATE TABLE held (
    id TEXT PRIMARY KEY,
    mail TEXT NOT NULL,
    recipient TEXT NOT NULL,
    address TEXT NOT NULL,
    verbatim TEXT NOT NULL,
    rules TEXT NOT NULL,
    reasons TEXT NOT NULL,
    kinds TEXT NOT NULL,
    max_rank BIGINT,
    findings BYTEA,
    state TEXT NOT NULL,
    held_at BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    warned BOOLEAN NOT NULL,
    decided_at BIGINT,
    node TEXT NOT NULL,
    epoch BIGINT NOT NULL
);
CREATE INDEX held_mail ON held (mail);
CREATE INDEX held_address ON held (address);
CREATE INDEX held_state ON held (state, held_at, id);

-- Decision D11: one key a copy, unique for seven days; `thing` is the held copy or outbox item it led to.
CREATE TABLE retry (key BYTEA PRIMARY KEY, thing TEXT NOT NULL, until BIGINT NOT NULL);
CREATE INDEX retry_until ON retry (until);
CREATE INDEX retry_thing ON retry (thing);

CREATE TABLE outbox (
    id TEXT PRIMARY KEY,
    mail TEXT NOT NULL,
    copy TEXT,
    kind TEXT NOT NULL,
    reverse_path TEXT NOT NULL,
    origin TEXT NOT NULL,
    blob TEXT NOT NULL,
    report TEXT,
    private BOOLEAN NOT NULL,
    state TEXT NOT NULL,
    created BIGINT NOT NULL,
    next_attempt BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    last_reply TEXT,
    ended BIGINT,
    lease_node TEXT,
    lease_until BIGINT NOT NULL,
    node TEXT NOT NULL,
    epoch BIGINT NOT NULL
);
CREATE INDEX outbox_state ON outbox (state, next_attempt);
CREATE INDEX outbox_mail ON outbox (mail);
CREATE INDEX outbox_blob ON outbox (blob);

CREATE TABLE outbox_recipient (
    item TEXT NOT NULL,
    n BIGINT NOT NULL,
    verbatim TEXT NOT NULL,
    address TEXT NOT NULL,
    state TEXT NOT NULL,
    reply TEXT,
    PRIMARY KEY (item, n)
);
CREATE INDEX outbox_recipient_address ON outbox_recipient (address);

-- Decision D27: one chain a writer; entries hold ids.
CREATE TABLE audit (
    node TEXT NOT NULL,
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    ground TEXT NOT NULL,
    mac BYTEA NOT NULL,
    PRIMARY KEY (node, seq)
);
CREATE INDEX audit_at ON audit (at);
CREATE TABLE audit_checkpoint (
    node TEXT PRIMARY KEY,
    seq BIGINT NOT NULL,
    head BYTEA NOT NULL,
    mac BYTEA NOT NULL
);

-- Decision D23: addresses sealed, found by keyed hashes.
CREATE TABLE journal (
    id TEXT PRIMARY KEY,
    at BIGINT NOT NULL,
    mail TEXT NOT NULL,
    client TEXT,
    queue_id TEXT,
    message_id TEXT,
    sender_hash BYTEA NOT NULL,
    recipient_hash BYTEA NOT NULL,
    addresses BYTEA NOT NULL,
    class TEXT NOT NULL,
    disposition TEXT NOT NULL,
    observed TEXT,
    rules TEXT NOT NULL,
    copy TEXT,
    reply TEXT,
    size BIGINT NOT NULL,
    facts TEXT NOT NULL,
    policy TEXT NOT NULL,
    maybe_duplicate BOOLEAN NOT NULL
);
CREATE INDEX journal_at ON journal (at);
CREATE INDEX journal_mail ON journal (mail);
CREATE INDEX journal_queue_id ON journal (queue_id);
CREATE INDEX journal_message_id ON journal (message_id);
CREATE INDEX journal_sender ON journal (sender_hash);
CREATE INDEX journal_recipient ON journal (recipient_hash);
