-- SPDX-License-Identifier: EUPL-1.2
-- For miltertest: a filter with the rules of the suite at `port` answers each kind of mail in its way.

local place = "inet:" .. port .. "@127.0.0.1"

-- miltertest keeps an error's words to itself.
local function must(ok, what)
    if not ok then
        mt.echo(what)
        error(what)
    end
end

-- One mail to these recipients; what the filter says to its end. `attachment`: with one that nobody can read.
local function send(conn, name, recipients, attachment)
    mt.macro(conn, SMFIC_MAIL, "i", "MT" .. name, "{auth_authen}", "claire.vasseur@justice.gouv.example")
    must(mt.mailfrom(conn, "<claire.vasseur@justice.gouv.example>") == nil, "MAIL")
    for _, recipient in ipairs(recipients) do
        must(mt.rcptto(conn, "<" .. recipient .. ">") == nil, "RCPT")
    end
    must(mt.header(conn, "Message-ID", "<" .. name .. "@justice.gouv.example>") == nil, "header")
    must(mt.header(conn, "Subject", "Folded\n\tsubject") == nil, "header")
    must(mt.header(conn, "Received", "from a by b; Mon, 2 Mar 2026 12:00:00 +0000") == nil, "header")
    if attachment then
        must(mt.header(conn, "Content-Type", "application/zip; name=\"plan.zip\"") == nil, "header")
        must(mt.header(conn, "Content-Transfer-Encoding", "base64") == nil, "header")
    end
    must(mt.eoh(conn) == nil, "end of header")
    must(mt.bodystring(conn, attachment and "UEsDBBQAAAAIAAAAAAAAAAAAAAAA\r\n" or "Voir demain.\r\n") == nil, "body")
    must(mt.eom(conn) == nil, "end of message")
    return mt.getreply(conn)
end

local conn = mt.connect(place)
must(conn ~= nil, "no connection")
must(mt.negotiate(conn, nil, nil, nil) == nil, "negotiation")
must(mt.test_action(conn, SMFIF_DELRCPT) and mt.test_action(conn, SMFIF_CHGBODY), "it does not ask for what it needs")
must(not mt.test_action(conn, SMFIF_QUARANTINE), "it asks for the MTA's quarantine")
must(not mt.test_action(conn, SMFIF_ADDRCPT), "it asks for recipients of its own")
must(mt.conninfo(conn, "client.example", "192.0.2.7") == nil, "connect")
must(mt.helo(conn, "client.example") == nil, "HELO")

must(send(conn, "mt-pass", {"one@pass.example"}) == SMFIR_CONTINUE, "a mail that passes")
must(not mt.eom_check(conn, MT_RCPTDELETE, "<one@pass.example>"), "a recipient is gone")
must(not mt.eom_check(conn, MT_HDRADD) and not mt.eom_check(conn, MT_HDRCHANGE), "the header is touched")
must(not mt.eom_check(conn, MT_BODYCHANGE), "the body is touched")

must(send(conn, "mt-some", {"one@pass.example", "me@held.example"}) == SMFIR_CONTINUE, "one copy held")
must(mt.eom_check(conn, MT_RCPTDELETE, "<me@held.example>"), "the held copy goes on")
must(not mt.eom_check(conn, MT_RCPTDELETE, "<one@pass.example>"), "the other does not")
must(not mt.eom_check(conn, MT_QUARANTINE), "the MTA's quarantine is used")

must(send(conn, "mt-all", {"me@held.example", "you@held.example"}) == SMFIR_DISCARD, "all copies held")

must(send(conn, "mt-refused", {"no@refused.example"}) == SMFIR_REPLYCODE, "refused")

must(send(conn, "mt-later", {"one@pass.example", "x@deferred.example"}) == SMFIR_REPLYCODE, "deferred")

must(send(conn, "mt-strip", {"a@stripped.example"}, true) == SMFIR_CONTINUE, "stripped")
must(mt.eom_check(conn, MT_BODYCHANGE), "the body is as it was")
must(mt.eom_check(conn, MT_HDRCHANGE, "Content-Type"), "the type is as it was")
must(not mt.eom_check(conn, MT_HDRCHANGE, "Subject"), "the subject is touched")

-- What was begun and not ended leaves nothing behind.
must(mt.mailfrom(conn, "<claire.vasseur@justice.gouv.example>") == nil, "MAIL")
must(mt.rcptto(conn, "<me@held.example>") == nil, "RCPT")
must(mt.abort(conn) == nil, "abort")
must(send(conn, "mt-after", {"one@pass.example"}) == SMFIR_CONTINUE, "a mail behind an abort")
mt.disconnect(conn)
