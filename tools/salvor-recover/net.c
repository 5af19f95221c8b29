/* SPDX-License-Identifier: Apache-2.0 */
#include "salvor-recover/net.h"

#include "client/client.h"
#include "salvor-recover/tls.h"
#include "trust/file.h"

#include <curl/curl.h>
#include <errno.h>
#include <string.h>

struct sal_net {
        CURL *curl;
        char *server, *ca, *certificate, *key, *authorization;
        const volatile sig_atomic_t *stop;
        struct sal_tls_validity validity;
        char error[CURL_ERROR_SIZE];
};

/* Where the bytes of an answer go. */
struct sink {
        struct sal_net *net;
        struct sal_buf *body; /* memory, or errors of a fetch */
        size_t max_bytes;
        int fd; /* -1, or the file of a fetch */
        int64_t have, length;
        bool begun, too_large;
        int file_error;
};

void sal_reply_done(struct sal_reply *reply) {
        sal_buf_done(&reply->body);
}

static CURLcode set_up_tls(CURL *curl, void *ssl_context, void *arg) {
        (void)curl;
        sal_tls_check_without_clock(ssl_context, &((struct sal_net *)arg)->validity);
        return CURLE_OK;
}

static int look_at_stop(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d) {
        (void)a, (void)b, (void)c, (void)d;
        const struct sal_net *net = arg;
        return net->stop && *net->stop;
}

static bool copy(char **to, const char *from) {
        *to = from ? strdup(from) : NULL;
        return *to || !from;
}

enum sal_status sal_net_new(const struct sal_net_options *options, struct sal_net **ret, struct sal_err *reterr) {
        sal_auto(sal_net) struct sal_net *net = calloc(1, sizeof *net);
        if (strncmp(options->server, "https://", 8) != 0 || !options->server[8])
                return sal_fail(reterr, SAL_E_CONFIG, "server \"%.200s\" is no https:// address", options->server);
        const char *files[] = {options->ca, options->certificate, options->key};
        for (size_t i = 0; i < SAL_ARRAY_LEN(files); i++)
                if (files[i] && access(files[i], R_OK) != 0)
                        return sal_fail(reterr, SAL_E_CONFIG, "cannot read %.300s: %s", files[i], strerror(errno));
        size_t len = strlen(options->server);
        if (!net || curl_global_init(CURL_GLOBAL_DEFAULT) || !copy(&net->server, options->server) ||
            !copy(&net->ca, options->ca) || !copy(&net->certificate, options->certificate) ||
            !copy(&net->key, options->key) || !(net->curl = curl_easy_init()))
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for HTTPS");
        if (net->server[len - 1] == '/')
                net->server[len - 1] = 0;
        if (options->token && asprintf(&net->authorization, "Authorization: Bearer %s", options->token) < 0) {
                net->authorization = NULL;
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for HTTPS");
        }
        net->stop = options->stop;
        *ret = SAL_STEAL(net);
        return SAL_OK;
}

void sal_net_free(struct sal_net *net) {
        if (!net)
                return;
        curl_easy_cleanup(net->curl);
        free(net->server);
        free(net->ca);
        free(net->certificate);
        free(net->key);
        free(net->authorization);
        free(net);
}

bool sal_net_validity(const struct sal_net *net, int64_t *ret_from_ms, int64_t *ret_until_ms) {
        if (!net->validity.known)
                return false;
        *ret_from_ms = net->validity.from_ms;
        *ret_until_ms = net->validity.until_ms;
        return true;
}

static size_t take_bytes(char *data, size_t one, size_t len, void *arg) {
        (void)one;
        struct sink *sink = arg;
        long http = 0;
        curl_easy_getinfo(sink->net->curl, CURLINFO_RESPONSE_CODE, &http);
        bool to_file = sink->fd >= 0 && (http == 200 || http == 206);
        if (!to_file) {
                size_t max = http >= 400 ? SAL_NET_PROBLEM_MAX_BYTES : sink->max_bytes;
                sink->too_large = len > max - sink->body->len;
                if (!sink->too_large)
                        sal_buf_append(sink->body, data, len);
                return sink->too_large || sink->body->failed ? 0 : len;
        }
        if (!sink->begun && http == 200) {
                sink->have = 0;
                if (ftruncate(sink->fd, 0) != 0) {
                        sink->file_error = errno;
                        return 0;
                }
        }
        sink->begun = true;
        sink->too_large = (int64_t)len > sink->length - sink->have;
        if (sink->too_large)
                return 0;
        if (!sal_file_write(sink->fd, data, len)) {
                sink->file_error = errno;
                return 0;
        }
        sink->have += (int64_t)len;
        return len;
}

static void set_common(struct sal_net *net, struct sink *sink, const char *url) {
        CURL *curl = net->curl;
        curl_easy_reset(curl); /* the connection stays */
        net->error[0] = 0;
        curl_easy_setopt(curl, CURLOPT_URL, url);
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
        curl_easy_setopt(curl, CURLOPT_PROXY, "");
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, net->error);
        curl_easy_setopt(curl, CURLOPT_USERAGENT, "salvor-recover/" SALVOR_VERSION);
        curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
        curl_easy_setopt(curl, CURLOPT_CAINFO, net->ca);
        curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
        curl_easy_setopt(curl, CURLOPT_SSL_CTX_FUNCTION, set_up_tls);
        curl_easy_setopt(curl, CURLOPT_SSL_CTX_DATA, net);
        if (net->certificate)
                curl_easy_setopt(curl, CURLOPT_SSLCERT, net->certificate);
        if (net->key)
                curl_easy_setopt(curl, CURLOPT_SSLKEY, net->key);
        curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)SAL_NET_CONNECT_SECONDS);
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_bytes);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, sink);
        curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
        curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, look_at_stop);
        curl_easy_setopt(curl, CURLOPT_XFERINFODATA, net);
}

static enum sal_status way_there(const struct sal_net *net, const struct sink *sink, CURLcode code,
                                 struct sal_err *reterr) {
        if (sink->too_large)
                return sal_fail(reterr, SAL_E_TOO_LARGE, "%s sent more than was to be expected", net->server);
        if (sink->file_error)
                return sal_fail(reterr, SAL_E_IO, "cannot keep what %s sent: %s", net->server,
                                strerror(sink->file_error));
        if (sink->body->failed)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for the answer");
        if (code == CURLE_ABORTED_BY_CALLBACK)
                return sal_fail(reterr, SAL_E_TIMEOUT, "told to stop");
        return sal_fail(reterr, sal_client_curl_status((int)code), "%s: %s", net->server,
                        net->error[0] ? net->error : curl_easy_strerror(code));
}

/* Adds a header line; the list is freed and NULL without memory. */
static struct curl_slist *add_header(struct curl_slist *list, const char *line, bool *failed) {
        struct curl_slist *longer = curl_slist_append(list, line);
        *failed = *failed || !longer;
        return longer ? longer : list;
}

/* One exchange, after set_common and what else the caller has set. `headers` are taken. */
static enum sal_status perform(struct sal_net *net, const struct sink *sink, struct curl_slist *headers, bool failed,
                               struct sal_reply *reply, struct sal_err *reterr) {
        curl_easy_setopt(net->curl, CURLOPT_HTTPHEADER, headers);
        CURLcode code = failed ? CURLE_OUT_OF_MEMORY : curl_easy_perform(net->curl);
        curl_slist_free_all(headers);
        if (code != CURLE_OK)
                return way_there(net, sink, code, reterr);
        curl_off_t retry = 0;
        curl_easy_getinfo(net->curl, CURLINFO_RESPONSE_CODE, &reply->http);
        if (curl_easy_getinfo(net->curl, CURLINFO_RETRY_AFTER, &retry) == CURLE_OK && retry > 0)
                reply->retry_after_seconds = (int64_t)retry;
        if (reply->http >= 200 && reply->http < 300)
                return SAL_OK;
        if (reply->http < 400)
                return sal_fail(reterr, SAL_E_UNREACHABLE, "%s answers %ld, which this client does not follow",
                                net->server, reply->http);
        return sal_client_problem((int)reply->http, reply->body.data ? reply->body.data : "", reply->body.len, reterr);
}

static char *url_of(const struct sal_net *net, const char *path, struct sal_err *reterr) {
        char *url = NULL;
        if (asprintf(&url, "%s%s", net->server, path) >= 0)
                return url;
        sal_fail(reterr, SAL_E_NOMEM, "no memory for HTTPS");
        return NULL;
}

enum sal_status sal_net_exchange(struct sal_net *net, const char *path, const char *body, int64_t wait_seconds,
                                 size_t max_bytes, struct sal_reply *reply, struct sal_err *reterr) {
        sal_autofree char *url = url_of(net, path, reterr);
        if (!url)
                return SAL_E_NOMEM;
        sal_buf_clear(&reply->body);
        struct sink sink = {.net = net, .body = &reply->body, .max_bytes = max_bytes, .fd = -1};
        set_common(net, &sink, url);
        curl_easy_setopt(net->curl, CURLOPT_TIMEOUT, (long)(SAL_NET_REQUEST_SECONDS + wait_seconds));
        bool failed = false;
        char prefer[48];
        struct curl_slist *headers = add_header(NULL, "Accept: application/json, application/problem+json", &failed);
        headers = add_header(headers, "Expect:", &failed);
        if (net->authorization)
                headers = add_header(headers, net->authorization, &failed);
        if (body) {
                headers = add_header(headers, "Content-Type: application/json", &failed);
                curl_easy_setopt(net->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
                curl_easy_setopt(net->curl, CURLOPT_POSTFIELDS, body);
        }
        if (wait_seconds > 0) {
                snprintf(prefer, sizeof prefer, "Prefer: wait=%lld", (long long)wait_seconds);
                headers = add_header(headers, prefer, &failed);
        }
        return perform(net, &sink, headers, failed, reply, reterr);
}

enum sal_status sal_net_get(struct sal_net *net, const char *path, size_t max_bytes, int64_t timeout_ms,
                            struct sal_reply *reply, struct sal_err *reterr) {
        sal_autofree char *url = url_of(net, path, reterr);
        if (!url)
                return SAL_E_NOMEM;
        sal_buf_clear(&reply->body);
        struct sink sink = {.net = net, .body = &reply->body, .max_bytes = max_bytes, .fd = -1};
        set_common(net, &sink, url);
        curl_easy_setopt(net->curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
        curl_easy_setopt(net->curl, CURLOPT_LOW_SPEED_TIME, (long)SAL_NET_FILE_SLOW_SECONDS);
        curl_easy_setopt(net->curl, CURLOPT_LOW_SPEED_LIMIT, (long)SAL_NET_FILE_SLOW_BYTES);
        bool failed = false;
        struct curl_slist *headers = add_header(NULL, "Accept: application/json, application/problem+json", &failed);
        enum sal_status status = perform(net, &sink, headers, failed, reply, reterr);
        /* Here the code counts, whatever a problem document calls itself. */
        if (status && reply->http >= 400)
                return reply->http == 404 ? SAL_E_NOT_FOUND : SAL_E_UNREACHABLE;
        return status;
}

enum sal_status sal_net_fetch(struct sal_net *net, const char *path, int fd, int64_t have, int64_t length,
                              int64_t timeout_ms, struct sal_err *reterr) {
        sal_autofree char *url = url_of(net, path, reterr);
        if (!url)
                return SAL_E_NOMEM;
        sal_autobuf struct sal_buf problem = SAL_BUF_INIT;
        struct sink sink = {.net = net, .body = &problem, .fd = fd, .have = have, .length = length};
        set_common(net, &sink, url);
        curl_easy_setopt(net->curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
        curl_easy_setopt(net->curl, CURLOPT_LOW_SPEED_TIME, (long)SAL_NET_SLOW_SECONDS);
        curl_easy_setopt(net->curl, CURLOPT_LOW_SPEED_LIMIT, (long)SAL_NET_SLOW_BYTES);
        bool failed = false;
        char range[48];
        struct curl_slist *headers = net->authorization ? add_header(NULL, net->authorization, &failed) : NULL;
        if (have > 0) {
                snprintf(range, sizeof range, "Range: bytes=%lld-", (long long)have);
                headers = add_header(headers, range, &failed);
        }
        curl_easy_setopt(net->curl, CURLOPT_HTTPHEADER, headers);
        CURLcode code = failed ? CURLE_OUT_OF_MEMORY : curl_easy_perform(net->curl);
        curl_slist_free_all(headers);
        if (sink.too_large && !sink.begun)
                return sal_fail(reterr, SAL_E_UNREACHABLE, "%s answers with too much, and it is not the file",
                                net->server);
        if (code != CURLE_OK)
                return way_there(net, &sink, code, reterr);
        long http = 0;
        curl_easy_getinfo(net->curl, CURLINFO_RESPONSE_CODE, &http);
        if (http == 200 || (http == 206 && have > 0))
                return SAL_OK;
        if (http < 400)
                return sal_fail(reterr, SAL_E_UNREACHABLE, "%s answers %ld where a file was to be expected",
                                net->server, http);
        sal_client_problem((int)http, problem.data ? problem.data : "", problem.len, reterr);
        /* Here the code counts, whatever a problem document calls itself. */
        enum sal_status status = http == 401   ? SAL_E_UNAUTHENTICATED
                                 : http == 403 ? SAL_E_FORBIDDEN
                                 : http == 404 ? SAL_E_NOT_FOUND
                                               : SAL_E_UNREACHABLE;
        if (reterr)
                reterr->status = status;
        return status;
}
