/* The content of a view. */
#include "check.h"

/* Makes the body of a ClientHello with these extensions, which the caller frees, and a view of
 * it. */
static uint8_t *view(const uint8_t *extensions, size_t length, rext_hello *hello) {
    static const uint8_t head[] = {0xc0, 0x2f, 0x13, 0x01};
    size_t whole = 2 + 32 + 1 + 2 + 4 + 2 + 2 + length;
    uint8_t *body = calloc(1, whole);
    CHECK(body != NULL);
    body[0] = body[1] = 3;
    memset(body + 2, 0xab, 32);
    body[36] = 4; /* two cipher suites */
    memcpy(body + 37, head, 4);
    body[41] = 1; /* one compression method: null */
    body[43] = (uint8_t)(length >> 8);
    body[44] = (uint8_t)length;
    memcpy(body + 45, extensions, length);
    CHECK_IS(rext_scan_body(NULL, body, whole, hello, NULL), REXT_OK);
    return body;
}

static void all_extensions(void) {
    static const uint8_t extensions[] = {
        0, 0, 0, 8, 0, 6, 0, 0, 3, 'a', '.', 'b',         /* server_name */
        0, 16, 0, 14, 0, 12, 2, 'h', '2', 8, 'h', 't', 't', 'p', '/', '1', '.', '1',
        0, 43, 0, 5, 4, 0x0a, 0x0a, 3, 4,                 /* GREASE, TLS 1.3 */
        0, 47, 0, 9, 0, 7, 0, 2, '0', '0', 0, 1, '1',     /* certificate_authorities */
        0, 62, 0, 2, 1, 0x20,                             /* flag 5 */
        0xff, 0xca, 0, 0,                                 /* CARE */
        0xfe, 0x0d, 0, 1, 1,                              /* the inner ClientHello of ECH */
        0x7f, 0xff, 0, 0,                                 /* an unknown extension */
    };
    rext_hello hello;
    uint8_t *body = view(BYTES(extensions), &hello);
    rext_bytes bytes;
    rext_list list, other;
    rext_flags flags;
    uint16_t number = 9;

    CHECK_IS(rext_hello_server_name(&hello, &bytes), REXT_YES);
    CHECK(same(bytes, "a.b"));

    CHECK_IS(rext_hello_has_alpn(&hello, (const uint8_t *)"h2", 2), REXT_YES);
    CHECK_IS(rext_hello_has_alpn(&hello, (const uint8_t *)"h3", 2), REXT_NO);
    CHECK_IS(rext_hello_has_alpn(&hello, NULL, 0), REXT_NO);
    CHECK_IS(rext_hello_alpn(&hello, &list), REXT_OK);
    CHECK_IS(rext_list_next(&list, &number, &bytes), REXT_YES);
    CHECK(same(bytes, "h2") && number == 0);
    other = list; /* has its own position */
    CHECK_IS(rext_list_next(&list, NULL, &bytes), REXT_YES);
    CHECK(same(bytes, "http/1.1"));
    for (int i = 0; i < 3; i++)
        CHECK_IS(rext_list_next(&list, NULL, &bytes), REXT_NO);
    CHECK_IS(rext_list_next(&other, NULL, NULL), REXT_YES);
    CHECK_IS(rext_list_next(&other, NULL, NULL), REXT_NO);

    CHECK_IS(rext_hello_versions(&hello, &list), REXT_OK);
    CHECK_IS(rext_list_next(&list, &number, &bytes), REXT_YES);
    CHECK(number == 0x0a0a && bytes.length == 0);
    CHECK_IS(rext_list_next(&list, &number, NULL), REXT_YES);
    CHECK(number == REXT_TLS13);
    CHECK_IS(rext_list_next(&list, &number, NULL), REXT_NO);
    CHECK_IS(rext_hello_offers_version(&hello, REXT_TLS13), REXT_YES);
    CHECK_IS(rext_hello_offers_version(&hello, REXT_TLS12), REXT_NO);

    CHECK_IS(rext_hello_authorities(&hello, &list), REXT_OK);
    CHECK_IS(rext_list_next(&list, NULL, &bytes), REXT_YES);
    CHECK(same(bytes, "00"));
    CHECK_IS(rext_list_next(&list, NULL, &bytes), REXT_YES);
    CHECK(same(bytes, "1"));
    CHECK_IS(rext_list_next(&list, NULL, &bytes), REXT_NO);

    CHECK_IS(rext_hello_cipher_suites(&hello, &list), REXT_OK);
    CHECK_IS(rext_list_next(&list, &number, NULL), REXT_YES);
    CHECK(number == 0xc02f);
    CHECK_IS(rext_list_next(&list, &number, NULL), REXT_YES);
    CHECK(number == 0x1301);
    CHECK_IS(rext_list_next(&list, &number, NULL), REXT_NO);

    static const uint16_t numbers[] = {0, 16, 43, 47, 62, 0xffca, 0xfe0d, 0x7fff};
    CHECK_IS(rext_hello_extensions(&hello, &list), REXT_OK);
    for (size_t i = 0; i < 8; i++) {
        CHECK_IS(rext_list_next(&list, &number, &bytes), REXT_YES);
        CHECK_IS(number, numbers[i]);
    }
    CHECK_IS(rext_list_next(&list, &number, &bytes), REXT_NO);

    CHECK_IS(rext_hello_flags(&hello, &flags, NULL), REXT_YES);
    CHECK_IS(rext_flags_contains(&flags, 5), REXT_YES);
    CHECK_IS(rext_hello_has_flag(&hello, 5, NULL), REXT_YES);
    CHECK_IS(rext_hello_has_flag(&hello, 80, NULL), REXT_NO);
    CHECK_IS(rext_hello_has_care(&hello, NULL), REXT_YES);
    CHECK_IS(rext_hello_ech(&hello), REXT_ECH_INNER);
    CHECK_IS(rext_hello_has_psk(&hello), REXT_NO);

    CHECK_IS(rext_hello_extension(&hello, 62, &bytes), REXT_YES);
    CHECK(bytes.length == 2 && bytes.data[1] == 0x20);
    CHECK_IS(rext_hello_extension(&hello, 0x7fff, &bytes), REXT_YES);
    CHECK(bytes.length == 0);
    CHECK_IS(rext_hello_extension(&hello, 1, &bytes), REXT_NO);

    rext_hello_fields fields;
    CHECK_IS(rext_hello_fields_of(&hello, &fields), REXT_OK);
    CHECK(fields.legacy_version == 0x0303);
    CHECK(fields.random.length == 32 && fields.random.data[31] == 0xab);
    CHECK(fields.session_id.length == 0);
    CHECK(fields.body.data == body && fields.body.length == 45 + sizeof extensions);
    free(body);
}

static void no_extensions(void) {
    rext_hello hello;
    uint8_t *body = view((const uint8_t *)"", 0, &hello);
    rext_bytes bytes = {body, 1};
    rext_list list;
    rext_flags flags;
    CHECK_IS(rext_hello_server_name(&hello, &bytes), REXT_NO);
    CHECK(bytes.data == NULL && bytes.length == 0);
    CHECK_IS(rext_hello_alpn(&hello, &list), REXT_OK);
    CHECK_IS(rext_list_next(&list, NULL, NULL), REXT_NO);
    CHECK_IS(rext_hello_authorities(&hello, &list), REXT_OK);
    CHECK_IS(rext_list_next(&list, NULL, NULL), REXT_NO);
    CHECK_IS(rext_hello_flags(&hello, &flags, NULL), REXT_NO);
    CHECK(flags.body[0] == 0);
    CHECK_IS(rext_hello_has_flag(&hello, 80, NULL), REXT_NO);
    CHECK_IS(rext_hello_has_care(&hello, NULL), REXT_NO);
    CHECK_IS(rext_hello_ech(&hello), REXT_ECH_NONE);
    /* Without supported_versions, legacy_version means that version and older ones. */
    CHECK_IS(rext_hello_offers_version(&hello, REXT_TLS13), REXT_NO);
    CHECK_IS(rext_hello_offers_version(&hello, REXT_TLS12), REXT_YES);
    CHECK_IS(rext_hello_offers_version(&hello, 0x0301), REXT_YES);
    CHECK_IS(rext_hello_offers_version(&hello, 0x02ff), REXT_NO);
    free(body);
}

/* A scan does not check these extensions (FLAGS-9); the functions that return them do. */
static void malformed(void) {
    static const uint8_t extensions[] = {0, 62, 0, 2, 1, 0, 0xff, 0xca, 0, 1, 0};
    rext_hello hello;
    rext_error error;
    rext_flags flags;
    uint8_t *body = view(BYTES(extensions), &hello);
    CHECK_IS(rext_hello_flags(&hello, &flags, &error), REXT_ERR_FLAGS_NONE_SET);
    CHECK(error.alert == 47 && strcmp(error.rule, "FLAGS-2") == 0);
    CHECK_IS(rext_hello_has_flag(&hello, 80, &error), REXT_ERR_FLAGS_NONE_SET);
    CHECK_IS(rext_hello_has_care(&hello, &error), REXT_ERR_CARE_NOT_EMPTY);
    CHECK(error.alert == 47 && strcmp(error.rule, "CARE-1") == 0);
    free(body);
}

void test_hello(void) {
    all_extensions();
    no_extensions();
    malformed();

    size_t length;
    uint8_t *bytes = corpus("openssl3-psk.bin", &length);
    rext_hello hello;
    CHECK_IS(rext_scan_records(NULL, bytes, length, NULL, 0, &hello, NULL, NULL), REXT_OK);
    CHECK_IS(rext_hello_has_psk(&hello), REXT_YES);
    free(bytes);
    bytes = corpus("chromium-sni.bin", &length);
    CHECK_IS(rext_scan_records(NULL, bytes, length, NULL, 0, &hello, NULL, NULL), REXT_OK);
    CHECK_IS(rext_hello_ech(&hello), REXT_ECH_OUTER);
    free(bytes);
}
