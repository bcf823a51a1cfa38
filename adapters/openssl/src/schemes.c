/* Signature schemes of TLS 1.3 (EA-7), and the keys that they fit. */
#include "adapter.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

struct scheme {
    uint16_t number;
    /* The type of the key. RSA keys with the OID of RSASSA-PSS are another type than RSA keys. */
    const char *key;
    /* The curve of ECDSA, which belongs to the hash. */
    int curve;
    const char *digest;
    int pss;
};

static const struct scheme SCHEMES[] = {
    {0x0403, "EC", NID_X9_62_prime256v1, "SHA256", 0},
    {0x0503, "EC", NID_secp384r1, "SHA384", 0},
    {0x0603, "EC", NID_secp521r1, "SHA512", 0},
    {0x0807, "ED25519", 0, NULL, 0},
    {0x0808, "ED448", 0, NULL, 0},
    {0x0804, "RSA", 0, "SHA256", 1},
    {0x0805, "RSA", 0, "SHA384", 1},
    {0x0806, "RSA", 0, "SHA512", 1},
    {0x0809, "RSA-PSS", 0, "SHA256", 1},
    {0x080a, "RSA-PSS", 0, "SHA384", 1},
    {0x080b, "RSA-PSS", 0, "SHA512", 1},
};

const uint16_t *schemes_all(size_t *count) {
    static const uint16_t numbers[] = {0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0804,
                                       0x0805, 0x0806, 0x0809, 0x080a, 0x080b};
    *count = sizeof numbers / sizeof *numbers;
    return numbers;
}

static int curve_of(EVP_PKEY *key) {
    char name[80];
    size_t length;
    if (!EVP_PKEY_get_group_name(key, name, sizeof name, &length))
        return NID_undef;
    int curve = EC_curve_nist2nid(name);
    return curve != NID_undef ? curve : OBJ_sn2nid(name);
}

/* The scheme, if the key can make signatures of it; or NULL. */
static const struct scheme *fitting(uint16_t number, EVP_PKEY *key) {
    for (size_t i = 0; i < sizeof SCHEMES / sizeof *SCHEMES; i++) {
        const struct scheme *one = &SCHEMES[i];
        if (one->number != number)
            continue;
        if (!EVP_PKEY_is_a(key, one->key) || (one->curve != 0 && curve_of(key) != one->curve))
            return NULL;
        if (!one->pss)
            return one;
        /* The hash and a salt of the same length must fit into the signature (RFC 8017 section
         * 9.1.1), and a key of RSASSA-PSS may be for one hash only. */
        char wanted[80];
        const EVP_MD *digest = EVP_get_digestbyname(one->digest);
        int size = digest != NULL ? EVP_MD_get_size(digest) : 0;
        if (size <= 0 || (EVP_PKEY_get_bits(key) + 6) / 8 < 2 * size + 2)
            return NULL;
        if (EVP_PKEY_get_default_digest_name(key, wanted, sizeof wanted) == 2 &&
            !EVP_MD_is_a(digest, wanted))
            return NULL;
        return one;
    }
    return NULL;
}

int scheme_fits(uint16_t number, EVP_PKEY *key) {
    return fitting(number, key) != NULL;
}

static int set_salt(const struct scheme *scheme, EVP_PKEY_CTX *context) {
    return !scheme->pss ||
           (EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) > 0 &&
            EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) > 0);
}

int scheme_sign(uint16_t number, EVP_PKEY *key, const rext_bytes *message, uint8_t **signature,
                size_t *length) {
    const struct scheme *scheme = fitting(number, key);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *settings;
    int good = 0;
    *signature = NULL;
    if (scheme != NULL && context != NULL &&
        EVP_DigestSignInit_ex(context, &settings, scheme->digest, NULL, NULL, key, NULL) == 1 &&
        set_salt(scheme, settings) &&
        EVP_DigestSign(context, NULL, length, message->data, message->length) == 1 &&
        (*signature = OPENSSL_malloc(*length)) != NULL)
        good = EVP_DigestSign(context, *signature, length, message->data, message->length) == 1;
    EVP_MD_CTX_free(context);
    return good;
}

int scheme_verify(const rext_signed *signature, EVP_PKEY *key) {
    const struct scheme *scheme = fitting(signature->scheme, key);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *settings;
    int good = context == NULL ? -1 : 0;
    ERR_set_mark(); /* librext says what is wrong */
    if (scheme != NULL && context != NULL &&
        EVP_DigestVerifyInit_ex(context, &settings, scheme->digest, NULL, NULL, key, NULL) == 1 &&
        set_salt(scheme, settings))
        good = EVP_DigestVerify(context, signature->signature.data, signature->signature.length,
                                signature->message.data, signature->message.length) == 1;
    ERR_pop_to_mark();
    EVP_MD_CTX_free(context);
    return good;
}

int scheme_is_of(uint16_t number, const X509 *certificate) {
    int digest, key;
    if (!X509_get_signature_info((X509 *)certificate, &digest, &key, NULL, NULL))
        return 0;
    switch (number) {
    case 0x0401: return key == NID_rsaEncryption && digest == NID_sha256;
    case 0x0501: return key == NID_rsaEncryption && digest == NID_sha384;
    case 0x0601: return key == NID_rsaEncryption && digest == NID_sha512;
    case 0x0403: return key == NID_X9_62_id_ecPublicKey && digest == NID_sha256;
    case 0x0503: return key == NID_X9_62_id_ecPublicKey && digest == NID_sha384;
    case 0x0603: return key == NID_X9_62_id_ecPublicKey && digest == NID_sha512;
    case 0x0804:
    case 0x0809: return key == NID_rsassaPss && digest == NID_sha256;
    case 0x0805:
    case 0x080a: return key == NID_rsassaPss && digest == NID_sha384;
    case 0x0806:
    case 0x080b: return key == NID_rsassaPss && digest == NID_sha512;
    case 0x0807: return key == NID_ED25519;
    case 0x0808: return key == NID_ED448;
    default: return 0;
    }
}
