/*
 * The ClientHello, from OpenSSL's ClientHello callback or message callback.
 *
 * The ClientHello callback gives its parts, without extensions that OpenSSL does not know. They are put
 * together again, so that librext scans them like each ClientHello.
 */
#include "adapter.h"

#include <string.h>

/* Writes a length in this many bytes, and then the bytes. */
static uint8_t *put(uint8_t *to, int length_bytes, const uint8_t *from, size_t length) {
    while (length_bytes-- > 0)
        *to++ = (uint8_t)(length >> (8 * length_bytes));
    if (length > 0)
        memcpy(to, from, length);
    return to + length;
}

static uint8_t *put_number(uint8_t *to, unsigned number) {
    *to++ = (uint8_t)(number >> 8);
    *to++ = (uint8_t)number;
    return to;
}

int hello_read(struct hello *hello, SSL *ssl, const rext_scan *scan, int *alert) {
    const unsigned char *random, *session_id, *ciphers, *compression, *body;
    size_t randoms, session_ids, ciphers_length, compressions, length, extensions = 0;
    rext_error error;
    memset(hello, 0, sizeof *hello);
    *alert = SSL_AD_INTERNAL_ERROR;
    if (SSL_client_hello_isv2(ssl)) {
        *alert = SSL_AD_PROTOCOL_VERSION;
        return raise_line("a ClientHello of SSL 2");
    }
    randoms = SSL_client_hello_get0_random(ssl, &random);
    session_ids = SSL_client_hello_get0_session_id(ssl, &session_id);
    ciphers_length = SSL_client_hello_get0_ciphers(ssl, &ciphers);
    compressions = SSL_client_hello_get0_compression_methods(ssl, &compression);
    if (!SSL_client_hello_get1_extensions_present(ssl, &hello->extensions, &hello->count))
        return raise_line("OpenSSL does not show the ClientHello");
    for (size_t i = 0; i < hello->count; i++) {
        if (!SSL_client_hello_get0_ext(ssl, (unsigned)hello->extensions[i], &body, &length))
            return raise_line("OpenSSL does not show an extension");
        extensions += 4 + length;
    }
    hello->head = 2 + randoms + 1 + session_ids + 2 + ciphers_length + 1 + compressions;
    hello->body = OPENSSL_malloc(hello->head + 2 + extensions);
    if (hello->body == NULL)
        return 0;

    uint8_t *to = put_number(hello->body, SSL_client_hello_get0_legacy_version(ssl));
    to = put(to, 0, random, randoms);
    to = put(to, 1, session_id, session_ids);
    to = put(to, 2, ciphers, ciphers_length);
    to = put(to, 1, compression, compressions);
    if (hello->count > 0)
        to = put_number(to, (unsigned)extensions);
    for (size_t i = 0; i < hello->count; i++) {
        if (!SSL_client_hello_get0_ext(ssl, (unsigned)hello->extensions[i], &body, &length))
            return raise_line("OpenSSL does not show an extension");
        to = put_number(to, (unsigned)hello->extensions[i]);
        to = put(to, 2, body, length);
    }
    size_t total = (size_t)(to - hello->body);
    if (rext_scan_body(scan, hello->body, total, &hello->view, &error) != REXT_OK) {
        *alert = raise_error(&error);
        return 0;
    }
    return 1;
}

int hello_read_message(struct hello *hello, const uint8_t *message, size_t length,
                       const rext_scan *scan, rext_error *error) {
    rext_list list;
    memset(hello, 0, sizeof *hello);
    memset(error, 0, sizeof *error);
    if (length < SSL3_HM_HEADER_LENGTH)
        return 0;
    length -= SSL3_HM_HEADER_LENGTH;
    hello->body = OPENSSL_memdup(message + SSL3_HM_HEADER_LENGTH, length);
    if (hello->body == NULL ||
        rext_scan_body(scan, hello->body, length, &hello->view, error) != REXT_OK ||
        rext_hello_extensions(&hello->view, &list) != REXT_OK)
        return 0;
    rext_list rest = list;
    size_t extensions = 0;
    rext_bytes body;
    while (rext_list_next(&rest, NULL, &body) == REXT_YES) {
        extensions += 4 + body.length;
        hello->count++;
    }
    hello->head = length - extensions;
    hello->extensions = OPENSSL_zalloc((hello->count + 1) * sizeof *hello->extensions);
    if (hello->extensions == NULL)
        return 0;
    uint16_t number;
    for (size_t i = 0; i < hello->count && rext_list_next(&list, &number, NULL) == REXT_YES; i++)
        hello->extensions[i] = number;
    /* The length of the extensions, which may change from one ClientHello to the next. */
    if (hello->count > 0)
        hello->head -= 2;
    return 1;
}

void hello_free(struct hello *hello) {
    OPENSSL_free(hello->body);
    OPENSSL_free(hello->extensions);
    memset(hello, 0, sizeof *hello);
}

/* Its payload differs in each ClientHello (RFC 9849 section 6.1.5). OpenSSL 3.0 has no name for it. */
#define ENCRYPTED_CLIENT_HELLO 0xfe0d

/* Extensions that may differ in a second ClientHello (RFC 8446 section 4.1.2). */
static int may_change(int extension) {
    switch (extension) {
    case TLSEXT_TYPE_padding:
    case TLSEXT_TYPE_psk:
    case TLSEXT_TYPE_early_data:
    case TLSEXT_TYPE_cookie:
    case TLSEXT_TYPE_key_share:
    case ENCRYPTED_CLIENT_HELLO:
        return 1;
    default:
        return 0;
    }
}

/* Whether the other ClientHello has all of this one's parts that must not change, unchanged. */
static int within(const struct hello *one, const struct hello *other) {
    for (size_t i = 0; i < one->count; i++) {
        uint16_t number = (uint16_t)one->extensions[i];
        rext_bytes mine, its;
        if (may_change(number))
            continue;
        if (rext_hello_extension(&one->view, number, &mine) != REXT_YES ||
            rext_hello_extension(&other->view, number, &its) != REXT_YES ||
            mine.length != its.length ||
            (mine.length > 0 && memcmp(mine.data, its.data, mine.length) != 0))
            return 0;
    }
    return 1;
}

int hello_same(const struct hello *first, const struct hello *second) {
    return first->head == second->head && memcmp(first->body, second->body, first->head) == 0 &&
           within(first, second) && within(second, first);
}

rext_version_number hello_version(SSL *ssl, const struct hello *hello) {
    long most = SSL_get_max_proto_version(ssl); /* 0: the highest that OpenSSL has */
    int here = (most == 0 || most >= TLS1_3_VERSION) &&
               (SSL_get_options(ssl) & SSL_OP_NO_TLSv1_3) == 0;
    return here && rext_hello_offers_version(&hello->view, REXT_TLS13) == REXT_YES ? REXT_TLS13
                                                                                   : REXT_TLS12;
}
