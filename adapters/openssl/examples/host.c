/*
 * What a web server does with its own SSL_CTXs, as far as the adapter has to get along with it: one for
 * each virtual host, chosen by the server name callback, which puts the verification mode of the new one
 * in force; a verification callback that lets every certificate pass, since the server answers such
 * clients with a page; and a store for sessions that all of them share.
 */
#include "host.h"
#include "rules.h"

#include <pthread.h>
#include <string.h>

#define MOST 17

static struct {
    SSL_CTX *ctx;
    const rext_ossl_scope *scope;
} sites[MOST];
static size_t site_count;
static const char *identity[2];
static SSL_CTX *first;

static SSL_CTX *site_for(const rext_ossl_scope *scope) {
    for (size_t i = 0; i < site_count; i++)
        if (sites[i].scope == scope)
            return sites[i].ctx;
    return first;
}

static int on_name(SSL *ssl, int *alert, void *argument) {
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    (void)alert, (void)argument;
    if (name == NULL)
        return SSL_TLSEXT_ERR_OK;
    SSL_CTX *ctx = site_for(scope_for(name, strlen(name)));
    SSL_set_SSL_CTX(ssl, ctx);
    SSL_set_verify(ssl, SSL_CTX_get_verify_mode(ctx), SSL_CTX_get_verify_callback(ctx));
    return SSL_TLSEXT_ERR_OK;
}

static int pass(int good, X509_STORE_CTX *context) {
    (void)good, (void)context;
    return 1;
}

/* The store: a few sessions, of which the oldest goes. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct kept {
    unsigned char *session;
    int length;
    unsigned char id[SSL_MAX_SSL_SESSION_ID_LENGTH];
    unsigned id_length;
} store[64];
static size_t next;

static int on_new(SSL *ssl, SSL_SESSION *session) {
    unsigned length;
    (void)ssl;
    pthread_mutex_lock(&lock);
    struct kept *kept = &store[next++ % (sizeof store / sizeof *store)];
    const unsigned char *id = SSL_SESSION_get_id(session, &length);
    OPENSSL_free(kept->session);
    kept->session = NULL;
    kept->length = i2d_SSL_SESSION(session, &kept->session);
    kept->id_length = length;
    memcpy(kept->id, id, length);
    pthread_mutex_unlock(&lock);
    return 0;
}

static SSL_SESSION *on_get(SSL *ssl, const unsigned char *id, int length, int *copy) {
    SSL_SESSION *session = NULL;
    (void)ssl;
    *copy = 0;
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < sizeof store / sizeof *store && session == NULL; i++) {
        const struct kept *kept = &store[i];
        const unsigned char *at = kept->session;
        if (kept->length > 0 && kept->id_length == (unsigned)length &&
            memcmp(kept->id, id, kept->id_length) == 0)
            session = d2i_SSL_SESSION(NULL, &at, kept->length);
    }
    pthread_mutex_unlock(&lock);
    return session;
}

static void begin(SSL_CTX *ctx) {
    static const unsigned char id[] = "host";
    SSL_CTX_set_session_id_context(ctx, id, sizeof id);
    SSL_CTX_set_tlsext_servername_callback(ctx, on_name);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, on_new);
    SSL_CTX_sess_set_get_cb(ctx, on_get);
}

static rext_ossl_scope *host_scope(const char *name, const char *file, int is_default) {
    SSL_CTX *ctx = is_default ? first : SSL_CTX_new(TLS_server_method());
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(file);
    if (ctx == NULL || names == NULL || SSL_CTX_load_verify_file(ctx, file) != 1)
        fail("--ca", file);
    if (!is_default)
        load_identity(ctx, identity[0], identity[1]);
    SSL_CTX_set_client_CA_list(ctx, names);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, pass);
    rext_ossl_scope *scope = rext_ossl_scope_of(name, ctx);
    if (scope == NULL || site_count == MOST)
        fail("--ca", file);
    sites[site_count].ctx = ctx;
    sites[site_count++].scope = scope;
    return scope;
}

void host_set_up(SSL_CTX *base, const char *certificate, const char *key,
                 const rext_code_points *numbers) {
    first = base;
    identity[0] = certificate;
    identity[1] = key;
    find_scopes(host_scope);
    /* For names where no certificate is requested: `base`, unless that is the site of a scope. */
    if (scope_for("", 0) != NULL) {
        SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
        if (ctx == NULL)
            fail("cannot begin", "");
        load_identity(ctx, certificate, key);
        sites[site_count].scope = NULL;
        sites[site_count++].ctx = ctx;
    }
    for (size_t i = 0; i < site_count; i++) {
        if (sites[i].ctx == first)
            continue;
        begin(sites[i].ctx);
        if (!rext_ossl_server_hosted(sites[i].ctx, numbers, policy, NULL))
            fail("cannot set up the server", "");
    }
    begin(first);
    if (!rext_ossl_server_hosted(first, numbers, policy, NULL))
        fail("cannot set up the server", "");
}

void host_free(void) {
    for (size_t i = 0; i < site_count; i++)
        if (sites[i].ctx != first)
            SSL_CTX_free(sites[i].ctx);
    for (size_t i = 0; i < sizeof store / sizeof *store; i++)
        OPENSSL_free(store[i].session);
}
