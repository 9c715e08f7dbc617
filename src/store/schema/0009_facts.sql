-- SPDX-License-Identifier: EUPL-1.2
-- The journal keeps the facts judged (decision D23): what all copies of a mail have in common once and sealed, each
-- recipient a row. Rows of before stay in the table `journal` until they expire.
--
-- Names under which something is found are keyed hashes, cut to 47 bits: as numbers they take six bytes. What two names
-- share is told apart by the sealed text. Ids count on from the milliseconds of the time of writing, so that times need no
-- column and no index; the copies of a mail have its own id and those that follow it.

CREATE TABLE journaled_next (name BIGINT PRIMARY KEY, next BIGINT NOT NULL);
INSERT INTO journaled_next (name, next) VALUES (1, 0);

-- Texts that many mails have in common: units, sets of rules, causes, versions of what mails were judged by.
CREATE TABLE journaled_word (id BIGINT PRIMARY KEY, word TEXT NOT NULL);
CREATE UNIQUE INDEX journaled_word_word ON journaled_word (word);

CREATE TABLE journaled_mail (
    id BIGINT PRIMARY KEY,
    copies BIGINT NOT NULL,
    mail BIGINT NOT NULL,
    queue_id BIGINT,
    message_id BIGINT,
    sender BIGINT,
    private BOOLEAN NOT NULL,
    unit BIGINT,
    sources BIGINT,
    sealed BYTEA NOT NULL
);
CREATE INDEX journaled_mail_mail ON journaled_mail (mail);
CREATE INDEX journaled_mail_queue_id ON journaled_mail (queue_id) WHERE queue_id IS NOT NULL;
CREATE INDEX journaled_mail_message_id ON journaled_mail (message_id) WHERE message_id IS NOT NULL;
CREATE INDEX journaled_mail_sender ON journaled_mail (sender) WHERE sender IS NOT NULL;

-- What was put off has a number for its retry key (decision D11), how often that was, when last, and what was said then,
-- sealed.
CREATE TABLE journaled_copy (
    id BIGINT PRIMARY KEY,
    recipient BIGINT,
    class BIGINT,
    disposition BIGINT NOT NULL,
    observed BIGINT,
    rules BIGINT,
    cause BIGINT,
    times BIGINT NOT NULL,
    retry BIGINT,
    last BIGINT,
    reply BYTEA
);
CREATE INDEX journaled_copy_recipient ON journaled_copy (recipient) WHERE recipient IS NOT NULL;
CREATE INDEX journaled_copy_retry ON journaled_copy (retry) WHERE retry IS NOT NULL;
