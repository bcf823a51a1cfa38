/*
 * Exported authenticators (RFC 9261): librext reads and writes the messages, OpenSSL has the exporter,
 * the hash, HMAC, the signatures and the verification of chains.
 */
#include "adapter.h"

#include <limits.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

/* Memory for the contexts of one connection: 227 of this adapter's length. */
#define CONTEXTS 4096

/* The length of the list has two bytes (EA-4). */
#define SCHEMES_MAX (UINT16_MAX / 2)

#define SIGNATURE_ALGORITHMS_CERT 50
#define CERTIFICATE_AUTHORITIES 47

struct rext_ossl_authenticators {
    const EVP_MD *digest;
    int server;
    int security_level;
    /* By sender: REXT_ENDPOINT_CLIENT and REXT_ENDPOINT_SERVER. */
    uint8_t contexts[3][EVP_MAX_MD_SIZE];
    uint8_t keys[3][EVP_MAX_MD_SIZE];
    rext_contexts *seen;
    rext_connection connection;
};

static int32_t hash(void *argument, const rext_bytes *parts, size_t count, uint8_t *digest,
                    size_t length) {
    const rext_ossl_authenticators *authenticators = argument;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    int good = context != NULL && length == (size_t)EVP_MD_get_size(authenticators->digest) &&
               EVP_DigestInit_ex(context, authenticators->digest, NULL);
    for (size_t i = 0; i < count && good; i++)
        good = EVP_DigestUpdate(context, parts[i].data, parts[i].length);
    good = good && EVP_DigestFinal_ex(context, digest, NULL);
    EVP_MD_CTX_free(context);
    return good;
}

static int32_t finished_mac(void *argument, rext_endpoint sender, const uint8_t *message,
                            size_t message_length, uint8_t *mac, size_t length) {
    const rext_ossl_authenticators *authenticators = argument;
    unsigned written = 0;
    return HMAC(authenticators->digest, authenticators->keys[sender], (int)length, message,
                message_length, mac, &written) != NULL &&
           written == length;
}

/* The key for one authenticator, and the signature that it makes. */
struct signer {
    EVP_PKEY *key;
    uint8_t *signature;
};

static int32_t sign(void *argument, void *key, uint16_t scheme, const rext_bytes *message,
                    rext_bytes *signature) {
    struct signer *signer = key;
    size_t length = 0;
    (void)argument;
    int good = scheme_sign(scheme, signer->key, message, &signer->signature, &length);
    signature->data = signer->signature;
    signature->length = length;
    return good;
}

/* One certificate and nothing behind it; or NULL. */
static X509 *certificate_of(const rext_bytes *bytes) {
    const unsigned char *at = bytes->data;
    X509 *certificate = NULL;
    ERR_set_mark();
    if (bytes->length <= LONG_MAX)
        certificate = d2i_X509(NULL, &at, (long)bytes->length);
    if (certificate != NULL && at != bytes->data + bytes->length) {
        X509_free(certificate);
        certificate = NULL;
    }
    ERR_pop_to_mark();
    return certificate;
}

static int32_t verify(void *argument, void *details, const rext_signed *signature) {
    X509 *certificate = certificate_of(&signature->certificate);
    EVP_PKEY *key = certificate != NULL ? X509_get0_pubkey(certificate) : NULL;
    (void)argument, (void)details;
    int good = key != NULL ? scheme_verify(signature, key) : 0;
    X509_free(certificate);
    return good;
}

static int export(rext_ossl_authenticators *authenticators, SSL *ssl, int sender,
                  const char *context, const char *key) {
    size_t length = (size_t)EVP_MD_get_size(authenticators->digest);
    static const unsigned char nothing[1] = {0};
    rext_bytes *place = sender == REXT_ENDPOINT_CLIENT ? &authenticators->connection.client_context
                                                       : &authenticators->connection.server_context;
    place->data = authenticators->contexts[sender];
    place->length = length;
    /* A context of length 0, which is not the same as none under TLS 1.2 (EA-1). */
    return SSL_export_keying_material(ssl, authenticators->contexts[sender], length, context,
                                      strlen(context), nothing, 0, 1) == 1 &&
           SSL_export_keying_material(ssl, authenticators->keys[sender], length, key, strlen(key),
                                      nothing, 0, 1) == 1;
}

/* The hash of the negotiated cipher suite. Suites of TLS 1.2 without one of their own have SHA-256. */
static const EVP_MD *digest_of(SSL *ssl) {
    const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);
    const EVP_MD *digest = cipher != NULL ? SSL_CIPHER_get_handshake_digest(cipher) : NULL;
    return digest != NULL && EVP_MD_get_type(digest) == NID_md5_sha1 ? EVP_sha256() : digest;
}

rext_ossl_authenticators *rext_ossl_authenticators_new(SSL *ssl) {
    int version = SSL_version(ssl);
    if (!SSL_is_init_finished(ssl)) {
        raise_line("exported authenticators need a complete handshake (EA-1)");
        return NULL;
    }
    if (version != TLS1_3_VERSION &&
        (version != TLS1_2_VERSION || SSL_get_extms_support(ssl) != 1)) {
        raise_line("exported authenticators need TLS 1.3, or TLS 1.2 with the extended master secret "
                   "(EA-12)");
        return NULL;
    }
    rext_ossl_authenticators *authenticators = OPENSSL_zalloc(sizeof *authenticators);
    if (authenticators == NULL)
        return NULL;
    rext_connection *connection = &authenticators->connection;
    connection->hash = hash;
    connection->finished_mac = finished_mac;
    connection->sign = sign;
    connection->verify = verify;
    connection->argument = authenticators;
    authenticators->server = SSL_is_server(ssl);
    authenticators->security_level = SSL_get_security_level(ssl);
    authenticators->digest = digest_of(ssl);
    if (authenticators->digest != NULL &&
        export(authenticators, ssl, REXT_ENDPOINT_CLIENT,
               "EXPORTER-client authenticator handshake context",
               "EXPORTER-client authenticator finished key") &&
        export(authenticators, ssl, REXT_ENDPOINT_SERVER,
               "EXPORTER-server authenticator handshake context",
               "EXPORTER-server authenticator finished key") &&
        rext_contexts_new(CONTEXTS, &authenticators->seen, NULL) == REXT_OK)
        return authenticators;
    raise_line("cannot export the values for authenticators");
    rext_ossl_authenticators_free(authenticators);
    return NULL;
}

void rext_ossl_authenticators_free(rext_ossl_authenticators *authenticators) {
    if (authenticators == NULL)
        return;
    rext_contexts_free(authenticators->seen);
    OPENSSL_clear_free(authenticators, sizeof *authenticators);
}

static int fail(const rext_error *error) {
    raise_error(error);
    return 0;
}

static rext_endpoint side(const rext_ossl_authenticators *authenticators, int own) {
    return (authenticators->server != 0) == own ? REXT_ENDPOINT_SERVER : REXT_ENDPOINT_CLIENT;
}

static int record(rext_ossl_authenticators *authenticators, rext_context_use use,
                  const rext_request *request) {
    rext_request_fields fields;
    rext_error error;
    if (rext_request_fields_of(request, &fields) != REXT_OK)
        return 0;
    return rext_contexts_record(authenticators->seen, use, fields.context.data,
                                fields.context.length, &error) == REXT_OK ||
           fail(&error);
}

/* Memory for a message of this length; NULL, and an error, without it. */
static uint8_t *begin(rext_ossl_message *message, size_t length) {
    message->length = 0;
    message->data = OPENSSL_malloc(length);
    return message->data;
}

void rext_ossl_message_clear(rext_ossl_message *message) {
    OPENSSL_free(message->data);
    message->data = NULL;
    message->length = 0;
}

static uint8_t *put_length(uint8_t *to, size_t length) {
    *to++ = (uint8_t)(length >> 8);
    *to++ = (uint8_t)length;
    return to;
}

/* The body of certificate_authorities; 0 if it cannot be encoded, or is too long. */
static int put_names(const STACK_OF(X509_NAME) *names, rext_ossl_message *body) {
    size_t length = 0;
    for (int i = 0; i < sk_X509_NAME_num(names); i++) {
        int name = i2d_X509_NAME(sk_X509_NAME_value(names, i), NULL);
        if (name < 0)
            return raise_line("the name of an authority cannot be encoded");
        length += 2 + (size_t)name;
    }
    if (length > REXT_OSSL_NAMES_MAX)
        return raise_line("the names of the authorities do not fit into a request");
    uint8_t *to = begin(body, 2 + length);
    if (to == NULL)
        return 0;
    to = put_length(to, length);
    for (int i = 0; i < sk_X509_NAME_num(names); i++) {
        X509_NAME *name = sk_X509_NAME_value(names, i);
        to = put_length(to, (size_t)i2d_X509_NAME(name, NULL));
        i2d_X509_NAME(name, &to);
    }
    body->length = 2 + length;
    return 1;
}

int rext_ossl_authenticator_request(rext_ossl_authenticators *authenticators,
                                    const uint16_t *schemes, size_t count,
                                    const STACK_OF(X509_NAME) *names, rext_ossl_message *request) {
    uint8_t context[REXT_CONTEXT_MIN];
    rext_ossl_message body = {NULL, 0};
    rext_request view;
    rext_request_fields fields;
    rext_error error;
    int good = 0, with_names = names != NULL && sk_X509_NAME_num(names) > 0;
    request->data = NULL;
    request->length = 0;
    if (schemes == NULL)
        schemes = schemes_all(&count);
    if (count > SCHEMES_MAX)
        return raise_line("too many signature schemes for a request");
    if (RAND_bytes(context, sizeof context) != 1 || (with_names && !put_names(names, &body)))
        return 0;
    size_t room = 64 + sizeof context + 2 * count + body.length;
    rext_extension authorities = {{body.data, body.length}, CERTIFICATE_AUTHORITIES};
    if (begin(request, room) != NULL) {
        if (rext_request_write(side(authenticators, 1), context, sizeof context, schemes, count,
                               &authorities, (size_t)with_names, request->data, room, &view,
                               &error) != REXT_OK)
            fail(&error);
        else if (record(authenticators, REXT_CONTEXT_SENT, &view) &&
                 rext_request_fields_of(&view, &fields) == REXT_OK) {
            request->length = fields.bytes.length;
            good = 1;
        }
    }
    rext_ossl_message_clear(&body);
    if (!good)
        rext_ossl_message_clear(request);
    return good;
}

/* The number of certificates; OpenSSL's is -1 for NULL. */
static int count_of(const STACK_OF(X509) *chain) {
    return chain != NULL ? sk_X509_num(chain) : 0;
}

/* Whether a list of names has the issuer of one of the certificates; or there is no list. */
static int has_issuer(const rext_request *request, X509 *certificate, STACK_OF(X509) *chain) {
    rext_list names;
    rext_bytes bytes;
    int found = 0;
    if (rext_request_extension(request, CERTIFICATE_AUTHORITIES, &bytes) != REXT_YES)
        return 1;
    if (rext_request_authorities(request, &names) != REXT_OK)
        return 0;
    while (!found && rext_list_next(&names, NULL, &bytes) == REXT_YES) {
        const unsigned char *at = bytes.data;
        ERR_set_mark();
        X509_NAME *name = d2i_X509_NAME(NULL, &at, (long)bytes.length);
        ERR_pop_to_mark();
        if (name != NULL && at == bytes.data + bytes.length) {
            found = X509_NAME_cmp(name, X509_get_issuer_name(certificate)) == 0;
            for (int i = 0; i < count_of(chain) && !found; i++)
                found = X509_NAME_cmp(name, X509_get_issuer_name(sk_X509_value(chain, i))) == 0;
        }
        X509_NAME_free(name);
    }
    return found;
}

static int is_listed(const rext_bytes *body, const X509 *certificate) {
    for (size_t i = 2; i + 1 < body->length; i += 2)
        if (scheme_is_of((uint16_t)(body->data[i] << 8 | body->data[i + 1]), certificate))
            return 1;
    return 0;
}

/* Whether signature_algorithms_cert has the signatures of all certificates but a self-signed one, whose
 * signature does not matter; or is absent. */
static int has_signatures(const rext_request *request, X509 *certificate, STACK_OF(X509) *chain) {
    rext_bytes body;
    if (rext_request_extension(request, SIGNATURE_ALGORITHMS_CERT, &body) != REXT_YES)
        return 1;
    for (int i = -1; i < count_of(chain); i++) {
        X509 *one = i < 0 ? certificate : sk_X509_value(chain, i);
        if ((X509_get_extension_flags(one) & EXFLAG_SS) == 0 && !is_listed(&body, one))
            return 0;
    }
    return 1;
}

/* The first scheme of the request that the key can make; 0 if it has none. */
static uint16_t choose(const rext_request *request, EVP_PKEY *key) {
    rext_list schemes;
    uint16_t scheme;
    if (rext_request_schemes(request, &schemes) == REXT_OK)
        while (rext_list_next(&schemes, &scheme, NULL) == REXT_YES)
            if (scheme_fits(scheme, key))
                return scheme;
    return 0;
}

/* Makes an authenticator with this scheme. */
static int make(rext_ossl_authenticators *authenticators, const rext_request *request,
                uint16_t scheme, X509 *certificate, STACK_OF(X509) *chain, EVP_PKEY *key,
                rext_ossl_message *answer) {
    int others = count_of(chain), good = 0;
    size_t count = 0, room = 1024 + (size_t)EVP_PKEY_get_size(key);
    struct signer signer = {key, NULL};
    rext_error error;
    rext_bytes *all = OPENSSL_zalloc((size_t)(1 + others) * sizeof *all);
    if (all == NULL)
        return 0;
    for (int i = -1; i < others; i++) {
        uint8_t *der = NULL;
        int length = i2d_X509(i < 0 ? certificate : sk_X509_value(chain, i), &der);
        if (length <= 0)
            goto end;
        all[count].data = der;
        all[count++].length = (size_t)length;
        room += 5 + (size_t)length;
    }
    if (begin(answer, room) == NULL)
        goto end;
    good = rext_authenticator_make(request, &authenticators->connection, all, count, scheme, &signer,
                                   answer->data, room, &answer->length, &error) == REXT_OK ||
           fail(&error);
end:
    OPENSSL_free(signer.signature);
    while (count > 0)
        OPENSSL_free((void *)all[--count].data);
    OPENSSL_free(all);
    if (!good)
        rext_ossl_message_clear(answer);
    return good;
}

static int decline(rext_ossl_authenticators *authenticators, const rext_request *request,
                   rext_ossl_message *answer) {
    rext_error error;
    size_t room = 4 + EVP_MAX_MD_SIZE;
    if (begin(answer, room) == NULL)
        return 0;
    if (rext_authenticator_decline(request, &authenticators->connection, answer->data, room,
                                   &answer->length, &error) == REXT_OK)
        return 1;
    rext_ossl_message_clear(answer);
    return fail(&error);
}

static int key_fits(X509 *certificate, EVP_PKEY *key) {
    return X509_check_private_key(certificate, key) == 1 ||
           raise_line("the key is not that of the certificate");
}

/* Reads the peer's request, and uses it up. */
static int take(rext_ossl_authenticators *authenticators, const rext_bytes *bytes,
                rext_request *request) {
    rext_error error;
    if (rext_request_parse(side(authenticators, 0), bytes->data, bytes->length, request, &error) !=
        REXT_OK)
        return fail(&error);
    return record(authenticators, REXT_CONTEXT_RECEIVED, request) &&
           record(authenticators, REXT_CONTEXT_ANSWER, request);
}

rext_proof rext_ossl_authenticator_answer(rext_ossl_authenticators *authenticators,
                                          const rext_bytes *request, X509 *certificate,
                                          STACK_OF(X509) *chain, EVP_PKEY *key,
                                          rext_ossl_message *answer) {
    rext_request view;
    answer->data = NULL;
    answer->length = 0;
    if (!key_fits(certificate, key) || !take(authenticators, request, &view))
        return 0;
    uint16_t scheme = has_issuer(&view, certificate, chain) &&
                              has_signatures(&view, certificate, chain)
                          ? choose(&view, key)
                          : 0;
    if (scheme == 0)
        return decline(authenticators, &view, answer) ? REXT_PROOF_DECLINED : 0;
    return make(authenticators, &view, scheme, certificate, chain, key, answer)
               ? REXT_PROOF_POSSESSION
               : 0;
}

int rext_ossl_authenticator_decline(rext_ossl_authenticators *authenticators,
                                    const rext_bytes *request, rext_ossl_message *answer) {
    rext_request view;
    answer->data = NULL;
    answer->length = 0;
    return take(authenticators, request, &view) && decline(authenticators, &view, answer);
}

int rext_ossl_authenticator_spontaneous(rext_ossl_authenticators *authenticators,
                                        const rext_hello *hello, X509 *certificate,
                                        STACK_OF(X509) *chain, EVP_PKEY *key,
                                        rext_ossl_message *authenticator) {
    uint8_t context[REXT_CONTEXT_MIN];
    rext_request view;
    rext_error error;
    authenticator->data = NULL;
    authenticator->length = 0;
    if (!authenticators->server)
        return raise_line("only a server makes an authenticator without a request (EA-5)");
    if (!key_fits(certificate, key) || RAND_bytes(context, sizeof context) != 1)
        return 0;
    if (rext_request_spontaneous(context, sizeof context, hello, &view, &error) != REXT_OK)
        return fail(&error);
    uint16_t scheme = choose(&view, key);
    if (scheme == 0)
        return raise_line("the ClientHello has no signature scheme that the key can make (EA-7)");
    return record(authenticators, REXT_CONTEXT_SPONTANEOUS, &view) &&
           make(authenticators, &view, scheme, certificate, chain, key, authenticator);
}

static int verify_chain(const rext_ossl_authenticators *authenticators, X509_STORE *store,
                        int purpose, rext_ossl_proof *proof) {
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    int good = 0;
    const char *defaults = purpose == X509_PURPOSE_SSL_SERVER ? "ssl_server" : "ssl_client";
    ERR_set_mark(); /* a chain that does not verify is an outcome */
    if (context != NULL &&
        X509_STORE_CTX_init(context, store, sk_X509_value(proof->certificates, 0),
                            proof->certificates) &&
        X509_STORE_CTX_set_default(context, defaults)) {
        X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(context),
                                         authenticators->security_level);
        X509_STORE_CTX_set_verify_cb(context, verify_as_found);
        good = 1;
        proof->verify_error = X509_V_ERR_APPLICATION_VERIFICATION;
        if (store_is_whole(store)) {
            int verified = X509_verify_cert(context) == 1;
            proof->verify_error = X509_STORE_CTX_get_error(context);
            if (verified && proof->verify_error == X509_V_OK)
                good = (proof->chain = X509_STORE_CTX_get1_chain(context)) != NULL;
            else if (proof->verify_error == X509_V_OK)
                proof->verify_error = X509_V_ERR_UNSPECIFIED;
        }
    }
    ERR_pop_to_mark();
    X509_STORE_CTX_free(context);
    return good || raise_line("cannot verify the chain of an authenticator");
}

/* Validates an answer whose request has been used up. */
static int validate(const rext_ossl_authenticators *authenticators, const rext_request *request,
                    const rext_bytes *authenticator, X509_STORE *store, int purpose,
                    rext_ossl_proof *proof) {
    rext_list list;
    rext_bytes bytes;
    rext_error error;
    rext_proof outcome = rext_authenticator_validate(request, &authenticators->connection,
                                                     authenticator->data, authenticator->length, NULL,
                                                     &list, &proof->scheme, &error);
    if (outcome < 0)
        return fail(&error);
    if (outcome == REXT_PROOF_DECLINED) {
        proof->proof = outcome;
        return 1;
    }
    proof->certificates = sk_X509_new_null();
    int good = proof->certificates != NULL;
    while (good && rext_list_next(&list, NULL, &bytes) == REXT_YES) {
        X509 *certificate = certificate_of(&bytes);
        if (certificate == NULL)
            good = raise_line("invalid authenticator: a certificate is not one of X.509 (EA-6)");
        else if (!sk_X509_push(proof->certificates, certificate)) {
            X509_free(certificate);
            good = 0;
        }
    }
    if (!good || !verify_chain(authenticators, store, purpose, proof)) {
        rext_ossl_proof_clear(proof);
        return 0;
    }
    proof->proof = outcome;
    return 1;
}

static int begin_validation(int purpose, rext_ossl_proof *proof) {
    memset(proof, 0, sizeof *proof);
    return purpose == X509_PURPOSE_SSL_CLIENT || purpose == X509_PURPOSE_SSL_SERVER ||
           raise_line("the purpose is neither X509_PURPOSE_SSL_CLIENT nor X509_PURPOSE_SSL_SERVER");
}

int rext_ossl_authenticator_validate(rext_ossl_authenticators *authenticators,
                                     const rext_bytes *request, const rext_bytes *authenticator,
                                     X509_STORE *store, int purpose, rext_ossl_proof *proof) {
    rext_request view;
    rext_error error;
    if (!begin_validation(purpose, proof))
        return 0;
    if (rext_request_parse(side(authenticators, 1), request->data, request->length, &view, &error) !=
        REXT_OK)
        return fail(&error);
    return record(authenticators, REXT_CONTEXT_ANSWERED, &view) &&
           validate(authenticators, &view, authenticator, store, purpose, proof);
}

int rext_ossl_authenticator_validate_spontaneous(rext_ossl_authenticators *authenticators,
                                                 const rext_hello *hello,
                                                 const rext_bytes *authenticator, X509_STORE *store,
                                                 int purpose, rext_ossl_proof *proof) {
    rext_request view;
    rext_bytes context;
    rext_error error;
    if (!begin_validation(purpose, proof))
        return 0;
    if (authenticators->server)
        return raise_line("a client makes no authenticator without a request (EA-5)");
    if (rext_authenticator_context(authenticator->data, authenticator->length, &context, &error) < 0 ||
        rext_request_spontaneous(context.data, context.length, hello, &view, &error) != REXT_OK)
        return fail(&error);
    return record(authenticators, REXT_CONTEXT_SPONTANEOUS, &view) &&
           validate(authenticators, &view, authenticator, store, purpose, proof);
}

void rext_ossl_proof_clear(rext_ossl_proof *proof) {
    sk_X509_pop_free(proof->certificates, X509_free);
    sk_X509_pop_free(proof->chain, X509_free);
    memset(proof, 0, sizeof *proof);
}
