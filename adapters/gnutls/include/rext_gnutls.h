/*
 * Client certificates by offer for servers on GnuTLS 3.7: ask exactly those clients that are to be
 * asked, connection by connection.
 *
 * Licensed under Apache-2.0 or MIT, as you like.
 *
 * It uses GnuTLS's public API and librext (rext.h), whose types and numbers it speaks. Rules are
 * cited as there: FLAGS-n, RCA-n, CARE-n, RES-n.
 *
 * What GnuTLS has no way for: an extension in CertificateRequest, so that offers are not acknowledged
 * (RCA-2), as in the drafts before -03. And, since what stands in a ticket is GnuTLS's own, a record
 * of the scope in which a session's client was asked: so whoever is asked is asked in a full
 * handshake, and gets no ticket. All others resume by ticket, among themselves.
 *
 * Errors are those of GnuTLS: below 0. Pointers are not NULL unless it says so.
 *
 * Threads. All of it is for the thread that has the connection. Scopes are credentials of GnuTLS,
 * which threads may share once they are set up.
 */
#ifndef REXT_GNUTLS_H
#define REXT_GNUTLS_H

#include <gnutls/gnutls.h>
#include <rext.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What is demanded of a client. */
typedef struct rext_gnutls_decision {
    /* Whether a certificate is asked for, or demanded. */
    rext_demand demand;
    /* In which scope: credentials with the server's own certificate, and the authorities whose client
     * certificates count as trust; set up by rext_gnutls_scope(). Not NULL unless demand is
     * REXT_DEMAND_NONE. */
    gnutls_certificate_credentials_t scope;
} rext_gnutls_decision;

/*
 * Decides about a connection, once.
 *
 * hello, offer: what the client says, and by which ways it offers to authenticate: a wish, never a
 * credential. Good until the policy returns.
 * decision: where to; it is REXT_DEMAND_NONE before. The scope must outlive the connection.
 *
 * Returns 0, or below 0 for an error of GnuTLS's, which ends the handshake.
 */
typedef int (*rext_gnutls_policy)(gnutls_session_t session, const rext_hello *hello,
                                  rext_offer offer, rext_gnutls_decision *decision, void *argument);

/* How a server goes about it. */
typedef struct rext_gnutls_config {
    /* NULL for the default numbers. */
    const rext_code_points *numbers;
    /* The highest version of the session's priorities; in TLS 1.2, flags are not looked at (FLAGS-9). */
    rext_version_number highest;
    /* Of gnutls_session_ticket_key_generate(), for the tickets of those who are not asked; NULL for
     * no tickets. To live as long as the connections. Set no other, and no session database. */
    const gnutls_datum_t *ticket_key;
    rext_gnutls_policy policy;
    /* For the policy; the caller's. */
    void *argument;
} rext_gnutls_config;

/* A connection. It may be looked at, and is changed by functions only. */
typedef struct rext_gnutls_connection {
    rext_gnutls_config config;
    rext_server *server;
    rext_scan *scan;
    rext_gnutls_decision decision;
    int decided;
    /* Not 0 once the client's chain is verified by the adapter. */
    int verified;
    /* What is wrong with the client, if it is; status is REXT_OK if nothing is. Its alert, if it has
     * one, is what rext_gnutls_alert() sends. */
    rext_error fault;
} rext_gnutls_connection;

/*
 * Sets credentials up as a scope: client certificates are verified in the handshake, for the purpose
 * of client authentication, against what the credentials trust. To be called once they have all that.
 *
 * Another verification function, set on the credentials or on a session, may refuse clients, but makes
 * none known: nobody counts whose chain the adapter's own function has not verified, and where a
 * certificate is required, the handshake ends.
 *
 * Returns 0; or GNUTLS_E_NO_CERTIFICATE_FOUND if the credentials trust no authority, and
 * GNUTLS_E_SHORT_MEMORY_BUFFER if the names of the authorities take more bytes than a
 * CertificateRequest has room for, which are REXT_GNUTLS_NAMES_MAX: then make a scope of fewer.
 */
int rext_gnutls_scope(gnutls_certificate_credentials_t scope);

/*
 * The most bytes of authorities' names in a CertificateRequest, with two bytes of length for each: of
 * the 65,535 of a block of extensions (RFC 8446 sections 4.2.4 and 4.3.2), the others get 1,024.
 */
#define REXT_GNUTLS_NAMES_MAX (65535 - 1024)

/*
 * Makes a server's connection ask as the policy says. To be called once, before the handshake.
 *
 * From then on these belong to the adapter: the hook for ClientHello, the session's pointer
 * (gnutls_session_set_ptr()), its request for certificates, and its tickets.
 *
 * connection: room for it, until rext_gnutls_end().
 * config: copied, but for what it points to.
 *
 * Returns 0 or below 0.
 */
int rext_gnutls_begin(rext_gnutls_connection *connection, gnutls_session_t session,
                      const rext_gnutls_config *config);

/* Frees what a connection has. To be called after gnutls_deinit(), or without any handshake. */
void rext_gnutls_end(rext_gnutls_connection *connection);

/* By which ways the client offers to authenticate; REXT_OFFER_NONE before its hello. */
rext_offer rext_gnutls_offer(const rext_gnutls_connection *connection);

/*
 * The chain with which the client authenticated in this scope, in DER, its own certificate first;
 * NULL if it did not, in another one, or not yet. It is the session's.
 */
const gnutls_datum_t *rext_gnutls_identity(const rext_gnutls_connection *connection,
                                           gnutls_session_t session,
                                           gnutls_certificate_credentials_t scope,
                                           unsigned *length);

/*
 * Sends the alert for what gnutls_handshake() answered: the one that the broken rule asks for, or the
 * one that GnuTLS finds appropriate.
 */
int rext_gnutls_alert(const rext_gnutls_connection *connection, gnutls_session_t session, int error);

#ifdef __cplusplus
}
#endif

#endif
