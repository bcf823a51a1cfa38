/*
 * Client certificates by offer, for TLS stacks, proxies and routers: a scan of ClientHellos, the TLS
 * flags extension, the negotiation of both ends, and the judgement of resumptions.
 *
 * Licensed under Apache-2.0 or MIT, as you like.
 *
 * Status. Functions answer with a rext_status, or with another number that is below 0 for the same
 * errors. What a peer did wrong also has a rule and an alert: pass a rext_error to learn them. After
 * an error nothing is written but that, unless the function says so.
 *
 * Rules are cited by number: FLAGS-n is draft-ietf-tls-tlsflags-16, RCA-n draft-jhoyla-req-mtls-flag
 * (June 2025), CARE-n draft-thomson-tls-care-00, RES-n RFC 8446 section 4.6.1 and RFC 5077.
 *
 * Pointers. What may be NULL says so; all else is REXT_ERR_NULL. A pointer that is not NULL must
 * point to what its type says, of the length that goes with it; one that is not aligned is
 * REXT_ERR_ALIGNMENT. What a function writes may not overlap with anything else that it is passed.
 * No function keeps a pointer after it has returned, but rext_scanner_new() that to its buffer, and
 * the structs rext_hello, rext_list, rext_bytes and rext_session what they say.
 *
 * Lengths count bytes. Integers are in the byte order of the machine, bytes as on the wire.
 *
 * Objects (rext_scan, rext_scanner, rext_client, rext_server) are made by a function that ends in
 * _new and freed by the one that ends in _free. Structs are the caller's: set them to zero if they
 * may be read before they are filled.
 *
 * Threads. "any" means that any number of threads may call the function at once; "one at a time"
 * that they must not for the same object. There is no state besides these objects.
 *
 * No function blocks, calls back, or lets a panic pass: a bug in the library is REXT_ERR_PANIC and a
 * line on standard error, or the end of the process if the library is built with panic=abort. Only
 * the _new functions allocate.
 */

#ifndef REXT_H
#define REXT_H

/* Made of the Rust source by `cargo xtask header`; do not edit. */

#include <stddef.h>
#include <stdint.h>

/**
 * The highest number of a flag: what 255 bytes have room for.
 */
#define REXT_FLAG_MAX 2039

/**
 * The most bytes of a session record.
 */
#define REXT_SESSION_LONGEST 270

/**
 * For how many seconds one proof of possession may last by default: 7 days, the longest lifetime of
 * a ticket (RFC 8446 section 4.6.1).
 */
#define REXT_MAX_AGE_SECONDS 604800

/**
 * The number of this ABI: what is added leaves it as it is; what would break a program that was
 * built against it does not happen without another soname.
 */
#define REXT_ABI 0

/**
 * One connection of a client: what to put into its hello, and what to make of what comes back.
 */
typedef struct rext_client rext_client;

/**
 * How to scan: with which code points and limit. It does not change, so any number of threads may
 * use one at once. NULL in its place is a scan with the default code points and no other limit
 * than the protocol's.
 */
typedef struct rext_scan rext_scan;

/**
 * A scan of a stream whose bytes come little by little.
 *
 * What a client can make it do is linear in what the client sends, however it cuts that into
 * records and however few bytes come at a time. The answer is the same as with all the bytes at
 * once. After a refusal, it is that refusal again whatever comes. After a hello, it stands at the
 * beginning of another one: a client has a second to send when it gets a HelloRetryRequest.
 */
typedef struct rext_scanner rext_scanner;

/**
 * One connection of a server: what the client's hello says, and what to answer.
 */
typedef struct rext_server rext_server;

/**
 * What a function answers: 0 or above for an answer, below 0 for an error.
 *
 * A number never changes its meaning, and none is ever used again for another. Later versions may
 * answer with errors that are not listed here: treat every number below 0 as an error.
 */
typedef int32_t rext_status;

/**
 * By which ways a client offers to authenticate: REXT_OFFER_NONE, or the sum of others. It is a
 * wish, never a credential: anybody can send it.
 */
typedef int32_t rext_offer;

/**
 * The numbers that the extensions and the flag have on the wire. Both ends of a connection must
 * have the same.
 *
 * None is settled, so they are configuration; rext_code_points_default() fills in the usual ones.
 * Functions that take them take NULL for these.
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
     * use (RFC 8447). 0 for none: an extension with any number is then one that nobody knows.
     */
    uint16_t care;
} rext_code_points;

/**
 * What is wrong. The caller makes room for it, and it is written only when the function that it is
 * passed to answers with an error.
 *
 * It owns nothing, so there is nothing to free, and it may be copied.
 */
typedef struct rext_error {
    /**
     * The number with which the function answered.
     */
    rext_status status;
    /**
     * The TLS alert that is to end the connection (RFC 8446 section 6); 0 when none is due, since
     * it is a mistake of the caller, or since the peer does not speak TLS.
     */
    uint8_t alert;
    /**
     * The rule that the peer breaks, such as "FLAGS-3" or "RFC 8446 4.2.11", NUL-terminated; empty
     * when it is none of the peer's.
     */
    char rule[27];
    /**
     * One line for a log, in ASCII, NUL-terminated.
     */
    char message[224];
} rext_error;

/**
 * The version of a connection, one of REXT_TLS12 and REXT_TLS13. For what is older than TLS 1.2
 * there are no rules here.
 */
typedef uint16_t rext_version_number;

/**
 * A set of TLS flags (draft-ietf-tls-tlsflags-16), as the body of the extension that carries it.
 * The caller makes room for it; set to zero, it is the set without a flag.
 *
 * It owns nothing and may be copied. Change it by functions only: what is not the body of an
 * extension is REXT_ERR_UNSET.
 */
typedef struct rext_flags {
    /**
     * The number of bytes of flags, and these; what follows does not count.
     */
    uint8_t body[256];
} rext_flags;

/**
 * A message in which the extensions may stand, one of REXT_CLIENT_HELLO to
 * REXT_NEW_SESSION_TICKET. TLS has one Certificate message and one ServerHello; here it matters
 * whose Certificate it is, and whether the ServerHello is a HelloRetryRequest.
 */
typedef int32_t rext_message;

/**
 * Bytes that somebody else owns: whose, and for how long, says the function that has them.
 *
 * No bytes are { NULL, 0 }, or any pointer and 0.
 */
typedef struct rext_bytes {
    /**
     * The first.
     */
    const uint8_t *data;
    /**
     * How many.
     */
    size_t length;
} rext_bytes;

/**
 * What became of a client's offer, one of REXT_CLIENT_...; 0 or above.
 */
typedef int32_t rext_client_status;

/**
 * A view of a ClientHello whose structure holds (RFC 8446 section 4.1.2). The caller makes room
 * for it, and a scan fills it; set to zero, it is a view of nothing, which is REXT_ERR_UNSET.
 *
 * It points into the bytes that were scanned, or into the buffer in which they were put together:
 * neither may change or go away while the view, or what it has shown, is used. It owns nothing and
 * may be copied. What a client says is shown as it came, GREASE included.
 */
typedef struct rext_hello {
    /**
     * Not for others to read or change.
     */
    uint64_t opaque[12];
} rext_hello;

/**
 * Which hello of Encrypted Client Hello it is (RFC 9849 section 5), one of REXT_ECH_...; 0 or above.
 */
typedef int32_t rext_ech;

/**
 * The fields of the message that are not extensions.
 */
typedef struct rext_hello_fields {
    /**
     * legacy_version: 0x0303 with TLS 1.2 and 1.3, less with what is older.
     */
    uint16_t legacy_version;
    /**
     * random, 32 bytes of the hello.
     */
    struct rext_bytes random;
    /**
     * legacy_session_id, 0 to 32 bytes of the hello.
     */
    struct rext_bytes session_id;
    /**
     * The message, without the four bytes of its header.
     */
    struct rext_bytes body;
} rext_hello_fields;

/**
 * What is left of a list in a ClientHello. The caller makes room for it, a function such as
 * rext_hello_alpn() fills it, and rext_list_next() takes items from its front; set to zero, it is
 * REXT_ERR_UNSET.
 *
 * It lives as the view does from which it is. It owns nothing and may be copied; the copy then goes
 * on by itself.
 */
typedef struct rext_list {
    /**
     * Not for others to read or change.
     */
    uint64_t opaque[6];
} rext_list;

/**
 * Whether a session may stand in for a full handshake, one of REXT_RESUMPTION_...; 0 or above.
 */
typedef int32_t rext_resumption;

/**
 * What a server wants of a client, one of REXT_DEMAND_....
 */
typedef int32_t rext_demand;

/**
 * What a session, stored or in a ticket, records of its client (RES-1).
 */
typedef struct rext_session {
    /**
     * The scope in which the client was asked for a certificate: the name under which that counts,
     * 1 to 255 bytes of any value. { NULL, 0 } if it was not asked.
     */
    struct rext_bytes scope;
    /**
     * When the client authenticated, in seconds since the Unix epoch; 0 if it did not. A resumption
     * does not change it.
     */
    uint64_t authenticated_at;
    /**
     * Not 0 if the client proved to hold a certificate that counts in that scope.
     */
    int32_t authenticated;
} rext_session;

/**
 * Whether a server asks for a certificate, and why; one of REXT_ASKS_....
 */
typedef int32_t rext_asks;

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
 * Client: no offer was put before the server, and it did not ask for a certificate.
 */
#define REXT_CLIENT_NOT_OFFERED 0

/**
 * Client: an offer was sent. The server did not (yet) ask for a certificate; it never does when it resumes
 * a session.
 */
#define REXT_CLIENT_OFFERED 1

/**
 * Client: the server asked for a certificate, and said that it did so because of the offer (RCA-2).
 */
#define REXT_CLIENT_ACKNOWLEDGED 2

/**
 * Client: the server asked for a certificate, and did not say that the offer was the reason: there was
 * none, it was made by CARE, which has no such word, the server has another reason (RCA-3), or it
 * follows an older draft.
 */
#define REXT_CLIENT_ASKED_WITHOUT_ACKNOWLEDGEMENT 3

/**
 * Encrypted Client Hello: none; the hello is what it seems.
 */
#define REXT_ECH_NONE 0

/**
 * Encrypted Client Hello: the outer one. Another is in it that only the server can read, or seems to be (GREASE). If it
 * is, server name and the like are not what the client is after.
 */
#define REXT_ECH_OUTER 1

/**
 * Encrypted Client Hello: the inner one, which a server that decrypted it passes on. No client sends it in the open.
 */
#define REXT_ECH_INNER 2

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
 * Resumption: it may not. Do a full handshake, silently, and refuse 0-RTT data (RES-2, RES-6).
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
 * Server: it does not ask.
 */
#define REXT_ASKS_NOT 0

/**
 * Server: it asks because the client offered (RCA-2).
 */
#define REXT_ASKS_BECAUSE_OFFERED 1

/**
 * Server: it asks for another reason; it always asks, or asks on this host name (RCA-3).
 */
#define REXT_ASKS_FOR_ANOTHER_REASON 2

/**
 * Status, of a function that does something: it is done.
 */
#define REXT_OK 0

/**
 * Status, of a function that asks something: no, or there is none, or no more.
 */
#define REXT_NO 0

/**
 * Status, of a function that asks something: yes, or there is one.
 */
#define REXT_YES 1

/**
 * Status, of a scan: the bytes are the beginning of what may become a ClientHello.
 */
#define REXT_INCOMPLETE 2

/**
 * A mistake of the caller: a pointer is NULL that must not be.
 */
#define REXT_ERR_NULL -1

/**
 * A mistake of the caller: a pointer is not aligned for what it points to.
 */
#define REXT_ERR_ALIGNMENT -2

/**
 * A mistake of the caller: a number is not one of those that the function knows.
 */
#define REXT_ERR_VALUE -3

/**
 * A mistake of the caller: a length is greater than any object's.
 */
#define REXT_ERR_LENGTH -4

/**
 * A buffer of the caller's has no room for the result.
 */
#define REXT_ERR_BUFFER -5

/**
 * A mistake of the caller: a struct was not filled by the function that fills it.
 */
#define REXT_ERR_UNSET -6

/**
 * Another extension, or another flag, has one of the numbers.
 */
#define REXT_ERR_TAKEN -7

/**
 * There is not enough memory.
 */
#define REXT_ERR_MEMORY -8

/**
 * A bug in this library. The connection is to be ended; the objects of the call are to be freed,
 * and not used for anything else.
 */
#define REXT_ERR_PANIC -9

/**
 * Bytes that are no session record of a version known here. Nobody's fault: the session does not
 * resume (RES-7).
 */
#define REXT_ERR_RECORD -10

/**
 * Not TLS, but DTLS. No TLS alert says anything to who sent it, as with the next three.
 */
#define REXT_ERR_DTLS -20

/**
 * Not TLS, but SSL 2, or something newer in its clothes (RFC 6176).
 */
#define REXT_ERR_SSL2 -21

/**
 * Not TLS, but a protocol of words, such as HTTP.
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
 * Scan: a record of another type amid the hello. RFC 8446 section 5.1.
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
 * Scan: more in its record after the hello. RFC 8446 section 5.1.
 */
#define REXT_ERR_NOT_ALIGNED -35

/**
 * Scan: the message is not a ClientHello. RFC 8446 section 4.
 */
#define REXT_ERR_UNEXPECTED_MESSAGE -36

/**
 * Scan: the message is longer than is allowed, or than there is room for.
 */
#define REXT_ERR_MESSAGE_TOO_LONG -37

/**
 * Scan: the message is too short for a ClientHello. RFC 8446 section 4.1.2.
 */
#define REXT_ERR_MESSAGE_TOO_SHORT -38

/**
 * Scan: a part of the message is not of the form that it must have; the error's message says
 * which, and its rule where that is laid down.
 */
#define REXT_ERR_MALFORMED -39

/**
 * Scan: an extension for the second time. RFC 8446 section 4.2.
 */
#define REXT_ERR_DUPLICATE_EXTENSION -40

/**
 * Scan: an extension after pre_shared_key. RFC 8446 section 4.2.11.
 */
#define REXT_ERR_AFTER_PRE_SHARED_KEY -41

/**
 * Scan: not as many binders as identities in pre_shared_key. RFC 8446 section 4.2.11.
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
 * tls_flags: fewer bytes than the length says. FLAGS-3.
 */
#define REXT_ERR_FLAGS_TRUNCATED -62

/**
 * tls_flags: more bytes than the length says. FLAGS-3.
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
 * A flag in a message in which it may not stand. FLAGS-4, FLAGS-5, RCA-4 or RCA-5.
 */
#define REXT_ERR_FLAG_MISPLACED -66

/**
 * CARE has a body. CARE-1.
 */
#define REXT_ERR_CARE_NOT_EMPTY -70

/**
 * CARE answers one that was not sent. CARE-3.
 */
#define REXT_ERR_CARE_UNSOLICITED -71

/**
 * CARE in a message in which it may not stand. CARE-3.
 */
#define REXT_ERR_CARE_MISPLACED -72

/**
 * The second ClientHello does not offer what the first did. FLAGS-12.
 */
#define REXT_ERR_SECOND_HELLO_DIFFERS -80

/**
 * A fault of the peer for which this version has no number of its own. The error has the rule, the
 * alert and the message, as with all.
 */
#define REXT_ERR_OTHER -99

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Makes a client that is to make this offer; nothing is sent yet.
 *
 * offer: REXT_OFFER_NONE, or the sum of others. CARE is left out if it has no number.
 * numbers: NULL for the default ones.
 * client: where to put it; not NULL. Free it with rext_client_free().
 * error: NULL, or where to say what is wrong.
 *
 * Returns: REXT_OK; REXT_ERR_TAKEN or REXT_ERR_VALUE for numbers that cannot be used, or an offer
 * that does not exist; REXT_ERR_MEMORY; or another mistake of the caller. NULL is put into client,
 * if there is a client, whenever it is not REXT_OK.
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
 * client: of rext_client_new(), and not used any more; NULL does nothing.
 *
 * Threads: any, once.
 */
void rext_client_free(struct rext_client *client);

/**
 * What to put into a ClientHello, the first and the second alike (FLAGS-12).
 *
 * Under Encrypted Client Hello this goes into the inner hello, and nothing of it into the outer one
 * (FLAGS-13); see rext_client_sent().
 *
 * client: not NULL.
 * highest: the highest version that the hello offers; REXT_TLS12 or REXT_TLS13. With TLS 1.2 there
 * is no flag (FLAGS-9).
 * flags: where to put the flags of tls_flags; not NULL. rext_flags_body() has the body, if there
 * is to be an extension.
 * care: where to put the number of the extension client_authentication_request, which is then sent
 * without a body (CARE-1), or 0 for none; not NULL.
 *
 * Returns: REXT_OK, or a mistake of the caller, which changes nothing.
 *
 * Threads: one at a time per client.
 */
rext_status rext_client_hello(struct rext_client *client,
                              rext_version_number highest,
                              struct rext_flags *flags,
                              uint16_t *care);

/**
 * Says that the hello that is before the server is another one, with this offer: the outer one of
 * Encrypted Client Hello, which has none, or the inner one after all.
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
 * Judges, and takes note of, what a message of the server's has of the two extensions: for every
 * message that may have extensions, whether or not one of the two is in it (FLAGS-2 to FLAGS-7,
 * RCA-2 to RCA-5, CARE-1, CARE-3).
 *
 * client: not NULL.
 * message: which; of REXT_SERVER_HELLO to REXT_SERVER_CERTIFICATE, and REXT_NEW_SESSION_TICKET.
 * version: of the connection; REXT_TLS12 or REXT_TLS13.
 * tls_flags: the body of tls_flags; NULL if that is not there.
 * care: the body of CARE; NULL if that is not there.
 * error: NULL, or where to say what is wrong.
 *
 * Returns: REXT_OK; one of REXT_ERR_FLAGS_..., REXT_ERR_FLAG_MISPLACED or REXT_ERR_CARE_..., with the
 * alert that ends the connection; or a mistake of the caller.
 *
 * Threads: one at a time per client.
 */
rext_status rext_client_on(struct rext_client *client,
                           rext_message message,
                           rext_version_number version,
                           const struct rext_bytes *tls_flags,
                           const struct rext_bytes *care,
                           struct rext_error *error);

/**
 * What became of the offer so far.
 *
 * client: not NULL.
 *
 * Returns: one of REXT_CLIENT_...; or a mistake of the caller, below 0.
 *
 * Threads: any, if none changes the client.
 */
rext_client_status rext_client_status_of(const struct rext_client *client);

/**
 * The offer that is before the server.
 *
 * client: not NULL.
 *
 * Returns: REXT_OFFER_NONE, or the sum of others; or a mistake of the caller, below 0.
 *
 * Threads: any, if none changes the client.
 */
rext_offer rext_client_offer(const struct rext_client *client);

/**
 * Whether the server said that it understands CARE, whether or not it asks (CARE-3).
 *
 * client: not NULL.
 *
 * Returns: REXT_YES, REXT_NO, or a mistake of the caller.
 *
 * Threads: any, if none changes the client.
 */
rext_status rext_client_echoed(const struct rext_client *client);

/**
 * Fills in the usual numbers: 62, 80 and 0xffca.
 *
 * numbers: where to; not NULL.
 *
 * Returns: REXT_OK, or a mistake of the caller (REXT_ERR_NULL, REXT_ERR_ALIGNMENT).
 *
 * Threads: any.
 */
rext_status rext_code_points_default(struct rext_code_points *numbers);

/**
 * Whether the numbers can be used. Every function that takes them finds out for itself; this is to
 * know early.
 *
 * numbers: not NULL.
 * error: NULL, or where to say what is wrong.
 *
 * Returns: REXT_OK; REXT_ERR_TAKEN if IANA, GREASE (RFC 8701) or habit gave one of the numbers to
 * something else, or if two are the same; REXT_ERR_VALUE if the flag is above 2039; or another
 * mistake of the caller.
 *
 * Threads: any.
 */
rext_status rext_code_points_check(const struct rext_code_points *numbers,
                                   struct rext_error *error);

/**
 * Reads the body of an extension tls_flags that a peer sent.
 *
 * Whether the flags may stand in their message says rext_check_flags().
 *
 * body, length: the bytes; NULL and 0 for none.
 * flags: where to; not NULL. Written on REXT_OK only.
 * error: NULL, or where to say what is wrong.
 *
 * Returns: REXT_OK; one of REXT_ERR_FLAGS_... when the body breaks FLAGS-2 or FLAGS-3, always with
 * the alert illegal_parameter (47); or a mistake of the caller.
 *
 * Threads: any.
 */
rext_status rext_flags_decode(const uint8_t *body,
                              size_t length,
                              struct rext_flags *flags,
                              struct rext_error *error);

/**
 * The body of an extension tls_flags that carries the set, in the shortest form (FLAGS-1): 2 to
 * 256 bytes.
 *
 * flags: not NULL.
 * body: where to put the bytes; not NULL. They are those of flags, and there as long as that is.
 *
 * Returns: REXT_YES; REXT_NO, and no bytes, for the set without a flag, for which the extension
 * is left out (FLAGS-8); or a mistake of the caller.
 *
 * Threads: any, if none changes the set.
 */
rext_status rext_flags_body(const struct rext_flags *flags,
                            struct rext_bytes *body);

/**
 * Adds a flag to a set; that it is there already is no error.
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
 * Takes a flag out of a set; that it is not there is no error.
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
 * Whether a flag is in a set.
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
 * The lowest flag of a set that is not below another number: with 0 the first of all, and with one
 * more than the last answer the next.
 *
 * flags: not NULL.
 * from: where to begin; above REXT_FLAG_MAX there is none.
 * flag: where to put it; not NULL. Written on REXT_YES only.
 *
 * Returns: REXT_YES; REXT_NO when there is none; or a mistake of the caller.
 *
 * Threads: any, if none changes the set.
 */
rext_status rext_flags_next(const struct rext_flags *flags,
                            uint16_t from,
                            uint16_t *flag);

/**
 * The host name that the client wants to talk to (RFC 6066 section 3), as it came: one byte or
 * more, not NUL-terminated, and perhaps no good name.
 *
 * hello: not NULL.
 * name: where to; not NULL. The bytes are those of the hello.
 *
 * Returns: REXT_YES; REXT_NO, and no bytes, without one; or a mistake of the caller.
 *
 * Threads: any.
 */
rext_status rext_hello_server_name(const struct rext_hello *hello,
                                   struct rext_bytes *name);

/**
 * Whether the client speaks an application protocol, by ALPN (RFC 7301). rext_hello_alpn() has
 * them all.
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
 * Whether the client offers a version: in supported_versions, or without that extension by
 * legacy_version, which stands for itself and what is older, but never for TLS 1.3 (RFC 8446
 * section 4.2.1). rext_hello_versions() has them as they came.
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
 * Which hello of Encrypted Client Hello it is.
 *
 * hello: not NULL.
 *
 * Returns: one of REXT_ECH_...; or a mistake of the caller, below 0.
 *
 * Threads: any.
 */
rext_ech rext_hello_ech(const struct rext_hello *hello);

/**
 * Whether the client has a key in common with the server, most often from an earlier session
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
 * The body of the extension with a number, whichever it is. It takes time linear in the number of
 * extensions.
 *
 * hello: not NULL.
 * number: the extension's.
 * body: where to; not NULL. The bytes are those of the hello; there may be none.
 *
 * Returns: REXT_YES; REXT_NO, and no bytes, without that extension; or a mistake of the caller.
 *
 * Threads: any.
 */
rext_status rext_hello_extension(const struct rext_hello *hello,
                                 uint16_t number,
                                 struct rext_bytes *body);

/**
 * The fields of the message that are not extensions.
 *
 * hello: not NULL.
 * fields: where to; not NULL. The bytes are those of the hello.
 *
 * Returns: REXT_OK, or a mistake of the caller.
 *
 * Threads: any.
 */
rext_status rext_hello_fields_of(const struct rext_hello *hello,
                                 struct rext_hello_fields *fields);

/**
 * The flags of the extension tls_flags.
 *
 * Only a server that negotiates TLS 1.3 ends the connection when they are malformed; with anything
 * older, the extension is ignored, whatever is in it (FLAGS-9). That is why a scan does not look.
 *
 * hello: not NULL.
 * flags: where to; not NULL. Written on REXT_YES and REXT_NO.
 * error: NULL, or where to say what is wrong.
 *
 * Returns: REXT_YES; REXT_NO, and the set without a flag, without the extension; one of
 * REXT_ERR_FLAGS_..., with the alert illegal_parameter (47); or a mistake of the caller.
 *
 * Threads: any.
 */
rext_status rext_hello_flags(const struct rext_hello *hello,
                             struct rext_flags *flags,
                             struct rext_error *error);

/**
 * Whether a flag is set in the extension tls_flags, such as request_client_auth, by which a client
 * says that it has a certificate at hand. It is a wish, never a credential: anybody can set it.
 *
 * hello: not NULL.
 * flag: 0 to REXT_FLAG_MAX; 80 is request_client_auth by default.
 * error: NULL, or where to say what is wrong.
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
 * Whether the extension client_authentication_request (CARE) is there, with the number of the code
 * points with which the hello was scanned. A wish, as the flag.
 *
 * hello: not NULL.
 * error: NULL, or where to say what is wrong.
 *
 * Returns: REXT_YES; REXT_NO; REXT_ERR_CARE_NOT_EMPTY (CARE-1), with the alert illegal_parameter
 * (47); or a mistake of the caller.
 *
 * Threads: any.
 */
rext_status rext_hello_has_care(const struct rext_hello *hello,
                                struct rext_error *error);

/**
 * The application protocols that the client speaks (RFC 7301), in its order; none when it does not
 * say. Each item is bytes, one or more; its number is 0.
 *
 * hello: not NULL.
 * list: where to; not NULL.
 *
 * Returns: REXT_OK, or a mistake of the caller.
 *
 * Threads: any.
 */
rext_status rext_hello_alpn(const struct rext_hello *hello,
                            struct rext_list *list);

/**
 * The distinguished names of the authorities that the client trusts (RFC 8446 section 4.2.4), in
 * its order; none when it does not say. Each item is bytes, the DER as it came; its number is 0.
 *
 * hello: not NULL.
 * list: where to; not NULL.
 *
 * Returns: REXT_OK, or a mistake of the caller.
 *
 * Threads: any.
 */
rext_status rext_hello_authorities(const struct rext_hello *hello,
                                   struct rext_list *list);

/**
 * The versions that the client offers, in its order: those of supported_versions, or without that
 * extension the one of legacy_version. Each item is a number, GREASE included, without bytes.
 *
 * hello: not NULL.
 * list: where to; not NULL.
 *
 * Returns: REXT_OK, or a mistake of the caller.
 *
 * Threads: any.
 */
rext_status rext_hello_versions(const struct rext_hello *hello,
                                struct rext_list *list);

/**
 * The cipher suites that the client offers, in its order. Each item is a number, GREASE included,
 * without bytes.
 *
 * hello: not NULL.
 * list: where to; not NULL.
 *
 * Returns: REXT_OK, or a mistake of the caller.
 *
 * Threads: any.
 */
rext_status rext_hello_cipher_suites(const struct rext_hello *hello,
                                     struct rext_list *list);

/**
 * All extensions, in the client's order. Each item is a number and bytes, the extension's body.
 *
 * hello: not NULL.
 * list: where to; not NULL.
 *
 * Returns: REXT_OK, or a mistake of the caller.
 *
 * Threads: any.
 */
rext_status rext_hello_extensions(const struct rext_hello *hello,
                                  struct rext_list *list);

/**
 * The next item of a list.
 *
 * list: not NULL.
 * number: NULL, or where to put the item's number.
 * bytes: NULL, or where to put the item's bytes, which are those of the hello.
 *
 * Returns: REXT_YES; REXT_NO at the end, and then neither is written; or a mistake of the caller.
 *
 * Threads: one at a time per list.
 */
rext_status rext_list_next(struct rext_list *list,
                           uint16_t *number,
                           struct rext_bytes *bytes);

/**
 * Whether a session may stand in for what a server demands of this client (RES-2, RES-3, RES-4).
 *
 * demand: one of REXT_DEMAND_....
 * scope: of the demand; not NULL, and at least a byte, unless that is REXT_DEMAND_NONE.
 * offered: not 0 if the client offers to authenticate, by flag or CARE.
 * session: what it records; not NULL. A session without a record is not to be resumed (RES-7).
 *
 * Returns: one of REXT_RESUMPTION_...; or a mistake of the caller, below 0, and then the session is
 * not to be resumed.
 *
 * Threads: any.
 */
rext_resumption rext_resumption_judge(rext_demand demand,
                                      const struct rext_bytes *scope,
                                      int32_t offered,
                                      const struct rext_session *session);

/**
 * Whether a client's proof of possession is recent enough for its session to be resumed.
 *
 * A resumed handshake proves nothing anew, so that a session which each resumption renews would
 * otherwise last for ever. A proof in the future is not recent: the clock was set back.
 *
 * authenticated_at: of the session's record, in seconds since the Unix epoch.
 * now: the time, in the same unit.
 * max_age: in seconds; REXT_MAX_AGE_SECONDS, unless a demand has another limit.
 *
 * Returns: 1 if it is, 0 if not: then do a full handshake.
 *
 * Threads: any.
 */
int32_t rext_resumption_is_recent(uint64_t authenticated_at,
                                  uint64_t now,
                                  uint64_t max_age);

/**
 * The bytes of a session record, for a place that keeps them with the session: the application
 * data of a ticket, say. They are neither secret nor protected; that is for the ticket to be.
 *
 * session: not NULL.
 * buffer, length: room for them; REXT_SESSION_LONGEST is enough for any.
 * written: where to put how many there are; not NULL. Written on REXT_OK only.
 *
 * Returns: REXT_OK; REXT_ERR_BUFFER if there is no room; REXT_ERR_VALUE for a scope of more than 255
 * bytes, or a session that authenticated in none; or another mistake of the caller.
 *
 * Threads: any, with a buffer of their own.
 */
rext_status rext_session_encode(const struct rext_session *session,
                                uint8_t *buffer,
                                size_t length,
                                size_t *written);

/**
 * Reads bytes that rext_session_encode() made, of this library or another of its version.
 *
 * bytes, length: the bytes; NULL and 0 for none.
 * session: where to; not NULL. Written on REXT_OK only; its scope is some of the bytes.
 *
 * Returns: REXT_OK; REXT_ERR_RECORD for bytes of anything else, those of a later version included:
 * the session then does not resume, and nobody is told (RES-7); or a mistake of the caller.
 *
 * Threads: any.
 */
rext_status rext_session_decode(const uint8_t *bytes,
                                size_t length,
                                struct rext_session *session);

/**
 * Whether the flags that a peer sent in a message may stand there (FLAGS-4 to FLAGS-6, RCA-4,
 * RCA-5).
 *
 * rext_client and rext_server do this by themselves; it is for those who negotiate something else.
 *
 * message: which; one of REXT_CLIENT_HELLO to REXT_NEW_SESSION_TICKET.
 * received: its flags; not NULL.
 * answered: the flags of the message that it answers: of the CertificateRequest for the client's
 * Certificate, of the ClientHello for everything else that a server sends before it has finished.
 * NULL for none, as with ClientHello and NewSessionTicket, which answer nothing.
 * numbers: NULL for the default ones.
 * error: NULL, or where to say what is wrong.
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
 * Whether client_authentication_request (CARE) with this body may stand in a message (CARE-1,
 * CARE-3).
 *
 * rext_client and rext_server do this by themselves; it is for those who negotiate something else.
 *
 * message: which; one of REXT_CLIENT_HELLO to REXT_NEW_SESSION_TICKET.
 * version: of the connection; REXT_TLS12 or REXT_TLS13.
 * body, length: what is in the extension; NULL and 0 for nothing.
 * offered: not 0 if the ClientHello had one; for ClientHello itself it does not matter.
 * error: NULL, or where to say what is wrong.
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
 * The message in which a server echoes CARE (CARE-3).
 *
 * version: of the connection; REXT_TLS12 or REXT_TLS13.
 *
 * Returns: REXT_SERVER_HELLO or REXT_ENCRYPTED_EXTENSIONS; or REXT_ERR_VALUE.
 *
 * Threads: any.
 */
rext_message rext_care_echo_in(rext_version_number version);

/**
 * Makes a scan.
 *
 * numbers: NULL for the default ones.
 * max_message: the most bytes that a ClientHello may have, without the header of the message; 0
 * for 65535, which also is the most that is allowed. Those of today's clients have 200 to 2000.
 * scan: where to put the scan; not NULL. Free it with rext_scan_free().
 * error: NULL, or where to say what is wrong.
 *
 * Returns: REXT_OK; REXT_ERR_TAKEN or REXT_ERR_VALUE for numbers that cannot be used, or a limit
 * above 65535; REXT_ERR_MEMORY; or another mistake of the caller. NULL is put into scan, if there
 * is a scan, whenever it is not REXT_OK.
 *
 * Threads: any.
 */
rext_status rext_scan_new(const struct rext_code_points *numbers,
                          size_t max_message,
                          struct rext_scan **scan,
                          struct rext_error *error);

/**
 * Frees a scan. Scanners that were made of it go on.
 *
 * scan: of rext_scan_new(), and not used any more; NULL does nothing.
 *
 * Threads: any, once.
 */
void rext_scan_free(struct rext_scan *scan);

/**
 * Looks at bytes as they come off a socket, from the first on, for a ClientHello.
 *
 * Records and messages are checked to the end; what is wrong is found as soon as it shows. Time is
 * linear in the bytes. A hello in one record, as nearly always, is looked at where it is; one over
 * several records (RFC 8446 section 5.1) is put together in scratch.
 *
 * When the answer is REXT_INCOMPLETE, call again with more bytes, from the first on. It then
 * begins anew: wait for as many as are needed, so that a client cannot make it do that for each
 * byte, or use a rext_scanner, which goes on from where it was.
 *
 * scan: NULL for the default one.
 * bytes, length: the bytes; NULL and 0 for none.
 * scratch, scratch_length: room for a hello over several records, without its header; 4096 bytes
 * are enough for clients of today. NULL and 0 for none: these are then refused as too long. It may
 * not overlap with the bytes.
 * hello: where to put the view; not NULL. Written on REXT_OK only, and then points into bytes or
 * scratch.
 * count: NULL, or where to put a number: on REXT_OK, how many bytes the hello took, from the first
 * on (what follows was not looked at); on REXT_INCOMPLETE, how many bytes more it takes at least.
 * error: NULL, or where to say what is wrong.
 *
 * Returns: REXT_OK; REXT_INCOMPLETE; REXT_ERR_DTLS to REXT_ERR_NOT_TLS, without an alert;
 * REXT_ERR_UNEXPECTED_RECORD to REXT_ERR_BINDER_COUNT, with the alert that a server must send; or a
 * mistake of the caller.
 *
 * Threads: any, with a scratch of their own.
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
 * Looks at a handshake message for a ClientHello: four bytes of header, and the body. That is what
 * some TLS stacks hand over, and what QUIC has in CRYPTO frames.
 *
 * scan: NULL for the default one.
 * bytes, length: the bytes; NULL and 0 for none.
 * hello: where to put the view; not NULL. Written on REXT_OK only, and then points into bytes.
 * count: as of rext_scan_records().
 * error: NULL, or where to say what is wrong.
 *
 * Returns: as rext_scan_records().
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
 * Looks at the body of a ClientHello, without the header of the message: what other TLS stacks hand
 * over.
 *
 * scan: NULL for the default one.
 * bytes, length: the bytes; NULL and 0 for none.
 * hello: where to put the view; not NULL. Written on REXT_OK only, and then points into bytes.
 * error: NULL, or where to say what is wrong.
 *
 * Returns: as rext_scan_records(), but never REXT_INCOMPLETE.
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
 * scan: NULL for the default one. It need not live as long as the scanner.
 * buffer, length: where to put a hello together; the most bytes that a hello can have, without
 * its header, if that is less than the scan's limit. 4096 are enough for clients of today. It is
 * the caller's to free, and until the scanner is freed nobody else's to change. NULL and 0 for
 * none: no hello is then short enough.
 * scanner: where to put the scanner; not NULL. Free it with rext_scanner_free().
 * error: NULL, or where to say what is wrong.
 *
 * Returns: REXT_OK, REXT_ERR_MEMORY, or a mistake of the caller. NULL is put into scanner, if there
 * is a scanner, whenever it is not REXT_OK.
 *
 * Threads: any.
 */
rext_status rext_scanner_new(const struct rext_scan *scan,
                             uint8_t *buffer,
                             size_t length,
                             struct rext_scanner **scanner,
                             struct rext_error *error);

/**
 * Frees a scanner, and leaves its buffer to the caller. Views that point into the buffer are good
 * as long as that is.
 *
 * scanner: of rext_scanner_new(), and not used any more; NULL does nothing.
 *
 * Threads: any, once.
 */
void rext_scanner_free(struct rext_scanner *scanner);

/**
 * Takes the bytes that came since the last call.
 *
 * scanner: not NULL.
 * bytes, length: the bytes; NULL and 0 for none. They may not overlap with the scanner's buffer.
 * hello: where to put the view; not NULL. Written on REXT_OK only, and then points into bytes, if
 * they are a whole hello in one record, or into the scanner's buffer: so it is good until the next
 * call with that scanner.
 * count: as of rext_scan_records(), but on REXT_OK the bytes of all calls since the last hello.
 * error: NULL, or where to say what is wrong.
 *
 * Returns: as rext_scan_records().
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
 * Looks at all bytes from the beginning of the hello, at those of earlier calls too. For those who
 * keep them anyway, as one who will pass them on does. Bytes of earlier calls are not looked at
 * again, except for the last record's if it is not whole. One scanner is for this or for
 * rext_scanner_feed(), not for both.
 *
 * scanner: not NULL.
 * bytes, length: all bytes so far; NULL and 0 for none. They may not overlap with the scanner's
 * buffer.
 * hello: as of rext_scanner_feed(); it points into bytes whenever the hello lies in one record.
 * count: as of rext_scan_records().
 * error: NULL, or where to say what is wrong.
 *
 * Returns: as rext_scan_records().
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
 * Makes a server that has not seen a hello.
 *
 * numbers: NULL for the default ones.
 * server: where to put it; not NULL. Free it with rext_server_free().
 * error: NULL, or where to say what is wrong.
 *
 * Returns: REXT_OK; REXT_ERR_TAKEN or REXT_ERR_VALUE for numbers that cannot be used;
 * REXT_ERR_MEMORY; or another mistake of the caller. NULL is put into server, if there is a server,
 * whenever it is not REXT_OK.
 *
 * Threads: any.
 */
rext_status rext_server_new(const struct rext_code_points *numbers,
                            struct rext_server **server,
                            struct rext_error *error);

/**
 * Frees a server.
 *
 * server: of rext_server_new(), and not used any more; NULL does nothing.
 *
 * Threads: any, once.
 */
void rext_server_free(struct rext_server *server);

/**
 * Judges, and takes note of, what a ClientHello has of the two extensions; for the first and the
 * second, once the version is chosen. Flags are for TLS 1.3 only: with TLS 1.2 they are not even
 * looked at (FLAGS-9).
 *
 * server: not NULL.
 * version: the one that was chosen; REXT_TLS12 or REXT_TLS13.
 * tls_flags: the body of tls_flags; NULL if that is not there.
 * care: the body of CARE; NULL if that is not there.
 * error: NULL, or where to say what is wrong.
 *
 * Returns: REXT_OK; one of REXT_ERR_FLAGS_..., REXT_ERR_FLAG_MISPLACED, REXT_ERR_CARE_NOT_EMPTY or
 * REXT_ERR_SECOND_HELLO_DIFFERS, with the alert that ends the connection; or a mistake of the
 * caller.
 *
 * Threads: one at a time per server.
 */
rext_status rext_server_on_client_hello(struct rext_server *server,
                                        rext_version_number version,
                                        const struct rext_bytes *tls_flags,
                                        const struct rext_bytes *care,
                                        struct rext_error *error);

/**
 * The same for a hello that was scanned with the server's code points.
 *
 * server: not NULL.
 * version: the one that was chosen; REXT_TLS12 or REXT_TLS13.
 * hello: not NULL.
 * error: NULL, or where to say what is wrong.
 *
 * Returns: as rext_server_on_client_hello().
 *
 * Threads: one at a time per server.
 */
rext_status rext_server_on_hello(struct rext_server *server,
                                 rext_version_number version,
                                 const struct rext_hello *hello,
                                 struct rext_error *error);

/**
 * By which ways the client offers to authenticate.
 *
 * server: not NULL.
 *
 * Returns: REXT_OFFER_NONE, also before a hello, or the sum of others; or a mistake of the caller,
 * below 0.
 *
 * Threads: any, if none changes the server.
 */
rext_offer rext_server_offer(const struct rext_server *server);

/**
 * The flags of the hello; the set without a flag if there are none, or if they do not count
 * (FLAGS-9).
 *
 * server: not NULL.
 * flags: where to; not NULL.
 *
 * Returns: REXT_OK, or a mistake of the caller.
 *
 * Threads: any, if none changes the server.
 */
rext_status rext_server_flags(const struct rext_server *server,
                              struct rext_flags *flags);

/**
 * Says whether the server asks this client for a certificate, and why. A server that resumes a
 * session does not.
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
 * Whether to put CARE without a body into a message, so that the client knows that this server
 * understands it, whether or not it asks (CARE-3).
 *
 * server: not NULL.
 * message: which; one of REXT_CLIENT_HELLO to REXT_NEW_SESSION_TICKET.
 *
 * Returns: REXT_YES, REXT_NO, or a mistake of the caller.
 *
 * Threads: any, if none changes the server.
 */
rext_status rext_server_echoes_care(const struct rext_server *server,
                                    rext_message message);

/**
 * The flags to put into a CertificateRequest of TLS 1.3: request_client_auth if the client offered
 * by the flag, and that is why the server asks (RCA-2, RCA-3, RCA-4).
 *
 * server: not NULL.
 * flags: where to; not NULL. rext_flags_body() has the body, if there is to be an extension.
 *
 * Returns: REXT_OK, or a mistake of the caller.
 *
 * Threads: any, if none changes the server.
 */
rext_status rext_server_acknowledgement(const struct rext_server *server,
                                        struct rext_flags *flags);

/**
 * Judges what an entry of the client's Certificate has of the two extensions (TLS 1.3; FLAGS-5,
 * RCA-5, CARE-3).
 *
 * server: not NULL.
 * tls_flags: the body of tls_flags; NULL if that is not there.
 * care: the body of CARE; NULL if that is not there.
 * error: NULL, or where to say what is wrong.
 *
 * Returns: REXT_OK; one of REXT_ERR_FLAGS_..., REXT_ERR_FLAG_MISPLACED or REXT_ERR_CARE_..., with the
 * alert that ends the connection; or a mistake of the caller.
 *
 * Threads: any, if none changes the server.
 */
rext_status rext_server_on_client_certificate(const struct rext_server *server,
                                              const struct rext_bytes *tls_flags,
                                              const struct rext_bytes *care,
                                              struct rext_error *error);

/**
 * The name of a status in this header, without "REXT_" and "ERR_", in lower case.
 *
 * status: any number. 0 is "ok", and one that is not listed here is "unknown".
 *
 * Returns: a NUL-terminated string, never NULL, that lives as long as the library is loaded.
 *
 * Threads: any.
 */
const char *rext_status_name(rext_status status);

/**
 * The version of the library that is loaded, such as "0.1.0".
 *
 * Returns: a NUL-terminated string, never NULL, that lives as long as the library is loaded.
 *
 * Threads: any.
 */
const char *rext_version(void);

/**
 * The ABI of the library that is loaded, to be compared with REXT_ABI of the header.
 *
 * Returns: its REXT_ABI.
 *
 * Threads: any.
 */
uint32_t rext_abi(void);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* REXT_H */
