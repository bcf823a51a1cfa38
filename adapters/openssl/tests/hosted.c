/* Hosted mode at its limits: what the host does is in force again after the handshake, and what the
 * adapter cannot decide is decided by the host's own settings. In-memory handshakes.
 * Arguments: the server's certificate and key, the clients' authorities, a client's certificate and
 * key, a certificate and key of another authority's, and that authority. */
#define _GNU_SOURCE /* memmem() */
#include "harness.h"

static char **files;

/* What the policy does; and how often it was called. */
static struct {
    rext_demand demand;
    rext_ossl_scope *scope;
    int fails;
    int calls;
} wanted;

static int policy(const rext_ossl_question *question, rext_ossl_decision *decision,
                  void *argument) {
    (void)argument;
    wanted.calls++;
    if (question->offer == REXT_OFFER_NONE && !wanted.fails)
        return 1;
    decision->demand = wanted.demand;
    decision->scope = wanted.scope;
    decision->asks = REXT_ASKS_BECAUSE_OFFERED;
    return !wanted.fails;
}

/* An SSL_CTX of a host that requests certificates itself. */
static SSL_CTX *host(const char *authorities) {
    static const unsigned char id[] = "host";
    SSL_CTX *ctx = context(TLS_server_method(), files[0], files[1]);
    CHECK(SSL_CTX_load_verify_file(ctx, authorities));
    SSL_CTX_set_client_CA_list(ctx, SSL_load_client_CA_file(authorities));
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    CHECK(SSL_CTX_set_session_id_context(ctx, id, sizeof id));
    return ctx;
}

static SSL_SESSION *last;

static int keep(SSL *ssl, SSL_SESSION *session) {
    (void)ssl;
    SSL_SESSION_free(last);
    last = session;
    return 1;
}

static int offering;

static int offers(SSL *ssl, void *argument) {
    (void)ssl, (void)argument;
    return offering;
}

static SSL_CTX *client(const char *certificate, const char *key, int version) {
    rext_ossl_client_config config = {.offer = REXT_OFFER_FLAG | REXT_OFFER_CARE,
                                      .certificate_under_tls12 = 1, .offers = offers};
    SSL_CTX *ctx = certificate != NULL ? context(TLS_client_method(), certificate, key)
                                       : SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_max_proto_version(ctx, version);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, keep);
    SSL_CTX_set_post_handshake_auth(ctx, 1);
    CHECK(rext_ossl_client_hosted(ctx, &config));
    offering = 1;
    return ctx;
}

struct pair {
    SSL *server, *client;
    rext_ossl_server_outcome outcome;
    rext_ossl_client_outcome its;
    int alert;
    int complete;
};

static void turn(struct pair *pair) {
    char bytes[16];
    for (int i = 0; i < 8; i++) {
        int there = SSL_do_handshake(pair->client) == 1;
        pair->complete = SSL_do_handshake(pair->server) == 1 && there;
    }
    pair->alert = alert;
    ERR_clear_error();
    if (pair->complete) {
        CHECK(SSL_write(pair->client, "GET", 3) == 3);
        CHECK(SSL_read(pair->server, bytes, sizeof bytes) == 3);
        CHECK(SSL_write(pair->server, "here", 4) == 4);
        CHECK(SSL_read(pair->client, bytes, sizeof bytes) == 4);
    }
    CHECK(rext_ossl_server_outcome_of(pair->server, &pair->outcome));
    CHECK(rext_ossl_client_outcome_of(pair->client, &pair->its));
    CHECK(!pair->outcome.failed || (!pair->outcome.authenticated && !pair->outcome.acknowledged));
}

static struct pair meet(SSL_CTX *servers, SSL_CTX *clients, SSL_SESSION *session) {
    struct pair pair = {.server = SSL_new(servers), .client = SSL_new(clients)};
    connect_pair(pair.server, pair.client);
    CHECK(SSL_set_tlsext_host_name(pair.client, "localhost"));
    CHECK(session == NULL || SSL_set_session(pair.client, session));
    turn(&pair);
    return pair;
}

static void part(struct pair *pair) {
    /* Or their session would not be resumable. */
    SSL_set_shutdown(pair->client, SSL_SENT_SHUTDOWN);
    SSL_set_shutdown(pair->server, SSL_SENT_SHUTDOWN);
    SSL_free(pair->server);
    SSL_free(pair->client);
    ERR_clear_error();
}

static void set_up(SSL_CTX *ctx) {
    CHECK(rext_ossl_server_hosted(ctx, NULL, policy, NULL));
    memset(&wanted, 0, sizeof wanted);
    wanted.demand = REXT_DEMAND_REQUEST;
    wanted.scope = rext_ossl_scope_of("clients", ctx);
    CHECK(wanted.scope != NULL && rext_ossl_scope_store(wanted.scope) == SSL_CTX_get_cert_store(ctx));
}

static void tear_down(SSL_CTX *servers, SSL_CTX *clients) {
    SSL_CTX_free(clients);
    SSL_CTX_free(servers);
    rext_ossl_scope_free(wanted.scope);
}

/* The policy decides once; after the handshake, the mode is the host's, whatever it decided. */
static void the_host_s_mode_is_restored(int version) {
    SSL_CTX *servers = host(files[2]), *clients = client(files[3], files[4], version);
    set_up(servers);
    struct pair pair = meet(servers, clients, NULL);
    CHECK(pair.complete && wanted.calls == 1 && pair.outcome.authenticated);
    CHECK(pair.outcome.acknowledged == (version == TLS1_3_VERSION));
    CHECK(SSL_get_verify_mode(pair.server) == SSL_VERIFY_PEER);
    part(&pair);
    offering = 0;
    pair = meet(servers, clients, NULL);
    CHECK(pair.complete && wanted.calls == 2 && pair.outcome.demand == REXT_DEMAND_NONE);
    CHECK(pair.its.offer == REXT_OFFER_NONE && pair.its.status == REXT_CLIENT_NOT_OFFERED);
    CHECK(SSL_get0_peer_certificate(pair.server) == NULL);
    CHECK(SSL_get_verify_mode(pair.server) == SSL_VERIFY_PEER);
    part(&pair);
    tear_down(servers, clients);
}

/* Where the policy fails, the host requests as without the adapter, and no session resumes. */
static void the_host_decides_where_the_policy_fails(int version) {
    SSL_CTX *servers = host(files[2]), *clients = client(files[3], files[4], version);
    set_up(servers);
    offering = 0;
    wanted.fails = 1;
    struct pair pair = meet(servers, clients, NULL);
    CHECK(pair.complete && pair.outcome.failed && SSL_get0_peer_certificate(pair.server) != NULL);
    CHECK(SSL_get_verify_result(pair.server) == X509_V_OK);
    part(&pair);
    pair = meet(servers, clients, last);
    CHECK(pair.complete && !SSL_session_reused(pair.server));
    CHECK(SSL_get0_peer_certificate(pair.server) != NULL);
    part(&pair);
    tear_down(servers, clients);
}

/* The same where the scope is not that of the SSL_CTX on which the host verifies. */
static void the_host_decides_where_the_scope_is_of_another_context(int version) {
    SSL_CTX *servers = host(files[2]), *other = host(files[7]);
    SSL_CTX *clients = client(files[5], files[6], version);
    set_up(servers);
    rext_ossl_scope *right = wanted.scope;
    wanted.scope = rext_ossl_scope_of("staff", other);
    struct pair pair = meet(servers, clients, NULL);
    CHECK(!pair.complete && pair.outcome.failed && pair.alert == SSL_AD_UNKNOWN_CA);
    part(&pair);
    rext_ossl_scope_free(right);
    SSL_CTX_free(other);
    tear_down(servers, clients);
}

static SSL_CTX *second_context;
static int names;

/* Chooses another SSL_CTX for the second ClientHello of a connection. */
static int on_name(SSL *ssl, int *where, void *argument) {
    (void)where, (void)argument;
    if (++names == 2)
        SSL_set_SSL_CTX(ssl, second_context);
    return SSL_TLSEXT_ERR_OK;
}

/* The same after HelloRetryRequest, when the decision was in force already: the host's mode is
 * restored, which serves a client without a certificate. */
static void the_host_decides_where_a_decision_fails_after_a_retry(void) {
    SSL_CTX *servers = host(files[2]), *other = host(files[2]);
    SSL_CTX *clients = client(NULL, NULL, TLS1_3_VERSION);
    set_up(servers);
    rext_ossl_scope *first = wanted.scope;
    SSL_CTX_set_tlsext_servername_callback(servers, on_name);
    SSL_CTX_set_tlsext_servername_callback(other, on_name);
    CHECK(SSL_CTX_set1_groups_list(servers, "P-256"));
    CHECK(rext_ossl_server_hosted(other, NULL, policy, NULL));
    wanted.demand = REXT_DEMAND_REQUIRE;
    second_context = other;
    names = 0;
    struct pair pair = meet(servers, clients, NULL);
    CHECK(names == 2 && pair.outcome.failed && pair.alert == 0 && pair.complete);
    CHECK(SSL_get_verify_mode(pair.server) == SSL_VERIFY_PEER);
    part(&pair);
    SSL_CTX_free(other);
    wanted.scope = first;
    tear_down(servers, clients);
}

static void on_message(int written, int version, int type, const void *message, size_t length,
                       SSL *ssl, void *argument) {
    (void)written, (void)version, (void)type, (void)message, (void)length, (void)ssl, (void)argument;
}

/* A host that takes the message callback for itself works as without the adapter. */
static void the_host_decides_where_it_replaces_the_message_callback(int version) {
    SSL_CTX *servers = host(files[2]), *clients = client(files[3], files[4], version);
    set_up(servers);
    SSL_CTX_set_msg_callback(servers, on_message);
    for (int i = 0; i < 2; i++) {
        struct pair pair = meet(servers, clients, i == 0 ? NULL : last);
        CHECK(pair.complete && wanted.calls == 0 && pair.outcome.offer == REXT_OFFER_NONE);
        CHECK(!SSL_session_reused(pair.server));
        CHECK(SSL_get0_peer_certificate(pair.server) != NULL);
        part(&pair);
    }
    tear_down(servers, clients);
}

/* A session resumes with its certificate where the client offers, and without one it does not; a
 * client for which the host sets a session without a note does not offer (RES-3, RES-8). */
static void sessions_are_checked(int version, unsigned long options) {
    SSL_CTX *servers = host(files[2]), *clients = client(files[3], files[4], version);
    SSL_CTX_set_options(servers, options);
    set_up(servers);
    struct pair pair = meet(servers, clients, NULL);
    CHECK(pair.complete && pair.outcome.authenticated && last != NULL);
    part(&pair);
    pair = meet(servers, clients, last);
    /* OpenSSL's own cache has it, and nobody could check it there. */
    CHECK(pair.complete && pair.outcome.authenticated);
    CHECK(pair.outcome.resumed == (options == 0) && pair.its.resumed == (options == 0));
    part(&pair);
    offering = 0;
    pair = meet(servers, clients, NULL);
    CHECK(pair.complete && !pair.outcome.authenticated);
    part(&pair);
    offering = 1;
    pair = meet(servers, clients, last);
    CHECK(pair.complete && pair.its.offer == REXT_OFFER_NONE && !pair.outcome.authenticated);
    CHECK(pair.outcome.resumed == (options == 0));
    part(&pair);
    tear_down(servers, clients);
}

/* How many messages of the server's have the extension tls_flags with the flag 80. */
static int acknowledgements;

static void on_client_message(int written, int version, int type, const void *message,
                              size_t length, SSL *ssl, void *argument) {
    static const unsigned char flag[] = {0, 62, 0, 12, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    (void)version, (void)ssl, (void)argument;
    if (!written && type == SSL3_RT_HANDSHAKE)
        acknowledgements += memmem(message, length, flag, sizeof flag) != NULL;
}

/* A certificate that the host requests later is the host's affair: it is not acknowledged, and no
 * session resumes in which it was shown, since no record says for what. */
static void a_later_request_is_the_host_s(int version, int offered) {
    SSL_CTX *servers = host(files[2]), *clients = client(files[3], files[4], version);
    set_up(servers);
    SSL_CTX_set_msg_callback(clients, on_client_message);
    offering = offered;
    acknowledgements = 0;
    struct pair pair = meet(servers, clients, NULL);
    CHECK(pair.complete && pair.outcome.authenticated == offered);
    if (version == TLS1_3_VERSION)
        CHECK(SSL_verify_client_post_handshake(pair.server) == 1);
    else
        CHECK(SSL_renegotiate(pair.server) == 1);
    char bytes[16];
    CHECK(SSL_do_handshake(pair.server) == 1);
    for (int i = 0; i < 8; i++) {
        SSL_read(pair.client, bytes, sizeof bytes);
        SSL_read(pair.server, bytes, sizeof bytes);
    }
    turn(&pair);
    CHECK(SSL_get0_peer_certificate(pair.server) != NULL);
    CHECK(acknowledgements == (offered && version == TLS1_3_VERSION));
    CHECK(wanted.calls == 1 && pair.outcome.authenticated == offered && !pair.outcome.failed);
    part(&pair);
    if (!offered) {
        pair = meet(servers, clients, last);
        CHECK(pair.complete && !pair.outcome.resumed);
        CHECK(SSL_get0_peer_certificate(pair.server) == NULL);
        part(&pair);
    }
    tear_down(servers, clients);
}

/* What is wrong at set-up is an error in the queue. */
static void misuse(void) {
    SSL_CTX *ctx = host(files[2]);
    CHECK(rext_ossl_scope_of("", ctx) == NULL);
    check_said("1 to 255 bytes");
    set_up(ctx);
    CHECK(!rext_ossl_server_hosted(ctx, NULL, policy, NULL));
    check_said("has an adapter already");
    rext_ossl_scope_free(wanted.scope);
    SSL_CTX_free(ctx);
}

int main(int argc, char **argv) {
    CHECK(argc == 9);
    files = argv + 1;
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        the_host_s_mode_is_restored(version);
        the_host_decides_where_the_policy_fails(version);
        the_host_decides_where_the_scope_is_of_another_context(version);
        the_host_decides_where_it_replaces_the_message_callback(version);
        sessions_are_checked(version, 0);
        sessions_are_checked(version, SSL_OP_NO_TICKET);
        a_later_request_is_the_host_s(version, 0);
        a_later_request_is_the_host_s(version, 1);
    }
    the_host_decides_where_a_decision_fails_after_a_retry();
    misuse();
    SSL_SESSION_free(last);
    (void)later;
    puts("all hold");
    return 0;
}
