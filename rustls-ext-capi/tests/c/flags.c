/* Sets of flags, and the messages in which flags and CARE are allowed. */
#include "check.h"

static void refused(const uint8_t *body, size_t length, rext_status status, const char *rule) {
    rext_flags flags;
    rext_error error;
    memset(&flags, 0xee, sizeof flags);
    CHECK_IS(rext_flags_decode(body, length, &flags, &error), status);
    CHECK_IS(error.status, status);
    CHECK_IS(error.alert, 47);
    CHECK(strcmp(error.rule, rule) == 0);
    CHECK(strncmp(error.message, "malformed tls_flags: ", 21) == 0);
    CHECK(flags.body[0] == 0xee); /* nothing was written */
}

static void malformed(void) {
    static const uint8_t none[] = {2, 0, 0}, trailing[] = {2, 1, 0}, empty[] = {0};
    static const uint8_t short_[] = {2, 1}, long_[] = {1, 1, 1};
    refused(NULL, 0, REXT_ERR_FLAGS_NO_LENGTH, "FLAGS-3");
    refused(BYTES(empty), REXT_ERR_FLAGS_EMPTY_LIST, "FLAGS-3");
    refused(BYTES(short_), REXT_ERR_FLAGS_TRUNCATED, "FLAGS-3");
    refused(BYTES(long_), REXT_ERR_FLAGS_TRAILING_BYTES, "FLAGS-3");
    refused(BYTES(none), REXT_ERR_FLAGS_NONE_SET, "FLAGS-2");
    refused(BYTES(trailing), REXT_ERR_FLAGS_TRAILING_ZERO, "FLAGS-2");
}

void test_flags(void) {
    rext_flags flags = {{0}};
    rext_bytes body = {NULL, 1};
    uint16_t flag = 7;
    CHECK_IS(rext_flags_body(&flags, &body), REXT_NO);
    CHECK(body.data == NULL && body.length == 0);
    CHECK_IS(rext_flags_next(&flags, 0, &flag), REXT_NO);
    CHECK(flag == 7);

    static const uint16_t some[] = {23, 3, 5, 5};
    for (size_t i = 0; i < 4; i++)
        CHECK_IS(rext_flags_insert(&flags, some[i]), REXT_OK);
    static const uint8_t bytes[] = {3, 0x28, 0x00, 0x80};
    CHECK_IS(rext_flags_body(&flags, &body), REXT_YES);
    CHECK(body.length == 4 && memcmp(body.data, bytes, 4) == 0);
    CHECK(body.data == flags.body);

    static const uint16_t sorted[] = {3, 5, 23};
    uint16_t from = 0;
    for (size_t i = 0; i < 3; i++) {
        CHECK_IS(rext_flags_next(&flags, from, &flag), REXT_YES);
        CHECK_IS(flag, sorted[i]);
        from = (uint16_t)(flag + 1);
    }
    CHECK_IS(rext_flags_next(&flags, from, &flag), REXT_NO);
    CHECK_IS(rext_flags_next(&flags, 65535, &flag), REXT_NO);

    CHECK_IS(rext_flags_contains(&flags, 23), REXT_YES);
    CHECK_IS(rext_flags_contains(&flags, 22), REXT_NO);
    CHECK_IS(rext_flags_remove(&flags, 23), REXT_OK);
    CHECK_IS(rext_flags_remove(&flags, 23), REXT_OK);
    CHECK_IS(rext_flags_body(&flags, &body), REXT_YES);
    CHECK_IS(body.length, 2); /* the shortest form again (FLAGS-1) */

    CHECK_IS(rext_flags_insert(&flags, REXT_FLAG_MAX), REXT_OK);
    CHECK_IS(rext_flags_body(&flags, &body), REXT_YES);
    CHECK_IS(body.length, 256);
    rext_flags again;
    CHECK_IS(rext_flags_decode(body.data, body.length, &again, NULL), REXT_OK);
    CHECK(memcmp(&flags, &again, sizeof flags) == 0);
    malformed();
}

void test_rules(void) {
    rext_flags offer = {{0}}, none = {{0}};
    rext_error error;
    CHECK_IS(rext_flags_insert(&offer, 80), REXT_OK);
    CHECK_IS(rext_check_flags(REXT_CLIENT_HELLO, &offer, NULL, NULL, &error), REXT_OK);
    CHECK_IS(rext_check_flags(REXT_CERTIFICATE_REQUEST, &offer, &offer, NULL, &error), REXT_OK);
    CHECK_IS(rext_check_flags(REXT_CERTIFICATE_REQUEST, &offer, NULL, NULL, &error),
             REXT_ERR_FLAG_MISPLACED);
    CHECK(error.alert == 47 && strcmp(error.rule, "RCA-4") == 0);
    CHECK_IS(rext_check_flags(REXT_CERTIFICATE_REQUEST, &offer, &none, NULL, &error),
             REXT_ERR_FLAG_MISPLACED);
    CHECK_IS(rext_check_flags(REXT_ENCRYPTED_EXTENSIONS, &offer, &offer, NULL, &error),
             REXT_ERR_FLAG_MISPLACED);
    CHECK(strcmp(error.rule, "RCA-5") == 0);
    /* If request_client_auth has another number, this flag is a flag like any other. */
    rext_code_points numbers = {62, 81, 0, 0};
    CHECK_IS(rext_check_flags(REXT_CERTIFICATE_REQUEST, &offer, NULL, &numbers, &error), REXT_OK);

    static const uint8_t x[] = {'x'};
    CHECK_IS(rext_care_echo_in(REXT_TLS12), REXT_SERVER_HELLO);
    CHECK_IS(rext_care_echo_in(REXT_TLS13), REXT_ENCRYPTED_EXTENSIONS);
    CHECK_IS(rext_check_care(REXT_CLIENT_HELLO, REXT_TLS12, NULL, 0, 0, &error), REXT_OK);
    CHECK_IS(rext_check_care(REXT_SERVER_HELLO, REXT_TLS12, NULL, 0, 1, &error), REXT_OK);
    CHECK_IS(rext_check_care(REXT_SERVER_HELLO, REXT_TLS13, NULL, 0, 1, &error),
             REXT_ERR_CARE_MISPLACED);
    CHECK(error.alert == 47 && strcmp(error.rule, "CARE-3") == 0);
    CHECK_IS(rext_check_care(REXT_SERVER_HELLO, REXT_TLS12, NULL, 0, 0, &error),
             REXT_ERR_CARE_UNSOLICITED);
    CHECK(error.alert == 110 && strcmp(error.rule, "CARE-3") == 0);
    CHECK_IS(rext_check_care(REXT_CLIENT_HELLO, REXT_TLS13, BYTES(x), 0, &error),
             REXT_ERR_CARE_NOT_EMPTY);
    CHECK(error.alert == 47 && strcmp(error.rule, "CARE-1") == 0);
}
