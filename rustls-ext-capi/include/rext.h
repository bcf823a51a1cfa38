/*
 * librext: offers of TLS clients to authenticate with a certificate, for TLS stacks, proxies and
 * routers. It scans ClientHellos, encodes and decodes the TLS flags extension and origin hints, negotiates for
 * clients and servers, decides whether sessions may be resumed, and makes and validates exported
 * authenticators.
 *
 * Licensed under Apache-2.0 or MIT, as you like.
 *
 * Status. Functions return a rext_status, or another number that is below 0 for the same errors. A
 * fault of the peer also has a rule and an alert: pass a rext_error to receive them. After an
 * error, a function has written only the rext_error, unless its documentation says otherwise.
 *
 * Rules are cited by number: FLAGS-n is draft-ietf-tls-tlsflags-16, RCA-n
 * draft-jhoyla-req-mtls-flag (June 2025), CARE-n draft-thomson-tls-care-00, RES-n RFC 8446 section
 * 4.6.1 and RFC 5077, EA-n RFC 9261, SCC-n draft-rosomakho-httpbis-secondary-client-certs, WIO-n
 * draft-rosomakho-tls-wimse-cert-hint-02.
 *
 * Pointers. A parameter may be NULL only if its documentation says so; otherwise NULL is
 * REXT_ERR_NULL. Any other pointer must point to a valid value of its type, or to as many bytes as
 * the length that belongs to it; one that is not aligned is REXT_ERR_ALIGNMENT. Memory that a
 * function writes must not overlap with any other argument. No function keeps a pointer after it
 * has returned, except that a scanner keeps its buffer, and that rext_hello, rext_request,
 * rext_list, rext_bytes and rext_session point into memory of the caller, as documented.
 *
 * Lengths are in bytes. Integers are in the byte order of the machine; bytes are as on the wire.
 *
 * Objects (rext_scan, rext_scanner, rext_client, rext_server, rext_contexts) are made by a function whose name
 * ends in _new, and freed by the one whose name ends in _free. The caller provides the memory of
 * structs: set them to zero if they may be read before they are filled.
 *
 * Threads. "any": any number of threads may call the function at once. "one at a time": two threads
 * must not call it, or another function for the same object, at once. There is no other state.
 *
 * No function blocks; only those that take a rext_connection call back. No panic leaves the library: a
 * bug in it is REXT_ERR_PANIC and a line on standard error, or the end of the process if the library is
 * built with panic=abort. Only the _new functions, and those that take an array, allocate.
 */

#ifndef REXT_H
#define REXT_H

/* Generated from the Rust source by `cargo xtask header`; do not edit. */

#include <stddef.h>
#include <stdint.h>

/**
 * The highest number of a flag: the last bit of 255 bytes.
 */
#define REXT_FLAG_MAX 2039

/**
 * How many origins of an extension are read; further ones are ignored (WIO-8).
 */
#define REXT_MAX_ORIGINS 16

/**
 * How many bytes of the extension's body are read, with all lengths (WIO-8). A buffer of this size
 * is long enough for rext_origins_write().
 */
#define REXT_MAX_ORIGIN_BYTES 4096

/**
 * The minimum length in bytes of a context that this side chooses (EA-3).
 */
#define REXT_CONTEXT_MIN 16

/**
 * The maximum length of a session record, in bytes.
 */
#define REXT_SESSION_LONGEST 270

/**
 * The default limit for the age of one proof of possession, in seconds: 7 days, the longest
 * lifetime of a ticket (RFC 8446 section 4.6.1).
 */
#define REXT_MAX_AGE_SECONDS 604800

/**
 * The number of this ABI. Additions do not change it. An incompatible change also changes the
 * soname.
 */
#define REXT_ABI 0

/**
 * The negotiation on one connection of a client: the offer to put into its ClientHello, and the
 * checks of the server's messages.
 */
typedef struct rext_client rext_client;

/**
 * The contexts of all authenticator requests on one connection: each is used in one request, by
 * either side (EA-3), and answered once (EA-11).
 */
typedef struct rext_contexts rext_contexts;

/**
 * A parser for ClientHellos, with its code points and its limit. It does not change, so any number
 * of threads may use it at once. Where a function takes NULL instead, it uses the default code
 * points, and a limit of 65535 bytes.
 */
typedef struct rext_scan rext_scan;

/**
 * A scan of a stream whose bytes arrive in pieces.
 *
 * Its work is linear in the length of the data, however the client divides the data into records
 * and however few bytes arrive at a time. The result is the same as for all bytes at once. After a
 * refusal, every later call returns the same refusal. After a ClientHello, the scanner is ready
 * for a second one, which a client sends when it gets a HelloRetryRequest.
 */
typedef struct rext_scanner rext_scanner;

/**
 * The negotiation on one connection of a server: the client's offer, and the extensions to answer
 * with.
 */
typedef struct rext_server rext_server;

/**
 * The status of a function: 0 or above for a result, below 0 for an error.
 *
 * A number never changes its meaning, and is never reused. Later versions may return errors that
 * are not listed here: treat every number below 0 as an error.
 */
typedef int32_t rext_status;

/**
 * A view of an authenticator request whose structure was checked (EA-2, EA-4); or, for a server's
 * authenticator without a request, of the ClientHello in its place. The caller provides the
 * struct, and rext_request_write(), rext_request_parse() or rext_request_spontaneous() fills it.
 * With a struct of zeros, functions return REXT_ERR_UNSET.
 *
 * It points into the bytes of the request, or into the context and the ClientHello. They must not
 * change or be freed while the view, or a result of it, is used. It owns nothing, and may be
 * copied.
 */
typedef struct rext_request {
    /**
     * Private to this library.
     */
    uint64_t opaque[12];
} rext_request;

/**
 * Borrowed bytes. The function that takes or returns them documents who owns them, and how long
 * they must stay valid.
 *
 * Without bytes, length is 0, and data may be NULL.
 */
typedef struct rext_bytes {
    /**
     * The first byte.
     */
    const uint8_t *data;
    /**
     * The number of bytes.
     */
    size_t length;
} rext_bytes;

/**
 * One of the two sides of a connection, one of REXT_ENDPOINT_....
 */
typedef int32_t rext_endpoint;

/**
 * A signature to verify.
 */
typedef struct rext_signed {
    /**
     * The message that is signed (EA-8).
     */
    struct rext_bytes message;
    /**
     * The signature.
     */
    struct rext_bytes signature;
    /**
     * The certificate with the key, as sent: at least one byte, not checked to be DER.
     */
    struct rext_bytes certificate;
    /**
     * The signature scheme: one of the request that TLS 1.3 allows (EA-7).
     */
    uint16_t scheme;
} rext_signed;

/**
 * The part of a TLS connection that authenticators need: exported values and functions of the
 * caller. All use the hash of the negotiated cipher suite.
 *
 * The connection must use TLS 1.3, or TLS 1.2 with the extended master secret (EA-12), and its
 * handshake must be complete. The exporter is the one of the completed handshake, never the early
 * one, with a context of length 0, which is not the same as no context under TLS 1.2 (EA-1). The
 * exported values do not change while the connection lasts.
 *
 * Each function returns 1 on success, and 0 or below if it fails; then the call fails with
 * REXT_ERR_CALLBACK. It must return: it must not throw, or jump out of the call. Pointers that it
 * gets are valid until it returns, and it must not use the objects of the call.
 */
typedef struct rext_connection {
    /**
     * The value that is exported under "EXPORTER-client authenticator handshake context", as long
     * as the hash, at most 64 bytes. No bytes if the client sends no authenticators.
     */
    struct rext_bytes client_context;
    /**
     * The same under "EXPORTER-server authenticator handshake context".
     */
    struct rext_bytes server_context;
    /**
     * Computes the hash of the concatenated parts. It must write exactly length bytes, or fail if
     * that is not the length of the hash; not NULL.
     */
    int32_t (*hash)(void *argument,
                    const struct rext_bytes *parts,
                    size_t count,
                    uint8_t *digest,
                    size_t length);
    /**
     * Computes the HMAC of a message. The key is the value that is exported under "EXPORTER-client
     * authenticator finished key", or "EXPORTER-server ..." if the sender is the server; it is as
     * long as the hash, and nothing is derived from it (EA-9). Writes exactly length bytes; not
     * NULL.
     */
    int32_t (*finished_mac)(void *argument,
                            rext_endpoint sender,
                            const uint8_t *message,
                            size_t message_length,
                            uint8_t *mac,
                            size_t length);
    /**
     * Signs a message, for rext_authenticator_make(), which passes the key. The signature stays in
     * memory of the caller until that call returns. For RSASSA-PSS, the salt is as long as the
     * hash (EA-7). NULL if this side makes no authenticators.
     */
    int32_t (*sign)(void *argument,
                    void *key,
                    uint16_t scheme,
                    const struct rext_bytes *message,
                    struct rext_bytes *signature);
    /**
     * Verifies a signature with the key of the certificate: 1 if it verifies, 0 if it does not,
     * and below 0 if that cannot be found out. The scheme must fit the key: for RSASSA-PSS its
     * OID, for ECDSA its curve; the salt is as long as the hash (EA-7). It gets the details of
     * rext_authenticator_validate(). NULL if this side validates no authenticators.
     */
    int32_t (*verify)(void *argument,
                      void *details,
                      const struct rext_signed *signature);
    /**
     * Passed to these functions.
     */
    void *argument;
} rext_connection;

/**
 * The details of an error. The caller provides the struct; a function writes it only if it returns
 * an error.
 *
 * It owns nothing, so it need not be freed, and it may be copied.
 */
typedef struct rext_error {
    /**
     * The status that the function returned.
     */
    rext_status status;
    /**
     * The TLS alert to send (RFC 8446 section 6); 0 for none: the error is a mistake of the
     * caller, the peer does not use TLS, or the fault is in a message that the application
     * carries.
     */
    uint8_t alert;
    /**
     * The rule that the peer broke, such as "FLAGS-3" or "RFC 8446 4.2.11", NUL-terminated; empty
     * if the peer broke none.
     */
    char rule[27];
    /**
     * A description for logs: one line of ASCII, NUL-terminated.
     */
    char message[224];
} rext_error;

/**
 * The outcome of a valid authenticator, one of REXT_PROOF_...; above 0.
 */
typedef int32_t rext_proof;

/**
 * An iterator over a list in a ClientHello, an authenticator request or an authenticator. The
 * caller provides the struct, a function such as rext_hello_alpn() fills it, and rext_list_next()
 * returns its items. With a struct of zeros, rext_list_next() returns REXT_ERR_UNSET.
 *
 * It is valid as long as the view or the bytes that it was made from. It owns nothing, and may be
 * copied; the copy then has its own position.
 */
typedef struct rext_list {
    /**
     * Private to this library.
     */
    uint64_t opaque[6];
} rext_list;

/**
 * The ways in which a client offers to authenticate: REXT_OFFER_NONE, or the sum of other
 * REXT_OFFER_.... An offer is never a credential: any client can send it.
 */
typedef int32_t rext_offer;

/**
 * The numbers of the extensions and the flag on the wire. Client and server of a connection must
 * use the same numbers.
 *
 * They are configurable because they are not final. rext_code_points_default() fills in the
 * default ones, which functions also use if they get NULL.
 */
typedef struct rext_code_points {
    /**
     * The extension tls_flags; 62 by default (IANA), 0xfe01 in the public experiment.
     */
    uint16_t tls_flags;
    /**
     * The flag request_client_auth, 0 to 2039; 80 by default.
     */
    uint16_t request_client_auth;
    /**
     * The extension client_authentication_request (CARE); 0xffca by default, which is for private
     * use (RFC 8447). 0 disables CARE: an extension with its number is then treated as unknown.
     */
    uint16_t care;
    /**
     * The extension workload_identifier_origin_hint; 0xffcb by default, which is for private use.
     * 0 disables it: an extension with its number is then treated as unknown.
     */
    uint16_t origin_hint;
} rext_code_points;

/**
 * The version of a connection, REXT_TLS12 or REXT_TLS13. Older versions are not supported.
 */
typedef uint16_t rext_version_number;

/**
 * A set of TLS flags (draft-ietf-tls-tlsflags-16), stored as the body of the extension that
 * carries it. The caller provides the struct; all zeros are the empty set.
 *
 * It owns nothing, and may be copied. Change it only by functions of this library: they return
 * REXT_ERR_UNSET if it does not contain a valid body.
 */
typedef struct rext_flags {
    /**
     * The number of bytes of flags, followed by those bytes; the rest is unused.
     */
    uint8_t body[256];
} rext_flags;

/**
 * A message that may contain the extensions, one of REXT_CLIENT_HELLO to REXT_NEW_SESSION_TICKET.
 * The rules distinguish the server's Certificate from the client's, and a ServerHello from a
 * HelloRetryRequest.
 */
typedef int32_t rext_message;

/**
 * The outcome of a client's offer, one of REXT_CLIENT_...; 0 or above.
 */
typedef int32_t rext_client_status;

/**
 * A use of a context, one of REXT_CONTEXT_....
 */
typedef int32_t rext_context_use;

/**
 * A view of a ClientHello whose structure was checked (RFC 8446 section 4.1.2). The caller
 * provides the struct, and a scan fills it. With a struct of zeros, functions return
 * REXT_ERR_UNSET.
 *
 * It points into the bytes that were scanned, or into the buffer in which they were assembled.
 * Neither may change or be freed while the view, or a result of it, is used. It owns nothing, and
 * may be copied. All values are as the client sent them, including GREASE.
 */
typedef struct rext_hello {
    /**
     * Private to this library.
     */
    uint64_t opaque[12];
} rext_hello;

/**
 * The kind of ClientHello, inner or outer, in Encrypted Client Hello (RFC 9849 section 5); one of
 * REXT_ECH_...; 0 or above.
 */
typedef int32_t rext_ech;

/**
 * The fields of a ClientHello other than extensions.
 */
typedef struct rext_hello_fields {
    /**
     * legacy_version: 0x0303 for TLS 1.2 and 1.3, less for older versions.
     */
    uint16_t legacy_version;
    /**
     * random, 32 bytes.
     */
    struct rext_bytes random;
    /**
     * legacy_session_id, 0 to 32 bytes.
     */
    struct rext_bytes session_id;
    /**
     * The message, without the four bytes of its header.
     */
    struct rext_bytes body;
} rext_hello_fields;

/**
 * An extension, to be written.
 */
typedef struct rext_extension {
    /**
     * The body.
     */
    struct rext_bytes body;
    /**
     * The number of the extension.
     */
    uint16_t number;
} rext_extension;

/**
 * The fields of an authenticator request other than extensions.
 */
typedef struct rext_request_fields {
    /**
     * The message with its header, to be sent; no bytes without a request (EA-5).
     */
    struct rext_bytes bytes;
    /**
     * certificate_request_context, 0 to 255 bytes.
     */
    struct rext_bytes context;
    /**
     * The side that requests; the other one sends the authenticator.
     */
    rext_endpoint by;
} rext_request_fields;

/**
 * Whether a session may be resumed instead of a full handshake, one of REXT_RESUMPTION_...; 0 or
 * above.
 */
typedef int32_t rext_resumption;

/**
 * The certificate that a server requires of a client, if any; one of REXT_DEMAND_....
 */
typedef int32_t rext_demand;

/**
 * The data about its client that a stored session, or a ticket, records (RES-1).
 */
typedef struct rext_session {
    /**
     * The scope in which the client was asked for a certificate: the name under which the
     * certificate counts, 1 to 255 bytes. { NULL, 0 } if the client was not asked.
     */
    struct rext_bytes scope;
    /**
     * When the client authenticated, in seconds since the Unix epoch; 0 if it did not. A
     * resumption does not change it.
     */
    uint64_t authenticated_at;
    /**
     * Not 0 if the client proved possession of a certificate that counts in that scope.
     */
    int32_t authenticated;
} rext_session;

/**
 * Whether a server requests a certificate, and why; one of REXT_ASKS_....
 */
typedef int32_t rext_asks;

/**
 * Proof: the sender has the key of the first certificate. This is not yet an identity: the chain
 * must be verified (EA-14).
 */
#define REXT_PROOF_POSSESSION 1

/**
 * Proof: the sender has no certificate for this request, or does not want to show it (EA-10).
 */
#define REXT_PROOF_DECLINED 2

/**
 * Offer: none.
 */
#define REXT_OFFER_NONE 0

/**
 * Offer: by the flag request_client_auth, in TLS 1.3.
 */
#define REXT_OFFER_FLAG 1

/**
 * Offer: by the extension client_authentication_request (CARE), in TLS 1.2 and 1.3.
 */
#define REXT_OFFER_CARE 2

/**
 * Offer: by the extension workload_identifier_origin_hint, in TLS 1.3 (WIO-5).
 */
#define REXT_OFFER_ORIGINS 4

/**
 * Client: the server received no offer, and did not request a certificate.
 */
#define REXT_CLIENT_NOT_OFFERED 0

/**
 * Client: an offer was sent. The server has not requested a certificate (yet); it never does when
 * it resumes a session.
 */
#define REXT_CLIENT_OFFERED 1

/**
 * Client: the server requested a certificate, and acknowledged that it did so because of the offer
 * (RCA-2).
 */
#define REXT_CLIENT_ACKNOWLEDGED 2

/**
 * Client: the server requested a certificate without an acknowledgement: there was no offer, it
 * was made by CARE or by origins, which have no acknowledgement, the server has another reason
 * (RCA-3), or the server follows an older draft.
 */
#define REXT_CLIENT_ASKED_WITHOUT_ACKNOWLEDGEMENT 3

/**
 * Context: this side requests. Record it before the request is sent.
 */
#define REXT_CONTEXT_SENT 1

/**
 * Context: the peer requests. Record it when the request has been read.
 */
#define REXT_CONTEXT_RECEIVED 2

/**
 * Context: a server's authenticator without a request, on either side (EA-5).
 */
#define REXT_CONTEXT_SPONTANEOUS 3

/**
 * Context: the peer answers a request of this side. Record it before the answer is validated: an
 * invalid one uses up the request, too.
 */
#define REXT_CONTEXT_ANSWERED 4

/**
 * Context: this side answers a request of the peer. Record it before the answer is made.
 */
#define REXT_CONTEXT_ANSWER 5

/**
 * Encrypted Client Hello: not used.
 */
#define REXT_ECH_NONE 0

/**
 * Encrypted Client Hello: the outer one. It contains an encrypted ClientHello that only the server
 * can read, or imitates one (GREASE). If it contains one, the server name and other values are not
 * the ones that the client really wants.
 */
#define REXT_ECH_OUTER 1

/**
 * Encrypted Client Hello: the inner one, which a server that decrypted it passes on. No client
 * sends it unencrypted.
 */
#define REXT_ECH_INNER 2

/**
 * Endpoint: the client.
 */
#define REXT_ENDPOINT_CLIENT 1

/**
 * Endpoint: the server.
 */
#define REXT_ENDPOINT_SERVER 2

/**
 * Demand: no certificate.
 */
#define REXT_DEMAND_NONE 0

/**
 * Demand: a certificate if the client has one.
 */
#define REXT_DEMAND_REQUEST 1

/**
 * Demand: a certificate.
 */
#define REXT_DEMAND_REQUIRE 2

/**
 * Resumption: it may not. Do a full handshake without an error, and refuse 0-RTT data (RES-2,
 * RES-6).
 */
#define REXT_RESUMPTION_REFUSED 0

/**
 * Resumption: it may.
 */
#define REXT_RESUMPTION_ALLOWED 1

/**
 * Resumption: it may if its certificate chain still verifies (RES-5).
 */
#define REXT_RESUMPTION_IF_VERIFIED 2

/**
 * Version: TLS 1.2, in which there are no flags (FLAGS-9).
 */
#define REXT_TLS12 771

/**
 * Version: TLS 1.3.
 */
#define REXT_TLS13 772

/**
 * Message: ClientHello, the first and the second.
 */
#define REXT_CLIENT_HELLO 1

/**
 * Message: ServerHello, when it is not a HelloRetryRequest.
 */
#define REXT_SERVER_HELLO 2

/**
 * Message: HelloRetryRequest.
 */
#define REXT_HELLO_RETRY_REQUEST 3

/**
 * Message: EncryptedExtensions.
 */
#define REXT_ENCRYPTED_EXTENSIONS 4

/**
 * Message: CertificateRequest.
 */
#define REXT_CERTIFICATE_REQUEST 5

/**
 * Message: the server's Certificate, the extensions of its entries.
 */
#define REXT_SERVER_CERTIFICATE 6

/**
 * Message: the client's Certificate, the extensions of its entries.
 */
#define REXT_CLIENT_CERTIFICATE 7

/**
 * Message: NewSessionTicket.
 */
#define REXT_NEW_SESSION_TICKET 8

/**
 * Server: it does not request a certificate.
 */
#define REXT_ASKS_NOT 0

/**
 * Server: it requests a certificate because the client offered (RCA-2).
 */
#define REXT_ASKS_BECAUSE_OFFERED 1

/**
 * Server: it requests a certificate for another reason: always, or because of this host name
 * (RCA-3).
 */
#define REXT_ASKS_FOR_ANOTHER_REASON 2

/**
 * Status: success.
 */
#define REXT_OK 0

/**
 * Status of a query: no, none, or no more.
 */
#define REXT_NO 0

/**
 * Status of a query: yes, or there is one.
 */
#define REXT_YES 1

/**
 * Status of a scan: the bytes are the beginning of a possible ClientHello.
 */
#define REXT_INCOMPLETE 2

/**
 * A mistake of the caller: a pointer that must not be NULL is NULL.
 */
#define REXT_ERR_NULL -1

/**
 * A mistake of the caller: a pointer is not aligned for its type.
 */
#define REXT_ERR_ALIGNMENT -2

/**
 * A mistake of the caller: an argument does not have one of the values that the function accepts.
 */
#define REXT_ERR_VALUE -3

/**
 * A mistake of the caller: a length is greater than any object can be.
 */
#define REXT_ERR_LENGTH -4

/**
 * A buffer of the caller is too short for the result.
 */
#define REXT_ERR_BUFFER -5

/**
 * A mistake of the caller: a struct was not filled by a function of this library.
 */
#define REXT_ERR_UNSET -6

/**
 * Another extension or flag has one of the numbers.
 */
#define REXT_ERR_TAKEN -7

/**
 * There is not enough memory.
 */
#define REXT_ERR_MEMORY -8

/**
 * A bug in this library. End the connection, free the objects of the call, and do not use them for
 * anything else.
 */
#define REXT_ERR_PANIC -9

/**
 * The bytes are not a session record of a known version. Do a full handshake; this is not a fault
 * of the client (RES-7).
 */
#define REXT_ERR_RECORD -10

/**
 * A callback of the caller failed.
 */
#define REXT_ERR_CALLBACK -11

/**
 * Not TLS, but DTLS. As for the next three, send no alert: the client does not understand TLS
 * alerts.
 */
#define REXT_ERR_DTLS -20

/**
 * Not TLS, but SSL 2, or a newer version in an SSL 2 ClientHello (RFC 6176).
 */
#define REXT_ERR_SSL2 -21

/**
 * Not TLS, but a text protocol, such as HTTP.
 */
#define REXT_ERR_TEXT -22

/**
 * Not TLS, but something else.
 */
#define REXT_ERR_NOT_TLS -23

/**
 * Scan: a record that does not belong to a handshake comes first. RFC 8446 section 5.
 */
#define REXT_ERR_UNEXPECTED_RECORD -30

/**
 * Scan: a record of another type between two records of the same ClientHello. RFC 8446 section
 * 5.1.
 */
#define REXT_ERR_INTERLEAVED -31

/**
 * Scan: a record after the first has a version that does not begin with 3. RFC 8446 section 5.1.
 */
#define REXT_ERR_RECORD_VERSION -32

/**
 * Scan: a record of length zero. RFC 8446 section 5.1.
 */
#define REXT_ERR_EMPTY_RECORD -33

/**
 * Scan: a record of more than 16384 bytes. RFC 8446 section 5.1.
 */
#define REXT_ERR_RECORD_TOO_LONG -34

/**
 * Scan: the record continues after the end of the ClientHello. RFC 8446 section 5.1.
 */
#define REXT_ERR_NOT_ALIGNED -35

/**
 * Scan: the message is not a ClientHello. RFC 8446 section 4.
 */
#define REXT_ERR_UNEXPECTED_MESSAGE -36

/**
 * Scan: the message is longer than the limit, or than the buffer.
 */
#define REXT_ERR_MESSAGE_TOO_LONG -37

/**
 * Scan: the message is too short for a ClientHello. RFC 8446 section 4.1.2.
 */
#define REXT_ERR_MESSAGE_TOO_SHORT -38

/**
 * Scan: a part of the message does not have the required format. The error's message names the
 * part, and its rule the section that specifies the format.
 */
#define REXT_ERR_MALFORMED -39

/**
 * Scan: an extension occurs twice. RFC 8446 section 4.2.
 */
#define REXT_ERR_DUPLICATE_EXTENSION -40

/**
 * Scan: an extension after pre_shared_key. RFC 8446 section 4.2.11.
 */
#define REXT_ERR_AFTER_PRE_SHARED_KEY -41

/**
 * Scan: the numbers of binders and of identities in pre_shared_key differ. RFC 8446 section
 * 4.2.11.
 */
#define REXT_ERR_BINDER_COUNT -42

/**
 * tls_flags: the body is empty. FLAGS-3.
 */
#define REXT_ERR_FLAGS_NO_LENGTH -60

/**
 * tls_flags: the list is empty. FLAGS-3.
 */
#define REXT_ERR_FLAGS_EMPTY_LIST -61

/**
 * tls_flags: the list has fewer bytes than its length. FLAGS-3.
 */
#define REXT_ERR_FLAGS_TRUNCATED -62

/**
 * tls_flags: bytes follow the list. FLAGS-3.
 */
#define REXT_ERR_FLAGS_TRAILING_BYTES -63

/**
 * tls_flags: no flag is set. FLAGS-2.
 */
#define REXT_ERR_FLAGS_NONE_SET -64

/**
 * tls_flags: the last byte is zero. FLAGS-2.
 */
#define REXT_ERR_FLAGS_TRAILING_ZERO -65

/**
 * A flag is in a message in which it is not allowed. FLAGS-4, FLAGS-5, RCA-4 or RCA-5.
 */
#define REXT_ERR_FLAG_MISPLACED -66

/**
 * CARE is not empty. CARE-1.
 */
#define REXT_ERR_CARE_NOT_EMPTY -70

/**
 * CARE is in an answer, but the client did not send it. CARE-3.
 */
#define REXT_ERR_CARE_UNSOLICITED -71

/**
 * CARE is in a message in which it is not allowed. CARE-3.
 */
#define REXT_ERR_CARE_MISPLACED -72

/**
 * The second ClientHello does not repeat the offer of the first. FLAGS-12.
 */
#define REXT_ERR_SECOND_HELLO_DIFFERS -80

/**
 * The origin hint is in another message than ClientHello. WIO-1.
 */
#define REXT_ERR_ORIGINS_MISPLACED -90

/**
 * The origin hint is not a list of strings. WIO-2.
 */
#define REXT_ERR_ORIGINS_MALFORMED -91

/**
 * The second ClientHello does not repeat the origin hint of the first. WIO-7.
 */
#define REXT_ERR_ORIGINS_CHANGED -92

/**
 * A fault of the peer that has no number in this version. The error has its rule, alert and
 * message.
 */
#define REXT_ERR_OTHER -99

/**
 * Authenticator request: it is another message, or a part of it does not have the required format.
 * EA-2; EA-4 for signature_algorithms.
 */
#define REXT_ERR_REQUEST_MALFORMED -100

/**
 * Authenticator request: signature_algorithms is missing. EA-4.
 */
#define REXT_ERR_REQUEST_NO_SCHEMES -101

/**
 * Authenticator request: an extension occurs twice, or is not allowed in it. EA-4.
 */
#define REXT_ERR_REQUEST_EXTENSION -102

/**
 * List of authenticator requests: it is empty, a length does not fit, or a request in it is
 * malformed. SCC-4.
 */
#define REXT_ERR_REQUEST_LIST -103

/**
 * Authenticator: it has another message, or a part of it does not have the required format. EA-2.
 */
#define REXT_ERR_AUTHENTICATOR_MALFORMED -110

/**
 * Authenticator: its Certificate has no entries. EA-10.
 */
#define REXT_ERR_AUTHENTICATOR_NO_CERTIFICATE -111

/**
 * Authenticator: it is empty, but there was no request. EA-5.
 */
#define REXT_ERR_AUTHENTICATOR_EMPTY -112

/**
 * Authenticator: its context is not that of the request. EA-6.
 */
#define REXT_ERR_AUTHENTICATOR_CONTEXT -113

/**
 * Authenticator: its MAC is wrong. It is for another connection, direction or request, or was
 * changed; or a proxy between client and server terminates TLS. EA-9.
 */
#define REXT_ERR_AUTHENTICATOR_MAC -114

/**
 * Authenticator: its Certificate has an extension that is not allowed, that the request did not
 * have, or twice. EA-6.
 */
#define REXT_ERR_AUTHENTICATOR_EXTENSION -115

/**
 * Authenticator: the request does not list its signature scheme, or TLS 1.3 does not allow it.
 * EA-7.
 */
#define REXT_ERR_AUTHENTICATOR_SCHEME -116

/**
 * Authenticator: its signature does not verify. EA-8.
 */
#define REXT_ERR_AUTHENTICATOR_SIGNATURE -117

/**
 * Context of a request: it was used before on this connection. EA-3.
 */
#define REXT_ERR_CONTEXT_REPEATED -120

/**
 * Context of a request: this connection has had too many requests. EA-3.
 */
#define REXT_ERR_CONTEXT_FULL -121

/**
 * Context of a request: there was no request with it. EA-11.
 */
#define REXT_ERR_CONTEXT_NOT_REQUESTED -122

/**
 * Context of a request: the request has been answered. EA-11.
 */
#define REXT_ERR_CONTEXT_ANSWERED -123

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Makes an authenticator: a proof that this side has the key of a certificate (EA-6 to EA-9).
 *
 * Before that, use up the request by rext_contexts_record() with REXT_CONTEXT_ANSWER, or without a
 * request with REXT_CONTEXT_SPONTANEOUS. The certificate must fit signature_algorithms_cert,
 * certificate_authorities and oid_filters of the request; otherwise call
 * rext_authenticator_decline() instead.
 *
 * request: the peer's request, or rext_request_spontaneous(); not NULL.
 * connection: not NULL; it must have sign.
 * chain, count: the DER of the certificates, the one with the key first; at least one.
 * scheme: one of rext_request_schemes() that the key can make.
 * key: passed to sign; may be NULL.
 * buffer, length: receives the authenticator. After an error, its content is undefined.
 * written: receives the authenticator's length; not NULL. Written only on REXT_OK.
 * error: receives the error; may be NULL.
 *
 * Returns: REXT_OK; REXT_ERR_BUFFER if the buffer is too short; REXT_ERR_CALLBACK if a callback
 * failed; REXT_ERR_VALUE for another scheme, a chain without certificates, or a handshake context
 * without bytes; REXT_ERR_MEMORY; or another mistake of the caller.
 *
 * Threads: any, if the callbacks allow it, each with its own buffer.
 */
rext_status rext_authenticator_make(const struct rext_request *request,
                                    const struct rext_connection *connection,
                                    const struct rext_bytes *chain,
                                    size_t count,
                                    uint16_t scheme,
                                    void *key,
                                    uint8_t *buffer,
                                    size_t length,
                                    size_t *written,
                                    struct rext_error *error);

/**
 * Makes an empty authenticator: this side has no certificate for the request, or does not want to
 * show it (EA-10). Before that, use up the request by rext_contexts_record() with
 * REXT_CONTEXT_ANSWER.
 *
 * request: the peer's request; not NULL.
 * connection: not NULL; sign and verify may be NULL.
 * buffer, length: receives the authenticator, 4 bytes and as many as the hash has.
 * written: receives the authenticator's length; not NULL. Written only on REXT_OK.
 * error: receives the error; may be NULL.
 *
 * Returns: REXT_OK; REXT_ERR_BUFFER if the buffer is too short; REXT_ERR_CALLBACK if a callback
 * failed; REXT_ERR_VALUE without a request, or for a handshake context without bytes; or another
 * mistake of the caller.
 *
 * Threads: any, if the callbacks allow it, each with its own buffer.
 */
rext_status rext_authenticator_decline(const struct rext_request *request,
                                       const struct rext_connection *connection,
                                       uint8_t *buffer,
                                       size_t length,
                                       size_t *written,
                                       struct rext_error *error);

/**
 * Returns the context of the request that an authenticator answers. It is not validated: see
 * rext_authenticator_validate().
 *
 * bytes, length: the authenticator; NULL and 0 if it is empty.
 * context: receives the context, which points into bytes; not NULL. Written only on REXT_YES and
 * REXT_NO.
 * error: receives the error; may be NULL.
 *
 * Returns: REXT_YES; REXT_NO, and no bytes, for an empty authenticator, which has no context;
 * REXT_ERR_AUTHENTICATOR_MALFORMED or REXT_ERR_AUTHENTICATOR_NO_CERTIFICATE; or a mistake of the
 * caller.
 *
 * Threads: any.
 */
rext_status rext_authenticator_context(const uint8_t *bytes,
                                       size_t length,
                                       struct rext_bytes *context,
                                       struct rext_error *error);

/**
 * Validates the peer's answer to a request (EA-2, EA-6 to EA-13).
 *
 * The checks are in this order: structure, context, MAC, extensions, scheme, and then the callback
 * verify. Before that, use up the request by rext_contexts_record() with REXT_CONTEXT_ANSWERED, or
 * without a request with REXT_CONTEXT_SPONTANEOUS (EA-11).
 *
 * request: this side's request, or rext_request_spontaneous(); not NULL.
 * connection: not NULL; it must have verify.
 * bytes, length: the authenticator; NULL and 0 if it is empty.
 * details: passed to verify; may be NULL.
 * certificates: receives the certificates, the sender's first; not NULL. Written only on
 * REXT_PROOF_POSSESSION. The list points into bytes; each item has the bytes of a certificate, at
 * least one and not checked to be DER, and its number is 0.
 * scheme: receives the scheme of the signature; may be NULL. Written only on
 * REXT_PROOF_POSSESSION.
 * error: receives the error; may be NULL.
 *
 * Returns: one of REXT_PROOF_..., above 0; one of REXT_ERR_AUTHENTICATOR_...; REXT_ERR_CALLBACK if
 * a callback failed; REXT_ERR_VALUE for a handshake context without bytes; or another mistake of
 * the caller. After an error, nothing is proved.
 *
 * Threads: any, if the callbacks allow it.
 */
rext_proof rext_authenticator_validate(const struct rext_request *request,
                                       const struct rext_connection *connection,
                                       const uint8_t *bytes,
                                       size_t length,
                                       void *details,
                                       struct rext_list *certificates,
                                       uint16_t *scheme,
                                       struct rext_error *error);

/**
 * Makes a client with this offer; nothing is sent yet.
 *
 * offer: REXT_OFFER_NONE, or the sum of others. CARE and origins are not sent if they have no
 * number.
 * numbers: the code points; NULL for the default ones.
 * client: receives the client; not NULL. Free it with rext_client_free().
 * error: receives the error; may be NULL.
 *
 * Returns: REXT_OK; REXT_ERR_TAKEN or REXT_ERR_VALUE for numbers that are not allowed;
 * REXT_ERR_VALUE for an offer that does not exist; REXT_ERR_MEMORY; or another mistake of the
 * caller. After an error, the client that is received is NULL.
 *
 * Threads: any.
 */
rext_status rext_client_new(rext_offer offer,
                            const struct rext_code_points *numbers,
                            struct rext_client **client,
                            struct rext_error *error);

/**
 * Frees a client.
 *
 * client: from rext_client_new(), which must not be used any more; with NULL, nothing happens.
 *
 * Threads: any, once.
 */
void rext_client_free(struct rext_client *client);

/**
 * Returns the offer to put into a ClientHello, the same in the first and the second one
 * (FLAGS-12).
 *
 * With Encrypted Client Hello, it goes only into the inner ClientHello, and no part of it into the
 * outer one (FLAGS-13); see rext_client_sent().
 *
 * client: not NULL.
 * highest: the highest version that the ClientHello offers, REXT_TLS12 or REXT_TLS13. With TLS 1.2
 * there is no flag (FLAGS-9) and there are no origins (WIO-7).
 * flags: receives the flags to send in tls_flags; not NULL. rext_flags_body() returns the body, or
 * REXT_NO if the extension is not sent.
 * care: receives the number of the extension client_authentication_request to send, with an empty
 * body (CARE-1), or 0 to send none; not NULL.
 * origin_hint: receives the number of the extension workload_identifier_origin_hint to send, with
 * the body of rext_origins_write(), the same in both ClientHellos (WIO-7), or 0 to send none. NULL
 * if the client's offer has no origins.
 *
 * Returns: REXT_OK, or a mistake of the caller, which changes nothing.
 *
 * Threads: one at a time per client.
 */
rext_status rext_client_hello(struct rext_client *client,
                              rext_version_number highest,
                              struct rext_flags *flags,
                              uint16_t *care,
                              uint16_t *origin_hint);

/**
 * Records that the server evaluates another ClientHello, with this offer: with Encrypted Client
 * Hello, the outer one, which has no offer, instead of the inner one, or the inner one after all.
 *
 * client: not NULL.
 * offer: REXT_OFFER_NONE, or the sum of others.
 *
 * Returns: REXT_OK, or a mistake of the caller, which changes nothing.
 *
 * Threads: one at a time per client.
 */
rext_status rext_client_sent(struct rext_client *client,
                             rext_offer offer);

/**
 * Checks and records the extensions in a message of the server (FLAGS-2 to FLAGS-7, RCA-2 to
 * RCA-5, CARE-1, CARE-3, WIO-1). Call it for every message that may have extensions, whether or
 * not it contains one of these.
 *
 * client: not NULL.
 * message: one of REXT_SERVER_HELLO to REXT_SERVER_CERTIFICATE, or REXT_NEW_SESSION_TICKET.
 * version: the version of the connection, REXT_TLS12 or REXT_TLS13.
 * tls_flags: the body of tls_flags; NULL if the message does not have it.
 * care: the body of CARE; NULL if the message does not have it.
 * origin_hint: the body of workload_identifier_origin_hint; NULL if the message does not have it,
 * or if the client did not send it: then it is an unknown extension.
 * error: receives the error; may be NULL.
 *
 * Returns: REXT_OK; one of REXT_ERR_FLAGS_..., REXT_ERR_FLAG_MISPLACED, REXT_ERR_CARE_... or
 * REXT_ERR_ORIGINS_MISPLACED, with the alert that ends the connection; or a mistake of the caller.
 *
 * Threads: one at a time per client.
 */
rext_status rext_client_on(struct rext_client *client,
                           rext_message message,
                           rext_version_number version,
                           const struct rext_bytes *tls_flags,
                           const struct rext_bytes *care,
                           const struct rext_bytes *origin_hint,
                           struct rext_error *error);

/**
 * Returns the outcome of the offer so far.
 *
 * client: not NULL.
 *
 * Returns: one of REXT_CLIENT_...; or a mistake of the caller, below 0.
 *
 * Threads: any, if none changes the client.
 */
rext_client_status rext_client_status_of(const struct rext_client *client);

/**
 * Returns the offer in the ClientHello that the server evaluates.
 *
 * client: not NULL.
 *
 * Returns: REXT_OFFER_NONE, or the sum of others; or a mistake of the caller, below 0.
 *
 * Threads: any, if none changes the client.
 */
rext_offer rext_client_offer(const struct rext_client *client);

/**
 * Returns REXT_YES if the server has declared that it understands CARE, whether it requests a
 * certificate or not (CARE-3).
 *
 * client: not NULL.
 *
 * Returns: REXT_YES, REXT_NO, or a mistake of the caller.
 *
 * Threads: any, if none changes the client.
 */
rext_status rext_client_echoed(const struct rext_client *client);

/**
 * Fills in the default numbers: 62, 80, 0xffca and 0xffcb.
 *
 * numbers: receives them; not NULL.
 *
 * Returns: REXT_OK, or a mistake of the caller (REXT_ERR_NULL, REXT_ERR_ALIGNMENT).
 *
 * Threads: any.
 */
rext_status rext_code_points_default(struct rext_code_points *numbers);

/**
 * Checks whether the numbers are allowed. Every function that takes code points does the same;
 * this one is for checking a configuration early.
 *
 * numbers: not NULL.
 * error: receives the error; may be NULL.
 *
 * Returns: REXT_OK; REXT_ERR_TAKEN if another extension or flag uses one of the numbers, assigned
 * by IANA, by GREASE (RFC 8701) or in practice, or if two of them are the same; REXT_ERR_VALUE if
 * the flag is above 2039; or another mistake of the caller.
 *
 * Threads: any.
 */
rext_status rext_code_points_check(const struct rext_code_points *numbers,
                                   struct rext_error *error);

/**
 * Makes the record of a new connection.
 *
 * size: the memory for contexts in bytes; 0 for 1024. A context takes its length and 2 bytes more
 * until the record is freed: 1024 bytes are enough for 56 contexts of 16 bytes.
 * contexts: receives the record; not NULL. Free it with rext_contexts_free().
 * error: receives the error; may be NULL.
 *
 * Returns: REXT_OK, REXT_ERR_MEMORY, or a mistake of the caller. After an error, the record that
 * is received is NULL.
 *
 * Threads: any.
 */
rext_status rext_contexts_new(size_t size,
                              struct rext_contexts **contexts,
                              struct rext_error *error);

/**
 * Frees a record.
 *
 * contexts: from rext_contexts_new(), which must not be used any more; with NULL, nothing happens.
 *
 * Threads: any, once.
 */
void rext_contexts_free(struct rext_contexts *contexts);

/**
 * Records a use of a context.
 *
 * contexts: not NULL.
 * kind: the kind of use, one of REXT_CONTEXT_....
 * context, length: the context; NULL and 0 if it is empty.
 * error: receives the error; may be NULL.
 *
 * Returns: REXT_OK; REXT_ERR_CONTEXT_REPEATED or REXT_ERR_CONTEXT_FULL for the first three uses:
 * do not send the request, make no authenticator, or refuse the authenticator;
 * REXT_ERR_CONTEXT_NOT_REQUESTED or REXT_ERR_CONTEXT_ANSWERED for the other two: refuse the
 * authenticator, or make none; REXT_ERR_VALUE for a context of more than 255 bytes; or another
 * mistake of the caller.
 *
 * Threads: one at a time per record.
 */
rext_status rext_contexts_record(struct rext_contexts *contexts,
                                 rext_context_use kind,
                                 const uint8_t *context,
                                 size_t length,
                                 struct rext_error *error);

/**
 * Decodes the body of an extension tls_flags that a peer sent.
 *
 * rext_check_flags() checks whether the flags are allowed in their message.
 *
 * body, length: the body; NULL and 0 if it is empty.
 * flags: receives the set; not NULL. Written only on REXT_OK.
 * error: receives the error; may be NULL.
 *
 * Returns: REXT_OK; one of REXT_ERR_FLAGS_... if the body breaks FLAGS-2 or FLAGS-3, always with
 * the alert illegal_parameter (47); or a mistake of the caller.
 *
 * Threads: any.
 */
rext_status rext_flags_decode(const uint8_t *body,
                              size_t length,
                              struct rext_flags *flags,
                              struct rext_error *error);

/**
 * Returns the body of the extension tls_flags that carries a set, in the shortest form (FLAGS-1):
 * 2 to 256 bytes.
 *
 * flags: not NULL.
 * body: receives the bytes; not NULL. They are part of flags, and valid as long as it is.
 *
 * Returns: REXT_YES; REXT_NO, and no bytes, for the empty set, for which the extension is not sent
 * (FLAGS-8); or a mistake of the caller.
 *
 * Threads: any, if none changes the set.
 */
rext_status rext_flags_body(const struct rext_flags *flags,
                            struct rext_bytes *body);

/**
 * Adds a flag to a set. It is not an error if the set already contains it.
 *
 * flags: not NULL.
 * flag: 0 to REXT_FLAG_MAX.
 *
 * Returns: REXT_OK; or a mistake of the caller, which changes nothing: REXT_ERR_VALUE for a flag
 * above REXT_FLAG_MAX.
 *
 * Threads: one at a time per set.
 */
rext_status rext_flags_insert(struct rext_flags *flags,
                              uint16_t flag);

/**
 * Removes a flag from a set. It is not an error if the set does not contain it.
 *
 * flags: not NULL.
 * flag: 0 to REXT_FLAG_MAX.
 *
 * Returns: REXT_OK; or a mistake of the caller, which changes nothing: REXT_ERR_VALUE for a flag
 * above REXT_FLAG_MAX.
 *
 * Threads: one at a time per set.
 */
rext_status rext_flags_remove(struct rext_flags *flags,
                              uint16_t flag);

/**
 * Returns REXT_YES if a set contains a flag.
 *
 * flags: not NULL.
 * flag: 0 to REXT_FLAG_MAX.
 *
 * Returns: REXT_YES, REXT_NO, or a mistake of the caller: REXT_ERR_VALUE for a flag above
 * REXT_FLAG_MAX.
 *
 * Threads: any, if none changes the set.
 */
rext_status rext_flags_contains(const struct rext_flags *flags,
                                uint16_t flag);

/**
 * Returns the lowest flag of a set that is at least a given number. To iterate, begin with 0, and
 * continue with the last result plus 1.
 *
 * flags: not NULL.
 * from: the lowest number to return; no flag is above REXT_FLAG_MAX.
 * flag: receives the flag; not NULL. Written only on REXT_YES.
 *
 * Returns: REXT_YES; REXT_NO if there is none; or a mistake of the caller.
 *
 * Threads: any, if none changes the set.
 */
rext_status rext_flags_next(const struct rext_flags *flags,
                            uint16_t from,
                            uint16_t *flag);

/**
 * Returns the host name in the extension server_name (RFC 6066 section 3), as sent: one byte or
 * more, not NUL-terminated, and not checked to be a valid name.
 *
 * hello: not NULL.
 * name: receives the name; not NULL. It is valid as long as the view.
 *
 * Returns: REXT_YES; REXT_NO, and no bytes, without the extension; or a mistake of the caller.
 *
 * Threads: any.
 */
rext_status rext_hello_server_name(const struct rext_hello *hello,
                                   struct rext_bytes *name);

/**
 * Returns REXT_YES if the client offers an application protocol by ALPN (RFC 7301).
 * rext_hello_alpn() lists all of them.
 *
 * hello: not NULL.
 * name, length: the protocol, such as "h2" and 2; not NULL unless length is 0.
 *
 * Returns: REXT_YES, REXT_NO, or a mistake of the caller.
 *
 * Threads: any.
 */
rext_status rext_hello_has_alpn(const struct rext_hello *hello,
                                const uint8_t *name,
                                size_t length);

/**
 * Returns REXT_YES if the client offers a version: in supported_versions, or without that
 * extension by legacy_version, which means that version and older ones, but never TLS 1.3 (RFC
 * 8446 section 4.2.1). rext_hello_versions() lists them as sent.
 *
 * hello: not NULL.
 * version: such as REXT_TLS13, or any other number.
 *
 * Returns: REXT_YES, REXT_NO, or a mistake of the caller.
 *
 * Threads: any.
 */
rext_status rext_hello_offers_version(const struct rext_hello *hello,
                                      rext_version_number version);

/**
 * Returns the kind of ClientHello, inner or outer, in Encrypted Client Hello.
 *
 * hello: not NULL.
 *
 * Returns: one of REXT_ECH_...; or a mistake of the caller, below 0.
 *
 * Threads: any.
 */
rext_ech rext_hello_ech(const struct rext_hello *hello);

/**
 * Returns REXT_YES if the client offers a pre-shared key, usually from an earlier session
 * (pre_shared_key, RFC 8446 section 4.2.11).
 *
 * hello: not NULL.
 *
 * Returns: REXT_YES, REXT_NO, or a mistake of the caller.
 *
 * Threads: any.
 */
rext_status rext_hello_has_psk(const struct rext_hello *hello);

/**
 * Returns the body of the extension with a given number, known or not. The time is linear in the
 * number of extensions.
 *
 * hello: not NULL.
 * number: the number of the extension.
 * body: receives the body, which may be empty; not NULL. It is valid as long as the view.
 *
 * Returns: REXT_YES; REXT_NO, and no bytes, without that extension; or a mistake of the caller.
 *
 * Threads: any.
 */
rext_status rext_hello_extension(const struct rext_hello *hello,
                                 uint16_t number,
                                 struct rext_bytes *body);

/**
 * Returns the fields of a ClientHello other than extensions.
 *
 * hello: not NULL.
 * fields: receives the fields; not NULL. Their bytes are valid as long as the view.
 *
 * Returns: REXT_OK, or a mistake of the caller.
 *
 * Threads: any.
 */
rext_status rext_hello_fields_of(const struct rext_hello *hello,
                                 struct rext_hello_fields *fields);

/**
 * Returns the flags of the extension tls_flags.
 *
 * Only a server that negotiates TLS 1.3 ends the connection if they are malformed; under older
 * versions the extension is ignored, whatever it contains (FLAGS-9). That is why a scan does not
 * check it.
 *
 * hello: not NULL.
 * flags: receives the flags; not NULL. Written only on REXT_YES and REXT_NO.
 * error: receives the error; may be NULL.
 *
 * Returns: REXT_YES; REXT_NO, and the empty set, without the extension; one of
 * REXT_ERR_FLAGS_..., with the alert illegal_parameter (47); or a mistake of the caller.
 *
 * Threads: any.
 */
rext_status rext_hello_flags(const struct rext_hello *hello,
                             struct rext_flags *flags,
                             struct rext_error *error);

/**
 * Returns REXT_YES if a flag is set in the extension tls_flags, such as request_client_auth, by
 * which a client offers to authenticate. An offer is never a credential: any client can send it.
 *
 * hello: not NULL.
 * flag: 0 to REXT_FLAG_MAX; 80 is request_client_auth by default.
 * error: receives the error; may be NULL.
 *
 * Returns: REXT_YES; REXT_NO, also without the extension; one of REXT_ERR_FLAGS_..., see
 * rext_hello_flags(); or a mistake of the caller.
 *
 * Threads: any.
 */
rext_status rext_hello_has_flag(const struct rext_hello *hello,
                                uint16_t flag,
                                struct rext_error *error);

/**
 * Returns REXT_YES if the extension client_authentication_request (CARE) is present, under its
 * number in the code points of the scan. Like the flag, it is an offer, never a credential.
 *
 * hello: not NULL.
 * error: receives the error; may be NULL.
 *
 * Returns: REXT_YES; REXT_NO; REXT_ERR_CARE_NOT_EMPTY (CARE-1), with the alert illegal_parameter
 * (47); or a mistake of the caller.
 *
 * Threads: any.
 */
rext_status rext_hello_has_care(const struct rext_hello *hello,
                                struct rext_error *error);

/**
 * Returns the client's application protocols (RFC 7301), in its order; an empty list without the
 * extension. Each item has bytes, at least one; its number is 0.
 *
 * hello: not NULL.
 * list: receives the list; not NULL.
 *
 * Returns: REXT_OK, or a mistake of the caller.
 *
 * Threads: any.
 */
rext_status rext_hello_alpn(const struct rext_hello *hello,
                            struct rext_list *list);

/**
 * Returns the distinguished names of the authorities that the client trusts (RFC 8446 section
 * 4.2.4), in its order; an empty list without the extension. Each item has bytes, the DER as sent;
 * its number is 0.
 *
 * hello: not NULL.
 * list: receives the list; not NULL.
 *
 * Returns: REXT_OK, or a mistake of the caller.
 *
 * Threads: any.
 */
rext_status rext_hello_authorities(const struct rext_hello *hello,
                                   struct rext_list *list);

/**
 * Returns the versions that the client offers, in its order: those of supported_versions, or
 * without that extension the one of legacy_version. Each item is a number without bytes; GREASE is
 * included.
 *
 * hello: not NULL.
 * list: receives the list; not NULL.
 *
 * Returns: REXT_OK, or a mistake of the caller.
 *
 * Threads: any.
 */
rext_status rext_hello_versions(const struct rext_hello *hello,
                                struct rext_list *list);

/**
 * Returns the cipher suites that the client offers, in its order. Each item is a number without
 * bytes; GREASE is included.
 *
 * hello: not NULL.
 * list: receives the list; not NULL.
 *
 * Returns: REXT_OK, or a mistake of the caller.
 *
 * Threads: any.
 */
rext_status rext_hello_cipher_suites(const struct rext_hello *hello,
                                     struct rext_list *list);

/**
 * Returns all extensions, in the client's order. Each item has a number, and bytes: the body.
 *
 * hello: not NULL.
 * list: receives the list; not NULL.
 *
 * Returns: REXT_OK, or a mistake of the caller.
 *
 * Threads: any.
 */
rext_status rext_hello_extensions(const struct rext_hello *hello,
                                  struct rext_list *list);

/**
 * Returns the next item of a list.
 *
 * list: not NULL.
 * number: receives the item's number; may be NULL.
 * bytes: receives the item's bytes, which are valid as long as those that the list was made from;
 * may be NULL.
 *
 * Returns: REXT_YES; REXT_NO at the end, which writes neither; or a mistake of the caller.
 *
 * Threads: one at a time per list.
 */
rext_status rext_list_next(struct rext_list *list,
                           uint16_t *number,
                           struct rext_bytes *bytes);

/**
 * Returns the origins in which the client has an identity, such as "spiffe://example.org", from
 * the extension workload_identifier_origin_hint, under its number in the code points of the scan.
 * They are an offer, and never a proof: any client can send them (WIO-4, WIO-5).
 *
 * Strings that are not origins are left out (WIO-3), and so is what exceeds REXT_MAX_ORIGINS or
 * REXT_MAX_ORIGIN_BYTES (WIO-8). A malformed list ends the connection only if the server
 * negotiates TLS 1.3, so a scan does not check it.
 *
 * hello: not NULL.
 * list: receives the origins, in the client's order; not NULL. Written only on REXT_YES and
 * REXT_NO. Each item has bytes, as sent; its number is 0.
 * ignored: receives how many strings were left out; may be NULL.
 * error: receives the error; may be NULL.
 *
 * Returns: REXT_YES, also if no string is an origin; REXT_NO, and an empty list, without the
 * extension; REXT_ERR_ORIGINS_MALFORMED, with the alert decode_error (50); or a mistake of the
 * caller.
 *
 * Threads: any.
 */
rext_status rext_hello_origins(const struct rext_hello *hello,
                               struct rext_list *list,
                               size_t *ignored,
                               struct rext_error *error);

/**
 * Decodes the body of an extension workload_identifier_origin_hint of a ClientHello.
 *
 * body, length: the body; NULL and 0 if it is empty.
 * list: as for rext_hello_origins(). It points into body.
 * ignored: as for rext_hello_origins().
 * error: receives the error; may be NULL.
 *
 * Returns: REXT_YES; REXT_ERR_ORIGINS_MALFORMED, with the alert decode_error (50), if the body is
 * not such a list (WIO-2); or a mistake of the caller.
 *
 * Threads: any.
 */
rext_status rext_origins_decode(const uint8_t *body,
                                size_t length,
                                struct rext_list *list,
                                size_t *ignored,
                                struct rext_error *error);

/**
 * Writes the body of the extension workload_identifier_origin_hint, for a client to send.
 *
 * origins, count: the origins, each a scheme and a trust domain such as "spiffe://example.org"; 1
 * to REXT_MAX_ORIGINS; not NULL.
 * buffer, length: receives the body. After an error, its content is undefined.
 * written: receives the length of the body; not NULL. Written only on REXT_OK.
 * error: receives the error; may be NULL.
 *
 * Returns: REXT_OK; REXT_ERR_BUFFER if the buffer is too short; REXT_ERR_VALUE for an empty list,
 * a string that is not an origin, or more origins or bytes than servers read (WIO-3, WIO-8);
 * REXT_ERR_MEMORY; or another mistake of the caller.
 *
 * Threads: any, each with its own buffer.
 */
rext_status rext_origins_write(const struct rext_bytes *origins,
                               size_t count,
                               uint8_t *buffer,
                               size_t length,
                               size_t *written,
                               struct rext_error *error);

/**
 * Returns REXT_YES if a URI has an origin: the URI in the subjectAltName of a certificate, such as
 * "spiffe://example.org/agent/1", or another origin. Scheme and trust domain are compared by RFC
 * 3986 section 6.2.2, so "SPIFFE://Example.org" is the same origin as "spiffe://example.org".
 *
 * A certificate that was requested because of an origin counts only if its URI has that origin
 * (WIO-6).
 *
 * origin, origin_length: a scheme and a trust domain; not NULL unless origin_length is 0.
 * uri, uri_length: a workload identifier; not NULL unless uri_length is 0.
 * error: receives the error; may be NULL.
 *
 * Returns: REXT_YES; REXT_NO, also if the URI is not a workload identifier; REXT_ERR_VALUE if
 * origin is not an origin; or another mistake of the caller.
 *
 * Threads: any.
 */
rext_status rext_origin_includes(const uint8_t *origin,
                                 size_t origin_length,
                                 const uint8_t *uri,
                                 size_t uri_length,
                                 struct rext_error *error);

/**
 * Checks whether workload_identifier_origin_hint with this body is allowed in a message (WIO-1,
 * WIO-2).
 *
 * rext_client and rext_server do this themselves.
 *
 * message: one of REXT_CLIENT_HELLO to REXT_NEW_SESSION_TICKET.
 * version: the version of the connection, REXT_TLS12 or REXT_TLS13. Under TLS 1.2, the body in a
 * ClientHello is ignored.
 * body, length: the body of the extension; NULL and 0 if it is empty.
 * error: receives the error; may be NULL.
 *
 * Returns: REXT_OK; REXT_ERR_ORIGINS_MISPLACED or REXT_ERR_ORIGINS_MALFORMED with its alert; or a
 * mistake of the caller.
 *
 * Threads: any.
 */
rext_status rext_check_origin_hint(rext_message message,
                                   rext_version_number version,
                                   const uint8_t *body,
                                   size_t length,
                                   struct rext_error *error);

/**
 * Writes an authenticator request: a CertificateRequest of TLS 1.3, or a client's
 * ClientCertificateRequest, with its handshake header (EA-2, EA-4).
 *
 * by: the side that requests, one of REXT_ENDPOINT_....
 * context, context_length: random, REXT_CONTEXT_MIN to 255 bytes (EA-3); not NULL. Record it by
 * rext_contexts_record() before the request is sent.
 * schemes, scheme_count: the content of signature_algorithms, at least one; not NULL.
 * extensions, extension_count: all other extensions; NULL and 0 for none.
 * buffer, length: receives the request, at its front. After an error, its content is undefined.
 * request: receives the view, which points into the buffer; not NULL. Written only on REXT_OK.
 * rext_request_fields_of() returns the bytes to send.
 * error: receives the error; may be NULL.
 *
 * Returns: REXT_OK; REXT_ERR_BUFFER if the buffer is too short; REXT_ERR_VALUE for a field that is
 * too long, or a context that is too short; one of REXT_ERR_REQUEST_... if a peer would refuse the
 * request; REXT_ERR_MEMORY; or another mistake of the caller.
 *
 * Threads: any, each with its own buffer.
 */
rext_status rext_request_write(rext_endpoint by,
                               const uint8_t *context,
                               size_t context_length,
                               const uint16_t *schemes,
                               size_t scheme_count,
                               const struct rext_extension *extensions,
                               size_t extension_count,
                               uint8_t *buffer,
                               size_t length,
                               struct rext_request *request,
                               struct rext_error *error);

/**
 * Reads an authenticator request: one handshake message, and nothing behind it (EA-2, EA-4).
 * Unknown extensions are kept and not checked.
 *
 * by: the side that requests, one of REXT_ENDPOINT_....
 * bytes, length: the request; NULL and 0 if it is empty.
 * request: receives the view, which points into bytes; not NULL. Written only on REXT_OK.
 * error: receives the error; may be NULL.
 *
 * Returns: REXT_OK; one of REXT_ERR_REQUEST_...; or a mistake of the caller.
 *
 * Threads: any.
 */
rext_status rext_request_parse(rext_endpoint by,
                               const uint8_t *bytes,
                               size_t length,
                               struct rext_request *request,
                               struct rext_error *error);

/**
 * Makes the basis of a server's authenticator without a request, on either side: schemes and
 * extensions are those of the ClientHello (EA-5). There is no empty authenticator without a
 * request.
 *
 * context, length: on the server, chosen by it: random, REXT_CONTEXT_MIN to 255 bytes. On the
 * client, the one of the authenticator: rext_authenticator_context(). Record it by
 * rext_contexts_record().
 * hello: the ClientHello of this connection; not NULL.
 * request: receives the view, which points into context and the bytes of the ClientHello; not
 * NULL. Written only on REXT_OK.
 * error: receives the error; may be NULL.
 *
 * Returns: REXT_OK; REXT_ERR_REQUEST_MALFORMED for a context of more than 255 bytes, or a
 * malformed signature_algorithms; REXT_ERR_REQUEST_NO_SCHEMES without it; or a mistake of the
 * caller.
 *
 * Threads: any.
 */
rext_status rext_request_spontaneous(const uint8_t *context,
                                     size_t length,
                                     const struct rext_hello *hello,
                                     struct rext_request *request,
                                     struct rext_error *error);

/**
 * Returns the fields of an authenticator request other than extensions.
 *
 * request: not NULL.
 * fields: receives the fields; not NULL. Their bytes are valid as long as the view.
 *
 * Returns: REXT_OK, or a mistake of the caller.
 *
 * Threads: any.
 */
rext_status rext_request_fields_of(const struct rext_request *request,
                                   struct rext_request_fields *fields);

/**
 * Returns the signature schemes that an authenticator may use, in the order of
 * signature_algorithms, without those that TLS 1.3 does not allow (EA-7). Each item is a number
 * without bytes.
 *
 * request: not NULL.
 * list: receives the list; not NULL.
 *
 * Returns: REXT_OK, or a mistake of the caller.
 *
 * Threads: any.
 */
rext_status rext_request_schemes(const struct rext_request *request,
                                 struct rext_list *list);

/**
 * Returns the distinguished names in certificate_authorities, in the order of the request; an
 * empty list without the extension. Each item has bytes, the DER as sent; its number is 0. An
 * authenticator must have a chain with one of them as an issuer (EA-6).
 *
 * request: not NULL.
 * list: receives the list; not NULL.
 *
 * Returns: REXT_OK, or a mistake of the caller.
 *
 * Threads: any.
 */
rext_status rext_request_authorities(const struct rext_request *request,
                                     struct rext_list *list);

/**
 * Returns all extensions of an authenticator request, in its order. Each item has a number, and
 * bytes: the body.
 *
 * request: not NULL.
 * list: receives the list; not NULL.
 *
 * Returns: REXT_OK, or a mistake of the caller.
 *
 * Threads: any.
 */
rext_status rext_request_extensions(const struct rext_request *request,
                                    struct rext_list *list);

/**
 * Returns the body of the extension with a given number.
 *
 * request: not NULL.
 * number: the number of the extension.
 * body: receives the body, which may be empty; not NULL. It is valid as long as the view.
 *
 * Returns: REXT_YES; REXT_NO, and no bytes, without that extension; or a mistake of the caller.
 *
 * Threads: any.
 */
rext_status rext_request_extension(const struct rext_request *request,
                                   uint16_t number,
                                   struct rext_bytes *body);

/**
 * Writes the payload of a frame AUTHENTICATOR_REQUESTS: a server's requests, each after its length
 * (SCC-3).
 *
 * requests, count: the requests, at least one; not NULL.
 * buffer, length: receives the payload. After an error, its content is undefined.
 * written: receives the payload's length; not NULL. Written only on REXT_OK.
 * error: receives the error; may be NULL.
 *
 * Returns: REXT_OK; REXT_ERR_BUFFER if the buffer is too short; REXT_ERR_VALUE without requests,
 * or for one that is not a server's; REXT_ERR_MEMORY; or another mistake of the caller.
 *
 * Threads: any, each with its own buffer.
 */
rext_status rext_requests_write(const struct rext_request *requests,
                                size_t count,
                                uint8_t *buffer,
                                size_t length,
                                size_t *written,
                                struct rext_error *error);

/**
 * Reads the payload of a frame AUTHENTICATOR_REQUESTS, and checks each request in it (SCC-3,
 * SCC-4).
 *
 * bytes, length: the payload; NULL and 0 if it is empty.
 * list: receives the requests; not NULL. Written only on REXT_OK. It points into bytes; each item
 * has the bytes of a request, for rext_request_parse() with REXT_ENDPOINT_SERVER, and its number
 * is 0.
 * error: receives the error; may be NULL.
 *
 * Returns: REXT_OK; REXT_ERR_REQUEST_LIST; or a mistake of the caller.
 *
 * Threads: any.
 */
rext_status rext_requests_parse(const uint8_t *bytes,
                                size_t length,
                                struct rext_list *list,
                                struct rext_error *error);

/**
 * Decides whether a session may be resumed under a demand (RES-2, RES-3, RES-4).
 *
 * demand: one of REXT_DEMAND_....
 * scope: the scope of the demand, at least one byte; not NULL. Ignored for REXT_DEMAND_NONE.
 * offered: not 0 if the client offers to authenticate, by flag or CARE.
 * session: the session's record; not NULL. Do not resume a session without a record (RES-7).
 *
 * Returns: one of REXT_RESUMPTION_...; or a mistake of the caller, below 0: then do not resume the
 * session.
 *
 * Threads: any.
 */
rext_resumption rext_resumption_check(rext_demand demand,
                                      const struct rext_bytes *scope,
                                      int32_t offered,
                                      const struct rext_session *session);

/**
 * Returns 1 if a client's proof of possession is recent enough for its session to be resumed.
 *
 * A resumed handshake contains no new proof, so without this limit a session that is renewed by
 * each resumption would last forever. A proof in the future is not recent: the clock was set back,
 * so the age is unknown.
 *
 * authenticated_at: from the session's record, in seconds since the Unix epoch.
 * now: the current time, in the same unit.
 * max_age: the limit in seconds; REXT_MAX_AGE_SECONDS, unless the demand has another one.
 *
 * Returns: 1 if it is recent; 0 if not: then do a full handshake.
 *
 * Threads: any.
 */
int32_t rext_resumption_is_recent(uint64_t authenticated_at,
                                  uint64_t now,
                                  uint64_t max_age);

/**
 * Encodes a session record. Store it with the session, for example in the application data of a
 * ticket. It is neither secret nor protected: the ticket or the store must protect it.
 *
 * session: not NULL.
 * buffer, length: receives the record; REXT_SESSION_LONGEST bytes are always enough.
 * written: receives the record's length; not NULL. Written only on REXT_OK.
 *
 * Returns: REXT_OK; REXT_ERR_BUFFER if the buffer is too short; REXT_ERR_VALUE for a scope of more
 * than 255 bytes, or for an authenticated session without a scope; or another mistake of the
 * caller.
 *
 * Threads: any, each with its own buffer.
 */
rext_status rext_session_encode(const struct rext_session *session,
                                uint8_t *buffer,
                                size_t length,
                                size_t *written);

/**
 * Decodes a session record that rext_session_encode() wrote.
 *
 * bytes, length: the record; NULL and 0 if it is empty.
 * session: receives the record; not NULL. Written only on REXT_OK. Its scope points into bytes.
 *
 * Returns: REXT_OK; REXT_ERR_RECORD for any other bytes, including records of another version:
 * then do a full handshake without an error (RES-7); or a mistake of the caller.
 *
 * Threads: any.
 */
rext_status rext_session_decode(const uint8_t *bytes,
                                size_t length,
                                struct rext_session *session);

/**
 * Checks whether the flags that a peer sent in a message are allowed there (FLAGS-4 to FLAGS-6,
 * RCA-4, RCA-5).
 *
 * rext_client and rext_server do this themselves; use this function for other flags.
 *
 * message: one of REXT_CLIENT_HELLO to REXT_NEW_SESSION_TICKET.
 * received: its flags; not NULL.
 * answered: the flags of the message that it answers. For the client's Certificate that is the
 * CertificateRequest; for every other message that a server sends before it has finished,
 * including CertificateRequest, it is the ClientHello. NULL for none, as for ClientHello and
 * NewSessionTicket, which answer nothing.
 * numbers: the code points; NULL for the default ones.
 * error: receives the error; may be NULL.
 *
 * Returns: REXT_OK; REXT_ERR_FLAG_MISPLACED with the alert illegal_parameter (47); or a mistake of
 * the caller.
 *
 * Threads: any.
 */
rext_status rext_check_flags(rext_message message,
                             const struct rext_flags *received,
                             const struct rext_flags *answered,
                             const struct rext_code_points *numbers,
                             struct rext_error *error);

/**
 * Checks whether client_authentication_request (CARE) with this body is allowed in a message
 * (CARE-1, CARE-3).
 *
 * rext_client and rext_server do this themselves.
 *
 * message: one of REXT_CLIENT_HELLO to REXT_NEW_SESSION_TICKET.
 * version: the version of the connection, REXT_TLS12 or REXT_TLS13.
 * body, length: the body of the extension; NULL and 0 if it is empty.
 * offered: not 0 if the ClientHello contained CARE; ignored for ClientHello itself.
 * error: receives the error; may be NULL.
 *
 * Returns: REXT_OK; one of REXT_ERR_CARE_... with its alert, illegal_parameter (47) or
 * unsupported_extension (110); or a mistake of the caller.
 *
 * Threads: any.
 */
rext_status rext_check_care(rext_message message,
                            rext_version_number version,
                            const uint8_t *body,
                            size_t length,
                            int32_t offered,
                            struct rext_error *error);

/**
 * Returns the message in which a server echoes CARE (CARE-3).
 *
 * version: the version of the connection, REXT_TLS12 or REXT_TLS13.
 *
 * Returns: REXT_SERVER_HELLO or REXT_ENCRYPTED_EXTENSIONS; or REXT_ERR_VALUE.
 *
 * Threads: any.
 */
rext_message rext_care_echo_in(rext_version_number version);

/**
 * Makes a scan.
 *
 * numbers: the code points; NULL for the default ones.
 * max_message: the limit for the length of a ClientHello in bytes, without the header of the
 * message; at most 65535, which is also the meaning of 0. ClientHellos of current clients have 200
 * to 2000.
 * scan: receives the scan; not NULL. Free it with rext_scan_free().
 * error: receives the error; may be NULL.
 *
 * Returns: REXT_OK; REXT_ERR_TAKEN or REXT_ERR_VALUE for numbers that are not allowed;
 * REXT_ERR_VALUE for a limit above 65535; REXT_ERR_MEMORY; or another mistake of the caller. After
 * an error, the scan that is received is NULL.
 *
 * Threads: any.
 */
rext_status rext_scan_new(const struct rext_code_points *numbers,
                          size_t max_message,
                          struct rext_scan **scan,
                          struct rext_error *error);

/**
 * Frees a scan. Scanners that were made from it stay valid.
 *
 * scan: from rext_scan_new(), which must not be used any more; with NULL, nothing happens.
 *
 * Threads: any, once.
 */
void rext_scan_free(struct rext_scan *scan);

/**
 * Scans bytes for a ClientHello as they arrive from a socket, from the first on.
 *
 * Records and the message are checked completely, and a fault is reported at the first byte that
 * shows it. Time is linear in the number of bytes. A ClientHello in one record, as it nearly
 * always is, is read in place; one over several records (RFC 8446 section 5.1) is assembled in
 * scratch.
 *
 * If the result is REXT_INCOMPLETE, call this again with more bytes, from the first on. It then
 * starts anew. So wait for as many bytes as are needed, so that a client cannot cause a new scan
 * for each byte, or use a rext_scanner, which continues from its last position.
 *
 * scan: NULL for the default one.
 * bytes, length: the bytes; NULL and 0 for none.
 * scratch, scratch_length: a buffer for a ClientHello over several records, without its header;
 * 4096 bytes are enough for current clients. NULL and 0 for none: such ClientHellos are then
 * refused as too long. It must not overlap with the bytes.
 * hello: receives the view; not NULL. Written only on REXT_OK, and then points into bytes or
 * scratch.
 * count: receives on REXT_OK the number of bytes that the ClientHello took, from the first on
 * (later bytes were not read), and on REXT_INCOMPLETE the minimum number of further bytes; may be
 * NULL.
 * error: receives the error; may be NULL.
 *
 * Returns: REXT_OK; REXT_INCOMPLETE; REXT_ERR_DTLS to REXT_ERR_NOT_TLS, without an alert;
 * REXT_ERR_UNEXPECTED_RECORD to REXT_ERR_BINDER_COUNT, with the alert that a server must send; or
 * a mistake of the caller.
 *
 * Threads: any, each with its own scratch.
 */
rext_status rext_scan_records(const struct rext_scan *scan,
                              const uint8_t *bytes,
                              size_t length,
                              uint8_t *scratch,
                              size_t scratch_length,
                              struct rext_hello *hello,
                              size_t *count,
                              struct rext_error *error);

/**
 * Scans a handshake message: a header of four bytes, and the body. Some TLS stacks provide this
 * form, and QUIC has it in CRYPTO frames.
 *
 * scan: NULL for the default one.
 * bytes, length: the bytes; NULL and 0 for none.
 * hello: receives the view; not NULL. Written only on REXT_OK, and then points into bytes.
 * count: as for rext_scan_records().
 * error: receives the error; may be NULL.
 *
 * Returns: as for rext_scan_records().
 *
 * Threads: any.
 */
rext_status rext_scan_handshake(const struct rext_scan *scan,
                                const uint8_t *bytes,
                                size_t length,
                                struct rext_hello *hello,
                                size_t *count,
                                struct rext_error *error);

/**
 * Scans the body of a ClientHello, without the header of the message: the form that other TLS
 * stacks provide.
 *
 * scan: NULL for the default one.
 * bytes, length: the bytes; NULL and 0 for none.
 * hello: receives the view; not NULL. Written only on REXT_OK, and then points into bytes.
 * error: receives the error; may be NULL.
 *
 * Returns: as for rext_scan_records(), but never REXT_INCOMPLETE.
 *
 * Threads: any.
 */
rext_status rext_scan_body(const struct rext_scan *scan,
                           const uint8_t *bytes,
                           size_t length,
                           struct rext_hello *hello,
                           struct rext_error *error);

/**
 * Makes a scanner.
 *
 * scan: NULL for the default one. It may be freed before the scanner.
 * buffer, length: the buffer in which a ClientHello is assembled. Its length limits that of a
 * ClientHello without its header, if it is less than the scan's limit; 4096 bytes are enough for
 * current clients. The caller frees it, and must not use it until the scanner is freed. NULL and 0
 * for no buffer: every ClientHello is then refused as too long.
 * scanner: receives the scanner; not NULL. Free it with rext_scanner_free().
 * error: receives the error; may be NULL.
 *
 * Returns: REXT_OK, REXT_ERR_MEMORY, or a mistake of the caller. After an error, the scanner that
 * is received is NULL.
 *
 * Threads: any.
 */
rext_status rext_scanner_new(const struct rext_scan *scan,
                             uint8_t *buffer,
                             size_t length,
                             struct rext_scanner **scanner,
                             struct rext_error *error);

/**
 * Frees a scanner, but not its buffer. Views that point into the buffer are valid as long as the
 * buffer.
 *
 * scanner: from rext_scanner_new(), which must not be used any more; with NULL, nothing happens.
 *
 * Threads: any, once.
 */
void rext_scanner_free(struct rext_scanner *scanner);

/**
 * Takes the bytes that arrived since the last call.
 *
 * scanner: not NULL.
 * bytes, length: the bytes; NULL and 0 for none. They must not overlap with the scanner's buffer.
 * hello: receives the view; not NULL. Written only on REXT_OK, and then points into bytes if they
 * are a complete ClientHello in one record, and into the scanner's buffer otherwise: so it is
 * valid until the next call with that scanner.
 * count: as for rext_scan_records(), but on REXT_OK it counts the bytes of all calls since the
 * last ClientHello.
 * error: receives the error; may be NULL.
 *
 * Returns: as for rext_scan_records().
 *
 * Threads: one at a time per scanner.
 */
rext_status rext_scanner_feed(struct rext_scanner *scanner,
                              const uint8_t *bytes,
                              size_t length,
                              struct rext_hello *hello,
                              size_t *count,
                              struct rext_error *error);

/**
 * Takes all bytes from the beginning of the ClientHello, including those of earlier calls. For
 * callers that store the bytes anyway, for example to pass them on. Bytes of earlier calls are not
 * read again, except for those of an incomplete last record. Use either this function or
 * rext_scanner_feed() with a scanner, not both.
 *
 * scanner: not NULL.
 * bytes, length: all bytes so far; NULL and 0 for none. They must not overlap with the scanner's
 * buffer.
 * hello: as for rext_scanner_feed(); it points into bytes if the ClientHello is in one record.
 * count: as for rext_scan_records().
 * error: receives the error; may be NULL.
 *
 * Returns: as for rext_scan_records().
 *
 * Threads: one at a time per scanner.
 */
rext_status rext_scanner_peek(struct rext_scanner *scanner,
                              const uint8_t *bytes,
                              size_t length,
                              struct rext_hello *hello,
                              size_t *count,
                              struct rext_error *error);

/**
 * Makes a server that has not received a ClientHello.
 *
 * numbers: the code points; NULL for the default ones.
 * server: receives the server; not NULL. Free it with rext_server_free().
 * error: receives the error; may be NULL.
 *
 * Returns: REXT_OK; REXT_ERR_TAKEN or REXT_ERR_VALUE for numbers that are not allowed;
 * REXT_ERR_MEMORY; or another mistake of the caller. After an error, the server that is received
 * is NULL.
 *
 * Threads: any.
 */
rext_status rext_server_new(const struct rext_code_points *numbers,
                            struct rext_server **server,
                            struct rext_error *error);

/**
 * Frees a server.
 *
 * server: from rext_server_new(), which must not be used any more; with NULL, nothing happens.
 *
 * Threads: any, once.
 */
void rext_server_free(struct rext_server *server);

/**
 * Checks and records the offer in a ClientHello. Call it for the first and the second one, once
 * the version is chosen. Flags and origins are for TLS 1.3 only: under TLS 1.2 they are ignored,
 * even if malformed (FLAGS-9).
 *
 * server: not NULL.
 * version: the chosen version, REXT_TLS12 or REXT_TLS13.
 * tls_flags: the body of tls_flags; NULL if the message does not have it.
 * care: the body of CARE; NULL if the message does not have it.
 * origin_hint: the body of workload_identifier_origin_hint; NULL if the message does not have it.
 * error: receives the error; may be NULL.
 *
 * Returns: REXT_OK; one of REXT_ERR_FLAGS_..., REXT_ERR_FLAG_MISPLACED, REXT_ERR_CARE_NOT_EMPTY,
 * REXT_ERR_ORIGINS_MALFORMED, REXT_ERR_SECOND_HELLO_DIFFERS or REXT_ERR_ORIGINS_CHANGED (WIO-7),
 * with the alert that ends the connection; or a mistake of the caller.
 *
 * Threads: one at a time per server.
 */
rext_status rext_server_on_client_hello(struct rext_server *server,
                                        rext_version_number version,
                                        const struct rext_bytes *tls_flags,
                                        const struct rext_bytes *care,
                                        const struct rext_bytes *origin_hint,
                                        struct rext_error *error);

/**
 * The same as rext_server_on_client_hello(), for a ClientHello that was scanned with the server's
 * code points.
 *
 * server: not NULL.
 * version: the chosen version, REXT_TLS12 or REXT_TLS13.
 * hello: not NULL.
 * error: receives the error; may be NULL.
 *
 * Returns: as for rext_server_on_client_hello().
 *
 * Threads: one at a time per server.
 */
rext_status rext_server_on_hello(struct rext_server *server,
                                 rext_version_number version,
                                 const struct rext_hello *hello,
                                 struct rext_error *error);

/**
 * Returns the ways in which the client offers to authenticate.
 *
 * server: not NULL.
 *
 * Returns: REXT_OFFER_NONE, also before a ClientHello, or the sum of others; or a mistake of the
 * caller, below 0.
 *
 * Threads: any, if none changes the server.
 */
rext_offer rext_server_offer(const struct rext_server *server);

/**
 * Returns the flags of the ClientHello; the empty set if there are none, or if they do not count
 * (FLAGS-9).
 *
 * server: not NULL.
 * flags: receives the flags; not NULL.
 *
 * Returns: REXT_OK, or a mistake of the caller.
 *
 * Threads: any, if none changes the server.
 */
rext_status rext_server_flags(const struct rext_server *server,
                              struct rext_flags *flags);

/**
 * Records whether the server requests a certificate from this client, and why. A server that
 * resumes a session does not.
 *
 * server: not NULL.
 * asks: one of REXT_ASKS_....
 *
 * Returns: REXT_OK, or a mistake of the caller, which changes nothing.
 *
 * Threads: one at a time per server.
 */
rext_status rext_server_asks(struct rext_server *server,
                             rext_asks asks);

/**
 * Returns REXT_YES if an empty CARE must be put into a message, so that the client knows that this
 * server understands CARE, whether it requests a certificate or not (CARE-3).
 *
 * server: not NULL.
 * message: one of REXT_CLIENT_HELLO to REXT_NEW_SESSION_TICKET.
 *
 * Returns: REXT_YES, REXT_NO, or a mistake of the caller.
 *
 * Threads: any, if none changes the server.
 */
rext_status rext_server_echoes_care(const struct rext_server *server,
                                    rext_message message);

/**
 * Returns the flags for a CertificateRequest of TLS 1.3. They contain request_client_auth if the
 * client offered by the flag, and the server requests a certificate for that reason (RCA-2, RCA-3,
 * RCA-4).
 *
 * server: not NULL.
 * flags: receives the flags; not NULL. rext_flags_body() returns the body, or REXT_NO if the
 * extension is not sent.
 *
 * Returns: REXT_OK, or a mistake of the caller.
 *
 * Threads: any, if none changes the server.
 */
rext_status rext_server_acknowledgement(const struct rext_server *server,
                                        struct rext_flags *flags);

/**
 * Checks the extensions in an entry of the client's Certificate (TLS 1.3; FLAGS-5, RCA-5, CARE-3,
 * WIO-1).
 *
 * server: not NULL.
 * tls_flags: the body of tls_flags; NULL if the message does not have it.
 * care: the body of CARE; NULL if the message does not have it.
 * origin_hint: the body of workload_identifier_origin_hint; NULL if the message does not have it.
 * error: receives the error; may be NULL.
 *
 * Returns: REXT_OK; one of REXT_ERR_FLAGS_..., REXT_ERR_FLAG_MISPLACED, REXT_ERR_CARE_... or
 * REXT_ERR_ORIGINS_MISPLACED, with the alert that ends the connection; or a mistake of the caller.
 *
 * Threads: any, if none changes the server.
 */
rext_status rext_server_on_client_certificate(const struct rext_server *server,
                                              const struct rext_bytes *tls_flags,
                                              const struct rext_bytes *care,
                                              const struct rext_bytes *origin_hint,
                                              struct rext_error *error);

/**
 * Returns the name of a status in lower case, without "REXT_" and "ERR_".
 *
 * status: any number. 0 is "ok", and one that is not listed here is "unknown".
 *
 * Returns: a NUL-terminated string, never NULL, that is valid as long as the library is loaded.
 *
 * Threads: any.
 */
const char *rext_status_name(rext_status status);

/**
 * Returns the version of the loaded library, such as "0.1.0".
 *
 * Returns: a NUL-terminated string, never NULL, that is valid as long as the library is loaded.
 *
 * Threads: any.
 */
const char *rext_version(void);

/**
 * Returns the ABI of the loaded library. Compare it with REXT_ABI of the header.
 *
 * Returns: the REXT_ABI of the library.
 *
 * Threads: any.
 */
uint32_t rext_abi(void);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* REXT_H */
