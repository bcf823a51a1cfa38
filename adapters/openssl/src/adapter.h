/* What the parts of the adapter have in common. */
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

/* Reads a ClientHello with the header of its message. 1; or 0 and the error, which has no alert if
 * the client did nothing wrong. */
int hello_read_message(struct hello *hello, const uint8_t *message, size_t length,
                       const rext_scan *scan, rext_error *error);

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

/* Records in the session of a connection what its client authenticated for. */
int session_note(SSL *ssl, server_state *state);
int sessions_confine(SSL *ssl, const rext_ossl_decision *decision);

/* What the session of a connection records; 0 if there is nothing. It points into the session. */
int session_record(SSL_SESSION *session, rext_session *record);

#endif
