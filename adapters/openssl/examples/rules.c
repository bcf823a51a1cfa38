/* What the server demands of whom, as its command line says. */
#include "rules.h"

#include <string.h>
#include <strings.h>

#define MOST 16

static struct rule {
    const char *name; /* NULL for all others */
    rext_demand demand;
    int if_offered;
    const char *scope_name;
    const rext_ossl_scope *scope;
} rules[MOST];
static size_t rule_count;
static struct {
    const char *name, *file;
    rext_ossl_scope *scope;
} scopes[MOST];
static size_t scope_count;
static struct {
    const char *scope_name, *origin;
    const rext_ossl_scope *scope;
} origins[MOST];
static size_t origin_count;

/* The rule for a server name, or else the one for all others; NULL if there is neither. */
static const struct rule *rule_for(const char *name, size_t length) {
    const struct rule *found = NULL;
    for (size_t i = 0; i < rule_count; i++) {
        const struct rule *rule = &rules[i];
        if (rule->name == NULL && found == NULL)
            found = rule;
        else if (rule->name != NULL && strlen(rule->name) == length &&
                 strncasecmp(rule->name, name, length) == 0)
            found = rule;
    }
    return found;
}

const rext_ossl_scope *scope_for(const char *name, size_t length) {
    const struct rule *rule = rule_for(name, length);
    return rule != NULL && rule->demand != REXT_DEMAND_NONE ? rule->scope : NULL;
}

/* The scope for the first of the client's origins that has one; NULL if none has. */
static const rext_ossl_scope *scope_for_origins(const rext_hello *hello) {
    rext_list list;
    rext_bytes item;
    if (rext_hello_origins(hello, &list, NULL, NULL) != REXT_YES)
        return NULL;
    while (rext_list_next(&list, NULL, &item) == REXT_YES)
        for (size_t i = 0; i < origin_count; i++)
            if (rext_origin_includes((const uint8_t *)origins[i].origin, strlen(origins[i].origin),
                                     item.data, item.length, NULL) == REXT_YES)
                return origins[i].scope;
    return NULL;
}

int policy(const rext_ossl_question *question, rext_ossl_decision *decision, void *argument) {
    const rext_bytes *name = &question->server_name;
    struct watch *watch = SSL_get_app_data(question->ssl);
    const struct rule *found = rule_for((const char *)name->data, name->length);
    (void)argument;
    if (name->length > 0 && name->length <= sizeof watch->name) {
        memcpy(watch->name, name->data, name->length);
        watch->name_length = name->length;
    }
    /* Without the offer, the list is of no effect: TLS 1.2 (WIO-7). */
    if ((question->offer & REXT_OFFER_ORIGINS) != 0 &&
        (decision->scope = scope_for_origins(question->hello)) != NULL) {
        decision->demand = REXT_DEMAND_REQUEST;
        decision->asks = REXT_ASKS_BECAUSE_OFFERED;
        return 1;
    }
    if (found == NULL || (found->if_offered && question->offer == REXT_OFFER_NONE))
        return 1;
    decision->demand = found->demand;
    decision->scope = found->scope;
    decision->asks = found->if_offered ? REXT_ASKS_BECAUSE_OFFERED : REXT_ASKS_FOR_ANOTHER_REASON;
    return 1;
}

void add_scope(char *text) {
    char *equals = strchr(text, '=');
    const char *name = equals != NULL ? text : "clients";
    const char *file = equals != NULL ? equals + 1 : text;
    if (equals != NULL)
        *equals = '\0';
    if (scope_count == MOST)
        fail("--ca", "too many");
    for (size_t i = 0; i < scope_count; i++)
        if (strcmp(scopes[i].name, name) == 0)
            fail("--ca: a scope twice", name);
    scopes[scope_count].name = name;
    scopes[scope_count++].file = file;
}

rext_ossl_scope *own_scope(const char *name, const char *file, int is_default) {
    rext_ossl_scope *scope = rext_ossl_scope_new(name, file);
    (void)is_default;
    if (scope == NULL)
        fail("--ca", "");
    return scope;
}

void add_rule(char *text) {
    static const struct {
        const char *name;
        rext_demand demand;
        int if_offered;
    } kinds[] = {
        {"none", REXT_DEMAND_NONE, 0},          {"request", REXT_DEMAND_REQUEST, 0},
        {"require", REXT_DEMAND_REQUIRE, 0},    {"if-offered", REXT_DEMAND_REQUEST, 1},
        {"require-if-offered", REXT_DEMAND_REQUIRE, 1},
    };
    if (rule_count == MOST)
        fail("--demand", "too many");
    struct rule *rule = &rules[rule_count++];
    char *equals = strchr(text, '='), *what = equals != NULL ? equals + 1 : text;
    char *colon = strchr(what, ':');
    if (equals != NULL) {
        *equals = '\0';
        rule->name = text;
    }
    if (colon != NULL) {
        *colon = '\0';
        rule->scope_name = colon + 1;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(what, kinds[i].name) == 0) {
            rule->demand = kinds[i].demand;
            rule->if_offered = kinds[i].if_offered;
            return;
        }
    }
    fail("--demand: there is no such demand", what);
}

void add_origin(char *text) {
    char *equals = strchr(text, '=');
    if (origin_count == MOST)
        fail("--origin", "too many");
    if (equals != NULL)
        *equals = '\0';
    origins[origin_count].scope_name = equals != NULL ? text : "clients";
    origins[origin_count++].origin = equals != NULL ? equals + 1 : text;
}

/* Gives each origin its scope, which then accepts certificates of that trust domain only. */
static void find_origins(void) {
    for (size_t i = 0; i < origin_count; i++) {
        for (size_t j = 0; j < scope_count && origins[i].scope == NULL; j++) {
            if (strcmp(origins[i].scope_name, scopes[j].name) != 0)
                continue;
            if (!rext_ossl_scope_set_trust_domain(scopes[j].scope, origins[i].origin))
                fail("--origin", origins[i].origin);
            origins[i].scope = scopes[j].scope;
        }
        if (origins[i].scope == NULL)
            fail("--origin: no --ca has this scope", origins[i].scope_name);
        for (size_t j = 0; j < i; j++)
            if (origins[j].scope == origins[i].scope)
                fail("--origin: a scope twice", origins[i].scope_name);
    }
}

void find_scopes(make_scope *make) {
    const struct rule *others = rule_for("", 0);
    for (size_t i = 0; i < scope_count; i++) {
        int is_default = others != NULL && others->demand != REXT_DEMAND_NONE &&
                         (others->scope_name != NULL ? strcmp(others->scope_name, scopes[i].name) == 0
                                                     : i == 0);
        scopes[i].scope = make(scopes[i].name, scopes[i].file, is_default);
    }
    for (size_t i = 0; i < rule_count; i++) {
        struct rule *rule = &rules[i];
        for (size_t j = 0; j < scope_count && rule->scope == NULL; j++)
            if (rule->scope_name == NULL || strcmp(rule->scope_name, scopes[j].name) == 0)
                rule->scope = scopes[j].scope;
        if (rule->scope_name != NULL && rule->scope == NULL)
            fail("--demand: no --ca has this scope", rule->scope_name);
        if (rule->demand != REXT_DEMAND_NONE && rule->scope == NULL)
            fail("--demand", "needs a --ca");
    }
    find_origins();
}

void free_scopes(void) {
    while (scope_count > 0)
        rext_ossl_scope_free(scopes[--scope_count].scope);
}
