/* SPDX-License-Identifier: Apache-2.0 */
#include "client/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

struct sal_client {
        CURL *curl;
        char *base_url;
        int64_t timeout_ms;
        char curl_error[CURL_ERROR_SIZE];
};

/* One exchange under way: what the callbacks of libcurl see. */
struct exchange {
        const struct sal_client_request *request;
        struct sal_client_reply *reply;
        CURL *curl;
        bool too_large;
        bool sink_stopped;
};

void sal_client_reply_done(struct sal_client_reply *reply) {
        if (!reply)
                return;
        sal_buf_done(&reply->body);
        *reply = SAL_CLIENT_REPLY_INIT;
}

enum sal_status sal_client_global_init(struct sal_err *reterr) {
        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
                return sal_fail(reterr, SAL_E_INTERNAL, "libcurl cannot be initialised");
        return SAL_OK;
}

static size_t on_body(char *data, size_t size, size_t count, void *arg) {
        struct exchange *exchange = arg;
        size_t len = size * count;
        long status = 0;
        curl_easy_getinfo(exchange->curl, CURLINFO_RESPONSE_CODE, &status);
        if (exchange->request->sink && status >= 200 && status < 300) {
                if (exchange->request->sink(exchange->request->sink_arg, data, len))
                        return len;
                exchange->sink_stopped = true;
                return 0;
        }
        struct sal_buf *body = &exchange->reply->body;
        if (len > (size_t)SAL_CLIENT_BODY_BYTES - body->len) {
                exchange->too_large = true;
                return 0;
        }
        sal_buf_append(body, data, len);
        return body->failed ? 0 : len;
}

/* Copies the value of a header line when its name is `name`. */
static bool header_value(const char *line, size_t len, const char *name, char *ret, size_t room) {
        size_t name_len = strlen(name);
        if (len <= name_len || line[name_len] != ':' || strncasecmp(line, name, name_len) != 0)
                return false;
        const char *from = line + name_len + 1;
        const char *end = line + len;
        while (from < end && (*from == ' ' || *from == '\t'))
                from++;
        while (end > from && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' ' || end[-1] == '\t'))
                end--;
        snprintf(ret, room, "%.*s", (int)(end - from), from);
        return true;
}

static size_t on_header(char *line, size_t size, size_t count, void *arg) {
        struct sal_client_reply *reply = ((struct exchange *)arg)->reply;
        size_t len = size * count;
        char text[64];
        if (header_value(line, len, "retry-after", text, sizeof text)) {
                char *end = NULL;
                errno = 0;
                long seconds = strtol(text, &end, 10);
                if (end != text && !*end && !errno && seconds >= 0)
                        reply->retry_after_seconds = seconds;
        } else if (header_value(line, len, "date", text, sizeof text)) {
                time_t when = curl_getdate(text, NULL);
                reply->date_unix_ms = when > 0 ? (int64_t)when * 1000 : 0;
        } else if (!header_value(line, len, "content-type", reply->content_type, sizeof reply->content_type) &&
                   !header_value(line, len, "etag", reply->etag, sizeof reply->etag)) {
                header_value(line, len, "x-request-id", reply->request_id, sizeof reply->request_id);
        }
        return len;
}

static size_t on_read(char *data, size_t size, size_t count, void *arg) {
        FILE *file = ((struct exchange *)arg)->request->body_file;
        size_t n = fread(data, 1, size * count, file);
        return ferror(file) ? CURL_READFUNC_ABORT : n;
}

/* A connection that the server closed while idle makes libcurl send the body again from its start. */
static int on_seek(void *arg, curl_off_t offset, int origin) {
        FILE *file = ((struct exchange *)arg)->request->body_file;
        return fseeko(file, offset, origin) == 0 ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_CANTSEEK;
}

static enum sal_status check_readable(const char *path, const char *what, struct sal_err *reterr) {
        if (!path || access(path, R_OK) == 0)
                return SAL_OK;
        return sal_fail(reterr, SAL_E_CONFIG, "cannot read the %s %.300s: %s", what, path, strerror(errno));
}

enum sal_status sal_client_new(const struct sal_client_options *options, struct sal_client **ret,
                               struct sal_err *reterr) {
        if (strncmp(options->base_url, "https://", 8) != 0)
                return sal_fail(reterr, SAL_E_CONFIG, "\"%.200s\" is not an https:// address", options->base_url);
        enum sal_status status = check_readable(options->ca_file, "CA certificate", reterr);
        if (!status)
                status = check_readable(options->certificate, "client certificate", reterr);
        if (!status)
                status = check_readable(options->key, "client key", reterr);
        if (status)
                return status;
        sal_auto(sal_client) struct sal_client *client = calloc(1, sizeof *client);
        if (client)
                client->curl = curl_easy_init();
        if (client)
                client->base_url = strdup(options->base_url);
        if (!client || !client->curl || !client->base_url)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a connection");
        size_t len = strlen(client->base_url);
        while (len > 8 && client->base_url[len - 1] == '/')
                client->base_url[--len] = '\0';
        client->timeout_ms = options->timeout_ms ? options->timeout_ms : SAL_CLIENT_REQUEST_MS;
        CURL *curl = client->curl;
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
        curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(curl, CURLOPT_TCP_NODELAY, 1L);
        curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
        curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
        curl_easy_setopt(curl, CURLOPT_CAINFO, options->ca_file);
        curl_easy_setopt(curl, CURLOPT_USERAGENT, "salvor/" SALVOR_VERSION);
        curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)SAL_CLIENT_CONNECT_MS);
        if (options->certificate)
                curl_easy_setopt(curl, CURLOPT_SSLCERT, options->certificate);
        if (options->key)
                curl_easy_setopt(curl, CURLOPT_SSLKEY, options->key);
        curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, client->curl_error);
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
        curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
        *ret = SAL_STEAL(client);
        return SAL_OK;
}

void sal_client_free(struct sal_client *client) {
        if (!client)
                return;
        if (client->curl)
                curl_easy_cleanup(client->curl);
        free(client->base_url);
        free(client);
}

enum sal_status sal_client_curl_status(int curl_code) {
        switch ((CURLcode)curl_code) {
        case CURLE_OK:
                return SAL_OK;
        case CURLE_OPERATION_TIMEDOUT:
                return SAL_E_TIMEOUT;
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_ISSUER_ERROR:
                return SAL_E_UNTRUSTED;
        case CURLE_SSL_CACERT_BADFILE:
        case CURLE_SSL_CERTPROBLEM:
                return SAL_E_CONFIG;
        case CURLE_OUT_OF_MEMORY:
                return SAL_E_NOMEM;
        default:
                return SAL_E_UNREACHABLE;
        }
}

static bool add_header(struct curl_slist **list, const char *line) {
        struct curl_slist *longer = curl_slist_append(*list, line);
        if (longer)
                *list = longer;
        return longer;
}

static enum sal_status make_headers(const struct sal_client_request *request, struct curl_slist **ret,
                                    struct sal_err *reterr) {
        char line[SAL_CLIENT_HEADER_BYTES];
        bool good = add_header(ret, "Expect:");
        snprintf(line, sizeof line, "Accept: %s",
                 request->accept ? request->accept : "application/json, application/problem+json");
        good = good && add_header(ret, line);
        if (request->content_type) {
                snprintf(line, sizeof line, "Content-Type: %s", request->content_type);
                good = good && add_header(ret, line);
        } else {
                good = good && add_header(ret, "Content-Type:");
        }
        if (request->bearer) {
                int n = snprintf(line, sizeof line, "Authorization: Bearer %s", request->bearer);
                if (n < 0 || (size_t)n >= sizeof line || strpbrk(request->bearer, "\r\n"))
                        return sal_fail(reterr, SAL_E_INVALID, "the token does not fit into a header");
                good = good && add_header(ret, line);
        }
        for (size_t i = 0; i < SAL_CLIENT_MAX_HEADERS && request->headers[i]; i++)
                good = good && add_header(ret, request->headers[i]);
        return good ? SAL_OK : sal_fail(reterr, SAL_E_NOMEM, "no memory for a request");
}

static void set_body(struct exchange *exchange, const char *method) {
        const struct sal_client_request *request = exchange->request;
        CURL *curl = exchange->curl;
        curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
        if (request->body_file) {
                curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
                curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)request->body_file_len);
                curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
                curl_easy_setopt(curl, CURLOPT_READDATA, exchange);
                curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, on_seek);
                curl_easy_setopt(curl, CURLOPT_SEEKDATA, exchange);
        } else if (request->body || strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0) {
                curl_easy_setopt(curl, CURLOPT_POST, 1L);
                curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_len);
                curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body ? request->body : "");
        }
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
}

/* What a failed exchange means for a person. */
static enum sal_status transport_error(const struct sal_client *client, const struct exchange *exchange, CURLcode code,
                                       struct sal_err *reterr) {
        if (exchange->too_large)
                return sal_fail(reterr, SAL_E_TOO_LARGE, "the answer of %.200s is larger than %d bytes",
                                client->base_url, SAL_CLIENT_BODY_BYTES);
        if (exchange->sink_stopped)
                return sal_fail(reterr, SAL_E_IO, "cannot write the answer: %s", strerror(errno));
        enum sal_status status = sal_client_curl_status((int)code);
        const char *why = client->curl_error[0] ? client->curl_error : curl_easy_strerror(code);
        sal_fail(reterr, status, "%.160s: %.240s", client->base_url, why);
        if (status == SAL_E_UNREACHABLE)
                sal_err_hint(reterr, "is salvord running, and is this its address?");
        else if (status == SAL_E_UNTRUSTED)
                sal_err_hint(reterr, "the server's certificate must come from the CA of the configuration");
        return status;
}

enum sal_status sal_client_do(struct sal_client *client, const struct sal_client_request *request,
                              struct sal_client_reply *reply, struct sal_err *reterr) {
        CURL *curl = client->curl;
        struct exchange exchange = {.request = request, .reply = reply, .curl = curl};
        sal_client_reply_done(reply);
        sal_autobuf struct sal_buf url = SAL_BUF_INIT;
        sal_buf_printf(&url, "%s%s%s%s", client->base_url, request->path, request->query ? "?" : "",
                       request->query ? request->query : "");
        struct curl_slist *headers = NULL;
        enum sal_status status = make_headers(request, &headers, reterr);
        if (!status && url.failed)
                status = sal_fail(reterr, SAL_E_NOMEM, "no memory for a request");
        if (status) {
                curl_slist_free_all(headers);
                return status;
        }
        const char *method = request->method ? request->method : "GET";
        client->curl_error[0] = '\0';
        set_body(&exchange, method);
        curl_easy_setopt(curl, CURLOPT_URL, url.data);
        curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, &exchange);
        curl_easy_setopt(curl, CURLOPT_HEADERDATA, &exchange);
        curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS,
                         (long)(request->timeout_ms ? request->timeout_ms : client->timeout_ms));
        CURLcode code = curl_easy_perform(curl);
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, NULL);
        curl_slist_free_all(headers);
        if (code != CURLE_OK)
                return transport_error(client, &exchange, code, reterr);
        long http = 0;
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &http);
        reply->status = (int)http;
        if (http < 400)
                return SAL_OK;
        status = sal_client_problem(reply->status, reply->body.data, reply->body.len, reterr);
        if (reterr && !reterr->hint[0] && http >= 500 && reply->request_id[0])
                sal_err_hint(reterr, "the server's log has more under request id %.100s", reply->request_id);
        return status;
}

void sal_client_query_escape(struct sal_buf *out, const char *text) {
        for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
                bool plain = (*p >= '0' && *p <= '9') || (*p >= 'A' && *p <= 'Z') || (*p >= 'a' && *p <= 'z') ||
                             strchr("-._~", *p);
                if (plain)
                        sal_buf_putc(out, (char)*p);
                else
                        sal_buf_printf(out, "%%%02X", *p);
        }
}
