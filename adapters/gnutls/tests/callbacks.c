/* Verification functions of an application that accept every chain do not authenticate clients, and
 * if a certificate is required, the handshake fails. Scopes whose names do not fit are refused.
 * Arguments: the server's certificate and key, the clients' authorities, a client's certificate and
 * key, a certificate and key from another authority, and a file with more authorities than fit into
 * a CertificateRequest. */
#include <rext_gnutls.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHECK(holds)                                                    \
    do {                                                                \
        if (!(holds)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #holds); \
            exit(1);                                                    \
        }                                                               \
    } while (0)

static char **files;
static gnutls_certificate_credentials_t scope;
static rext_demand demand;

/* The verification function that an application sets. */
enum function { NO_FUNCTION, FUNCTION_OF_SCOPE, FUNCTION_OF_SESSION, FUNCTIONS };

static int accept_every_chain(gnutls_session_t session) {
    (void)session;
    return 0;
}

static int policy(gnutls_session_t session, const rext_hello *hello, rext_offer offer,
                  rext_gnutls_decision *decision, void *argument) {
    (void)session, (void)hello, (void)offer, (void)argument;
    decision->demand = demand;
    decision->scope = scope;
    return 0;
}

static gnutls_certificate_credentials_t credentials(const char *certificate, const char *key,
                                                    const char *authorities) {
    gnutls_certificate_credentials_t made;
    CHECK(gnutls_certificate_allocate_credentials(&made) == 0);
    CHECK(gnutls_certificate_set_x509_key_file(made, certificate, key, GNUTLS_X509_FMT_PEM) == 0);
    if (authorities != NULL)
        CHECK(gnutls_certificate_set_x509_trust_file(made, authorities, GNUTLS_X509_FMT_PEM) > 0);
    return made;
}

/* The outcome of a handshake. */
struct visit {
    int complete;
    int authenticated;
    int alert;
};

static struct visit visit(enum function function, const char *certificate, const char *key,
                          const char *priority) {
    struct visit visit = {0, 0, 0};
    int sockets[2], client_result = GNUTLS_E_AGAIN, server_result = GNUTLS_E_AGAIN;
    unsigned length;
    gnutls_session_t server, client;
    rext_gnutls_connection connection;
    rext_gnutls_config config = {NULL, REXT_TLS13, NULL, policy, NULL};
    gnutls_certificate_credentials_t visitors = credentials(files[0], files[1], NULL);
    gnutls_certificate_credentials_t own = credentials(certificate, key, NULL);
    scope = credentials(files[0], files[1], files[2]);
    CHECK(rext_gnutls_scope(scope) == 0);
    if (function == FUNCTION_OF_SCOPE)
        gnutls_certificate_set_verify_function(scope, accept_every_chain);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0);
    CHECK(fcntl(sockets[0], F_SETFL, O_NONBLOCK) == 0 && fcntl(sockets[1], F_SETFL, O_NONBLOCK) == 0);
    CHECK(gnutls_init(&server, GNUTLS_SERVER | GNUTLS_NONBLOCK) == 0);
    CHECK(gnutls_init(&client, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_FORCE_CLIENT_CERT) == 0);
    CHECK(gnutls_priority_set_direct(server, priority, NULL) == 0);
    CHECK(gnutls_priority_set_direct(client, priority, NULL) == 0);
    CHECK(gnutls_credentials_set(server, GNUTLS_CRD_CERTIFICATE, visitors) == 0);
    CHECK(gnutls_credentials_set(client, GNUTLS_CRD_CERTIFICATE, own) == 0);
    CHECK(rext_gnutls_begin(&connection, server, &config) == 0);
    if (function == FUNCTION_OF_SESSION)
        gnutls_session_set_verify_function(server, accept_every_chain);
    gnutls_transport_set_int(server, sockets[0]);
    gnutls_transport_set_int(client, sockets[1]);
    for (int i = 0; i < 20 && server_result != 0 && !gnutls_error_is_fatal(server_result); i++) {
        if (client_result != 0 && !gnutls_error_is_fatal(client_result))
            client_result = gnutls_handshake(client);
        server_result = gnutls_handshake(server);
    }
    visit.complete = server_result == 0;
    visit.authenticated = rext_gnutls_identity(&connection, server, scope, &length) != NULL;
    if (server_result != 0) {
        char byte;
        int tries = 0;
        CHECK(rext_gnutls_alert(&connection, server, server_result) == 0);
        if (client_result == 0)
            do
                client_result = (int)gnutls_record_recv(client, &byte, 1);
            while (client_result == GNUTLS_E_AGAIN && ++tries < 5);
        else
            client_result = gnutls_handshake(client);
        visit.alert =
            client_result == GNUTLS_E_FATAL_ALERT_RECEIVED ? (int)gnutls_alert_get(client) : -1;
    }
    gnutls_deinit(server);
    gnutls_deinit(client);
    rext_gnutls_end(&connection);
    gnutls_certificate_free_credentials(scope);
    gnutls_certificate_free_credentials(visitors);
    gnutls_certificate_free_credentials(own);
    close(sockets[0]);
    close(sockets[1]);
    return visit;
}

static void scopes_without_authorities_or_with_too_many_are_refused(void) {
    gnutls_certificate_credentials_t made = credentials(files[0], files[1], NULL);
    CHECK(rext_gnutls_scope(made) == GNUTLS_E_NO_CERTIFICATE_FOUND);
    gnutls_certificate_free_credentials(made);
    made = credentials(files[0], files[1], files[7]);
    CHECK(rext_gnutls_scope(made) == GNUTLS_E_SHORT_MEMORY_BUFFER);
    gnutls_certificate_free_credentials(made);
}

int main(int argc, char **argv) {
    static const char *const versions[] = {"NORMAL:-VERS-ALL:+VERS-TLS1.3",
                                           "NORMAL:-VERS-ALL:+VERS-TLS1.2"};
    CHECK(argc == 9);
    files = argv + 1;
    scopes_without_authorities_or_with_too_many_are_refused();
    for (int version = 0; version < 2; version++)
        for (int function = 0; function < FUNCTIONS; function++) {
            const char *priority = versions[version];
            int alert = function == NO_FUNCTION ? GNUTLS_A_UNKNOWN_CA : GNUTLS_A_ACCESS_DENIED;
            demand = REXT_DEMAND_REQUIRE;
            struct visit got = visit(function, files[5], files[6], priority);
            CHECK(!got.complete && !got.authenticated && got.alert == alert);
            got = visit(function, files[3], files[4], priority);
            CHECK(got.authenticated == (function == NO_FUNCTION) && got.complete == got.authenticated);
            demand = REXT_DEMAND_REQUEST;
            got = visit(function, files[5], files[6], priority);
            CHECK(got.complete == (function != NO_FUNCTION) && !got.authenticated);
            got = visit(function, files[3], files[4], priority);
            CHECK(got.complete && got.authenticated == (function == NO_FUNCTION));
        }
    puts("all passed");
    return 0;
}
