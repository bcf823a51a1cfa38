/* What an application can get wrong: each ends in an error, and never in a client taken for another.
 * Arguments: the server's certificate and key, the clients' authorities, a client's certificate and
 * key, a file without certificates, one with more authorities than a CertificateRequest can name, and
 * one with as many as it can. */
#include "harness.h"

static char **files;
static rext_client_status asked;

/* A handshake in memory; what came of it for the server, whose SSL is handed over. */
static SSL *shake(SSL_CTX *servers, SSL_CTX *clients, int good, rext_ossl_server_outcome *outcome) {
    SSL *server = SSL_new(servers), *client = SSL_new(clients);
    connect_pair(server, client);
    int there = 0, end = SSL_ERROR_WANT_READ;
    for (int i = 0; i < 8 && end == SSL_ERROR_WANT_READ; i++) {
        SSL_do_handshake(client);
        there = SSL_do_handshake(server);
        end = SSL_get_error(server, there);
    }
    CHECK(end == (good ? SSL_ERROR_NONE : SSL_ERROR_SSL));
    if (outcome != NULL)
        CHECK(rext_ossl_server_outcome_of(server, outcome));
    SSL_free(client);
    return server;
}

static rext_ossl_decision answer;
static int decides = 1;

static int policy(const rext_ossl_question *question, rext_ossl_decision *decision,
                  void *argument) {
    (void)question, (void)argument;
    *decision = answer;
    return decides;
}

static SSL_CTX *server_context(void) {
    SSL_CTX *ctx = context(TLS_server_method(), files[0], files[1]);
    CHECK(rext_ossl_server(ctx, NULL, policy, NULL));
    return ctx;
}

static void check_refused(SSL_CTX *servers, SSL_CTX *clients, const char *words) {
    rext_ossl_server_outcome outcome;
    SSL *server = shake(servers, clients, 0, &outcome);
    CHECK(alert == SSL_AD_INTERNAL_ERROR && !outcome.authenticated);
    check_said(words);
    SSL_free(server);
}

static void scopes_are_checked_when_they_are_made(void) {
    CHECK(rext_ossl_scope_new("", files[2]) == NULL);
    check_said("1 to 255 bytes");
    CHECK(rext_ossl_scope_new("clients", files[5]) == NULL);
    check_said("not a file with certificates");
    CHECK(rext_ossl_scope_new("clients", "nowhere.pem") == NULL);
    check_said("nowhere.pem: not a file with certificates");
    CHECK(rext_ossl_scope_new("clients", files[6]) == NULL);
    check_said("the names of its 600 authorities take ");
    rext_ossl_scope_free(NULL);
}

/* In either version, with all that else is in a CertificateRequest. */
static void names_that_fit_are_sent(SSL_CTX *clients) {
    rext_ossl_decision good = answer;
    rext_ossl_scope *many = rext_ossl_scope_new("many", files[7]);
    CHECK(many != NULL);
    answer.scope = many;
    answer.demand = REXT_DEMAND_REQUEST;
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        SSL_CTX *servers = context(TLS_server_method(), files[0], files[1]);
        CHECK(rext_ossl_server(servers, NULL, policy, NULL));
        CHECK(SSL_CTX_set_max_proto_version(servers, version));
        /* Its certificate is of none of them. */
        SSL *server = shake(servers, clients, 0, NULL);
        CHECK(SSL_version(server) == version && alert == SSL_AD_UNKNOWN_CA);
        ERR_clear_error();
        SSL_free(server);
        SSL_CTX_free(servers);
    }
    answer = good;
    rext_ossl_scope_free(many);
}

static void contexts_are_for_one_role_and_once(SSL_CTX *clients) {
    rext_ossl_client_config config = {0};
    SSL_CTX *servers = server_context();
    CHECK(!rext_ossl_server(servers, NULL, policy, NULL));
    check_said("has an adapter already");
    CHECK(!rext_ossl_client(servers, &config));
    check_said("has an adapter already");
    CHECK(!rext_ossl_server(clients, NULL, policy, NULL));
    check_said("has an adapter already");
    SSL *ssl = SSL_new(clients);
    rext_ossl_server_outcome outcome;
    CHECK(!rext_ossl_server_outcome_of(ssl, &outcome) && !outcome.authenticated);
    check_said("has no adapter for servers");
    SSL_free(ssl);
    SSL_CTX_free(servers);
}

static void numbers_are_checked(void) {
    rext_code_points numbers;
    rext_ossl_client_config config = {.offer = 8};
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    CHECK(rext_code_points_default(&numbers) == REXT_OK);
    numbers.tls_flags = 43; /* supported_versions */
    CHECK(!rext_ossl_server(ctx, &numbers, policy, NULL));
    check_said("supported_versions");
    CHECK(!rext_ossl_client(ctx, &config));
    check_said("is not an offer");
    config.offer = REXT_OFFER_ORIGINS;
    CHECK(!rext_ossl_client(ctx, &config));
    check_said("REXT_OFFER_ORIGINS needs origins");
    SSL_CTX_free(ctx);
}

static void a_policy_that_does_not_decide_ends_the_handshake(SSL_CTX *clients) {
    SSL_CTX *servers = server_context();
    rext_ossl_decision good = answer;
    decides = 0;
    check_refused(servers, clients, "the policy failed");
    decides = 1;
    answer.scope = NULL;
    check_refused(servers, clients, "without a scope");
    answer = good;
    answer.demand = 3;
    check_refused(servers, clients, "an unknown demand");
    answer = good;
    SSL_CTX_free(servers);
}

static int nothing(SSL *ssl, int *where, void *argument) {
    (void)ssl, (void)where, (void)argument;
    return SSL_CLIENT_HELLO_SUCCESS;
}

static void what_would_go_around_the_policy_ends_the_handshake(SSL_CTX *clients) {
    SSL_CTX *servers = server_context();
    SSL_CTX_set_session_cache_mode(servers, SSL_SESS_CACHE_SERVER);
    check_refused(servers, clients, "the session cache is enabled");
    SSL_CTX_free(servers);

    servers = server_context();
    SSL_CTX_set_client_hello_cb(servers, nothing, NULL);
    check_refused(servers, clients, "the ClientHello callback was replaced");
    SSL_CTX_free(servers);
}

/* A method for one version, which OpenSSL itself advises against. */
static void a_version_that_cannot_be_foreseen_ends_the_handshake(SSL_CTX *clients) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    SSL_CTX *servers = context(TLSv1_2_server_method(), files[0], files[1]);
#pragma GCC diagnostic pop
    CHECK(rext_ossl_server(servers, NULL, policy, NULL));
    check_refused(servers, clients, "the version differs from that of the decision");
    SSL_CTX_free(servers);
}

static int switch_context(SSL *ssl, int *where, void *other) {
    (void)where;
    return SSL_set_SSL_CTX(ssl, other) != NULL ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static void another_context_for_the_server_name_needs_the_adapter_too(SSL_CTX *clients) {
    rext_ossl_server_outcome outcome;
    SSL_CTX *servers = server_context(), *with = server_context();
    SSL_CTX *without = context(TLS_server_method(), files[0], files[1]);
    SSL_CTX_set_tlsext_servername_callback(servers, switch_context);

    SSL_CTX_set_tlsext_servername_arg(servers, with);
    SSL *server = shake(servers, clients, 1, &outcome);
    CHECK(outcome.authenticated && outcome.acknowledged && outcome.certificate != NULL);
    CHECK(asked == REXT_CLIENT_ACKNOWLEDGED);
    SSL_free(server);

    /* It trusts the same authorities, but by itself, and not in the scope. */
    CHECK(SSL_CTX_load_verify_file(without, files[2]));
    SSL_CTX_set_tlsext_servername_arg(servers, without);
    server = shake(servers, clients, 0, &outcome);
    CHECK(alert == SSL_AD_HANDSHAKE_FAILURE && !outcome.authenticated);
    check_said("the SSL_CTX for the server name has no adapter");
    SSL_free(server);
    answer.demand = REXT_DEMAND_REQUEST;
    server = shake(servers, clients, 1, &outcome);
    CHECK(SSL_get0_peer_certificate(server) != NULL);
    CHECK(!outcome.authenticated && outcome.certificate == NULL);
    answer.demand = REXT_DEMAND_REQUIRE;
    SSL_free(server);
    SSL_CTX_free(servers);
    SSL_CTX_free(with);
    SSL_CTX_free(without);
}

static int choose(SSL *ssl, rext_client_status status, void *argument) {
    (void)ssl, (void)argument;
    asked = status;
    return 1;
}

int main(int argc, char **argv) {
    rext_ossl_client_config config = {
        .offer = REXT_OFFER_FLAG | REXT_OFFER_CARE, .certificate_under_tls12 = 1, .certificate = choose};
    CHECK(argc == 9);
    files = argv + 1;
    SSL_CTX *clients = context(TLS_client_method(), files[3], files[4]);
    CHECK(rext_ossl_client(clients, &config));
    rext_ossl_scope *scope = rext_ossl_scope_new("clients", files[2]);
    CHECK(scope != NULL && strcmp(rext_ossl_scope_name(scope), "clients") == 0);
    CHECK(rext_ossl_scope_store(scope) != NULL);
    answer.demand = REXT_DEMAND_REQUIRE;
    answer.scope = scope;
    answer.asks = REXT_ASKS_BECAUSE_OFFERED;

    scopes_are_checked_when_they_are_made();
    names_that_fit_are_sent(clients);
    contexts_are_for_one_role_and_once(clients);
    numbers_are_checked();
    a_policy_that_does_not_decide_ends_the_handshake(clients);
    what_would_go_around_the_policy_ends_the_handshake(clients);
    a_version_that_cannot_be_foreseen_ends_the_handshake(clients);
    another_context_for_the_server_name_needs_the_adapter_too(clients);
    rext_ossl_scope_free(scope);
    SSL_CTX_free(clients);
    puts("all hold");
    return 0;
}
