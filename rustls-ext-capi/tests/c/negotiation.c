/* The negotiation of a client and a server, without a TLS stack. */
#include "check.h"

static const uint8_t FLAG_80[] = {11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
static const uint8_t BAD_FLAGS[] = {1, 0};
static const rext_bytes OFFER = {FLAG_80, sizeof FLAG_80};
static const rext_bytes BAD = {BAD_FLAGS, sizeof BAD_FLAGS};
static const rext_bytes EMPTY = {NULL, 0};

static rext_client *client(rext_offer offer) {
    rext_client *client;
    CHECK_IS(rext_client_new(offer, NULL, &client, NULL), REXT_OK);
    CHECK_IS(rext_client_offer(client), REXT_OFFER_NONE);
    CHECK_IS(rext_client_status_of(client), REXT_CLIENT_NOT_OFFERED);
    return client;
}

/* Checks the offer that the client sends. */
static void sends(rext_client *client, rext_version_number highest, int flag, uint16_t care) {
    rext_flags flags;
    rext_bytes body;
    uint16_t number = 1;
    CHECK_IS(rext_client_hello(client, highest, &flags, &number, NULL), REXT_OK);
    CHECK_IS(rext_flags_body(&flags, &body), flag);
    if (flag)
        CHECK(body.length == sizeof FLAG_80 && memcmp(body.data, FLAG_80, body.length) == 0);
    CHECK_IS(number, care);
}

static void acknowledged(void) {
    rext_client *c = client(REXT_OFFER_FLAG | REXT_OFFER_CARE);
    sends(c, REXT_TLS13, 1, 0xffca);
    sends(c, REXT_TLS13, 1, 0xffca); /* the same in the second ClientHello (FLAGS-12) */
    CHECK_IS(rext_client_offer(c), REXT_OFFER_FLAG | REXT_OFFER_CARE);
    CHECK_IS(rext_client_status_of(c), REXT_CLIENT_OFFERED);
    CHECK_IS(rext_client_on(c, REXT_SERVER_HELLO, REXT_TLS13, NULL, NULL, NULL, NULL), REXT_OK);
    CHECK_IS(rext_client_echoed(c), REXT_NO);
    CHECK_IS(rext_client_on(c, REXT_ENCRYPTED_EXTENSIONS, REXT_TLS13, NULL, &EMPTY, NULL, NULL), REXT_OK);
    CHECK_IS(rext_client_echoed(c), REXT_YES);
    CHECK_IS(rext_client_on(c, REXT_CERTIFICATE_REQUEST, REXT_TLS13, &OFFER, NULL, NULL, NULL), REXT_OK);
    CHECK_IS(rext_client_status_of(c), REXT_CLIENT_ACKNOWLEDGED);
    rext_client_free(c);
}

static void asked(void) {
    rext_client *c = client(REXT_OFFER_FLAG);
    sends(c, REXT_TLS13, 1, 0);
    CHECK_IS(rext_client_on(c, REXT_CERTIFICATE_REQUEST, REXT_TLS13, NULL, NULL, NULL, NULL), REXT_OK);
    CHECK_IS(rext_client_status_of(c), REXT_CLIENT_ASKED_WITHOUT_ACKNOWLEDGEMENT);
    rext_client_free(c);

    c = client(REXT_OFFER_FLAG); /* TLS 1.2 has no flags (FLAGS-9) */
    sends(c, REXT_TLS12, 0, 0);
    CHECK_IS(rext_client_status_of(c), REXT_CLIENT_NOT_OFFERED);
    rext_client_free(c);

    c = client(REXT_OFFER_FLAG); /* the server evaluates the outer ClientHello of ECH (FLAGS-13) */
    sends(c, REXT_TLS13, 1, 0);
    CHECK_IS(rext_client_sent(c, REXT_OFFER_NONE), REXT_OK);
    CHECK_IS(rext_client_status_of(c), REXT_CLIENT_NOT_OFFERED);
    CHECK_IS(rext_client_on(c, REXT_CERTIFICATE_REQUEST, REXT_TLS13, &OFFER, NULL, NULL, NULL),
             REXT_ERR_FLAG_MISPLACED);
    rext_client_free(c);
}

static void refused(void) {
    rext_client *c = client(REXT_OFFER_NONE);
    rext_error error;
    sends(c, REXT_TLS13, 0, 0);
    CHECK_IS(rext_client_on(c, REXT_CERTIFICATE_REQUEST, REXT_TLS13, &OFFER, NULL, NULL, &error),
             REXT_ERR_FLAG_MISPLACED);
    CHECK(error.alert == 47 && strcmp(error.rule, "RCA-4") == 0);
    CHECK(strcmp(error.message, "TLS flag 80 is not allowed in this CertificateRequest (RCA-4)") == 0);
    CHECK_IS(rext_client_on(c, REXT_CERTIFICATE_REQUEST, REXT_TLS13, &BAD, NULL, NULL, &error),
             REXT_ERR_FLAGS_NONE_SET);
    CHECK_IS(rext_client_on(c, REXT_ENCRYPTED_EXTENSIONS, REXT_TLS13, NULL, &EMPTY, NULL, &error),
             REXT_ERR_CARE_UNSOLICITED);
    CHECK(error.alert == 110 && strcmp(error.rule, "CARE-3") == 0);
    CHECK_IS(rext_client_status_of(c), REXT_CLIENT_NOT_OFFERED);
    CHECK_IS(rext_client_on(c, REXT_CLIENT_CERTIFICATE, REXT_TLS13, NULL, NULL, NULL, NULL),
             REXT_ERR_VALUE);
    CHECK_IS(rext_client_on(c, REXT_CLIENT_HELLO, REXT_TLS13, NULL, NULL, NULL, NULL), REXT_ERR_VALUE);
    rext_client_free(c);
    rext_client_free(NULL);
}

void test_client(void) {
    acknowledged();
    asked();
    refused();

    rext_code_points numbers = {0xfe01, 5, 0, 0};
    rext_client *c;
    rext_flags flags;
    uint16_t care;
    CHECK_IS(rext_client_new(REXT_OFFER_FLAG | REXT_OFFER_CARE, &numbers, &c, NULL), REXT_OK);
    CHECK_IS(rext_client_hello(c, REXT_TLS13, &flags, &care, NULL), REXT_OK);
    CHECK(care == 0); /* CARE has no number */
    CHECK_IS(rext_flags_contains(&flags, 5), REXT_YES);
    CHECK_IS(rext_client_offer(c), REXT_OFFER_FLAG);
    rext_client_free(c);
}

static void acknowledges(rext_server *server, rext_asks asks, int flag) {
    rext_flags flags;
    CHECK_IS(rext_server_asks(server, asks), REXT_OK);
    CHECK_IS(rext_server_acknowledgement(server, &flags), REXT_OK);
    CHECK_IS(rext_flags_contains(&flags, 80), flag);
}

void test_server(void) {
    rext_server *s;
    rext_error error;
    rext_flags flags;
    CHECK_IS(rext_server_new(NULL, &s, NULL), REXT_OK);
    CHECK_IS(rext_server_offer(s), REXT_OFFER_NONE);
    CHECK_IS(rext_server_on_client_hello(s, REXT_TLS13, &OFFER, NULL, NULL, NULL), REXT_OK);
    CHECK_IS(rext_server_on_client_hello(s, REXT_TLS13, &OFFER, NULL, NULL, NULL), REXT_OK);
    CHECK_IS(rext_server_offer(s), REXT_OFFER_FLAG);
    CHECK_IS(rext_server_flags(s, &flags), REXT_OK);
    CHECK_IS(rext_flags_contains(&flags, 80), REXT_YES);
    acknowledges(s, REXT_ASKS_NOT, 0);
    acknowledges(s, REXT_ASKS_FOR_ANOTHER_REASON, 0); /* RCA-3 */
    acknowledges(s, REXT_ASKS_BECAUSE_OFFERED, 1);    /* RCA-2 */
    CHECK_IS(rext_server_echoes_care(s, REXT_ENCRYPTED_EXTENSIONS), REXT_NO);

    CHECK_IS(rext_server_on_client_certificate(s, NULL, NULL, NULL, &error), REXT_OK);
    CHECK_IS(rext_server_on_client_certificate(s, &OFFER, NULL, NULL, &error), REXT_ERR_FLAG_MISPLACED);
    CHECK(error.alert == 47 && strcmp(error.rule, "RCA-5") == 0);
    CHECK_IS(rext_server_on_client_certificate(s, NULL, &EMPTY, NULL, &error), REXT_ERR_CARE_MISPLACED);

    CHECK_IS(rext_server_on_client_hello(s, REXT_TLS13, NULL, NULL, NULL, &error),
             REXT_ERR_SECOND_HELLO_DIFFERS);
    CHECK(error.alert == 47 && strcmp(error.rule, "FLAGS-12") == 0);
    rext_server_free(s);

    /* CARE in both versions, and malformed flags, which are ignored under TLS 1.2 (FLAGS-9). */
    CHECK_IS(rext_server_new(NULL, &s, NULL), REXT_OK);
    CHECK_IS(rext_server_on_client_hello(s, REXT_TLS12, &BAD, &EMPTY, NULL, NULL), REXT_OK);
    CHECK_IS(rext_server_offer(s), REXT_OFFER_CARE);
    CHECK_IS(rext_server_echoes_care(s, REXT_SERVER_HELLO), REXT_YES);
    CHECK_IS(rext_server_echoes_care(s, REXT_ENCRYPTED_EXTENSIONS), REXT_NO);
    acknowledges(s, REXT_ASKS_BECAUSE_OFFERED, 0);
    rext_server_free(s);
    CHECK_IS(rext_server_new(NULL, &s, NULL), REXT_OK);
    CHECK_IS(rext_server_on_client_hello(s, REXT_TLS13, &BAD, &EMPTY, NULL, &error),
             REXT_ERR_FLAGS_NONE_SET);
    rext_server_free(s);

    /* From a scan. */
    size_t length;
    uint8_t *bytes = corpus("go124+flag.bin", &length);
    rext_hello hello;
    CHECK_IS(rext_scan_records(NULL, bytes, length, NULL, 0, &hello, NULL, NULL), REXT_OK);
    CHECK_IS(rext_server_new(NULL, &s, NULL), REXT_OK);
    CHECK_IS(rext_server_on_hello(s, REXT_TLS13, &hello, NULL), REXT_OK);
    CHECK_IS(rext_server_offer(s), REXT_OFFER_FLAG);
    rext_server_free(s);
    rext_server_free(NULL);
    free(bytes);
}
