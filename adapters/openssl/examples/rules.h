/* What the server demands of whom: its options --ca and --demand. */
#ifndef RULES_H
#define RULES_H

#include "common.h"

/* [SCOPE=]FILE, taken apart in place; the end if it is no good. */
void add_scope(char *text);

/* [NAME=]WHAT[:SCOPE], taken apart in place, which the rule then points into. */
void add_rule(char *text);

/* Once all of both are there: gives each rule its scope. */
void find_scopes(void);

/* The policy of these rules; it also writes the server name down for the connection's line. */
int policy(const rext_ossl_question *question, rext_ossl_decision *decision, void *argument);

void free_scopes(void);

#endif
