/* Where the adapter keeps its data: in the ex_data of the SSL_CTX and the SSL. */
#include "adapter.h"

#include <openssl/crypto.h>

void *new_place(size_t size, enum kind kind, void (*free)(struct place *place)) {
    struct place *place = OPENSSL_zalloc(size);
    if (place != NULL) {
        place->kind = kind;
        place->free = free;
    }
    return place;
}

void free_body(SSL *ssl, unsigned type, unsigned context, const unsigned char *body,
               void *argument) {
    (void)ssl, (void)type, (void)context, (void)argument;
    OPENSSL_free((void *)body);
}

static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;
static int setup_index = -1, state_index = -1;

static void free_place(void *parent, void *place, CRYPTO_EX_DATA *data, int index, long number,
                       void *argument) {
    (void)parent, (void)data, (void)index, (void)number, (void)argument;
    if (place != NULL)
        ((struct place *)place)->free(place);
}

/* SSL_dup() makes a new connection, which starts without a state. */
static int do_not_copy(CRYPTO_EX_DATA *to, const CRYPTO_EX_DATA *from, void **place, int index,
                       long number, void *argument) {
    (void)to, (void)from, (void)index, (void)number, (void)argument;
    *place = NULL;
    return 1;
}

static void find_places(void) {
    setup_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_place);
    state_index = SSL_get_ex_new_index(0, NULL, NULL, do_not_copy, free_place);
}

static int found(void) {
    return CRYPTO_THREAD_run_once(&once, find_places) && setup_index >= 0 && state_index >= 0;
}

static void *of_kind(void *place, enum kind kind) {
    return place != NULL && ((struct place *)place)->kind == kind ? place : NULL;
}

void *setup_of(const SSL_CTX *ctx, enum kind kind) {
    return found() ? of_kind(SSL_CTX_get_ex_data(ctx, setup_index), kind) : NULL;
}

void *state_of(const SSL *ssl, enum kind kind) {
    return found() ? of_kind(SSL_get_ex_data(ssl, state_index), kind) : NULL;
}

int setup_keep(SSL_CTX *ctx, struct place *setup) {
    if (found() && SSL_CTX_get_ex_data(ctx, setup_index) != NULL)
        raise_line("the SSL_CTX has an adapter already");
    else if (found() && SSL_CTX_set_ex_data(ctx, setup_index, setup))
        return 1;
    setup->free(setup);
    return 0;
}

int state_keep(SSL *ssl, struct place *state) {
    if (found() && SSL_get_ex_data(ssl, state_index) == NULL &&
        SSL_set_ex_data(ssl, state_index, state))
        return 1;
    state->free(state);
    return 0;
}
