/*
 * Makes one connection, sends a GET request for each host and path, and writes a line of JSON.
 *
 *     probe port=N ca=FILE [name=NAME] [get=HOST/PATH]... [offer=none|flag|care|both]
 *           [cert=FILE key=FILE] [version=12|13] [session=FILE] [after=1] [groups=LIST] [flags=HEX]
 */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h>

static const char *value_of(int count, char **arguments, const char *name, const char *otherwise) {
    size_t length = strlen(name);
    for (int i = 1; i < count; i++)
        if (strncmp(arguments[i], name, length) == 0 && arguments[i][length] == '=')
            return arguments[i] + length + 1;
    return otherwise;
}

static void write_text(const char *text) {
    putchar('"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            putchar('\\');
        if ((unsigned char)*text >= ' ')
            putchar(*text);
    }
    putchar('"');
}

int main(int count, char **arguments) {
#define VALUE(name) value_of(count, arguments, name, NULL)
    const char *version = VALUE("version"), *session = VALUE("session");
    struct behaviour behaviour = {
        .offer = client_offer(value_of(count, arguments, "offer", "none")),
        .certificate = VALUE("cert"),
        .key = VALUE("key"),
        .version = version == NULL               ? 0
                   : strcmp(version, "12") == 0 ? TLS1_2_VERSION
                                                 : TLS1_3_VERSION,
        .after_handshake = VALUE("after") != NULL,
        .groups = VALUE("groups"),
        .flags = VALUE("flags"),
    };
    SSL_CTX *client = client_new(&behaviour, value_of(count, arguments, "ca", ""));
    struct connection connection = {.port = atoi(value_of(count, arguments, "port", "0")),
                                    .name = VALUE("name")};
    FILE *file = session != NULL ? fopen(session, "r") : NULL;
    if (file != NULL) {
        connection.resume = PEM_read_SSL_SESSION(file, NULL, NULL, NULL);
        fclose(file);
    }
    int good = client_connect(client, &connection);
    const char *tls = connection.ssl != NULL ? SSL_get_version(connection.ssl) : "";
    printf("{\"responses\": [");
    for (int i = 1, first = 1; i < count && good; i++) {
        struct response response;
        char host[256];
        const char *target = arguments[i] + 4;
        if (strncmp(arguments[i], "get=", 4) != 0)
            continue;
        snprintf(host, sizeof host, "%.*s", (int)strcspn(target, "/"), target);
        good = client_get(&connection, host, target + strlen(host), &response);
        if (good) {
            printf("%s[%d, ", first ? "" : ", ", response.code);
            write_text(response.result);
            printf(", ");
            write_text(response.body);
            printf("]");
        }
        first = 0;
    }
    printf("], \"good\": %d, \"tls\": \"%s\", \"alert\": %d, \"requests\": %d, "
           "\"acknowledged\": %d, \"echoed\": %d, \"resumed\": %d, \"retried\": %d}\n",
           good, tls, connection.alert, connection.requests,
           connection.outcome.status == REXT_CLIENT_ACKNOWLEDGED, connection.outcome.echoed,
           connection.ssl != NULL && SSL_session_reused(connection.ssl), connection.retried);
    if (session != NULL && connection.session != NULL && (file = fopen(session, "w")) != NULL) {
        PEM_write_SSL_SESSION(file, connection.session);
        fclose(file);
    }
    client_close(&connection);
    SSL_SESSION_free(connection.session);
    SSL_SESSION_free(connection.resume);
    SSL_CTX_free(client);
    return 0;
}
