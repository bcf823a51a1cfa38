/* A host program that has callbacks and stores of its own: the option --hosted. */
#ifndef HOST_H
#define HOST_H

#include "common.h"

/*
 * Gives the server an SSL_CTX for each scope, between which its server name callback chooses, as web
 * servers have one for each virtual host, and the adapter in hosted mode on each of them. `base` is the
 * one that connections are made of.
 */
void host_set_up(SSL_CTX *base, const char *certificate, const char *key,
                 const rext_code_points *numbers);

/* Frees what host_set_up() made. */
void host_free(void);

#endif
