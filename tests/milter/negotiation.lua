-- SPDX-License-Identifier: EUPL-1.2
-- For miltertest: what each version of an MTA agrees on with the filter at `port`.

local place = "inet:" .. port .. "@127.0.0.1"

-- miltertest keeps an error's words to itself.
local function must(ok, what)
    if not ok then
        mt.echo(what)
        error(what)
    end
end

local function agree(version, actions, steps)
    local conn = mt.connect(place)
    must(conn ~= nil, "no connection")
    -- Against its manual, miltertest takes the steps first.
    return conn, mt.negotiate(conn, version, steps, actions)
end

local EVERY_ACTION, EVERY_STEP = 0x1ff, 0x1fffff
for version, steps in pairs({[2] = 0x7f, [3] = 0x1ff, [4] = 0x3ff, [5] = 0x3ff, [6] = EVERY_STEP}) do
    local actions = version == 6 and EVERY_ACTION or 0x3f
    local conn, fault = agree(version, actions, steps)
    must(fault == nil, "version " .. version .. ": " .. tostring(fault))
    must(mt.test_action(conn, SMFIF_DELRCPT), "version " .. version .. ": no recipients would be deleted")
    must(mt.test_option(conn, SMFIP_NR_HDR) == (version > 2), "version " .. version .. ": answers to headers")
    must(mt.test_option(conn, SMFIP_HDR_LEADSPC) == (version == 6), "version " .. version .. ": leading spaces")
    -- Every step that matters is wanted.
    for _, step in ipairs({SMFIP_NOCONNECT, SMFIP_NOHELO, SMFIP_NOMAIL, SMFIP_NORCPT, SMFIP_NOBODY, SMFIP_NOHDRS, SMFIP_NOEOH}) do
        must(not mt.test_option(conn, step), "version " .. version .. ": a step is left out")
    end
    must(mt.conninfo(conn, "client.example", "192.0.2.7") == nil, "connect")
    mt.disconnect(conn)
end

-- An MTA that keeps recipients to itself is left at once.
local conn, fault = agree(6, EVERY_ACTION - 0x08, EVERY_STEP)
must(fault ~= nil, "it works with an MTA that does not let it delete recipients")
local conn, fault = agree(1, 0x3f, 0x7f)
must(fault ~= nil, "it speaks version 1")
