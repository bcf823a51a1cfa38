/*
 * Resumption: what a session records, and whether it may replace a full handshake.
 *
 * The ticket callback has librext check the record in the ticket, and verifies its chain again. Unless
 * hosted, the session id context is made of the scope, too, so that OpenSSL itself does not resume a
 * session in another scope.
 */
#include "adapter.h"

#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/evp.h>

/*
 * The application data of a ticket is the length of the record in this many bytes, the record, and the
 * certificates that follow the client's own in its chain: OpenSSL keeps only the client's own.
 */
#define HEADER 2
/* Longer chains are left out: they do not verify again, so the session does not resume. */
#define CHAIN_MAX 16384

int session_record(SSL_SESSION *session, rext_session *record) {
    void *data = NULL;
    size_t length = 0;
    if (session == NULL || !SSL_SESSION_get0_ticket_appdata(session, &data, &length))
        return 0;
    const uint8_t *bytes = data;
    if (bytes == NULL || length < HEADER)
        return 0;
    size_t record_length = (size_t)bytes[0] << 8 | bytes[1];
    return record_length <= length - HEADER &&
           rext_session_decode(bytes + HEADER, record_length, record) == REXT_OK;
}

/* The certificates that follow the client's own. NULL without any, or without enough memory. */
static STACK_OF(X509) *chain_of(SSL_SESSION *session) {
    void *data = NULL;
    size_t length = 0;
    if (!SSL_SESSION_get0_ticket_appdata(session, &data, &length) || length < HEADER)
        return NULL;
    const uint8_t *bytes = data;
    const uint8_t *at = bytes + HEADER + ((size_t)bytes[0] << 8 | bytes[1]);
    const uint8_t *end = bytes + length;
    STACK_OF(X509) *chain = sk_X509_new_null();
    while (chain != NULL && at < end) {
        X509 *certificate = d2i_X509(NULL, &at, (long)(end - at));
        if (certificate == NULL || !sk_X509_push(chain, certificate)) {
            X509_free(certificate);
            break;
        }
    }
    return chain;
}

/* Whether the session's chain verifies in a scope, now (RES-5). */
static int verifies(SSL *ssl, SSL_SESSION *session, const rext_ossl_scope *scope, int consult) {
    STACK_OF(X509) *chain = chain_of(session);
    int good = verify_in(scope, ssl, SSL_SESSION_get0_peer(session), chain, consult);
    sk_X509_pop_free(chain, X509_free);
    return good;
}

/* Whether a session may stand in for a full handshake of this connection. */
static int may_resume(SSL *ssl, server_state *state, SSL_SESSION *session) {
    const rext_ossl_decision *decision = &state->decision;
    int hosted = state->hosted.setup != NULL;
    rext_session record;
    rext_bytes scope;
    if (!session_record(session, &record))
        return 0;
    /* A host can authenticate a client after the handshake, or accept a certificate that does not
     * verify: a record made before, or in spite of that, says nothing about such a session. */
    if (hosted && (SSL_SESSION_get0_peer(session) != NULL) != (record.authenticated != 0))
        return 0;
    if (decision->demand != REXT_DEMAND_NONE) {
        scope.data = (const uint8_t *)decision->scope->name;
        scope.length = strlen(decision->scope->name);
    }
    rext_resumption result = rext_resumption_check(
        decision->demand, decision->demand == REXT_DEMAND_NONE ? NULL : &scope,
        rext_server_offer(state->negotiation) != REXT_OFFER_NONE, &record);
    return result == REXT_RESUMPTION_ALLOWED ||
           (result == REXT_RESUMPTION_IF_VERIFIED &&
            rext_resumption_is_recent(record.authenticated_at, (uint64_t)time(NULL),
                                      decision->scope->max_age) &&
            verifies(ssl, session, decision->scope, !hosted));
}

/* Whether there is a decision that sessions can be checked against. */
static int is_decided(SSL *ssl, server_state *state) {
    if (state == NULL)
        return 0;
    if (state->hosted.setup == NULL)
        return state->decided && SSL_version(ssl) == state->version;
    return !state->hosted.finished && hosted_decide(ssl, state);
}

static SSL_TICKET_RETURN on_use(SSL *ssl, SSL_SESSION *session, const unsigned char *name,
                                size_t length, SSL_TICKET_STATUS status, void *argument) {
    server_state *state = state_of(ssl, SERVER);
    (void)name, (void)length, (void)argument;
    if ((status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW) ||
        !is_decided(ssl, state) || !may_resume(ssl, state, session))
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    state->hosted.may_resume = 1;
    return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

/* Hosted: gets a session from the host's store, and drops it if it may not resume. */
static SSL_SESSION *on_get(SSL *ssl, const unsigned char *id, int length, int *copy) {
    server_state *state = state_of(ssl, SERVER);
    if (state == NULL || state->hosted.setup == NULL || state->hosted.setup->host_get == NULL)
        return NULL;
    SSL_SESSION *session = state->hosted.setup->host_get(ssl, id, length, copy);
    if (session == NULL)
        return NULL;
    if (is_decided(ssl, state) && may_resume(ssl, state, session)) {
        state->hosted.may_resume = 1;
        return session;
    }
    if (!*copy)
        SSL_SESSION_free(session);
    return NULL;
}

/* Puts the certificates that follow the client's own into the application data of a ticket. */
static size_t put_chain(SSL *ssl, uint8_t *to) {
    STACK_OF(X509) *chain = SSL_get_peer_cert_chain(ssl);
    size_t total = 0;
    uint8_t *at = to;
    for (int i = 0; i < sk_X509_num(chain); i++) {
        int length = i2d_X509(sk_X509_value(chain, i), NULL);
        if (length < 0 || (total += (size_t)length) > CHAIN_MAX)
            return 0;
    }
    for (int i = 0; i < sk_X509_num(chain); i++)
        i2d_X509(sk_X509_value(chain, i), &at);
    return total;
}

int session_note(SSL *ssl, server_state *state) {
    SSL_SESSION *session = SSL_get_session(ssl);
    const rext_ossl_decision *decision = &state->decision;
    int hosted = state->hosted.setup != NULL;
    rext_session record;
    size_t length;
    /* A session without a record does not resume (RES-7). */
    if (hosted && (!state->decided || state->hosted.failed))
        return SSL_SESSION_set1_ticket_appdata(session, NULL, 0);
    /* A resumed session keeps its record, such as the time of the proof. One without a record is an
     * external PSK, which proves nothing about a certificate. */
    int resumed = SSL_session_reused(ssl);
    if (resumed && session_record(session, &record))
        return 1;
    memset(&record, 0, sizeof record);
    if (decision->demand != REXT_DEMAND_NONE) {
        record.scope.data = (const uint8_t *)decision->scope->name;
        record.scope.length = strlen(decision->scope->name);
        record.authenticated = !resumed && server_authenticated(ssl, state);
        record.authenticated_at = state->authenticated_at;
    }
    /* OpenSSL ensures it, unless the application changed its settings. Where no ticket is made, see
     * on_info(). */
    if (!hosted && decision->demand == REXT_DEMAND_REQUIRE && !record.authenticated)
        return raise_line("a certificate is required, and the client has no accepted one");
    uint8_t *data = OPENSSL_malloc(HEADER + REXT_SESSION_LONGEST + CHAIN_MAX);
    if (data == NULL ||
        rext_session_encode(&record, data + HEADER, REXT_SESSION_LONGEST, &length) != REXT_OK) {
        OPENSSL_free(data);
        return raise_line("cannot record a session");
    }
    data[0] = (uint8_t)(length >> 8);
    data[1] = (uint8_t)length;
    length += HEADER;
    if (record.authenticated)
        length += put_chain(ssl, data + length);
    int done = SSL_SESSION_set1_ticket_appdata(session, data, length);
    OPENSSL_free(data);
    return done;
}

static int on_make(SSL *ssl, void *argument) {
    server_state *state = state_of(ssl, SERVER);
    const server_setup *setup = argument;
    if (setup != NULL && (state == NULL || state->hosted.setup == NULL))
        return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), NULL, 0);
    if (state == NULL || (setup == NULL && !state->decided))
        return raise_line("a ticket is made for a connection that has no decision");
    return session_note(ssl, state);
}

void sessions_setup_hosted(SSL_CTX *ctx, server_setup *setup) {
    SSL_CTX_set_session_ticket_cb(ctx, on_make, on_use, setup);
    /* OpenSSL calls no callback for sessions in its own cache. */
    SSL_CTX_set_session_cache_mode(ctx, SSL_CTX_get_session_cache_mode(ctx) |
                                            SSL_SESS_CACHE_NO_INTERNAL_LOOKUP);
    setup->host_get = SSL_CTX_sess_get_get_cb(ctx);
    if (setup->host_get != NULL)
        SSL_CTX_sess_set_get_cb(ctx, on_get);
}

void sessions_setup(SSL_CTX *ctx) {
    SSL_CTX_set_session_ticket_cb(ctx, on_make, on_use, NULL);
    /* OpenSSL calls no callback for sessions in its own cache. */
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
}

int sessions_confine(SSL *ssl, const rext_ossl_decision *decision) {
    const char *scope = decision->demand == REXT_DEMAND_NONE ? "" : decision->scope->name;
    unsigned char context[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    SSL_CTX *ctx = SSL_get_SSL_CTX(ssl);
    if ((SSL_CTX_get_session_cache_mode(ctx) & SSL_SESS_CACHE_SERVER) != 0 ||
        SSL_CTX_sess_get_get_cb(ctx) != NULL)
        return raise_line("the session cache is enabled: sessions in it would resume unchecked");
    return EVP_Digest(scope, strlen(scope), context, &length, EVP_sha256(), NULL) &&
           SSL_set_session_id_context(ssl, context, length);
}
