/* Errors, in OpenSSL's queue. */
#include "adapter.h"

#include <string.h>

#include <openssl/err.h>

/* The reason for all errors: the text tells them apart. */
#define REASON 1

int raise_line(const char *line) {
    ERR_raise_data(ERR_LIB_USER, REASON, "%s", line);
    return 0;
}

int raise_error(const rext_error *error) {
    if (error->rule[0] == '\0' || strstr(error->message, error->rule) != NULL)
        ERR_raise_data(ERR_LIB_USER, REASON, "%s", error->message);
    else
        ERR_raise_data(ERR_LIB_USER, REASON, "%s (%s)", error->message, error->rule);
    return error->alert != 0 ? error->alert : SSL_AD_INTERNAL_ERROR;
}
