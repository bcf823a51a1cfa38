/* Scans of complete bytes, and of bytes that arrive in pieces. */
#include "check.h"

static const char *const FILES[] = {
    "chromium-sni.bin", "chromium-sni+flag.bin", "curl.bin",        "curl+flag.bin",
    "go124.bin",        "openssl3-psk+flag.bin", "rustls-ring.bin", "openssl3-sclient-tls12.bin",
};
#define FILE_COUNT (sizeof FILES / sizeof *FILES)

/* The fragment of one record, as records with `each` bytes of it; the caller frees them. */
static uint8_t *split(const uint8_t *record, size_t length, size_t each, size_t *split_length) {
    size_t body = length - 5, records = (body + each - 1) / each;
    uint8_t *bytes = malloc(body + 5 * records), *to = bytes;
    CHECK(bytes != NULL);
    for (size_t at = 5; at < length; at += each) {
        size_t part = length - at < each ? length - at : each;
        const uint8_t head[5] = {22, 3, 1, (uint8_t)(part >> 8), (uint8_t)part};
        memcpy(to, head, 5);
        memcpy(to + 5, record + at, part);
        to += 5 + part;
    }
    *split_length = (size_t)(to - bytes);
    return bytes;
}

static int is_flagged(const rext_hello *hello) {
    return rext_hello_has_flag(hello, 80, NULL) == REXT_YES;
}

static void complete(const char *name) {
    size_t length, count = 0, split_length;
    uint8_t *bytes = corpus(name, &length), scratch[4096];
    int flagged = strstr(name, "+flag") != NULL;
    rext_hello hello;
    rext_bytes server_name;

    CHECK_IS(rext_scan_records(NULL, bytes, length, NULL, 0, &hello, &count, NULL), REXT_OK);
    CHECK(count == length && is_flagged(&hello) == flagged);
    CHECK_IS(rext_hello_server_name(&hello, &server_name), REXT_YES);
    CHECK(server_name.data > bytes && server_name.data < bytes + length);
    rext_hello copy = hello; /* equivalent to the view itself */
    CHECK(is_flagged(&copy) == flagged);

    CHECK_IS(rext_scan_handshake(NULL, bytes + 5, length - 5, &hello, &count, NULL), REXT_OK);
    CHECK(count == length - 5 && is_flagged(&hello) == flagged);
    CHECK_IS(rext_scan_body(NULL, bytes + 9, length - 9, &hello, NULL), REXT_OK);
    CHECK(is_flagged(&hello) == flagged);
    CHECK_IS(rext_scan_body(NULL, bytes + 9, length - 10, &hello, NULL), REXT_ERR_MALFORMED);

    uint8_t *records = split(bytes, length, 50, &split_length);
    CHECK_IS(rext_scan_records(NULL, records, split_length, scratch, sizeof scratch, &hello, &count,
                               NULL), REXT_OK);
    CHECK(count == split_length && is_flagged(&hello) == flagged);
    CHECK_IS(rext_hello_server_name(&hello, &server_name), REXT_YES);
    CHECK(server_name.data > scratch && server_name.data < scratch + sizeof scratch);
    /* A buffer of exactly its length is enough, and one byte less is not. */
    CHECK_IS(rext_scan_records(NULL, records, split_length, scratch, length - 9, &hello, NULL,
                               NULL), REXT_OK);
    CHECK_IS(rext_scan_records(NULL, records, split_length, scratch, length - 10, &hello, NULL,
                               NULL), REXT_ERR_MESSAGE_TOO_LONG);
    CHECK_IS(rext_scan_records(NULL, records, split_length, NULL, 0, &hello, NULL, NULL),
             REXT_ERR_MESSAGE_TOO_LONG);
    free(records);

    for (size_t prefix = 0; prefix < length; prefix++) {
        /* In an allocation of its length, so that sanitizers detect reads beyond its end. */
        uint8_t *part = malloc(prefix + 1);
        CHECK(part != NULL);
        memcpy(part, bytes, prefix);
        CHECK_IS(rext_scan_records(NULL, part, prefix, scratch, sizeof scratch, &hello, &count,
                                   NULL), REXT_INCOMPLETE);
        CHECK(prefix < 9 ? count > 0 : count == length - prefix);
        free(part);
    }
    free(bytes);
}

static void other_than_tls(void) {
    static const struct {
        const char *bytes;
        rext_status status;
    } others[] = {
        {"\x16\xfe\xfd", REXT_ERR_DTLS},
        {"\x80\x2e\x01", REXT_ERR_SSL2},
        {"GET / HTTP/1.1\r\n", REXT_ERR_TEXT},
        {"\x03 xx", REXT_ERR_NOT_TLS},
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        rext_hello hello;
        rext_error error;
        size_t length = strlen(others[i].bytes);
        const uint8_t *bytes = (const uint8_t *)others[i].bytes;
        CHECK_IS(rext_scan_records(NULL, bytes, length, NULL, 0, &hello, NULL, &error),
                 others[i].status);
        CHECK(error.alert == 0 && error.rule[0] == '\0');
        CHECK(strncmp(error.message, "not TLS", 7) == 0);
    }
}

static void configured(void) {
    size_t length;
    uint8_t *bytes = corpus("curl+flag.bin", &length);
    rext_scan *scan;
    rext_hello hello;
    rext_error error;

    CHECK_IS(rext_scan_new(NULL, length - 10, &scan, NULL), REXT_OK);
    CHECK_IS(rext_scan_records(scan, bytes, length, NULL, 0, &hello, NULL, &error),
             REXT_ERR_MESSAGE_TOO_LONG);
    CHECK(error.alert == 50 && strcmp(error.rule, "RFC 8446 4.1.2") == 0);
    rext_scan_free(scan);

    /* If tls_flags has another number, 62 is an extension like any other. */
    rext_code_points numbers = {0xfe01, 80, 0, 0};
    CHECK_IS(rext_scan_new(&numbers, 0, &scan, NULL), REXT_OK);
    CHECK_IS(rext_scan_records(scan, bytes, length, NULL, 0, &hello, NULL, NULL), REXT_OK);
    CHECK(!is_flagged(&hello));
    rext_scan_free(scan);

    CHECK_IS(rext_scan_new(NULL, 65536, &scan, NULL), REXT_ERR_VALUE);
    CHECK(scan == NULL);
    rext_scan_free(NULL);
    free(bytes);
}

void test_scan(void) {
    for (size_t i = 0; i < FILE_COUNT; i++)
        complete(FILES[i]);
    other_than_tls();
    configured();
}

/* Feeds single bytes, each in an allocation of its own. */
static void fed(const char *name) {
    size_t length, count = 0, split_length;
    uint8_t *bytes = corpus(name, &length), *buffer = malloc(length);
    uint8_t *records = split(bytes, length, 100, &split_length);
    rext_scanner *scanner;
    rext_hello hello;
    CHECK(buffer != NULL);
    CHECK_IS(rext_scanner_new(NULL, buffer, length, &scanner, NULL), REXT_OK);
    for (int twice = 0; twice < 2; twice++) {
        for (size_t i = 0; i < split_length; i++) {
            uint8_t *byte = malloc(1);
            CHECK(byte != NULL);
            *byte = records[i];
            int last = i == split_length - 1;
            CHECK_IS(rext_scanner_feed(scanner, byte, 1, &hello, &count, NULL),
                     last ? REXT_OK : REXT_INCOMPLETE);
            CHECK(last ? count == split_length : count <= split_length - i - 1);
            free(byte); /* the scanner has copied it */
        }
        CHECK(is_flagged(&hello) == (strstr(name, "+flag") != NULL));
    }
    /* A refusal is repeated. */
    rext_error error;
    CHECK_IS(rext_scanner_feed(scanner, (const uint8_t *)"GET /", 5, &hello, NULL, &error),
             REXT_ERR_TEXT);
    CHECK_IS(rext_scanner_feed(scanner, bytes, length, &hello, NULL, &error), REXT_ERR_TEXT);
    rext_scanner_free(scanner);

    CHECK_IS(rext_scanner_new(NULL, buffer, length, &scanner, NULL), REXT_OK);
    for (size_t i = 1; i < split_length; i++)
        CHECK_IS(rext_scanner_peek(scanner, records, i, &hello, &count, NULL), REXT_INCOMPLETE);
    CHECK_IS(rext_scanner_peek(scanner, records, split_length, &hello, &count, NULL), REXT_OK);
    CHECK(count == split_length);
    rext_scanner_free(scanner);
    /* The view points into the buffer, which is not freed with the scanner. */
    CHECK(is_flagged(&hello) == (strstr(name, "+flag") != NULL));
    free(records);
    free(buffer);
    free(bytes);
}

void test_scanner(void) {
    for (size_t i = 0; i < FILE_COUNT; i++)
        fed(FILES[i]);

    rext_scanner *scanner;
    rext_hello hello;
    size_t length;
    uint8_t *bytes = corpus("curl.bin", &length);
    CHECK_IS(rext_scanner_new(NULL, NULL, 0, &scanner, NULL), REXT_OK);
    CHECK_IS(rext_scanner_feed(scanner, bytes, length, &hello, NULL, NULL),
             REXT_ERR_MESSAGE_TOO_LONG);
    rext_scanner_free(scanner);
    rext_scanner_free(NULL);
    free(bytes);
}
