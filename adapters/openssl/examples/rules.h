/* What the server demands of whom: its options --ca, --origin and --demand. */
#ifndef RULES_H
#define RULES_H

#include "common.h"

/* [SCOPE=]FILE, taken apart in place; the end if it is no good. */
void add_scope(char *text);

/* [NAME=]WHAT[:SCOPE], taken apart in place, which the rule then points into. */
void add_rule(char *text);

/* [SCOPE=]URI, taken apart in place, which the scope then points into. */
void add_origin(char *text);

/* Makes a scope of a name and a file of authorities, or ends the program. `is_default` is true for the
 * scope of connections whose server name has no rule of its own. */
typedef rext_ossl_scope *make_scope(const char *name, const char *file, int is_default);

/* Call it when all options are read: makes the scopes, and gives each rule its own. */
void find_scopes(make_scope *make);

/* The scope of the rule for a server name; NULL if it has none. */
const rext_ossl_scope *scope_for(const char *name, size_t length);

/* How find_scopes() makes a scope of the adapter's own. */
rext_ossl_scope *own_scope(const char *name, const char *file, int is_default);

/* The policy of these rules; it also writes the server name down for the connection's line. */
int policy(const rext_ossl_question *question, rext_ossl_decision *decision, void *argument);

void free_scopes(void);

#endif
