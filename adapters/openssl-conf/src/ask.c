/*
 * rext_ask.so: servers with optional verification request certificates from clients that offer one,
 * and from no others.
 *
 * Servers that require a certificate, or verify none, behave as without the module, and so does any
 * connection for which something of ours fails.
 */
#include "settings.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <rext_openssl.h>

/* A scope of an SSL_CTX, and the settings of the SSL_CTX that it was made of. */
struct entry {
    struct entry *next;
    rext_ossl_scope *scope;
    STACK_OF(X509_NAME) *names;
    unsigned long flags;
    int depth, level;
};

/* The scopes of an SSL_CTX, kept with it. Programs change settings of an SSL_CTX that is in use, so it may have
 * several scopes; connections may use each of them as long as the SSL_CTX exists. */
struct scopes {
    _Atomic(struct entry *) first;
};

static int scopes_index = -1;

static void entry_free(struct entry *entry) {
    if (entry == NULL)
        return;
    rext_ossl_scope_free(entry->scope);
    sk_X509_NAME_pop_free(entry->names, X509_NAME_free);
    OPENSSL_free(entry);
}

static void forget(void *kept) {
    struct scopes *scopes = kept;
    struct entry *entry = atomic_load(&scopes->first);
    while (entry != NULL) {
        struct entry *next = entry->next;
        entry_free(entry);
        entry = next;
    }
    OPENSSL_free(scopes);
}

#define DIGEST 32 /* SHA-256 */

static int compare(const void *a, const void *b) {
    return memcmp(a, b, DIGEST);
}

/* Adds to a digest those of the certificates in a store, in an order that does not depend on it. */
static int add_certificates(EVP_MD_CTX *digest, X509_STORE *store) {
    if (!X509_STORE_lock(store))
        return 0;
    STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(store);
    int total = sk_X509_OBJECT_num(objects), good = 1;
    size_t count = 0;
    unsigned char *digests = OPENSSL_malloc((total > 0 ? (size_t)total : 1) * DIGEST);
    for (int i = 0; good && digests != NULL && i < total; i++) {
        X509 *authority = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
        if (authority != NULL)
            good = X509_digest(authority, EVP_sha256(), digests + count++ * DIGEST, NULL);
    }
    X509_STORE_unlock(store);
    if (digests != NULL && good)
        qsort(digests, count, DIGEST, compare);
    good = digests != NULL && good && EVP_DigestUpdate(digest, digests, count * DIGEST);
    OPENSSL_free(digests);
    return good;
}

/* The same for the names of authorities that the server sends, in its order. */
static int add_names(EVP_MD_CTX *digest, const STACK_OF(X509_NAME) *names) {
    unsigned char bytes[DIGEST];
    int good = 1;
    for (int i = 0; good && i < sk_X509_NAME_num(names); i++)
        good = X509_NAME_digest(sk_X509_NAME_value(names, i), EVP_sha256(), bytes, NULL) &&
               EVP_DigestUpdate(digest, bytes, sizeof bytes);
    return good;
}

/*
 * A name that depends on nothing but the authorities: a session resumes after a restart with the same
 * authorities, and not with others.
 */
static int name_for(SSL_CTX *ctx, char name[2 * EVP_MAX_MD_SIZE + 16]) {
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    unsigned char bytes[EVP_MAX_MD_SIZE];
    int good = digest != NULL && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) &&
               add_certificates(digest, SSL_CTX_get_cert_store(ctx)) &&
               EVP_DigestUpdate(digest, "names", 5) &&
               add_names(digest, SSL_CTX_get_client_CA_list(ctx)) &&
               EVP_DigestFinal_ex(digest, bytes, NULL);
    EVP_MD_CTX_free(digest);
    int written = snprintf(name, 16, "authorities ");
    for (int i = 0; good && i < DIGEST; i++)
        written += snprintf(name + written, 3, "%02x", bytes[i]);
    return good;
}

static int same_names(const STACK_OF(X509_NAME) *a, const STACK_OF(X509_NAME) *b) {
    int count = a != NULL ? sk_X509_NAME_num(a) : 0;
    if (count != (b != NULL ? sk_X509_NAME_num(b) : 0))
        return 0;
    for (int i = 0; i < count; i++) {
        if (X509_NAME_cmp(sk_X509_NAME_value(a, i), sk_X509_NAME_value(b, i)) != 0)
            return 0;
    }
    return 1;
}

/* Whether an entry is of the SSL_CTX as it is now. Certificates are only ever added to a store: what
 * was accepted in a scope still is. */
static int is_current(const struct entry *entry, SSL_CTX *ctx) {
    X509_VERIFY_PARAM *parameters = SSL_CTX_get0_param(ctx);
    return rext_ossl_scope_store(entry->scope) == SSL_CTX_get_cert_store(ctx) &&
           entry->flags == X509_VERIFY_PARAM_get_flags(parameters) &&
           entry->depth == X509_VERIFY_PARAM_get_depth(parameters) &&
           entry->level == X509_VERIFY_PARAM_get_auth_level(parameters) &&
           same_names(entry->names, SSL_CTX_get_client_CA_list(ctx));
}

static struct entry *entry_for(SSL_CTX *ctx) {
    char name[2 * EVP_MAX_MD_SIZE + 16];
    X509_VERIFY_PARAM *parameters = SSL_CTX_get0_param(ctx);
    const STACK_OF(X509_NAME) *names = SSL_CTX_get_client_CA_list(ctx);
    struct entry *entry = OPENSSL_zalloc(sizeof *entry);
    if (entry == NULL)
        return NULL;
    entry->flags = X509_VERIFY_PARAM_get_flags(parameters);
    entry->depth = X509_VERIFY_PARAM_get_depth(parameters);
    entry->level = X509_VERIFY_PARAM_get_auth_level(parameters);
    entry->names = names != NULL ? SSL_dup_CA_list(names) : sk_X509_NAME_new_null();
    if (entry->names != NULL && name_for(ctx, name) &&
        (entry->scope = rext_ossl_scope_of(name, ctx)) != NULL)
        return entry;
    entry_free(entry);
    return NULL;
}

/* The scope of the authorities that an SSL_CTX trusts; made when first needed. */
static const rext_ossl_scope *scope_of(SSL_CTX *ctx) {
    struct scopes *scopes = SSL_CTX_get_ex_data(ctx, scopes_index);
    struct entry *made = NULL;
    if (scopes == NULL)
        return NULL;
    struct entry *first = atomic_load(&scopes->first);
    for (;;) {
        for (struct entry *entry = first; entry != NULL; entry = entry->next) {
            if (is_current(entry, ctx)) {
                entry_free(made); /* another thread was faster */
                return entry->scope;
            }
        }
        if (made == NULL && (made = entry_for(ctx)) == NULL)
            return NULL;
        made->next = first;
        if (atomic_compare_exchange_strong(&scopes->first, &first, made))
            return made->scope;
    }
}

static int policy(const rext_ossl_question *question, rext_ossl_decision *decision,
                  void *argument) {
    const struct settings *settings = argument;
    SSL *ssl = question->ssl;
    SSL_CTX *ctx = SSL_get_SSL_CTX(ssl);
    X509_STORE *store = NULL;
    int mode = SSL_get_verify_mode(ssl);
    if ((mode & SSL_VERIFY_PEER) == 0)
        return 1;
    /* The program requests certificates later, by itself. */
    if ((mode & SSL_VERIFY_POST_HANDSHAKE) != 0 && question->version == REXT_TLS13)
        return 1;
    /* A scope is made of the SSL_CTX's own store. With another store for the verification of clients,
     * the program's own mode decides. */
    if (!SSL_get0_verify_cert_store(ssl, &store) || store != NULL)
        return 0;
    int required = (mode & SSL_VERIFY_FAIL_IF_NO_PEER_CERT) != 0;
    int by_offer = !required && settings_match(settings, (const char *)question->server_name.data,
                                               question->server_name.length);
    if (by_offer && question->offer == REXT_OFFER_NONE)
        return 1;
    decision->scope = scope_of(ctx);
    decision->demand = required ? REXT_DEMAND_REQUIRE : REXT_DEMAND_REQUEST;
    decision->asks = by_offer ? REXT_ASKS_BECAUSE_OFFERED : REXT_ASKS_FOR_ANOTHER_REASON;
    return decision->scope != NULL;
}

static void set_up(SSL_CTX *ctx, const struct settings *settings, int index) {
    struct scopes *scopes = OPENSSL_zalloc(sizeof *scopes);
    scopes_index = index;
    if (scopes != NULL && SSL_CTX_set_ex_data(ctx, index, scopes))
        rext_ossl_server_hosted(ctx, &settings->numbers, policy, (void *)settings);
    else
        OPENSSL_free(scopes);
}

const struct module module = {"rext_ask", 0, set_up, forget};
