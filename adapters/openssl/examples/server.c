/* A server of HTTP/1.1 that asks for client certificates by name and offer: see --help. */
#include "host.h"
#include "rules.h"

#include <getopt.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

static const char HELP[] =
    "usage: rext-openssl-server --cert FILE --key FILE [OPTION...]\n"
    "Serves HTTP/1.1, and requests client certificates. Prints `listening on ADDR:PORT`, and\n"
    "then a line of JSON for each connection that ended.\n"
    "\n"
    "  --listen ADDR:PORT  the address; the default is 127.0.0.1:0, which takes any free port\n"
    "  --cert FILE         the server's certificate chain, in PEM, its own certificate first\n"
    "  --key FILE          the key of that certificate, in PEM\n"
    "  --ca [SCOPE=]FILE   authorities of accepted client certificates, in PEM, for a scope; the\n"
    "                      default is `clients`; may be given for several scopes\n"
    "  --demand [NAME=]WHAT[:SCOPE]   what to request from clients that send this server name; without\n"
    "                      NAME, from all others; the default scope is the first. WHAT is\n"
    "                        none               no certificate (the default)\n"
    "                        request            request one from every client\n"
    "                        require            require one from every client\n"
    "                        if-offered         request one from clients that offer\n"
    "                        require-if-offered require one from clients that offer\n"
    "  --origin [SCOPE=]URI   request a certificate in this scope from clients that hint at this\n"
    "                      origin, before --demand applies; certificates of the scope count only if\n"
    "                      they have it; may be given for several scopes; not with --hosted\n"
    "  --ticket-key FILE   80 bytes of key for tickets, to share them among servers\n"
    "  --hosted            as a module of a program that has an SSL_CTX for each scope, a server\n"
    "                      name callback that chooses one, and a store for sessions of its own\n"
    "  --no-tickets        sessions resume from the store of --hosted only\n"
    "  --count N           end after so many connections\n" COMMON_HELP;

enum { LISTEN = OWN, CERT, KEY, CA, DEMAND, ORIGIN, TICKET_KEY, HOSTED, NO_TICKETS, COUNT, HELP_ME };

static void load_ticket_key(SSL_CTX *ctx, const char *path) {
    unsigned char key[80];
    FILE *file = fopen(path, "rb");
    if (file == NULL || fread(key, 1, sizeof key, file) != sizeof key || fgetc(file) != EOF)
        fail("--ticket-key: not a file of 80 bytes", path);
    fclose(file);
    if (SSL_CTX_set_tlsext_ticket_keys(ctx, key, sizeof key) != 1)
        fail("--ticket-key", path);
}

/* Reads a request and answers it; 0 if there is none. */
static int answer(SSL *ssl, const char *who) {
    char head[8192], response[1024];
    size_t length = 0, got;
    for (;;) {
        if (length == sizeof head - 1 ||
            !SSL_read_ex(ssl, head + length, sizeof head - 1 - length, &got))
            return 0;
        head[length += got] = '\0';
        if (strstr(head, "\r\n\r\n") != NULL)
            break;
    }
    int good = strncmp(head, "GET ", 4) == 0;
    int bytes = snprintf(response, sizeof response,
                          "HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n"
                          "Connection: close\r\n\r\nhello %s\n",
                          good ? "200 OK" : "405 Method Not Allowed", strlen(who) + 7, who);
    return SSL_write_ex(ssl, response, (size_t)bytes, &got);
}

static void report(SSL *ssl, const struct watch *watch, const char *subject, const char *error) {
    static const char *const demands[] = {"none", "request", "require"};
    rext_ossl_server_outcome outcome;
    rext_list origins;
    struct line line = {.length = 0};
    rext_ossl_server_outcome_of(ssl, &outcome);
    put_text(&line, "version", SSL_get_version(ssl));
    if (watch->name_length > 0)
        put_bytes(&line, "server_name", watch->name, watch->name_length);
    else
        put_text(&line, "server_name", NULL);
    put_text(&line, "offer", offer_name(outcome.offer));
    if (rext_ossl_server_origins_of(ssl, &origins))
        put_list(&line, "origins", &origins);
    else
        put_text(&line, "origins", NULL);
    put_text(&line, "demand", demands[outcome.demand]);
    put_text(&line, "scope", outcome.scope != NULL ? rext_ossl_scope_name(outcome.scope) : NULL);
    put_flag(&line, "acknowledged", outcome.acknowledged);
    put_flag(&line, "authenticated", outcome.authenticated);
    put_number(&line, "authenticated_at", (long long)outcome.authenticated_at);
    put_text(&line, "subject", subject);
    put_flag(&line, "resumed", outcome.resumed);
    put_flag(&line, "retried", outcome.retried);
    put_end(&line, watch, error, stdout);
}

struct connection {
    SSL_CTX *ctx;
    int socket;
};

static void *serve(void *argument) {
    struct connection *connection = argument;
    const struct timeval patience = {10, 0};
    char error[256] = "", subject[256] = "";
    struct watch watch;
    rext_ossl_server_outcome outcome;
    SSL *ssl = SSL_new(connection->ctx);
    setsockopt(connection->socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(connection->socket, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (ssl == NULL || !SSL_set_fd(ssl, connection->socket))
        fail("cannot make a connection", "");
    watch_over(ssl, &watch);
    if (SSL_accept(ssl) == 1) {
        rext_ossl_server_outcome_of(ssl, &outcome);
        if (outcome.certificate != NULL) {
            BIO *text = BIO_new(BIO_s_mem());
            X509_NAME *name = X509_get_subject_name(outcome.certificate);
            X509_NAME_print_ex(text, name, 0, XN_FLAG_RFC2253);
            BIO_read(text, subject, sizeof subject - 1);
            BIO_free(text);
        }
        if (answer(ssl, subject[0] != '\0' ? subject : "nobody"))
            SSL_shutdown(ssl);
        else
            first_error(error, sizeof error);
    } else {
        first_error(error, sizeof error);
        if (error[0] == '\0')
            strcpy(error, "the connection ended within the handshake");
    }
    report(ssl, &watch, subject[0] != '\0' ? subject : NULL, error);
    SSL_free(ssl);
    close_gently(connection->socket);
    free(connection);
    return NULL;
}

static int listen_on(char *text) {
    struct addrinfo hints = {.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM}, *found;
    char *host, *port, here[64], chosen[16];
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    int on = 1;
    host_and_port(text, &host, &port);
    if (getaddrinfo(host, port, &hints, &found) != 0)
        fail("--listen: there is no such address", host);
    int socket_ = socket(found->ai_family, found->ai_socktype, 0);
    if (socket_ < 0 || setsockopt(socket_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(socket_, found->ai_addr, found->ai_addrlen) != 0 || listen(socket_, 64) != 0)
        fail("--listen: cannot listen there", host);
    freeaddrinfo(found);
    getsockname(socket_, (struct sockaddr *)&address, &length);
    getnameinfo((struct sockaddr *)&address, length, here, sizeof here, chosen, sizeof chosen,
                NI_NUMERICHOST | NI_NUMERICSERV);
    printf("listening on %s:%s\n", here, chosen);
    fflush(stdout);
    return socket_;
}

int main(int argc, char **argv) {
    static const struct option options[] = {
        COMMON_OPTIONS,
        {"listen", required_argument, NULL, LISTEN},
        {"cert", required_argument, NULL, CERT},
        {"key", required_argument, NULL, KEY},
        {"ca", required_argument, NULL, CA},
        {"demand", required_argument, NULL, DEMAND},
        {"origin", required_argument, NULL, ORIGIN},
        {"ticket-key", required_argument, NULL, TICKET_KEY},
        {"hosted", no_argument, NULL, HOSTED},
        {"no-tickets", no_argument, NULL, NO_TICKETS},
        {"count", required_argument, NULL, COUNT},
        {"help", no_argument, NULL, HELP_ME},
        {NULL, 0, NULL, 0},
    };
    char any[] = "127.0.0.1:0", *at = any;
    const char *certificate = NULL, *key = NULL;
    unsigned long count = 0;
    int hosted = 0;
    rext_code_points numbers;
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    int option;
    if (ctx == NULL || rext_code_points_default(&numbers) != REXT_OK)
        fail("cannot begin", "");
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case LISTEN: at = optarg; break;
        case CERT: certificate = optarg; break;
        case KEY: key = optarg; break;
        case CA: add_scope(optarg); break;
        case DEMAND: add_rule(optarg); break;
        case ORIGIN: add_origin(optarg); break;
        case TICKET_KEY: load_ticket_key(ctx, optarg); break;
        case HOSTED: hosted = 1; break;
        case NO_TICKETS: SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET); break;
        case COUNT: count = number("--count", optarg, 100000); break;
        case HELP_ME: fputs(HELP, stdout); return 0;
        default:
            if (!common_option(option, optarg, ctx, &numbers))
                return 2; /* getopt has said what is wrong */
        }
    }
    if (certificate == NULL || key == NULL || optind < argc)
        fail("--cert and --key are needed, and nothing but options", "see --help");
    load_identity(ctx, certificate, key);
    if (hosted) {
        host_set_up(ctx, certificate, key, &numbers);
    } else {
        find_scopes(own_scope);
        if (!rext_ossl_server(ctx, &numbers, policy, NULL))
            fail("cannot set up the server", "");
    }
    signal(SIGPIPE, SIG_IGN);
    int listener = listen_on(at);
    pthread_t *threads = count > 0 ? calloc(count, sizeof *threads) : NULL;
    for (unsigned long i = 0; count == 0 || i < count; i++) {
        struct connection *connection = malloc(sizeof *connection);
        pthread_t thread;
        if (connection == NULL || (count > 0 && threads == NULL))
            fail("there is not enough memory", "");
        connection->ctx = ctx;
        connection->socket = accept(listener, NULL, NULL);
        if (connection->socket < 0 || pthread_create(&thread, NULL, serve, connection) != 0)
            fail("cannot take a connection", "");
        if (threads != NULL)
            threads[i] = thread;
        else
            pthread_detach(thread);
    }
    for (unsigned long i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    free(threads);
    close(listener);
    host_free();
    SSL_CTX_free(ctx);
    free_scopes();
    return 0;
}
