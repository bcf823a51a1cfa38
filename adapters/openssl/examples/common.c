#include "common.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>

void first_error(char *line, size_t size) {
    const char *data = "";
    int flags = 0;
    unsigned long code = ERR_get_error_all(NULL, NULL, NULL, &data, &flags);
    const char *reason = ERR_reason_error_string(code);
    line[0] = '\0';
    if (code != 0 && ERR_GET_LIB(code) == ERR_LIB_USER)
        snprintf(line, size, "%s", data);
    else if (code != 0 && reason != NULL)
        snprintf(line, size, "%s", reason);
    else if (code != 0)
        ERR_error_string_n(code, line, size);
    ERR_clear_error();
}

void fail(const char *what, const char *detail) {
    char said[256];
    first_error(said, sizeof said);
    fprintf(stderr, "error: %s%s%s%s%s\n", what, detail[0] ? ": " : "", detail,
            said[0] ? ": " : "", said);
    exit(2);
}

unsigned long number(const char *option, const char *text, unsigned long most) {
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 0);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value > most)
        fail(option, "not a number, or too great");
    return value;
}

static int version(const char *option, const char *text) {
    if (strcmp(text, "1.2") == 0)
        return TLS1_2_VERSION;
    if (strcmp(text, "1.3") != 0)
        fail(option, "neither 1.2 nor 1.3");
    return TLS1_3_VERSION;
}

int common_option(int option, const char *value, SSL_CTX *ctx, rext_code_points *numbers) {
    switch (option) {
    case MIN_VERSION:
        SSL_CTX_set_min_proto_version(ctx, version("--min-version", value));
        return 1;
    case MAX_VERSION:
        SSL_CTX_set_max_proto_version(ctx, version("--max-version", value));
        return 1;
    case GROUPS:
        if (!SSL_CTX_set1_groups_list(ctx, value))
            fail("--groups", value);
        return 1;
    case TLS_FLAGS:
        numbers->tls_flags = (uint16_t)number("--tls-flags", value, 65535);
        return 1;
    case FLAG:
        numbers->request_client_auth = (uint16_t)number("--flag", value, REXT_FLAG_MAX);
        return 1;
    case CARE:
        numbers->care = (uint16_t)number("--care", value, 65535);
        return 1;
    case ORIGIN_HINT:
        numbers->origin_hint = (uint16_t)number("--origin-hint", value, 65535);
        return 1;
    default:
        return 0;
    }
}

void host_and_port(char *text, char **host, char **port) {
    char *colon = strrchr(text, ':');
    if (colon == NULL || colon == text)
        fail(text, "not HOST:PORT");
    *colon = '\0';
    *host = text;
    *port = colon + 1;
}

void load_identity(SSL_CTX *ctx, const char *certificate, const char *key) {
    if (SSL_CTX_use_certificate_chain_file(ctx, certificate) != 1)
        fail("--cert", certificate);
    if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(ctx) != 1)
        fail("--key", key);
}

static void on_info(const SSL *ssl, int where, int value) {
    struct watch *watch = SSL_get_app_data(ssl);
    if ((where & SSL_CB_ALERT) == 0 || (value & 0xff) == SSL_AD_CLOSE_NOTIFY)
        return;
    *((where & SSL_CB_READ) != 0 ? &watch->received : &watch->sent) = value & 0xff;
}

void watch_over(SSL *ssl, struct watch *watch) {
    memset(watch, 0, sizeof *watch);
    SSL_set_app_data(ssl, watch);
    SSL_set_info_callback(ssl, on_info);
}

static void put(struct line *line, const char *text) {
    size_t length = strlen(text), room = sizeof line->text - line->length;
    if (length < room) {
        memcpy(line->text + line->length, text, length + 1);
        line->length += length;
    }
}

static void put_name(struct line *line, const char *name) {
    put(line, line->length == 0 ? "{\"" : ",\"");
    put(line, name);
    put(line, "\":");
}

static void put_string(struct line *line, const uint8_t *value, size_t length) {
    put(line, "\"");
    for (size_t i = 0; i < length && i < 300; i++) {
        char octet[8];
        int plain = value[i] >= 0x20 && value[i] < 0x7f && value[i] != '"' && value[i] != '\\';
        snprintf(octet, sizeof octet, plain ? "%c" : "\\u%04x", value[i]);
        put(line, octet);
    }
    put(line, "\"");
}

void put_bytes(struct line *line, const char *name, const uint8_t *value, size_t length) {
    put_name(line, name);
    put_string(line, value, length);
}

void put_list(struct line *line, const char *name, rext_list *list) {
    rext_bytes item;
    put_name(line, name);
    put(line, "[");
    for (const char *before = ""; rext_list_next(list, NULL, &item) == REXT_YES; before = ",") {
        put(line, before);
        put_string(line, item.data, item.length);
    }
    put(line, "]");
}

void put_text(struct line *line, const char *name, const char *value) {
    if (value != NULL) {
        put_bytes(line, name, (const uint8_t *)value, strlen(value));
        return;
    }
    put_name(line, name);
    put(line, "null");
}

void put_number(struct line *line, const char *name, long long value) {
    char text[32];
    put_name(line, name);
    snprintf(text, sizeof text, "%lld", value);
    put(line, text);
}

void put_flag(struct line *line, const char *name, int value) {
    put_name(line, name);
    put(line, value ? "true" : "false");
}

static void put_alert(struct line *line, const char *name, int alert) {
    if (alert == 0)
        put_text(line, name, NULL);
    else
        put_number(line, name, alert);
}

void put_end(struct line *line, const struct watch *watch, const char *error, FILE *to) {
    put_alert(line, "alert_sent", watch->sent);
    put_alert(line, "alert_received", watch->received);
    put_text(line, "error", error[0] != '\0' ? error : NULL);
    put(line, "}\n");
    fputs(line->text, to);
    fflush(to);
}

const char *offer_name(rext_offer offer) {
    static const char *const names[] = {"none",    "flag",         "care",         "both",
                                        "origins", "flag+origins", "care+origins", "both+origins"};
    return offer >= 0 && offer < 8 ? names[offer] : "none";
}

void close_gently(int socket) {
    char bytes[4096];
    shutdown(socket, SHUT_WR);
    while (read(socket, bytes, sizeof bytes) > 0)
        ;
    close(socket);
}
