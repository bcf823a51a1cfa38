/*
 * Makes many connections of all kinds at once to the servers of tests/soak.py, and checks the exact
 * outcome of each.
 *
 *     soak port=N folder=FOLDER count=N threads=N
 *
 * Writes `done N` to standard output after each hundredth part, and at the end a line for each kind
 * with its count; exits with 1 at the first wrong outcome.
 */
#include "client.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

/* What a client has. */
enum { NOTHING, AGENT_A, AGENT_B, CERTIFICATES };

enum { OFFERS = 4, VERSIONS = 2, SERVERS = 5 };

static const struct server {
    const char *name;
    /* The certificate that it accepts; whether it requests one from all clients, requires one, and
     * requests one from clients that offer. */
    int accepts, asks_all, requires, asks_offering;
    const char *path;
} SERVER[SERVERS] = {
    {"a.test", AGENT_A, 0, 0, 1, "/"},    {"b.test", AGENT_B, 0, 0, 1, "/"},
    {"off.test", AGENT_A, 1, 0, 0, "/"},  {"must.test", AGENT_A, 1, 1, 0, "/"},
    {"none.test", AGENT_A, 0, 0, 0, "/"},
};

static int port, total;
static SSL_CTX *clients[OFFERS][VERSIONS][CERTIFICATES], *bad;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int started, finished, counts[5];
enum kind { REFUSED, BAD_FLAGS, RESUMED, AUTHENTICATED, ANONYMOUS };
static const char *const KINDS[] = {"refused", "with bad flags", "resumed", "authenticated",
                                    "anonymous"};

static void wrong(const char *what, const struct connection *connection,
                  const struct response *response) {
    fprintf(stderr,
            "wrong outcome: %s: %s: code %d, alert %d, requests %d, resumed %d, result %s\n", what,
            connection->name, response->code, connection->alert, connection->requests,
            connection->ssl != NULL && SSL_session_reused(connection->ssl), response->result);
    ERR_print_errors_fp(stderr);
    exit(1);
}

/* One connection of a chosen kind, and its outcome. */
static enum kind run(unsigned *random, SSL_SESSION **sessions) {
    const unsigned pick = (unsigned)rand_r(random);
    const unsigned offer = pick % OFFERS, version = pick / 4 % VERSIONS, certificate = pick / 8 % 3;
    const struct server *server = &SERVER[pick / 32 % SERVERS];
    struct connection connection = {.port = port, .name = server->name};
    struct response response = {0};
    if (pick / 256 % 16 == 0) {
        if (client_connect(bad, &connection) || connection.alert != SSL_AD_ILLEGAL_PARAMETER)
            wrong("bad flags", &connection, &response);
        client_close(&connection);
        return BAD_FLAGS;
    }
    /* The flag does not count under TLS 1.2. */
    const unsigned counting = version == 0 ? offer & REXT_OFFER_CARE : offer;
    static const char *const names[] = {"none", "flag", "care", "both"};
    const int asked = server->asks_all || (server->asks_offering && counting != 0);
    SSL_SESSION **kept = &sessions[(((server - SERVER) * OFFERS + offer) * VERSIONS + version) *
                                       CERTIFICATES + certificate];
    if (pick / 4096 % 2 == 0)
        connection.resume = *kept;
    int good = client_connect(clients[offer][version][certificate], &connection) &&
               client_get(&connection, server->name, server->path, &response);
    const int resumed = connection.ssl != NULL && SSL_session_reused(connection.ssl);
    char what[128], expected[512];
    snprintf(what, sizeof what, "offer %s, TLS 1.%u, certificate %u", names[offer], version + 2,
             certificate);
    enum kind kind = ANONYMOUS;
    if (asked && certificate != NOTHING && certificate != (unsigned)server->accepts) {
        if (good || connection.alert != TLS1_AD_UNKNOWN_CA)
            wrong(what, &connection, &response);
        kind = REFUSED;
    } else if (asked && certificate == NOTHING && server->requires) {
        if (good || connection.alert != (version == 0 ? SSL_AD_HANDSHAKE_FAILURE : 116))
            wrong(what, &connection, &response);
        kind = REFUSED;
    } else {
        const int known = asked && certificate != NOTHING;
        const int acknowledged = server->asks_offering && (counting & REXT_OFFER_FLAG) && !resumed;
        char scope[64] = "(null)";
        if (asked)
            snprintf(scope, sizeof scope, "%s:%d",
                     server->requires             ? "must.test"
                     : server->accepts == AGENT_B ? "b.test"
                                                  : "a.test",
                     port);
        snprintf(expected, sizeof expected, "offer=%s acknowledged=%d scope=%s verify=%s cn=%s",
                 names[counting], acknowledged, scope, known ? "SUCCESS" : "NONE",
                 !known                    ? "(null)"
                 : certificate == AGENT_A ? "agent-a"
                                           : "agent-b");
        if (!good || response.code != 200 || strcmp(response.result, expected) != 0 ||
            connection.requests != (asked && !resumed))
            wrong(what, &connection, &response);
        kind = resumed ? RESUMED : known ? AUTHENTICATED : ANONYMOUS;
    }
    client_close(&connection);
    if (connection.session != NULL) {
        SSL_SESSION_free(*kept);
        *kept = connection.session;
    }
    return kind;
}

static void *thread(void *seed) {
    unsigned random = *(const unsigned *)seed;
    SSL_SESSION *sessions[SERVERS * OFFERS * VERSIONS * CERTIFICATES] = {0};
    for (;;) {
        pthread_mutex_lock(&lock);
        int last = started++ >= total;
        pthread_mutex_unlock(&lock);
        if (last)
            break;
        enum kind kind = run(&random, sessions);
        pthread_mutex_lock(&lock);
        counts[kind]++;
        finished++;
        if (finished % (total / 100 > 0 ? total / 100 : 1) == 0) {
            printf("done %d\n", finished);
            fflush(stdout);
        }
        pthread_mutex_unlock(&lock);
    }
    for (size_t i = 0; i < sizeof sessions / sizeof *sessions; i++)
        SSL_SESSION_free(sessions[i]);
    return NULL;
}

static const char *value_of(int count, char **arguments, const char *name) {
    size_t length = strlen(name);
    for (int i = 1; i < count; i++)
        if (strncmp(arguments[i], name, length) == 0 && arguments[i][length] == '=')
            return arguments[i] + length + 1;
    client_fail("an argument is missing");
    return NULL;
}

int main(int count, char **arguments) {
    char authorities[512], files[2][2][512];
    const char *folder = value_of(count, arguments, "folder");
    const int threads = atoi(value_of(count, arguments, "threads"));
    pthread_t ids[64];
    unsigned seeds[64];
    port = atoi(value_of(count, arguments, "port"));
    total = atoi(value_of(count, arguments, "count"));
    snprintf(authorities, sizeof authorities, "%s/server-ca.pem", folder);
    for (int i = 0; i < 2; i++) {
        snprintf(files[i][0], sizeof files[i][0], "%s/agent-%c.pem", folder, 'a' + i);
        snprintf(files[i][1], sizeof files[i][1], "%s/agent-%c.key", folder, 'a' + i);
    }
    for (int offer = 0; offer < OFFERS; offer++)
        for (int version = 0; version < VERSIONS; version++)
            for (int certificate = 0; certificate < CERTIFICATES; certificate++) {
                struct behaviour behaviour = {.offer = offer,
                                              .version = version ? TLS1_3_VERSION : TLS1_2_VERSION};
                if (certificate != NOTHING) {
                    behaviour.certificate = files[certificate - 1][0];
                    behaviour.key = files[certificate - 1][1];
                }
                clients[offer][version][certificate] = client_new(&behaviour, authorities);
            }
    struct behaviour zero_byte = {.flags = "0100", .version = TLS1_3_VERSION};
    bad = client_new(&zero_byte, authorities);
    for (int i = 0; i < threads && i < 64; i++) {
        seeds[i] = (unsigned)i + 1;
        if (pthread_create(&ids[i], NULL, thread, &seeds[i]) != 0)
            client_fail("cannot start a thread");
    }
    for (int i = 0; i < threads && i < 64; i++)
        pthread_join(ids[i], NULL);
    for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++)
        printf("%d %s\n", counts[i], KINDS[i]);
    return finished == total ? 0 : 1;
}
