-- Shows tls_flags, client_authentication_request (CARE), workload_identifier_origin_hint and the
-- acknowledgement of an offer in what Wireshark has decrypted of TLS.
--
--   wireshark -X lua_script:conform/wireshark/tls_client_auth.lua FILE
--
-- The numbers can be changed in the preferences of the protocol, or by
-- -o tls_client_auth.extension:65025 for the public experiment. Messages in which it looks for the
-- extensions are those that Wireshark takes apart itself: compressed certificates are not.

local proto = Proto("tls_client_auth", "TLS client authentication by offer")

proto.prefs.extension = Pref.uint("tls_flags", 62, "Number of the extension tls_flags")
proto.prefs.flag = Pref.uint("request_client_auth", 80, "Number of the flag request_client_auth")
proto.prefs.care = Pref.uint("CARE", 65482, "Number of client_authentication_request")
proto.prefs.hint = Pref.uint("Origin hint", 65483, "Number of workload_identifier_origin_hint")

local fields = proto.fields
fields.message = ProtoField.string("tls_client_auth.message", "Message")
fields.flags = ProtoField.bytes("tls_client_auth.flags", "tls_flags")
fields.flag = ProtoField.uint16("tls_client_auth.flag", "Flag")
fields.offer = ProtoField.bool("tls_client_auth.offer", "Offer to authenticate")
fields.acknowledgement = ProtoField.bool("tls_client_auth.acknowledgement", "Acknowledgement")
fields.care = ProtoField.bool("tls_client_auth.care", "client_authentication_request")
fields.origin = ProtoField.string("tls_client_auth.origin", "Origin")
fields.malformed = ProtoField.string("tls_client_auth.malformed", "Malformed")

-- Asking for them has Wireshark make them.
local needed = {
    Field.new("tls.handshake.type"),
    Field.new("tls.handshake.random"),
    Field.new("tls.handshake.extension.type"),
    Field.new("tls.handshake.extension.len"),
    Field.new("tls.handshake.extension.data"),
}

local CLIENT_HELLO, SERVER_HELLO, NEW_SESSION_TICKET = 1, 2, 4
local ENCRYPTED_EXTENSIONS, CERTIFICATE, CERTIFICATE_REQUEST = 8, 11, 13
local NAMES = {
    [CLIENT_HELLO] = "ClientHello",
    [SERVER_HELLO] = "ServerHello",
    [NEW_SESSION_TICKET] = "NewSessionTicket",
    [ENCRYPTED_EXTENSIONS] = "EncryptedExtensions",
    [CERTIFICATE] = "Certificate",
    [CERTIFICATE_REQUEST] = "CertificateRequest",
}
-- The beginning of the random that makes a ServerHello a HelloRetryRequest.
local RETRY = "cf21ad74e59a6111"

-- The flags of a body, or what is wrong with it.
local function decode(body)
    if body == nil or body:len() == 0 then
        return nil, "no length byte (FLAGS-3)"
    end
    local length = body:get_index(0)
    if length == 0 then
        return nil, "an empty list (FLAGS-3)"
    elseif length ~= body:len() - 1 then
        return nil, string.format("a length of %d for %d bytes (FLAGS-3)", length, body:len() - 1)
    elseif body:get_index(length) == 0 then
        return nil, "a zero byte at the end (FLAGS-2)"
    end
    local flags = {}
    for byte = 1, length do
        local bits = body:get_index(byte)
        for bit = 0, 7 do
            if math.floor(bits / 2 ^ bit) % 2 == 1 then
                flags[#flags + 1] = (byte - 1) * 8 + bit
            end
        end
    end
    return flags
end

local function add_flags(tree, message, typ, body)
    local flags, wrong = decode(body)
    local item = tree:add(proto, nil, "tls_flags in " .. message)
    item:add(fields.message, message)
    if body then
        item:add(fields.flags, body:tvb("tls_flags")())
    end
    if wrong then
        item:add(fields.malformed, wrong)
        item:append_text(": malformed")
        return
    end
    for _, flag in ipairs(flags) do
        item:add(fields.flag, flag)
        if flag == proto.prefs.flag and typ == CLIENT_HELLO then
            item:add(fields.offer, true)
            item:append_text(": offers to authenticate")
        elseif flag == proto.prefs.flag and typ == CERTIFICATE_REQUEST then
            item:add(fields.acknowledgement, true)
            item:append_text(": asks because of the offer")
        end
    end
end

local function add_care(tree, message, typ, length)
    local item = tree:add(proto, nil, "client_authentication_request in " .. message)
    item:add(fields.message, message)
    item:add(fields.care, true)
    if length ~= 0 then
        item:add(fields.malformed, string.format("a body of %d bytes (CARE-1)", length))
    elseif typ == CLIENT_HELLO then
        item:add(fields.offer, true)
        item:append_text(": offers to authenticate")
    else
        item:append_text(": understood")
    end
end

-- The strings of a list of origins, or what is wrong with it.
local function decode_origins(body)
    local function number(at)
        return body:get_index(at) * 256 + body:get_index(at + 1)
    end
    local length = body and body:len() or 0
    if length < 2 or number(0) ~= length - 2 then
        return nil, "the length of the list does not fit (WIO-2)"
    elseif length == 2 then
        return nil, "an empty list (WIO-2)"
    end
    local origins, at = {}, 2
    while at < length do
        local size = at + 2 <= length and number(at) or 0
        if size == 0 or at + 2 + size > length then
            return nil, "a string that is empty or does not fit (WIO-2)"
        end
        origins[#origins + 1] = body:subset(at + 2, size):raw()
        at = at + 2 + size
    end
    return origins
end

local function add_hint(tree, message, typ, body)
    local origins, wrong = decode_origins(body)
    local item = tree:add(proto, nil, "workload_identifier_origin_hint in " .. message)
    item:add(fields.message, message)
    if wrong then
        item:add(fields.malformed, wrong)
        item:append_text(": malformed")
        return
    end
    for _, origin in ipairs(origins) do
        item:add(fields.origin, origin)
    end
    if typ == CLIENT_HELLO then
        item:add(fields.offer, true)
        item:append_text(": offers to authenticate")
    else
        item:add(fields.malformed, "not allowed in this message (WIO-1)")
        item:append_text(": not allowed")
    end
end

function proto.dissector(_, _, tree)
    local typ, message, extension
    local function flush()
        if extension and message then
            if extension.number == proto.prefs.extension then
                add_flags(tree, message, typ, extension.body)
            elseif extension.number == proto.prefs.care then
                add_care(tree, message, typ, extension.length)
            elseif extension.number == proto.prefs.hint then
                add_hint(tree, message, typ, extension.body)
            end
        end
        extension = nil
    end
    for _, field in ipairs({ all_field_infos() }) do
        local name = field.name
        if name == "tls.handshake.type" then
            flush()
            typ = field.value
            message = NAMES[typ]
        elseif name == "tls.handshake.random" and typ == SERVER_HELLO then
            if tostring(field.value):gsub(":", ""):lower():sub(1, #RETRY) == RETRY then
                message = "HelloRetryRequest"
            end
        elseif name == "tls.handshake.extension.type" then
            flush()
            extension = { number = field.value, length = 0 }
        elseif name == "tls.handshake.extension.len" and extension then
            extension.length = field.value
        elseif name == "tls.handshake.extension.data" and extension then
            extension.body = field.range:bytes()
        end
    end
    flush()
end

register_postdissector(proto, true)
