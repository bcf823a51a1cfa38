/*
 * The part of an OpenSSL configuration module that both have: OpenSSL loads the module when it reads
 * openssl.cnf, and from then on calls it for each SSL_CTX.
 *
 * Nothing here waits for a lock, so that a process may fork at any time; and nothing that an SSL_CTX
 * may use is ever freed, so that OpenSSL may finish and load its configuration at any time.
 */
#include "settings.h"

#include <dlfcn.h>
#include <stdatomic.h>

#include <openssl/err.h>

static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;
static int place = -1;
/* All settings that were ever read, and those that count for new SSL_CTXs. */
static _Atomic(struct settings *) all, current;

/*
 * SSL_CTX_new() calls this near its end: certificates, store, ciphers, verification parameters and lists
 * of names exist; tickets' keys, further options and the system's defaults (ssl_conf) follow, none of
 * which the adapter sets.
 */
static void on_new(void *parent, void *kept, CRYPTO_EX_DATA *data, int index, long number,
                   void *argument) {
    const struct settings *settings = atomic_load(&current);
    SSL_CTX *ctx = parent;
    (void)kept, (void)data, (void)number, (void)argument;
    if (settings == NULL)
        return;
    const SSL_METHOD *method = SSL_CTX_get_ssl_method(ctx);
    if (method != (module.client ? TLS_client_method() : TLS_server_method()) &&
        !(settings->both_roles && method == TLS_method()))
        return;
    /* The program continues without the module, and would treat our error as its own. */
    ERR_set_mark();
    /* Not if the other module, which comes first, has set it up. */
    if (!SSL_CTX_has_client_custom_ext(ctx, settings->numbers.tls_flags) &&
        !SSL_CTX_has_client_custom_ext(ctx, settings->numbers.care))
        module.set_up(ctx, settings, index);
    ERR_pop_to_mark();
}

static void on_free(void *parent, void *kept, CRYPTO_EX_DATA *data, int index, long number,
                    void *argument) {
    (void)parent, (void)data, (void)index, (void)number, (void)argument;
    if (kept != NULL && module.forget != NULL)
        module.forget(kept);
}

static void find_place(void) {
    place = SSL_CTX_get_ex_new_index(0, NULL, on_new, NULL, on_free);
}

/* Programs read the same file more than once: it counts as one. */
static struct settings *kept(struct settings *settings) {
    struct settings *first = atomic_load(&all);
    do {
        for (struct settings *old = first; old != NULL; old = old->next) {
            if (settings_equal(old, settings)) {
                settings_free(settings);
                return old;
            }
        }
        settings->next = first;
    } while (!atomic_compare_exchange_weak(&all, &first, settings));
    return settings;
}

/*
 * Whether OpenSSL as this module is linked with is the one that loads it. A program may have its own
 * copy; its structures would be passed to functions of another copy.
 */
static int called_by_our_openssl(void *caller) {
    Dl_info of_caller, of_ours;
    int (*ours)(CONF *, const char *, long *) = NCONF_load;
    void *address = *(void **)&ours;
    return dladdr(caller, &of_caller) != 0 && dladdr(address, &of_ours) != 0 &&
           of_caller.dli_fbase == of_ours.dli_fbase;
}

/*
 * The entry points. crypto.h declares another function OPENSSL_init(), so in C they have other names.
 */
int module_init(CONF_IMODULE *instance, const CONF *conf) __asm__("OPENSSL_init");
void module_finish(CONF_IMODULE *instance) __asm__("OPENSSL_finish");

int module_init(CONF_IMODULE *instance, const CONF *conf) {
    if (!called_by_our_openssl(__builtin_return_address(0)))
        return 1; /* the program continues as without the module */
    struct settings *settings = settings_read(CONF_imodule_get_value(instance), conf);
    if (settings != NULL && (!CRYPTO_THREAD_run_once(&once, find_place) || place < 0)) {
        settings_free(settings);
        settings = NULL;
    }
    if (settings != NULL)
        settings = kept(settings);
    atomic_store(&current, settings);
    return settings != NULL;
}

void module_finish(CONF_IMODULE *instance) {
    (void)instance;
    atomic_store(&current, NULL);
}
