/* Helpers of the C ABI's tests. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rext.h"

/* Exits with file and line if the condition is false. */
#define CHECK(holds)                                                         \
    do {                                                                     \
        if (!(holds)) {                                                      \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #holds);      \
            exit(1);                                                         \
        }                                                                    \
    } while (0)

/* Exits with both numbers if they differ. */
#define CHECK_IS(is, should)                                                 \
    do {                                                                     \
        long is_ = (long)(is), should_ = (long)(should);                     \
        if (is_ != should_) {                                                \
            fprintf(stderr, "%s:%d: %s is %ld (%s), not %s\n", __FILE__,     \
                    __LINE__, #is, is_, rext_status_name((rext_status)is_),  \
                    #should);                                                \
            exit(1);                                                         \
        }                                                                    \
    } while (0)

/* True if the bytes equal those of a string, without its NUL. */
static inline int same(rext_bytes bytes, const char *text) {
    return bytes.length == strlen(text) && memcmp(bytes.data, text, bytes.length) == 0;
}

/* An array and its length, as two arguments. */
#define BYTES(array) (const uint8_t *)(array), sizeof(array)

/* Reads a file of the corpus; the caller frees it. */
uint8_t *corpus(const char *name, size_t *length);

void test_abi(void);
void test_flags(void);
void test_rules(void);
void test_scan(void);
void test_scanner(void);
void test_hello(void);
void test_origins(void);
void test_client(void);
void test_server(void);
void test_resumption(void);
void test_authenticator(void);
void test_misuse(void);
void test_threads(void);

#endif
