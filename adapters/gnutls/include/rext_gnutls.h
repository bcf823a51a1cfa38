/*
 * Client authentication by offer for servers on GnuTLS 3.7: a policy decides for each connection
 * whether the server requests a certificate.
 *
 * Licensed under Apache-2.0 or MIT, as you like.
 *
 * It uses GnuTLS's public API and librext (rext.h) with its types and constants. Rules are cited as
 * there: FLAGS-n, RCA-n, CARE-n, RES-n.
 *
 * Limits of GnuTLS's API. CertificateRequest cannot have new extensions, so offers are not
 * acknowledged (RCA-2), as in the drafts before -03. Tickets cannot record the scope in which a
 * client was asked, so certificates are requested in full handshakes only, and such a client gets
 * no ticket. All other connections resume by ticket, from each other's sessions.
 *
 * Errors are those of GnuTLS, below 0. Pointers must not be NULL unless documented otherwise.
 *
 * Threads. Use a connection in one thread at a time. Scopes are credentials of GnuTLS, which
 * threads may share once they are set up.
 */
#ifndef REXT_GNUTLS_H
#define REXT_GNUTLS_H

#include <gnutls/gnutls.h>
#include <rext.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The decision for a connection. */
typedef struct rext_gnutls_decision {
    /* Whether the server requests or requires a certificate. */
    rext_demand demand;
    /* The scope: credentials with the server's own certificate, and with the authorities of
     * accepted client certificates as trust; set up by rext_gnutls_scope(). NULL only if demand is
     * REXT_DEMAND_NONE. */
    gnutls_certificate_credentials_t scope;
} rext_gnutls_decision;

/*
 * Decides for a connection; called once.
 *
 * hello: the ClientHello, valid until the policy returns.
 * offer: the ways in which the client offers to authenticate. An offer is never a credential.
 * decision: receives the decision; REXT_DEMAND_NONE at first. The scope must outlive the
 * connection.
 *
 * Returns 0, or an error of GnuTLS, below 0, which ends the handshake.
 */
typedef int (*rext_gnutls_policy)(gnutls_session_t session, const rext_hello *hello,
                                  rext_offer offer, rext_gnutls_decision *decision, void *argument);

/* The configuration of a server. */
typedef struct rext_gnutls_config {
    /* The code points; NULL for the default ones. */
    const rext_code_points *numbers;
    /* The highest version of the session's priorities. Under TLS 1.2, flags are ignored
     * (FLAGS-9). */
    rext_version_number highest;
    /* From gnutls_session_ticket_key_generate(), for the tickets of clients that are not asked for
     * a certificate; NULL for no tickets. It must outlive the connections. Set no other key, and no
     * session database. */
    const gnutls_datum_t *ticket_key;
    rext_gnutls_policy policy;
    /* Passed to the policy. */
    void *argument;
} rext_gnutls_config;

/* A connection. Callers may read it; only functions of the adapter change it. */
typedef struct rext_gnutls_connection {
    rext_gnutls_config config;
    rext_server *server;
    rext_scan *scan;
    rext_gnutls_decision decision;
    int decided;
    /* Not 0 once the adapter has verified the client's chain. */
    int verified;
    /* The client's fault; status is REXT_OK if there is none. rext_gnutls_alert() sends its alert,
     * if it has one. */
    rext_error fault;
} rext_gnutls_connection;

/*
 * Sets up credentials as a scope: client certificates are verified in the handshake, for the
 * purpose of client authentication, against the trust of the credentials. Call it after that trust
 * is set.
 *
 * Another verification function, set on the credentials or on a session, may refuse clients, but
 * does not authenticate them: only a chain that the adapter's own function has verified counts, and
 * where a certificate is required, the handshake fails without one.
 *
 * Returns 0; GNUTLS_E_NO_CERTIFICATE_FOUND if the credentials trust no authority; or
 * GNUTLS_E_SHORT_MEMORY_BUFFER if the names of the authorities are longer than
 * REXT_GNUTLS_NAMES_MAX: then use fewer authorities.
 */
int rext_gnutls_scope(gnutls_certificate_credentials_t scope);

/*
 * The maximum length of the authorities' names in a CertificateRequest, in bytes, with two bytes of
 * length for each. The list of extensions has at most 65,535 bytes (RFC 8446 sections 4.2.4 and
 * 4.3.2), of which 1,024 are left for other extensions.
 */
#define REXT_GNUTLS_NAMES_MAX (65535 - 1024)

/*
 * Makes a server's connection request certificates by the policy. Call it once, before the
 * handshake.
 *
 * The adapter then uses the session's handshake hook, its pointer (gnutls_session_set_ptr()), its
 * certificate request, and its tickets: do not set these.
 *
 * connection: initialised by this function; must stay valid until rext_gnutls_end().
 * config: copied. The values that it points to must stay valid.
 *
 * Returns 0, or an error of GnuTLS, below 0.
 */
int rext_gnutls_begin(rext_gnutls_connection *connection, gnutls_session_t session,
                      const rext_gnutls_config *config);

/* Frees the data of a connection. Call it after gnutls_deinit(), or if there was no handshake. */
void rext_gnutls_end(rext_gnutls_connection *connection);

/* Returns the ways in which the client offers to authenticate; REXT_OFFER_NONE before the
 * ClientHello. */
rext_offer rext_gnutls_offer(const rext_gnutls_connection *connection);

/*
 * Returns the chain with which the client authenticated in this scope, in DER, beginning with its
 * own certificate; NULL if it did not authenticate (yet), or in another scope. It belongs to the
 * session.
 */
const gnutls_datum_t *rext_gnutls_identity(const rext_gnutls_connection *connection,
                                           gnutls_session_t session,
                                           gnutls_certificate_credentials_t scope,
                                           unsigned *length);

/*
 * Sends the alert for an error of gnutls_handshake(): the one that the broken rule requires, or
 * else the one that GnuTLS has for the error.
 */
int rext_gnutls_alert(const rext_gnutls_connection *connection, gnutls_session_t session, int error);

#ifdef __cplusplus
}
#endif

#endif
