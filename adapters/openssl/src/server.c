/* Servers: the client's offer, the policy's decision, and the acknowledgement. */
#include "adapter.h"

#include <string.h>

#include <openssl/err.h>

static void free_setup(struct place *place) {
    server_setup *setup = (server_setup *)place;
    rext_scan_free(setup->scan);
    OPENSSL_free(setup);
}

static void free_state(struct place *place) {
    server_state *state = (server_state *)place;
    rext_server_free(state->negotiation);
    hello_free(&state->first);
    OPENSSL_free(state);
}

server_state *server_state_for(SSL *ssl, const server_setup *setup) {
    server_state *state = state_of(ssl, SERVER);
    rext_error error;
    if (state != NULL)
        return state;
    state = new_place(sizeof *state, SERVER, free_state);
    if (state == NULL)
        return NULL;
    if (rext_server_new(&setup->numbers, &state->negotiation, &error) != REXT_OK) {
        raise_error(&error);
        free_state(&state->place);
        return NULL;
    }
    return state_keep(ssl, &state->place) ? state : NULL;
}

/* Whether the client is authenticated, on this connection or in its session; and since when. */
static int authenticated(SSL *ssl, server_state *state, uint64_t *at) {
    rext_session record;
    if (state->decision.demand == REXT_DEMAND_NONE)
        return 0;
    if (!SSL_session_reused(ssl)) {
        int counts = server_authenticated(ssl, state);
        *at = state->authenticated_at;
        return counts;
    }
    if (!session_record(SSL_get_session(ssl), &record) || !record.authenticated)
        return 0;
    *at = record.authenticated_at;
    return 1;
}

/*
 * OpenSSL refuses a client whose certificate does not verify. on_make() in sessions.c refuses a client
 * that is not authenticated and would get a ticket. This callback ends the other connections where a
 * certificate is required, such as one without a ticket for which a callback set by
 * SSL_CTX_set_cert_verify_callback() verified nothing: nothing can be read or written on them.
 */
static void on_info(const SSL *ssl, int where, int value) {
    server_state *state = state_of(ssl, SERVER);
    void (*host)(const SSL *, int, int) = state != NULL ? state->host_info : NULL;
    uint64_t at = 0;
    if (host == NULL)
        host = SSL_CTX_get_info_callback(SSL_get_SSL_CTX(ssl));
    if (host != NULL)
        host(ssl, where, value);
    /* With TLS 1.3, OpenSSL reports the end of the handshake before it makes tickets; the handshake
     * ends with the last of them. */
    int may_be_done = where == SSL_CB_HANDSHAKE_DONE || where == SSL_CB_ACCEPT_EXIT;
    if (may_be_done && SSL_is_init_finished(ssl) && state != NULL && state->decided &&
        state->decision.demand == REXT_DEMAND_REQUIRE && !authenticated((SSL *)ssl, state, &at))
        SSL_set_shutdown((SSL *)ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

/* Makes OpenSSL request a certificate or not, and verify it in the scope. */
static int apply(SSL *ssl, server_state *state) {
    const rext_ossl_decision *decision = &state->decision;
    if (SSL_get_info_callback(ssl) != on_info) {
        state->host_info = SSL_get_info_callback(ssl);
        SSL_set_info_callback(ssl, on_info);
    }
    if (SSL_get_verify_callback(ssl) != on_verify)
        state->host_verify = SSL_get_verify_callback(ssl);
    if (decision->demand == REXT_DEMAND_NONE) {
        SSL_set_verify(ssl, SSL_VERIFY_NONE, NULL);
        return 1;
    }
    STACK_OF(X509_NAME) *names = SSL_dup_CA_list(decision->scope->names);
    if (names == NULL || !SSL_set1_verify_cert_store(ssl, decision->scope->store)) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return 0;
    }
    SSL_set_client_CA_list(ssl, names);
    int required = decision->demand == REXT_DEMAND_REQUIRE ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;
    SSL_set_verify(ssl, SSL_VERIFY_PEER | required, on_verify);
    return 1;
}

int server_decide(SSL *ssl, const server_setup *setup, server_state *state,
                  const struct hello *hello) {
    rext_ossl_question question = {0};
    rext_ossl_decision *decision = &state->decision;
    memset(decision, 0, sizeof *decision);
    question.ssl = ssl;
    rext_hello_server_name(&hello->view, &question.server_name);
    question.offer = rext_server_offer(state->negotiation);
    question.version = state->version;
    question.hello = &hello->view;
    if (!setup->policy(&question, decision, setup->argument))
        return raise_line("the policy failed");
    if (decision->demand == REXT_DEMAND_NONE) {
        decision->scope = NULL;
        decision->asks = REXT_ASKS_NOT;
    } else if (decision->scope == NULL || (decision->demand != REXT_DEMAND_REQUEST &&
                                           decision->demand != REXT_DEMAND_REQUIRE)) {
        return raise_line("the policy returned an unknown demand, or a demand without a scope");
    } else if (decision->asks != REXT_ASKS_BECAUSE_OFFERED) {
        decision->asks = REXT_ASKS_FOR_ANOTHER_REASON;
    }
    return rext_server_asks(state->negotiation, decision->asks) == REXT_OK;
}

/* Validates a first or a second ClientHello, and has the policy decide on the first. */
static int check(SSL *ssl, const server_setup *setup, struct hello *now, int *alert) {
    rext_error error;
    server_state *state = server_state_for(ssl, setup);
    *alert = SSL_AD_INTERNAL_ERROR;
    if (state == NULL || !hello_read(now, ssl, setup->scan, alert))
        return 0;
    rext_version_number version = hello_version(ssl, now);
    if (rext_server_on_hello(state->negotiation, version, &now->view, &error) != REXT_OK) {
        *alert = raise_error(&error);
        return 0;
    }
    if (state->decided && !hello_same(&state->first, now)) {
        *alert = SSL_AD_ILLEGAL_PARAMETER;
        return raise_line("the second ClientHello differs from the first (RFC 8446 4.1.2)");
    }
    *alert = SSL_AD_INTERNAL_ERROR;
    state->retried = state->decided;
    if (!state->decided) {
        state->version = version;
        if (!server_decide(ssl, setup, state, now))
            return 0;
        state->decided = 1;
        state->first = *now;
        memset(now, 0, sizeof *now);
    }
    return sessions_confine(ssl, &state->decision) && apply(ssl, state);
}

static int on_hello(SSL *ssl, int *alert, void *argument) {
    struct hello now = {0};
    int good = check(ssl, argument, &now, alert);
    hello_free(&now);
    return good ? SSL_CLIENT_HELLO_SUCCESS : SSL_CLIENT_HELLO_ERROR;
}

/*
 * Before OpenSSL chooses its own certificate. The decision is put in force again, since another
 * SSL_CTX for the server name may have come with other settings.
 */
static int on_certificate(SSL *ssl, void *argument) {
    server_state *state = state_of(ssl, SERVER);
    (void)argument;
    if (state == NULL || !state->decided)
        return raise_line("there is no decision: the ClientHello callback was replaced");
    if (SSL_version(ssl) != state->version)
        return raise_line("the version differs from that of the decision");
    return apply(ssl, state);
}

static int is_flags(const server_setup *setup, unsigned type) {
    return type == setup->numbers.tls_flags;
}

/* OpenSSL makes a message: adds the extensions that belong into it. */
static int on_add(SSL *ssl, unsigned type, unsigned context, const unsigned char **out,
                  size_t *length, X509 *certificate, size_t index, int *alert, void *argument) {
    server_state *state = state_of(ssl, SERVER);
    rext_message message;
    (void)certificate, (void)index;
    *out = NULL;
    *length = 0;
    if (state != NULL && state->hosted.setup != NULL &&
        (context & SSL_EXT_TLS1_3_CERTIFICATE_REQUEST) != 0) {
        /* A request after the handshake is the host's: it has another reason (RCA-3). */
        if (state->hosted.finished || state->hosted.failed)
            return 0;
        if (state->hosted.refused) {
            *alert = hosted_refusal(state);
            return -1;
        }
    }
    /* Hosted, the policy decides after the ServerHello: that echoes CARE before. */
    int decided = state != NULL && (state->decided || (state->hosted.setup != NULL &&
                                                       hosted_validate(ssl, state)));
    if (!decided)
        return 0;
    if (is_flags(argument, type)) {
        rext_flags flags;
        rext_bytes body;
        if (!state->decided || (context & SSL_EXT_TLS1_3_CERTIFICATE_REQUEST) == 0 ||
            rext_server_acknowledgement(state->negotiation, &flags) != REXT_OK ||
            rext_flags_body(&flags, &body) != REXT_YES)
            return 0;
        *out = OPENSSL_memdup(body.data, body.length);
        *length = body.length;
        *alert = SSL_AD_INTERNAL_ERROR;
        state->acknowledged = *out != NULL;
        return *out != NULL ? 1 : -1;
    }
    if ((context & SSL_EXT_TLS1_2_SERVER_HELLO) != 0)
        message = REXT_SERVER_HELLO;
    else if ((context & SSL_EXT_TLS1_3_ENCRYPTED_EXTENSIONS) != 0)
        message = REXT_ENCRYPTED_EXTENSIONS;
    else
        return 0;
    if (SSL_session_reused(ssl))
        return 0; /* the offer has no effect there (CARE-4) */
    return rext_server_echoes_care(state->negotiation, message) == REXT_YES;
}

/* An extension in a message of the client. Unless hosted, the ClientHello was checked before. */
static int on_parse(SSL *ssl, unsigned type, unsigned context, const unsigned char *in,
                    size_t length, X509 *certificate, size_t index, int *alert, void *argument) {
    server_state *state = state_of(ssl, SERVER);
    rext_bytes body = {in, length};
    rext_error error;
    const server_setup *setup = argument;
    (void)certificate, (void)index;
    /* A host that took the message callback for itself: as without the adapter. */
    if (setup->hosted && (state == NULL || state->hosted.setup == NULL))
        return 1;
    if ((context & SSL_EXT_TLS1_3_CERTIFICATE) == 0) {
        if (!setup->hosted || state->hosted.finished || hosted_validate(ssl, state))
            return 1;
        *alert = hosted_refusal(state);
        return 0;
    }
    *alert = SSL_AD_INTERNAL_ERROR;
    if (state == NULL)
        return 0;
    int flags = is_flags(setup, type), origins = !flags && type == setup->numbers.origin_hint;
    if (rext_server_on_client_certificate(state->negotiation, flags ? &body : NULL,
                                          flags || origins ? NULL : &body, origins ? &body : NULL,
                                          &error) == REXT_OK)
        return 1;
    *alert = raise_error(&error);
    return 0;
}

static int set_up(SSL_CTX *ctx, const rext_code_points *numbers, rext_ossl_policy policy,
                  void *argument, int hosted) {
    rext_error error;
    server_setup *setup = new_place(sizeof *setup, SERVER, free_setup);
    if (setup == NULL)
        return 0;
    setup->policy = policy;
    setup->argument = argument;
    setup->hosted = hosted;
    rext_code_points_default(&setup->numbers);
    if (numbers != NULL)
        setup->numbers = *numbers;
    if (rext_scan_new(&setup->numbers, 0, &setup->scan, &error) != REXT_OK) {
        raise_error(&error);
        free_setup(&setup->place);
        return 0;
    }
    if (!setup_keep(ctx, &setup->place))
        return 0;
    if (!hosted && SSL_CTX_get_min_proto_version(ctx) < TLS1_2_VERSION &&
        !SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION))
        return 0;
    /* In messages that must not have flags or origins, OpenSSL refuses them itself:
     * illegal_parameter. Origins have no answer (WIO-5). */
    const unsigned flags = SSL_EXT_TLS1_3_ONLY | SSL_EXT_CLIENT_HELLO |
                           SSL_EXT_TLS1_3_CERTIFICATE | SSL_EXT_TLS1_3_CERTIFICATE_REQUEST;
    const unsigned care = SSL_EXT_CLIENT_HELLO | SSL_EXT_TLS1_2_SERVER_HELLO |
                          SSL_EXT_TLS1_3_ENCRYPTED_EXTENSIONS | SSL_EXT_TLS1_3_CERTIFICATE;
    const unsigned origins = SSL_EXT_TLS1_3_ONLY | SSL_EXT_CLIENT_HELLO | SSL_EXT_TLS1_3_CERTIFICATE;
    if (!SSL_CTX_add_custom_ext(ctx, setup->numbers.tls_flags, flags, on_add, free_body, setup,
                                on_parse, setup) ||
        (setup->numbers.care != 0 &&
         !SSL_CTX_add_custom_ext(ctx, setup->numbers.care, care, on_add, free_body, setup, on_parse,
                                 setup)) ||
        (setup->numbers.origin_hint != 0 &&
         !SSL_CTX_add_custom_ext(ctx, setup->numbers.origin_hint, origins, on_add, free_body, setup,
                                 on_parse, setup)))
        return raise_line("OpenSSL implements one of the extensions itself, or it was added before");
    if (hosted) {
        hosted_setup(ctx, setup);
        return 1;
    }
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_client_hello_cb(ctx, on_hello, setup);
    SSL_CTX_set_cert_cb(ctx, on_certificate, NULL);
    sessions_setup(ctx);
    return 1;
}

int rext_ossl_server(SSL_CTX *ctx, const rext_code_points *numbers, rext_ossl_policy policy,
                     void *argument) {
    return set_up(ctx, numbers, policy, argument, 0);
}

int rext_ossl_server_hosted(SSL_CTX *ctx, const rext_code_points *numbers,
                            rext_ossl_policy policy, void *argument) {
    return set_up(ctx, numbers, policy, argument, 1);
}

int rext_ossl_server_outcome_of(SSL *ssl, rext_ossl_server_outcome *outcome) {
    server_state *state = state_of(ssl, SERVER);
    memset(outcome, 0, sizeof *outcome);
    if (state == NULL)
        return setup_of(SSL_get_SSL_CTX(ssl), SERVER) != NULL ||
               raise_line("the connection's SSL_CTX has no adapter for servers");
    outcome->offer = rext_server_offer(state->negotiation);
    outcome->failed = state->hosted.failed;
    if (!state->decided || state->hosted.failed)
        return 1;
    outcome->demand = state->decision.demand;
    outcome->scope = state->decision.scope;
    outcome->retried = state->retried;
    outcome->acknowledged = state->acknowledged;
    if (!SSL_is_init_finished(ssl))
        return 1;
    outcome->resumed = SSL_session_reused(ssl);
    outcome->authenticated = authenticated(ssl, state, &outcome->authenticated_at);
    if (outcome->authenticated)
        outcome->certificate = SSL_get0_peer_certificate(ssl);
    return 1;
}

int rext_ossl_server_origins_of(SSL *ssl, rext_list *origins) {
    const server_state *state = state_of(ssl, SERVER);
    return state != NULL && (rext_server_offer(state->negotiation) & REXT_OFFER_ORIGINS) != 0 &&
           rext_hello_origins(&state->first.view, origins, NULL, NULL) == REXT_YES;
}
