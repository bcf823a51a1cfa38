/* Mistakes of the caller that functions detect: they return an error, and do nothing else. */
#include "check.h"

static void null_pointers(void) {
    rext_hello hello = {{0}};
    rext_flags flags = {{0}};
    rext_bytes bytes;
    rext_list list = {{0}};
    rext_session session = {{NULL, 0}, 0, 0};
    rext_hello_fields fields;
    rext_error error;
    uint16_t number;
    size_t count;
    uint8_t byte = 22;

    CHECK_IS(rext_code_points_default(NULL), REXT_ERR_NULL);
    CHECK_IS(rext_code_points_check(NULL, &error), REXT_ERR_NULL);
    CHECK(error.alert == 0 && strcmp(error.message, "a pointer that must not be NULL is NULL") == 0);

    CHECK_IS(rext_flags_decode(NULL, 1, &flags, NULL), REXT_ERR_NULL);
    CHECK_IS(rext_flags_decode(&byte, 1, NULL, NULL), REXT_ERR_NULL);
    CHECK_IS(rext_flags_body(NULL, &bytes), REXT_ERR_NULL);
    CHECK_IS(rext_flags_body(&flags, NULL), REXT_ERR_NULL);
    CHECK_IS(rext_flags_insert(NULL, 1), REXT_ERR_NULL);
    CHECK_IS(rext_flags_remove(NULL, 1), REXT_ERR_NULL);
    CHECK_IS(rext_flags_contains(NULL, 1), REXT_ERR_NULL);
    CHECK_IS(rext_flags_next(NULL, 0, &number), REXT_ERR_NULL);
    CHECK_IS(rext_flags_next(&flags, 0, NULL), REXT_ERR_NULL);
    CHECK_IS(rext_check_flags(REXT_CLIENT_HELLO, NULL, NULL, NULL, NULL), REXT_ERR_NULL);
    CHECK_IS(rext_check_care(REXT_CLIENT_HELLO, REXT_TLS13, NULL, 1, 0, NULL), REXT_ERR_NULL);

    CHECK_IS(rext_scan_new(NULL, 0, NULL, NULL), REXT_ERR_NULL);
    CHECK_IS(rext_scan_records(NULL, NULL, 1, NULL, 0, &hello, &count, NULL), REXT_ERR_NULL);
    CHECK_IS(rext_scan_records(NULL, &byte, 1, NULL, 1, &hello, &count, NULL), REXT_ERR_NULL);
    CHECK_IS(rext_scan_records(NULL, &byte, 1, NULL, 0, NULL, &count, NULL), REXT_ERR_NULL);
    CHECK_IS(rext_scan_records(NULL, NULL, 0, NULL, 0, &hello, NULL, NULL), REXT_INCOMPLETE);
    CHECK_IS(rext_scan_handshake(NULL, NULL, 1, &hello, &count, NULL), REXT_ERR_NULL);
    CHECK_IS(rext_scan_handshake(NULL, NULL, 0, &hello, NULL, NULL), REXT_INCOMPLETE);
    CHECK_IS(rext_scan_body(NULL, NULL, 1, &hello, NULL), REXT_ERR_NULL);
    CHECK_IS(rext_scan_body(NULL, NULL, 0, &hello, NULL), REXT_ERR_MESSAGE_TOO_SHORT);
    CHECK_IS(rext_scanner_new(NULL, NULL, 0, NULL, NULL), REXT_ERR_NULL);
    rext_scanner *scanner = (rext_scanner *)&byte;
    CHECK_IS(rext_scanner_new(NULL, NULL, 1, &scanner, NULL), REXT_ERR_NULL);
    CHECK(scanner == NULL);
    CHECK_IS(rext_scanner_feed(NULL, &byte, 1, &hello, &count, NULL), REXT_ERR_NULL);
    CHECK_IS(rext_scanner_peek(NULL, &byte, 1, &hello, &count, NULL), REXT_ERR_NULL);

    CHECK_IS(rext_hello_server_name(NULL, &bytes), REXT_ERR_NULL);
    CHECK_IS(rext_hello_server_name(&hello, NULL), REXT_ERR_NULL);
    CHECK_IS(rext_hello_has_alpn(NULL, &byte, 1), REXT_ERR_NULL);
    CHECK_IS(rext_hello_offers_version(NULL, REXT_TLS13), REXT_ERR_NULL);
    CHECK_IS(rext_hello_flags(NULL, &flags, NULL), REXT_ERR_NULL);
    CHECK_IS(rext_hello_has_flag(NULL, 80, NULL), REXT_ERR_NULL);
    CHECK_IS(rext_hello_has_care(NULL, NULL), REXT_ERR_NULL);
    CHECK_IS(rext_hello_ech(NULL), REXT_ERR_NULL);
    CHECK_IS(rext_hello_has_psk(NULL), REXT_ERR_NULL);
    CHECK_IS(rext_hello_extension(NULL, 0, &bytes), REXT_ERR_NULL);
    CHECK_IS(rext_hello_fields_of(NULL, &fields), REXT_ERR_NULL);
    CHECK_IS(rext_hello_alpn(NULL, &list), REXT_ERR_NULL);
    CHECK_IS(rext_hello_alpn(&hello, NULL), REXT_ERR_NULL);
    CHECK_IS(rext_hello_authorities(NULL, &list), REXT_ERR_NULL);
    CHECK_IS(rext_hello_versions(NULL, &list), REXT_ERR_NULL);
    CHECK_IS(rext_hello_cipher_suites(NULL, &list), REXT_ERR_NULL);
    CHECK_IS(rext_hello_extensions(NULL, &list), REXT_ERR_NULL);
    CHECK_IS(rext_list_next(NULL, &number, &bytes), REXT_ERR_NULL);

    CHECK_IS(rext_hello_origins(NULL, &list, &count, NULL), REXT_ERR_NULL);
    CHECK_IS(rext_origins_decode(NULL, 1, &list, &count, NULL), REXT_ERR_NULL);
    CHECK_IS(rext_origins_decode((const uint8_t *)"\0\3\0\1a", 5, NULL, NULL, NULL), REXT_ERR_NULL);
    CHECK_IS(rext_origins_write(NULL, 1, &byte, 1, &count, NULL), REXT_ERR_NULL);
    CHECK_IS(rext_origins_write(NULL, 0, &byte, 1, NULL, NULL), REXT_ERR_NULL);
    CHECK_IS(rext_origins_write(NULL, 0, NULL, 1, &count, NULL), REXT_ERR_NULL);
    CHECK_IS(rext_origin_includes(NULL, 1, &byte, 1, NULL), REXT_ERR_NULL);
    CHECK_IS(rext_origin_includes(&byte, 1, NULL, 1, NULL), REXT_ERR_NULL);
    CHECK_IS(rext_check_origin_hint(REXT_CLIENT_HELLO, REXT_TLS13, NULL, 1, NULL), REXT_ERR_NULL);

    CHECK_IS(rext_client_new(REXT_OFFER_FLAG, NULL, NULL, NULL), REXT_ERR_NULL);
    CHECK_IS(rext_client_hello(NULL, REXT_TLS13, &flags, &number, NULL), REXT_ERR_NULL);
    CHECK_IS(rext_client_sent(NULL, REXT_OFFER_NONE), REXT_ERR_NULL);
    CHECK_IS(rext_client_on(NULL, REXT_SERVER_HELLO, REXT_TLS13, NULL, NULL, NULL, NULL), REXT_ERR_NULL);
    CHECK_IS(rext_client_status_of(NULL), REXT_ERR_NULL);
    CHECK_IS(rext_client_offer(NULL), REXT_ERR_NULL);
    CHECK_IS(rext_client_echoed(NULL), REXT_ERR_NULL);

    CHECK_IS(rext_server_new(NULL, NULL, NULL), REXT_ERR_NULL);
    CHECK_IS(rext_server_on_client_hello(NULL, REXT_TLS13, NULL, NULL, NULL, NULL), REXT_ERR_NULL);
    CHECK_IS(rext_server_on_hello(NULL, REXT_TLS13, NULL, NULL), REXT_ERR_NULL);
    CHECK_IS(rext_server_offer(NULL), REXT_ERR_NULL);
    CHECK_IS(rext_server_flags(NULL, &flags), REXT_ERR_NULL);
    CHECK_IS(rext_server_asks(NULL, REXT_ASKS_NOT), REXT_ERR_NULL);
    CHECK_IS(rext_server_echoes_care(NULL, REXT_SERVER_HELLO), REXT_ERR_NULL);
    CHECK_IS(rext_server_acknowledgement(NULL, &flags), REXT_ERR_NULL);
    CHECK_IS(rext_server_on_client_certificate(NULL, NULL, NULL, NULL, NULL), REXT_ERR_NULL);

    CHECK_IS(rext_resumption_check(REXT_DEMAND_NONE, NULL, 0, NULL), REXT_ERR_NULL);
    CHECK_IS(rext_session_encode(NULL, &byte, 1, &count), REXT_ERR_NULL);
    CHECK_IS(rext_session_encode(&session, &byte, 1, NULL), REXT_ERR_NULL);
    CHECK_IS(rext_session_decode(&byte, 1, NULL), REXT_ERR_NULL);
}

static void wrong_numbers(void) {
    rext_flags flags = {{0}};
    rext_client *client = NULL;
    rext_server *server;
    rext_error error;
    uint16_t care;
    static const int32_t messages[] = {0, 9, -1, INT32_MAX, INT32_MIN};
    static const uint16_t versions[] = {0, 0x0302, 0x0305, 0xfefd, 0xffff};

    CHECK_IS(rext_client_new(8, NULL, &client, &error), REXT_ERR_VALUE);
    CHECK(client == NULL && error.alert == 0);
    CHECK_IS(rext_client_new(-1, NULL, &client, NULL), REXT_ERR_VALUE);
    CHECK_IS(rext_client_new(REXT_OFFER_FLAG, NULL, &client, NULL), REXT_OK);
    CHECK_IS(rext_server_new(NULL, &server, NULL), REXT_OK);
    for (size_t i = 0; i < 5; i++) {
        CHECK_IS(rext_check_flags(messages[i], &flags, NULL, NULL, &error), REXT_ERR_VALUE);
        CHECK_IS(rext_check_care(messages[i], REXT_TLS13, NULL, 0, 0, NULL), REXT_ERR_VALUE);
        CHECK_IS(rext_check_origin_hint(messages[i], REXT_TLS13, NULL, 0, NULL), REXT_ERR_VALUE);
        CHECK_IS(rext_check_origin_hint(REXT_CLIENT_HELLO, versions[i], NULL, 0, NULL),
                 REXT_ERR_VALUE);
        CHECK_IS(rext_client_on(client, messages[i], REXT_TLS13, NULL, NULL, NULL, NULL), REXT_ERR_VALUE);
        CHECK_IS(rext_server_echoes_care(server, messages[i]), REXT_ERR_VALUE);
        CHECK_IS(rext_check_care(REXT_CLIENT_HELLO, versions[i], NULL, 0, 0, NULL), REXT_ERR_VALUE);
        CHECK_IS(rext_care_echo_in(versions[i]), REXT_ERR_VALUE);
        CHECK_IS(rext_client_hello(client, versions[i], &flags, &care, NULL), REXT_ERR_VALUE);
        CHECK_IS(rext_client_on(client, REXT_SERVER_HELLO, versions[i], NULL, NULL, NULL, NULL),
                 REXT_ERR_VALUE);
        CHECK_IS(rext_server_on_client_hello(server, versions[i], NULL, NULL, NULL, NULL),
                 REXT_ERR_VALUE);
        CHECK_IS(rext_server_asks(server, messages[i] ? messages[i] : 3), REXT_ERR_VALUE);
    }
    CHECK_IS(rext_client_sent(client, 8), REXT_ERR_VALUE);
    CHECK_IS(rext_client_offer(client), REXT_OFFER_NONE);
    CHECK_IS(rext_flags_insert(&flags, 2040), REXT_ERR_VALUE);
    CHECK_IS(rext_flags_remove(&flags, 65535), REXT_ERR_VALUE);
    CHECK_IS(rext_flags_contains(&flags, 2040), REXT_ERR_VALUE);
    CHECK_IS(rext_flags_next(&flags, 0, &care), REXT_NO);

    rext_code_points taken = {0, 80, 0, 0};
    CHECK_IS(rext_check_flags(REXT_CLIENT_HELLO, &flags, NULL, &taken, NULL), REXT_ERR_TAKEN);
    rext_client *other = client;
    CHECK_IS(rext_client_new(REXT_OFFER_FLAG, &taken, &other, NULL), REXT_ERR_TAKEN);
    CHECK(other == NULL);
    rext_client_free(client);
    rext_server_free(server);
}

/* Structs of zeros, and of other bytes. */
static void unset_structs(void) {
    rext_bytes bytes;
    rext_list list;
    rext_flags flags;
    rext_server *server;
    CHECK_IS(rext_server_new(NULL, &server, NULL), REXT_OK);
    for (int fill = 0; fill < 256; fill += 51) {
        rext_hello hello;
        memset(&hello, fill, sizeof hello);
        memset(&list, fill, sizeof list);
        CHECK_IS(rext_hello_server_name(&hello, &bytes), REXT_ERR_UNSET);
        CHECK_IS(rext_hello_ech(&hello), REXT_ERR_UNSET);
        CHECK_IS(rext_hello_flags(&hello, &flags, NULL), REXT_ERR_UNSET);
        CHECK_IS(rext_server_on_hello(server, REXT_TLS13, &hello, NULL), REXT_ERR_UNSET);
        CHECK_IS(rext_list_next(&list, NULL, NULL), REXT_ERR_UNSET);
        CHECK_IS(rext_hello_alpn(&hello, &list), REXT_ERR_UNSET);
        CHECK_IS(rext_hello_origins(&hello, &list, NULL, NULL), REXT_ERR_UNSET);
    }
    rext_server_free(server);

    memset(&flags, 0, sizeof flags);
    flags.body[0] = 2; /* not the body of an extension */
    CHECK_IS(rext_flags_body(&flags, &bytes), REXT_ERR_UNSET);
    CHECK_IS(rext_flags_contains(&flags, 0), REXT_ERR_UNSET);
    CHECK_IS(rext_flags_insert(&flags, 0), REXT_ERR_UNSET);
    CHECK_IS(rext_check_flags(REXT_CLIENT_HELLO, &flags, NULL, NULL, NULL), REXT_ERR_UNSET);
}

static void bad_lengths(void) {
    rext_hello hello;
    rext_flags flags;
    uint8_t byte = 1;
    CHECK_IS(rext_flags_decode(&byte, SIZE_MAX, &flags, NULL), REXT_ERR_LENGTH);
    CHECK_IS(rext_scan_body(NULL, &byte, SIZE_MAX / 2 + 1, &hello, NULL), REXT_ERR_LENGTH);
    CHECK_IS(rext_scan_records(NULL, &byte, 1, &byte, SIZE_MAX, &hello, NULL, NULL),
             REXT_ERR_LENGTH);
    rext_bytes bytes = {&byte, SIZE_MAX};
    rext_server *server;
    CHECK_IS(rext_server_new(NULL, &server, NULL), REXT_OK);
    CHECK_IS(rext_server_on_client_hello(server, REXT_TLS13, &bytes, NULL, NULL, NULL), REXT_ERR_LENGTH);
    rext_server_free(server);
}

static void unaligned_pointers(void) {
    _Alignas(16) unsigned char room[512] = {0};
    unsigned char *odd = room + 1;
    rext_hello hello = {{0}};
    rext_bytes bytes;
    CHECK_IS(rext_code_points_default((void *)odd), REXT_ERR_ALIGNMENT);
    CHECK_IS(rext_code_points_check((void *)odd, NULL), REXT_ERR_ALIGNMENT);
    CHECK_IS(rext_hello_server_name((void *)odd, &bytes), REXT_ERR_ALIGNMENT);
    CHECK_IS(rext_hello_server_name(&hello, (void *)odd), REXT_ERR_ALIGNMENT);
    CHECK_IS(rext_scan_records(NULL, odd, 0, NULL, 0, (void *)odd, NULL, NULL), REXT_ERR_ALIGNMENT);
    CHECK_IS(rext_list_next((void *)odd, NULL, NULL), REXT_ERR_ALIGNMENT);
    CHECK_IS(rext_resumption_check(REXT_DEMAND_NONE, NULL, 0, (void *)odd), REXT_ERR_ALIGNMENT);
    /* Bytes need no alignment, and neither do structs of bytes. */
    CHECK_IS(rext_flags_insert((void *)odd, 80), REXT_OK);
    CHECK_IS(rext_flags_contains((void *)odd, 80), REXT_YES);
    /* If the rext_error is misaligned, only the status is returned. */
    CHECK_IS(rext_code_points_check(NULL, (void *)odd), REXT_ERR_NULL);
}

void test_misuse(void) {
    null_pointers();
    wrong_numbers();
    unset_structs();
    bad_lengths();
    unaligned_pointers();
}
