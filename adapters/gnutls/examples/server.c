/* An HTTP/1.1 server on GnuTLS that requests certificates from clients that offer. It prints
 * `listening on 127.0.0.1:PORT`, and then a line of JSON for each connection, which is also the
 * body of its response. */
#include <rext_gnutls.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gnutls/x509.h>

static const char USAGE[] = "error: usage: rext-gnutls-server --cert FILE --key FILE --client-ca FILE "
                            "--ask nobody|offered|require-offered [--tls12] [--retry]\n";

static gnutls_certificate_credentials_t visitors, clients;
static gnutls_priority_t priorities;
static gnutls_datum_t ticket_key;
static rext_demand demand_of_offering = REXT_DEMAND_NONE;
static rext_version_number highest = REXT_TLS13;

static int policy(gnutls_session_t session, const rext_hello *hello, rext_offer offer,
                  rext_gnutls_decision *decision, void *argument) {
    (void)session, (void)hello, (void)argument;
    if (offer != REXT_OFFER_NONE) {
        decision->demand = demand_of_offering;
        decision->scope = clients;
    }
    return 0;
}

static void fail(const char *what, int error) {
    fprintf(stderr, "error: %s: %s\n", what, gnutls_strerror(error));
    exit(2);
}

static gnutls_certificate_credentials_t credentials(const char *cert, const char *key) {
    gnutls_certificate_credentials_t made;
    int error = gnutls_certificate_allocate_credentials(&made);
    if (error >= 0)
        error = gnutls_certificate_set_x509_key_file(made, cert, key, GNUTLS_X509_FMT_PEM);
    if (error < 0)
        fail("--cert, --key", error);
    return made;
}

/* The subject of a certificate, with `?` for each byte that would need an escape in JSON. */
static void subject_of(const gnutls_datum_t *der, char *text, size_t size) {
    gnutls_x509_crt_t certificate;
    gnutls_datum_t name = {NULL, 0};
    if (gnutls_x509_crt_init(&certificate) < 0)
        return;
    if (gnutls_x509_crt_import(certificate, der, GNUTLS_X509_FMT_DER) >= 0 &&
        gnutls_x509_crt_get_dn3(certificate, &name, 0) >= 0) {
        size_t length = 0;
        for (unsigned i = 0; i < name.size && length + 1 < size; i++) {
            unsigned char byte = name.data[i];
            text[length++] = byte < 0x20 || byte > 0x7e || byte == '"' || byte == '\\' ? '?' : (char)byte;
        }
        text[length] = '\0';
        gnutls_free(name.data);
    }
    gnutls_x509_crt_deinit(certificate);
}

static void describe(const rext_gnutls_connection *connection, gnutls_session_t session, char *line,
                     size_t size) {
    static const char *const offers[] = {"none", "flag", "care", "both"};
    static const char *const demands[] = {"none", "request", "require"};
    unsigned length;
    char subject[256] = "", quoted[260] = "null";
    const gnutls_datum_t *chain = rext_gnutls_identity(connection, session, clients, &length);
    if (chain != NULL) {
        subject_of(chain, subject, sizeof subject);
        snprintf(quoted, sizeof quoted, "\"%s\"", subject);
    }
    snprintf(line, size,
             "{\"tls_version\":\"%s\",\"resumed\":%s,\"offer\":\"%s\",\"decision\":\"%s\","
             "\"verified_subject\":%s,\"acknowledged\":false}\n",
             gnutls_protocol_get_version(session) == GNUTLS_TLS1_3 ? "TLSv1.3" : "TLSv1.2",
             gnutls_session_is_resumed(session) ? "true" : "false",
             offers[rext_gnutls_offer(connection) & 3], demands[connection->decision.demand], quoted);
}

static int answer(gnutls_session_t session, const char *body) {
    char head[8192], response[1024];
    size_t length = 0;
    for (;;) {
        ssize_t got;
        if (length == sizeof head - 1)
            return 0;
        got = gnutls_record_recv(session, head + length, sizeof head - 1 - length);
        if (got == GNUTLS_E_INTERRUPTED)
            continue;
        if (got <= 0)
            return 0;
        head[length += (size_t)got] = '\0';
        if (strstr(head, "\r\n\r\n") != NULL)
            break;
    }
    int bytes = snprintf(response, sizeof response,
                          "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
                          "Content-Length: %zu\r\n\r\n%s", strlen(body), body);
    return gnutls_record_send(session, response, (size_t)bytes) == bytes;
}

static void *serve(void *argument) {
    int socket_ = *(int *)argument, error;
    rext_gnutls_connection connection;
    const rext_gnutls_config config = {NULL, highest, &ticket_key, policy, NULL};
    gnutls_session_t session;
    char line[768], bytes[4096];
    free(argument);
    if (gnutls_init(&session, GNUTLS_SERVER) < 0 ||
        gnutls_priority_set(session, priorities) < 0 ||
        gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, visitors) < 0 ||
        rext_gnutls_begin(&connection, session, &config) < 0)
        fail("cannot set up a connection", GNUTLS_E_MEMORY_ERROR);
    gnutls_transport_set_int(session, socket_);
    gnutls_handshake_set_timeout(session, 10000);
    gnutls_record_set_timeout(session, 10000);
    do
        error = gnutls_handshake(session);
    while (error < 0 && !gnutls_error_is_fatal(error));
    if (error < 0) {
        const char *why = connection.fault.status != REXT_OK ? connection.fault.message : "";
        rext_gnutls_alert(&connection, session, error);
        snprintf(line, sizeof line, "{\"error\":\"%s%s%s\"}\n", gnutls_strerror(error),
                 why[0] != '\0' ? ": " : "", why);
        fputs(line, stdout);
    } else {
        describe(&connection, session, line, sizeof line);
        fputs(line, stdout);
        answer(session, line);
        gnutls_bye(session, GNUTLS_SHUT_WR);
    }
    fflush(stdout);
    gnutls_deinit(session);
    rext_gnutls_end(&connection);
    /* Read the rest first: closing with unread data could reset the connection before the alert or
     * the response arrives. */
    shutdown(socket_, SHUT_WR);
    while (read(socket_, bytes, sizeof bytes) > 0)
        ;
    close(socket_);
    return NULL;
}

static const char *value_of(int argc, char **argv, const char *name) {
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return argv[i + 1];
    fputs(USAGE, stderr);
    exit(2);
}

static int has(int argc, char **argv, const char *name) {
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return 1;
    return 0;
}

int main(int argc, char **argv) {
    const char *cert = value_of(argc, argv, "--cert"), *key = value_of(argc, argv, "--key");
    const char *ask = value_of(argc, argv, "--ask");
    char priority[128] = "NORMAL";
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    int error;
    if (strcmp(ask, "offered") == 0)
        demand_of_offering = REXT_DEMAND_REQUEST;
    else if (strcmp(ask, "require-offered") == 0)
        demand_of_offering = REXT_DEMAND_REQUIRE;
    visitors = credentials(cert, key);
    clients = credentials(cert, key);
    error = gnutls_certificate_set_x509_trust_file(clients, value_of(argc, argv, "--client-ca"),
                                                   GNUTLS_X509_FMT_PEM);
    if (error < 0 || (error = rext_gnutls_scope(clients)) < 0)
        fail("--client-ca", error);
    if (has(argc, argv, "--tls12")) {
        highest = REXT_TLS12;
        strcat(priority, ":-VERS-ALL:+VERS-TLS1.2");
    }
    if (has(argc, argv, "--retry"))
        strcat(priority, ":-GROUP-ALL:+GROUP-SECP384R1");
    if ((error = gnutls_priority_init(&priorities, priority, NULL)) < 0 ||
        (error = gnutls_session_ticket_key_generate(&ticket_key)) < 0)
        fail("cannot set up priorities and ticket key", error);
    signal(SIGPIPE, SIG_IGN);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(listener, 64) != 0 || getsockname(listener, (struct sockaddr *)&address, &length) != 0)
        fail("cannot listen", GNUTLS_E_PUSH_ERROR);
    printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        int *socket_ = malloc(sizeof *socket_);
        pthread_t thread;
        if (socket_ == NULL || (*socket_ = accept(listener, NULL, NULL)) < 0 ||
            pthread_create(&thread, NULL, serve, socket_) != 0)
            fail("cannot accept a connection", GNUTLS_E_MEMORY_ERROR);
        pthread_detach(thread);
    }
}
