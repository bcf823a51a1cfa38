/* The computation by hand, without librext: what is signed and the MAC of each line of a file, as RFC 9261
 * has them. A line has the name of the hash, and in hexadecimal, or "-" for nothing: handshake context,
 * MAC key, request, authenticator, and the message that is signed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#define CHECK(holds)                                                    \
    do {                                                                \
        if (!(holds)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #holds); \
            exit(1);                                                    \
        }                                                               \
    } while (0)

struct bytes {
    unsigned char data[4096];
    size_t length;
};

static struct bytes read_bytes(const char *text) {
    struct bytes bytes = {.length = 0};
    if (strcmp(text, "-") != 0)
        CHECK(OPENSSL_hexstr2buf_ex(bytes.data, sizeof bytes.data, &bytes.length, text, '\0') == 1);
    return bytes;
}

/* The length of a handshake message, with its header. */
static size_t message(const unsigned char *data) {
    return 4 + ((size_t)data[1] << 16 | (size_t)data[2] << 8 | data[3]);
}

static void append(struct bytes *to, const void *data, size_t length) {
    CHECK(to->length + length <= sizeof to->data);
    memcpy(to->data + to->length, data, length);
    to->length += length;
}

static void check(const char *hash, const struct bytes *context, const struct bytes *key,
                  const struct bytes *request, const struct bytes *authenticator,
                  const struct bytes *signed_message) {
    const EVP_MD *md = EVP_get_digestbyname(hash);
    unsigned char digest[EVP_MAX_MD_SIZE], mac[EVP_MAX_MD_SIZE];
    unsigned length, mac_length;
    struct bytes transcript = *context;
    const unsigned char *finished = authenticator->data;
    CHECK(md != NULL);
    append(&transcript, request->data, request->length);
    if (finished[0] == 11) {
        size_t certificate = message(finished), verify = message(finished + certificate);
        append(&transcript, finished, certificate);
        CHECK(EVP_Digest(transcript.data, transcript.length, digest, &length, md, NULL));
        /* 64 spaces, the context string and a zero, then the hash (EA-8). */
        CHECK(signed_message->length == 64 + 23 + length);
        for (int i = 0; i < 64; i++)
            CHECK(signed_message->data[i] == ' ');
        CHECK(memcmp(signed_message->data + 64, "Exported Authenticator", 23) == 0);
        CHECK(memcmp(signed_message->data + 64 + 23, digest, length) == 0);
        append(&transcript, finished + certificate, verify);
        finished += certificate + verify;
    } else {
        /* A Certificate with the request's context and no entries (EA-10). */
        unsigned char size = request->data[4];
        unsigned char head[] = {11, 0, (unsigned char)((size + 4) >> 8), (unsigned char)(size + 4), size};
        append(&transcript, head, sizeof head);
        append(&transcript, request->data + 5, size);
        append(&transcript, "\0\0", 3);
        CHECK(signed_message->length == 0);
    }
    CHECK(EVP_Digest(transcript.data, transcript.length, digest, &length, md, NULL));
    CHECK(HMAC(md, key->data, (int)key->length, digest, length, mac, &mac_length) != NULL);
    CHECK(finished[0] == 20 && message(finished) == 4 + mac_length);
    CHECK(finished + 4 + mac_length == authenticator->data + authenticator->length);
    CHECK(memcmp(finished + 4, mac, mac_length) == 0); /* EA-9 */
}

int main(int argc, char **argv) {
    char hash[16], text[5][4096];
    int count = 0;
    FILE *file = fopen(argc > 1 ? argv[1] : "", "r");
    CHECK(file != NULL);
    while (fscanf(file, "%15s %4095s %4095s %4095s %4095s %4095s", hash, text[0], text[1], text[2],
                  text[3], text[4]) == 6) {
        struct bytes bytes[5];
        for (int i = 0; i < 5; i++)
            bytes[i] = read_bytes(text[i]);
        check(hash, &bytes[0], &bytes[1], &bytes[2], &bytes[3], &bytes[4]);
        count++;
    }
    CHECK(feof(file) && count > 0);
    fclose(file);
    puts("all hold");
    return 0;
}
