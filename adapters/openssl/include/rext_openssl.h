/*
 * Client certificates by offer for programs on OpenSSL 3: a client that says that it has one, and a
 * server that asks exactly those that it wants to ask, connection by connection.
 *
 * Licensed under Apache-2.0 or MIT, as you like.
 *
 * It uses OpenSSL's public API and librext (rext.h), whose types and numbers it speaks. Rules are
 * cited as there: FLAGS-n, RCA-n, CARE-n, RES-n.
 *
 * Errors. Functions that return int return 1 when all is well and 0 when not, and then say why, in
 * one line, in OpenSSL's error queue (ERR_get_error_all(), library ERR_LIB_USER). What a peer does
 * wrong ends its handshake with the alert that the rule asks for, and is in the queue likewise.
 *
 * Pointers are not NULL unless it says so. Strings end in NUL.
 *
 * Threads. "any" means that any number of threads may call a function at once; "setup" that it is
 * to be called before connections are made of the SSL_CTX; "connection" that it is for the thread
 * that has the connection. A scope does not change, so threads may share it.
 *
 * An SSL object is for one connection: do not use it for another by SSL_clear().
 */
#ifndef REXT_OPENSSL_H
#define REXT_OPENSSL_H

#include <openssl/ssl.h>
#include <rext.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A name under which certificates count, and the authorities whose certificates do. Certificates of
 * one scope never count in another (RCA-8), and sessions resume in their own only (RES-2).
 */
typedef struct rext_ossl_scope rext_ossl_scope;

/*
 * Makes a scope.
 *
 * name: 1 to 255 octets; give the name to other authorities only if sessions of before are to be
 * judged by these.
 * authorities: a file with certificates in PEM. They are what client chains must end in, and what
 * certificate_authorities of a CertificateRequest names. A file without any is an error, and so is
 * one whose names take more than 64,511 octets: they would not fit into the message.
 *
 * Returns the scope, to be freed with rext_ossl_scope_free(); or NULL, and says why.
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
 * The store of a scope, to add revocation lists to, say. It is the scope's. A store of which a function
 * is replaced that decides (X509_STORE_set_verify(), X509_STORE_set_check_revocation() and the like)
 * authenticates nobody.
 * Threads: any, but what is done to it is for setup.
 */
X509_STORE *rext_ossl_scope_store(const rext_ossl_scope *scope);

/*
 * Limits how long a client may resume sessions in this scope without proving again that it has its
 * key: so many seconds after it last did, sessions no longer resume, and the client authenticates in
 * a full handshake. It is REXT_MAX_AGE_SECONDS, 7 days, unless set here. Threads: setup.
 */
void rext_ossl_scope_set_max_age(rext_ossl_scope *scope, uint64_t seconds);

/* The name of a scope. It is the scope's. Threads: any. */
const char *rext_ossl_scope_name(const rext_ossl_scope *scope);

/* Frees a scope; NULL does nothing. No connection may use it any more. Threads: any, once. */
void rext_ossl_scope_free(rext_ossl_scope *scope);

/* What a policy is shown of a connection. All of it is good until the policy returns. */
typedef struct rext_ossl_question {
    /* The connection, for what the application keeps with it, such as the client's address. */
    SSL *ssl;
    /* The server name, as it came; { NULL, 0 } without one. */
    rext_bytes server_name;
    /* By which ways the client offers to authenticate. It is a wish, never a credential. */
    rext_offer offer;
    /* The version that the connection will have. */
    rext_version_number version;
    /* The whole ClientHello, but for extensions that OpenSSL does not know. */
    const rext_hello *hello;
} rext_ossl_question;

/* What a policy answers. */
typedef struct rext_ossl_decision {
    /* Whether a certificate is asked for, or demanded. */
    rext_demand demand;
    /* In which scope; not NULL unless demand is REXT_DEMAND_NONE. */
    const rext_ossl_scope *scope;
    /* REXT_ASKS_BECAUSE_OFFERED if it is asked for because the client offered: it is then told so
     * (RCA-2). All else is another reason (RCA-3). Not looked at with REXT_DEMAND_NONE. */
    rext_asks asks;
} rext_ossl_decision;

/*
 * Decides about a connection, once, before it resumes a session, or chooses a certificate.
 *
 * decision: where to; it is REXT_DEMAND_NONE before. Scopes must outlive the connection.
 *
 * Returns 1; or 0 for an error, which ends the handshake with internal_error. It may be called by
 * many threads at once, for different connections.
 */
typedef int (*rext_ossl_policy)(const rext_ossl_question *question, rext_ossl_decision *decision,
                                void *argument);

/*
 * Makes the servers of an SSL_CTX ask for client certificates as a policy says.
 *
 * From then on these belong to the adapter: the client hello callback, the certificate callback,
 * the session ticket callbacks and the ticket's application data, the session id context, the
 * verification mode, its store, and the list of authorities of connections. Verification and info
 * callbacks stay the application's, and are called by those of the adapter; set them before the
 * handshake. A verification callback may refuse a certificate. One that lets it pass although OpenSSL
 * does not leaves the client unauthenticated, or ends the handshake where a certificate is required,
 * and so does SSL_CTX_set_cert_verify_callback(): there, if no ticket is made, the handshake is
 * completed, but nothing can be read or written on the connection. TLS versions before
 * 1.2, renegotiation and stored sessions are switched off: sessions resume by ticket only. Do not
 * switch them on again; a connection of an SSL_CTX with a session cache is refused.
 *
 * ctx: for servers; not one for clients, too.
 * numbers: NULL for the default ones.
 * argument: for the policy; the caller's, and to live as long as the SSL_CTX and its connections.
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

/* What came of a connection. The pointer in it is the scope of the policy. */
typedef struct rext_ossl_server_outcome {
    /* By which ways the client offered to authenticate. */
    rext_offer offer;
    /* What the policy decided; REXT_DEMAND_NONE if it was not asked. */
    rext_demand demand;
    /* In which scope; NULL with REXT_DEMAND_NONE. */
    const rext_ossl_scope *scope;
    /* Not 0 if there was a HelloRetryRequest, and a second ClientHello. */
    int retried;
    /* Not 0 if the connection goes on from a session, so that nobody was asked on it. */
    int resumed;
    /* Not 0 if the client was told that it is asked because it offered. */
    int acknowledged;
    /* Not 0 if the client proved to hold a certificate that counts in the scope; on this
     * connection, or on the one where its session began. OpenSSL says so without any callback of the
     * application's. */
    int authenticated;
    /* When it did, in seconds since the Unix epoch; 0 if it did not. */
    uint64_t authenticated_at;
    /* Its certificate; NULL if it did not. Good as long as the connection is. */
    X509 *certificate;
    /* Not 0 if the adapter failed in hosted mode, so that the host's own verification mode decided.
     * The fields above are then 0, but for the offer. */
    int failed;
} rext_ossl_server_outcome;

/*
 * What came of a connection of a server. Nobody is known before the handshake is complete: until
 * then, and after it failed, authenticated is 0.
 *
 * Returns 1; or 0 if the connection's SSL_CTX is none of rext_ossl_server().
 * Threads: connection.
 */
int rext_ossl_server_outcome_of(SSL *ssl, rext_ossl_server_outcome *outcome);

/* How clients offer; set it to zero and fill in what is to be otherwise. */
typedef struct rext_ossl_client_config {
    /* REXT_OFFER_NONE, or the sum of others. Offer only where a certificate is at hand without
     * asking a person (RCA-1). */
    rext_offer offer;
    /* NULL for the default ones. */
    const rext_code_points *numbers;
    /* Not 0 to send the certificate under TLS 1.2, too, where everybody on the way can read it
     * (CARE-5). Only looked at with an offer. */
    int certificate_under_tls12;
    /* Not 0 to resume sessions in which the client did not authenticate although it now offers to:
     * faster, but the server cannot ask (RES-8). */
    int resume_unauthenticated;
    /* NULL, or chooses the certificate when the server asks: by SSL_use_certificate() and the like,
     * or SSL_certs_clear() for none. It knows whether that is because of the offer (RCA-7):
     * REXT_CLIENT_ACKNOWLEDGED or REXT_CLIENT_ASKED_WITHOUT_ACKNOWLEDGEMENT. Returns 1; or 0 to end
     * the handshake. Without it, the SSL_CTX's certificate is sent. */
    int (*certificate)(SSL *ssl, rext_client_status status, void *argument);
    /* NULL, or returns 1 if this connection offers and 0 if it does not. It is called once, when the
     * first ClientHello is made: by then the host has set certificate and server name. */
    int (*offers)(SSL *ssl, void *argument);
    /* For these functions; the caller's. */
    void *argument;
} rext_ossl_client_config;

/*
 * Makes the clients of an SSL_CTX offer to authenticate.
 *
 * From then on the certificate callback and the application data of client sessions belong to the
 * adapter, and renegotiation is switched off.
 *
 * ctx: for clients; not one for servers, too.
 * config: copied, numbers included.
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
 * Notes in a session whether the client authenticated. To be called before the session is stored:
 * from the application's own new session callback, which OpenSSL calls for each ticket.
 *
 * Returns 1 or 0. Threads: connection.
 */
int rext_ossl_client_note(SSL *ssl, SSL_SESSION *session);

/*
 * Offers the server to go on from a session, in place of SSL_set_session(); unless the client is to
 * authenticate and did not in that session (RES-8). A session without a note counts as that.
 *
 * Returns 1 if the session is offered; 0 if it is not, and then a full handshake follows.
 * Threads: connection, before the handshake.
 */
int rext_ossl_client_resume(SSL *ssl, SSL_SESSION *session);

/* What came of a connection. */
typedef struct rext_ossl_client_outcome {
    /* The offer that was sent. */
    rext_offer offer;
    /* What became of it; one of REXT_CLIENT_.... */
    rext_client_status status;
    /* Not 0 if the server said that it understands CARE (CARE-3). */
    int echoed;
    /* Not 0 if the connection goes on from a session. */
    int resumed;
    /* Not 0 if the client sent a certificate and proved to hold its key, on this connection or on
     * the one where its session began. Whether the server accepts it, it says by going on; with TLS
     * 1.3 that is after the client's handshake is complete. */
    int authenticated;
} rext_ossl_client_outcome;

/*
 * What came of a connection of a client so far.
 *
 * Returns 1; or 0 if the connection's SSL_CTX is none of rext_ossl_client().
 * Threads: connection.
 */
int rext_ossl_client_outcome_of(SSL *ssl, rext_ossl_client_outcome *outcome);

#ifdef __cplusplus
}
#endif

#endif
