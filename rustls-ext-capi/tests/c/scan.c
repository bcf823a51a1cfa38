/* Scans of octets that are all there, and of octets that come little by little. */
#include "check.h"

static const char *const FILES[] = {
    "chromium-sni.bin", "chromium-sni+flag.bin", "curl.bin",        "curl+flag.bin",
    "go124.bin",        "openssl3-psk+flag.bin", "rustls-ring.bin", "openssl3-sclient-tls12.bin",
};
#define FILE_COUNT (sizeof FILES / sizeof *FILES)

/* The octets of one record as records with so many octets each. */
static uint8_t *split(const uint8_t *record, size_t length, size_t each, size_t *split_length) {
    size_t body = length - 5, records = (body + each - 1) / each;
    uint8_t *octets = malloc(body + 5 * records), *to = octets;
    CHECK(octets != NULL);
    for (size_t at = 5; at < length; at += each) {
        size_t part = length - at < each ? length - at : each;
        const uint8_t head[5] = {22, 3, 1, (uint8_t)(part >> 8), (uint8_t)part};
        memcpy(to, head, 5);
        memcpy(to + 5, record + at, part);
        to += 5 + part;
    }
    *split_length = (size_t)(to - octets);
    return octets;
}

static int is_flagged(const rext_hello *hello) {
    return rext_hello_has_flag(hello, 80, NULL) == REXT_YES;
}

static void whole(const char *name) {
    size_t length, count = 0, split_length;
    uint8_t *octets = corpus(name, &length), scratch[4096];
    int flagged = strstr(name, "+flag") != NULL;
    rext_hello hello;
    rext_bytes server_name;

    CHECK_IS(rext_scan_records(NULL, octets, length, NULL, 0, &hello, &count, NULL), REXT_OK);
    CHECK(count == length && is_flagged(&hello) == flagged);
    CHECK_IS(rext_hello_server_name(&hello, &server_name), REXT_YES);
    CHECK(server_name.data > octets && server_name.data < octets + length);
    rext_hello copy = hello; /* as good as the view itself */
    CHECK(is_flagged(&copy) == flagged);

    CHECK_IS(rext_scan_handshake(NULL, octets + 5, length - 5, &hello, &count, NULL), REXT_OK);
    CHECK(count == length - 5 && is_flagged(&hello) == flagged);
    CHECK_IS(rext_scan_body(NULL, octets + 9, length - 9, &hello, NULL), REXT_OK);
    CHECK(is_flagged(&hello) == flagged);
    CHECK_IS(rext_scan_body(NULL, octets + 9, length - 10, &hello, NULL), REXT_ERR_MALFORMED);

    uint8_t *records = split(octets, length, 50, &split_length);
    CHECK_IS(rext_scan_records(NULL, records, split_length, scratch, sizeof scratch, &hello, &count,
                               NULL), REXT_OK);
    CHECK(count == split_length && is_flagged(&hello) == flagged);
    CHECK_IS(rext_hello_server_name(&hello, &server_name), REXT_YES);
    CHECK(server_name.data > scratch && server_name.data < scratch + sizeof scratch);
    /* The room for it, to the octet, and one less. */
    CHECK_IS(rext_scan_records(NULL, records, split_length, scratch, length - 9, &hello, NULL,
                               NULL), REXT_OK);
    CHECK_IS(rext_scan_records(NULL, records, split_length, scratch, length - 10, &hello, NULL,
                               NULL), REXT_ERR_MESSAGE_TOO_LONG);
    CHECK_IS(rext_scan_records(NULL, records, split_length, NULL, 0, &hello, NULL, NULL),
             REXT_ERR_MESSAGE_TOO_LONG);
    free(records);

    for (size_t prefix = 0; prefix < length; prefix++) {
        /* In room of its own, so that a look beyond the end is noticed. */
        uint8_t *part = malloc(prefix + 1);
        CHECK(part != NULL);
        memcpy(part, octets, prefix);
        CHECK_IS(rext_scan_records(NULL, part, prefix, scratch, sizeof scratch, &hello, &count,
                                   NULL), REXT_INCOMPLETE);
        CHECK(prefix < 9 ? count > 0 : count == length - prefix);
        free(part);
    }
    free(octets);
}

static void other_than_tls(void) {
    static const struct {
        const char *octets;
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
        size_t length = strlen(others[i].octets);
        const uint8_t *octets = (const uint8_t *)others[i].octets;
        CHECK_IS(rext_scan_records(NULL, octets, length, NULL, 0, &hello, NULL, &error),
                 others[i].status);
        CHECK(error.alert == 0 && error.rule[0] == '\0');
        CHECK(strncmp(error.message, "not TLS", 7) == 0);
    }
}

static void configured(void) {
    size_t length;
    uint8_t *octets = corpus("curl+flag.bin", &length);
    rext_scan *scan;
    rext_hello hello;
    rext_error error;

    CHECK_IS(rext_scan_new(NULL, length - 10, &scan, NULL), REXT_OK);
    CHECK_IS(rext_scan_records(scan, octets, length, NULL, 0, &hello, NULL, &error),
             REXT_ERR_MESSAGE_TOO_LONG);
    CHECK(error.alert == 50 && strcmp(error.rule, "RFC 8446 4.1.2") == 0);
    rext_scan_free(scan);

    /* Where tls_flags has another number, 62 is any extension. */
    rext_code_points numbers = {0xfe01, 80, 0};
    CHECK_IS(rext_scan_new(&numbers, 0, &scan, NULL), REXT_OK);
    CHECK_IS(rext_scan_records(scan, octets, length, NULL, 0, &hello, NULL, NULL), REXT_OK);
    CHECK(!is_flagged(&hello));
    rext_scan_free(scan);

    CHECK_IS(rext_scan_new(NULL, 65536, &scan, NULL), REXT_ERR_VALUE);
    CHECK(scan == NULL);
    rext_scan_free(NULL);
    free(octets);
}

void test_scan(void) {
    for (size_t i = 0; i < FILE_COUNT; i++)
        whole(FILES[i]);
    other_than_tls();
    configured();
}

/* Octet for octet, in room of its own. */
static void fed(const char *name) {
    size_t length, count = 0, split_length;
    uint8_t *octets = corpus(name, &length), *buffer = malloc(length);
    uint8_t *records = split(octets, length, 100, &split_length);
    rext_scanner *scanner;
    rext_hello hello;
    CHECK(buffer != NULL);
    CHECK_IS(rext_scanner_new(NULL, buffer, length, &scanner, NULL), REXT_OK);
    for (int twice = 0; twice < 2; twice++) {
        for (size_t i = 0; i < split_length; i++) {
            uint8_t *octet = malloc(1);
            CHECK(octet != NULL);
            *octet = records[i];
            int last = i == split_length - 1;
            CHECK_IS(rext_scanner_feed(scanner, octet, 1, &hello, &count, NULL),
                     last ? REXT_OK : REXT_INCOMPLETE);
            CHECK(last ? count == split_length : count <= split_length - i - 1);
            free(octet); /* the scanner has what it needs */
        }
        CHECK(is_flagged(&hello) == (strstr(name, "+flag") != NULL));
    }
    /* A refusal stays. */
    rext_error error;
    CHECK_IS(rext_scanner_feed(scanner, (const uint8_t *)"GET /", 5, &hello, NULL, &error),
             REXT_ERR_TEXT);
    CHECK_IS(rext_scanner_feed(scanner, octets, length, &hello, NULL, &error), REXT_ERR_TEXT);
    rext_scanner_free(scanner);

    CHECK_IS(rext_scanner_new(NULL, buffer, length, &scanner, NULL), REXT_OK);
    for (size_t i = 1; i < split_length; i++)
        CHECK_IS(rext_scanner_peek(scanner, records, i, &hello, &count, NULL), REXT_INCOMPLETE);
    CHECK_IS(rext_scanner_peek(scanner, records, split_length, &hello, &count, NULL), REXT_OK);
    CHECK(count == split_length);
    rext_scanner_free(scanner);
    /* The view is in the buffer, which is ours. */
    CHECK(is_flagged(&hello) == (strstr(name, "+flag") != NULL));
    free(records);
    free(buffer);
    free(octets);
}

void test_scanner(void) {
    for (size_t i = 0; i < FILE_COUNT; i++)
        fed(FILES[i]);

    rext_scanner *scanner;
    rext_hello hello;
    size_t length;
    uint8_t *octets = corpus("curl.bin", &length);
    CHECK_IS(rext_scanner_new(NULL, NULL, 0, &scanner, NULL), REXT_OK);
    CHECK_IS(rext_scanner_feed(scanner, octets, length, &hello, NULL, NULL),
             REXT_ERR_MESSAGE_TOO_LONG);
    rext_scanner_free(scanner);
    rext_scanner_free(NULL);
    free(octets);
}
