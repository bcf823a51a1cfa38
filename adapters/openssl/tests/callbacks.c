/* Callbacks of an application's that let every certificate pass, and settings that leave no ticket:
 * nobody counts because of them, and where a certificate is required, nothing is read without one.
 * Arguments: the server's certificate and key, the clients' authorities, a client's certificate and
 * key, and a certificate and key of another authority's. */
#include "harness.h"

static char **files;
static rext_ossl_scope *scope;
static rext_demand demand;

static int policy(const rext_ossl_question *question, rext_ossl_decision *decision,
                  void *argument) {
    (void)question, (void)argument;
    decision->demand = demand;
    decision->scope = scope;
    decision->asks = REXT_ASKS_FOR_ANOTHER_REASON;
    return 1;
}

static int pass(int good, X509_STORE_CTX *store) {
    (void)good, (void)store;
    return 1;
}

static int pass_without_error(int good, X509_STORE_CTX *store) {
    (void)good;
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return 1;
}

static int refuse(int good, X509_STORE_CTX *store) {
    (void)good;
    X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
    return 0;
}

static int verify_nothing(X509_STORE_CTX *store, void *argument) {
    (void)store, (void)argument;
    return 1;
}

static int verify_nothing_of_store(X509_STORE_CTX *store) {
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return 1;
}

static int ask_nobody(SSL *ssl, int *where, void *argument) {
    (void)where, (void)argument;
    SSL_set_verify(ssl, SSL_VERIFY_NONE, NULL);
    return SSL_TLSEXT_ERR_OK;
}

static int switch_context(SSL *ssl, int *where, void *other) {
    (void)where;
    return SSL_set_SSL_CTX(ssl, other) != NULL ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* What an application does to the verification. */
enum way {
    AS_IT_IS,
    CALLBACK_PASSES,
    CALLBACK_PASSES_WITHOUT_ERROR,
    CALLBACK_OF_STORE_PASSES,
    CALLBACK_OF_STORE_PASSES_WITHOUT_ERROR,
    CALLBACK_REFUSES,
    VERIFIES_NOTHING,
    STORE_VERIFIES_NOTHING,
    ASKS_NOBODY,
    SWITCHES_CONTEXT,
    WAYS
};

/* Who sees to it that there is no ticket. */
enum tickets { TICKETS, NONE_SENT, OPTION_OF_SERVER, OPTION_OF_CLIENT, KINDS };

/* The outcome of a visit. */
struct visit {
    int complete;
    int alert;
    int authenticated;
    int resumed;
    /* Whether the server shows a certificate of the client's, whether it counts or not. */
    int shown;
    /* Whether the server can read what the client says, and write to it. */
    int reads;
    int writes;
};

static SSL_SESSION *last;

static int keep(SSL *ssl, SSL_SESSION *session) {
    (void)ssl;
    SSL_SESSION_free(last);
    last = session;
    return 1;
}

static SSL_CTX *servers_by(enum way way, enum tickets tickets, SSL_CTX *other) {
    SSL_CTX *ctx = context(TLS_server_method(), files[0], files[1]);
    X509_STORE *store = rext_ossl_scope_store(scope);
    CHECK(rext_ossl_server(ctx, NULL, policy, NULL));
    X509_STORE_set_verify_cb(store, NULL);
    X509_STORE_set_verify(store, NULL);
    switch (way) {
    case CALLBACK_PASSES:
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, pass);
        break;
    case CALLBACK_PASSES_WITHOUT_ERROR:
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, pass_without_error);
        break;
    case CALLBACK_OF_STORE_PASSES:
        X509_STORE_set_verify_cb(store, pass);
        break;
    case CALLBACK_OF_STORE_PASSES_WITHOUT_ERROR:
        X509_STORE_set_verify_cb(store, pass_without_error);
        break;
    case CALLBACK_REFUSES:
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, refuse);
        break;
    case VERIFIES_NOTHING:
        SSL_CTX_set_cert_verify_callback(ctx, verify_nothing, NULL);
        break;
    case STORE_VERIFIES_NOTHING:
        X509_STORE_set_verify(store, verify_nothing_of_store);
        break;
    case ASKS_NOBODY:
        SSL_CTX_set_tlsext_servername_callback(ctx, ask_nobody);
        SSL_CTX_set_cert_cb(ctx, NULL, NULL);
        break;
    case SWITCHES_CONTEXT:
        SSL_CTX_set_tlsext_servername_callback(ctx, switch_context);
        SSL_CTX_set_tlsext_servername_arg(ctx, other);
        break;
    default:
        break;
    }
    if (tickets == NONE_SENT)
        CHECK(SSL_CTX_set_num_tickets(ctx, 0) && SSL_CTX_set_num_tickets(other, 0));
    if (tickets == OPTION_OF_SERVER) {
        SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
        CHECK(SSL_CTX_set_num_tickets(ctx, 0));
    }
    return ctx;
}

static struct visit visit(SSL_CTX *servers, SSL_CTX *clients, SSL_SESSION *session) {
    struct visit visit = {0};
    rext_ossl_server_outcome outcome;
    SSL *server = SSL_new(servers), *client = SSL_new(clients);
    char bytes[16];
    connect_pair(server, client);
    CHECK(SSL_set_tlsext_host_name(client, "localhost"));
    CHECK(session == NULL || SSL_set_session(client, session));
    for (int i = 0; i < 8; i++) {
        SSL_do_handshake(client);
        visit.complete = SSL_do_handshake(server) == 1;
    }
    visit.alert = alert;
    ERR_clear_error();
    if (visit.complete) {
        SSL_write(client, "GET /secret", 11);
        visit.reads = SSL_read(server, bytes, sizeof bytes) == 11;
        visit.writes = SSL_write(server, "here", 4) == 4;
        SSL_read(client, bytes, sizeof bytes); /* tickets, too */
    }
    CHECK(rext_ossl_server_outcome_of(server, &outcome));
    CHECK((outcome.certificate != NULL) == outcome.authenticated);
    CHECK((outcome.authenticated_at != 0) == outcome.authenticated);
    visit.authenticated = outcome.authenticated;
    visit.resumed = outcome.resumed;
    visit.shown = SSL_get0_peer_certificate(server) != NULL;
    /* Else the session would not be resumable. */
    SSL_set_shutdown(client, SSL_SENT_SHUTDOWN);
    SSL_free(server);
    SSL_free(client);
    ERR_clear_error();
    return visit;
}

static SSL_CTX *clients_with(const char *certificate, const char *key, int version,
                             enum tickets tickets) {
    SSL_CTX *ctx = context(TLS_client_method(), certificate, key);
    CHECK(SSL_CTX_set_max_proto_version(ctx, version));
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, keep);
    if (tickets == OPTION_OF_CLIENT)
        SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    return ctx;
}

/* The line is part of what is said where something does not hold. */
#define HOLDS(holds)                                                                           \
    do {                                                                                       \
        if (!(holds)) {                                                                        \
            fprintf(stderr,                                                                    \
                    "%s: way %d, tickets %d, version %x: complete %d, alert %d, "              \
                    "authenticated %d, resumed %d, shown %d, reads %d, writes %d\n",           \
                    #holds, way, tickets, version, got.complete, got.alert, got.authenticated, \
                    got.resumed, got.shown, got.reads, got.writes);                            \
            exit(1);                                                                           \
        }                                                                                      \
    } while (0)

/* The alert with which OpenSSL, or a ticket, refuses; 0 where the handshake is completed. */
static int alert_for(enum way way, int has_ticket) {
    switch (way) {
    case SWITCHES_CONTEXT:
        return SSL_AD_HANDSHAKE_FAILURE;
    case VERIFIES_NOTHING:
    case ASKS_NOBODY:
        return has_ticket ? SSL_AD_INTERNAL_ERROR : 0;
    default:
        return SSL_AD_UNKNOWN_CA;
    }
}

static void where_a_certificate_is_required(enum way way, enum tickets tickets, int version) {
    SSL_CTX *other = context(TLS_server_method(), files[0], files[1]);
    SSL_CTX *servers = servers_by(way, tickets, other);
    SSL_CTX *clients = clients_with(files[5], files[6], version, tickets);
    int has_ticket =
        tickets == TICKETS || (tickets == OPTION_OF_CLIENT && version == TLS1_3_VERSION) ||
        (tickets == NONE_SENT && version == TLS1_2_VERSION);
    demand = REXT_DEMAND_REQUIRE;
    struct visit got = visit(servers, clients, NULL);
    HOLDS(got.alert == alert_for(way, has_ticket));
    HOLDS(got.complete == (got.alert == 0));
    HOLDS(!got.authenticated && !got.reads && !got.writes);
    SSL_CTX_free(clients);

    /* One that counts does, unless the application sees to it that nobody does. */
    clients = clients_with(files[3], files[4], version, tickets);
    got = visit(servers, clients, NULL);
    int counts = way != CALLBACK_REFUSES && way != STORE_VERIFIES_NOTHING && way != ASKS_NOBODY &&
                 way != SWITCHES_CONTEXT;
    HOLDS(got.authenticated == counts);
    HOLDS(way != CALLBACK_REFUSES || got.alert == SSL_AD_BAD_CERTIFICATE);
    HOLDS(got.reads == counts && got.writes == counts);
    SSL_CTX_free(clients);
    SSL_CTX_free(servers);
    SSL_CTX_free(other);
}

static void where_a_certificate_is_requested(enum way way, enum tickets tickets, int version) {
    SSL_CTX *other = context(TLS_server_method(), files[0], files[1]);
    CHECK(SSL_CTX_load_verify_file(other, files[2]));
    SSL_CTX *servers = servers_by(way, tickets, other);
    SSL_CTX *clients = clients_with(files[5], files[6], version, tickets);
    demand = REXT_DEMAND_REQUEST;
    struct visit got = visit(servers, clients, NULL);
    int passes = way != AS_IT_IS && way != CALLBACK_REFUSES && way != STORE_VERIFIES_NOTHING &&
                 way != SWITCHES_CONTEXT;
    HOLDS(got.complete == passes && got.reads == passes && got.writes == passes);
    HOLDS(!got.authenticated && (got.shown || !passes || way == ASKS_NOBODY));
    if (passes && tickets == TICKETS) {
        CHECK(last != NULL);
        got = visit(servers, clients, last);
        HOLDS(got.complete && !got.authenticated);
    }
    SSL_CTX_free(clients);
    /* Not in a session either, in which the certificate of before counts. */
    if (way != STORE_VERIFIES_NOTHING && way != ASKS_NOBODY && way != SWITCHES_CONTEXT &&
        tickets == TICKETS) {
        SSL_CTX *plain = servers_by(AS_IT_IS, tickets, other);
        clients = clients_with(files[3], files[4], version, tickets);
        got = visit(plain, clients, NULL);
        HOLDS(got.authenticated && last != NULL);
        got = visit(plain, clients, last);
        HOLDS(got.authenticated && got.resumed);
        SSL_CTX_free(plain);
        SSL_CTX_free(clients);
    }
    SSL_CTX_free(servers);
    SSL_CTX_free(other);
}

/* A session whose certificate no longer verifies does not resume, whatever a callback says. */
static void revoked(enum way way, int version) {
    enum tickets tickets = TICKETS;
    SSL_CTX *other = context(TLS_server_method(), files[0], files[1]);
    SSL_CTX *servers = servers_by(way, tickets, other);
    SSL_CTX *clients = clients_with(files[3], files[4], version, tickets);
    X509_VERIFY_PARAM *another_time = X509_VERIFY_PARAM_new();
    demand = REXT_DEMAND_REQUEST;
    struct visit got = visit(servers, clients, NULL);
    HOLDS(got.authenticated && last != NULL);
    /* In 1970, it is not valid yet. */
    CHECK(another_time != NULL);
    X509_VERIFY_PARAM_set_time(another_time, 1);
    CHECK(SSL_CTX_set1_param(servers, another_time));
    got = visit(servers, clients, last);
    HOLDS(!got.resumed && !got.authenticated);
    X509_VERIFY_PARAM_free(another_time);
    SSL_CTX_free(clients);
    SSL_CTX_free(servers);
    SSL_CTX_free(other);
}

/* A session resumes for as long as one proof of possession may last, and one that is renewed by each
 * resumption, not for longer. A proof in the future does not count. */
static void proof_is_old(int version) {
    const enum way way = AS_IT_IS;
    const enum tickets tickets = TICKETS;
    SSL_CTX *other = context(TLS_server_method(), files[0], files[1]);
    SSL_CTX *servers = servers_by(way, tickets, other);
    SSL_CTX *clients = clients_with(files[3], files[4], version, tickets);
    SSL_CTX_set_timeout(servers, 1000000);
    demand = REXT_DEMAND_REQUIRE;
    static const struct { uint64_t limit; int set; } limits[] = {{REXT_MAX_AGE_SECONDS, 0}, {100, 1}};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        if (limits[i].set)
            rext_ossl_scope_set_max_age(scope, limits[i].limit);
        later = 0;
        struct visit got = visit(servers, clients, NULL);
        HOLDS(got.authenticated && last != NULL);
        for (int step = 0; step < 4; step++) {
            later += (time_t)(limits[i].limit / 5);
            got = visit(servers, clients, last);
            HOLDS(got.authenticated && got.resumed);
        }
        later = (time_t)limits[i].limit + 2;
        got = visit(servers, clients, last);
        HOLDS(got.authenticated && !got.resumed);
        later -= 60;
        got = visit(servers, clients, last);
        HOLDS(got.authenticated && !got.resumed);
    }
    rext_ossl_scope_set_max_age(scope, REXT_MAX_AGE_SECONDS);
    later = 0;
    SSL_CTX_free(clients);
    SSL_CTX_free(servers);
    SSL_CTX_free(other);
}

static SSL_SESSION *external(SSL *ssl) {
    static const unsigned char key[32] = {1}, suite[] = {0x13, 0x01};
    SSL_SESSION *session = SSL_SESSION_new();
    CHECK(session != NULL && SSL_SESSION_set1_master_key(session, key, sizeof key));
    CHECK(SSL_SESSION_set_cipher(session, SSL_CIPHER_find(ssl, suite)));
    CHECK(SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION));
    return session;
}

static int find_psk(SSL *ssl, const unsigned char *identity, size_t length, SSL_SESSION **session) {
    *session = length == 3 && memcmp(identity, "psk", 3) == 0 ? external(ssl) : NULL;
    return 1;
}

static int use_psk(SSL *ssl, const EVP_MD *digest, const unsigned char **identity, size_t *length,
                   SSL_SESSION **session) {
    (void)digest;
    *identity = (const unsigned char *)"psk";
    *length = 3;
    *session = external(ssl);
    return 1;
}

/* They stand in for a handshake with certificates, and say nothing about one. */
static void external_psks_authenticate_nobody(enum tickets tickets, rext_demand wanted) {
    enum way way = AS_IT_IS;
    int version = TLS1_3_VERSION;
    SSL_CTX *other = context(TLS_server_method(), files[0], files[1]);
    SSL_CTX *servers = servers_by(way, tickets, other);
    SSL_CTX *clients = clients_with(files[3], files[4], version, tickets);
    SSL_CTX_set_psk_find_session_callback(servers, find_psk);
    SSL_CTX_set_psk_use_session_callback(clients, use_psk);
    CHECK(SSL_CTX_set_ciphersuites(servers, "TLS_AES_128_GCM_SHA256"));
    demand = wanted;
    struct visit got = visit(servers, clients, NULL);
    int good = wanted != REXT_DEMAND_REQUIRE;
    HOLDS(!got.authenticated && got.reads == good && got.writes == good);
    HOLDS(got.alert == (good || tickets == NONE_SENT ? 0 : SSL_AD_INTERNAL_ERROR));
    SSL_CTX_free(clients);
    SSL_CTX_free(servers);
    SSL_CTX_free(other);
}

/* WIO-6: a certificate outside of the scope's trust domain does not count, whatever a callback says, in
 * a handshake or in a session in which it counted before the scope had that limit. */
static void outside_of_the_trust_domain(enum way way, int version) {
    const enum tickets tickets = TICKETS;
    SSL_CTX *other = context(TLS_server_method(), files[0], files[1]);
    rext_ossl_scope *unlimited = scope;
    for (int required = 0; required < 2; required++) {
        scope = rext_ossl_scope_new("clients", files[2]);
        CHECK(scope != NULL);
        SSL_CTX *servers = servers_by(way, tickets, other);
        SSL_CTX *clients = clients_with(files[3], files[4], version, tickets);
        demand = REXT_DEMAND_REQUEST;
        struct visit got = visit(servers, clients, NULL);
        HOLDS(got.authenticated && last != NULL && SSL_SESSION_up_ref(last));
        SSL_SESSION *session = last;

        demand = required ? REXT_DEMAND_REQUIRE : REXT_DEMAND_REQUEST;
        CHECK(rext_ossl_scope_set_trust_domain(scope, "spiffe://example.org"));
        for (int with_session = 0; with_session < 2; with_session++) {
            got = visit(servers, clients, with_session ? session : NULL);
            HOLDS(!got.authenticated && !got.resumed);
            HOLDS(!required || (!got.reads && !got.writes));
            HOLDS(way != AS_IT_IS || got.alert == SSL_AD_HANDSHAKE_FAILURE);
            HOLDS(way != CALLBACK_PASSES_WITHOUT_ERROR || got.complete == !required);
        }
        SSL_SESSION_free(session);
        SSL_CTX_free(clients);
        SSL_CTX_free(servers);
        rext_ossl_scope_free(scope);
        scope = unlimited;
    }
    SSL_CTX_free(other);
}

int main(int argc, char **argv) {
    CHECK(argc == 8);
    files = argv + 1;
    scope = rext_ossl_scope_new("clients", files[2]);
    CHECK(scope != NULL);
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        for (int way = 0; way < WAYS; way++)
            for (int tickets = 0; tickets < KINDS; tickets++) {
                where_a_certificate_is_required(way, tickets, version);
                where_a_certificate_is_requested(way, tickets, version);
            }
        proof_is_old(version);
        for (int way = AS_IT_IS; way <= VERIFIES_NOTHING; way++)
            if (way != CALLBACK_REFUSES)
                outside_of_the_trust_domain(way, version);
        revoked(AS_IT_IS, version);
        revoked(CALLBACK_PASSES, version);
        revoked(CALLBACK_PASSES_WITHOUT_ERROR, version);
        revoked(CALLBACK_OF_STORE_PASSES_WITHOUT_ERROR, version);
    }
    for (int tickets = TICKETS; tickets <= NONE_SENT; tickets++) {
        external_psks_authenticate_nobody(tickets, REXT_DEMAND_NONE);
        external_psks_authenticate_nobody(tickets, REXT_DEMAND_REQUEST);
        external_psks_authenticate_nobody(tickets, REXT_DEMAND_REQUIRE);
    }
    SSL_SESSION_free(last);
    rext_ossl_scope_free(scope);
    puts("all hold");
    return 0;
}
