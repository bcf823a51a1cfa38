#include "client.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <openssl/err.h>

enum { TLS_FLAGS = 62, CERTIFICATE_REQUEST = 13, SERVER_HELLO = 2 };

void client_fail(const char *what) {
    fprintf(stderr, "client: %s\n", what);
    ERR_print_errors_fp(stderr);
    exit(2);
}

rext_offer client_offer(const char *name) {
    static const char *const names[] = {"none", "flag", "care", "both"};
    for (int i = 0; i < 4; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    client_fail("there is no such offer");
    return 0;
}

static int on_session(SSL *ssl, SSL_SESSION *session) {
    struct connection *connection = SSL_get_app_data(ssl);
    rext_ossl_client_note(ssl, session);
    SSL_SESSION_free(connection->session);
    connection->session = session;
    return 1;
}

static void on_info(const SSL *ssl, int where, int value) {
    struct connection *connection = SSL_get_app_data(ssl);
    if (connection != NULL && (where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT && value >> 8 == 2)
        connection->alert = value & 0xff;
}

static void on_message(int written, int version, int type, const void *message, size_t length,
                       SSL *ssl, void *argument) {
    static const unsigned char RETRY[] = {0xcf, 0x21, 0xad, 0x74};
    struct connection *connection = SSL_get_app_data(ssl);
    const unsigned char *bytes = message;
    (void)version, (void)argument;
    if (written || type != SSL3_RT_HANDSHAKE || length < 4 || connection == NULL)
        return;
    if (bytes[0] == CERTIFICATE_REQUEST)
        connection->requests++;
    if (bytes[0] == SERVER_HELLO && length > 10 && memcmp(bytes + 6, RETRY, sizeof RETRY) == 0)
        connection->retried = 1;
}

static int add_flags(SSL *ssl, unsigned type, unsigned context, const unsigned char **out,
                     size_t *length, X509 *certificate, size_t index, int *alert, void *argument) {
    const char *digits = argument;
    (void)ssl, (void)type, (void)context, (void)certificate, (void)index, (void)alert;
    *length = strlen(digits) / 2;
    unsigned char *body = OPENSSL_malloc(*length + 1);
    for (size_t i = 0; body != NULL && i < *length; i++) {
        unsigned byte;
        if (sscanf(digits + 2 * i, "%2x", &byte) != 1)
            client_fail("the flags are not in hexadecimal digits");
        body[i] = (unsigned char)byte;
    }
    *out = body;
    return body != NULL ? 1 : -1;
}

static void free_flags(SSL *ssl, unsigned type, unsigned context, const unsigned char *out,
                       void *argument) {
    (void)ssl, (void)type, (void)context, (void)argument;
    OPENSSL_free((void *)out);
}

static int ignore(SSL *ssl, unsigned type, unsigned context, const unsigned char *in, size_t length,
                  X509 *certificate, size_t index, int *alert, void *argument) {
    (void)ssl, (void)type, (void)context, (void)in, (void)length;
    (void)certificate, (void)index, (void)alert, (void)argument;
    return 1;
}

SSL_CTX *client_new(const struct behaviour *behaviour, const char *authorities) {
    SSL_CTX *client = SSL_CTX_new(TLS_client_method());
    rext_ossl_client_config config = {.offer = behaviour->offer, .certificate_under_tls12 = 1,
                                     .resume_unauthenticated = 1};
    int version = behaviour->version;
    if (client == NULL || !SSL_CTX_load_verify_file(client, authorities) ||
        !SSL_CTX_set_min_proto_version(client, version ? version : TLS1_2_VERSION) ||
        !SSL_CTX_set_max_proto_version(client, version ? version : TLS1_3_VERSION))
        client_fail("cannot set up a client");
    if (behaviour->certificate != NULL &&
        (SSL_CTX_use_certificate_chain_file(client, behaviour->certificate) != 1 ||
         SSL_CTX_use_PrivateKey_file(client, behaviour->key, SSL_FILETYPE_PEM) != 1))
        client_fail("cannot load the certificate");
    if (behaviour->groups != NULL && SSL_CTX_set1_groups_list(client, behaviour->groups) != 1)
        client_fail("there is no such group");
    SSL_CTX_set_post_handshake_auth(client, behaviour->after_handshake);
    SSL_CTX_set_verify(client, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(client, SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_session_cache_mode(client, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(client, on_session);
    SSL_CTX_set_info_callback(client, on_info);
    SSL_CTX_set_msg_callback(client, on_message);
    /* The hosted mode keeps renegotiation, which verification by directory takes under TLS 1.2. */
    if (behaviour->flags != NULL
            ? !SSL_CTX_add_custom_ext(client, TLS_FLAGS,
                                      SSL_EXT_CLIENT_HELLO | SSL_EXT_TLS1_3_CERTIFICATE_REQUEST,
                                      add_flags, free_flags, (void *)behaviour->flags, ignore, NULL)
            : !rext_ossl_client_hosted(client, &config))
        client_fail("cannot set up the offer");
    return client;
}

static int open_socket(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    const struct timeval patience = {60, 0};
    int socket_ = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(socket_, (const struct sockaddr *)&address, sizeof address) != 0) {
        close(socket_);
        return -1;
    }
    return socket_;
}

int client_connect(SSL_CTX *client, struct connection *connection) {
    int socket_ = open_socket(connection->port);
    connection->alert = -1;
    connection->ssl = SSL_new(client);
    if (socket_ < 0 || connection->ssl == NULL)
        return 0;
    SSL_set_app_data(connection->ssl, connection);
    BIO *bio = BIO_new_socket(socket_, BIO_CLOSE);
    SSL_set_bio(connection->ssl, bio, bio);
    if (connection->name != NULL) {
        SSL_set_tlsext_host_name(connection->ssl, connection->name);
        SSL_set1_host(connection->ssl, connection->name);
    }
    if (connection->resume != NULL)
        SSL_set_session(connection->ssl, connection->resume);
    ERR_clear_error();
    int good = SSL_connect(connection->ssl) == 1;
    rext_ossl_client_outcome_of(connection->ssl, &connection->outcome);
    return good;
}

/* Reads a response of HTTP/1.1 with Content-Length into a string. */
static int receive(SSL *ssl, char *text, size_t room) {
    size_t length = 0;
    for (;;) {
        text[length] = '\0';
        const char *end = strstr(text, "\r\n\r\n");
        const char *field = strcasestr(text, "\r\nContent-Length:");
        if (end != NULL && field != NULL && field < end &&
            length >= (size_t)(end + 4 - text) + strtoul(field + 17, NULL, 10))
            return 1;
        int count = length + 1 < room ? SSL_read(ssl, text + length, (int)(room - length - 1)) : 0;
        if (count <= 0)
            return 0;
        length += (size_t)count;
    }
}

int client_get(struct connection *connection, const char *host, const char *path,
               struct response *response) {
    static const char FIELD[] = "\r\nX-Result: ";
    char text[16384];
    memset(response, 0, sizeof *response);
    int length = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, host);
    ERR_clear_error();
    int good = SSL_write(connection->ssl, text, length) > 0;
    /* The server may have refused before: its alert is there to read. */
    if (!receive(connection->ssl, text, sizeof text) || !good)
        return 0;
    rext_ossl_client_outcome_of(connection->ssl, &connection->outcome);
    if (sscanf(text, "HTTP/1.1 %d", &response->code) != 1)
        return 0;
    const char *field = strstr(text, FIELD);
    if (field != NULL) {
        field += sizeof FIELD - 1;
        snprintf(response->result, sizeof response->result, "%.*s", (int)strcspn(field, "\r"),
                 field);
    }
    snprintf(response->body, sizeof response->body, "%s", strstr(text, "\r\n\r\n") + 4);
    return 1;
}

void client_close(struct connection *connection) {
    if (connection->ssl != NULL) {
        SSL_shutdown(connection->ssl);
        SSL_free(connection->ssl);
    }
    connection->ssl = NULL;
}
