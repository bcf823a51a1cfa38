/*
 * rext_offer.so: clients offer to authenticate when they have a certificate.
 *
 * RCA-1: an offer needs a certificate that can be used without asking a person. A key in memory can; a
 * key in a token may wait for a PIN or a touch.
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* keys of engines are asked for by functions of before OpenSSL 3 */
#include "settings.h"

#include <string.h>

#include <openssl/ec.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <rext_openssl.h>

/* A key without a provider: made by functions of before OpenSSL 3, maybe those of an engine. */
static int legacy_in_memory(const EVP_PKEY *key) {
    if (EVP_PKEY_get0_engine(key) != NULL)
        return 0;
    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA) {
        const RSA *rsa = EVP_PKEY_get0_RSA(key);
        return rsa != NULL && RSA_get_method(rsa) == RSA_PKCS1_OpenSSL() &&
               RSA_get0_engine(rsa) == NULL && !RSA_test_flags(rsa, RSA_FLAG_EXT_PKEY) &&
               RSA_get0_d(rsa) != NULL;
    }
    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC) {
        const EC_KEY *ec = EVP_PKEY_get0_EC_KEY(key);
        return ec != NULL && EC_KEY_get_method(ec) == EC_KEY_OpenSSL() &&
               EC_KEY_get0_engine(ec) == NULL && EC_KEY_get0_private_key(ec) != NULL;
    }
    return 0;
}

static int in_memory(const EVP_PKEY *key) {
    const OSSL_PROVIDER *provider = EVP_PKEY_get0_provider(key);
    if (provider == NULL)
        return legacy_in_memory(key);
    const char *name = OSSL_PROVIDER_get0_name(provider);
    return strcmp(name, "default") == 0 || strcmp(name, "fips") == 0;
}

/*
 * Whether there is a certificate with a key, and all such keys are usable: OpenSSL chooses among them
 * when the server requests one.
 */
static int has_certificate(SSL *ssl, const struct settings *settings) {
    X509 *before = SSL_get_certificate(ssl);
    int found = 0, usable = 1;
    for (long step = SSL_CERT_SET_FIRST; usable && SSL_set_current_cert(ssl, step);
         step = SSL_CERT_SET_NEXT) {
        EVP_PKEY *key = SSL_get_privatekey(ssl);
        found = 1;
        usable = key != NULL && (settings->tokens || in_memory(key));
    }
    if (before != NULL)
        SSL_select_current_cert(ssl, before);
    return found && usable;
}

static int offers(SSL *ssl, void *argument) {
    const struct settings *settings = argument;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    return settings_match(settings, name, name != NULL ? strlen(name) : 0) &&
           has_certificate(ssl, settings);
}

static void set_up(SSL_CTX *ctx, const struct settings *settings, int index) {
    rext_ossl_client_config config = {0};
    (void)index;
    config.offer = settings->offer;
    config.numbers = &settings->numbers;
    config.certificate_under_tls12 = 1; /* as the program does without the module */
    config.offers = offers;
    config.argument = (void *)settings;
    rext_ossl_client_hosted(ctx, &config);
}

const struct module module = {"rext_offer", 1, set_up, NULL};
