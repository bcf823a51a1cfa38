/*
 * Client authentication by offer for programs on OpenSSL 3: a client offers its certificate in the
 * ClientHello, and a server decides for each connection whether it requests one.
 *
 * Licensed under Apache-2.0 or MIT, at your option.
 *
 * It uses OpenSSL's public API and librext (rext.h), with the types and numbers of that header. Rules
 * are cited as there: FLAGS-n, RCA-n, CARE-n, WIO-n, RES-n, EA-n.
 *
 * Errors. Functions that return int return 1 on success and 0 on failure, and then put one line into
 * OpenSSL's error queue (ERR_get_error_all(), library ERR_LIB_USER). A peer that breaks a rule ends its
 * handshake with the alert of that rule, and the error is in the queue, too.
 *
 * Pointers must not be NULL unless a function's description allows it. Strings end in NUL.
 *
 * Threads. "any": any number of threads may call the function at once. "setup": call it before
 * connections are made of the SSL_CTX. "connection": call it on the thread that uses the connection. A
 * scope does not change, so threads may share it.
 *
 * Use an SSL object for one connection only: do not reuse it by SSL_clear().
 */
#ifndef REXT_OPENSSL_H
#define REXT_OPENSSL_H

#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <rext.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A name, and the authorities whose certificates are accepted under it. A certificate of one scope is
 * never accepted in another (RCA-8), and a session resumes in its own scope only (RES-2).
 */
typedef struct rext_ossl_scope rext_ossl_scope;

/*
 * Makes a scope.
 *
 * name: 1 to 255 bytes. Use the same name for other authorities only if these are to check sessions
 * that were made under the earlier ones.
 * authorities: a file with certificates in PEM. Client chains must end at one of them, and
 * certificate_authorities of a CertificateRequest names them. A file without a certificate is an error,
 * and so is one whose names take more than 64,511 bytes: they would not fit into the message.
 *
 * Returns the scope, to be freed with rext_ossl_scope_free(); or NULL and an error in the queue.
 * Threads: any.
 */
rext_ossl_scope *rext_ossl_scope_new(const char *name, const char *authorities);

/*
 * Makes a scope of what an SSL_CTX already trusts: its certificate store, its list of authorities and
 * its verification parameters (depth, flags, purpose). The store is shared, so revocation lists that
 * the host program adds to it count at once. The list and the parameters are copied.
 *
 * name: 1 to 255 bytes. Two SSL_CTXs that trust different authorities need different names: sessions of
 * one would else resume in the other as long as their chains verify there.
 * ctx: the one on which connections of this scope are verified. The scope does not keep it alive.
 *
 * Returns the scope, to be freed with rext_ossl_scope_free(); or NULL and an error in the queue, also
 * if the names of the authorities take more than 64,511 bytes.
 * Threads: setup.
 */
rext_ossl_scope *rext_ossl_scope_of(const char *name, SSL_CTX *ctx);

/*
 * The certificate store of a scope, for example to add revocation lists. The scope owns it. If a
 * function of the store that takes part in the verification is replaced (X509_STORE_set_verify(),
 * X509_STORE_set_check_revocation() and others), no client is authenticated.
 * Threads: any; change the store during setup.
 */
X509_STORE *rext_ossl_scope_store(const rext_ossl_scope *scope);

/*
 * Sets how many seconds after a proof of possession sessions in this scope may still resume. After
 * that, the client authenticates in a full handshake. The default is REXT_MAX_AGE_SECONDS, 7 days.
 * Threads: setup.
 */
void rext_ossl_scope_set_max_age(rext_ossl_scope *scope, uint64_t seconds);

/*
 * Limits a scope to one trust domain: a certificate counts only if its subjectAltName has a URI, and each
 * URI there has this origin (WIO-6). Another one is refused with handshake_failure, since OpenSSL has no
 * verification error with the alert access_denied; where a certificate is only requested, a verification
 * callback can accept it, and the client stays unauthenticated. A policy that requests a certificate
 * because of an origin must return a scope with that trust domain.
 *
 * scope: from rext_ossl_scope_new(). With rext_ossl_scope_of() it is an error: the host verifies, and
 * checks the identity, by rext_origin_includes().
 * origin: a scheme and a trust domain, such as "spiffe://example.org".
 *
 * Returns 1 or 0. Threads: setup.
 */
int rext_ossl_scope_set_trust_domain(rext_ossl_scope *scope, const char *origin);

/* The name of a scope. The scope owns it. Threads: any. */
const char *rext_ossl_scope_name(const rext_ossl_scope *scope);

/* Frees a scope; NULL is allowed. No connection may still use it. Threads: any, once. */
void rext_ossl_scope_free(rext_ossl_scope *scope);

/* The connection that a policy decides about. All of it is valid until the policy returns. */
typedef struct rext_ossl_question {
    /* The connection, for application data such as the client's address. */
    SSL *ssl;
    /* The server name as the client sent it; { NULL, 0 } without one. */
    rext_bytes server_name;
    /* The ways in which the client offers to authenticate. An offer is never a credential. With
     * REXT_OFFER_ORIGINS, rext_hello_origins() of `hello` returns the origins. */
    rext_offer offer;
    /* The version that the connection will have. */
    rext_version_number version;
    /* The ClientHello. Unless hosted, it lacks extensions that OpenSSL does not know. */
    const rext_hello *hello;
} rext_ossl_question;

/* The decision of a policy. */
typedef struct rext_ossl_decision {
    /* Whether a certificate is requested or required. */
    rext_demand demand;
    /* The scope; not NULL unless demand is REXT_DEMAND_NONE. */
    const rext_ossl_scope *scope;
    /* REXT_ASKS_BECAUSE_OFFERED if the server requests a certificate because of the offer: it then
     * acknowledges the offer (RCA-2). Each other value is another reason (RCA-3). Ignored with
     * REXT_DEMAND_NONE. */
    rext_asks asks;
} rext_ossl_decision;

/*
 * Decides for one connection whether a certificate is requested. It is called once, before a session
 * resumes or the server's certificate is chosen.
 *
 * decision: to be filled in; it is REXT_DEMAND_NONE before. Its scope must outlive the connection.
 *
 * Returns 1; or 0 for an error, which ends the handshake with internal_error (hosted: see there). Many
 * threads may call it at once, for different connections.
 */
typedef int (*rext_ossl_policy)(const rext_ossl_question *question, rext_ossl_decision *decision,
                                void *argument);

/*
 * Makes servers of an SSL_CTX request client certificates as a policy decides.
 *
 * The adapter then owns these settings: the ClientHello callback, the certificate callback, the session
 * ticket callbacks and the application data of tickets, the session id context, the verification mode
 * and the store and list of authorities of connections. Verification and info callbacks stay the
 * application's: the adapter's call them. Set them before the handshake. A verification callback may
 * refuse a certificate. If it accepts one that OpenSSL does not, the client stays unauthenticated, and
 * where a certificate is required, the handshake ends. SSL_CTX_set_cert_verify_callback() has the same
 * effect; if no ticket is made, the handshake then completes, but nothing can be read or written on the
 * connection. TLS versions before 1.2, renegotiation and stored sessions are disabled: sessions resume
 * by ticket only. Do not enable them again; a connection of an SSL_CTX with a session cache is refused.
 *
 * ctx: for servers; it must not be used for clients, too.
 * numbers: NULL for the default ones.
 * argument: passed to the policy. It must outlive the SSL_CTX and its connections.
 *
 * Returns 1 or 0. Threads: setup, and once.
 */
int rext_ossl_server(SSL_CTX *ctx, const rext_code_points *numbers, rext_ossl_policy policy,
                     void *argument);

/*
 * The same for an SSL_CTX that belongs to a host program, such as a module of a web server: the host
 * keeps its ClientHello, certificate, server name, verification and info callbacks, its session store,
 * its session id contexts, its certificate stores and its options.
 *
 * The adapter takes over the message callback, the session ticket callbacks, the application data of
 * sessions, and the two extensions. If the SSL_CTX has a callback that gets sessions from a store, the
 * adapter calls it and drops sessions that may not resume; set that callback before. Sessions in
 * OpenSSL's internal cache cannot be checked, so it is no longer searched
 * (SSL_SESS_CACHE_NO_INTERNAL_LOOKUP).
 *
 * The policy is called once for a connection: when the client presents a session, or else when the
 * ServerHello has been written, which is after the host has chosen an SSL_CTX for the server name. It
 * is the policy of the SSL_CTX that the connection has at that time. The scope that it returns must be
 * that of the SSL_CTX on which the host verifies certificates (rext_ossl_scope_of()). The host's own
 * verification mode is in place again when the client's Finished has been read, so that a host that
 * compares modes for each request, or requests a certificate later (TLS 1.2 renegotiation,
 * post-handshake authentication), works as without the adapter.
 *
 * REXT_DEMAND_REQUIRE ends the handshake without a certificate. A host that answers such clients
 * itself, with a page, wants REXT_DEMAND_REQUEST.
 *
 * Failure. A ClientHello that breaks a rule ends the handshake with the alert of the rule; where the
 * client sent neither extension, after the ServerHello of TLS 1.3. If the policy fails, or memory is
 * short, or the scope is not that of the connection's SSL_CTX, the host's own verification mode
 * decides, no session resumes, and nothing is acknowledged.
 *
 * Each SSL_CTX that the host can choose for a server name needs this call.
 *
 * Returns 1; or 0 and an error in the queue. Threads: setup, and once.
 */
int rext_ossl_server_hosted(SSL_CTX *ctx, const rext_code_points *numbers,
                            rext_ossl_policy policy, void *argument);

/* The outcome of a server's connection. */
typedef struct rext_ossl_server_outcome {
    /* The ways in which the client offered to authenticate. */
    rext_offer offer;
    /* The policy's decision; REXT_DEMAND_NONE if it was not called. */
    rext_demand demand;
    /* The policy's scope; NULL with REXT_DEMAND_NONE. */
    const rext_ossl_scope *scope;
    /* Not 0 if there was a HelloRetryRequest, and a second ClientHello. */
    int retried;
    /* Not 0 if the connection resumed a session, so that no certificate was requested on it. */
    int resumed;
    /* Not 0 if the server acknowledged the offer. */
    int acknowledged;
    /* Not 0 if the client proved possession of a certificate that is accepted in the scope, on this
     * connection or on the one where its session began. The application's callbacks do not change it. */
    int authenticated;
    /* The time of the proof, in seconds since the Unix epoch; 0 without one. */
    uint64_t authenticated_at;
    /* The client's certificate if it is authenticated, or NULL. Valid as long as the connection. */
    X509 *certificate;
    /* Not 0 if the adapter failed in hosted mode, so that the host's own verification mode decided.
     * The fields above are then 0, but for the offer. */
    int failed;
} rext_ossl_server_outcome;

/*
 * Gets the outcome of a server's connection. Until the handshake is complete, and after it failed,
 * `authenticated` is 0.
 *
 * Returns 1; or 0 if the connection's SSL_CTX has no adapter for servers.
 * Threads: connection.
 */
int rext_ossl_server_outcome_of(SSL *ssl, rext_ossl_server_outcome *outcome);

/*
 * Gets the origins that a server's client hinted at, such as "spiffe://example.org". They are no proof of
 * anything (WIO-4). A policy uses rext_hello_origins() instead: here, they are set after its decision.
 *
 * origins: receives the list, in the client's order, for rext_list_next(). Valid as long as the
 * connection. Strings that are no origins are left out, so it may be empty (WIO-3).
 *
 * Returns 1; or 0, without an error in the queue, if there is no origin hint, the version is TLS 1.2, or
 * the connection's SSL_CTX has no adapter for servers.
 * Threads: connection.
 */
int rext_ossl_server_origins_of(SSL *ssl, rext_list *origins);

/* How clients offer. Set it to zero, and fill in what differs from that. */
typedef struct rext_ossl_client_config {
    /* REXT_OFFER_NONE, or the sum of others. Offer only if a certificate is available without asking
     * a person (RCA-1). */
    rext_offer offer;
    /* NULL and 0, or the origins in which the client has an identity, such as "spiffe://example.org";
     * at most REXT_MAX_ORIGINS. They add REXT_OFFER_ORIGINS to the offer, and are sent under TLS 1.3
     * only, unencrypted (WIO-7). */
    const char *const *origins;
    size_t origin_count;
    /* NULL for the default ones. */
    const rext_code_points *numbers;
    /* Not 0 to send the certificate under TLS 1.2, too, which does not encrypt it (CARE-5). Ignored
     * without an offer. */
    int certificate_under_tls12;
    /* Not 0 to resume sessions in which the client did not authenticate although it now offers to.
     * That is faster, but the server cannot request a certificate (RES-8). */
    int resume_unauthenticated;
    /* NULL, or chooses the certificate when the server requests one: by SSL_use_certificate() and
     * others, or SSL_certs_clear() for none. The status shows whether the server acknowledged the
     * offer (RCA-7): REXT_CLIENT_ACKNOWLEDGED or REXT_CLIENT_ASKED_WITHOUT_ACKNOWLEDGEMENT. Returns
     * 1; or 0 to end the handshake. With NULL, the SSL_CTX's certificate is sent. */
    int (*certificate)(SSL *ssl, rext_client_status status, void *argument);
    /* NULL, or returns 1 if this connection offers and 0 if it does not. It is called once, when the
     * first ClientHello is made: by then the host has set certificate and server name. */
    int (*offers)(SSL *ssl, void *argument);
    /* Passed to these functions. */
    void *argument;
} rext_ossl_client_config;

/*
 * Makes clients of an SSL_CTX offer to authenticate.
 *
 * The adapter then owns the certificate callback and the application data of client sessions, and
 * renegotiation is disabled.
 *
 * ctx: for clients; it must not be used for servers, too.
 * config: copied, including the origins and the numbers.
 *
 * Returns 1 or 0. Threads: setup, and once.
 */
int rext_ossl_client(SSL_CTX *ctx, const rext_ossl_client_config *config);

/*
 * The same for an SSL_CTX that belongs to a host program, which sets and stores sessions itself: the
 * adapter notes in each session whether the client authenticated, when the server requests a
 * certificate, and a connection for which the host has set a session without such a note does not offer
 * (RES-8). The host keeps its options. A certificate callback that the host sets replaces the adapter's:
 * then the offer is sent, but no session is noted, and the outcome has no status of the request.
 *
 * Returns 1; or 0 and an error in the queue. Threads: setup, and once.
 */
int rext_ossl_client_hosted(SSL_CTX *ctx, const rext_ossl_client_config *config);

/*
 * Notes in a session whether the client authenticated. Call it before the session is stored, in the
 * application's new session callback, which OpenSSL calls for each ticket.
 *
 * Returns 1 or 0. Threads: connection.
 */
int rext_ossl_client_note(SSL *ssl, SSL_SESSION *session);

/*
 * Presents a session to the server; use it in place of SSL_set_session(). If the client offers and did
 * not authenticate in that session, or the session has no note, it is not presented (RES-8).
 *
 * Returns 1 if the session is presented; 0 if it is not, so that a full handshake follows.
 * Threads: connection, before the handshake.
 */
int rext_ossl_client_resume(SSL *ssl, SSL_SESSION *session);

/* The outcome of a client's connection. */
typedef struct rext_ossl_client_outcome {
    /* The offer that was sent. */
    rext_offer offer;
    /* The server's answer to it; one of REXT_CLIENT_.... */
    rext_client_status status;
    /* Not 0 if the server echoed CARE (CARE-3). */
    int echoed;
    /* Not 0 if the connection resumed a session. */
    int resumed;
    /* Not 0 if the client sent a certificate and proved possession of its key, on this connection or
     * on the one where its session began. A server that does not accept the certificate ends the
     * connection; under TLS 1.3 that can be after the client's handshake is complete. */
    int authenticated;
} rext_ossl_client_outcome;

/*
 * Gets the outcome of a client's connection so far.
 *
 * Returns 1; or 0 if the connection's SSL_CTX has no adapter for clients.
 * Threads: connection.
 */
int rext_ossl_client_outcome_of(SSL *ssl, rext_ossl_client_outcome *outcome);

/*
 * Exported authenticators (RFC 9261) of one connection: proofs that its client or its server has the
 * key of a certificate, made after the handshake and carried by the application. The connection needs
 * nothing else of this adapter.
 */
typedef struct rext_ossl_authenticators rext_ossl_authenticators;

/*
 * Exports the values of a connection (EA-1), and begins the record of its requests, which has room for
 * 227 requests with contexts of this adapter (EA-3). Make it once for a connection: another one does
 * not know the requests of the first. After a renegotiation, both sides need a new one.
 *
 * ssl: a connection whose handshake is complete, under TLS 1.3, or TLS 1.2 with the extended master
 * secret (EA-12). It may be freed before what is made of it.
 *
 * Returns it, to be freed with rext_ossl_authenticators_free(); or NULL and an error in the queue.
 * Threads: connection. The functions below: one at a time for one of these.
 */
rext_ossl_authenticators *rext_ossl_authenticators_new(SSL *ssl);

/* Frees it, and clears its keys; NULL is allowed. Threads: any, once. */
void rext_ossl_authenticators_free(rext_ossl_authenticators *authenticators);

/* A request or an authenticator that a function made; free it with rext_ossl_message_clear(). */
typedef struct rext_ossl_message {
    uint8_t *data;
    size_t length;
} rext_ossl_message;

/* Frees the bytes of a message, and sets it to zero. Threads: any. */
void rext_ossl_message_clear(rext_ossl_message *message);

/*
 * Makes a request for the peer's certificate, with a random context. Keep it until it is answered: its
 * bytes are a part of the proof.
 *
 * schemes, count: signature_algorithms. NULL and 0 for all that the adapter verifies: ECDSA with P-256,
 * P-384 and P-521, Ed25519, Ed448, and RSASSA-PSS for keys of both OIDs.
 * authorities: certificate_authorities; NULL or an empty stack for none.
 * request: receives the message; after an error, it is empty.
 *
 * Returns 1 or 0.
 */
int rext_ossl_authenticator_request(rext_ossl_authenticators *authenticators,
                                    const uint16_t *schemes, size_t count,
                                    const STACK_OF(X509_NAME) *authorities,
                                    rext_ossl_message *request);

/*
 * Answers a request of the peer with a certificate, or with an empty authenticator if the certificate
 * does not fit: its key can make none of the schemes (EA-7), certificate_authorities has no issuer in
 * the chain, or signature_algorithms_cert lacks a signature in the chain (EA-6). oid_filters is
 * ignored, as by each peer that does not know the OIDs.
 *
 * request: as received. It is used up, also by an error after it was read (EA-11).
 * certificate: the one to prove possession of.
 * chain: further certificates, the issuer of that one first; may be NULL.
 * key: the certificate's key.
 * answer: receives the authenticator; after an error, it is empty.
 *
 * Returns REXT_PROOF_POSSESSION, REXT_PROOF_DECLINED for an empty authenticator, or 0. It is an error if
 * the key is not that of the certificate, the request is malformed (EA-2, EA-4), or its context was used
 * before (EA-3).
 */
rext_proof rext_ossl_authenticator_answer(rext_ossl_authenticators *authenticators,
                                          const rext_bytes *request, X509 *certificate,
                                          STACK_OF(X509) *chain, EVP_PKEY *key,
                                          rext_ossl_message *answer);

/*
 * Answers a request of the peer with an empty authenticator (EA-10).
 *
 * Returns 1 or 0, as rext_ossl_authenticator_answer().
 */
int rext_ossl_authenticator_decline(rext_ossl_authenticators *authenticators,
                                    const rext_bytes *request, rext_ossl_message *answer);

/* The outcome of a valid authenticator. */
typedef struct rext_ossl_proof {
    /* REXT_PROOF_POSSESSION: the peer has the key of the first certificate. REXT_PROOF_DECLINED: the peer
     * has no certificate for the request, or does not want to show it; nothing below is set. */
    rext_proof proof;
    /* The chain that was verified, the peer's certificate first. NULL if the chain does not verify: then
     * the peer is not authenticated (EA-14). */
    STACK_OF(X509) *chain;
    /* The reason if the chain does not verify, one of X509_V_ERR_...; X509_V_OK if it does. */
    int verify_error;
    /* The certificates as sent, for logs; they may be anyone's, but for the key of the first. */
    STACK_OF(X509) *certificates;
    /* The signature scheme. */
    uint16_t scheme;
} rext_ossl_proof;

/* Frees the certificates of an outcome, and sets it to zero. Threads: any. */
void rext_ossl_proof_clear(rext_ossl_proof *proof);

/*
 * Validates the peer's answer to a request: structure, context, MAC, extensions, scheme and signature
 * (EA-6 to EA-13), and then its chain in a store, by OpenSSL alone: a verification callback
 * of the store does not change the outcome, and if another function of the store that takes part in the
 * verification is replaced (see rext_ossl_scope_store()), no chain verifies.
 *
 * request: the one of this side that is answered. It is used up, also by an error (EA-11).
 * store: the authorities to accept, with the revocation lists and flags to apply.
 * purpose: X509_PURPOSE_SSL_CLIENT or X509_PURPOSE_SSL_SERVER: the use that the certificate must allow. The
 * name of a server is for the caller to check, by X509_check_host().
 * proof: receives the outcome; clear it after use. After an error, it is zero.
 *
 * Returns 1; or 0 if the authenticator is invalid. The error in the queue has the rule: with EA-9, the
 * authenticator is for another connection or request, or a proxy terminates TLS.
 */
int rext_ossl_authenticator_validate(rext_ossl_authenticators *authenticators,
                                     const rext_bytes *request, const rext_bytes *authenticator,
                                     X509_STORE *store, int purpose, rext_ossl_proof *proof);

/*
 * Makes a server's authenticator without a request: schemes are those of the ClientHello (EA-5).
 *
 * hello: the ClientHello of this connection.
 * The other parameters are those of rext_ossl_authenticator_answer().
 *
 * Returns 1 or 0; 0 if the key can make none of the schemes.
 */
int rext_ossl_authenticator_spontaneous(rext_ossl_authenticators *authenticators,
                                        const rext_hello *hello, X509 *certificate,
                                        STACK_OF(X509) *chain, EVP_PKEY *key,
                                        rext_ossl_message *authenticator);

/*
 * Validates a server's authenticator without a request, on the client.
 *
 * hello: the ClientHello of this connection, as sent.
 * The other parameters are those of rext_ossl_authenticator_validate().
 *
 * Returns 1; or 0 if the authenticator is invalid, or its context was used before (EA-11).
 */
int rext_ossl_authenticator_validate_spontaneous(rext_ossl_authenticators *authenticators,
                                                 const rext_hello *hello,
                                                 const rext_bytes *authenticator,
                                                 X509_STORE *store, int purpose,
                                                 rext_ossl_proof *proof);

#ifdef __cplusplus
}
#endif

#endif
