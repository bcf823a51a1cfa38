/*
 * The client of the tests: it offers by the OpenSSL adapter, and leaves HTTP to the test.
 *
 *     offer-client PORT AUTHORITY [OPTION...]
 *
 * connects to 127.0.0.1, writes standard input to the server and what comes back to standard output,
 * and ends with a line of JSON on standard error. AUTHORITY is the one of server certificates.
 *
 *     offer-client PORT AUTHORITY --batch
 *
 * makes a connection for each line `OFFER VERSION NAME IDENTITY SESSION` of standard input, gets `/`,
 * and prints a line `TLS-VERSION RESUMED STATUS ALERT BODY`. IDENTITY is a path without `.pem` and
 * `.key`; SESSION the number of a place, from which the session comes and to which the next one goes.
 * `-` stands for none.
 *
 *     offer-client PORT AUTHORITY [OPTION...] --handshakes N
 *
 * makes N connections, one after the other, and sends nothing on them.
 */
#include <rext_openssl.h>

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>

enum { PLACES = 4096, CONTEXTS = 64, LONGEST = 65536 };

/* What a connection is to be like. */
struct wish {
    const char *offer, *version, *name, *identity, *alpn, *groups, *origins[2];
    size_t origin_count;
    int in_clear, unauthenticated;
};

/* An SSL_CTX and what it was made for, since an offer is a setting of the SSL_CTX. */
struct context {
    char key[512];
    SSL_CTX *ctx;
};

static const char *const OFFERS[] = {"none", "flag", "care", "both"};
static const char *authority;
static unsigned short port;
static struct context contexts[CONTEXTS];
/* The latest session of the connection that goes on. */
static SSL_SESSION *latest;
/* The alert that came; 0 for none. */
static int alert;

static void fail(const char *what, const char *detail) {
    fprintf(stderr, "error: %s: %s\n", what, detail);
    ERR_print_errors_fp(stderr);
    exit(2);
}

static int on_session(SSL *ssl, SSL_SESSION *session) {
    if (!rext_ossl_client_note(ssl, session))
        return 0;
    SSL_SESSION_free(latest);
    latest = session;
    return 1;
}

static void on_info(const SSL *ssl, int where, int value) {
    (void)ssl;
    if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT && (value & 0xff) != SSL_AD_CLOSE_NOTIFY)
        alert = value & 0xff;
}

static rext_offer offer_of(const char *name) {
    for (rext_offer offer = 0; offer < 4; offer++)
        if (strcmp(OFFERS[offer], name) == 0)
            return offer;
    fail("there is no such offer", name);
    return REXT_OFFER_NONE;
}

static SSL_CTX *make_context(const struct wish *wish) {
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    rext_ossl_client_config config = {.offer = offer_of(wish->offer),
                                      .origins = wish->origins,
                                      .origin_count = wish->origin_count,
                                      .certificate_under_tls12 = wish->in_clear,
                                      .resume_unauthenticated = wish->unauthenticated};
    int version = strcmp(wish->version, "1.2") == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;
    if (ctx == NULL || !SSL_CTX_set_min_proto_version(ctx, version) ||
        !SSL_CTX_set_max_proto_version(ctx, version) || !SSL_CTX_load_verify_file(ctx, authority) ||
        !rext_ossl_client(ctx, &config))
        fail("cannot set up a client", authority);
    if (wish->groups != NULL && !SSL_CTX_set1_groups_list(ctx, wish->groups))
        fail("groups", wish->groups);
    if (wish->identity != NULL) {
        char path[512];
        snprintf(path, sizeof path, "%s.pem", wish->identity);
        if (SSL_CTX_use_certificate_chain_file(ctx, path) != 1)
            fail("certificate", path);
        snprintf(path, sizeof path, "%s.key", wish->identity);
        if (SSL_CTX_use_PrivateKey_file(ctx, path, SSL_FILETYPE_PEM) != 1)
            fail("key", path);
    }
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, on_session);
    SSL_CTX_set_info_callback(ctx, on_info);
    SSL_CTX_clear_mode(ctx, SSL_MODE_AUTO_RETRY);
    return ctx;
}

static SSL_CTX *context_for(const struct wish *wish) {
    char key[512];
    snprintf(key, sizeof key, "%s %s %s", wish->offer, wish->version,
             wish->identity != NULL ? wish->identity : "-");
    for (int i = 0; i < CONTEXTS; i++) {
        if (contexts[i].ctx == NULL) {
            memcpy(contexts[i].key, key, sizeof key);
            contexts[i].ctx = make_context(wish);
        }
        if (strcmp(contexts[i].key, key) == 0)
            return contexts[i].ctx;
    }
    fail("too many kinds of clients", key);
    return NULL;
}

/* A connected socket; all that a test waits for comes within a minute, or it fails. */
static int connect_to_port(void) {
    const struct timeval patience = {60, 0};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int descriptor = socket(AF_INET, SOCK_STREAM, 0);
    if (descriptor < 0 || connect(descriptor, (struct sockaddr *)&address, sizeof address) != 0)
        fail("cannot connect", strerror(errno));
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    return descriptor;
}

/* A connection after its handshake, which may have failed: see `good`. */
static SSL *open_connection(const struct wish *wish, SSL_SESSION *session, int *good) {
    SSL *ssl = SSL_new(context_for(wish));
    alert = 0;
    if (ssl == NULL || (wish->name != NULL && !SSL_set_tlsext_host_name(ssl, wish->name)))
        fail("cannot make a connection", "");
    if (wish->alpn != NULL) {
        unsigned char list[64];
        size_t length = strlen(wish->alpn);
        list[0] = (unsigned char)length;
        memcpy(list + 1, wish->alpn, length);
        if (SSL_set_alpn_protos(ssl, list, (unsigned)length + 1) != 0)
            fail("ALPN", wish->alpn);
    }
    if (session != NULL)
        rext_ossl_client_resume(ssl, session);
    if (!SSL_set_fd(ssl, connect_to_port()))
        fail("cannot make a connection", "");
    *good = SSL_connect(ssl) == 1;
    return ssl;
}

static void close_connection(SSL *ssl) {
    int descriptor = SSL_get_fd(ssl);
    SSL_free(ssl);
    close(descriptor);
    ERR_clear_error();
}

/* Reads what is there: 0 at the end, below 0 if it was a session ticket alone. */
static int read_some(SSL *ssl, char *data, int size) {
    int length = SSL_read(ssl, data, size);
    return length > 0 ? length : SSL_get_error(ssl, length) == SSL_ERROR_WANT_READ ? -1 : 0;
}

/* Copies both ways until the server closes, or with `brief`, until standard input ends. */
static void copy(SSL *ssl, int brief) {
    static char data[LONGEST];
    struct pollfd both[] = {{STDIN_FILENO, POLLIN, 0}, {SSL_get_fd(ssl), POLLIN, 0}};
    for (;;) {
        if (!SSL_pending(ssl) && poll(both, 2, 60000) <= 0)
            fail("nothing comes", "");
        if (SSL_pending(ssl) || (both[1].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
            int length = read_some(ssl, data, sizeof data);
            if (length == 0)
                return;
            for (int done = 0, n; done < length; done += n)
                if ((n = (int)write(STDOUT_FILENO, data + done, (size_t)(length - done))) <= 0)
                    return;
        }
        if ((both[0].revents & (POLLIN | POLLHUP)) != 0) {
            ssize_t length = read(STDIN_FILENO, data, sizeof data);
            if (length <= 0 && brief)
                return;
            if (length <= 0)
                both[0].fd = -1;
            else if (SSL_write(ssl, data, (int)length) <= 0)
                return;
        }
        both[0].revents = both[1].revents = 0;
    }
}

static SSL_SESSION *load(const char *path) {
    FILE *file = fopen(path, "r");
    SSL_SESSION *session = file != NULL ? PEM_read_SSL_SESSION(file, NULL, NULL, NULL) : NULL;
    if (file != NULL)
        fclose(file);
    return session;
}

static void store(const char *path) {
    FILE *file = latest != NULL ? fopen(path, "w") : NULL;
    if (file != NULL && (!PEM_write_SSL_SESSION(file, latest) || fclose(file) != 0))
        fail("cannot store the session", path);
}

static void report(SSL *ssl, int good) {
    static const char *const statuses[] = {"not-offered", "offered", "acknowledged",
                                           "asked-without-acknowledgement"};
    rext_ossl_client_outcome outcome;
    const unsigned char *alpn;
    unsigned length;
    rext_ossl_client_outcome_of(ssl, &outcome);
    SSL_get0_alpn_selected(ssl, &alpn, &length);
    X509 *certificate = SSL_get0_peer_certificate(ssl);
    char subject[128] = "";
    if (certificate != NULL)
        X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, subject,
                                  sizeof subject);
    fprintf(stderr,
            "{\"good\": %s, \"resumed\": %s, \"status\": \"%s\", \"alpn\": \"%.*s\", \"alert\": %d, "
            "\"server\": \"%s\"}\n",
            good ? "true" : "false", outcome.resumed ? "true" : "false", statuses[outcome.status],
            (int)length, alpn, alert, subject);
}

/* Gets `/`: the status, and the first line of the body. */
static int get(SSL *ssl, const char *name, char *body, size_t size) {
    static char text[LONGEST];
    int length = snprintf(text, sizeof text,
                          "GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", name);
    int status = 0, total = 0, n;
    SSL_write(ssl, text, length);
    while (total < LONGEST - 1 && (n = read_some(ssl, text + total, LONGEST - 1 - total)) != 0)
        total += n > 0 ? n : 0;
    text[total] = '\0';
    char *begin = strstr(text, "\r\n\r\n");
    if (begin == NULL || sscanf(text, "HTTP/1.1 %d ", &status) != 1)
        return 0;
    begin += 4;
    snprintf(body, size, "%.*s", (int)strcspn(begin, "\r\n"), begin);
    return status;
}

static void batch(void) {
    static SSL_SESSION *places[PLACES];
    char offer[8], version[8], name[256], identity[256], place[16], line[1024], body[4096];
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (sscanf(line, "%7s %7s %255s %255s %15s", offer, version, name, identity, place) != 5)
            fail("a line is not understood", line);
        int number = strcmp(place, "-") == 0 ? -1 : atoi(place) % PLACES, good, status = 0;
        struct wish wish = {.offer = offer, .version = version, .in_clear = 1,
                            .name = strcmp(name, "-") == 0 ? NULL : name,
                            .identity = strcmp(identity, "-") == 0 ? NULL : identity};
        SSL *ssl = open_connection(&wish, number >= 0 ? places[number] : NULL, &good);
        body[0] = '\0';
        if (good)
            status = get(ssl, wish.name != NULL ? name : "none", body, sizeof body);
        printf("%s %d %d %d %s\n", SSL_get_version(ssl), SSL_session_reused(ssl), status, alert, body);
        if (number >= 0 && latest != NULL) {
            SSL_SESSION_free(places[number]);
            places[number] = latest;
            latest = NULL;
        }
        if (good)
            SSL_shutdown(ssl);
        close_connection(ssl);
        SSL_SESSION_free(latest);
        latest = NULL;
    }
    for (int i = 0; i < PLACES; i++)
        SSL_SESSION_free(places[i]);
}

/* Full handshakes: each ends when the server has closed the connection, so that all of it is counted. */
static void handshakes(const struct wish *wish, int count) {
    char data[256];
    for (int i = 0; i < count; i++) {
        int good;
        SSL *ssl = open_connection(wish, NULL, &good);
        if (!good)
            fail("a handshake", "");
        SSL_shutdown(ssl);
        shutdown(SSL_get_fd(ssl), SHUT_WR);
        while (read(SSL_get_fd(ssl), data, sizeof data) > 0)
            continue;
        close_connection(ssl);
        SSL_SESSION_free(latest);
        latest = NULL;
    }
}

int main(int argc, char **argv) {
    struct wish wish = {.offer = "none", .version = "1.3"};
    const char *session_file = NULL;
    int brief = 0, count = 0, good;
    if (argc < 3)
        fail("usage", "offer-client PORT AUTHORITY [OPTION...]");
    port = (unsigned short)atoi(argv[1]);
    authority = argv[2];
    signal(SIGPIPE, SIG_IGN);
    for (int i = 3; i < argc; i++) {
        const char *option = argv[i], *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(option, "--batch") == 0) {
            batch();
            return 0;
        }
        if (strcmp(option, "--in-clear") == 0)
            wish.in_clear = 1;
        else if (strcmp(option, "--resume-unauthenticated") == 0)
            wish.unauthenticated = 1;
        else if (strcmp(option, "--brief") == 0)
            brief = 1;
        else if (i++, strcmp(option, "--offer") == 0)
            wish.offer = value;
        else if (strcmp(option, "--origin") == 0 && wish.origin_count < 2)
            wish.origins[wish.origin_count++] = value;
        else if (strcmp(option, "--version") == 0)
            wish.version = value;
        else if (strcmp(option, "--name") == 0)
            wish.name = value;
        else if (strcmp(option, "--identity") == 0)
            wish.identity = value;
        else if (strcmp(option, "--alpn") == 0)
            wish.alpn = value;
        else if (strcmp(option, "--groups") == 0)
            wish.groups = value;
        else if (strcmp(option, "--session") == 0)
            session_file = value;
        else if (strcmp(option, "--handshakes") == 0)
            count = atoi(value);
        else
            fail("there is no such option", option);
    }
    if (count > 0) {
        handshakes(&wish, count);
        return 0;
    }
    SSL_SESSION *session = session_file != NULL ? load(session_file) : NULL;
    SSL *ssl = open_connection(&wish, session, &good);
    SSL_SESSION_free(session);
    if (good)
        copy(ssl, brief);
    report(ssl, good);
    if (session_file != NULL)
        store(session_file);
    if (good)
        SSL_shutdown(ssl);
    close_connection(ssl);
    return 0;
}
