/*
 * Whether a certificate is accepted. The application's callbacks may refuse one. If they accept a
 * certificate that OpenSSL refuses, the client continues unauthenticated where that is allowed.
 */
#include "adapter.h"

#include <openssl/err.h>
#include <time.h>

/* The state of the connection whose certificate is verified; NULL if it has none. */
static server_state *state_in(X509_STORE_CTX *context) {
    SSL *ssl = X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx());
    return ssl != NULL ? state_of(ssl, SERVER) : NULL;
}

/* Calls the application's callback: that of the connection, or else that of the store. */
static int ask_host(const server_state *state, int good, X509_STORE_CTX *context) {
    X509_STORE *store = X509_STORE_CTX_get0_store(context);
    SSL_verify_cb host = state->host_verify;
    if (host == NULL && store != NULL)
        host = X509_STORE_get_verify_cb(store);
    return host != NULL ? host(good, context) : good;
}

/* The same, but a certificate that OpenSSL refuses stays refused, with OpenSSL's error. */
static int ask_host_to_refuse(int good, X509_STORE_CTX *context) {
    server_state *state = state_in(context);
    int error = X509_STORE_CTX_get_error(context);
    int answer = state != NULL && ask_host(state, good, context);
    if (good)
        return answer;
    X509_STORE_CTX_set_error(context, error);
    return 0;
}

/* Whether the handshake goes on after what was found of a certificate. */
static int on_verify_found(const server_state *state, int good, X509_STORE_CTX *context) {
    if (state->decision.demand != REXT_DEMAND_REQUIRE)
        return ask_host(state, good, context);
    if (X509_STORE_CTX_get0_store(context) != state->decision.scope->store) {
        X509_STORE_CTX_set_error(context, X509_V_ERR_APPLICATION_VERIFICATION);
        return raise_line("a certificate is required, and the SSL_CTX for the server name has no "
                          "adapter to verify one");
    }
    return ask_host_to_refuse(good, context);
}

int on_verify(int good, X509_STORE_CTX *context) {
    server_state *state = state_in(context);
    if (state == NULL)
        return 0;
    /* The chain verifies; but does the identity have the origin that the scope is for? */
    const rext_ossl_scope *scope = state->decision.scope;
    int outside = good && X509_STORE_CTX_get_error_depth(context) == 0 && scope != NULL &&
                  !scope_includes(scope, X509_STORE_CTX_get0_cert(context));
    if (outside) {
        X509_STORE_CTX_set_error(context, X509_V_ERR_APPLICATION_VERIFICATION);
        good = 0;
    }
    int answer = on_verify_found(state, good, context);
    if (outside && !answer)
        raise_line("the certificate is not in the trust domain of the scope (WIO-6)");
    return answer;
}

int verify_as_found(int good, X509_STORE_CTX *context) {
    (void)context;
    return good;
}

int store_is_whole(const X509_STORE *store) {
    return X509_STORE_get_verify(store) == NULL && X509_STORE_get_get_issuer(store) == NULL &&
           X509_STORE_get_check_issued(store) == NULL &&
           X509_STORE_get_check_revocation(store) == NULL &&
           X509_STORE_get_check_crl(store) == NULL && X509_STORE_get_cert_crl(store) == NULL &&
           X509_STORE_get_check_policy(store) == NULL &&
           X509_STORE_get_lookup_certs(store) == NULL;
}

int verify_in(const rext_ossl_scope *scope, SSL *ssl, X509 *certificate, STACK_OF(X509) *chain,
              int consult) {
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    int good = 0;
    ERR_set_mark(); /* a chain that does not verify is not an error of the connection */
    if (certificate != NULL && context != NULL && store_is_whole(scope->store) &&
        X509_STORE_CTX_init(context, scope->store, certificate, chain) &&
        X509_STORE_CTX_set_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx(), ssl) &&
        X509_STORE_CTX_set_default(context, "ssl_client")) {
        X509_VERIFY_PARAM *parameters = X509_STORE_CTX_get0_param(context);
        X509_VERIFY_PARAM_set_auth_level(parameters, SSL_get_security_level(ssl));
        X509_STORE_CTX_set_verify_cb(context, consult ? ask_host_to_refuse : verify_as_found);
        good = X509_VERIFY_PARAM_set1(parameters, scope->parameters != NULL ? scope->parameters
                                                                            : SSL_get0_param(ssl)) &&
               X509_verify_cert(context) == 1 &&
               X509_STORE_CTX_get_error(context) == X509_V_OK && scope_includes(scope, certificate);
    }
    ERR_pop_to_mark();
    X509_STORE_CTX_free(context);
    return good;
}

int server_authenticated(SSL *ssl, server_state *state) {
    X509_STORE *store = NULL;
    const rext_ossl_scope *scope = state->decision.scope;
    if (state->decision.demand == REXT_DEMAND_NONE)
        return 0;
    /* The result of the handshake may be that of an application's callback: so OpenSSL verifies the
     * chain once more, without callbacks. */
    if (state->counts == 0) {
        int counts = SSL_get_verify_result(ssl) == X509_V_OK &&
                     (scope->ctx != NULL || (SSL_get0_verify_cert_store(ssl, &store) &&
                                             store == scope->store)) &&
                     verify_in(scope, ssl, SSL_get0_peer_certificate(ssl),
                               SSL_get_peer_cert_chain(ssl), 0);
        state->counts = counts ? 1 : -1;
        state->authenticated_at = counts ? (uint64_t)time(NULL) : 0;
    }
    return state->counts > 0;
}
