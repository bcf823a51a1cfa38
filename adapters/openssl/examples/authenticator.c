/* Exported authenticators over a connection, step by step: see --help. */
#include "common.h"

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
    "usage: rext-openssl-authenticator --connect HOST:PORT|--listen HOST:PORT --ca FILE\n"
    "       [OPTION...] STEP...\n"
    "Makes one connection, and then these steps in order. Each message is application data, after\n"
    "its length in four bytes. Prints a line of JSON for each step. Exits with 1 if one fails.\n"
    "\n"
    "  request    send a request for the peer's certificate\n"
    "  answer     read a request, and answer with the identity, or with an empty authenticator if\n"
    "             the identity does not fit, or there is none\n"
    "  validate   read the answer to the last request, and validate it\n"
    "\n"
    "  --listen HOST:PORT  be the server; port 0 is a free one\n"
    "  --connect HOST:PORT be the client; the server's name is localhost\n"
    "  --cert FILE, --key FILE   the server's certificate chain and key for TLS, in PEM\n"
    "  --identity FILE     certificate chain and key for authenticators, in PEM\n"
    "  --ca FILE           the authorities of accepted certificates, in PEM\n"
    "  --name-authorities  requests have certificate_authorities, the names of these\n"
    "  --scheme N          requests have this signature scheme; may be given more than once\n"
    "  --suites LIST       cipher suites of TLS 1.3\n"
    "  --ciphers LIST      cipher suites of TLS 1.2\n"
    "  --no-ems            no extended master secret under TLS 1.2\n" COMMON_HELP;

enum {
    LISTEN = OWN, CONNECT, CERT, KEY, IDENTITY, CA, NAME_AUTHORITIES, SCHEME, SUITES, CIPHERS, NO_EMS,
    HELP_ME
};

/* The identity for authenticators. */
static X509 *certificate;
static STACK_OF(X509) *chain;
static EVP_PKEY *key;

static void load_for_authenticators(const char *path) {
    FILE *file = fopen(path, "r");
    X509 *one;
    if (file == NULL || (chain = sk_X509_new_null()) == NULL)
        fail("--identity", path);
    key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    rewind(file);
    while ((one = PEM_read_X509(file, NULL, NULL, NULL)) != NULL) {
        if (certificate == NULL)
            certificate = one;
        else if (!sk_X509_push(chain, one))
            fail("there is not enough memory", "");
    }
    fclose(file);
    ERR_clear_error();
    if (certificate == NULL || key == NULL)
        fail("--identity: not a certificate chain and a key in PEM", path);
}

static int send_message(SSL *ssl, const uint8_t *data, size_t length) {
    uint8_t head[4] = {(uint8_t)(length >> 24), (uint8_t)(length >> 16), (uint8_t)(length >> 8),
                       (uint8_t)length};
    size_t sent;
    return SSL_write_ex(ssl, head, sizeof head, &sent) && SSL_write_ex(ssl, data, length, &sent);
}

static int read_all(SSL *ssl, uint8_t *to, size_t length) {
    size_t got;
    for (; length > 0; to += got, length -= got)
        if (!SSL_read_ex(ssl, to, length, &got))
            return 0;
    return 1;
}

/* At most 1 MiB. */
static int read_message(SSL *ssl, rext_bytes *message, uint8_t **memory) {
    uint8_t head[4];
    *memory = NULL;
    if (!read_all(ssl, head, sizeof head) || head[0] != 0 || head[1] >= 0x10)
        return 0;
    size_t length = (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
    *memory = malloc(length + 1);
    message->data = *memory;
    message->length = length;
    return *memory != NULL && read_all(ssl, *memory, length);
}

/* The settings of requests. */
static uint16_t schemes[16];
static size_t scheme_count;
static STACK_OF(X509_NAME) *authorities;
static X509_STORE *store;
static rext_ossl_message asked;

static void put_outcome(struct line *line, rext_proof proof) {
    put_text(line, "proof",
             proof == REXT_PROOF_POSSESSION ? "possession"
             : proof == REXT_PROOF_DECLINED ? "declined"
                                            : NULL);
}

static int request(SSL *ssl, rext_ossl_authenticators *authenticators) {
    rext_ossl_message_clear(&asked);
    return rext_ossl_authenticator_request(authenticators, scheme_count > 0 ? schemes : NULL,
                                           scheme_count, authorities, &asked) &&
           send_message(ssl, asked.data, asked.length);
}

static int answer(SSL *ssl, rext_ossl_authenticators *authenticators, struct line *line) {
    rext_bytes received;
    uint8_t *memory;
    rext_ossl_message message = {NULL, 0};
    rext_proof proof = 0;
    if (read_message(ssl, &received, &memory)) {
        if (certificate != NULL)
            proof = rext_ossl_authenticator_answer(authenticators, &received, certificate, chain, key,
                                                   &message);
        else if (rext_ossl_authenticator_decline(authenticators, &received, &message))
            proof = REXT_PROOF_DECLINED;
    }
    int good = proof > 0 && send_message(ssl, message.data, message.length);
    put_outcome(line, proof);
    rext_ossl_message_clear(&message);
    free(memory);
    return good;
}

static int validate(SSL *ssl, rext_ossl_authenticators *authenticators, struct line *line) {
    rext_bytes sent = {asked.data, asked.length}, received;
    uint8_t *memory;
    rext_ossl_proof proof = {0};
    int purpose = SSL_is_server(ssl) ? X509_PURPOSE_SSL_CLIENT : X509_PURPOSE_SSL_SERVER;
    int good = read_message(ssl, &received, &memory) &&
               rext_ossl_authenticator_validate(authenticators, &sent, &received, store, purpose,
                                                &proof);
    put_outcome(line, proof.proof);
    if (proof.proof == REXT_PROOF_POSSESSION) {
        char subject[256] = "";
        BIO *text = BIO_new(BIO_s_mem());
        X509_NAME *name = X509_get_subject_name(sk_X509_value(proof.certificates, 0));
        X509_NAME_print_ex(text, name, 0, XN_FLAG_RFC2253);
        BIO_read(text, subject, sizeof subject - 1);
        BIO_free(text);
        put_text(line, "subject", subject);
        put_number(line, "scheme", proof.scheme);
        put_flag(line, "verified", proof.chain != NULL);
        put_text(line, "verify_error",
                 proof.chain != NULL ? NULL : X509_verify_cert_error_string(proof.verify_error));
    }
    rext_ossl_proof_clear(&proof);
    free(memory);
    return good;
}

static int step(const char *name, SSL *ssl, rext_ossl_authenticators *authenticators,
                const struct watch *watch) {
    struct line line = {.length = 0};
    char error[256] = "";
    int good = 0;
    put_text(&line, "step", name);
    if (strcmp(name, "request") == 0)
        good = request(ssl, authenticators);
    else if (strcmp(name, "answer") == 0)
        good = answer(ssl, authenticators, &line);
    else
        good = validate(ssl, authenticators, &line);
    if (!good) {
        first_error(error, sizeof error);
        if (error[0] == '\0')
            strcpy(error, "the peer ended the connection");
    }
    put_end(&line, watch, error, stdout);
    return good;
}

static int open_socket(char *text, int server) {
    struct addrinfo hints = {.ai_flags = server ? AI_PASSIVE : 0, .ai_socktype = SOCK_STREAM}, *found;
    const struct timeval patience = {20, 0};
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    char *host, *port, here[64], chosen[16];
    int socket_, listener;
    host_and_port(text, &host, &port);
    if (getaddrinfo(host, port, &hints, &found) != 0)
        fail("there is no such address", host);
    socket_ = socket(found->ai_family, found->ai_socktype, 0);
    if (server) {
        listener = socket_;
        if (bind(listener, found->ai_addr, found->ai_addrlen) != 0 || listen(listener, 1) != 0)
            fail("--listen: cannot listen there", host);
        getsockname(listener, (struct sockaddr *)&address, &length);
        getnameinfo((struct sockaddr *)&address, length, here, sizeof here, chosen, sizeof chosen,
                    NI_NUMERICHOST | NI_NUMERICSERV);
        printf("listening on %s:%s\n", here, chosen);
        fflush(stdout);
        socket_ = accept(listener, NULL, NULL);
        close(listener);
    } else if (connect(socket_, found->ai_addr, found->ai_addrlen) != 0)
        fail("--connect: cannot connect", host);
    freeaddrinfo(found);
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    return socket_;
}

int main(int argc, char **argv) {
    static const struct option options[] = {
        COMMON_OPTIONS,
        {"listen", required_argument, NULL, LISTEN},
        {"connect", required_argument, NULL, CONNECT},
        {"cert", required_argument, NULL, CERT},
        {"key", required_argument, NULL, KEY},
        {"identity", required_argument, NULL, IDENTITY},
        {"ca", required_argument, NULL, CA},
        {"name-authorities", no_argument, NULL, NAME_AUTHORITIES},
        {"scheme", required_argument, NULL, SCHEME},
        {"suites", required_argument, NULL, SUITES},
        {"ciphers", required_argument, NULL, CIPHERS},
        {"no-ems", no_argument, NULL, NO_EMS},
        {"help", no_argument, NULL, HELP_ME},
        {NULL, 0, NULL, 0},
    };
    char *at = NULL;
    const char *tls_certificate = NULL, *tls_key = NULL, *ca = NULL;
    int server = 0, names = 0, option;
    rext_code_points numbers;
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    if (ctx == NULL || rext_code_points_default(&numbers) != REXT_OK)
        fail("cannot begin", "");
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case LISTEN: at = optarg; server = 1; break;
        case CONNECT: at = optarg; break;
        case CERT: tls_certificate = optarg; break;
        case KEY: tls_key = optarg; break;
        case IDENTITY: load_for_authenticators(optarg); break;
        case CA: ca = optarg; break;
        case NAME_AUTHORITIES: names = 1; break;
        case SCHEME:
            if (scheme_count == sizeof schemes / sizeof *schemes)
                fail("--scheme", "too many");
            schemes[scheme_count++] = (uint16_t)number("--scheme", optarg, 65535);
            break;
        case SUITES:
            if (!SSL_CTX_set_ciphersuites(ctx, optarg))
                fail("--suites", optarg);
            break;
        case CIPHERS:
            if (!SSL_CTX_set_cipher_list(ctx, optarg))
                fail("--ciphers", optarg);
            break;
        case NO_EMS: SSL_CTX_set_options(ctx, SSL_OP_NO_EXTENDED_MASTER_SECRET); break;
        case HELP_ME: fputs(HELP, stdout); return 0;
        default:
            if (!common_option(option, optarg, ctx, &numbers))
                return 2; /* getopt has said what is wrong */
        }
    }
    if (at == NULL || ca == NULL || (server && (tls_certificate == NULL || tls_key == NULL)))
        fail("--connect or --listen, --ca, and for a server --cert and --key are needed",
             "see --help");
    for (int i = optind; i < argc; i++)
        if (strcmp(argv[i], "request") != 0 && strcmp(argv[i], "answer") != 0 &&
            strcmp(argv[i], "validate") != 0)
            fail("there is no such step", argv[i]);
    if (!SSL_CTX_load_verify_file(ctx, ca))
        fail("--ca: not a file with certificates in PEM", ca);
    store = SSL_CTX_get_cert_store(ctx);
    if (names)
        authorities = SSL_load_client_CA_file(ca);
    if (server)
        load_identity(ctx, tls_certificate, tls_key);
    else
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    signal(SIGPIPE, SIG_IGN);

    struct watch watch;
    char error[256] = "";
    int socket_ = open_socket(at, server), good = 0;
    SSL *ssl = SSL_new(ctx);
    if (ssl == NULL || !SSL_set_fd(ssl, socket_) ||
        (!server && (!SSL_set_tlsext_host_name(ssl, "localhost") || !SSL_set1_host(ssl, "localhost"))))
        fail("cannot make a connection", "");
    watch_over(ssl, &watch);
    rext_ossl_authenticators *authenticators = NULL;
    if ((server ? SSL_accept(ssl) : SSL_connect(ssl)) == 1)
        authenticators = rext_ossl_authenticators_new(ssl);
    if (authenticators != NULL) {
        good = 1;
        for (int i = optind; i < argc && good; i++)
            good = step(argv[i], ssl, authenticators, &watch);
        if (good)
            SSL_shutdown(ssl);
    } else {
        struct line line = {.length = 0};
        first_error(error, sizeof error);
        put_text(&line, "step", "connection");
        put_end(&line, &watch, error, stdout);
    }
    rext_ossl_authenticators_free(authenticators);
    rext_ossl_message_clear(&asked);
    SSL_free(ssl);
    close_gently(socket_);
    sk_X509_NAME_pop_free(authorities, X509_NAME_free);
    sk_X509_pop_free(chain, X509_free);
    X509_free(certificate);
    EVP_PKEY_free(key);
    SSL_CTX_free(ctx);
    return good ? 0 : 1;
}
