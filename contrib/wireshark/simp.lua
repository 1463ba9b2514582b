-- A dissector of SIMP, the chat protocol of simp(7), for Wireshark and tshark. README.md says how to use it.
-- It is one file so that it can be copied and named as one.
--
-- A datagram goes through three steps: `read` makes a table of its bytes, `track` compares it with what its
-- conversation has seen, `show` draws both. The first two know nothing of the tree; what they find odd they
-- leave as notes, each of which becomes an expert item. Numbers of sections (SIMP 7) are those of simp(7).

local simp = Proto("simp", "Simple IMC Messaging Protocol")

local PORT = 7777
local HEADER = 39
local SHORT_HEADER = 35 -- without Length
local ACCEPTING_FROM = 100 -- the first chat of the side that accepted, if both count (SIMP 8)
local BUFFER = 1024 -- what most implementations receive into; the rest is cut off (SIMP 1)
local LATE = 10 -- seconds after the opening in which a SYN is a late copy, and no new invitation (SIMP 2)
local KEPT = 8 -- datagrams of a direction that an ACK may still answer
local INFO = 100 -- characters of a text in the Info column

local CONTROL, CHAT = 1, 2
local ERR, SYN, ACK, FIN = 0x01, 0x02, 0x04, 0x08

-- The forms of datagrams (SIMP 1, 7, 8): bytes of Length, and for those that are not as specified what is shown.
local SPECIFIED = { length = 4 }
local TWO_BYTE_LENGTH = { length = 2, name = "two-byte-length", line = "Length has 2 bytes, 4 are specified" }
local ONE_BYTE_LENGTH = { length = 1, name = "one-byte-length", line = "Length has 1 byte, 4 are specified" }
local OF_2021 = { length = 1, name = "form-2021", line = "The form of 2021/22", counts = true }

local names = {
    [CONTROL] = {
        [ERR] = "ERR", [SYN] = "SYN", [ACK] = "ACK", [SYN + ACK] = "SYN+ACK", [FIN] = "FIN",
        [ERR + FIN] = "ERR|FIN", [FIN + ACK] = "FIN|ACK",
    },
    [CHAT] = { [0] = "CHAT", [1] = "CHAT" },
}

local fields = {
    form = ProtoField.string("simp.form", "Form"),
    type = ProtoField.uint8("simp.type", "Type", base.HEX, { [CONTROL] = "control", [CHAT] = "chat" }),
    operation = ProtoField.uint8("simp.operation", "Operation", base.HEX),
    err = ProtoField.bool("simp.operation.err", "ERR", 8, nil, ERR),
    syn = ProtoField.bool("simp.operation.syn", "SYN", 8, nil, SYN),
    ack = ProtoField.bool("simp.operation.ack", "ACK", 8, nil, ACK),
    fin = ProtoField.bool("simp.operation.fin", "FIN", 8, nil, FIN),
    name = ProtoField.string("simp.operation.name", "Name"),
    sequence = ProtoField.uint8("simp.sequence", "Sequence"),
    user = ProtoField.string("simp.user", "User"),
    length = ProtoField.uint32("simp.length", "Length"),
    payload = ProtoField.bytes("simp.payload", "Payload"),
    text = ProtoField.string("simp.text", "Text"),
    trailer = ProtoField.bytes("simp.trailer", "Trailer"),
    ack_in = ProtoField.framenum("simp.ack_in", "Acknowledged in", base.NONE, frametype.ACK),
    ack_to = ProtoField.framenum("simp.ack_to", "Acknowledges", base.NONE, frametype.ACK),
    ack_time = ProtoField.relative_time("simp.ack_time", "Time since its first copy"),
    retransmission_of = ProtoField.framenum("simp.retransmission_of", "First copy in", base.NONE),
}
simp.fields = fields

local severity, group = expert.severity, expert.group

local function deviation(filter, text, how)
    return ProtoExpert.new("simp." .. filter, text, group.PROTOCOL, how)
end

local function sequel(filter, text, how)
    return ProtoExpert.new("simp." .. filter, text, group.SEQUENCE, how)
end

local experts = {
    -- What one datagram shows.
    form = deviation("form.other", "Another form than specified", severity.NOTE),
    short = ProtoExpert.new("simp.short", "Datagram ends inside the header", group.MALFORMED, severity.ERROR),
    type_unknown = deviation("type.unknown", "Unknown type", severity.WARN),
    operation_unknown = deviation("operation.unknown", "Unknown operation", severity.WARN),
    operation_combined = deviation("operation.combined", "Two operations in one", severity.NOTE),
    operation_zero = deviation("operation.zero", "Chat with operation 0", severity.NOTE),
    sequence_range = deviation("sequence.range", "Sequence is neither 0 nor 1", severity.WARN),
    user_spaces = deviation("user.spaces", "User is padded with spaces", severity.NOTE),
    user_leading = deviation("user.leading", "User is padded at the front", severity.NOTE),
    user_nul = deviation("user.nul", "User goes on after a NUL", severity.NOTE),
    user_not_ascii = deviation("user.not_ascii", "User is not printable ASCII", severity.WARN),
    user_empty = deviation("user.empty", "User is empty", severity.NOTE),
    user_ringing = deviation("user.ringing", "It rings: the first chat accepts, not this", severity.NOTE),
    length_missing = deviation("length.missing", "Control datagram without Length", severity.NOTE),
    length_zero = deviation("length.zero", "Length is 0 with a payload after it", severity.NOTE),
    length_beyond = deviation("length.beyond", "Length is more than is there", severity.WARN),
    trailer_unknown = deviation("trailer.unknown", "Bytes after the payload", severity.NOTE),
    trailer_checksum = ProtoExpert.new(
        "simp.trailer.checksum", "Checksum after the payload", group.CHECKSUM, severity.NOTE),
    payload_unexpected = deviation("payload.unexpected", "Payload where none belongs", severity.NOTE),
    text_leading_nul = deviation("text.leading_nul", "Text begins with a NUL", severity.NOTE),
    text_nul = deviation("text.nul", "Text has a NUL", severity.WARN),
    text_not_ascii = deviation("text.not_ascii", "Text has bytes over 127", severity.WARN),
    text_control = deviation("text.control", "Text has control characters", severity.NOTE),
    text_empty = deviation("text.empty", "Chat without a text", severity.NOTE),
    text_long = deviation("text.long", "Text that most implementations cut", severity.NOTE),
    port = deviation("port", "Source port is not 7777", severity.CHAT),
    -- What only the conversation shows.
    user_changed = sequel("user.changed", "User was another before", severity.NOTE),
    user_receiver = sequel("user.receiver", "User is the receiver's", severity.NOTE),
    sequence_order = sequel("sequence.order", "Sequence is not the next one", severity.NOTE),
    retransmission = sequel("retransmission", "Retransmission", severity.NOTE),
    ack_sequence = sequel("ack.sequence", "ACK with another sequence", severity.NOTE),
    ack_again = sequel("ack.again", "Acknowledged again", severity.NOTE),
    ack_nothing = sequel("ack.nothing", "Acknowledges nothing that was seen", severity.WARN),
    ack_syn = sequel("ack.syn", "Bare ACK of a SYN", severity.NOTE),
}
simp.experts = experts

-- Reading ----------------------------------------------------------------------------------------------------

-- Leaves a note: the part of the tree that it is about, a key of `experts`, and the line that is shown.
local function note(to, part, expert_key, line, ...)
    table.insert(to.notes, { part = part, expert = expert_key, line = line:format(...) })
end

local function bytes_of(count)
    return count == 1 and "1 byte" or count .. " bytes"
end

-- Text from the network as it may be shown.
local function escaped(text)
    return (text:gsub("\\", "\\\\"):gsub("[^ -~]", function(c) return ("\\x%02x"):format(c:byte()) end))
end

-- Length in this form; nothing if it is not all there.
local function length_of(bytes, form)
    if #bytes < SHORT_HEADER + form.length then
        return nil
    end
    local length = 0
    for i = SHORT_HEADER + 1, SHORT_HEADER + form.length do
        length = length * 256 + bytes:byte(i)
    end
    return length
end

-- Control datagrams of 2021/22 have the Type that is of chats today, and no payload, which no chat has; its chats show by
-- their User, which is filled up with the digit 0 from the left.
local function is_of_2021(bytes, on_wire)
    local type, operation = bytes:byte(1, 2)
    if type == CHAT and (operation == SYN or operation == ACK or operation == SYN + ACK or operation == FIN) then
        return on_wire == SHORT_HEADER + OF_2021.length
    end
    return bytes:sub(4, SHORT_HEADER):find("^0[ -~]+$") ~= nil
end

-- The form: another than specified only if its Length says exactly what follows it (SIMP 7).
local function form_of(bytes, on_wire)
    local narrow = is_of_2021(bytes, on_wire) and OF_2021 or ONE_BYTE_LENGTH
    for _, form in ipairs({ SPECIFIED, narrow, TWO_BYTE_LENGTH }) do
        if length_of(bytes, form) == on_wire - SHORT_HEADER - form.length then
            return form
        end
    end
    return SPECIFIED
end

local function has(operation, bit)
    return math.floor(operation / bit) % 2 == 1
end

local function read_operation(d)
    local of_type = names[d.type]
    d.name = of_type and of_type[d.operation]
    if not of_type then
        note(d, "type", "type_unknown", "Type 0x%02x, only 0x01 and 0x02 are specified", d.type)
    elseif not d.name then
        note(d, "operation", "operation_unknown", "Operation 0x%02x is not specified", d.operation)
    elseif d.name:find("|", 1, true) then
        note(d, "operation", "operation_combined", "%s in one datagram", d.name:gsub("|", " and "))
    elseif d.type == CHAT and d.operation == 0 then
        note(d, "operation", "operation_zero", "Chat with operation 0, 1 is specified")
    end
    d.known = d.name ~= nil
    d.name = d.name or ("type=0x%02x operation=0x%02x"):format(d.type, d.operation)
    d.is_chat = d.known and d.type == CHAT
    for key, bit in pairs({ syn = SYN, ack = ACK, fin = FIN }) do
        d["is_" .. key] = d.known and d.type == CONTROL and has(d.operation, bit)
    end
    if d.sequence > 1 and not d.form.counts then
        note(d, "sequence", "sequence_range", "Sequence %d, only 0 and 1 are specified", d.sequence)
    end
end

-- The name is what is left without padding of NUL or space, up to an inner NUL; or without the zeros of 2021/22.
local function read_user(d)
    local field = d.bytes:sub(4, SHORT_HEADER)
    if d.form == OF_2021 then
        field = field:gsub("^0+", "")
        field = field .. ("\0"):rep(SHORT_HEADER - 3 - #field)
    end
    local name = field:gsub("^[\0 ]+", ""):gsub("[\0 ]+$", "")
    d.user = name:gsub("\0.*", ""):gsub(" +$", "")
    d.user_shown = escaped(d.user)
    if #field < SHORT_HEADER - 3 then
        return
    elseif d.user == "" then
        note(d, "user", "user_empty", "User is empty")
        return
    end
    if field:find("^[\0 ]") then
        note(d, "user", "user_leading", "User is padded at the front")
    end
    if field:find(" \0*$") then
        note(d, "user", "user_spaces", "User is padded with spaces")
    end
    if name:find("\0", 1, true) then
        note(d, "user", "user_nul", "User goes on after a NUL")
    end
    if d.user:find("[^ -~]") then
        note(d, "user", "user_not_ascii", "User has bytes that are not printable ASCII")
    end
    if d.name == "SYN+ACK" and d.user:lower() == "daemon" then
        note(d, "user", "user_ringing", "SYN+ACK of %s: it rings, its first chat accepts", d.user)
    end
end

local function ones_complement_sum(bytes)
    local sum = 0
    for i = 1, #bytes, 2 do
        local high, low = bytes:byte(i, i + 1)
        sum = sum + high * 256 + (low or 0)
    end
    while sum > 0xffff do
        sum = sum % 0x10000 + math.floor(sum / 0x10000)
    end
    return sum
end

-- Whether the last two bytes are the sum of all before them, or its complement; and that sum.
local function checksum(d)
    local sum = ones_complement_sum(d.bytes:sub(1, -3))
    local high, low = d.bytes:byte(-2, -1)
    local value = high * 256 + low
    return not d.cut and (value == sum or value == 0xffff - sum), sum
end

-- Where the payload ends: where Length says, else where the datagram ends (SIMP 7).
local function read_length(d)
    local after = d.on_wire - d.header
    d.length = length_of(d.bytes, d.form)
    if d.length > after then
        note(d, "length", "length_beyond", "Length %.0f, but a payload of %s", d.length, bytes_of(after))
        return after
    elseif d.length > 0 or after == 0 or (after == 2 and checksum(d)) then
        return d.length
    end
    note(d, "length", "length_zero", "Length 0, but a payload of %s", bytes_of(after))
    return after
end

local function read_trailer(d)
    if #d.trailer == 0 then
        return
    end
    local size = d.on_wire - d.header - d.payload_size
    if size ~= 2 or d.cut then
        note(d, "trailer", "trailer_unknown", "%s after the payload", bytes_of(size))
        return
    end
    local right, sum = checksum(d)
    if right then
        note(d, "trailer", "trailer_checksum", "2-byte checksum after the payload, it is right")
    else
        note(d, "trailer", "trailer_unknown", "2 bytes after the payload, not the checksum: that is 0x%04x", sum)
    end
end

local function read_text(d)
    if d.payload_size == 0 then
        if d.is_chat then
            note(d, "length", "text_empty", "Chat without a text")
        end
        return
    end
    d.text = escaped((d.payload:gsub("^\0", "")))
    if d.payload:find("^\0") then
        note(d, "text", "text_leading_nul", "Text begins with a NUL")
    end
    if d.payload:find("\0", 2, true) then
        note(d, "text", "text_nul", "Text has a NUL")
    end
    if d.payload:find("[\128-\255]") then
        note(d, "text", "text_not_ascii", "Text has bytes over 127")
    end
    if d.payload:find("[\1-\31\127]") then
        note(d, "text", "text_control", "Text has control characters")
    end
    if d.on_wire > BUFFER then
        note(d, "text", "text_long", "Datagram of %d bytes: many receive only %d", d.on_wire, BUFFER)
    end
    if d.known and d.type == CONTROL and not has(d.operation, ERR) then
        note(d, "payload", "payload_unexpected", "%s with a payload of %s", d.name, bytes_of(d.payload_size))
    end
end

-- The datagram as a table. `on_wire` is how long it was; fewer bytes where the capture has cut it.
local function read(bytes, on_wire)
    local form = form_of(bytes, on_wire)
    local d = { bytes = bytes, on_wire = on_wire, cut = #bytes < on_wire, form = form, notes = {} }
    d.header = SHORT_HEADER + form.length
    d.type, d.operation, d.sequence = bytes:byte(1, 3)
    if form.name then
        note(d, "form", "form", form.line)
    end
    if form == OF_2021 and (d.type == CONTROL or d.type == CHAT) then
        d.type = CONTROL + CHAT - d.type
    end
    if d.sequence then
        read_operation(d)
        read_user(d)
    end
    if on_wire == SHORT_HEADER and d.type == CONTROL then
        note(d, "datagram", "length_missing", "No Length: a control datagram of %d bytes", on_wire)
    elseif on_wire < d.header then
        note(d, "datagram", "short", "Ends after %s, the header has %d", bytes_of(on_wire), HEADER)
    elseif #bytes >= d.header then
        d.payload_size = read_length(d)
        d.payload = bytes:sub(d.header + 1, d.header + d.payload_size)
        d.trailer = bytes:sub(d.header + d.payload_size + 1)
        read_trailer(d)
        read_text(d)
    end
    return d
end

-- Tracking ---------------------------------------------------------------------------------------------------

-- A direction of each conversation: the last datagrams that want an ACK, and what is expected of the next one.
local ways = {}

-- What tracking has found out about a frame, for when it is shown again.
local frames = {}

function simp.init()
    ways, frames = {}, {}
end

-- The direction of this datagram, and the one back.
local function directions(pinfo)
    local here = ("%s %d"):format(tostring(pinfo.src), pinfo.src_port)
    local there = ("%s %d"):format(tostring(pinfo.dst), pinfo.dst_port)
    local function way(key)
        ways[key] = ways[key] or { kept = {} }
        return ways[key]
    end
    return way(here .. " > " .. there), way(there .. " > " .. here)
end

-- The sender of this datagram accepts.
local function open(out, back, d, time)
    if not out.opened then
        for _, way in ipairs({ out, back }) do
            way.opened, way.next = time, 0
        end
        out.next = d.form.counts and ACCEPTING_FROM or 0
    end
end

-- What comes next belongs to another chat, and copies nothing of this one but its FIN.
local function close(out, back)
    for _, way in ipairs({ out, back }) do
        way.opened, way.next, way.syn = nil, nil, nil
        way.last = way.last and way.last.is_fin and way.last or nil
    end
end

-- The first copy of a datagram that comes again.
local function first_copy(out, d, time)
    local last = d.name == "SYN" and out.syn or out.last
    if not last or last.bytes ~= d.bytes then
        return nil
    elseif d.name == "SYN" and out.opened and time - out.opened > LATE then
        return nil
    end
    return last
end

local function check_sequence(out, d, found)
    local is_known = d.sequence <= 1 or d.form.counts
    if out.next and is_known and d.sequence ~= out.next then
        note(found, "sequence", "sequence_order", "Sequence %d, the next of this direction is %d",
            d.sequence, out.next)
    end
    out.next = is_known and (d.sequence + 1) % (d.form.counts and 256 or 2) or nil
end

-- A FIN answers an invitation that waits.
local function track_fin(back, frame)
    for _, kept in ipairs(back.kept) do
        if kept.is_syn and kept.acks == 0 then
            kept.acks, frames[kept.frame].ack_in = 1, frame
        end
    end
end

-- A datagram that wants an ACK.
local function track_wanting(out, back, d, found, frame, time)
    local first = first_copy(out, d, time)
    if first then
        first.copies = first.copies + 1
        found.retransmission_of = first.frame
        note(found, "datagram", "retransmission", "The same bytes as in frame %d", first.frame)
        return
    end
    local kept = {
        frame = frame, time = time, bytes = d.bytes, sequence = d.sequence, name = d.name, is_fin = d.is_fin,
        is_syn = d.name == "SYN", text = d.text, copies = 1, acks = 0, ack_sequence = d.sequence,
    }
    -- In the form of 2021/22 the ACK of a control datagram has the next number (SIMP 8).
    if d.form.counts and not d.is_chat and not kept.is_syn then
        kept.ack_sequence = (d.sequence + 1) % 256
    end
    -- A SYN with a text is a message in a chat, one without means that the peer has begun anew (SIMP 2, 7).
    if d.is_fin or (kept.is_syn and out.opened and not d.text) then
        close(out, back)
    end
    table.insert(out.kept, kept)
    if #out.kept > KEPT then
        table.remove(out.kept, 1)
    end
    out.last = kept
    if d.is_chat then
        check_sequence(out, d, found)
    elseif d.is_fin then
        track_fin(back, frame)
    elseif kept.is_syn then
        out.syn = kept
    end
end

-- A SYN+ACK is for a SYN, each time it comes; an ACK is for one that nothing else has answered.
local function may_answer(d, kept)
    if d.name == "SYN+ACK" then
        return kept.is_syn
    end
    return not kept.is_syn or kept.acks == 0
end

-- What an ACK answers: the newest of its sequence that waits for one, or has come more often than it was
-- acknowledged; else the newest that waits at all, for some ACKs carry no sequence; else the newest of its own.
local function answered(back, d)
    local waiting, of_sequence
    for i = #back.kept, 1, -1 do
        local kept = back.kept[i]
        if may_answer(d, kept) then
            local same = kept.ack_sequence == d.sequence
            if same and kept.acks < kept.copies then
                return kept
            end
            waiting = waiting or (kept.acks == 0 and kept)
            of_sequence = of_sequence or (same and kept)
        end
    end
    return waiting or of_sequence
end

-- An ACK of a SYN stands for a SYN+ACK, or refuses (SIMP 7); one of a SYN with a text only acknowledges that.
local function track_bare_ack(out, back, d, found, kept, time)
    if d.text then
        note(found, "operation", "ack_syn", "Refuses the SYN of frame %d with a text", kept.frame)
    elseif not kept.text then
        note(found, "operation", "ack_syn", "Accepts the SYN of frame %d without SYN+ACK", kept.frame)
        open(out, back, d, time)
    end
end

local function track_ack(out, back, d, found, frame, time)
    local kept = answered(back, d)
    if not kept then
        -- The FIN|ACK of one that closes first answers nothing.
        if not d.is_fin then
            note(found, "operation", "ack_nothing", "Acknowledges nothing that was seen")
        end
        return
    end
    found.ack_to = kept.frame
    kept.acks = kept.acks + 1
    local first = frames[kept.frame]
    if kept.acks == 1 then
        first.ack_in, found.ack_time = frame, time - kept.time
    elseif kept.acks > kept.copies and not found.retransmission_of then
        note(found, "operation", "ack_again", "Frame %d was acknowledged in frame %d", kept.frame, first.ack_in)
    end
    if kept.ack_sequence ~= d.sequence then
        note(found, "sequence", "ack_sequence", "%s with sequence %d, the %s of frame %d has %d",
            d.name, d.sequence, kept.name, kept.frame, kept.sequence)
    end
    if d.name == "ACK" and kept.is_syn then
        track_bare_ack(out, back, d, found, kept, time)
    end
end

local function track_user(out, back, d, found)
    if d.user == "" or d.user == out.user then
        return
    elseif out.user then
        note(found, "user", "user_changed", "User was \"%s\" before", escaped(out.user))
    elseif d.user == back.user then
        note(found, "user", "user_receiver", "User is that of the other direction: the receiver's?")
    end
    out.user = d.user
end

-- What the conversation says about this datagram.
local function track(pinfo, d)
    local found = { notes = {} }
    local frame, time = pinfo.number, pinfo.rel_ts
    local out, back = directions(pinfo)
    frames[frame] = found
    if pinfo.dst_port == PORT and pinfo.src_port ~= PORT then
        note(found, "datagram", "port", "Source port %d, others answer to port %d", pinfo.src_port, PORT)
    end
    if not d.known then
        return found
    end
    track_user(out, back, d, found)
    if d.is_chat or d.is_syn or d.is_fin then
        track_wanting(out, back, d, found, frame, time)
    end
    if d.is_ack then
        track_ack(out, back, d, found, frame, time)
    end
    if d.name == "SYN+ACK" then
        open(out, back, d, time)
    end
    return found
end

-- Showing ----------------------------------------------------------------------------------------------------

-- The line of the Info column.
local function summary(d, found)
    if not d.sequence then
        return ("%s, no SIMP"):format(bytes_of(d.on_wire))
    end
    local line = ("%s seq=%d"):format(d.name, d.sequence)
    if not d.is_chat then
        line = line .. " user=" .. d.user_shown
    end
    if d.text then
        local shown = #d.text > INFO and d.text:sub(1, INFO) .. "..." or d.text
        line = ("%s \"%s\""):format(line, shown)
    end
    return found.retransmission_of and line .. " [retransmission]" or line
end

local function show_header(tvb, root, items, d)
    if d.form.name then
        items.form = root:add(fields.form, tvb(), d.form.name):set_generated()
    end
    items.type = root:add(fields.type, tvb(0, 1))
    if d.form == OF_2021 then
        items.type:set_text(("Type: %s (0x%02x)"):format(d.type == CHAT and "chat" or "control", d.bytes:byte()))
    end
    items.operation = root:add(fields.operation, tvb(1, 1)):append_text((" (%s)"):format(d.name))
    if d.type == CONTROL then
        for _, bit in ipairs({ "err", "syn", "ack", "fin" }) do
            items.operation:add(fields[bit], tvb(1, 1))
        end
    end
    if d.known then
        items.operation:add(fields.name, tvb(1, 1), d.name):set_generated()
    end
    items.sequence = root:add(fields.sequence, tvb(2, 1))
    local size = math.min(#d.bytes, SHORT_HEADER) - 3
    if size > 0 then
        items.user = root:add(fields.user, tvb(3, size), d.user_shown)
    end
end

local function show_payload(tvb, root, items, d)
    items.length = root:add(fields.length, tvb(SHORT_HEADER, d.form.length))
    if #d.payload > 0 then
        local range = tvb(d.header, #d.payload)
        items.payload = root:add(fields.payload, range)
        items.text = items.payload:add(fields.text, range, d.text)
    end
    if #d.trailer > 0 then
        items.trailer = root:add(fields.trailer, tvb(#d.bytes - #d.trailer))
    end
end

local function show_links(root, found)
    for _, link in ipairs({ "retransmission_of", "ack_to", "ack_in" }) do
        if found[link] then
            root:add(fields[link], found[link]):set_generated()
        end
    end
    if found.ack_time and found.ack_time >= 0 then
        local nanoseconds = math.floor(found.ack_time * 1e9 + 0.5)
        local seconds = math.floor(nanoseconds / 1e9)
        root:add(fields.ack_time, NSTime.new(seconds, nanoseconds - seconds * 1e9)):set_generated()
    end
end

local function show(tvb, tree, d, found)
    local root = tree:add(simp, tvb()):append_text(", " .. summary(d, found))
    local items = { datagram = root }
    if d.sequence then
        show_header(tvb, root, items, d)
    end
    if d.length then
        show_payload(tvb, root, items, d)
    end
    show_links(root, found)
    for _, from in ipairs({ d, found }) do
        for _, odd in ipairs(from.notes) do
            (items[odd.part] or root):add_proto_expert_info(experts[odd.expert], odd.line)
        end
    end
end

-- What ICMP quotes is no datagram of the conversation.
local icmp, icmpv6 = Field.new("icmp.type"), Field.new("icmpv6.type")

function simp.dissector(tvb, pinfo, tree)
    if tvb:captured_len() == 0 then
        return 0
    end
    local d = read(tvb:raw(), tvb:reported_len())
    local found = frames[pinfo.number]
    if icmp() or icmpv6() then
        found = { notes = {} }
    elseif not pinfo.visited then
        found = track(pinfo, d)
    end
    -- Nothing was found out about what came before its conversation was known to be SIMP.
    found = found or { notes = {} }
    pinfo.cols.protocol = "SIMP"
    pinfo.cols.info:set(summary(d, found))
    show(tvb, tree, d, found)
    return tvb:captured_len()
end

DissectorTable.get("udp.port"):add(PORT, simp)
-- Secure chats are beside it. What is in them nobody can read, but that they are QUIC is known also from a capture that
-- begins in the middle of one.
DissectorTable.get("udp.port"):add(PORT - 1, Dissector.get("quic"))

-- On other ports, what is SIMP to the byte shows that its conversation is SIMP.
simp:register_heuristic("udp", function(tvb, pinfo, tree)
    local size = tvb:captured_len()
    if size < HEADER or size < tvb:reported_len() then
        return false
    end
    local d = read(tvb:raw(), size)
    if not d.known or #d.notes > 0 then
        return false
    end
    pinfo.conversation = simp
    simp.dissector(tvb, pinfo, tree)
    return true
end)
