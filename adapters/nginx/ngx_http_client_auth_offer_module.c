/*
 * Client certificates by offer in nginx: `ssl_verify_client optional` requests a certificate from
 * clients that offer one, and from no others.
 *
 *     client_auth_offer on | off;      http, server
 *
 * nginx keeps its certificates, its verification and its session store. The hosted mode of the
 * OpenSSL adapter sets the verification mode of each handshake, and confines sessions.
 *
 * As soon as one server has the directive on, all SSL servers get the adapter: a client can reach any
 * of them on the same listen socket, and could bring a session of one to another.
 *
 * The ClientHello callback is not used: nginx 1.29.2 and later need it.
 *
 * Licensed under Apache-2.0 or MIT, as you like.
 */
#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include <rext_openssl.h>

/* The values of ssl_verify_client, as nginx keeps them. */
enum { VERIFY_OFF, VERIFY_ON, VERIFY_OPTIONAL, VERIFY_OPTIONAL_NO_CA };

typedef struct {
    /* True if a server has the directive on, so that the module does anything at all. */
    ngx_flag_t active;
} main_conf;

typedef struct {
    /* The directive. */
    ngx_flag_t on;
    /* True if the directive stands in the server block itself. */
    ngx_uint_t own;
    /* True if the log has a warning about the protocols of this server already. */
    ngx_uint_t warned;
    /* The scope of client certificates; NULL with `ssl_verify_client off`. */
    rext_ossl_scope *scope;
    /* nginx's own TLS settings of the server. */
    const ngx_http_ssl_srv_conf_t *ssl;
} server_conf;

ngx_module_t ngx_http_client_auth_offer_module;

static server_conf *conf_of(const ngx_http_core_srv_conf_t *server) {
    return server->ctx->srv_conf[ngx_http_client_auth_offer_module.ctx_index];
}

/*
 * The server whose TLS settings apply to connections for a server. A block without a certificate has no
 * SSL_CTX, so nginx keeps that of the default server.
 */
static server_conf *in_force(server_conf *server, const ngx_http_core_srv_conf_t *default_server) {
    return server->ssl->ssl.ctx != NULL ? server : conf_of(default_server);
}

/* Writes a server name as nginx looks it up: without port and last dot, in lower case. Returns its
 * length; 0 if nginx uses the default server for such a name. */
static size_t normal_name(const rext_bytes *name, u_char *to, size_t size) {
    size_t end = name->length, dot = name->length;
    enum { USUAL, LITERAL, REST } state = USUAL;
    if (name->length > size)
        return 0;
    for (size_t i = 0; i < name->length; i++) {
        u_char c = name->data[i];
        if (c == '.') {
            if (i > 0 && dot == i - 1)
                return 0;
            dot = i;
        } else if (c == ':' && state == USUAL) {
            end = i;
            state = REST;
        } else if (c == '[' && i == 0) {
            state = LITERAL;
        } else if (c == ']' && state == LITERAL) {
            end = i + 1;
            state = REST;
        } else if (c == '/' || c <= ' ' || c == 0x7f) {
            return 0;
        }
    }
    if (end > 0 && dot == end - 1)
        end--;
    ngx_strlow(to, (u_char *)name->data, end);
    return end;
}

/*
 * The server that nginx chooses for a server name; NULL if that fails. nginx may not have chosen yet:
 * OpenSSL looks at sessions first. If this chose another server than nginx, the adapter would notice
 * that the scope is not that of the connection.
 */
static server_conf *server_for(ngx_connection_t *c, const rext_bytes *name) {
    const ngx_http_connection_t *hc = c->data;
    ngx_http_virtual_names_t *names = hc->addr_conf->virtual_names;
    const ngx_http_core_srv_conf_t *server = NULL;
    u_char low[TLSEXT_MAXLEN_host_name];
    size_t length = normal_name(name, low, sizeof low);
    if (names != NULL && length > 0) {
        server = ngx_hash_find_combined(&names->names, ngx_hash_key(low, length), low, length);
#if (NGX_PCRE)
        ngx_str_t host = {length, low};
        for (ngx_uint_t i = 0; server == NULL && i < names->nregex; i++) {
            ngx_int_t n = ngx_regex_exec(names->regex[i].regex->regex, &host, NULL, 0);
            if (n >= 0)
                server = names->regex[i].server;
            else if (n != NGX_REGEX_NO_MATCHED)
                return NULL;
        }
#endif
    }
    const ngx_http_core_srv_conf_t *otherwise = hc->addr_conf->default_server;
    return in_force(conf_of(server != NULL ? server : otherwise), otherwise);
}

/* True if a server requests certificates from clients that offer only. */
static int by_offer(const server_conf *server) {
    return server->on && server->ssl->verify != VERIFY_ON;
}

/* True if a server requests a certificate from a client with this offer. */
static int requests(const server_conf *server, rext_offer offer) {
    return server->scope != NULL && (offer != REXT_OFFER_NONE || !by_offer(server));
}

/*
 * The policy of all servers. It never requires a certificate: with `ssl_verify_client on`, nginx itself
 * answers a client without one, with a page that says why.
 */
static int policy(const rext_ossl_question *question, rext_ossl_decision *decision, void *unused) {
    ngx_connection_t *c = ngx_ssl_get_connection(question->ssl);
    const server_conf *server = server_for(c, &question->server_name);
    (void)unused;
    if (server == NULL) {
        ngx_log_error(NGX_LOG_ALERT, c->log, 0,
                      "client_auth_offer: a regular expression of a server name failed");
        return 0;
    }
    if (!requests(server, question->offer))
        return 1;
    decision->demand = REXT_DEMAND_REQUEST;
    decision->scope = server->scope;
    decision->asks = by_offer(server) ? REXT_ASKS_BECAUSE_OFFERED : REXT_ASKS_FOR_ANOTHER_REASON;
    return 1;
}

/* Gets the outcome of a request's connection. Returns 0 without TLS, or if the directive is on nowhere. */
static int outcome_of(ngx_http_request_t *r, rext_ossl_server_outcome *outcome) {
    const main_conf *conf = ngx_http_get_module_main_conf(r, ngx_http_client_auth_offer_module);
    if (!conf->active || r->connection->ssl == NULL)
        return 0;
    if (rext_ossl_server_outcome_of(r->connection->ssl->connection, outcome))
        return 1;
    /* If another module chose an SSL_CTX. nginx would log the error for the next connection. */
    ERR_clear_error();
    return 0;
}

/* The server whose TLS settings apply to a request's host. */
static server_conf *server_of_host(ngx_http_request_t *r) {
    return in_force(ngx_http_get_module_srv_conf(r, ngx_http_client_auth_offer_module),
                    r->http_connection->addr_conf->default_server);
}

/* True if a certificate of one scope counts in the other. */
static int same_scope(const rext_ossl_scope *one, const rext_ossl_scope *other) {
    return one == other || (one != NULL && other != NULL &&
                            strcmp(rext_ossl_scope_name(one), rext_ossl_scope_name(other)) == 0);
}

/*
 * Answers 421 to a request for a host in whose scope this connection was not asked for a certificate:
 * the client sent no server name, or uses one HTTP/2 connection for several hosts (RCA-8).
 */
static ngx_int_t refuse_misdirected(ngx_http_request_t *r) {
    const ngx_http_connection_t *hc = r->http_connection;
    rext_ossl_server_outcome outcome;
    if (!outcome_of(r, &outcome))
        return NGX_DECLINED;
    const server_conf *host = server_of_host(r);
    const server_conf *chosen =
        in_force(ngx_http_get_module_srv_conf(hc->conf_ctx, ngx_http_client_auth_offer_module),
                 hc->addr_conf->default_server);
    if (host->scope == NULL || (!host->on && !chosen->on) || same_scope(host->scope, chosen->scope))
        return NGX_DECLINED;
    if (!outcome.failed && outcome.scope == NULL && !(host->on && requests(host, outcome.offer)))
        return NGX_DECLINED; /* another connection would not be asked for a certificate, either */
    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "client_auth_offer: the request is for a server of the scope \"%s\", "
                  "and its connection is not of that scope", rext_ossl_scope_name(host->scope));
    return NGX_HTTP_MISDIRECTED_REQUEST;
}

/* Sets a variable to a text. */
static ngx_int_t set_text(ngx_http_variable_value_t *v, const char *text) {
    v->data = (u_char *)text;
    v->len = ngx_strlen(text);
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;
    return NGX_OK;
}

static ngx_int_t offer_variable(ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data) {
    static const char *const names[] = {"none",    "flag",         "care",         "both",
                                        "origins", "flag+origins", "care+origins", "both+origins"};
    rext_ossl_server_outcome outcome;
    (void)data;
    return set_text(v, outcome_of(r, &outcome) && outcome.offer < 8 ? names[outcome.offer] : "");
}

/* The origins that the client hinted at, separated by ", ", as sent. No origin has a space. */
static ngx_int_t origins_variable(ngx_http_request_t *r, ngx_http_variable_value_t *v,
                                  uintptr_t data) {
    rext_ossl_server_outcome outcome;
    rext_list origins;
    rext_bytes origin;
    (void)data;
    if (!outcome_of(r, &outcome) ||
        !rext_ossl_server_origins_of(r->connection->ssl->connection, &origins))
        return set_text(v, "");
    u_char *text = ngx_pnalloc(r->pool, REXT_MAX_ORIGIN_BYTES + 2 * REXT_MAX_ORIGINS + 1);
    if (text == NULL)
        return NGX_ERROR;
    u_char *to = text;
    while (rext_list_next(&origins, NULL, &origin) == REXT_YES) {
        if (to > text)
            to = ngx_cpymem(to, ", ", 2);
        to = ngx_cpymem(to, origin.data, origin.length);
    }
    *to = '\0';
    return set_text(v, (const char *)text);
}

static ngx_int_t acknowledged_variable(ngx_http_request_t *r, ngx_http_variable_value_t *v,
                                       uintptr_t data) {
    rext_ossl_server_outcome outcome;
    (void)data;
    return set_text(v, !outcome_of(r, &outcome) ? "" : outcome.acknowledged ? "1" : "0");
}

/* Gets the outcome of a connection if a certificate was requested in the scope of the request's host. */
static int outcome_for_host(ngx_http_request_t *r, rext_ossl_server_outcome *outcome) {
    return outcome_of(r, outcome) && outcome->scope != NULL &&
           same_scope(outcome->scope, server_of_host(r)->scope);
}

static ngx_int_t scope_variable(ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data) {
    rext_ossl_server_outcome outcome;
    (void)data;
    return set_text(v, outcome_for_host(r, &outcome) ? rext_ossl_scope_name(outcome.scope) : "");
}

/*
 * Sets a variable to certificates as Structured Fields byte sequences, separated by ", " (RFC 9440
 * section 2.1, RFC 8941).
 */
static ngx_int_t set_certificates(ngx_http_request_t *r, ngx_http_variable_value_t *v,
                                  X509 *const *certificates, int count) {
    size_t size = 0;
    for (int i = 0; i < count; i++) {
        int length = i2d_X509(certificates[i], NULL);
        if (length <= 0)
            return NGX_ERROR;
        size += ngx_base64_encoded_length((size_t)length) + sizeof "::, ";
    }
    u_char *text = ngx_pnalloc(r->pool, size + 1);
    if (text == NULL)
        return NGX_ERROR;
    u_char *to = text;
    for (int i = 0; i < count; i++) {
        ngx_str_t der = ngx_null_string, base64;
        int length = i2d_X509(certificates[i], &der.data);
        if (length <= 0)
            return NGX_ERROR;
        der.len = (size_t)length;
        if (i > 0)
            to = ngx_cpymem(to, ", ", 2);
        *to++ = ':';
        base64.data = to;
        ngx_encode_base64(&base64, &der);
        to += base64.len;
        *to++ = ':';
        OPENSSL_free(der.data);
    }
    *to = '\0';
    return set_text(v, (const char *)text);
}

static ngx_int_t certificate_variable(ngx_http_request_t *r, ngx_http_variable_value_t *v,
                                      uintptr_t data) {
    rext_ossl_server_outcome outcome;
    (void)data;
    if (!outcome_for_host(r, &outcome) || !outcome.authenticated)
        return set_text(v, "");
    return set_certificates(r, v, &outcome.certificate, 1);
}

/* The verified chain without the client's own certificate and without the authority at its end, which
 * RFC 9440 lets a proxy leave out. After resumption, OpenSSL has no chain. */
static ngx_int_t chain_variable(ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data) {
    rext_ossl_server_outcome outcome;
    (void)data;
    if (!outcome_for_host(r, &outcome) || !outcome.authenticated)
        return set_text(v, "");
    STACK_OF(X509) *chain = SSL_get0_verified_chain(r->connection->ssl->connection);
    int count = sk_X509_num(chain) - 2;
    if (count <= 0)
        return set_text(v, "");
    X509 **between = ngx_palloc(r->pool, (size_t)count * sizeof *between);
    if (between == NULL)
        return NGX_ERROR;
    for (int i = 0; i < count; i++)
        between[i] = sk_X509_value(chain, i + 1);
    return set_certificates(r, v, between, count);
}

static ngx_int_t add_variables(ngx_conf_t *cf) {
    static const struct {
        ngx_str_t name;
        ngx_http_get_variable_pt get;
    } variables[] = {
        {ngx_string("client_auth_offer"), offer_variable},
        {ngx_string("client_auth_origins"), origins_variable},
        {ngx_string("client_auth_acknowledged"), acknowledged_variable},
        {ngx_string("client_auth_scope"), scope_variable},
        {ngx_string("client_cert"), certificate_variable},
        {ngx_string("client_cert_chain"), chain_variable},
    };
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        ngx_str_t name = variables[i].name;
        ngx_http_variable_t *variable = ngx_http_add_variable(cf, &name, 0);
        if (variable == NULL)
            return NGX_ERROR;
        variable->get_handler = variables[i].get;
    }
    return NGX_OK;
}

static void *create_main_conf(ngx_conf_t *cf) {
    return ngx_pcalloc(cf->pool, sizeof(main_conf));
}

static void *create_server_conf(ngx_conf_t *cf) {
    server_conf *conf = ngx_pcalloc(cf->pool, sizeof *conf);
    if (conf != NULL)
        conf->on = NGX_CONF_UNSET;
    return conf;
}

static char *merge_server_conf(ngx_conf_t *cf, void *parent, void *child) {
    server_conf *outer = parent, *conf = child;
    (void)cf;
    conf->own = conf->on != NGX_CONF_UNSET;
    ngx_conf_merge_value(conf->on, outer->on, 0);
    return NGX_CONF_OK;
}

/* Logs that a server cannot be set up, with the adapter's reason. */
static void fail(ngx_conf_t *cf, const ngx_http_core_srv_conf_t *server) {
    ngx_ssl_error(NGX_LOG_EMERG, cf->log, 0, "client_auth_offer: cannot set up server \"%V\" in %s:%ui",
                  &server->server_name, server->file_name, server->line);
}

static void free_scope(void *scope) {
    rext_ossl_scope_free(scope);
}

static void warn(ngx_conf_t *cf, const ngx_http_core_srv_conf_t *server, const char *text) {
    ngx_log_error(NGX_LOG_WARN, cf->log, 0, "client_auth_offer: server \"%V\" in %s:%ui %s",
                  &server->server_name, server->file_name, server->line, text);
}

/* The files that decide which certificates are accepted. */
static void authorities_of(const ngx_http_ssl_srv_conf_t *ssl, const ngx_str_t *settings[3]) {
    settings[0] = &ssl->client_certificate;
    settings[1] = &ssl->trusted_certificate;
    settings[2] = &ssl->crl;
}

static int compare_texts(const ngx_str_t *one, const ngx_str_t *other) {
    return one->len != other->len ? (one->len < other->len ? -1 : 1)
                                  : ngx_memcmp(one->data, other->data, one->len);
}

static int compare_authorities(const ngx_http_ssl_srv_conf_t *one,
                               const ngx_http_ssl_srv_conf_t *other) {
    const ngx_str_t *mine[3], *its[3];
    int order = 0;
    authorities_of(one, mine);
    authorities_of(other, its);
    for (int i = 0; i < 3 && order == 0; i++)
        order = compare_texts(mine[i], its[i]);
    if (order == 0 && one->verify_depth != other->verify_depth)
        order = one->verify_depth < other->verify_depth ? -1 : 1;
    return order;
}

/* For qsort(): orders servers by name, and then by their authorities. */
static int compare_servers(const void *one, const void *other) {
    const ngx_http_core_srv_conf_t *mine = *(ngx_http_core_srv_conf_t *const *)one;
    const ngx_http_core_srv_conf_t *its = *(ngx_http_core_srv_conf_t *const *)other;
    int order = compare_texts(&mine->server_name, &its->server_name);
    return order != 0 ? order : compare_authorities(conf_of(mine)->ssl, conf_of(its)->ssl);
}

/*
 * Makes the scope of a server. Its name is the first name of the server block, which a reload does not
 * change, so that sessions still resume. If blocks of one name trust different authorities, or the name
 * is too long, a checksum of name and settings is added.
 */
static ngx_int_t make_scope(ngx_conf_t *cf, const ngx_http_core_srv_conf_t *server, int ambiguous) {
    enum { LONGEST = 200 };
    static const ngx_str_t nameless = ngx_string("_");
    server_conf *conf = conf_of(server);
    const ngx_str_t *name = server->server_name.len > 0 ? &server->server_name : &nameless;
    u_char text[LONGEST + sizeof "#01234567"];
    u_char *end = ngx_cpymem(text, name->data, ngx_min(name->len, LONGEST));
    if (ambiguous || name->len > LONGEST) {
        const ngx_str_t *settings[3];
        uint32_t sum;
        authorities_of(conf->ssl, settings);
        ngx_crc32_init(sum);
        ngx_crc32_update(&sum, name->data, name->len);
        for (int i = 0; i < 3; i++) {
            ngx_crc32_update(&sum, (u_char *)&settings[i]->len, sizeof settings[i]->len);
            ngx_crc32_update(&sum, settings[i]->data, settings[i]->len);
        }
        ngx_crc32_update(&sum, (u_char *)&conf->ssl->verify_depth, sizeof conf->ssl->verify_depth);
        ngx_crc32_final(sum);
        end = ngx_sprintf(end, "#%08xD", sum);
    }
    *end = '\0';
    ngx_pool_cleanup_t *cleanup = ngx_pool_cleanup_add(cf->pool, 0);
    if (cleanup == NULL)
        return NGX_ERROR;
    conf->scope = rext_ossl_scope_of((const char *)text, conf->ssl->ssl.ctx);
    cleanup->handler = free_scope;
    cleanup->data = conf->scope;
    return conf->scope != NULL ? NGX_OK : NGX_ERROR;
}

/* Makes the scopes of all servers that verify certificates. */
static ngx_int_t make_scopes(ngx_conf_t *cf, const ngx_array_t *servers) {
    ngx_array_t verifying;
    if (ngx_array_init(&verifying, cf->temp_pool, servers->nelts + 1, sizeof(void *)) != NGX_OK)
        return NGX_ERROR;
    ngx_http_core_srv_conf_t **all = servers->elts, **sorted = verifying.elts;
    for (ngx_uint_t i = 0; i < servers->nelts; i++)
        if (conf_of(all[i])->ssl->ssl.ctx != NULL && conf_of(all[i])->ssl->verify != VERIFY_OFF)
            sorted[verifying.nelts++] = all[i];
    ngx_qsort(sorted, verifying.nelts, sizeof *sorted, compare_servers);
    for (ngx_uint_t first = 0, next; first < verifying.nelts; first = next) {
        for (next = first + 1; next < verifying.nelts; next++)
            if (compare_texts(&sorted[first]->server_name, &sorted[next]->server_name) != 0)
                break;
        int ambiguous = compare_authorities(conf_of(sorted[first])->ssl,
                                            conf_of(sorted[next - 1])->ssl) != 0;
        for (ngx_uint_t i = first; i < next; i++) {
            if (make_scope(cf, sorted[i], ambiguous) == NGX_OK)
                continue;
            fail(cf, sorted[i]);
            return NGX_ERROR;
        }
    }
    return NGX_OK;
}

/* Warns of settings under which the directive has no effect. */
static void warn_of_servers(ngx_conf_t *cf, const ngx_array_t *servers) {
    ngx_http_core_srv_conf_t **all = servers->elts;
    const ngx_http_core_srv_conf_t *idle = NULL;
    int effective = 0;
    for (ngx_uint_t i = 0; i < servers->nelts; i++) {
        const server_conf *conf = conf_of(all[i]);
        if (!conf->on)
            continue;
        if (conf->scope != NULL)
            effective = 1;
        else if (!conf->own)
            idle = idle != NULL ? idle : all[i];
        else if (conf->ssl->ssl.ctx == NULL)
            warn(cf, all[i],
                 "has no ssl_certificate: the settings of the default server are in force");
        else
            warn(cf, all[i], "has \"ssl_verify_client off\": it requests no certificates");
    }
    /* In `http` the directive applies to all servers, and some may verify no certificates on purpose. */
    if (!effective && idle != NULL)
        warn(cf, idle, "has \"ssl_verify_client off\", and so have all others");
}

/* Warns of listen sockets without TLS 1.3. The version is negotiated before the server name counts:
 * the default server's protocols are in force for all. */
static void warn_of_protocols(ngx_conf_t *cf, const ngx_array_t *ports) {
    const ngx_http_conf_port_t *port = ports->elts;
    for (ngx_uint_t p = 0; p < ports->nelts; p++) {
        const ngx_http_conf_addr_t *addr = port[p].addrs.elts;
        for (ngx_uint_t a = 0; a < port[p].addrs.nelts; a++) {
            server_conf *first = conf_of(addr[a].default_server);
            ngx_http_core_srv_conf_t **all = addr[a].servers.elts;
            if (first->ssl->ssl.ctx == NULL || first->warned ||
                (first->ssl->protocols & NGX_SSL_TLSv1_3) != 0)
                continue;
            for (ngx_uint_t i = 0; i < addr[a].servers.nelts && !first->warned; i++)
                first->warned = conf_of(all[i])->on && conf_of(all[i])->scope != NULL;
            if (first->warned)
                warn(cf, addr[a].default_server,
                     "has no TLSv1.3 in ssl_protocols: offers by flag are not seen");
        }
    }
}

static ngx_int_t set_up(ngx_conf_t *cf) {
    ngx_http_core_main_conf_t *core = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
    main_conf *conf = ngx_http_conf_get_module_main_conf(cf, ngx_http_client_auth_offer_module);
    ngx_http_core_srv_conf_t **servers = core->servers.elts;
    for (ngx_uint_t i = 0; i < core->servers.nelts; i++) {
        server_conf *server = conf_of(servers[i]);
        server->ssl = servers[i]->ctx->srv_conf[ngx_http_ssl_module.ctx_index];
        conf->active |= server->on;
    }
    if (!conf->active)
        return NGX_OK;
    if (make_scopes(cf, &core->servers) != NGX_OK)
        return NGX_ERROR;
    for (ngx_uint_t i = 0; i < core->servers.nelts; i++) {
        SSL_CTX *ctx = conf_of(servers[i])->ssl->ssl.ctx;
        if (ctx != NULL && !rext_ossl_server_hosted(ctx, NULL, policy, NULL)) {
            fail(cf, servers[i]);
            return NGX_ERROR;
        }
    }
    warn_of_servers(cf, &core->servers);
    if (core->ports != NULL)
        warn_of_protocols(cf, core->ports);
    ngx_http_handler_pt *handler = ngx_array_push(&core->phases[NGX_HTTP_POST_READ_PHASE].handlers);
    if (handler == NULL)
        return NGX_ERROR;
    *handler = refuse_misdirected;
    return NGX_OK;
}

static ngx_command_t commands[] = {
    {ngx_string("client_auth_offer"), NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_CONF_FLAG,
     ngx_conf_set_flag_slot, NGX_HTTP_SRV_CONF_OFFSET, offsetof(server_conf, on), NULL},
    ngx_null_command,
};

static ngx_http_module_t context = {
    add_variables,     set_up,            create_main_conf, NULL,
    create_server_conf, merge_server_conf, NULL,            NULL,
};

ngx_module_t ngx_http_client_auth_offer_module = {
    NGX_MODULE_V1, &context, commands, NGX_HTTP_MODULE, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
    NGX_MODULE_V1_PADDING,
};
