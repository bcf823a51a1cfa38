/* What the programs of these tests have in common: handshakes in memory. */
#ifndef REXT_OPENSSL_HARNESS_H
#define REXT_OPENSSL_HARNESS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>

#include "rext_openssl.h"

#define CHECK(holds)                                                    \
    do {                                                                \
        if (!(holds)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #holds); \
            exit(1);                                                    \
        }                                                               \
    } while (0)

/* By how many seconds the adapter's clock is ahead. OpenSSL's own is not: it is another library. */
static time_t later;

/* Takes the place of time(), by the linker's option --wrap. */
time_t __real_time(time_t *at);
time_t __wrap_time(time_t *at);
time_t __wrap_time(time_t *at) {
    time_t now = __real_time(NULL) + later;
    if (at != NULL)
        *at = now;
    return now;
}

/* The last fatal alert that was sent by either side; 0 if there was none. */
static int alert;

/* The first error, which is the adapter's. */
static inline void check_said(const char *words) {
    const char *data = "";
    unsigned long code = ERR_get_error_all(NULL, NULL, NULL, &data, NULL);
    if (ERR_GET_LIB(code) != ERR_LIB_USER || strstr(data, words) == NULL) {
        fprintf(stderr, "not \"%s\", but \"%s\"\n", words, data);
        exit(1);
    }
    ERR_clear_error();
}

static void on_info(const SSL *ssl, int where, int value) {
    (void)ssl;
    if ((where & SSL_CB_WRITE_ALERT) == SSL_CB_WRITE_ALERT && (value & 0xff) != 0)
        alert = value & 0xff;
}

static SSL_CTX *context(const SSL_METHOD *method, const char *certificate, const char *key) {
    SSL_CTX *ctx = SSL_CTX_new(method);
    CHECK(ctx != NULL);
    CHECK(SSL_CTX_use_certificate_chain_file(ctx, certificate) == 1);
    CHECK(SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) == 1);
    SSL_CTX_set_info_callback(ctx, on_info);
    return ctx;
}

/* Two connections that are each other's peer, before their handshake. */
static inline void connect_pair(SSL *server, SSL *client) {
    BIO *one, *other;
    CHECK(server != NULL && client != NULL && BIO_new_bio_pair(&one, 1 << 18, &other, 1 << 18));
    SSL_set_bio(server, one, one);
    SSL_set_bio(client, other, other);
    SSL_set_accept_state(server);
    SSL_set_connect_state(client);
    alert = 0;
}

#endif
