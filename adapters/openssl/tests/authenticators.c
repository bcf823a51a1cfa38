/* Exported authenticators over connections in memory: each key, each hash, both directions, and what an
 * application or a peer can do wrong. Arguments: the server's certificate and key, the authorities, and
 * identities (certificate chain and key in one file): P-256, P-384, Ed25519, RSA, RSASSA-PSS, one of
 * another authority, and RSASSA-PSS for SHA-384 alone. */
#include "../src/adapter.h"
#include "harness.h"

#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

static char **files;

struct identity {
    X509 *certificate;
    EVP_PKEY *key;
};

static struct identity load(const char *path) {
    struct identity identity;
    FILE *file = fopen(path, "r");
    CHECK(file != NULL);
    identity.key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    rewind(file);
    identity.certificate = PEM_read_X509(file, NULL, NULL, NULL);
    CHECK(identity.key != NULL && identity.certificate != NULL);
    fclose(file);
    return identity;
}

static void unload(struct identity *identity) {
    X509_free(identity->certificate);
    EVP_PKEY_free(identity->key);
}

/* Both sides of a connection; [0] is the client. */
struct pair {
    SSL *ssl[2];
    rext_ossl_authenticators *sides[2];
};

static uint8_t hello_bytes[4096];
static size_t hello_length;

static void see_hello(int write, int version, int type, const void *bytes, size_t length, SSL *ssl,
                      void *argument) {
    (void)write, (void)version, (void)ssl, (void)argument;
    if (type == SSL3_RT_HANDSHAKE && length > 0 && *(const uint8_t *)bytes == SSL3_MT_CLIENT_HELLO) {
        CHECK(length <= sizeof hello_bytes);
        memcpy(hello_bytes, bytes, length);
        hello_length = length;
    }
}

/* A connection under a version and a cipher suite, whose handshake is complete. */
static void shake(struct pair *pair, int version, const char *suite, uint64_t options) {
    SSL_CTX *servers = context(TLS_server_method(), files[0], files[1]);
    SSL_CTX *clients = SSL_CTX_new(TLS_client_method());
    CHECK(SSL_CTX_set_max_proto_version(clients, version));
    CHECK(version == TLS1_3_VERSION ? SSL_CTX_set_ciphersuites(clients, suite)
                                    : SSL_CTX_set_cipher_list(clients, suite));
    SSL_CTX_set_options(clients, options);
    pair->ssl[0] = SSL_new(clients);
    pair->ssl[1] = SSL_new(servers);
    connect_pair(pair->ssl[1], pair->ssl[0]);
    SSL_set_msg_callback(pair->ssl[0], see_hello);
    CHECK(rext_ossl_authenticators_new(pair->ssl[0]) == NULL);
    check_said("need a complete handshake (EA-1)");
    for (int i = 0; i < 8 && SSL_do_handshake(pair->ssl[1]) != 1; i++)
        SSL_do_handshake(pair->ssl[0]);
    CHECK(SSL_do_handshake(pair->ssl[0]) == 1 && SSL_version(pair->ssl[1]) == version);
    SSL_CTX_free(servers);
    SSL_CTX_free(clients);
}

static void connect_both(struct pair *pair, int version, const char *suite) {
    shake(pair, version, suite, 0);
    for (int i = 0; i < 2; i++)
        CHECK((pair->sides[i] = rext_ossl_authenticators_new(pair->ssl[i])) != NULL);
}

static void disconnect(struct pair *pair) {
    for (int i = 0; i < 2; i++) {
        SSL_free(pair->ssl[i]);
        rext_ossl_authenticators_free(pair->sides[i]); /* after the connection */
    }
}

static rext_bytes bytes_of(const rext_ossl_message *message) {
    rext_bytes bytes = {message->data, message->length};
    return bytes;
}

static X509_STORE *store_of(const char *path) {
    X509_STORE *store = X509_STORE_new();
    CHECK(store != NULL && X509_STORE_load_file(store, path) == 1);
    return store;
}

static const int PURPOSE[2] = {X509_PURPOSE_SSL_CLIENT, X509_PURPOSE_SSL_SERVER};

/* The side `sender` answers a request of the other one with this identity. */
static void prove(struct pair *pair, int sender, const struct identity *identity, X509_STORE *store,
                  uint16_t scheme, int verify_error) {
    rext_ossl_message request, answer;
    rext_ossl_proof proof;
    int by = 1 - sender;
    CHECK(rext_ossl_authenticator_request(pair->sides[by], NULL, 0, NULL, &request));
    rext_bytes asked = bytes_of(&request);
    CHECK(rext_ossl_authenticator_answer(pair->sides[sender], &asked, identity->certificate, NULL,
                                         identity->key, &answer) == REXT_PROOF_POSSESSION);
    rext_bytes answered = bytes_of(&answer);
    CHECK(rext_ossl_authenticator_validate(pair->sides[by], &asked, &answered, store, PURPOSE[sender],
                                           &proof));
    CHECK(proof.proof == REXT_PROOF_POSSESSION && proof.scheme == scheme);
    CHECK(X509_cmp(sk_X509_value(proof.certificates, 0), identity->certificate) == 0);
    CHECK(proof.verify_error == verify_error && (proof.chain != NULL) == (verify_error == X509_V_OK));
    CHECK(proof.chain == NULL || sk_X509_num(proof.chain) == 2);
    rext_ossl_proof_clear(&proof);
    /* Each request is answered once, on either side (EA-3, EA-11). */
    rext_ossl_message again;
    CHECK(!rext_ossl_authenticator_answer(pair->sides[sender], &asked, identity->certificate, NULL,
                                          identity->key, &again) && again.data == NULL);
    check_said("(EA-3)");
    CHECK(!rext_ossl_authenticator_validate(pair->sides[by], &asked, &answered, store, PURPOSE[sender],
                                            &proof) && proof.proof == 0 && proof.chain == NULL);
    check_said("(EA-11)");
    rext_ossl_message_clear(&request);
    rext_ossl_message_clear(&answer);
    CHECK(ERR_peek_error() == 0);
}

static void each_key_with_each_hash_in_both_directions(X509_STORE *store) {
    static const uint16_t schemes[] = {0x0403, 0x0503, 0x0807, 0x0804, 0x0809};
    static const struct {
        int version;
        const char *suite;
    } connections[] = {
        {TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256"},
        {TLS1_3_VERSION, "TLS_AES_256_GCM_SHA384"},
        {TLS1_2_VERSION, "ECDHE-ECDSA-AES256-GCM-SHA384"},
        {TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA"}, /* without a hash of its own: SHA-256 */
    };
    for (size_t i = 0; i < sizeof connections / sizeof *connections; i++) {
        struct pair pair;
        connect_both(&pair, connections[i].version, connections[i].suite);
        for (int sender = 0; sender < 2; sender++) {
            for (size_t at = 0; at < 5; at++) {
                struct identity identity = load(files[3 + at]);
                prove(&pair, sender, &identity, store, schemes[at], X509_V_OK);
                unload(&identity);
            }
            struct identity other = load(files[8]);
            prove(&pair, sender, &other, store, 0x0403, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
            unload(&other);
            struct identity one_hash = load(files[9]);
            prove(&pair, sender, &one_hash, store, 0x080a, X509_V_OK);
            unload(&one_hash);
        }
        disconnect(&pair);
    }
}

/* The signature of a message by RSASSA-PSS with SHA-256 and a salt of this length, or PKCS #1 v1.5. */
static int verifies(const struct identity *identity, uint16_t scheme, int padding, int salt) {
    static const uint8_t message[] = "a message";
    uint8_t signature[512];
    size_t length = sizeof signature;
    EVP_MD_CTX *making = EVP_MD_CTX_new();
    EVP_PKEY_CTX *settings;
    CHECK(EVP_DigestSignInit(making, &settings, EVP_sha256(), NULL, identity->key) == 1);
    CHECK(EVP_PKEY_CTX_set_rsa_padding(settings, padding) > 0);
    CHECK(salt == 0 || EVP_PKEY_CTX_set_rsa_pss_saltlen(settings, salt) > 0);
    CHECK(EVP_DigestSign(making, signature, &length, message, sizeof message) == 1);
    EVP_MD_CTX_free(making);
    rext_signed to_verify = {{message, sizeof message}, {signature, length}, {NULL, 0}, scheme};
    return scheme_verify(&to_verify, identity->key);
}

static void ea_7_the_salt_is_as_long_as_the_hash_and_the_scheme_fits_the_oid(void) {
    struct identity rsa = load(files[6]), pss = load(files[7]), p256 = load(files[3]);
    CHECK(verifies(&rsa, 0x0804, RSA_PKCS1_PSS_PADDING, 32) == 1);
    CHECK(verifies(&rsa, 0x0804, RSA_PKCS1_PSS_PADDING, 20) == 0);
    CHECK(verifies(&rsa, 0x0804, RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_MAX) == 0);
    CHECK(verifies(&rsa, 0x0804, RSA_PKCS1_PADDING, 0) == 0);
    CHECK(verifies(&rsa, 0x0401, RSA_PKCS1_PADDING, 0) == 0);
    CHECK(verifies(&rsa, 0x0809, RSA_PKCS1_PSS_PADDING, 32) == 0);
    CHECK(verifies(&rsa, 0x0805, RSA_PKCS1_PSS_PADDING, 32) == 0);
    CHECK(verifies(&pss, 0x0809, RSA_PKCS1_PSS_PADDING, 32) == 1);
    CHECK(verifies(&pss, 0x0809, RSA_PKCS1_PSS_PADDING, 20) == 0);
    CHECK(verifies(&pss, 0x0804, RSA_PKCS1_PSS_PADDING, 32) == 0);
    /* ECDSA has the hash of the curve. */
    CHECK(scheme_fits(0x0403, p256.key) && !scheme_fits(0x0503, p256.key));
    unload(&rsa);
    unload(&pss);
    unload(&p256);
}

static void export(SSL *ssl, const char *label, int use_context, uint8_t *to, size_t length) {
    CHECK(SSL_export_keying_material(ssl, to, length, label, strlen(label), (const uint8_t *)"", 0,
                                     use_context) == 1);
}

/* The MAC of an empty authenticator of the client, by hand (EA-10). */
static void mac_by_hand(SSL *ssl, const EVP_MD *md, const rext_bytes *request, int use_context,
                        uint8_t *mac) {
    uint8_t transcript[1024], digest[EVP_MAX_MD_SIZE], key[EVP_MAX_MD_SIZE];
    size_t hash = (size_t)EVP_MD_get_size(md), length = hash;
    unsigned written;
    const uint8_t certificate[] = {11, 0, 0, 20, 16};
    export(ssl, "EXPORTER-client authenticator handshake context", use_context, transcript, hash);
    export(ssl, "EXPORTER-client authenticator finished key", use_context, key, hash);
    memcpy(transcript + length, request->data, request->length);
    length += request->length;
    memcpy(transcript + length, certificate, sizeof certificate);
    length += sizeof certificate;
    memcpy(transcript + length, request->data + 5, 16); /* the context */
    memset(transcript + length + 16, 0, 3);
    CHECK(EVP_Digest(transcript, length + 19, digest, &written, md, NULL));
    CHECK(HMAC(md, key, (int)hash, digest, hash, mac, &written) != NULL && written == hash);
}

/* Two stacks with the same mistake would validate each other: so this is computed by hand. */
static void ea_1_the_exporter_has_an_empty_context_and_the_hash_of_the_suite(void) {
    static const struct {
        int version;
        const char *suite, *hash;
    } connections[] = {
        {TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256", "SHA256"},
        {TLS1_3_VERSION, "TLS_AES_256_GCM_SHA384", "SHA384"},
        {TLS1_2_VERSION, "ECDHE-ECDSA-AES256-GCM-SHA384", "SHA384"},
        {TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA", "SHA256"},
    };
    for (size_t i = 0; i < sizeof connections / sizeof *connections; i++) {
        const EVP_MD *md = EVP_get_digestbyname(connections[i].hash);
        size_t hash = (size_t)EVP_MD_get_size(md);
        uint8_t mac[EVP_MAX_MD_SIZE];
        rext_ossl_message request, answer;
        struct pair pair;
        connect_both(&pair, connections[i].version, connections[i].suite);
        CHECK(rext_ossl_authenticator_request(pair.sides[1], NULL, 0, NULL, &request));
        rext_bytes asked = bytes_of(&request);
        CHECK(asked.data[4] == 16);
        CHECK(rext_ossl_authenticator_decline(pair.sides[0], &asked, &answer));
        CHECK(answer.length == 4 + hash && answer.data[0] == 20);
        for (int side = 0; side < 2; side++) {
            mac_by_hand(pair.ssl[side], md, &asked, 1, mac);
            CHECK(memcmp(mac, answer.data + 4, hash) == 0);
            mac_by_hand(pair.ssl[side], md, &asked, 0, mac);
            CHECK((memcmp(mac, answer.data + 4, hash) == 0) ==
                  (connections[i].version == TLS1_3_VERSION));
        }
        rext_ossl_message_clear(&request);
        rext_ossl_message_clear(&answer);
        disconnect(&pair);
    }
}

static void ea_12_tls_12_needs_the_extended_master_secret(void) {
    struct pair pair;
    shake(&pair, TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256", SSL_OP_NO_EXTENDED_MASTER_SECRET);
    for (int i = 0; i < 2; i++) {
        CHECK((pair.sides[i] = rext_ossl_authenticators_new(pair.ssl[i])) == NULL);
        check_said("or TLS 1.2 with the extended master secret (EA-12)");
    }
    disconnect(&pair);
}

/* A request with these settings is answered with an empty authenticator. */
static void check_declined(struct pair *pair, const uint16_t *schemes, size_t count,
                           const STACK_OF(X509_NAME) *names, const struct identity *identity,
                           X509_STORE *store, int declines) {
    rext_ossl_message request, answer;
    rext_ossl_proof proof;
    CHECK(rext_ossl_authenticator_request(pair->sides[1], schemes, count, names, &request));
    rext_bytes asked = bytes_of(&request);
    if (identity == NULL)
        CHECK(rext_ossl_authenticator_decline(pair->sides[0], &asked, &answer));
    else
        CHECK(rext_ossl_authenticator_answer(pair->sides[0], &asked, identity->certificate, NULL,
                                             identity->key, &answer) ==
              (declines ? REXT_PROOF_DECLINED : REXT_PROOF_POSSESSION));
    rext_bytes answered = bytes_of(&answer);
    CHECK(rext_ossl_authenticator_validate(pair->sides[1], &asked, &answered, store,
                                           X509_PURPOSE_SSL_CLIENT, &proof));
    CHECK(proof.proof == (declines ? REXT_PROOF_DECLINED : REXT_PROOF_POSSESSION));
    CHECK(!declines || (proof.chain == NULL && proof.certificates == NULL && proof.scheme == 0));
    rext_ossl_proof_clear(&proof);
    rext_ossl_message_clear(&request);
    rext_ossl_message_clear(&answer);
}

static void ea_10_an_identity_that_does_not_fit_declines(X509_STORE *store) {
    static const uint16_t p384[] = {0x0503}, pkcs1[] = {0x0401, 0x0804}, pss[] = {0x0809};
    struct pair pair;
    struct identity p256 = load(files[3]), rsa = load(files[6]);
    STACK_OF(X509_NAME) *own = SSL_load_client_CA_file(files[2]), *others = sk_X509_NAME_new_null();
    connect_both(&pair, TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256");
    sk_X509_NAME_push(others, X509_NAME_dup(X509_get_subject_name(p256.certificate)));
    check_declined(&pair, NULL, 0, NULL, NULL, store, 1);
    check_declined(&pair, p384, 1, NULL, &p256, store, 1);
    check_declined(&pair, pss, 1, NULL, &rsa, store, 1);
    check_declined(&pair, pkcs1, 2, NULL, &rsa, store, 0);
    check_declined(&pair, NULL, 0, own, &p256, store, 0);
    check_declined(&pair, NULL, 0, others, &p256, store, 1);
    sk_X509_NAME_pop_free(own, X509_NAME_free);
    sk_X509_NAME_pop_free(others, X509_NAME_free);
    unload(&p256);
    unload(&rsa);
    disconnect(&pair);
}

static void ea_6_signature_algorithms_cert_counts_for_the_chain(void) {
    static const uint8_t context[16] = "0123456789abcde";
    static const uint16_t schemes[] = {0x0403};
    static const uint8_t sha512[] = {0, 2, 6, 3}, sha256[] = {0, 2, 4, 3};
    struct pair pair;
    struct identity identity = load(files[3]);
    connect_both(&pair, TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256");
    for (int fits = 0; fits < 2; fits++) {
        uint8_t bytes[128], own[16];
        rext_request view;
        rext_request_fields fields;
        rext_extension list = {{fits ? sha256 : sha512, 4}, 50};
        rext_ossl_message answer;
        memcpy(own, context, sizeof own);
        own[0] = (uint8_t)fits;
        CHECK(rext_request_write(REXT_ENDPOINT_SERVER, own, 16, schemes, 1, &list, 1, bytes,
                                 sizeof bytes, &view, NULL) == REXT_OK);
        CHECK(rext_request_fields_of(&view, &fields) == REXT_OK);
        CHECK(rext_ossl_authenticator_answer(pair.sides[0], &fields.bytes, identity.certificate, NULL,
                                             identity.key, &answer) ==
              (fits ? REXT_PROOF_POSSESSION : REXT_PROOF_DECLINED));
        rext_ossl_message_clear(&answer);
    }
    unload(&identity);
    disconnect(&pair);
}

static void ea_13_what_was_changed_or_is_of_another_connection_proves_nothing(X509_STORE *store) {
    struct pair pair, other;
    struct identity identity = load(files[5]);
    connect_both(&pair, TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256");
    connect_both(&other, TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256");
    for (size_t at = 0;; at++) {
        rext_ossl_message request, answer;
        rext_ossl_proof proof;
        CHECK(rext_ossl_authenticator_request(pair.sides[1], NULL, 0, NULL, &request));
        rext_bytes asked = bytes_of(&request);
        /* The first is made by another connection, and of the others one byte is changed. */
        rext_ossl_authenticators *sender = at == 0 ? other.sides[0] : pair.sides[0];
        CHECK(rext_ossl_authenticator_answer(sender, &asked, identity.certificate, NULL, identity.key,
                                             &answer) == REXT_PROOF_POSSESSION);
        int end = at == answer.length || at == 100;
        if (at > 0)
            answer.data[end ? answer.length - 1 : at - 1] ^= 1;
        rext_bytes answered = bytes_of(&answer);
        CHECK(!rext_ossl_authenticator_validate(pair.sides[1], &asked, &answered, store,
                                                X509_PURPOSE_SSL_CLIENT, &proof));
        CHECK(proof.proof == 0 && proof.certificates == NULL && proof.chain == NULL);
        check_said(at == 0 || end ? "its MAC is wrong; it is for another connection or request, or a "
                                    "proxy between client and server terminates TLS (EA-9)"
                                  : "(EA-");
        rext_ossl_message_clear(&request);
        rext_ossl_message_clear(&answer);
        if (end)
            break;
    }
    unload(&identity);
    disconnect(&pair);
    disconnect(&other);
}

static int accept_all(int good, X509_STORE_CTX *verified) {
    (void)good;
    X509_STORE_CTX_set_error(verified, X509_V_OK);
    return 1;
}

static int verify_nothing(X509_STORE_CTX *verified) {
    X509_STORE_CTX_set_error(verified, X509_V_OK);
    return 1;
}

static void callbacks_of_the_store_accept_no_chain(void) {
    struct pair pair;
    struct identity other = load(files[8]);
    X509_STORE *store = store_of(files[2]);
    connect_both(&pair, TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256");
    X509_STORE_set_verify_cb(store, accept_all);
    prove(&pair, 0, &other, store, 0x0403, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
    X509_STORE_set_verify(store, verify_nothing);
    prove(&pair, 0, &other, store, 0x0403, X509_V_ERR_APPLICATION_VERIFICATION);
    X509_STORE_free(store);
    unload(&other);
    disconnect(&pair);
}

static void ea_5_a_server_proves_itself_without_a_request(X509_STORE *store) {
    struct pair pair;
    struct identity identity = load(files[4]);
    rext_ossl_message message, none;
    rext_ossl_proof proof;
    rext_hello hello;
    connect_both(&pair, TLS1_3_VERSION, "TLS_AES_256_GCM_SHA384");
    CHECK(rext_scan_handshake(NULL, hello_bytes, hello_length, &hello, NULL, NULL) == REXT_OK);
    CHECK(rext_ossl_authenticator_spontaneous(pair.sides[1], &hello, identity.certificate, NULL,
                                              identity.key, &message));
    rext_bytes bytes = bytes_of(&message);
    CHECK(rext_ossl_authenticator_validate_spontaneous(pair.sides[0], &hello, &bytes, store,
                                                       X509_PURPOSE_SSL_SERVER, &proof));
    CHECK(proof.proof == REXT_PROOF_POSSESSION && proof.chain != NULL && proof.scheme == 0x0503);
    rext_ossl_proof_clear(&proof);
    CHECK(!rext_ossl_authenticator_validate_spontaneous(pair.sides[0], &hello, &bytes, store,
                                                        X509_PURPOSE_SSL_SERVER, &proof));
    check_said("the context was used before");
    CHECK(!rext_ossl_authenticator_spontaneous(pair.sides[0], &hello, identity.certificate, NULL,
                                               identity.key, &none));
    check_said("only a server");
    CHECK(!rext_ossl_authenticator_validate_spontaneous(pair.sides[1], &hello, &bytes, store,
                                                        X509_PURPOSE_SSL_CLIENT, &proof));
    check_said("a client makes no authenticator without a request (EA-5)");
    rext_ossl_message_clear(&message);
    unload(&identity);
    disconnect(&pair);
}

static void mistakes_are_errors(X509_STORE *store) {
    static const uint16_t none[1] = {0};
    struct pair pair;
    struct identity one = load(files[3]), other = load(files[4]);
    rext_ossl_message request, answer;
    rext_ossl_proof proof;
    connect_both(&pair, TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256");
    CHECK(!rext_ossl_authenticator_request(pair.sides[1], none, 0, NULL, &request));
    CHECK(request.data == NULL && request.length == 0);
    check_said("(EA-4)");
    CHECK(rext_ossl_authenticator_request(pair.sides[1], NULL, 0, NULL, &request));
    rext_bytes asked = bytes_of(&request), cut = {request.data, request.length - 1};
    CHECK(!rext_ossl_authenticator_answer(pair.sides[0], &asked, one.certificate, NULL, other.key,
                                          &answer) && answer.data == NULL);
    CHECK(ERR_GET_REASON(ERR_get_error()) == X509_R_KEY_VALUES_MISMATCH);
    check_said("the key is not that of the certificate");
    CHECK(!rext_ossl_authenticator_answer(pair.sides[0], &cut, one.certificate, NULL, one.key, &answer));
    check_said("(EA-2)");
    /* A request of its own side has another type. */
    CHECK(!rext_ossl_authenticator_answer(pair.sides[1], &asked, one.certificate, NULL, one.key,
                                          &answer));
    check_said("the handshake message has type 13, not 17 (EA-2)");
    CHECK(!rext_ossl_authenticator_validate(pair.sides[1], &asked, &asked, store, X509_PURPOSE_ANY,
                                            &proof));
    check_said("the purpose is neither");
    CHECK(!rext_ossl_authenticator_validate(pair.sides[1], &asked, &asked, store,
                                            X509_PURPOSE_SSL_CLIENT, &proof));
    check_said("a handshake message has type 13, not 11 (EA-2)");
    rext_ossl_message_clear(&request);
    for (int i = 0; i < 225; i++) {
        CHECK(rext_ossl_authenticator_request(pair.sides[1], NULL, 0, NULL, &request));
        rext_ossl_message_clear(&request);
    }
    CHECK(rext_ossl_authenticator_request(pair.sides[1], NULL, 0, NULL, &request));
    rext_ossl_message_clear(&request);
    CHECK(!rext_ossl_authenticator_request(pair.sides[1], NULL, 0, NULL, &request));
    check_said("too many authenticator requests (EA-3)");
    rext_ossl_message_clear(&request);
    rext_ossl_proof_clear(&proof);
    rext_ossl_authenticators_free(NULL);
    unload(&one);
    unload(&other);
    disconnect(&pair);
}

int main(int argc, char **argv) {
    CHECK(argc == 11);
    files = argv + 1;
    X509_STORE *store = store_of(files[2]);
    each_key_with_each_hash_in_both_directions(store);
    ea_7_the_salt_is_as_long_as_the_hash_and_the_scheme_fits_the_oid();
    ea_1_the_exporter_has_an_empty_context_and_the_hash_of_the_suite();
    ea_12_tls_12_needs_the_extended_master_secret();
    ea_10_an_identity_that_does_not_fit_declines(store);
    ea_6_signature_algorithms_cert_counts_for_the_chain();
    ea_13_what_was_changed_or_is_of_another_connection_proves_nothing(store);
    callbacks_of_the_store_accept_no_chain();
    ea_5_a_server_proves_itself_without_a_request(store);
    mistakes_are_errors(store);
    X509_STORE_free(store);
    CHECK(ERR_peek_error() == 0);
    puts("all hold");
    return 0;
}
