/*
 * Resumption: what a ticket records, and whether its session may stand in for a handshake.
 *
 * Two locks. The session id context is made of the scope, so that OpenSSL itself does not resume a
 * session in another; and the ticket callback has the library judge what the ticket records, and
 * verifies its chain again.
 */
#include "adapter.h"

#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/evp.h>

/*
 * The application data of a ticket is this many octets of length, the record, and then the chain of
 * certificates behind the client's own: OpenSSL keeps that one, but none of the others.
 */
#define HEADER 2
/* Chains that take more are left out. They do not verify again, and so nothing is resumed. */
#define CHAIN_MAX 16384

int session_record(SSL_SESSION *session, rext_session *record) {
    void *data = NULL;
    size_t length = 0;
    if (session == NULL || !SSL_SESSION_get0_ticket_appdata(session, &data, &length))
        return 0;
    const uint8_t *octets = data;
    if (octets == NULL || length < HEADER)
        return 0;
    size_t record_length = (size_t)octets[0] << 8 | octets[1];
    return record_length <= length - HEADER &&
           rext_session_decode(octets + HEADER, record_length, record) == REXT_OK;
}

/* The chain behind the client's own certificate. NULL if there is none, or if memory is short. */
static STACK_OF(X509) *chain_of(SSL_SESSION *session) {
    void *data = NULL;
    size_t length = 0;
    if (!SSL_SESSION_get0_ticket_appdata(session, &data, &length) || length < HEADER)
        return NULL;
    const uint8_t *octets = data;
    const uint8_t *at = octets + HEADER + ((size_t)octets[0] << 8 | octets[1]);
    const uint8_t *end = octets + length;
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
static int verifies(SSL *ssl, SSL_SESSION *session, const rext_ossl_scope *scope) {
    STACK_OF(X509) *chain = chain_of(session);
    int good = verify_in(scope, ssl, SSL_SESSION_get0_peer(session), chain, 1);
    sk_X509_pop_free(chain, X509_free);
    return good;
}

static SSL_TICKET_RETURN on_use(SSL *ssl, SSL_SESSION *session, const unsigned char *name,
                                size_t length, SSL_TICKET_STATUS status, void *argument) {
    server_state *state = state_of(ssl, SERVER);
    rext_session record;
    rext_bytes scope;
    (void)name, (void)length, (void)argument;
    if ((status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW) || state == NULL ||
        !state->decided || SSL_version(ssl) != state->version || !session_record(session, &record))
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    const rext_ossl_decision *decision = &state->decision;
    if (decision->demand != REXT_DEMAND_NONE) {
        scope.data = (const uint8_t *)decision->scope->name;
        scope.length = strlen(decision->scope->name);
    }
    rext_resumption judged = rext_resumption_check(
        decision->demand, decision->demand == REXT_DEMAND_NONE ? NULL : &scope,
        rext_server_offer(state->negotiation) != REXT_OFFER_NONE, &record);
    if (judged != REXT_RESUMPTION_ALLOWED &&
        !(judged == REXT_RESUMPTION_IF_VERIFIED &&
          rext_resumption_is_recent(record.authenticated_at, (uint64_t)time(NULL),
                                    decision->scope->max_age) &&
          verifies(ssl, session, decision->scope)))
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

/* Puts the chain behind the client's own certificate into the application data of a ticket. */
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

static int on_make(SSL *ssl, void *argument) {
    server_state *state = state_of(ssl, SERVER);
    SSL_SESSION *session = SSL_get_session(ssl);
    rext_session record;
    size_t length;
    (void)argument;
    if (state == NULL || !state->decided)
        return raise_line("a ticket for a connection that nobody decided about");
    /* A session that goes on keeps what it records: when its client authenticated, say. One without
     * a record is an external PSK, which says nothing about a certificate. */
    int resumed = SSL_session_reused(ssl);
    if (resumed && session_record(session, &record))
        return 1;
    memset(&record, 0, sizeof record);
    if (state->decision.demand != REXT_DEMAND_NONE) {
        record.scope.data = (const uint8_t *)state->decision.scope->name;
        record.scope.length = strlen(state->decision.scope->name);
        record.authenticated = !resumed && server_authenticated(ssl, state);
        record.authenticated_at = state->authenticated_at;
    }
    /* OpenSSL has seen to that, unless its settings were changed behind the adapter's back. Where
     * no ticket is made, see on_info(). */
    if (state->decision.demand == REXT_DEMAND_REQUIRE && !record.authenticated)
        return raise_line("a certificate is required, and none counts");
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

void sessions_setup(SSL_CTX *ctx) {
    SSL_CTX_set_session_ticket_cb(ctx, on_make, on_use, NULL);
    /* OpenSSL asks no callback about sessions that it stores itself. */
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
}

int sessions_confine(SSL *ssl, const rext_ossl_decision *decision) {
    const char *scope = decision->demand == REXT_DEMAND_NONE ? "" : decision->scope->name;
    unsigned char context[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    SSL_CTX *ctx = SSL_get_SSL_CTX(ssl);
    if ((SSL_CTX_get_session_cache_mode(ctx) & SSL_SESS_CACHE_SERVER) != 0 ||
        SSL_CTX_sess_get_get_cb(ctx) != NULL)
        return raise_line("the session cache is on: sessions in it would resume unjudged");
    return EVP_Digest(scope, strlen(scope), context, &length, EVP_sha256(), NULL) &&
           SSL_set_session_id_context(ssl, context, length);
}
