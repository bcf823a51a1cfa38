/* Versions, numbers and sizes. */
#include "check.h"

/* A change of these would break programs that were built against the header. */
_Static_assert(sizeof(rext_flags) == 256, "rext_flags");
_Static_assert(sizeof(rext_hello) == 96, "rext_hello");
_Static_assert(sizeof(rext_list) == 48, "rext_list");
_Static_assert(sizeof(rext_request) == 96, "rext_request");
_Static_assert(sizeof(rext_error) == 256, "rext_error");
_Static_assert(sizeof(rext_code_points) == 8, "rext_code_points");
_Static_assert(sizeof(rext_bytes) == 2 * sizeof(void *), "rext_bytes");
_Static_assert(sizeof(rext_extension) == sizeof(rext_bytes) + sizeof(void *), "rext_extension");
/* A number of 16 or 32 bits at the end takes as much as a pointer. */
_Static_assert(sizeof(rext_request_fields) == 2 * sizeof(rext_bytes) + sizeof(void *),
               "rext_request_fields");
_Static_assert(sizeof(rext_signed) == 3 * sizeof(rext_bytes) + sizeof(void *), "rext_signed");
_Static_assert(sizeof(rext_connection) == 2 * sizeof(rext_bytes) + 5 * sizeof(void *),
               "rext_connection");
/* Processors of 32 bits align numbers of 64 bits to 4 bytes or to 8. */
_Static_assert(sizeof(rext_session) ==
                   sizeof(rext_bytes) + sizeof(uint64_t) + _Alignof(uint64_t),
               "rext_session");

static void code_points(void) {
    rext_code_points numbers = {0, 0, 0, 0};
    rext_error error;
    CHECK_IS(rext_code_points_default(&numbers), REXT_OK);
    CHECK(numbers.tls_flags == 62 && numbers.request_client_auth == 80);
    CHECK(numbers.care == 0xffca && numbers.origin_hint == 0xffcb);
    CHECK_IS(rext_code_points_check(&numbers, NULL), REXT_OK);

    rext_code_points experiment = {0xfe01, 80, 0, 0};
    CHECK_IS(rext_code_points_check(&experiment, NULL), REXT_OK);

    rext_code_points zeros = {0, 0, 0, 0};
    CHECK_IS(rext_code_points_check(&zeros, &error), REXT_ERR_TAKEN);
    CHECK_IS(error.status, REXT_ERR_TAKEN);
    CHECK(error.alert == 0 && error.rule[0] == '\0');
    CHECK(strcmp(error.message, "TLS extension 0 (0x0000) is already taken: server_name") == 0);

    rext_code_points twice = {62, 80, 62, 0};
    CHECK_IS(rext_code_points_check(&twice, NULL), REXT_ERR_TAKEN);
    rext_code_points same_as_care = {62, 80, 0xff40, 0xff40};
    CHECK_IS(rext_code_points_check(&same_as_care, NULL), REXT_ERR_TAKEN);
    rext_code_points exchanged = {62, 80, 0xffcb, 0xffca};
    CHECK_IS(rext_code_points_check(&exchanged, NULL), REXT_OK);
    rext_code_points grease = {0x2a2a, 80, 0, 0};
    CHECK_IS(rext_code_points_check(&grease, NULL), REXT_ERR_TAKEN);
    rext_code_points across_names = {62, 8, 0, 0};
    CHECK_IS(rext_code_points_check(&across_names, NULL), REXT_ERR_TAKEN);
    rext_code_points beyond = {62, REXT_FLAG_MAX + 1, 0, 0};
    CHECK_IS(rext_code_points_check(&beyond, &error), REXT_ERR_VALUE);
    CHECK(strcmp(error.message, "an argument is not a TLS flag, 0 to 2039") == 0);
}

void test_abi(void) {
    CHECK_IS(rext_abi(), REXT_ABI);
    CHECK(strlen(rext_version()) >= 5);
    CHECK(strcmp(rext_status_name(REXT_OK), "ok") == 0);
    CHECK(strcmp(rext_status_name(REXT_ERR_SECOND_HELLO_DIFFERS), "second_hello_differs") == 0);
    CHECK(strcmp(rext_status_name(12345), "unknown") == 0);
    code_points();
}
