/* The settings in a section of openssl.cnf, for both modules. */
#ifndef REXT_CONF_SETTINGS_H
#define REXT_CONF_SETTINGS_H

#include <openssl/conf.h>
#include <openssl/ssl.h>
#include <rext.h>

/* A section that was read. It is never freed: SSL_CTXs use it until the process ends. */
struct settings {
    struct settings *next;
    rext_code_points numbers;
    /* For clients: by which ways they offer. */
    rext_offer offer;
    /* For clients: whether keys count that are not in memory. */
    int tokens;
    /* Whether SSL_CTXs of TLS_method() are set up, too. */
    int both_roles;
    /* Server names in lower case, which end in NUL each, and after the last an empty one; or NULL for
     * all names. */
    char *hosts;
    size_t hosts_length;
};

/* The differences between the modules. */
struct module {
    const char *name;
    /* Not 0 for clients. */
    int client;
    /* Called for each SSL_CTX that OpenSSL makes, while there are settings. */
    void (*set_up)(SSL_CTX *ctx, const struct settings *settings, int index);
    /* Frees what the module keeps with an SSL_CTX; or NULL. */
    void (*forget)(void *kept);
};

/* Defined by each module. */
extern const struct module module;

/* Reads the section of a module. NULL and an error in OpenSSL's queue if it cannot be used. */
struct settings *settings_read(const char *section, const CONF *conf);
void settings_free(struct settings *settings);
int settings_equal(const struct settings *a, const struct settings *b);

/* Whether a server name is one of those that the settings are for. */
int settings_match(const struct settings *settings, const char *name, size_t length);

#endif
