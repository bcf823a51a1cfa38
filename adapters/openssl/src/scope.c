/* Scopes: names, and the authorities whose certificates are accepted under them. */
#include "adapter.h"

#include <string.h>

#include <openssl/err.h>

static int names_fit(const STACK_OF(X509_NAME) *names, const char *authorities) {
    size_t bytes = 0;
    for (int i = 0; i < sk_X509_NAME_num(names); i++) {
        int length = i2d_X509_NAME(sk_X509_NAME_value(names, i), NULL);
        if (length < 0)
            return raise_line("the name of an authority cannot be encoded");
        bytes += 2 + (size_t)length;
    }
    if (bytes <= REXT_OSSL_NAMES_MAX)
        return 1;
    ERR_raise_data(ERR_LIB_USER, 1,
                   "%s: the names of its %d authorities take %zu bytes, and a CertificateRequest "
                   "has room for %d: make a scope of fewer authorities",
                   authorities, sk_X509_NAME_num(names), bytes, REXT_OSSL_NAMES_MAX);
    return 0;
}

static rext_ossl_scope *scope_named(const char *name) {
    size_t length = strlen(name);
    if (length < 1 || length > 255) {
        raise_line("the name of a scope must have 1 to 255 bytes");
        return NULL;
    }
    rext_ossl_scope *scope = OPENSSL_zalloc(sizeof *scope);
    if (scope == NULL)
        return NULL;
    scope->name = OPENSSL_strdup(name);
    scope->max_age = REXT_MAX_AGE_SECONDS;
    if (scope->name != NULL)
        return scope;
    OPENSSL_free(scope);
    return NULL;
}

rext_ossl_scope *rext_ossl_scope_new(const char *name, const char *authorities) {
    rext_ossl_scope *scope = scope_named(name);
    if (scope == NULL)
        return NULL;
    scope->store = X509_STORE_new();
    if (scope->store == NULL)
        goto failed;
    /* Both functions refuse a file without a certificate. */
    scope->names = SSL_load_client_CA_file(authorities);
    if (scope->names == NULL || sk_X509_NAME_num(scope->names) == 0 ||
        X509_STORE_load_file(scope->store, authorities) != 1) {
        ERR_clear_error();
        ERR_raise_data(ERR_LIB_USER, 1, "%s: not a file with certificates in PEM", authorities);
        goto failed;
    }
    if (!names_fit(scope->names, authorities))
        goto failed;
    return scope;
failed:
    rext_ossl_scope_free(scope);
    return NULL;
}

rext_ossl_scope *rext_ossl_scope_of(const char *name, SSL_CTX *ctx) {
    rext_ossl_scope *scope = scope_named(name);
    if (scope == NULL)
        return NULL;
    const STACK_OF(X509_NAME) *names = SSL_CTX_get_client_CA_list(ctx);
    scope->ctx = ctx;
    scope->names = names != NULL ? SSL_dup_CA_list(names) : sk_X509_NAME_new_null();
    scope->parameters = X509_VERIFY_PARAM_new();
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    if (store != NULL && X509_STORE_up_ref(store))
        scope->store = store;
    if (scope->names != NULL && scope->store != NULL && scope->parameters != NULL &&
        X509_VERIFY_PARAM_set1(scope->parameters, SSL_CTX_get0_param(ctx)) &&
        names_fit(scope->names, name))
        return scope;
    rext_ossl_scope_free(scope);
    return NULL;
}

X509_STORE *rext_ossl_scope_store(const rext_ossl_scope *scope) {
    return scope->store;
}

void rext_ossl_scope_set_max_age(rext_ossl_scope *scope, uint64_t seconds) {
    scope->max_age = seconds;
}

int rext_ossl_scope_set_trust_domain(rext_ossl_scope *scope, const char *origin) {
    rext_error error;
    if (scope->ctx != NULL)
        return raise_line("the host verifies the certificates of this scope, so it must check their "
                          "trust domain");
    /* It checks the origin, too. */
    if (rext_origin_includes((const uint8_t *)origin, strlen(origin), NULL, 0, &error) < 0) {
        raise_error(&error);
        return 0;
    }
    char *copy = OPENSSL_strdup(origin);
    if (copy == NULL)
        return 0;
    OPENSSL_free(scope->trust_domain);
    scope->trust_domain = copy;
    return 1;
}

int scope_includes(const rext_ossl_scope *scope, X509 *certificate) {
    const char *origin = scope->trust_domain;
    int found = 0, outside = 0;
    if (origin == NULL)
        return 1;
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type != GEN_URI)
            continue;
        const ASN1_IA5STRING *uri = name->d.uniformResourceIdentifier;
        int within = rext_origin_includes(
            (const uint8_t *)origin, strlen(origin), ASN1_STRING_get0_data(uri),
            (size_t)ASN1_STRING_length(uri), NULL) == REXT_YES;
        found |= within;
        outside |= !within;
    }
    GENERAL_NAMES_free(names);
    return found && !outside;
}

const char *rext_ossl_scope_name(const rext_ossl_scope *scope) {
    return scope->name;
}

void rext_ossl_scope_free(rext_ossl_scope *scope) {
    if (scope == NULL)
        return;
    OPENSSL_free(scope->name);
    OPENSSL_free(scope->trust_domain);
    X509_STORE_free(scope->store);
    X509_VERIFY_PARAM_free(scope->parameters);
    sk_X509_NAME_pop_free(scope->names, X509_NAME_free);
    OPENSSL_free(scope);
}
