/*
 * Hosted mode: an SSL_CTX that belongs to a host program, which keeps its own callbacks.
 *
 * A message callback sees each ClientHello, the ServerHello that was written, and the client's
 * Finished. It cannot end a handshake, so a ClientHello that breaks a rule is refused by the callbacks
 * of the extensions (server.c): when OpenSSL parses them, or where the client sent neither, when it
 * makes the CertificateRequest, which is then requested for that purpose alone.
 *
 * Fails closed: what the adapter cannot decide is decided by the host's own verification mode.
 */
#include "adapter.h"

#include <string.h>

#include <openssl/err.h>

static void refuse(server_state *state, const rext_error *error) {
    state->hosted.refused = 1;
    state->hosted.refusal = *error;
}

int hosted_refusal(const server_state *state) {
    return raise_error(&state->hosted.refusal);
}

/* A ClientHello that differs from the first in what must not change. */
static void refuse_difference(server_state *state) {
    static const char LINE[] = "the second ClientHello differs from the first (RFC 8446 4.1.2)";
    rext_error error = {0};
    error.alert = SSL_AD_ILLEGAL_PARAMETER;
    memcpy(error.message, LINE, sizeof LINE);
    refuse(state, &error);
}

static void on_client_hello(SSL *ssl, const server_setup *setup, const uint8_t *message,
                            size_t length) {
    server_state *state = server_state_for(ssl, setup);
    struct hello now;
    rext_error error;
    /* After the first Finished, it is a renegotiation: the host's own affair. */
    if (state == NULL || state->hosted.finished || state->hosted.refused || state->hosted.failed)
        return;
    state->hosted.setup = setup;
    if (!hello_read_message(&now, message, length, setup->scan, &error)) {
        if (error.alert != 0)
            refuse(state, &error);
        else
            state->hosted.failed = 1;
        hello_free(&now);
        return;
    }
    if (state->first.body == NULL) {
        state->hosted.pending = 1;
        state->first = now;
        return;
    }
    state->retried = 1;
    if (rext_server_on_hello(state->negotiation, state->version, &now.view, &error) != REXT_OK)
        refuse(state, &error);
    else if (!hello_same(&state->first, &now))
        refuse_difference(state);
    hello_free(&now);
}

int hosted_validate(SSL *ssl, server_state *state) {
    rext_error error;
    if (state->hosted.pending) {
        state->hosted.pending = 0;
        state->version = SSL_version(ssl) == TLS1_3_VERSION ? REXT_TLS13 : REXT_TLS12;
        if (rext_server_on_hello(state->negotiation, state->version, &state->first.view, &error) !=
            REXT_OK)
            refuse(state, &error);
    }
    return !state->hosted.refused;
}

int hosted_decide(SSL *ssl, server_state *state) {
    if (!hosted_validate(ssl, state) || state->hosted.failed || state->first.body == NULL)
        return 0;
    if (!state->decided) {
        const server_setup *setup = setup_of(SSL_get_SSL_CTX(ssl), SERVER);
        ERR_set_mark(); /* the host goes on, and would take what is in the queue for its own error */
        state->decided = setup != NULL && setup->hosted &&
                         server_decide(ssl, setup, state, &state->first);
        ERR_pop_to_mark();
        state->hosted.failed = !state->decided;
    }
    return state->decided;
}

/* Puts the decision in force, unless the host resumes a session: then there is no request. */
static void apply(SSL *ssl, server_state *state) {
    struct hosted *hosted = &state->hosted;
    const rext_ossl_decision *decision = &state->decision;
    int mode = SSL_get_verify_mode(ssl);
    if (!hosted->applied || mode != hosted->mode)
        hosted->host_mode = mode;
    hosted->applied = 1;
    hosted->mode = SSL_VERIFY_NONE;
    if (decision->demand != REXT_DEMAND_NONE)
        hosted->mode = SSL_VERIFY_PEER | (mode & SSL_VERIFY_CLIENT_ONCE);
    if (decision->demand == REXT_DEMAND_REQUIRE)
        hosted->mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    SSL_set_verify(ssl, hosted->mode, NULL);
}

/* Puts the host's verification mode in force again, unless the host has set another one since. */
static void restore(SSL *ssl, struct hosted *hosted) {
    if (hosted->applied && SSL_get_verify_mode(ssl) == hosted->mode)
        SSL_set_verify(ssl, hosted->host_mode, NULL);
    hosted->applied = 0;
}

/* A ServerHello or a HelloRetryRequest is on its way: the host has chosen its SSL_CTX. */
static void on_server_hello(SSL *ssl, server_state *state) {
    struct hosted *hosted = &state->hosted;
    int decided = hosted_decide(ssl, state);
    const rext_ossl_scope *scope = decided ? state->decision.scope : NULL;
    if (decided && scope != NULL && scope->ctx != SSL_get_SSL_CTX(ssl)) {
        hosted->failed = 1;
        decided = 0;
    }
    if (!decided)
        restore(ssl, hosted); /* after HelloRetryRequest, the decision may be in force */
    if (SSL_session_reused(ssl)) {
        /* A session that was not checked, or was checked for another SSL_CTX. */
        if (!decided || !hosted->may_resume) {
            hosted->failed = 1;
            SSL_set_verify_result(ssl, X509_V_ERR_APPLICATION_VERIFICATION);
        }
    } else if (decided) {
        apply(ssl, state);
    } else if (hosted->refused && SSL_version(ssl) == TLS1_3_VERSION) {
        SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL); /* for the callback that refuses */
    }
}

static void on_finished(SSL *ssl, server_state *state) {
    struct hosted *hosted = &state->hosted;
    hosted->finished = 1;
    restore(ssl, hosted);
    /* OpenSSL asks no callback about a session of TLS 1.2 that it puts into a store. */
    if (!SSL_session_reused(ssl) && state->version == REXT_TLS12)
        session_note(ssl, state);
}

static void on_message(int written, int version, int type, const void *message, size_t length,
                       SSL *ssl, void *argument) {
    (void)version;
    if (type != SSL3_RT_HANDSHAKE || length < SSL3_HM_HEADER_LENGTH || !SSL_is_server(ssl))
        return;
    int kind = *(const uint8_t *)message;
    if (!written && kind == SSL3_MT_CLIENT_HELLO) {
        on_client_hello(ssl, argument, message, length);
        return;
    }
    server_state *state = state_of(ssl, SERVER);
    if (state == NULL || state->hosted.setup == NULL || state->hosted.finished)
        return;
    if (written && kind == SSL3_MT_SERVER_HELLO)
        on_server_hello(ssl, state);
    else if (!written && kind == SSL3_MT_FINISHED)
        on_finished(ssl, state);
}

void hosted_setup(SSL_CTX *ctx, server_setup *setup) {
    SSL_CTX_set_msg_callback(ctx, on_message);
    SSL_CTX_set_msg_callback_arg(ctx, setup);
    sessions_setup_hosted(ctx, setup);
}
