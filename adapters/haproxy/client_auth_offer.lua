-- Finds out whether a ClientHello offers to authenticate, for HAProxy's action `lua.client_auth_offer`
-- in a frontend of mode tcp. It sets the variable txn.client_auth_offer to none, flag, care or both,
-- and leaves it unset until the whole ClientHello has arrived.
--
-- The offer chooses a backend and nothing else: a client that forges or hides it is requested to
-- authenticate or not, and TLS itself is untouched. So a malformed ClientHello is `none` here; the TLS
-- server behind refuses it. Rules are cited as in docs/RULES.md.

local TLS_FLAGS = 62           -- the extension tls_flags
local REQUEST_CLIENT_AUTH = 80 -- the flag in it
local CARE = 0xffca            -- the extension client_authentication_request
local SUPPORTED_VERSIONS = 43
local TLS13 = 0x0304
local HANDSHAKE, CLIENT_HELLO = 22, 1
local LONGEST = 16384          -- bytes of a ClientHello that are read

local function u16(text, at)
    local high, low = text:byte(at, at + 1)
    return low and high * 256 + low
end

-- The body of the ClientHello: false if this is none, nil if more bytes are needed.
local function client_hello(data)
    local parts, at, length = {}, 1, 0
    while at <= #data do
        if data:byte(at) ~= HANDSHAKE then return false end
        local size = u16(data, at + 3)
        if not size then return nil end
        if size == 0 then return false end
        local part = data:sub(at + 5, at + 4 + size)
        parts[#parts + 1] = part
        length = length + #part
        if length > LONGEST then return false end
        at = at + 5 + size
    end
    local message = table.concat(parts)
    if #message < 4 then return nil end
    if message:byte(1) ~= CLIENT_HELLO then return false end
    local size = message:byte(2) * 65536 + u16(message, 3)
    if size > LONGEST then return false end
    if #message < 4 + size then return nil end
    return message:sub(5, 4 + size)
end

-- The bodies of the extensions, by type; nil if the ClientHello is malformed.
local function extensions(body)
    local at = 1 + 2 + 32
    local session_id = body:byte(at)
    if not session_id then return nil end
    at = at + 1 + session_id
    local ciphers = u16(body, at)
    if not ciphers then return nil end
    at = at + 2 + ciphers
    local compression = body:byte(at)
    if not compression then return nil end
    at = at + 1 + compression
    local found = {}
    if at == #body + 1 then return found end
    local size = u16(body, at)
    if not size or at + 1 + size ~= #body then return nil end
    at = at + 2
    while at <= #body do
        local kind, length = u16(body, at), u16(body, at + 2)
        if not length or at + 3 + length > #body or found[kind] then return nil end
        found[kind] = body:sub(at + 4, at + 3 + length)
        at = at + 4 + length
    end
    return found
end

local function offers_tls13(versions)
    if not versions then return false end
    for at = 2, #versions - 1, 2 do
        if u16(versions, at) == TLS13 then return true end
    end
    return false
end

-- True if the flag is set. One length byte, then the bits, the lowest flag first (FLAGS-1).
local function has_flag(body)
    if not body or #body < 2 or body:byte(1) ~= #body - 1 then return false end
    local bits = body:byte(2 + REQUEST_CLIENT_AUTH // 8)
    return bits ~= nil and bits & (1 << REQUEST_CLIENT_AUTH % 8) ~= 0
end

local function offer(data)
    local body = client_hello(data)
    if not body then return body == false and "none" or nil end
    local found = extensions(body)
    if not found then return "none" end
    -- Flags have no meaning under TLS 1.2 (FLAGS-9).
    local flag = offers_tls13(found[SUPPORTED_VERSIONS]) and has_flag(found[TLS_FLAGS])
    local care = found[CARE] == ""
    return flag and care and "both" or flag and "flag" or care and "care" or "none"
end

core.register_action("client_auth_offer", { "tcp-req" }, function(txn)
    local data = txn.req:data(0)
    if not data or #data == 0 then return end
    local result = offer(data)
    if result then txn:set_var("txn.client_auth_offer", result) end
end, 0)
