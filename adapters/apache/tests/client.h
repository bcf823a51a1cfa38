/* A client of HTTP/1.1 that shows each detail of client authentication, for tests of servers. */
#ifndef TESTS_CLIENT_H
#define TESTS_CLIENT_H

#include <stddef.h>

#include <rext_openssl.h>

/* How a client behaves on all of its connections. */
struct behaviour {
    rext_offer offer;
    /* Its certificate chain and key in PEM; NULL for none. */
    const char *certificate;
    const char *key;
    /* The only version that it speaks; 0 for TLS 1.2 and 1.3. */
    int version;
    /* Not 0 to answer requests for a certificate after the handshake (TLS 1.3). */
    int after_handshake;
    /* Its groups in the notation of SSL_set1_groups_list(), NULL for OpenSSL's. */
    const char *groups;
    /* The body of a tls_flags extension in hexadecimal digits in place of an offer, or NULL. */
    const char *flags;
};

/* A connection, and its outcome. */
struct connection {
    int port;
    /* The server name; NULL for none. */
    const char *name;
    /* A session to resume or NULL; and the last one that the server has sent, or NULL. */
    SSL_SESSION *resume;
    SSL_SESSION *session;
    /* How many CertificateRequests were received. */
    int requests;
    /* The alert that ended the connection, or -1. */
    int alert;
    /* Not 0 if a HelloRetryRequest was received. */
    int retried;
    rext_ossl_client_outcome outcome;
    SSL *ssl;
};

/* One response. */
struct response {
    /* Its status code; 0 if there was none. */
    int code;
    /* The value of its field X-Result. */
    char result[2048];
    char body[4096];
};

/* Makes a client, which trusts the authorities in a file. Exits if it cannot. */
SSL_CTX *client_new(const struct behaviour *behaviour, const char *authorities);

/* Connects and shakes hands. Returns 1; or 0 if the server refused, and then alert says how. */
int client_connect(SSL_CTX *client, struct connection *connection);

/* Sends a request and reads the response. Returns 1 or 0. */
int client_get(struct connection *connection, const char *host, const char *path,
               struct response *response);

/* Ends a connection. Its session is the caller's. */
void client_close(struct connection *connection);

/* The number of an offer by its name; exits if there is none. */
rext_offer client_offer(const char *name);

/* Writes a line to standard error and exits with 2. */
void client_fail(const char *what);

#endif
