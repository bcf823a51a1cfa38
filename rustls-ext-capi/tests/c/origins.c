/* Origins: reading, writing and comparing them, and the negotiation with them. */
#include "check.h"

static const uint8_t LIST[] = "\0\x2f\0\x14spiffe://example.org\0\x09wimse://x\0\x0cs://x/a/path";
static const rext_bytes BODY = {LIST, sizeof LIST - 1};
static const rext_bytes MALFORMED = {LIST, 1};

static rext_bytes bytes_of(const char *text) {
    rext_bytes bytes = {(const uint8_t *)text, strlen(text)};
    return bytes;
}

static void two_of(rext_list *list) {
    rext_bytes bytes;
    uint16_t number = 9;
    CHECK_IS(rext_list_next(list, &number, &bytes), REXT_YES);
    CHECK(same(bytes, "spiffe://example.org") && number == 0);
    CHECK_IS(rext_list_next(list, NULL, &bytes), REXT_YES);
    CHECK(same(bytes, "wimse://x"));
    CHECK_IS(rext_list_next(list, NULL, &bytes), REXT_NO);
}

static void read_a_body(void) {
    rext_list list;
    rext_error error;
    size_t ignored = 9;
    CHECK_IS(rext_origins_decode(BODY.data, BODY.length, &list, &ignored, &error), REXT_YES);
    CHECK_IS(ignored, 1); /* a path is not allowed (WIO-3) */
    two_of(&list);
    for (size_t length = 0; length < BODY.length; length++) {
        CHECK_IS(rext_origins_decode(BODY.data, length, &list, NULL, &error),
                 REXT_ERR_ORIGINS_MALFORMED);
        CHECK(error.alert == 50 && strcmp(error.rule, "WIO-2") == 0);
    }
    /* More origins than are read (WIO-8) */
    uint8_t many[2 + 20 * 7] = {0, 20 * 7};
    for (size_t i = 0; i < 20; i++)
        memcpy(many + 2 + 7 * i, "\0\5s://a", 7);
    rext_bytes bytes;
    int count = 0;
    CHECK_IS(rext_origins_decode(many, sizeof many, &list, &ignored, NULL), REXT_YES);
    while (rext_list_next(&list, NULL, &bytes) == REXT_YES)
        count++;
    CHECK(count == REXT_MAX_ORIGINS && ignored == 4);
}

/* Makes a view of a ClientHello with one extension or none; the caller frees the bytes. */
static uint8_t *view(rext_scan *scan, uint16_t number, rext_bytes body, rext_hello *hello) {
    size_t whole = 2 + 32 + 1 + 4 + 2 + 2 + 4 + body.length;
    uint8_t *bytes = calloc(1, whole);
    CHECK(bytes != NULL);
    bytes[0] = bytes[1] = 3;
    bytes[36] = 2; /* a cipher suite */
    bytes[39] = 1; /* a compression method */
    bytes[41] = (uint8_t)((4 + body.length) >> 8);
    bytes[42] = (uint8_t)(4 + body.length);
    bytes[43] = (uint8_t)(number >> 8);
    bytes[44] = (uint8_t)number;
    bytes[45] = (uint8_t)(body.length >> 8);
    bytes[46] = (uint8_t)body.length;
    memcpy(bytes + 47, body.data, body.length);
    CHECK_IS(rext_scan_body(scan, bytes, whole, hello, NULL), REXT_OK);
    return bytes;
}

static void read_a_hello(void) {
    rext_hello hello;
    rext_list list;
    rext_error error;
    size_t ignored = 9;
    uint8_t *bytes = view(NULL, 0xffcb, BODY, &hello);
    CHECK_IS(rext_hello_origins(&hello, &list, &ignored, &error), REXT_YES);
    CHECK_IS(ignored, 1);
    two_of(&list);
    rext_server *server;
    CHECK_IS(rext_server_new(NULL, &server, NULL), REXT_OK);
    CHECK_IS(rext_server_on_hello(server, REXT_TLS13, &hello, NULL), REXT_OK);
    CHECK_IS(rext_server_offer(server), REXT_OFFER_ORIGINS);
    rext_server_free(server);
    free(bytes);

    bytes = view(NULL, 0xffcc, BODY, &hello); /* another extension */
    CHECK_IS(rext_hello_origins(&hello, &list, &ignored, &error), REXT_NO);
    CHECK_IS(ignored, 0);
    CHECK_IS(rext_list_next(&list, NULL, NULL), REXT_NO);
    free(bytes);

    bytes = view(NULL, 0xffcb, MALFORMED, &hello); /* a scan does not check it */
    CHECK_IS(rext_hello_origins(&hello, &list, NULL, &error), REXT_ERR_ORIGINS_MALFORMED);
    CHECK(error.alert == 50 && strcmp(error.rule, "WIO-2") == 0);
    free(bytes);

    rext_code_points numbers = {62, 80, 0xffca, 0xff40};
    rext_scan *scan;
    CHECK_IS(rext_scan_new(&numbers, 0, &scan, NULL), REXT_OK);
    bytes = view(scan, 0xff40, BODY, &hello);
    CHECK_IS(rext_hello_origins(&hello, &list, NULL, NULL), REXT_YES);
    two_of(&list);
    rext_scan_free(scan);
    free(bytes);
}

static void written(void) {
    uint8_t buffer[REXT_MAX_ORIGIN_BYTES];
    rext_error error;
    size_t length = 9;
    rext_bytes two[] = {bytes_of("spiffe://example.org"), bytes_of("wimse://x")};
    CHECK_IS(rext_origins_write(two, 2, buffer, sizeof buffer, &length, NULL), REXT_OK);
    rext_list list;
    CHECK_IS(rext_origins_decode(buffer, length, &list, NULL, NULL), REXT_YES);
    two_of(&list);

    size_t needed = length;
    CHECK_IS(rext_origins_write(two, 2, buffer, needed - 1, &length, &error), REXT_ERR_BUFFER);
    CHECK(error.alert == 0 && length == needed);
    CHECK(strcmp(error.message, "the buffer is too short: the list of origins has 35 bytes") == 0);
    CHECK_IS(rext_origins_write(NULL, 0, buffer, sizeof buffer, &length, &error), REXT_ERR_VALUE);
    CHECK(strcmp(error.message, "the list of origins is empty") == 0);

    two[1] = bytes_of("wimse://x/"); /* WIO-3 */
    CHECK_IS(rext_origins_write(two, 2, buffer, sizeof buffer, &length, &error), REXT_ERR_VALUE);
    CHECK(strcmp(error.message, "number 2 of the list cannot be sent: not an origin such as "
                                "spiffe://example.org: a path is not allowed, not even /") == 0);
    two[1] = bytes_of("wimse://\xff");
    CHECK_IS(rext_origins_write(two, 2, buffer, sizeof buffer, &length, NULL), REXT_ERR_VALUE);

    rext_bytes many[REXT_MAX_ORIGINS + 1]; /* WIO-8 */
    for (size_t i = 0; i <= REXT_MAX_ORIGINS; i++)
        many[i] = bytes_of("s://a");
    CHECK_IS(rext_origins_write(many, REXT_MAX_ORIGINS, buffer, sizeof buffer, &length, NULL),
             REXT_OK);
    CHECK_IS(rext_origins_write(many, REXT_MAX_ORIGINS + 1, buffer, sizeof buffer, &length, &error),
             REXT_ERR_VALUE);
    CHECK(strcmp(error.message, "there are more than 16 origins: servers ignore the rest") == 0);
}

static rext_status includes(const char *origin, const char *uri) {
    rext_bytes a = bytes_of(origin), b = bytes_of(uri);
    return rext_origin_includes(a.data, a.length, b.data, b.length, NULL);
}

static void compared(void) {
    CHECK_IS(includes("spiffe://example.org", "spiffe://example.org/agent/1"), REXT_YES);
    CHECK_IS(includes("spiffe://example.org", "SPIFFE://Ex%61mple.ORG"), REXT_YES);
    CHECK_IS(includes("spiffe://example.org", "spiffe://example.org.evil/agent"), REXT_NO);
    CHECK_IS(includes("spiffe://example.org", "wimse://example.org/agent"), REXT_NO);
    CHECK_IS(includes("spiffe://example.org", "urn:uuid:1"), REXT_NO);
    CHECK_IS(includes("spiffe://example.org", ""), REXT_NO);
    CHECK_IS(includes("spiffe://example.org/", "spiffe://example.org/agent"), REXT_ERR_VALUE);
    CHECK_IS(includes("", ""), REXT_ERR_VALUE);
}

static void negotiated(void) {
    rext_client *c;
    rext_error error;
    rext_flags flags;
    uint16_t care, hint = 1;
    rext_offer offer = REXT_OFFER_FLAG | REXT_OFFER_ORIGINS;
    CHECK_IS(rext_client_new(offer, NULL, &c, NULL), REXT_OK);
    CHECK_IS(rext_client_hello(c, REXT_TLS12, &flags, &care, &hint), REXT_OK);
    CHECK(hint == 0 && rext_client_offer(c) == REXT_OFFER_NONE); /* WIO-7 */
    CHECK_IS(rext_client_hello(c, REXT_TLS13, &flags, &care, &hint), REXT_OK);
    CHECK(hint == 0xffcb && rext_client_offer(c) == offer);
    CHECK_IS(rext_client_on(c, REXT_ENCRYPTED_EXTENSIONS, REXT_TLS13, NULL, NULL, &BODY, &error),
             REXT_ERR_ORIGINS_MISPLACED);
    CHECK(error.alert == 47 && strcmp(error.rule, "WIO-1") == 0);
    rext_client_free(c);

    rext_server *s;
    CHECK_IS(rext_server_new(NULL, &s, NULL), REXT_OK);
    CHECK_IS(rext_server_on_client_hello(s, REXT_TLS13, NULL, NULL, &BODY, NULL), REXT_OK);
    CHECK_IS(rext_server_on_client_hello(s, REXT_TLS13, NULL, NULL, &BODY, NULL), REXT_OK);
    CHECK_IS(rext_server_offer(s), REXT_OFFER_ORIGINS);
    CHECK_IS(rext_server_on_client_hello(s, REXT_TLS13, NULL, NULL, NULL, &error),
             REXT_ERR_ORIGINS_CHANGED);
    CHECK(error.alert == 47 && strcmp(error.rule, "WIO-7") == 0);
    CHECK_IS(rext_server_on_client_certificate(s, NULL, NULL, &BODY, &error),
             REXT_ERR_ORIGINS_MISPLACED);
    rext_server_free(s);

    /* Under TLS 1.2, a list is ignored, even if it is malformed. */
    CHECK_IS(rext_server_new(NULL, &s, NULL), REXT_OK);
    CHECK_IS(rext_server_on_client_hello(s, REXT_TLS13, NULL, NULL, &MALFORMED, &error),
             REXT_ERR_ORIGINS_MALFORMED);
    CHECK(error.alert == 50 && strcmp(error.rule, "WIO-2") == 0);
    CHECK_IS(rext_server_on_client_hello(s, REXT_TLS12, NULL, NULL, &MALFORMED, NULL), REXT_OK);
    CHECK_IS(rext_server_offer(s), REXT_OFFER_NONE);
    rext_server_free(s);

    CHECK_IS(rext_check_origin_hint(REXT_CLIENT_HELLO, REXT_TLS13, BODY.data, BODY.length, NULL),
             REXT_OK);
    CHECK_IS(rext_check_origin_hint(REXT_CLIENT_HELLO, REXT_TLS12, NULL, 0, NULL), REXT_OK);
    CHECK_IS(rext_check_origin_hint(REXT_CLIENT_HELLO, REXT_TLS13, NULL, 0, NULL),
             REXT_ERR_ORIGINS_MALFORMED);
    CHECK_IS(rext_check_origin_hint(REXT_NEW_SESSION_TICKET, REXT_TLS13, NULL, 0, &error),
             REXT_ERR_ORIGINS_MISPLACED);
    CHECK(strcmp(error.message, "workload_identifier_origin_hint is not allowed in this "
                                "NewSessionTicket (WIO-1)") == 0);
}

void test_origins(void) {
    read_a_body();
    read_a_hello();
    written();
    compared();
    negotiated();
}
