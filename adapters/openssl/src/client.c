/* Clients: their offer, and the server's answer. */
#include "adapter.h"

#include <string.h>
#include <time.h>

#include <openssl/err.h>

typedef struct client_setup {
    struct place place;
    rext_ossl_client_config config;
    rext_code_points numbers;
    /* The body of the origin hint. */
    uint8_t origins[REXT_MAX_ORIGIN_BYTES];
    size_t origins_length;
    /* True if the SSL_CTX belongs to a host program: rext_ossl_client_hosted(). */
    int hosted;
} client_setup;

typedef struct client_state {
    struct place place;
    rext_client *negotiation;
    /* What the connection was to offer; in a ClientHello without TLS 1.3, no flag is sent. */
    rext_offer wanted;
    /* Whether the flags of the CertificateRequest were checked. */
    int request_checked;
} client_state;

/* The scope of the notes in a client's sessions. It has none of its own. */
static const char SCOPE[] = "client";

static void free_setup(struct place *place) {
    OPENSSL_free(place);
}

static void free_state(struct place *place) {
    client_state *state = (client_state *)place;
    rext_client_free(state->negotiation);
    OPENSSL_free(state);
}

/* Whether the client authenticated in a session, as its note says. */
static int noted(SSL_SESSION *session) {
    void *data = NULL;
    size_t length = 0;
    rext_session record;
    return session != NULL && SSL_SESSION_get0_ticket_appdata(session, &data, &length) &&
           rext_session_decode(data, length, &record) == REXT_OK && record.authenticated;
}

/* What a connection offers. */
static rext_offer offer_of(SSL *ssl, const client_setup *setup) {
    const rext_ossl_client_config *config = &setup->config;
    SSL_SESSION *session = SSL_get_session(ssl);
    /* OpenSSL resumes this one, and a host does not ask the adapter before it sets it (RES-8). A new
     * session of this connection is not resumable yet. */
    if (setup->hosted && !config->resume_unauthenticated && session != NULL &&
        SSL_SESSION_is_resumable(session) && !noted(session))
        return REXT_OFFER_NONE;
    if (config->offers != NULL && !config->offers(ssl, config->argument))
        return REXT_OFFER_NONE;
    return config->offer;
}

static client_state *state_for(SSL *ssl, const client_setup *setup) {
    client_state *state = state_of(ssl, CLIENT);
    rext_error error;
    rext_flags flags;
    uint16_t care, origin_hint;
    if (state != NULL)
        return state;
    state = new_place(sizeof *state, CLIENT, free_state);
    if (state == NULL)
        return NULL;
    /* As in a ClientHello without TLS 1.3; OpenSSL calls for flags and origins if it offers TLS 1.3. */
    state->wanted = offer_of(ssl, setup);
    if (rext_client_new(state->wanted, &setup->numbers, &state->negotiation, &error) != REXT_OK ||
        rext_client_hello(state->negotiation, REXT_TLS12, &flags, &care, &origin_hint) != REXT_OK) {
        free_state(&state->place);
        return NULL;
    }
    return state_keep(ssl, &state->place) ? state : NULL;
}

/* Gives OpenSSL a copy of the body of an extension. */
static int add(const uint8_t *data, size_t size, const unsigned char **out, size_t *length) {
    *out = OPENSSL_memdup(data, size);
    *length = size;
    return *out != NULL ? 1 : -1;
}

/* OpenSSL makes a message. For flags and origins, it calls this in a ClientHello that offers TLS 1.3
 * only (FLAGS-9, WIO-7). */
static int on_add(SSL *ssl, unsigned type, unsigned context, const unsigned char **out,
                  size_t *length, X509 *certificate, size_t index, int *alert, void *argument) {
    const client_setup *setup = argument;
    (void)certificate, (void)index;
    *out = NULL;
    *length = 0;
    if ((context & SSL_EXT_CLIENT_HELLO) == 0)
        return 0;
    client_state *state = state_for(ssl, setup);
    *alert = SSL_AD_INTERNAL_ERROR;
    if (state == NULL)
        return -1;
    int origins = type == setup->numbers.origin_hint;
    if (type != setup->numbers.tls_flags && !origins)
        return (rext_client_offer(state->negotiation) & REXT_OFFER_CARE) != 0;
    rext_flags flags;
    rext_bytes body;
    uint16_t care, origin_hint;
    if (rext_client_hello(state->negotiation, REXT_TLS13, &flags, &care, &origin_hint) != REXT_OK)
        return -1;
    if (origins)
        return origin_hint == 0 ? 0 : add(setup->origins, setup->origins_length, out, length);
    return rext_flags_body(&flags, &body) == REXT_YES ? add(body.data, body.length, out, length) : 0;
}

static int message_of(unsigned context, rext_message *message) {
    static const struct {
        unsigned context;
        rext_message message;
    } table[] = {
        {SSL_EXT_TLS1_2_SERVER_HELLO, REXT_SERVER_HELLO},
        {SSL_EXT_TLS1_3_SERVER_HELLO, REXT_SERVER_HELLO},
        {SSL_EXT_TLS1_3_HELLO_RETRY_REQUEST, REXT_HELLO_RETRY_REQUEST},
        {SSL_EXT_TLS1_3_ENCRYPTED_EXTENSIONS, REXT_ENCRYPTED_EXTENSIONS},
        {SSL_EXT_TLS1_3_CERTIFICATE_REQUEST, REXT_CERTIFICATE_REQUEST},
        {SSL_EXT_TLS1_3_CERTIFICATE, REXT_SERVER_CERTIFICATE},
        {SSL_EXT_TLS1_3_NEW_SESSION_TICKET, REXT_NEW_SESSION_TICKET},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if ((context & table[i].context) != 0) {
            *message = table[i].message;
            return 1;
        }
    }
    return 0;
}

/* An extension in a message of the server. */
static int on_parse(SSL *ssl, unsigned type, unsigned context, const unsigned char *in,
                    size_t length, X509 *certificate, size_t index, int *alert, void *argument) {
    const client_setup *setup = argument;
    rext_bytes body = {in, length};
    rext_message message;
    rext_error error;
    (void)certificate, (void)index;
    /* A host may use its SSL_CTX for servers, too: as without the adapter. */
    if (SSL_is_server(ssl))
        return 1;
    client_state *state = state_for(ssl, setup);
    *alert = SSL_AD_INTERNAL_ERROR;
    if (state == NULL || !message_of(context, &message))
        return 0;
    int flags = type == setup->numbers.tls_flags, origins = type == setup->numbers.origin_hint;
    /* CARE and the origin hint have numbers for private use: without such an offer, the extension may
     * mean something else. */
    int offered = (state->wanted & (origins ? REXT_OFFER_ORIGINS : REXT_OFFER_CARE)) != 0;
    if (!flags && !offered &&
        (message == REXT_CERTIFICATE_REQUEST || message == REXT_NEW_SESSION_TICKET))
        return 1;
    if (origins && !offered) {
        *alert = SSL_AD_UNSUPPORTED_EXTENSION;
        return raise_line("the server answers an origin hint that was not sent");
    }
    rext_version_number version =
        (context & SSL_EXT_TLS1_2_SERVER_HELLO) != 0 ? REXT_TLS12 : REXT_TLS13;
    if (rext_client_on(state->negotiation, message, version, flags ? &body : NULL,
                       flags || origins ? NULL : &body, origins ? &body : NULL,
                       &error) != REXT_OK) {
        *alert = raise_error(&error);
        return 0;
    }
    if (message == REXT_CERTIFICATE_REQUEST && flags)
        state->request_checked = 1;
    return 1;
}

/* Notes in a session whether the client authenticated. */
static int note(SSL_SESSION *session, int authenticated) {
    uint8_t bytes[REXT_SESSION_LONGEST];
    rext_session record = {0};
    size_t length;
    if (authenticated) {
        record.scope.data = (const uint8_t *)SCOPE;
        record.scope.length = sizeof SCOPE - 1;
        record.authenticated = 1;
        record.authenticated_at = (uint64_t)time(NULL);
    }
    return rext_session_encode(&record, bytes, sizeof bytes, &length) == REXT_OK &&
           SSL_SESSION_set1_ticket_appdata(session, bytes, length);
}

/* The server requests a certificate. */
static int on_certificate(SSL *ssl, void *argument) {
    const client_setup *setup = argument;
    const rext_ossl_client_config *config = &setup->config;
    if (SSL_is_server(ssl))
        return 1;
    client_state *state = state_for(ssl, setup);
    rext_version_number version = SSL_version(ssl) == TLS1_3_VERSION ? REXT_TLS13 : REXT_TLS12;
    if (state == NULL || (!state->request_checked &&
                          rext_client_on(state->negotiation, REXT_CERTIFICATE_REQUEST, version,
                                         NULL, NULL, NULL, NULL) != REXT_OK))
        return raise_line("cannot record a CertificateRequest");
    state->request_checked = 1;
    if (version == REXT_TLS12 && state->wanted != REXT_OFFER_NONE &&
        !config->certificate_under_tls12) {
        SSL_certs_clear(ssl); /* CARE-5: an empty Certificate */
        return 1;
    }
    if (config->certificate != NULL &&
        !config->certificate(ssl, rext_client_status_of(state->negotiation), config->argument))
        return 0;
    /* A host stores the session without asking the adapter. If the handshake fails, there is none. */
    return !setup->hosted || SSL_get_certificate(ssl) == NULL || SSL_get_privatekey(ssl) == NULL ||
           note(SSL_get_session(ssl), 1);
}

/* Writes the body of the origin hint. */
static int write_origins(client_setup *setup) {
    rext_ossl_client_config *config = &setup->config;
    rext_bytes origins[REXT_MAX_ORIGINS];
    rext_error error;
    if (config->origin_count == 0)
        return (config->offer & REXT_OFFER_ORIGINS) == 0 ||
               raise_line("REXT_OFFER_ORIGINS needs origins");
    if (config->origin_count > REXT_MAX_ORIGINS)
        return raise_line("servers read no more than 16 origins (WIO-8)");
    if (setup->numbers.origin_hint == 0)
        return raise_line("there are origins, but the code point of the origin hint is 0");
    for (size_t i = 0; i < config->origin_count; i++) {
        origins[i].data = (const uint8_t *)config->origins[i];
        origins[i].length = strlen(config->origins[i]);
    }
    if (rext_origins_write(origins, config->origin_count, setup->origins, sizeof setup->origins,
                           &setup->origins_length, &error) != REXT_OK) {
        raise_error(&error);
        return 0;
    }
    config->offer |= REXT_OFFER_ORIGINS;
    config->origins = NULL;
    return 1;
}

static int set_up(SSL_CTX *ctx, const rext_ossl_client_config *config, int hosted) {
    rext_error error;
    rext_client *probe;
    client_setup *setup = new_place(sizeof *setup, CLIENT, free_setup);
    if (setup == NULL)
        return 0;
    setup->config = *config;
    setup->hosted = hosted;
    rext_code_points_default(&setup->numbers);
    if (config->numbers != NULL)
        setup->numbers = *config->numbers;
    setup->config.numbers = NULL;
    /* Report unusable settings now, and not for each connection. */
    if (!write_origins(setup)) {
        free_setup(&setup->place);
        return 0;
    }
    if (rext_client_new(setup->config.offer, &setup->numbers, &probe, &error) != REXT_OK) {
        raise_error(&error);
        free_setup(&setup->place);
        return 0;
    }
    rext_client_free(probe);
    if (!setup_keep(ctx, &setup->place))
        return 0;
    /*
     * ServerHello and EncryptedExtensions must not have flags: OpenSSL refuses the extension there
     * with illegal_parameter. CARE and origins are checked in each message, since the alert differs.
     */
    const unsigned others = SSL_EXT_CLIENT_HELLO | SSL_EXT_TLS1_3_HELLO_RETRY_REQUEST |
                            SSL_EXT_TLS1_3_CERTIFICATE_REQUEST | SSL_EXT_TLS1_3_CERTIFICATE |
                            SSL_EXT_TLS1_3_NEW_SESSION_TICKET;
    const unsigned care = others | SSL_EXT_TLS1_2_SERVER_HELLO | SSL_EXT_TLS1_3_SERVER_HELLO |
                          SSL_EXT_TLS1_3_ENCRYPTED_EXTENSIONS;
    const unsigned flags = others | SSL_EXT_TLS1_3_ONLY;
    const unsigned origins =
        flags | SSL_EXT_TLS1_3_SERVER_HELLO | SSL_EXT_TLS1_3_ENCRYPTED_EXTENSIONS;
    if (!SSL_CTX_add_custom_ext(ctx, setup->numbers.tls_flags, flags, on_add, free_body, setup,
                                on_parse, setup) ||
        (setup->numbers.care != 0 &&
         !SSL_CTX_add_custom_ext(ctx, setup->numbers.care, care, on_add, free_body, setup, on_parse,
                                 setup)) ||
        (setup->numbers.origin_hint != 0 &&
         !SSL_CTX_add_custom_ext(ctx, setup->numbers.origin_hint, origins, on_add, free_body, setup,
                                 on_parse, setup)))
        return raise_line("OpenSSL implements one of the extensions itself, or it was added before");
    if (!hosted)
        SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_cert_cb(ctx, on_certificate, setup);
    return 1;
}

int rext_ossl_client(SSL_CTX *ctx, const rext_ossl_client_config *config) {
    return set_up(ctx, config, 0);
}

int rext_ossl_client_hosted(SSL_CTX *ctx, const rext_ossl_client_config *config) {
    return set_up(ctx, config, 1);
}

int rext_ossl_client_note(SSL *ssl, SSL_SESSION *session) {
    int kind;
    /* A resumed session has its note. A signature type exists if the client made a signature, in
     * CertificateVerify. */
    return SSL_session_reused(ssl) || note(session, SSL_get_signature_type_nid(ssl, &kind));
}

int rext_ossl_client_resume(SSL *ssl, SSL_SESSION *session) {
    const client_setup *setup = setup_of(SSL_get_SSL_CTX(ssl), CLIENT);
    if (setup == NULL || (setup->config.offer != REXT_OFFER_NONE &&
                          !setup->config.resume_unauthenticated && !noted(session)))
        return 0;
    return SSL_set_session(ssl, session);
}

int rext_ossl_client_outcome_of(SSL *ssl, rext_ossl_client_outcome *outcome) {
    client_state *state = state_of(ssl, CLIENT);
    int kind;
    memset(outcome, 0, sizeof *outcome);
    if (state == NULL)
        return setup_of(SSL_get_SSL_CTX(ssl), CLIENT) != NULL ||
               raise_line("the connection's SSL_CTX has no adapter for clients");
    outcome->offer = rext_client_offer(state->negotiation);
    outcome->status = rext_client_status_of(state->negotiation);
    outcome->echoed = rext_client_echoed(state->negotiation) == REXT_YES;
    outcome->resumed = SSL_session_reused(ssl);
    outcome->authenticated = outcome->resumed ? noted(SSL_get_session(ssl))
                                              : SSL_get_signature_type_nid(ssl, &kind);
    return 1;
}
