/* Exported authenticators: requests, answers, contexts, and callbacks that fail. */
#include "check.h"

#define HASH 8

/* A connection with a toy in place of the hash, HMAC and the signature. */
struct toy {
    uint64_t key;
    int hash, mac, sign, verify; /* what the callbacks return */
    uint16_t scheme;
    uint8_t signature[HASH];
};

static uint64_t mix(uint64_t all, const uint8_t *bytes, size_t length) {
    for (size_t i = 0; i < length; i++)
        all = (all << 9 | all >> 55) ^ bytes[i];
    return all * 0x9e3779b97f4a7c15u;
}

static void put(uint64_t number, uint8_t *to) {
    for (int i = 0; i < HASH; i++)
        to[i] = (uint8_t)(number >> (8 * i));
}

static int32_t hash(void *argument, const rext_bytes *parts, size_t count, uint8_t *digest,
                    size_t length) {
    const struct toy *toy = argument;
    uint64_t all = 5;
    CHECK_IS(length, HASH);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < parts[i].length; j++)
            all = (all << 9 | all >> 55) ^ (parts[i].data[j] * 0x9e3779b97f4a7c15u);
    put(all, digest);
    return toy->hash;
}

static int32_t finished_mac(void *argument, rext_endpoint sender, const uint8_t *message,
                            size_t message_length, uint8_t *mac, size_t length) {
    const struct toy *toy = argument;
    CHECK(message_length == HASH && length == HASH);
    put(mix(toy->key + (uint64_t)sender, message, message_length), mac);
    return toy->mac;
}

/* The key is a number; the certificate is its byte. */
static int32_t sign(void *argument, void *key, uint16_t scheme, const rext_bytes *message,
                    rext_bytes *signature) {
    struct toy *toy = argument;
    CHECK(message->length == 64 + 23 + HASH && message->data[0] == 0x20);
    CHECK(memcmp(message->data + 64, "Exported Authenticator", 23) == 0);
    toy->scheme = scheme;
    put(mix(*(uint8_t *)key, message->data, message->length), toy->signature);
    signature->data = toy->signature;
    signature->length = HASH;
    return toy->sign;
}

static int32_t verify(void *argument, void *details, const rext_signed *signature) {
    const struct toy *toy = argument;
    uint8_t expected[HASH];
    CHECK(signature->certificate.length >= 1 && signature->signature.length == HASH);
    *(uint16_t *)details = signature->scheme;
    put(mix(signature->certificate.data[0], signature->message.data, signature->message.length),
        expected);
    if (toy->verify != 1)
        return toy->verify;
    return memcmp(expected, signature->signature.data, HASH) == 0;
}

static const uint8_t CLIENT[HASH] = {1}, SERVER[HASH] = {2};
static uint8_t CONTEXT[16] = "sixteen of these";
static const uint16_t SCHEMES[] = {0x0401, 0x0403, 0x0804};
static const uint8_t NAMES[] = {0, 7, 0, 5, 0x30, 3, 1, 2, 3};
static uint8_t KEY = 0x30;
static const uint8_t LEAF[] = {0x30, 1}, ISSUER[] = {0x30, 2, 3};
static const rext_bytes CHAIN[] = {{LEAF, sizeof LEAF}, {ISSUER, sizeof ISSUER}};

static rext_connection over(struct toy *toy) {
    rext_connection connection = {{CLIENT, HASH}, {SERVER, HASH}, hash, finished_mac, sign, verify, toy};
    return connection;
}

static struct toy good(void) {
    struct toy toy = {7, 1, 1, 1, 1, 0, {0}};
    return toy;
}

static rext_request request_of(rext_endpoint by, uint8_t *buffer, size_t length) {
    rext_request request;
    rext_extension authorities = {{NAMES, sizeof NAMES}, 47};
    CHECK_IS(rext_request_write(by, CONTEXT, 16, SCHEMES, 3, &authorities, 1, buffer, length,
                                &request, NULL), REXT_OK);
    return request;
}

static void requests_are_written_and_read(void) {
    uint8_t buffer[256];
    for (rext_endpoint by = REXT_ENDPOINT_CLIENT; by <= REXT_ENDPOINT_SERVER; by++) {
        rext_request request = request_of(by, buffer, sizeof buffer), again;
        rext_request_fields fields;
        rext_list list;
        rext_bytes bytes;
        uint16_t number;
        CHECK_IS(rext_request_fields_of(&request, &fields), REXT_OK);
        CHECK(fields.by == by && fields.bytes.data == buffer);
        CHECK(fields.bytes.data[0] == (by == REXT_ENDPOINT_SERVER ? 13 : 17));
        CHECK(fields.context.length == 16 && memcmp(fields.context.data, CONTEXT, 16) == 0);
        CHECK_IS(rext_request_parse(by, buffer, fields.bytes.length, &again, NULL), REXT_OK);

        CHECK_IS(rext_request_schemes(&again, &list), REXT_OK); /* not the one of PKCS #1 (EA-7) */
        CHECK_IS(rext_list_next(&list, &number, &bytes), REXT_YES);
        CHECK(number == 0x0403 && bytes.length == 0);
        CHECK_IS(rext_list_next(&list, &number, NULL), REXT_YES);
        CHECK_IS(number, 0x0804);
        CHECK_IS(rext_list_next(&list, &number, NULL), REXT_NO);
        CHECK_IS(rext_request_authorities(&again, &list), REXT_OK);
        CHECK_IS(rext_list_next(&list, NULL, &bytes), REXT_YES);
        CHECK(bytes.length == 5 && memcmp(bytes.data, NAMES + 4, 5) == 0);
        CHECK_IS(rext_list_next(&list, NULL, &bytes), REXT_NO);
        CHECK_IS(rext_request_extensions(&again, &list), REXT_OK);
        CHECK_IS(rext_list_next(&list, &number, &bytes), REXT_YES);
        CHECK(number == 13 && bytes.length == 8);
        CHECK_IS(rext_list_next(&list, &number, &bytes), REXT_YES);
        CHECK(number == 47 && bytes.length == sizeof NAMES);
        CHECK_IS(rext_request_extension(&again, 47, &bytes), REXT_YES);
        CHECK(bytes.length == sizeof NAMES && bytes.data > buffer);
        CHECK_IS(rext_request_extension(&again, 48, &bytes), REXT_NO);
        CHECK(bytes.length == 0);

        for (size_t length = 0; length < fields.bytes.length; length++)
            CHECK_IS(rext_request_parse(by, buffer, length, &again, NULL),
                     REXT_ERR_REQUEST_MALFORMED);
        CHECK_IS(rext_request_parse(3 - by, buffer, fields.bytes.length, &again, NULL),
                 REXT_ERR_REQUEST_MALFORMED);
        rext_extension two[] = {{{NULL, 0}, 5}, {{NULL, 0}, 5}};
        rext_error error;
        CHECK_IS(rext_request_write(by, CONTEXT, 16, SCHEMES, 3, two, 2, buffer, sizeof buffer,
                                    &again, &error), REXT_ERR_REQUEST_EXTENSION);
        CHECK(error.alert == 0 && strcmp(error.rule, "EA-4") == 0);
        CHECK_IS(rext_request_write(by, CONTEXT, 16, SCHEMES, 0, NULL, 0, buffer, sizeof buffer,
                                    &again, NULL), REXT_ERR_REQUEST_MALFORMED);
        CHECK_IS(rext_request_write(by, CONTEXT, 15, SCHEMES, 3, NULL, 0, buffer, sizeof buffer,
                                    &again, &error), REXT_ERR_VALUE);
        CHECK(error.rule[0] == '\0' && strstr(error.message, "(EA-3)") != NULL);
        CHECK_IS(rext_request_write(by, CONTEXT, 16, SCHEMES, 3, NULL, 0, buffer, 30, &again, NULL),
                 REXT_ERR_BUFFER);
    }
}

static void answers_are_made_and_validated(void) {
    struct toy toy = good();
    rext_connection connection = over(&toy);
    for (rext_endpoint by = REXT_ENDPOINT_CLIENT; by <= REXT_ENDPOINT_SERVER; by++) {
        uint8_t message[256], answer[256];
        rext_request request = request_of(by, message, sizeof message);
        size_t length;
        uint16_t scheme, seen = 0;
        rext_list list;
        rext_bytes bytes;
        rext_error error;
        CHECK_IS(rext_authenticator_make(&request, &connection, CHAIN, 2, 0x0804, &KEY, answer,
                                         sizeof answer, &length, &error), REXT_OK);
        CHECK_IS(toy.scheme, 0x0804);
        CHECK_IS(rext_authenticator_context(answer, length, &bytes, NULL), REXT_YES);
        CHECK(bytes.length == 16 && memcmp(bytes.data, CONTEXT, 16) == 0);
        CHECK_IS(rext_authenticator_validate(&request, &connection, answer, length, &seen, &list,
                                             &scheme, &error), REXT_PROOF_POSSESSION);
        CHECK(seen == 0x0804 && scheme == 0x0804);
        CHECK_IS(rext_list_next(&list, NULL, &bytes), REXT_YES);
        CHECK(bytes.length == sizeof LEAF && memcmp(bytes.data, LEAF, sizeof LEAF) == 0);
        CHECK(bytes.data > answer && bytes.data < answer + length);
        CHECK_IS(rext_list_next(&list, NULL, &bytes), REXT_YES);
        CHECK(bytes.length == sizeof ISSUER);
        CHECK_IS(rext_list_next(&list, NULL, &bytes), REXT_NO);

        /* A buffer of exactly its length is enough, and nothing is written with less. */
        size_t other = 1;
        for (size_t room = 0; room < length; room++) {
            uint8_t *part = malloc(room + 1);
            CHECK(part != NULL);
            CHECK_IS(rext_authenticator_make(&request, &connection, CHAIN, 2, 0x0804, &KEY, part,
                                             room, &other, NULL), REXT_ERR_BUFFER);
            CHECK_IS(other, 1);
            free(part);
        }
        /* A changed byte does not validate (EA-13). */
        for (size_t at = 0; at < length; at++) {
            answer[at] ^= 1;
            rext_proof proof = rext_authenticator_validate(&request, &connection, answer, length,
                                                           &seen, &list, NULL, &error);
            CHECK(proof <= REXT_ERR_AUTHENTICATOR_MALFORMED &&
                  proof >= REXT_ERR_AUTHENTICATOR_SIGNATURE);
            CHECK(error.status == proof && strncmp(error.rule, "EA-", 3) == 0 && error.alert == 0);
            answer[at] ^= 1;
        }
        /* Another connection, and another direction (EA-9). */
        struct toy another = good();
        another.key = 8;
        rext_connection elsewhere = over(&another);
        CHECK_IS(rext_authenticator_validate(&request, &elsewhere, answer, length, &seen, &list, NULL,
                                             &error), REXT_ERR_AUTHENTICATOR_MAC);
        CHECK(strcmp(error.rule, "EA-9") == 0);
        /* A key of another certificate (EA-8). */
        uint8_t wrong = 0x31;
        CHECK_IS(rext_authenticator_make(&request, &connection, CHAIN, 2, 0x0403, &wrong, answer,
                                         sizeof answer, &length, NULL), REXT_OK);
        CHECK_IS(rext_authenticator_validate(&request, &connection, answer, length, &seen, &list, NULL,
                                             &error), REXT_ERR_AUTHENTICATOR_SIGNATURE);
        CHECK(strcmp(error.rule, "EA-8") == 0);

        CHECK_IS(rext_authenticator_decline(&request, &connection, answer, sizeof answer, &length,
                                            NULL), REXT_OK);
        CHECK_IS(length, 4 + HASH);
        CHECK_IS(rext_authenticator_decline(&request, &connection, answer, 4 + HASH - 1, &length,
                                            NULL), REXT_ERR_BUFFER);
        memset(&list, 0, sizeof list);
        scheme = 7;
        CHECK_IS(rext_authenticator_context(answer, length, &bytes, NULL), REXT_NO);
        CHECK_IS(rext_authenticator_validate(&request, &connection, answer, length, &seen, &list,
                                             &scheme, NULL), REXT_PROOF_DECLINED);
        CHECK(scheme == 7);
        CHECK_IS(rext_list_next(&list, NULL, NULL), REXT_ERR_UNSET);
        CHECK_IS(rext_authenticator_validate(&request, &elsewhere, answer, length, &seen, &list, NULL,
                                             NULL), REXT_ERR_AUTHENTICATOR_MAC);
    }
}

static void a_callback_that_fails_makes_and_proves_nothing(void) {
    static const int failures[] = {0, -1, 2, INT32_MIN};
    struct toy toy = good();
    rext_connection connection = over(&toy);
    uint8_t message[256], answer[256];
    rext_request request = request_of(REXT_ENDPOINT_SERVER, message, sizeof message);
    size_t length, written;
    uint16_t seen;
    rext_list list;
    rext_error error;
    CHECK_IS(rext_authenticator_make(&request, &connection, CHAIN, 2, 0x0403, &KEY, answer,
                                     sizeof answer, &length, NULL), REXT_OK);
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        for (int which = 0; which < 4; which++) {
            uint8_t other[256];
            int sign_only = which == 2, verify_only = which == 3;
            toy = good();
            *(which == 0 ? &toy.hash : which == 1 ? &toy.mac : sign_only ? &toy.sign : &toy.verify) =
                failures[i];
            written = 1;
            memset(&list, 0, sizeof list);
            CHECK_IS(rext_authenticator_make(&request, &connection, CHAIN, 2, 0x0403, &KEY, other,
                                             sizeof other, &written, &error),
                     verify_only ? REXT_OK : REXT_ERR_CALLBACK);
            CHECK(verify_only || (written == 1 && strcmp(error.message, "a callback failed") == 0));
            CHECK_IS(rext_authenticator_decline(&request, &connection, other, sizeof other, &written,
                                                NULL),
                     which >= 2 ? REXT_OK : REXT_ERR_CALLBACK);
            /* 0 of verify is its answer. */
            CHECK_IS(rext_authenticator_validate(&request, &connection, answer, length, &seen, &list,
                                                 NULL, NULL),
                     sign_only                             ? REXT_PROOF_POSSESSION
                     : verify_only && failures[i] == 0     ? REXT_ERR_AUTHENTICATOR_SIGNATURE
                                                           : REXT_ERR_CALLBACK);
            CHECK(sign_only || rext_list_next(&list, NULL, NULL) == REXT_ERR_UNSET);
        }
    }
}

static void a_server_proves_itself_without_a_request(void) {
    struct toy toy = good();
    rext_connection connection = over(&toy);
    size_t size, length;
    uint8_t *hello_bytes = corpus("curl.bin", &size), answer[256];
    uint16_t seen;
    rext_hello hello;
    rext_request request;
    rext_request_fields fields;
    rext_bytes context;
    rext_list list;
    rext_error error;
    CHECK_IS(rext_scan_records(NULL, hello_bytes, size, NULL, 0, &hello, NULL, NULL), REXT_OK);
    CHECK_IS(rext_request_spontaneous(CONTEXT, 16, &hello, &request, NULL), REXT_OK);
    CHECK_IS(rext_request_fields_of(&request, &fields), REXT_OK);
    CHECK(fields.bytes.length == 0 && fields.by == REXT_ENDPOINT_CLIENT);
    CHECK_IS(rext_authenticator_make(&request, &connection, CHAIN, 1, 0x0403, &KEY, answer,
                                     sizeof answer, &length, NULL), REXT_OK);
    CHECK_IS(rext_authenticator_decline(&request, &connection, answer, sizeof answer, &size, &error),
             REXT_ERR_VALUE);
    CHECK(strstr(error.message, "(EA-5)") != NULL);
    CHECK_IS(rext_authenticator_make(&request, &connection, CHAIN, 1, 0x0403, &KEY, answer,
                                     sizeof answer, &length, NULL), REXT_OK);
    CHECK_IS(rext_authenticator_context(answer, length, &context, NULL), REXT_YES);
    rext_request on_client;
    CHECK_IS(rext_request_spontaneous(context.data, context.length, &hello, &on_client, NULL),
             REXT_OK);
    CHECK_IS(rext_authenticator_validate(&on_client, &connection, answer, length, &seen, &list, NULL,
                                         NULL), REXT_PROOF_POSSESSION);
    CHECK_IS(rext_authenticator_validate(&on_client, &connection, answer + length - 4 - HASH, 4 + HASH,
                                         &seen, &list, NULL, NULL), REXT_ERR_AUTHENTICATOR_EMPTY);
    free(hello_bytes);
}

static void a_context_is_used_once(void) {
    rext_contexts *contexts;
    rext_error error;
    CHECK_IS(rext_contexts_new(2 * 18 + 2, &contexts, NULL), REXT_OK);
    CHECK_IS(rext_contexts_record(contexts, REXT_CONTEXT_SENT, BYTES(CONTEXT), NULL), REXT_OK);
    CHECK_IS(rext_contexts_record(contexts, REXT_CONTEXT_RECEIVED, BYTES(CONTEXT), &error),
             REXT_ERR_CONTEXT_REPEATED);
    CHECK(strcmp(error.rule, "EA-3") == 0);
    CHECK_IS(rext_contexts_record(contexts, REXT_CONTEXT_ANSWER, BYTES(CONTEXT), NULL),
             REXT_ERR_CONTEXT_NOT_REQUESTED);
    CHECK_IS(rext_contexts_record(contexts, REXT_CONTEXT_ANSWERED, BYTES(CONTEXT), NULL), REXT_OK);
    CHECK_IS(rext_contexts_record(contexts, REXT_CONTEXT_ANSWERED, BYTES(CONTEXT), &error),
             REXT_ERR_CONTEXT_ANSWERED);
    CHECK(strcmp(error.rule, "EA-11") == 0);
    CHECK_IS(rext_contexts_record(contexts, REXT_CONTEXT_RECEIVED, NULL, 0, NULL), REXT_OK);
    CHECK_IS(rext_contexts_record(contexts, REXT_CONTEXT_ANSWER, NULL, 0, NULL), REXT_OK);
    CHECK_IS(rext_contexts_record(contexts, REXT_CONTEXT_SPONTANEOUS, BYTES(LEAF), NULL), REXT_OK);
    CHECK_IS(rext_contexts_record(contexts, REXT_CONTEXT_SENT, CONTEXT, 15, &error),
             REXT_ERR_CONTEXT_FULL);
    uint8_t longest[256] = {0};
    CHECK_IS(rext_contexts_record(contexts, REXT_CONTEXT_SENT, BYTES(longest), NULL), REXT_ERR_VALUE);
    CHECK_IS(rext_contexts_record(contexts, 0, BYTES(CONTEXT), NULL), REXT_ERR_VALUE);
    CHECK_IS(rext_contexts_record(contexts, 6, BYTES(CONTEXT), NULL), REXT_ERR_VALUE);
    rext_contexts_free(contexts);
    CHECK_IS(rext_contexts_new(SIZE_MAX, &contexts, NULL), REXT_ERR_MEMORY);
    CHECK(contexts == NULL);
    rext_contexts_free(NULL);
}

static void a_frame_has_a_list_of_requests(void) {
    uint8_t first[256], second[256], payload[512];
    size_t length, less;
    rext_request requests[2] = {request_of(REXT_ENDPOINT_SERVER, first, sizeof first)};
    rext_bytes bytes;
    rext_list list;
    rext_error error;
    CONTEXT[0] ^= 1;
    requests[1] = request_of(REXT_ENDPOINT_SERVER, second, sizeof second);
    CHECK_IS(rext_requests_write(requests, 2, payload, sizeof payload, &length, NULL), REXT_OK);
    CHECK_IS(rext_requests_write(requests, 2, payload, length - 1, &less, NULL), REXT_ERR_BUFFER);
    CHECK_IS(rext_requests_write(requests, 0, payload, sizeof payload, &less, NULL), REXT_ERR_VALUE);
    CHECK_IS(rext_requests_write(requests, 2, payload, sizeof payload, &length, NULL), REXT_OK);
    CHECK_IS(rext_requests_parse(payload, length, &list, NULL), REXT_OK);
    for (int i = 0; i < 2; i++) {
        rext_request again;
        rext_request_fields fields;
        CHECK_IS(rext_list_next(&list, NULL, &bytes), REXT_YES);
        CHECK_IS(rext_request_parse(REXT_ENDPOINT_SERVER, bytes.data, bytes.length, &again, NULL),
                 REXT_OK);
        CHECK_IS(rext_request_fields_of(&again, &fields), REXT_OK);
        CHECK((fields.context.data[0] == CONTEXT[0]) == (i == 1));
    }
    CHECK_IS(rext_list_next(&list, NULL, &bytes), REXT_NO);
    for (size_t prefix = 0; prefix < length; prefix++) {
        int whole = prefix == 1 + (size_t)payload[0];
        CHECK_IS(rext_requests_parse(payload, prefix, &list, &error),
                 whole ? REXT_OK : REXT_ERR_REQUEST_LIST);
        CHECK(whole || strcmp(error.rule, "SCC-4") == 0);
    }
    requests[1] = request_of(REXT_ENDPOINT_CLIENT, second, sizeof second);
    CHECK_IS(rext_requests_write(requests, 2, payload, sizeof payload, &length, NULL),
             REXT_ERR_VALUE);
    memset(&requests[0], 0, sizeof requests[0]);
    CHECK_IS(rext_requests_write(requests, 1, payload, sizeof payload, &length, NULL),
             REXT_ERR_UNSET);
}

static void mistakes_are_detected(void) {
    struct toy toy = good();
    rext_connection connection = over(&toy), broken;
    uint8_t message[256], bytes[256];
    rext_request request = request_of(REXT_ENDPOINT_SERVER, message, sizeof message), unset = {{0}};
    rext_request_fields fields;
    rext_bytes context;
    rext_list list;
    rext_contexts *contexts;
    size_t length;
    _Alignas(16) uint8_t room[128] = {0};
    void *odd = room + 1;

    CHECK_IS(rext_request_write(3, CONTEXT, 16, SCHEMES, 3, NULL, 0, bytes, 256, &request, NULL),
             REXT_ERR_VALUE);
    CHECK_IS(rext_request_write(1, NULL, 16, SCHEMES, 3, NULL, 0, bytes, 256, &request, NULL),
             REXT_ERR_NULL);
    CHECK_IS(rext_request_write(1, CONTEXT, 16, NULL, 3, NULL, 0, bytes, 256, &request, NULL),
             REXT_ERR_NULL);
    CHECK_IS(rext_request_write(1, CONTEXT, 16, SCHEMES, 3, NULL, 1, bytes, 256, &request, NULL),
             REXT_ERR_NULL);
    CHECK_IS(rext_request_write(1, CONTEXT, 16, SCHEMES, 3, NULL, 0, NULL, 256, &request, NULL),
             REXT_ERR_NULL);
    CHECK_IS(rext_request_write(1, CONTEXT, 16, SCHEMES, 3, NULL, 0, bytes, 256, NULL, NULL),
             REXT_ERR_NULL);
    CHECK_IS(rext_request_write(1, CONTEXT, 16, odd, 3, NULL, 0, bytes, 256, &request, NULL),
             REXT_ERR_ALIGNMENT);
    CHECK_IS(rext_request_write(1, CONTEXT, 16, SCHEMES, SIZE_MAX, NULL, 0, bytes, 256, &request,
                                NULL), REXT_ERR_LENGTH);
    CHECK_IS(rext_request_write(1, CONTEXT, 16, SCHEMES, SIZE_MAX / 3, NULL, 0, bytes, 256, &request,
                                NULL), REXT_ERR_LENGTH);
    CHECK_IS(rext_request_parse(0, bytes, 256, &request, NULL), REXT_ERR_VALUE);
    CHECK_IS(rext_request_parse(1, NULL, 256, &request, NULL), REXT_ERR_NULL);
    CHECK_IS(rext_request_parse(1, bytes, 256, NULL, NULL), REXT_ERR_NULL);
    CHECK_IS(rext_request_spontaneous(CONTEXT, 16, NULL, &request, NULL), REXT_ERR_NULL);
    CHECK_IS(rext_request_fields_of(NULL, &fields), REXT_ERR_NULL);
    CHECK_IS(rext_request_fields_of(&request, NULL), REXT_ERR_NULL);
    CHECK_IS(rext_request_fields_of(&unset, &fields), REXT_ERR_UNSET);
    CHECK_IS(rext_request_schemes(&unset, &list), REXT_ERR_UNSET);
    CHECK_IS(rext_request_schemes(&request, NULL), REXT_ERR_NULL);
    CHECK_IS(rext_request_authorities(NULL, &list), REXT_ERR_NULL);
    CHECK_IS(rext_request_extensions(odd, &list), REXT_ERR_ALIGNMENT);
    CHECK_IS(rext_request_extension(&request, 13, NULL), REXT_ERR_NULL);
    CHECK_IS(rext_request_extension(&unset, 13, &context), REXT_ERR_UNSET);

    CHECK_IS(rext_authenticator_make(&request, &connection, CHAIN, 0, 0x0403, &KEY, bytes, 256, &length,
                                     NULL), REXT_ERR_VALUE);
    CHECK_IS(rext_authenticator_make(&request, &connection, CHAIN, 2, 0x0401, &KEY, bytes, 256, &length,
                                     NULL), REXT_ERR_VALUE);
    CHECK_IS(rext_authenticator_make(&request, &connection, NULL, 2, 0x0403, &KEY, bytes, 256, &length,
                                     NULL), REXT_ERR_NULL);
    CHECK_IS(rext_authenticator_make(&request, NULL, CHAIN, 2, 0x0403, &KEY, bytes, 256, &length, NULL),
             REXT_ERR_NULL);
    CHECK_IS(rext_authenticator_make(&request, &connection, CHAIN, 2, 0x0403, &KEY, bytes, 256, NULL,
                                     NULL), REXT_ERR_NULL);
    CHECK_IS(rext_authenticator_make(&unset, &connection, CHAIN, 2, 0x0403, &KEY, bytes, 256, &length,
                                     NULL), REXT_ERR_UNSET);
    CHECK_IS(rext_authenticator_validate(&request, &connection, bytes, 256, NULL, NULL, NULL, NULL),
             REXT_ERR_NULL);
    CHECK_IS(rext_authenticator_validate(&request, &connection, NULL, 0, NULL, &list, NULL, NULL),
             REXT_ERR_AUTHENTICATOR_MALFORMED);
    CHECK_IS(rext_authenticator_context(NULL, 0, &context, NULL), REXT_ERR_AUTHENTICATOR_MALFORMED);
    CHECK_IS(rext_authenticator_context(bytes, 1, NULL, NULL), REXT_ERR_NULL);

    broken = connection;
    broken.hash = NULL;
    CHECK_IS(rext_authenticator_decline(&request, &broken, bytes, 256, &length, NULL), REXT_ERR_NULL);
    broken = connection;
    broken.finished_mac = NULL;
    CHECK_IS(rext_authenticator_decline(&request, &broken, bytes, 256, &length, NULL), REXT_ERR_NULL);
    broken = connection;
    broken.sign = NULL;
    broken.verify = NULL;
    broken.server_context.length = 0; /* not needed for the authenticators of clients */
    CHECK_IS(rext_authenticator_decline(&request, &broken, bytes, 256, &length, NULL), REXT_OK);
    CHECK_IS(rext_authenticator_make(&request, &broken, CHAIN, 2, 0x0403, &KEY, bytes, 256, &length,
                                     NULL), REXT_ERR_NULL);
    CHECK_IS(rext_authenticator_validate(&request, &broken, bytes, length, NULL, &list, NULL, NULL),
             REXT_ERR_NULL);
    broken = connection;
    broken.client_context.length = 0;
    CHECK_IS(rext_authenticator_decline(&request, &broken, bytes, 256, &length, NULL), REXT_ERR_VALUE);
    uint8_t too_long[65] = {0};
    broken.client_context.data = too_long;
    broken.client_context.length = sizeof too_long;
    CHECK_IS(rext_authenticator_decline(&request, &broken, bytes, 256, &length, NULL), REXT_ERR_VALUE);

    CHECK_IS(rext_contexts_new(0, NULL, NULL), REXT_ERR_NULL);
    CHECK_IS(rext_contexts_record(NULL, REXT_CONTEXT_SENT, BYTES(CONTEXT), NULL), REXT_ERR_NULL);
    CHECK_IS(rext_contexts_new(0, &contexts, NULL), REXT_OK);
    CHECK_IS(rext_contexts_record(contexts, REXT_CONTEXT_SENT, NULL, 1, NULL), REXT_ERR_NULL);
    rext_contexts_free(contexts);
    CHECK_IS(rext_requests_write(NULL, 1, bytes, 256, &length, NULL), REXT_ERR_NULL);
    CHECK_IS(rext_requests_write(&request, 1, bytes, 256, NULL, NULL), REXT_ERR_NULL);
    CHECK_IS(rext_requests_parse(bytes, 256, NULL, NULL), REXT_ERR_NULL);
    CHECK_IS(rext_requests_parse(NULL, 0, &list, NULL), REXT_ERR_REQUEST_LIST);
}

void test_authenticator(void) {
    requests_are_written_and_read();
    answers_are_made_and_validated();
    a_callback_that_fails_makes_and_proves_nothing();
    a_server_proves_itself_without_a_request();
    a_context_is_used_once();
    a_frame_has_a_list_of_requests();
    mistakes_are_detected();
}
