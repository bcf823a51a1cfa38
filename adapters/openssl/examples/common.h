/* What the server and the client of the examples have in common. */
#ifndef COMMON_H
#define COMMON_H

#include <rext_openssl.h>

/* Ends the program, status 2, with a line that says what is wrong, by OpenSSL too if it knows. */
void fail(const char *what, const char *detail);

/* Options that both have; they begin the list of each. */
enum { MIN_VERSION = 256, MAX_VERSION, GROUPS, TLS_FLAGS, FLAG, CARE, ORIGIN_HINT, OWN };
#define COMMON_OPTIONS                                    \
    {"min-version", required_argument, NULL, MIN_VERSION}, \
    {"max-version", required_argument, NULL, MAX_VERSION}, \
    {"groups", required_argument, NULL, GROUPS},           \
    {"tls-flags", required_argument, NULL, TLS_FLAGS},     \
    {"flag", required_argument, NULL, FLAG},               \
    {"care", required_argument, NULL, CARE},               \
    {"origin-hint", required_argument, NULL, ORIGIN_HINT}
#define COMMON_HELP                                                              \
    "  --min-version 1.2|1.3, --max-version 1.2|1.3   the TLS versions\n"        \
    "  --groups LIST       groups for the key exchange, such as X25519:P-256\n"       \
    "  --tls-flags N, --flag N, --care N, --origin-hint N   code points; the defaults are 62, 80,\n" \
    "                      65482 and 65483\n"

/* Takes such an option; 0 if it is another. */
int common_option(int option, const char *value, SSL_CTX *ctx, rext_code_points *numbers);

/* A number from 0 to most, or the end. */
unsigned long number(const char *option, const char *text, unsigned long most);

/* HOST:PORT, taken apart in place. */
void host_and_port(char *text, char **host, char **port);

/* Certificate chain and key in PEM; the end if they cannot be read, or do not fit. */
void load_identity(SSL_CTX *ctx, const char *certificate, const char *key);

/* What is seen of a connection while it goes on. */
struct watch {
    /* Alerts, but for close_notify; 0 for none. */
    int sent, received;
    /* The server name, whose length is 0 if there is none. */
    uint8_t name[256];
    size_t name_length;
};

/* Has the alerts of a connection written down there; it is the SSL's application data. */
void watch_over(SSL *ssl, struct watch *watch);

/* What went wrong first, as OpenSSL's queue has it, which is emptied; "" if nothing did. */
void first_error(char *line, size_t size);

/* A line of JSON, put together field by field. Origins may take 4,096 bytes, each written as six. */
struct line {
    char text[32768];
    size_t length;
};

void put_text(struct line *line, const char *name, const char *value); /* NULL is null */
void put_bytes(struct line *line, const char *name, const uint8_t *value, size_t length);
void put_number(struct line *line, const char *name, long long value);
void put_flag(struct line *line, const char *name, int value);
void put_list(struct line *line, const char *name, rext_list *list);
void put_end(struct line *line, const struct watch *watch, const char *error, FILE *to);

const char *offer_name(rext_offer offer);

/* Puts an end to a connection whose last words must arrive: what the peer still sends is read, so
 * that a reset does not overtake them. */
void close_gently(int socket);

#endif
