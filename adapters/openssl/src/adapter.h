/* Types and functions that the parts of the adapter share. */
#ifndef REXT_OPENSSL_ADAPTER_H
#define REXT_OPENSSL_ADAPTER_H

#include "rext_openssl.h"

struct rext_ossl_scope {
    char *name;
    /* rext_ossl_scope_of(): the SSL_CTX that it is of, to compare, and its parameters; or NULL. */
    const SSL_CTX *ctx;
    X509_VERIFY_PARAM *parameters;
    X509_STORE *store;
    STACK_OF(X509_NAME) *names;
    /* The origin of the certificates that count; NULL for all. */
    char *trust_domain;
    /* Seconds for which one proof of possession may last. */
    uint64_t max_age;
};

/* A ClientHello. */
struct hello {
    /* The body of the message. */
    uint8_t *body;
    /* The size of what precedes the extensions, in bytes. */
    size_t head;
    /* A view of it. */
    rext_hello view;
    /* The types of its extensions. */
    int *extensions;
    size_t count;
};

/* Whether it is a server's or a client's. */
enum kind { SERVER = 1, CLIENT };

/* All data that the adapter keeps in an SSL_CTX or an SSL begins with this. */
struct place {
    enum kind kind;
    void (*free)(struct place *place);
};

/* The settings of servers of one SSL_CTX. */
typedef struct server_setup {
    struct place place;
    rext_code_points numbers;
    rext_scan *scan;
    rext_ossl_policy policy;
    void *argument;
    /* True if the SSL_CTX belongs to a host program: rext_ossl_server_hosted(). */
    int hosted;
    /* Hosted: the host's callback that gets a session from its store, which the adapter's calls. */
    SSL_SESSION *(*host_get)(SSL *ssl, const unsigned char *id, int length, int *copy);
} server_setup;

/* A server's connection in hosted mode. */
struct hosted {
    /* The setup of the SSL_CTX that the connection was made of; NULL unless hosted. */
    const server_setup *setup;
    /* True if a ClientHello was seen that has not been validated yet. */
    int pending;
    /* True if the client broke a rule: this error ends the handshake. */
    int refused;
    rext_error refusal;
    /* True if the adapter failed: the host's own verification mode decides. */
    int failed;
    /* True after the client's first Finished: later requests for a certificate are the host's. */
    int finished;
    /* True if the session that the client presented may resume. */
    int may_resume;
    /* True while the adapter's verification mode is in place of the host's. */
    int applied;
    int mode;
    int host_mode;
};

/* A server's connection. */
typedef struct server_state {
    struct place place;
    rext_server *negotiation;
    struct hosted hosted;
    /* Unless hosted, chosen when the ClientHello arrived, before OpenSSL chose. */
    rext_version_number version;
    /* Whether the policy has decided, and what. */
    int decided;
    rext_ossl_decision decision;
    /* The ClientHello that it decided on. */
    struct hello first;
    /* Whether there was a second ClientHello. */
    int retried;
    /* Whether the acknowledgement was sent. */
    int acknowledged;
    /* Whether the client's certificate is accepted: 1, -1, or 0 if it was not verified yet. */
    int counts;
    /* The time of that verification. */
    uint64_t authenticated_at;
    /* The application's callbacks, which the adapter's replace and call. */
    SSL_verify_cb host_verify;
    void (*host_info)(const SSL *ssl, int where, int value);
} server_state;

/* Puts an error into OpenSSL's queue; the alert that it calls for. */
int raise_error(const rext_error *error);

/* Puts a line into OpenSSL's queue; 0. */
int raise_line(const char *line);

/* Reads the ClientHello in OpenSSL's ClientHello callback. 1, or 0 and the alert. */
int hello_read(struct hello *hello, SSL *ssl, const rext_scan *scan, int *alert);
void hello_free(struct hello *hello);

/* Reads a ClientHello with the header of its message. 1; or 0 and the error, which has no alert if
 * the client did nothing wrong. */
int hello_read_message(struct hello *hello, const uint8_t *message, size_t length,
                       const rext_scan *scan, rext_error *error);

/* Whether a second ClientHello equals the first but for what may change (RFC 8446 4.1.2). */
int hello_same(const struct hello *first, const struct hello *second);

/* The version that OpenSSL is about to choose. */
rext_version_number hello_version(SSL *ssl, const struct hello *hello);

/* Allocates data that begins with a place, and is else zero. NULL without enough memory. */
void *new_place(size_t size, enum kind kind, void (*free)(struct place *place));

/* OpenSSL calls it when it has sent an extension, to free its body. */
void free_body(SSL *ssl, unsigned type, unsigned context, const unsigned char *body,
               void *argument);

/* The data of an SSL_CTX or an SSL, if it is of this kind; or NULL. */
void *setup_of(const SSL_CTX *ctx, enum kind kind);
void *state_of(const SSL *ssl, enum kind kind);

/* Stores data there until the SSL_CTX or SSL is freed. 1; or 0, and then it is freed at once. */
int setup_keep(SSL_CTX *ctx, struct place *setup);
int state_keep(SSL *ssl, struct place *state);

/*
 * Whether OpenSSL itself accepts a certificate in a scope now. With `consult`, the application's
 * callback is called, too: it can refuse the certificate, but not accept one that OpenSSL refuses.
 */
int verify_in(const rext_ossl_scope *scope, SSL *ssl, X509 *certificate, STACK_OF(X509) *chain,
              int consult);

/*
 * The maximum size of all names with their lengths, in bytes. In a CertificateRequest they are in a
 * block of extensions of at most 65,535 bytes (RFC 8446 sections 4.2.4 and 4.3.2), of which the other
 * extensions need some hundred. Under TLS 1.2 the names alone may have that size.
 */
#define REXT_OSSL_NAMES_MAX (65535 - 1024)

/* Whether the identities of a certificate are in the scope's trust domain, if it has one (WIO-6). */
int scope_includes(const rext_ossl_scope *scope, X509 *certificate);

/* Whether all parts of a store's verification are OpenSSL's own. */
int store_is_whole(const X509_STORE *store);

/* A verification callback that changes nothing. */
int verify_as_found(int good, X509_STORE_CTX *context);

/* The verification callback of handshakes: calls the application's. */
int on_verify(int good, X509_STORE_CTX *context);

/* Whether the client authenticated with an accepted certificate on this connection itself. */
int server_authenticated(SSL *ssl, server_state *state);

/* The state of a connection; made if it has none. NULL if there is not enough memory. */
server_state *server_state_for(SSL *ssl, const server_setup *setup);

/* Calls the policy, and keeps its decision. 0 if it fails. */
int server_decide(SSL *ssl, const server_setup *setup, server_state *state,
                  const struct hello *hello);

/* Hosted mode: the message callback. */
void hosted_setup(SSL_CTX *ctx, server_setup *setup);

/* Validates the ClientHello that was seen last; 0 if it breaks a rule. */
int hosted_validate(SSL *ssl, server_state *state);

/* Puts the error of a refused connection into OpenSSL's queue; the alert that it calls for. */
int hosted_refusal(const server_state *state);

/* Has the policy decide, if it has not; 0 if no session of the connection may resume. */
int hosted_decide(SSL *ssl, server_state *state);

/* Sessions of servers: their tickets, and their context. */
void sessions_setup(SSL_CTX *ctx);

/* The same for a host's SSL_CTX: sessions in its store are checked, too. */
void sessions_setup_hosted(SSL_CTX *ctx, server_setup *setup);

/* Writes the record of a connection into its session. */
int session_note(SSL *ssl, server_state *state);
int sessions_confine(SSL *ssl, const rext_ossl_decision *decision);

/* The record in a session; 0 if it has none. The record points into the session. */
int session_record(SSL_SESSION *session, rext_session *record);

/* All schemes that the adapter verifies, in the order of preference. */
const uint16_t *schemes_all(size_t *count);

/* Whether a key can make signatures of a scheme. */
int scheme_fits(uint16_t number, EVP_PKEY *key);

/* Signs a message. 1, and the signature; or 0. The signature is to be freed in either case. */
int scheme_sign(uint16_t number, EVP_PKEY *key, const rext_bytes *message, uint8_t **signature,
                size_t *length);

/* 1 if a signature verifies, 0 if it does not, -1 without enough memory. */
int scheme_verify(const rext_signed *signature, EVP_PKEY *key);

/* Whether the signature of a certificate has this scheme. */
int scheme_is_of(uint16_t number, const X509 *certificate);

#endif
