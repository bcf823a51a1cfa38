/*
 * A program on OpenSSL that knows nothing of offers, and loads the modules by its configuration.
 *
 *     contexts CASE FOLDER: client and server in one process. Prints what happened, a line for each
 *     connection, for the test to compare.
 *
 * FOLDER has ca.pem, other.pem (another authority), server.pem and .key, ec.pem and .key, rsa.pem and
 * .key, all three by ca.pem.
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* mock keys of an engine */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/conf.h>
#include <openssl/engine.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#define FLAGS 62

static const char *folder;

static void need(int good, const char *what) {
    if (good)
        return;
    fprintf(stderr, "contexts: %s\n", what);
    ERR_print_errors_fp(stderr);
    _exit(1); /* without OpenSSL's cleanup, since other threads may run */
}

static const char *file(const char *name) {
    static _Thread_local char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

/* What happened on a connection. */
struct seen {
    int offered, asked;
};

/* Where the part ends that begins at `at` with its length, in `width` bytes. */
static size_t behind(const unsigned char *message, size_t at, size_t width) {
    size_t length = 0;
    for (size_t i = 0; i < width; i++)
        length = length << 8 | message[at + i];
    return at + width + length;
}

/* Looks for the extension in a ClientHello that the client writes. */
static void on_client_message(int written, int version, int type, const void *data, size_t length,
                              SSL *ssl, void *argument) {
    const unsigned char *message = data;
    struct seen *seen = argument;
    (void)version, (void)ssl;
    if (!written || type != SSL3_RT_HANDSHAKE || message[0] != SSL3_MT_CLIENT_HELLO)
        return;
    /* Session id, cipher suites and compression methods are in front of the extensions. */
    size_t at = behind(message, behind(message, behind(message, 4 + 2 + 32, 1), 2), 1) + 2;
    seen->offered = 0;
    for (; at + 4 <= length; at = behind(message, at + 2, 2))
        seen->offered |= (message[at] << 8 | message[at + 1]) == FLAGS;
}

/* The client's certificate callback would replace the adapter's; this one only looks. */
static void on_client_state(const SSL *ssl, int where, int value) {
    struct seen *seen = SSL_get_app_data(ssl);
    (void)value;
    if ((where & SSL_CB_LOOP) != 0 && SSL_get_state(ssl) == TLS_ST_CR_CERT_REQ)
        seen->asked = 1;
}

static SSL_CTX *server_with(const SSL_METHOD *method, const char *authority, int mode) {
    static unsigned char keys[80];
    SSL_CTX *ctx = SSL_CTX_new(method);
    need(ctx != NULL && ERR_peek_error() == 0, "no SSL_CTX of a server, or an error in the queue");
    need(SSL_CTX_use_certificate_chain_file(ctx, file("server.pem")) == 1, "server.pem");
    need(SSL_CTX_use_PrivateKey_file(ctx, file("server.key"), SSL_FILETYPE_PEM) == 1, "server.key");
    need(SSL_CTX_load_verify_file(ctx, file(authority)) == 1, authority);
    need(SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"contexts", 8) == 1, "context");
    /* As of before a restart. */
    need(SSL_CTX_set_tlsext_ticket_keys(ctx, keys, sizeof keys) == 1, "ticket keys");
    SSL_CTX_set_verify(ctx, mode, NULL);
    return ctx;
}

static SSL_CTX *client_with(const SSL_METHOD *method, const char *certificate, const char *key) {
    SSL_CTX *ctx = SSL_CTX_new(method);
    need(ctx != NULL && ERR_peek_error() == 0, "no SSL_CTX of a client, or an error in the queue");
    need(SSL_CTX_load_verify_file(ctx, file("ca.pem")) == 1, "ca.pem");
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    if (certificate != NULL)
        need(SSL_CTX_use_certificate_chain_file(ctx, file(certificate)) == 1, certificate);
    if (key != NULL)
        need(SSL_CTX_use_PrivateKey_file(ctx, file(key), SSL_FILETYPE_PEM) == 1, key);
    return ctx;
}

/* Takes turns until neither of them gets on. */
static int turns(SSL *client, SSL *server) {
    char byte;
    int client_done = 0, server_done = 0;
    for (int i = 0; i < 20 && !(client_done && server_done); i++) {
        client_done = SSL_do_handshake(client) == 1;
        server_done = SSL_do_handshake(server) == 1;
    }
    if (server_done)
        need(SSL_write(server, "x", 1) == 1, "cannot write");
    return client_done && server_done && SSL_read(client, &byte, 1) == 1;
}

/* One connection; prints what happened, after `title` unless that is NULL. */
static int connect_once(const char *title, SSL_CTX *client_ctx, SSL_CTX *server_ctx, const char *name,
                        SSL_SESSION **session) {
    struct seen seen = {0};
    BIO *near, *far;
    SSL *client = SSL_new(client_ctx), *server = SSL_new(server_ctx);
    need(client != NULL && server != NULL && BIO_new_bio_pair(&near, 1 << 16, &far, 1 << 16) == 1,
         "no connection");
    SSL_set_bio(client, near, near);
    SSL_set_bio(server, far, far);
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
    SSL_set_app_data(client, &seen);
    SSL_set_info_callback(client, on_client_state);
    SSL_set_msg_callback(client, on_client_message);
    SSL_set_msg_callback_arg(client, &seen);
    if (name != NULL)
        need(SSL_set_tlsext_host_name(client, name) == 1, name);
    if (session != NULL && *session != NULL)
        need(SSL_set_session(client, *session) == 1, "session");
    int good = turns(client, server);
    need(!good || ERR_peek_error() == 0, "an error in the queue of a good connection");
    if (title != NULL)
        printf("%s: %s%s%s%s%s\n", title, good ? SSL_get_version(client) : "refused",
               seen.offered ? " offered" : "", seen.asked ? " requested" : "",
               SSL_get0_peer_certificate(server) != NULL ? " certificate" : "",
               SSL_session_reused(server) ? " resumed" : "");
    if (session != NULL) {
        SSL_SESSION_free(*session);
        *session = SSL_get1_session(client);
    }
    SSL_shutdown(client);
    SSL_free(client);
    SSL_free(server);
    ERR_clear_error();
    return good && seen.offered && seen.asked;
}

/* A key as an engine makes one: its operations are not OpenSSL's own. */
static int sign_elsewhere(int length, const unsigned char *from, unsigned char *to, RSA *rsa,
                          int padding) {
    return RSA_meth_get_priv_enc(RSA_PKCS1_OpenSSL())(length, from, to, rsa, padding);
}

static RSA_METHOD *elsewhere;

static EVP_PKEY *load(ENGINE *engine, const char *id, UI_METHOD *method, void *data) {
    FILE *stream = fopen(file(id), "r");
    (void)method, (void)data;
    need(stream != NULL, id);
    EVP_PKEY *read = PEM_read_PrivateKey(stream, NULL, NULL, NULL), *key = EVP_PKEY_new();
    fclose(stream);
    const RSA *from = EVP_PKEY_get0_RSA(read);
    RSA *rsa = RSA_new_method(engine);
    need(from != NULL && rsa != NULL && key != NULL, "no key");
    need(RSA_set0_key(rsa, BN_dup(RSA_get0_n(from)), BN_dup(RSA_get0_e(from)),
                      BN_dup(RSA_get0_d(from))) == 1 &&
             EVP_PKEY_assign_RSA(key, rsa) == 1,
         "no key");
    EVP_PKEY_free(read);
    return key;
}

static EVP_PKEY *engine_key(void) {
    if (elsewhere == NULL)
        elsewhere = RSA_meth_dup(RSA_PKCS1_OpenSSL());
    ENGINE *engine = ENGINE_new();
    need(elsewhere != NULL && RSA_meth_set_priv_enc(elsewhere, sign_elsewhere) == 1 &&
             engine != NULL && ENGINE_set_id(engine, "mock") == 1 &&
             ENGINE_set_name(engine, "mock") == 1 && ENGINE_set_RSA(engine, elsewhere) == 1 &&
             ENGINE_set_load_privkey_function(engine, load) == 1 && ENGINE_init(engine) == 1,
         "no engine");
    EVP_PKEY *key = ENGINE_load_private_key(engine, "rsa.key", NULL, NULL);
    need(key != NULL, "no key of the engine");
    ENGINE_finish(engine);
    ENGINE_free(engine);
    return key;
}

/* A key of functions of before OpenSSL 3, in memory. */
static EVP_PKEY *legacy_key(const char *name) {
    EVP_PKEY *key = EVP_PKEY_new();
    FILE *stream = fopen(file(name), "r");
    need(stream != NULL && key != NULL, name);
    EVP_PKEY *read = PEM_read_PrivateKey(stream, NULL, NULL, NULL);
    fclose(stream);
    need(read != NULL, name);
    if (EVP_PKEY_get_base_id(read) == EVP_PKEY_RSA)
        need(EVP_PKEY_set1_RSA(key, (RSA *)EVP_PKEY_get0_RSA(read)) == 1, name);
    else
        need(EVP_PKEY_set1_EC_KEY(key, (EC_KEY *)EVP_PKEY_get0_EC_KEY(read)) == 1, name);
    EVP_PKEY_free(read);
    return key;
}

static SSL_CTX *client_with_key(const char *certificate, EVP_PKEY *key) {
    SSL_CTX *ctx = client_with(TLS_client_method(), certificate, NULL);
    need(SSL_CTX_use_PrivateKey(ctx, key) == 1, "key");
    EVP_PKEY_free(key);
    return ctx;
}

static void keys(void) {
    SSL_CTX *server = server_with(TLS_server_method(), "ca.pem", SSL_VERIFY_PEER);
    SSL_CTX *two = client_with(TLS_client_method(), "rsa.pem", "rsa.key");
    need(SSL_CTX_use_certificate_chain_file(two, file("ec.pem")) == 1 &&
             SSL_CTX_use_PrivateKey_file(two, file("ec.key"), SSL_FILETYPE_PEM) == 1,
         "two certificates");
    SSL_CTX *mixed = client_with_key("rsa.pem", engine_key());
    need(SSL_CTX_use_certificate_chain_file(mixed, file("ec.pem")) == 1 &&
             SSL_CTX_use_PrivateKey_file(mixed, file("ec.key"), SSL_FILETYPE_PEM) == 1,
         "two certificates");
    const struct {
        const char *title;
        SSL_CTX *ctx;
    } clients[] = {
        {"no certificate", client_with(TLS_client_method(), NULL, NULL)},
        {"a certificate without its key", client_with(TLS_client_method(), "ec.pem", NULL)},
        {"EC", client_with(TLS_client_method(), "ec.pem", "ec.key")},
        {"RSA", client_with(TLS_client_method(), "rsa.pem", "rsa.key")},
        {"EC, legacy", client_with_key("ec.pem", legacy_key("ec.key"))},
        {"RSA, legacy", client_with_key("rsa.pem", legacy_key("rsa.key"))},
        {"two certificates", two},
        {"RSA of an engine", client_with_key("rsa.pem", engine_key())},
        {"two certificates, one of an engine", mixed},
    };
    for (size_t i = 0; i < sizeof clients / sizeof *clients; i++) {
        connect_once(clients[i].title, clients[i].ctx, server, "localhost", NULL);
        SSL_CTX_free(clients[i].ctx);
    }
    SSL_CTX_free(server);
    RSA_meth_free(elsewhere);
}

static void names(void) {
    SSL_CTX *server = server_with(TLS_server_method(), "ca.pem", SSL_VERIFY_PEER);
    SSL_CTX *client = client_with(TLS_client_method(), "ec.pem", "ec.key");
    SSL_CTX_set_verify(client, SSL_VERIFY_NONE, NULL);
    static const char *const all[] = {"a.example",       "A.Example",     "b.example",
                                      "x.b.example",     "x.y.b.example", "xb.example",
                                      "a.example.evil",  ".b.example",    NULL};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        connect_once(all[i] != NULL ? all[i] : "no name", client, server, all[i], NULL);
    SSL_CTX_free(client);
    SSL_CTX_free(server);
}

static void methods(void) {
    const struct {
        const char *title;
        const SSL_METHOD *client, *server;
    } all[] = {
        {"client and server methods", TLS_client_method(), TLS_server_method()},
        {"client of both", TLS_method(), TLS_server_method()},
        {"server of both", TLS_client_method(), TLS_method()},
        {"both of both", TLS_method(), TLS_method()},
        {"TLS 1.2 by method", TLSv1_2_client_method(), TLS_server_method()},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        SSL_CTX *server = server_with(all[i].server, "ca.pem", SSL_VERIFY_PEER);
        for (int without = 0; without < 2; without++) {
            char title[64];
            SSL_CTX *client = client_with(all[i].client, without ? NULL : "ec.pem",
                                          without ? NULL : "ec.key");
            snprintf(title, sizeof title, "%s, %s", all[i].title,
                     without ? "no certificate" : "certificate");
            connect_once(title, client, server, "localhost", NULL);
            SSL_CTX_free(client);
        }
        SSL_CTX_free(server);
    }
}

/* Servers that were restarted, with the same ticket keys. */
static void restarts(void) {
    static const struct {
        const char *title, *authority;
    } all[] = {{"first", "ca.pem"},
               {"the same authorities", "ca.pem"},
               {"other authorities", "other.pem"},
               {"one more authority", "both.pem"},
               {"the same again", "both.pem"}};
    SSL_CTX *client = client_with(TLS_client_method(), "ec.pem", "ec.key");
    SSL_SESSION *session = NULL;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        SSL_CTX *server = server_with(TLS_server_method(), all[i].authority, SSL_VERIFY_PEER);
        SSL_SESSION *before = session;
        if (strcmp(all[i].authority, "other.pem") == 0)
            SSL_SESSION_up_ref(before);
        connect_once(all[i].title, client, server, "localhost", &session);
        if (strcmp(all[i].authority, "other.pem") == 0) {
            SSL_SESSION_free(session);
            session = before;
        }
        SSL_CTX_free(server);
    }
    SSL_SESSION_free(session);
    SSL_CTX_free(client);
}

/* An SSL_CTX that is changed while it is in use. */
static void changes(void) {
    SSL_CTX *client = client_with(TLS_client_method(), "ec.pem", "ec.key");
    SSL_CTX *server = server_with(TLS_server_method(), "ca.pem", SSL_VERIFY_PEER);
    SSL_SESSION *session = NULL;
    connect_once("at first", client, server, "localhost", &session);
    connect_once("unchanged", client, server, "localhost", &session);
    need(SSL_CTX_load_verify_file(server, file("other.pem")) == 1, "other.pem");
    connect_once("an authority more", client, server, "localhost", &session);
    SSL_CTX_set_client_CA_list(server, SSL_load_client_CA_file(file("ca.pem")));
    connect_once("a list of names", client, server, "localhost", &session);
    connect_once("unchanged", client, server, "localhost", &session);
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(server), X509_V_FLAG_CRL_CHECK);
    connect_once("revocation is checked, and there is no list", client, server, "localhost",
                 &session);
    SSL_SESSION_free(session);
    SSL_CTX_free(client);
    SSL_CTX_free(server);
}

static void modes(void) {
    static const struct {
        const char *title;
        int mode;
    } all[] = {
        {"none", SSL_VERIFY_NONE},
        {"optional", SSL_VERIFY_PEER},
        {"optional, once", SSL_VERIFY_PEER | SSL_VERIFY_CLIENT_ONCE},
        {"required", SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT},
        {"after the handshake", SSL_VERIFY_PEER | SSL_VERIFY_POST_HANDSHAKE},
    };
    SSL_CTX *clients[] = {client_with(TLS_client_method(), "ec.pem", "ec.key"),
                          client_with(TLS_client_method(), NULL, NULL)};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        for (int without = 0; without < 2; without++) {
            char title[64];
            SSL_CTX *server = server_with(TLS_server_method(), "ca.pem", all[i].mode);
            snprintf(title, sizeof title, "%s, %s", all[i].title,
                     without ? "no certificate" : "certificate");
            connect_once(title, clients[without], server, "localhost", NULL);
            SSL_CTX_free(server);
        }
    }
    /* Clients of a store that is not the SSL_CTX's own. */
    SSL_CTX *server = server_with(TLS_server_method(), "other.pem", SSL_VERIFY_PEER);
    X509_STORE *store = X509_STORE_new();
    need(store != NULL && X509_STORE_load_file(store, file("ca.pem")) == 1 &&
             SSL_CTX_set0_verify_cert_store(server, store) == 1,
         "store");
    connect_once("a store for clients, certificate", clients[0], server, "localhost", NULL);
    connect_once("a store for clients, no certificate", clients[1], server, "localhost", NULL);
    SSL_CTX_free(server);
    SSL_CTX_free(clients[0]);
    SSL_CTX_free(clients[1]);
}

/* OpenSSL finishes, unloads and loads its configuration while SSL_CTXs exist. */
static void reloads(void) {
    SSL_CTX *server = server_with(TLS_server_method(), "ca.pem", SSL_VERIFY_PEER);
    SSL_CTX *client = client_with(TLS_client_method(), "ec.pem", "ec.key");
    connect_once("loaded", client, server, "localhost", NULL);
    CONF_modules_unload(1);
    connect_once("unloaded, SSL_CTXs of before", client, server, "localhost", NULL);
    SSL_CTX_free(client);
    client = client_with(TLS_client_method(), "ec.pem", "ec.key");
    connect_once("unloaded, a new client", client, server, "localhost", NULL);
    SSL_CTX_free(client);
    for (int i = 0; i < 3; i++)
        need(CONF_modules_load_file(NULL, NULL, 0) == 1, "cannot load the configuration again");
    client = client_with(TLS_client_method(), "ec.pem", "ec.key");
    connect_once("loaded again", client, server, "localhost", NULL);
    SSL_CTX_free(client);
    SSL_CTX_free(server);
}

static SSL_CTX *shared_client, *shared_server;

/* Connections of each thread. */
#define EACH 10

static void *many(void *unused) {
    intptr_t good = 0;
    (void)unused;
    for (int i = 0; i < EACH; i++)
        good += connect_once(NULL, shared_client, shared_server, "localhost", NULL);
    return (void *)good;
}

static void forks(void) {
    pthread_t threads[8];
    intptr_t sum = 0;
    shared_server = server_with(TLS_server_method(), "ca.pem", SSL_VERIFY_PEER);
    shared_client = client_with(TLS_client_method(), "ec.pem", "ec.key");
    /* Before there are threads: OpenSSL's own locks do not survive a fork while they are held. */
    need(connect_once(NULL, shared_client, shared_server, "localhost", NULL), "no connection");
    for (int i = 0; i < 4; i++) {
        pid_t child = fork();
        if (child == 0)
            _exit((intptr_t)many(NULL) == EACH ? 0 : 1);
        int status = -1;
        need(waitpid(child, &status, 0) == child && status == 0, "a child fails");
    }
    for (int i = 0; i < 8; i++)
        need(pthread_create(&threads[i], NULL, many, NULL) == 0, "thread");
    for (int i = 0; i < 8; i++) {
        void *good;
        need(pthread_join(threads[i], &good) == 0, "join");
        sum += (intptr_t)good;
    }
    printf("%d of %d in threads, and 4 children\n", (int)sum, 8 * EACH);
    SSL_CTX_free(shared_client);
    SSL_CTX_free(shared_server);
}

int main(int count, char **arguments) {
    static const struct {
        const char *name;
        void (*run)(void);
    } cases[] = {{"keys", keys},         {"names", names},     {"methods", methods},
                 {"restarts", restarts}, {"changes", changes}, {"modes", modes},
                 {"reloads", reloads},   {"forks", forks}};
    if (count == 3) {
        folder = arguments[2];
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            if (strcmp(cases[i].name, arguments[1]) == 0) {
                cases[i].run();
                return 0;
            }
        }
    }
    fprintf(stderr, "usage: contexts CASE FOLDER\n");
    return 2;
}
