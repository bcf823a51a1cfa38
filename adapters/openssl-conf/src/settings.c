/* Reads a section of openssl.cnf. Any mistake in it is an error: nothing is half configured. */
#include "settings.h"

#include <string.h>

#include <openssl/err.h>

/* The library and reason of errors of an application's own, as in the adapter. */
#define RAISE(...) ERR_raise_data(ERR_LIB_USER, 1, __VA_ARGS__)

static int read_bool(const char *value, int *flag) {
    if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
        return 0;
    *flag = strcmp(value, "yes") == 0;
    return 1;
}

static int digit_of(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return 16;
}

/* Decimal, or hexadecimal after 0x; 0 to 65535. */
static int read_number(const char *value, uint16_t *number) {
    int base = value[0] == '0' && (value[1] == 'x' || value[1] == 'X') ? 16 : 10;
    unsigned long sum = 0;
    if (base == 16)
        value += 2;
    if (*value == '\0')
        return 0;
    for (; *value != '\0'; value++) {
        int digit = digit_of(*value);
        if (digit >= base)
            return 0;
        sum = sum * (unsigned)base + (unsigned)digit;
        if (sum > UINT16_MAX)
            return 0;
    }
    *number = (uint16_t)sum;
    return 1;
}

static int read_offer(const char *value, rext_offer *offer) {
    if (strcmp(value, "flag") == 0)
        *offer = REXT_OFFER_FLAG;
    else if (strcmp(value, "care") == 0)
        *offer = REXT_OFFER_CARE;
    else if (strcmp(value, "both") == 0)
        *offer = REXT_OFFER_FLAG | REXT_OFFER_CARE;
    else
        return 0;
    return 1;
}

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static int is_space(char c) {
    return c == ' ' || c == '\t';
}

/* A DNS name of 1 to 253 bytes, whose first label may be a wildcard, and which is no address. */
static int is_host(const char *host) {
    size_t length = strlen(host), label = 0;
    int numeric = 1, labels = 1;
    if (length < 1 || length > 253)
        return 0;
    if (host[0] == '*') {
        if (host[1] != '.')
            return 0;
        host += 2;
    }
    for (; *host != '\0'; host++) {
        if (*host == '.') {
            if (label == 0)
                return 0;
            label = 0;
            numeric = 1;
            labels++;
            continue;
        }
        int is_digit = *host >= '0' && *host <= '9';
        if (!is_digit && !(*host >= 'a' && *host <= 'z') && *host != '-' && *host != '_')
            return 0;
        if (++label > 63)
            return 0;
        numeric = numeric && is_digit;
    }
    return label > 0 && !numeric;
}

/* Names with commas between them. */
static int read_hosts(const char *value, struct settings *settings) {
    char *to = OPENSSL_zalloc(strlen(value) + 2); /* never shorter than the result */
    if (to == NULL)
        return 0;
    OPENSSL_free(settings->hosts);
    settings->hosts = to;
    for (;;) {
        char *host = to;
        while (is_space(*value))
            value++;
        while (*value != '\0' && *value != ',')
            *to++ = lower(*value++);
        while (to > host && is_space(to[-1]))
            to--;
        *to++ = '\0';
        if (!is_host(host))
            return 0;
        if (*value++ == '\0')
            break;
    }
    *to = '\0';
    settings->hosts_length = (size_t)(to - settings->hosts);
    return 1;
}

/* The keys, and a description of the values that each accepts. */
static const struct key {
    const char *name;
    int client_only;
    const char *must_be;
} keys[] = {
    {"path", 0, ""}, /* OpenSSL's own */
    {"hosts", 0, "must be server names with commas between them, such as a.example, *.b.example; "
                 "an address is not sent as a server name"},
    {"both_roles", 0, "must be yes or no"},
    {"tls_flags", 0, "must be a number from 0 to 65535, decimal or 0x..."},
    {"flag", 0, "must be a number from 0 to 2039, decimal or 0x..."},
    {"care", 0, "must be a number from 0 to 65535, decimal or 0x..."},
    {"offer", 1, "must be flag, care or both"},
    {"tokens", 1, "must be yes or no"},
};

static const struct key *key_of(const char *name) {
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (strcmp(keys[i].name, name) == 0 && (module.client || !keys[i].client_only))
            return &keys[i];
    }
    return NULL;
}

static int read_value(struct settings *settings, const char *name, const char *value) {
    if (strcmp(name, "hosts") == 0)
        return read_hosts(value, settings);
    if (strcmp(name, "both_roles") == 0)
        return read_bool(value, &settings->both_roles);
    if (strcmp(name, "tls_flags") == 0)
        return read_number(value, &settings->numbers.tls_flags);
    if (strcmp(name, "flag") == 0)
        return read_number(value, &settings->numbers.request_client_auth) &&
               settings->numbers.request_client_auth <= REXT_FLAG_MAX;
    if (strcmp(name, "care") == 0)
        return read_number(value, &settings->numbers.care);
    if (strcmp(name, "offer") == 0)
        return read_offer(value, &settings->offer);
    if (strcmp(name, "tokens") == 0)
        return read_bool(value, &settings->tokens);
    return 1;
}

static int read_key(struct settings *settings, const char *section, const CONF_VALUE *entry) {
    const char *value = entry->value != NULL ? entry->value : "";
    const struct key *key = key_of(entry->name);
    if (key == NULL) {
        RAISE("%s: section '%s' has the unknown key '%s' with the value '%s'; keys are hosts, "
              "both_roles, tls_flags, flag, care%s and path",
              module.name, section, entry->name, value, module.client ? ", offer, tokens" : "");
        return 0;
    }
    if (read_value(settings, entry->name, value))
        return 1;
    RAISE("%s: section '%s', key '%s': the value '%s' %s", module.name, section, entry->name, value,
          key->must_be);
    return 0;
}

/* The numbers together, and with the offer. */
static int check(const struct settings *settings, const char *section) {
    rext_error error;
    rext_client *probe = NULL;
    const rext_code_points *numbers = &settings->numbers;
    int good = rext_code_points_check(numbers, &error) == REXT_OK &&
               (!module.client ||
                rext_client_new(settings->offer, numbers, &probe, &error) == REXT_OK);
    rext_client_free(probe);
    if (!good)
        RAISE("%s: section '%s', keys 'tls_flags', 'flag' and 'care' with the values %u, %u and "
              "0x%04x: %s",
              module.name, section, numbers->tls_flags, numbers->request_client_auth, numbers->care,
              error.message);
    return good;
}

struct settings *settings_read(const char *section, const CONF *conf) {
    STACK_OF(CONF_VALUE) *entries = NCONF_get_section(conf, section);
    struct settings *settings = OPENSSL_zalloc(sizeof *settings);
    if (entries == NULL)
        RAISE("%s: there is no section '%s'", module.name, section);
    if (settings == NULL || entries == NULL)
        goto failed;
    rext_code_points_default(&settings->numbers);
    settings->offer = REXT_OFFER_FLAG;
    settings->both_roles = 1;
    for (int i = 0; i < sk_CONF_VALUE_num(entries); i++) {
        if (!read_key(settings, section, sk_CONF_VALUE_value(entries, i)))
            goto failed;
    }
    if (check(settings, section))
        return settings;
failed:
    settings_free(settings);
    return NULL;
}

void settings_free(struct settings *settings) {
    if (settings != NULL)
        OPENSSL_free(settings->hosts);
    OPENSSL_free(settings);
}

int settings_equal(const struct settings *a, const struct settings *b) {
    return a->numbers.tls_flags == b->numbers.tls_flags &&
           a->numbers.request_client_auth == b->numbers.request_client_auth &&
           a->numbers.care == b->numbers.care && a->offer == b->offer && a->tokens == b->tokens &&
           a->both_roles == b->both_roles && (a->hosts == NULL) == (b->hosts == NULL) &&
           a->hosts_length == b->hosts_length &&
           (a->hosts == NULL || memcmp(a->hosts, b->hosts, a->hosts_length) == 0);
}

static int same(const char *host, const char *name, size_t length) {
    if (strlen(host) != length)
        return 0;
    for (size_t i = 0; i < length; i++) {
        if (host[i] != lower(name[i]))
            return 0;
    }
    return 1;
}

int settings_match(const struct settings *settings, const char *name, size_t length) {
    if (settings->hosts == NULL)
        return 1;
    if (name == NULL || length == 0)
        return 0;
    const char *dot = memchr(name, '.', length);
    size_t label = dot != NULL ? (size_t)(dot - name) : 0;
    for (const char *host = settings->hosts; *host != '\0'; host += strlen(host) + 1) {
        if (same(host, name, length) ||
            (host[0] == '*' && label > 0 && same(host + 1, name + label, length - label)))
            return 1;
    }
    return 0;
}
