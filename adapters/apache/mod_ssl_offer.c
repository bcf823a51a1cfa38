/*
 * mod_ssl_offer: with "SSLClientAuthOffer on", a virtual host with "SSLVerifyClient optional"
 * requests certificates only from clients that offer to authenticate.
 *
 * Licensed under Apache-2.0 or MIT, as you like.
 *
 * mod_ssl keeps its configuration, its verification and its sessions. This module sets the hosted
 * mode of rext_openssl.h on each of mod_ssl's SSL_CTXs, so that a policy decides for each
 * connection, and reports the outcome to requests. If no server has the directive on, it changes
 * nothing.
 *
 * A server's scope is named after the first server with the same settings for client certificates.
 * As mod_ssl does when it compares servers, the module compares the arguments of directives, so it
 * reads mod_ssl's directives, too: httpd gives a directive to each module that registers it.
 */
#include <httpd.h>
#include <http_config.h>
#include <http_connection.h>
#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <http_request.h>
#include <apr_base64.h>
#include <apr_hash.h>
#include <apr_lib.h>
#include <apr_optional.h>
#include <apr_optional_hooks.h>
#include <apr_strings.h>
#include <openssl/err.h>
#include <rext_openssl.h>

/* What the module needs of mod_ssl.h, and of mod_ssl_openssl.h, which apache2-dev lacks. */
#define SSL_DECLARE(type) type
#define ssl_DECLARE(type) type
APR_DECLARE_EXTERNAL_HOOK(ssl, SSL, int, init_server,
                          (server_rec * s, apr_pool_t *p, int is_proxy, SSL_CTX *ctx))
APR_DECLARE_EXTERNAL_HOOK(ssl, SSL, int, pre_handshake, (conn_rec * c, SSL *ssl, int is_proxy))
APR_DECLARE_OPTIONAL_FN(char *, ssl_var_lookup,
                        (apr_pool_t *, server_rec *, conn_rec *, request_rec *, char *));

module AP_MODULE_DECLARE_DATA ssl_offer_module;

/* The directives of mod_ssl that say which certificates a server accepts. */
enum {
    VERIFY, DEPTH, CA_FILE, CA_PATH, NAMES_FILE, NAMES_PATH, CRL_FILE, CRL_PATH, CRL_CHECK, SETTINGS
};

/* What the servers of one configuration share. */
typedef struct {
    /* Whether any server has the directive on. */
    int in_use;
    /* Whether any such server requests certificates by offer. */
    int effective;
    /* Names of scopes by the settings that they stand for, and the names that are taken. */
    apr_hash_t *names;
    apr_hash_t *taken;
    /* Configurations of servers with SSLEngine, and the same by their SSL_CTX. */
    apr_array_header_t *servers;
    apr_hash_t *by_ctx;
} shared_config;

/* The configuration of a server. */
typedef struct {
    server_rec *server;
    /* SSLClientAuthOffer: 1, 0, or -1 if it is not set; and whether the server itself sets it. */
    int by_offer;
    int own;
    /* Arguments of mod_ssl's directives; NULL if they are not set. */
    const char *settings[SETTINGS];
    shared_config *shared;
    /* Whether SSLVerifyClient has mod_ssl request a certificate in each handshake. */
    rext_demand demand;
    /* NULL with REXT_DEMAND_NONE. */
    rext_ossl_scope *scope;
    SSL_CTX *ctx;
} server_config;

/* A connection. */
typedef struct {
    /* NULL when mod_ssl has freed it, such as after a handshake that failed. */
    SSL *ssl;
    /* Whether outcome is filled in: before the first request, since requests of HTTP/2 run in
     * threads of their own. */
    int known;
    rext_ossl_server_outcome outcome;
} connection;

/* Where an SSL has its connection. The library stays loaded over restarts, with the index. */
static int connection_index = -1;

static server_config *config_of(server_rec *s) {
    return ap_get_module_config(s->module_config, &ssl_offer_module);
}

static void *create_server_config(apr_pool_t *p, server_rec *s) {
    server_config *config = apr_pcalloc(p, sizeof *config);
    config->server = s;
    config->by_offer = -1;
    return config;
}

static void *merge_server_config(apr_pool_t *p, void *outer, void *inner) {
    const server_config *base = outer;
    server_config *config = apr_pmemdup(p, inner, sizeof *config);
    config->own = config->by_offer >= 0;
    if (!config->own)
        config->by_offer = base->by_offer;
    for (int i = 0; i < SETTINGS; i++) {
        if (config->settings[i] == NULL)
            config->settings[i] = base->settings[i];
    }
    return config;
}

static const char *set_by_offer(cmd_parms *cmd, void *directory, int on) {
    (void)directory;
    config_of(cmd->server)->by_offer = on;
    return NULL;
}

/* Notes the arguments of one of mod_ssl's directives; mod_ssl itself checks them. */
static const char *note_setting(cmd_parms *cmd, void *directory, const char *arguments) {
    (void)directory;
    if (cmd->path == NULL) {
        const char **setting = &config_of(cmd->server)->settings[*(const int *)cmd->info];
        *setting = apr_pstrdup(cmd->pool, arguments);
    }
    return NULL;
}

static const int indices[SETTINGS] = {VERIFY,     DEPTH,    CA_FILE,  CA_PATH,  NAMES_FILE,
                                      NAMES_PATH, CRL_FILE, CRL_PATH, CRL_CHECK};

/* The cast is httpd's own macro, without the warning of -Wpedantic. */
#define NOTE(name, index, where)                                                                   \
    {name, {.raw_args = note_setting}, (void *)&indices[index], where, RAW_ARGS,                   \
     "see mod_ssl; mod_ssl_offer compares servers by it"}

static const command_rec commands[] = {
    {"SSLClientAuthOffer", {.flag = set_by_offer}, NULL, RSRC_CONF, FLAG,
     "Whether 'SSLVerifyClient optional' requests certificates only from clients that offer to "
     "authenticate ('on', 'off')"},
    NOTE("SSLVerifyClient", VERIFY, RSRC_CONF | OR_AUTHCFG),
    NOTE("SSLVerifyDepth", DEPTH, RSRC_CONF | OR_AUTHCFG),
    NOTE("SSLCACertificateFile", CA_FILE, RSRC_CONF),
    NOTE("SSLCACertificatePath", CA_PATH, RSRC_CONF),
    NOTE("SSLCADNRequestFile", NAMES_FILE, RSRC_CONF),
    NOTE("SSLCADNRequestPath", NAMES_PATH, RSRC_CONF),
    NOTE("SSLCARevocationFile", CRL_FILE, RSRC_CONF),
    NOTE("SSLCARevocationPath", CRL_PATH, RSRC_CONF),
    NOTE("SSLCARevocationCheck", CRL_CHECK, RSRC_CONF),
    {NULL, {NULL}, NULL, 0, NO_ARGS, NULL},
};

/* The settings of a server in one string, which is the same for servers that accept the same. */
static char *settings_of(apr_pool_t *p, const server_config *config) {
    char *settings = apr_pstrdup(p, "");
    for (int i = 0; i < SETTINGS; i++) {
        const char *setting = config->settings[i];
        settings = apr_pstrcat(p, settings, setting != NULL ? setting : "", "\n", NULL);
    }
    return settings;
}

/* The reason of the oldest error in OpenSSL's queue, which it empties. */
static const char *last_error(apr_pool_t *p) {
    const char *data = NULL;
    int flags = 0;
    unsigned long code = ERR_get_error_all(NULL, NULL, NULL, &data, &flags);
    const char *reason = ERR_reason_error_string(code);
    if ((flags & ERR_TXT_STRING) != 0 && data != NULL && *data != '\0')
        reason = data;
    reason = apr_pstrdup(p, reason != NULL ? reason : "out of memory");
    ERR_clear_error();
    return reason;
}

/*
 * Checks before anything is started, and for "apache2 -t" and "-k graceful", too, which do not call
 * init_server: that mod_ssl is there, and that scopes can be made of the authorities.
 */
static int check_config(apr_pool_t *p, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *base) {
    shared_config *shared = apr_pcalloc(p, sizeof *shared);
    apr_hash_t *checked = apr_hash_make(ptemp);
    (void)plog;
    shared->names = apr_hash_make(p);
    shared->taken = apr_hash_make(p);
    shared->servers = apr_array_make(p, 16, sizeof(server_config *));
    shared->by_ctx = apr_hash_make(p);
    for (server_rec *s = base; s != NULL; s = s->next) {
        server_config *config = config_of(s);
        const char *file = config->settings[NAMES_FILE], *mode = config->settings[VERIFY];
        config->server = s;
        config->shared = shared;
        if (config->by_offer > 0)
            shared->in_use = 1;
        if (file == NULL)
            file = config->settings[CA_FILE];
        if (config->by_offer <= 0 || file == NULL || mode == NULL || strcmp(mode, "none") == 0)
            continue;
        file = ap_server_root_relative(ptemp, ap_getword_conf(ptemp, &file));
        if (file == NULL || apr_hash_get(checked, file, APR_HASH_KEY_STRING) != NULL)
            continue;
        apr_hash_set(checked, file, APR_HASH_KEY_STRING, file);
        rext_ossl_scope *scope = rext_ossl_scope_new("check", file);
        if (scope == NULL) {
            ap_log_error(APLOG_MARK, APLOG_EMERG, 0, s,
                         "SSLClientAuthOffer: the authorities in %s cannot be used: %s", file,
                         last_error(ptemp));
            return HTTP_INTERNAL_SERVER_ERROR;
        }
        rext_ossl_scope_free(scope);
    }
    if (shared->in_use && ap_find_linked_module("mod_ssl.c") == NULL) {
        ap_log_error(APLOG_MARK, APLOG_EMERG, 0, base,
                     "SSLClientAuthOffer: mod_ssl is not loaded, and this module only changes when "
                     "mod_ssl requests a certificate; load mod_ssl");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    return OK;
}

/* Decides whether a server requests a certificate from a client, and in which scope. */
static void decide(const server_config *config, rext_offer offer, rext_ossl_decision *decision) {
    int by_offer = config->by_offer > 0 && config->demand == REXT_DEMAND_REQUEST;
    if (config->demand == REXT_DEMAND_NONE || (by_offer && offer == REXT_OFFER_NONE))
        return;
    decision->demand = config->demand;
    decision->scope = config->scope;
    decision->asks = by_offer ? REXT_ASKS_BECAUSE_OFFERED : REXT_ASKS_FOR_ANOTHER_REASON;
}

static int policy(const rext_ossl_question *question, rext_ossl_decision *decision,
                  void *argument) {
    decide(argument, question->offer, decision);
    return 1;
}

/* The name of a server's scope: of the first server with the same settings, with its port. */
static const char *scope_name(apr_pool_t *p, const server_config *config) {
    shared_config *shared = config->shared;
    server_rec *s = config->server;
    char *settings = settings_of(p, config);
    const char *name = apr_hash_get(shared->names, settings, APR_HASH_KEY_STRING);
    if (name != NULL)
        return name;
    apr_port_t port = s->port != 0 || s->addrs == NULL ? s->port : s->addrs->host_port;
    const char *base = apr_psprintf(p, "%s:%u", s->server_hostname, port != 0 ? port : 443);
    name = base;
    /* Servers on different addresses may have the same name. */
    for (int i = 2; apr_hash_get(shared->taken, name, APR_HASH_KEY_STRING) != NULL; i++)
        name = apr_psprintf(p, "%s#%d", base, i);
    apr_hash_set(shared->taken, name, APR_HASH_KEY_STRING, name);
    apr_hash_set(shared->names, settings, APR_HASH_KEY_STRING, name);
    return name;
}

static apr_status_t free_scope(void *scope) {
    rext_ossl_scope_free(scope);
    return APR_SUCCESS;
}

static int speaks_tls13(SSL_CTX *ctx) {
    long highest = SSL_CTX_get_max_proto_version(ctx);
    return (SSL_CTX_get_options(ctx) & SSL_OP_NO_TLSv1_3) == 0 &&
           (highest == 0 || highest >= TLS1_3_VERSION);
}

/* When it starts, httpd sets up everything twice: what is for the log should be there once. */
static int is_first_pass(void) {
    return ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG;
}

/* Of a server that has the directive on, whether it does what the operator may expect. */
static void warn(const server_config *config, int mode) {
    const char *name = config->server->server_hostname, *reason = NULL;
    if ((mode & SSL_VERIFY_PEER) == 0) {
        if (!config->own) /* the main server may have it on for its other virtual hosts */
            return;
        reason = "no effect: SSLVerifyClient is 'none', so no certificate is requested in the "
                 "handshake; set it to 'optional'";
    } else if ((mode & SSL_VERIFY_FAIL_IF_NO_PEER_CERT) != 0)
        reason = "no effect: SSLVerifyClient is 'require', so a certificate is required from all "
                 "clients, with and without an offer; set it to 'optional'";
    else if (!speaks_tls13(config->ctx))
        reason = "SSLProtocol excludes TLS 1.3, and clients cannot offer by the flag without it; "
                 "certificates are requested from clients that offer by CARE only";
    if (reason != NULL)
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, config->server,
                     "SSLClientAuthOffer in server %s: %s", name, reason);
}

/*
 * Hook of mod_ssl, for each server with SSLEngine: its SSL_CTX is complete. The rest is for
 * post_config, since httpd keeps its virtual hosts in the reverse order of the configuration.
 */
static int init_server(server_rec *s, apr_pool_t *p, int is_proxy, SSL_CTX *ctx) {
    server_config *config = config_of(s);
    (void)p;
    if (!is_proxy && config->shared->in_use) {
        config->ctx = ctx;
        apr_hash_set(config->shared->by_ctx, &config->ctx, sizeof config->ctx, config);
        APR_ARRAY_PUSH(config->shared->servers, server_config *) = config;
    }
    return OK;
}

/* Returns NULL; or why the server cannot be set up. */
static const char *set_up(server_config *config, apr_pool_t *p) {
    X509_STORE *other = NULL;
    int mode = SSL_CTX_get_verify_mode(config->ctx);
    if (config->by_offer > 0 && !is_first_pass())
        warn(config, mode);
    ERR_clear_error();
    if ((mode & SSL_VERIFY_PEER) != 0) {
        if (SSL_CTX_get0_verify_cert_store(config->ctx, &other) == 1 && other != NULL)
            return "SSLOpenSSLConfCmd sets the authorities of clients; use SSLCACertificateFile or "
                   "SSLCACertificatePath for them";
        config->scope = rext_ossl_scope_of(scope_name(p, config), config->ctx);
        if (config->scope == NULL)
            return last_error(p);
        apr_pool_cleanup_register(p, config->scope, free_scope, apr_pool_cleanup_null);
        config->demand = (mode & SSL_VERIFY_FAIL_IF_NO_PEER_CERT) != 0 ? REXT_DEMAND_REQUIRE
                                                                      : REXT_DEMAND_REQUEST;
        if (config->by_offer > 0 && config->demand == REXT_DEMAND_REQUEST)
            config->shared->effective = 1;
    }
    return rext_ossl_server_hosted(config->ctx, NULL, policy, config) ? NULL : last_error(p);
}

/* After mod_ssl's. */
static int post_config(apr_pool_t *p, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *base) {
    shared_config *shared = config_of(base)->shared;
    (void)plog, (void)ptemp;
    for (int i = shared->servers->nelts - 1; i >= 0; i--) {
        server_config *config = APR_ARRAY_IDX(shared->servers, i, server_config *);
        const char *error = set_up(config, p);
        if (error != NULL) {
            ap_log_error(APLOG_MARK, APLOG_EMERG, 0, config->server,
                         "SSLClientAuthOffer: server %s cannot be set up: %s",
                         config->server->server_hostname, error);
            return HTTP_INTERNAL_SERVER_ERROR;
        }
    }
    if (shared->in_use && !shared->effective && !is_first_pass())
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, base,
                     "SSLClientAuthOffer is on, but no server has SSLEngine and 'SSLVerifyClient "
                     "optional': no certificate is requested by offer");
    return OK;
}

/* OpenSSL calls it when it frees an SSL. */
static void forget(void *ssl, void *place, CRYPTO_EX_DATA *data, int index, long number,
                   void *pointer) {
    (void)ssl, (void)data, (void)index, (void)number, (void)pointer;
    if (place != NULL)
        ((connection *)place)->ssl = NULL;
}

/* Hook of mod_ssl, for each connection. mod_ssl frees the SSL before the pool of the connection. */
static int pre_handshake(conn_rec *c, SSL *ssl, int is_proxy) {
    if (!is_proxy && config_of(c->base_server)->shared->in_use) {
        connection *it = apr_pcalloc(c->pool, sizeof *it);
        if (!SSL_set_ex_data(ssl, connection_index, it))
            return HTTP_INTERNAL_SERVER_ERROR; /* its requests could not be checked */
        it->ssl = ssl;
        ap_set_module_config(c->conn_config, &ssl_offer_module, it);
    }
    return OK;
}

/* What is known of a connection, or of the one that carries it; NULL without TLS of mod_ssl. */
static connection *connection_of(conn_rec *c) {
    conn_rec *master = c->master != NULL ? c->master : c;
    connection *it = ap_get_module_config(master->conn_config, &ssl_offer_module);
    if (it == NULL || it->ssl == NULL)
        return NULL;
    /* With "SSLEngine optional", the handshake is made during a request. */
    if (!it->known && c == master && SSL_is_init_finished(it->ssl))
        it->known = rext_ossl_server_outcome_of(it->ssl, &it->outcome);
    return it->known ? it : NULL;
}

/* After mod_ssl's handshake, and before the first request. */
static int process_connection(conn_rec *c) {
    connection_of(c);
    return DECLINED;
}

/* Whether a connection that another server's SSL_CTX has made may carry requests for a server. */
static int may_carry(const server_config *target, const connection *it) {
    SSL_CTX *ctx = SSL_get_SSL_CTX(it->ssl);
    rext_ossl_decision wanted = {0};
    const server_config *own;
    if (target->ctx == ctx)
        return 1;
    own = apr_hash_get(target->shared->by_ctx, &ctx, sizeof ctx);
    if (own == NULL || (own->by_offer <= 0 && target->by_offer <= 0))
        return 1; /* as without this module: mod_ssl has compared them */
    if (own->scope == NULL || target->scope == NULL)
        return own->scope == target->scope;
    if (strcmp(rext_ossl_scope_name(own->scope), rext_ossl_scope_name(target->scope)) != 0)
        return 0;
    decide(target, it->outcome.offer, &wanted);
    return wanted.demand == REXT_DEMAND_NONE || it->outcome.demand != REXT_DEMAND_NONE;
}

/* Sets the variables about the handshake. */
static void set_variables(request_rec *r, const rext_ossl_server_outcome *outcome) {
    static const char *const offers[] = {"none",    "flag",         "care",         "both",
                                         "origins", "flag+origins", "care+origins", "both+origins"};
    apr_table_setn(r->subprocess_env, "SSL_CLIENT_AUTH_OFFER",
                   offers[outcome->offer & (REXT_OFFER_FLAG | REXT_OFFER_CARE | REXT_OFFER_ORIGINS)]);
    apr_table_setn(r->subprocess_env, "SSL_CLIENT_AUTH_ACKNOWLEDGED",
                   outcome->acknowledged ? "1" : "0");
    if (outcome->scope != NULL)
        apr_table_setn(r->subprocess_env, "SSL_CLIENT_AUTH_SCOPE",
                       rext_ossl_scope_name(outcome->scope));
}

/* Before other hooks may refuse a request or rewrite it, so that they have the variables. */
static int early_variables(request_rec *r) {
    const connection *it = connection_of(r->connection);
    if (it != NULL)
        set_variables(r, &it->outcome);
    return DECLINED;
}

/*
 * Refuses a request that is for another server than its connection, if the other one accepts other
 * certificates, or would have requested one. mod_ssl compares servers, too, as far as
 * SSLVHostSNIPolicy says, and does not know of offers.
 */
static int post_read_request(request_rec *r) {
    connection *it = connection_of(r->connection);
    if (it == NULL || r->proxyreq == PROXYREQ_PROXY || !ap_is_initial_req(r) ||
        may_carry(config_of(r->server), it))
        return DECLINED;
    ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r,
                  "the connection was made for a server with other rules for client certificates "
                  "than server %s, which the request is for",
                  r->server->server_hostname);
    return HTTP_MISDIRECTED_REQUEST;
}

/* A certificate as an item of RFC 8941, as RFC 9440 section 2.1 wants it; NULL if that fails. */
static const char *encode(apr_pool_t *p, X509 *certificate) {
    unsigned char *der = NULL;
    int length = i2d_X509(certificate, &der);
    if (length < 0)
        return NULL;
    char *item = apr_palloc(p, (apr_size_t)apr_base64_encode_len(length) + 2);
    item[0] = ':';
    apr_base64_encode_binary(item + 1, der, length);
    OPENSSL_free(der);
    return strcat(item, ":");
}

/* Sets the certificate of a client that mod_ssl has verified, and its chain (RFC 9440). */
static void set_certificates(request_rec *r, SSL *ssl) {
    APR_OPTIONAL_FN_TYPE(ssl_var_lookup) *lookup = APR_RETRIEVE_OPTIONAL_FN(ssl_var_lookup);
    X509 *certificate = SSL_get0_peer_certificate(ssl);
    STACK_OF(X509) *chain = SSL_get_peer_cert_chain(ssl);
    const char *verified = NULL, *item;
    if (certificate != NULL && lookup != NULL)
        verified = lookup(r->pool, r->server, r->connection, r, (char *)"SSL_CLIENT_VERIFY");
    if (verified == NULL || strcmp(verified, "SUCCESS") != 0 ||
        (item = encode(r->pool, certificate)) == NULL)
        return;
    apr_table_setn(r->subprocess_env, "CLIENT_CERT", item);
    char *list = NULL;
    for (int i = 0; i < sk_X509_num(chain); i++) {
        if ((item = encode(r->pool, sk_X509_value(chain, i))) == NULL)
            return;
        list = list == NULL ? apr_pstrdup(r->pool, item)
                            : apr_pstrcat(r->pool, list, ", ", item, NULL);
    }
    if (list != NULL)
        apr_table_setn(r->subprocess_env, "CLIENT_CERT_CHAIN", list);
}

/* Once more, for internal redirects, and since a directory may have requested a certificate. */
static int fixups(request_rec *r) {
    const connection *it = connection_of(r->connection);
    if (it != NULL) {
        set_variables(r, &it->outcome);
        set_certificates(r, it->ssl);
    }
    return DECLINED;
}

static void register_hooks(apr_pool_t *p) {
    static const char *const ssl[] = {"mod_ssl.c", NULL};
    static const char *const http2[] = {"mod_http2.c", NULL};
    (void)p;
    if (connection_index < 0)
        connection_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, forget);
    ap_hook_check_config(check_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(post_config, ssl, NULL, APR_HOOK_MIDDLE);
    APR_OPTIONAL_HOOK(ssl, init_server, init_server, NULL, NULL, APR_HOOK_MIDDLE);
    APR_OPTIONAL_HOOK(ssl, pre_handshake, pre_handshake, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_process_connection(process_connection, ssl, http2, APR_HOOK_MIDDLE);
    ap_hook_post_read_request(early_variables, NULL, ssl, APR_HOOK_FIRST);
    ap_hook_post_read_request(post_read_request, ssl, NULL, APR_HOOK_MIDDLE);
    ap_hook_fixups(fixups, ssl, NULL, APR_HOOK_MIDDLE);
}

AP_DECLARE_MODULE(ssl_offer) = {
    STANDARD20_MODULE_STUFF,
    NULL,
    NULL,
    create_server_config,
    merge_server_config,
    commands,
    register_hooks,
    /* Each server needs a configuration of its own, also one without a directive of this module. */
    AP_MODULE_FLAG_ALWAYS_MERGE,
};
