/* One scan, one view and one set of flags, used by many threads at once. */
#include <pthread.h>

#include "check.h"

#define THREADS 4
#define ROUNDS 50

struct shared {
    const rext_scan *scan;
    const uint8_t *bytes;
    size_t length;
    rext_hello hello;
    rext_flags flags;
};

static void *work(void *argument) {
    const struct shared *shared = argument;
    for (int round = 0; round < ROUNDS; round++) {
        uint8_t buffer[4096];
        rext_hello hello;
        rext_bytes name;
        rext_error error;
        rext_list list;
        CHECK_IS(rext_scan_records(shared->scan, shared->bytes, shared->length, NULL, 0, &hello,
                                   NULL, &error), REXT_OK);
        CHECK_IS(rext_hello_server_name(&shared->hello, &name), REXT_YES);
        CHECK(same(name, "www.example.com"));
        CHECK_IS(rext_hello_alpn(&shared->hello, &list), REXT_OK);
        CHECK_IS(rext_list_next(&list, NULL, &name), REXT_YES);
        CHECK_IS(rext_flags_contains(&shared->flags, 80), REXT_YES);

        rext_scanner *scanner;
        CHECK_IS(rext_scanner_new(shared->scan, buffer, sizeof buffer, &scanner, NULL), REXT_OK);
        CHECK_IS(rext_scanner_feed(scanner, shared->bytes, 100, &hello, NULL, NULL),
                 REXT_INCOMPLETE);
        CHECK_IS(rext_scanner_feed(scanner, shared->bytes + 100, shared->length - 100, &hello,
                                   NULL, NULL), REXT_OK);
        rext_scanner_free(scanner);

        rext_server *server;
        CHECK_IS(rext_server_new(NULL, &server, NULL), REXT_OK);
        CHECK_IS(rext_server_on_hello(server, REXT_TLS13, &shared->hello, NULL), REXT_OK);
        CHECK_IS(rext_server_offer(server), REXT_OFFER_FLAG);
        rext_server_free(server);
    }
    return NULL;
}

void test_threads(void) {
    struct shared shared;
    rext_scan *scan;
    size_t length;
    uint8_t *bytes = corpus("chromium-sni+flag.bin", &length);
    memset(&shared, 0, sizeof shared);
    CHECK_IS(rext_scan_new(NULL, 0, &scan, NULL), REXT_OK);
    shared.scan = scan;
    shared.bytes = bytes;
    shared.length = length;
    CHECK_IS(rext_scan_records(scan, bytes, length, NULL, 0, &shared.hello, NULL, NULL), REXT_OK);
    CHECK_IS(rext_hello_flags(&shared.hello, &shared.flags, NULL), REXT_YES);

    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        CHECK_IS(pthread_create(&threads[i], NULL, work, &shared), 0);
    for (int i = 0; i < THREADS; i++)
        CHECK_IS(pthread_join(threads[i], NULL), 0);
    rext_scan_free(scan);
    free(bytes);
}
