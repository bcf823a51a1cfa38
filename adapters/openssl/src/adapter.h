/* What the parts of the adapter have in common. */
#ifndef REXT_OPENSSL_ADAPTER_H
#define REXT_OPENSSL_ADAPTER_H

#include "rext_openssl.h"

struct rext_ossl_scope {
    char *name;
    X509_STORE *store;
    STACK_OF(X509_NAME) *names;
    /* Seconds for which one proof of possession may last. */
    uint64_t max_age;
};

/* A ClientHello as OpenSSL hands it over, put together again. */
struct hello {
    /* The body of the message. */
    uint8_t *body;
    /* The octets in front of the extensions. */
    size_t head;
    /* A view of it. */
    rext_hello view;
    /* The numbers of its extensions. */
    int *extensions;
    size_t count;
};

/* Whether it is a server's or a client's. */
enum kind { SERVER = 1, CLIENT };

/* What the adapter keeps with an SSL_CTX or an SSL begins with this. */
struct place {
    enum kind kind;
    void (*free)(struct place *place);
};

/* A server's connection. */
typedef struct server_state {
    struct place place;
    rext_server *negotiation;
    /* As chosen when the hello came, before OpenSSL chose. */
    rext_version_number version;
    /* Whether the policy has decided, and what. */
    int decided;
    rext_ossl_decision decision;
    /* The hello that it decided on. */
    struct hello first;
    /* Whether a second hello came. */
    int retried;
    /* Whether the acknowledgement was sent. */
    int acknowledged;
    /* Whether the client's certificate counts: above 0 if so, below if not, 0 if not known yet. */
    int counts;
    /* When that was found. */
    uint64_t authenticated_at;
    /* The application's own callbacks, in place of which the adapter's are set. */
    SSL_verify_cb host_verify;
    void (*host_info)(const SSL *ssl, int where, int value);
} server_state;

/* Puts an error into OpenSSL's queue; the alert that it calls for. */
int raise_error(const rext_error *error);

/* Puts a line into OpenSSL's queue; 0. */
int raise_line(const char *line);

/* Takes a ClientHello apart, in a client hello callback. 1, or 0 and the alert. */
int hello_read(struct hello *hello, SSL *ssl, const rext_scan *scan, int *alert);
void hello_free(struct hello *hello);

/* Whether a second hello says what the first did, but for what may change (RFC 8446 4.1.2). */
int hello_same(const struct hello *first, const struct hello *second);

/* The version that OpenSSL is about to choose. */
rext_version_number hello_version(SSL *ssl, const struct hello *hello);

/* What begins with a place, set to zero but for that. NULL if there is not enough memory. */
void *new_place(size_t size, enum kind kind, void (*free)(struct place *place));

/* What OpenSSL calls when it has sent an extension, to free its body. */
void free_body(SSL *ssl, unsigned type, unsigned context, const unsigned char *body,
               void *argument);

/* What is kept with an SSL_CTX or an SSL, if it is of this kind; or NULL. */
void *setup_of(const SSL_CTX *ctx, enum kind kind);
void *state_of(const SSL *ssl, enum kind kind);

/* Keeps it there, until that is freed. 1; or 0, and then it is freed at once. */
int setup_keep(SSL_CTX *ctx, struct place *setup);
int state_keep(SSL *ssl, struct place *state);

/*
 * Whether OpenSSL itself, now, finds that a certificate counts in a scope. With `consult`, the
 * application's callback is called, too: it may refuse the certificate, but never let it pass.
 */
int verify_in(const rext_ossl_scope *scope, SSL *ssl, X509 *certificate, STACK_OF(X509) *chain,
              int consult);

/* Has the application's callback look at what OpenSSL found in the handshake. */
int on_verify(int good, X509_STORE_CTX *context);

/* Whether the client proved to hold a certificate that counts, on this connection itself. */
int server_authenticated(SSL *ssl, server_state *state);

/* Sessions of servers: their tickets, and their context. */
void sessions_setup(SSL_CTX *ctx);
int sessions_confine(SSL *ssl, const rext_ossl_decision *decision);

/* What the session of a connection records; 0 if there is nothing. It points into the session. */
int session_record(SSL_SESSION *session, rext_session *record);

#endif
