/*
 * A program on libcurl that offers to authenticate, without OpenSSL's configuration: libcurl passes each
 * SSL_CTX to a function of the program, which sets the adapter up.
 *
 *     curl_offer URL CA CERT KEY
 *
 * Prints the body. Exits with libcurl's error code, and 2 for wrong arguments.
 */
#include <stdio.h>

#include <curl/curl.h>
#include <openssl/err.h>
#include <rext_openssl.h>

/* libcurl has loaded certificate and key by now, and makes an SSL_CTX for each connection. */
static CURLcode offer(CURL *curl, void *ctx, void *unused) {
    rext_ossl_client_config config = {0};
    (void)curl, (void)unused;
    if (SSL_CTX_get0_certificate(ctx) == NULL)
        return CURLE_OK; /* nothing to offer */
    config.offer = REXT_OFFER_FLAG;
    config.certificate_under_tls12 = 1; /* as libcurl does anyway */
    if (rext_ossl_client_hosted(ctx, &config))
        return CURLE_OK;
    ERR_print_errors_fp(stderr);
    return CURLE_SSL_CERTPROBLEM;
}

int main(int count, char **arguments) {
    if (count != 5) {
        fprintf(stderr, "usage: curl_offer URL CA CERT KEY\n");
        return 2;
    }
    curl_global_init(CURL_GLOBAL_ALL);
    CURL *curl = curl_easy_init();
    if (curl == NULL)
        return CURLE_FAILED_INIT;
    curl_easy_setopt(curl, CURLOPT_URL, arguments[1]);
    curl_easy_setopt(curl, CURLOPT_CAINFO, arguments[2]);
    curl_easy_setopt(curl, CURLOPT_SSLCERT, arguments[3]);
    curl_easy_setopt(curl, CURLOPT_SSLKEY, arguments[4]);
    /* Fails with a libcurl on another TLS library. */
    CURLcode code = curl_easy_setopt(curl, CURLOPT_SSL_CTX_FUNCTION, offer);
    if (code == CURLE_OK)
        code = curl_easy_perform(curl);
    if (code != CURLE_OK)
        fprintf(stderr, "curl_offer: %s\n", curl_easy_strerror(code));
    curl_easy_cleanup(curl);
    curl_global_cleanup();
    return (int)code;
}
