/* A client of HTTP/1.1 that offers to authenticate: see --help. */
#include "common.h"

#include <fcntl.h>
#include <getopt.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>

static const char HELP[] =
    "usage: rext-openssl-client --connect HOST:PORT --ca FILE [OPTION...]\n"
    "Sends a GET request by HTTP/1.1. The body goes to standard output; the result of\n"
    "the connection goes to standard error, as a line of JSON. Exits with 1 if there is no\n"
    "response.\n"
    "\n"
    "  --connect HOST:PORT the server\n"
    "  --name NAME         the server's name, if it is not that host\n"
    "  --ca FILE           the authorities of accepted server certificates, in PEM\n"
    "  --cert FILE         the client's certificate chain, in PEM, its own certificate first\n"
    "  --key FILE          the key of that certificate, in PEM\n"
    "  --offer flag|care|both|none   how to offer to authenticate; the default is none\n"
    "  --origin URI        also hint at this origin of the certificate; may be given several times\n"
    "  --certificate-in-clear   send the certificate under TLS 1.2, too, even after an offer\n"
    "  --session FILE      resume the session in the file, if there is one, and store the new one\n"
    "  --resume-unauthenticated   also a session without a certificate, even after an offer\n"
    "  --path PATH         the path to request; the default is /\n" COMMON_HELP;

enum {
    CONNECT = OWN, NAME, CA, CERT, KEY, OFFER, ORIGIN, IN_CLEAR, SESSION, UNAUTHENTICATED, PATH, HELP_ME
};

static SSL_SESSION *latest;

static int on_session(SSL *ssl, SSL_SESSION *session) {
    if (!rext_ossl_client_note(ssl, session))
        return 0;
    SSL_SESSION_free(latest);
    latest = session;
    return 1; /* it is ours now */
}

static rext_offer offer_of(const char *name) {
    for (rext_offer offer = 0; offer < 4; offer++)
        if (strcmp(name, offer_name(offer)) == 0)
            return offer;
    fail("--offer: there is no such offer", name);
    return REXT_OFFER_NONE;
}

static SSL_SESSION *load(const char *path) {
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return NULL; /* there is none yet */
    SSL_SESSION *session = PEM_read_SSL_SESSION(file, NULL, NULL, NULL);
    fclose(file);
    if (session == NULL)
        fail("--session: not a session in PEM", path);
    return session;
}

/* It holds secrets, so that nobody else may read it. */
static void store(const char *path, SSL_SESSION *session) {
    int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    FILE *file = descriptor >= 0 ? fdopen(descriptor, "w") : NULL;
    if (file == NULL || !PEM_write_SSL_SESSION(file, session) || fclose(file) != 0)
        fail("--session: cannot write it", path);
}

static int connect_to(const char *host, const char *port) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    const struct timeval patience = {10, 0};
    int socket_ = -1;
    if (getaddrinfo(host, port, &hints, &found) != 0)
        fail("--connect: there is no such host", host);
    for (struct addrinfo *at = found; at != NULL && socket_ < 0; at = at->ai_next) {
        socket_ = socket(at->ai_family, at->ai_socktype, 0);
        if (socket_ >= 0 && connect(socket_, at->ai_addr, at->ai_addrlen) != 0) {
            close(socket_);
            socket_ = -1;
        }
    }
    freeaddrinfo(found);
    if (socket_ < 0) {
        fprintf(stderr, "error: cannot connect to %s:%s\n", host, port);
        exit(1);
    }
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    return socket_;
}

/* Sends a request, and prints the body of the answer; whether it is 200. What a server that refuses
 * says last is read even if the request cannot be sent. */
static int get(SSL *ssl, const char *host, const char *path, char *error, size_t size) {
    char text[16384], *body;
    size_t length = 0, got = 0;
    int bytes = snprintf(text, sizeof text,
                          "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", path, host);
    if (bytes < 0 || (size_t)bytes >= sizeof text)
        fail("--path", "too long");
    SSL_write_ex(ssl, text, (size_t)bytes, &got);
    ERR_clear_error();
    while (length < sizeof text - 1 &&
           SSL_read_ex(ssl, text + length, sizeof text - 1 - length, &got))
        length += got;
    text[length] = '\0';
    first_error(error, size);
    body = strstr(text, "\r\n\r\n");
    if (body != NULL)
        fputs(body + 4, stdout);
    if (error[0] == '\0' && (body == NULL || strncmp(text, "HTTP/1.1 200 ", 13) != 0))
        snprintf(error, size, "%s", body == NULL ? "no answer" : "not 200");
    return error[0] == '\0';
}

static void report(SSL *ssl, const struct watch *watch, int offered, const char *error) {
    static const char *const statuses[] = {"not-offered", "offered", "acknowledged",
                                           "asked-without-acknowledgement"};
    rext_ossl_client_outcome outcome;
    struct line line = {.length = 0};
    rext_ossl_client_outcome_of(ssl, &outcome);
    put_text(&line, "version", SSL_get_version(ssl));
    put_text(&line, "offer", offer_name(outcome.offer));
    put_text(&line, "status", statuses[outcome.status]);
    put_flag(&line, "acknowledged", outcome.status == REXT_CLIENT_ACKNOWLEDGED);
    put_flag(&line, "echoed", outcome.echoed);
    put_flag(&line, "authenticated", outcome.authenticated);
    put_flag(&line, "session_offered", offered);
    put_flag(&line, "resumed", outcome.resumed);
    put_end(&line, watch, error, stderr);
}

int main(int argc, char **argv) {
    static const struct option options[] = {
        COMMON_OPTIONS,
        {"connect", required_argument, NULL, CONNECT},
        {"name", required_argument, NULL, NAME},
        {"ca", required_argument, NULL, CA},
        {"cert", required_argument, NULL, CERT},
        {"key", required_argument, NULL, KEY},
        {"offer", required_argument, NULL, OFFER},
        {"origin", required_argument, NULL, ORIGIN},
        {"certificate-in-clear", no_argument, NULL, IN_CLEAR},
        {"session", required_argument, NULL, SESSION},
        {"resume-unauthenticated", no_argument, NULL, UNAUTHENTICATED},
        {"path", required_argument, NULL, PATH},
        {"help", no_argument, NULL, HELP_ME},
        {NULL, 0, NULL, 0},
    };
    char *at = NULL, *host, *port;
    const char *name = NULL, *authorities = NULL, *certificate = NULL, *key = NULL;
    const char *session_file = NULL, *path = "/";
    rext_code_points numbers;
    /* One more than allowed, so that the adapter refuses it. */
    const char *origins[REXT_MAX_ORIGINS + 1];
    rext_ossl_client_config config = {.origins = origins};
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    int option;
    if (ctx == NULL || rext_code_points_default(&numbers) != REXT_OK)
        fail("cannot begin", "");
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case CONNECT: at = optarg; break;
        case NAME: name = optarg; break;
        case CA: authorities = optarg; break;
        case CERT: certificate = optarg; break;
        case KEY: key = optarg; break;
        case OFFER: config.offer = offer_of(optarg); break;
        case ORIGIN:
            if (config.origin_count == sizeof origins / sizeof *origins)
                fail("--origin", "too many");
            origins[config.origin_count++] = optarg;
            break;
        case IN_CLEAR: config.certificate_under_tls12 = 1; break;
        case SESSION: session_file = optarg; break;
        case UNAUTHENTICATED: config.resume_unauthenticated = 1; break;
        case PATH: path = optarg; break;
        case HELP_ME: fputs(HELP, stdout); return 0;
        default:
            if (!common_option(option, optarg, ctx, &numbers))
                return 2; /* getopt has said what is wrong */
        }
    }
    if (at == NULL || authorities == NULL || optind < argc || !certificate != !key)
        fail("--connect and --ca are needed, --cert and --key go together", "see --help");
    host_and_port(at, &host, &port);
    name = name != NULL ? name : host;
    if (!SSL_CTX_load_verify_file(ctx, authorities))
        fail("--ca: not a file with certificates in PEM", authorities);
    if (certificate != NULL)
        load_identity(ctx, certificate, key);
    config.numbers = &numbers;
    if (!rext_ossl_client(ctx, &config))
        fail("cannot set up the client", "");
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, on_session);
    signal(SIGPIPE, SIG_IGN);

    struct watch watch;
    char error[256] = "";
    SSL *ssl = SSL_new(ctx);
    SSL_SESSION *session = session_file != NULL ? load(session_file) : NULL;
    if (ssl == NULL || !SSL_set_tlsext_host_name(ssl, name) || !SSL_set1_host(ssl, name))
        fail("--name", name);
    int offered = session != NULL && rext_ossl_client_resume(ssl, session);
    watch_over(ssl, &watch);
    int socket_ = connect_to(host, port);
    if (!SSL_set_fd(ssl, socket_))
        fail("cannot make a connection", "");
    int good = 0;
    if (SSL_connect(ssl) == 1) {
        good = get(ssl, name, path, error, sizeof error);
        if (good)
            SSL_shutdown(ssl);
    } else {
        first_error(error, sizeof error);
        if (error[0] == '\0')
            strcpy(error, "the connection ended within the handshake");
    }
    report(ssl, &watch, offered, error);
    if (good && session_file != NULL && latest != NULL)
        store(session_file, latest);
    SSL_SESSION_free(session);
    SSL_SESSION_free(latest);
    SSL_free(ssl);
    close_gently(socket_);
    SSL_CTX_free(ctx);
    return good ? 0 : 1;
}
