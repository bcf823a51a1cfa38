#include <rext_gnutls.h>

#include <string.h>

#include <gnutls/x509.h>

/* Records a fault of the client. */
static void set_fault(rext_gnutls_connection *connection, uint8_t alert, const char *message) {
    connection->fault.status = REXT_ERR_VALUE;
    connection->fault.alert = alert;
    strncpy(connection->fault.message, message, sizeof connection->fault.message - 1);
}

/* Verifies the client's chain, in the handshake. */
static int verify(gnutls_session_t session) {
    rext_gnutls_connection *connection = gnutls_session_get_ptr(session);
    gnutls_typed_vdata_st purpose = {GNUTLS_DT_KEY_PURPOSE_OID, (void *)GNUTLS_KP_TLS_WWW_CLIENT, 0};
    unsigned length = 0, status = 0;
    int error;
    if (gnutls_certificate_get_peers(session, &length) == NULL || length == 0)
        return 0; /* GnuTLS refuses the client if a certificate is required */
    error = gnutls_certificate_verify_peers(session, &purpose, 1, &status);
    if (error == 0 && status == 0) {
        connection->verified = 1;
        return 0;
    }
    if (error != 0)
        set_fault(connection, GNUTLS_A_BAD_CERTIFICATE, "the certificate cannot be verified");
    else if ((status & GNUTLS_CERT_SIGNER_NOT_FOUND) != 0)
        set_fault(connection, GNUTLS_A_UNKNOWN_CA,
                  "the certificate was issued by an unknown authority");
    else if ((status & GNUTLS_CERT_EXPIRED) != 0)
        set_fault(connection, GNUTLS_A_CERTIFICATE_EXPIRED, "the certificate has expired");
    else if ((status & GNUTLS_CERT_REVOKED) != 0)
        set_fault(connection, GNUTLS_A_CERTIFICATE_REVOKED, "the certificate is revoked");
    else
        set_fault(connection, GNUTLS_A_BAD_CERTIFICATE, "the certificate does not verify");
    return GNUTLS_E_CERTIFICATE_ERROR;
}

int rext_gnutls_scope(gnutls_certificate_credentials_t scope) {
    gnutls_x509_trust_list_t trusted;
    gnutls_x509_trust_list_iter_t at = NULL;
    gnutls_x509_crt_t authority;
    size_t bytes = 0;
    int count = 0, error;
    gnutls_certificate_get_trust_list(scope, &trusted);
    while ((error = gnutls_x509_trust_list_iter_get_ca(trusted, &at, &authority)) >= 0) {
        gnutls_datum_t name = {NULL, 0};
        error = gnutls_x509_crt_get_raw_dn(authority, &name);
        bytes += 2 + name.size;
        count++;
        gnutls_free(name.data);
        gnutls_x509_crt_deinit(authority);
        if (error < 0) {
            gnutls_x509_trust_list_iter_deinit(at);
            return error;
        }
    }
    if (count == 0)
        return GNUTLS_E_NO_CERTIFICATE_FOUND;
    if (bytes > REXT_GNUTLS_NAMES_MAX)
        return GNUTLS_E_SHORT_MEMORY_BUFFER;
    gnutls_certificate_set_verify_function(scope, verify);
    return 0;
}

/* Configures the connection by the decision. */
static int demand(rext_gnutls_connection *connection, gnutls_session_t session) {
    const rext_gnutls_decision *decision = &connection->decision;
    if (decision->demand == REXT_DEMAND_NONE) {
        gnutls_certificate_server_set_request(session, GNUTLS_CERT_IGNORE);
        /* Only clients that are not asked for a certificate get tickets (RES-2). Without the key,
         * GnuTLS neither accepts nor sends tickets. */
        if (connection->config.ticket_key == NULL)
            return 0;
        return gnutls_session_ticket_enable_server(session, connection->config.ticket_key);
    }
    if (decision->scope == NULL)
        return GNUTLS_E_INVALID_REQUEST;
    gnutls_certificate_server_set_request(session, decision->demand == REXT_DEMAND_REQUIRE
                                                       ? GNUTLS_CERT_REQUIRE
                                                       : GNUTLS_CERT_REQUEST);
    return gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, decision->scope);
}

/* Called before GnuTLS reads a ClientHello, the first or the second one. */
static int on_client_hello(gnutls_session_t session, const gnutls_datum_t *message) {
    rext_gnutls_connection *connection = gnutls_session_get_ptr(session);
    rext_version_number version = connection->config.highest;
    rext_hello hello;
    int error;
    if (rext_scan_body(connection->scan, message->data, message->size, &hello,
                       &connection->fault) != REXT_OK)
        return GNUTLS_E_RECEIVED_ILLEGAL_PARAMETER;
    /* FLAGS-9: under TLS 1.2, flags are ignored. */
    if (rext_hello_offers_version(&hello, REXT_TLS13) != REXT_YES)
        version = REXT_TLS12;
    /* FLAGS-12: a second ClientHello must repeat the offer of the first. */
    if (rext_server_on_hello(connection->server, version, &hello, &connection->fault) != REXT_OK)
        return GNUTLS_E_RECEIVED_ILLEGAL_PARAMETER;
    if (connection->decided)
        return 0;
    connection->decided = 1;
    error = connection->config.policy(session, &hello, rext_server_offer(connection->server),
                                      &connection->decision, connection->config.argument);
    return error < 0 ? error : demand(connection, session);
}

/* Called for the client's Finished, which follows its Certificate and CertificateVerify. */
static int on_finished(rext_gnutls_connection *connection) {
    if (connection->decision.demand != REXT_DEMAND_REQUIRE || connection->verified)
        return 0;
    if (connection->fault.status == REXT_OK)
        set_fault(connection, GNUTLS_A_ACCESS_DENIED,
                  "a certificate is required, and the client has none that was verified");
    return GNUTLS_E_CERTIFICATE_ERROR;
}

/* Called before GnuTLS reads a message. */
static int on_message(gnutls_session_t session, unsigned type, unsigned when, unsigned incoming,
                      const gnutls_datum_t *message) {
    if (when != GNUTLS_HOOK_PRE || !incoming)
        return 0;
    if (type == GNUTLS_HANDSHAKE_CLIENT_HELLO)
        return on_client_hello(session, message);
    return type == GNUTLS_HANDSHAKE_FINISHED ? on_finished(gnutls_session_get_ptr(session)) : 0;
}

int rext_gnutls_begin(rext_gnutls_connection *connection, gnutls_session_t session,
                      const rext_gnutls_config *config) {
    memset(connection, 0, sizeof *connection);
    connection->config = *config;
    if (config->policy == NULL ||
        (config->highest != REXT_TLS12 && config->highest != REXT_TLS13))
        return GNUTLS_E_INVALID_REQUEST;
    if (rext_scan_new(config->numbers, 0, &connection->scan, &connection->fault) != REXT_OK ||
        rext_server_new(config->numbers, &connection->server, &connection->fault) != REXT_OK) {
        rext_gnutls_end(connection);
        return GNUTLS_E_INVALID_REQUEST;
    }
    connection->decision.demand = REXT_DEMAND_NONE;
    gnutls_session_set_ptr(session, connection);
    gnutls_handshake_set_hook_function(session, GNUTLS_HANDSHAKE_ANY, GNUTLS_HOOK_PRE, on_message);
    return 0;
}

void rext_gnutls_end(rext_gnutls_connection *connection) {
    rext_server_free(connection->server);
    rext_scan_free(connection->scan);
    connection->server = NULL;
    connection->scan = NULL;
}

rext_offer rext_gnutls_offer(const rext_gnutls_connection *connection) {
    return rext_server_offer(connection->server);
}

const gnutls_datum_t *rext_gnutls_identity(const rext_gnutls_connection *connection,
                                           gnutls_session_t session,
                                           gnutls_certificate_credentials_t scope,
                                           unsigned *length) {
    *length = 0;
    if (connection->decision.demand == REXT_DEMAND_NONE || connection->decision.scope != scope)
        return NULL;
    /* A client that was asked for a certificate is never resumed, and a chain that does not verify
     * ends the handshake. Any other chain does not count. */
    if (!connection->verified || connection->fault.status != REXT_OK ||
        gnutls_session_is_resumed(session))
        return NULL;
    return gnutls_certificate_get_peers(session, length);
}

int rext_gnutls_alert(const rext_gnutls_connection *connection, gnutls_session_t session, int error) {
    if (connection->fault.status != REXT_OK && connection->fault.alert != 0)
        return gnutls_alert_send(session, GNUTLS_AL_FATAL,
                                 (gnutls_alert_description_t)connection->fault.alert);
    return gnutls_alert_send_appropriate(session, error);
}
