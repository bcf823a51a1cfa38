/* Runs the tests of the C ABI. Arguments: the folder of the corpus, and names of tests; without
 * names, all of them. */
#include "check.h"

static const char *folder;

uint8_t *corpus(const char *name, size_t *length) {
    char path[4096];
    CHECK(snprintf(path, sizeof path, "%s/%s", folder, name) < (int)sizeof path);
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL);
    CHECK(fseek(file, 0, SEEK_END) == 0);
    long size = ftell(file);
    CHECK(size > 0);
    rewind(file);
    uint8_t *bytes = malloc((size_t)size);
    CHECK(bytes != NULL);
    CHECK(fread(bytes, 1, (size_t)size, file) == (size_t)size);
    fclose(file);
    *length = (size_t)size;
    return bytes;
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        void (*run)(void);
    } tests[] = {
        {"abi", test_abi},         {"flags", test_flags},           {"rules", test_rules},
        {"scan", test_scan},       {"scanner", test_scanner},       {"hello", test_hello},
        {"client", test_client},   {"server", test_server},         {"resumption", test_resumption},
        {"authenticator", test_authenticator}, {"origins", test_origins},
        {"misuse", test_misuse},   {"threads", test_threads},
    };
    CHECK(argc >= 2);
    folder = argv[1];
    int ran = 0;
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        int wanted = argc == 2;
        for (int arg = 2; arg < argc; arg++)
            wanted |= strcmp(argv[arg], tests[i].name) == 0;
        if (wanted) {
            tests[i].run();
            ran++;
        }
    }
    CHECK_IS(ran, argc == 2 ? (int)(sizeof tests / sizeof *tests) : argc - 2);
    printf("%d tests passed, with librext %s\n", ran, rext_version());
    return 0;
}
