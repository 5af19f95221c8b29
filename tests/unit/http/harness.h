/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of http/ share: a plain client on a raw socket, one on GnuTLS, and certificates made on the spot.
 *
 * Thread: the test's. Ownership: descriptors and sessions belong to the caller.
 */
#ifndef SAL_TESTS_HTTP_HARNESS_H
#define SAL_TESTS_HTTP_HARNESS_H

#include "base/clock.h"
#include "base/err.h"
#include "http/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define UNUSED __attribute__((unused))

/* ---- waiting without sleeping ---- */

/* Asks again until the condition holds; fails the test after 10 s. */
#define eventually(condition)                                                        \
        do {                                                                         \
                int64_t until_ms_ = sal_clock_mono_ms() + 10000;                     \
                while (!(condition)) {                                               \
                        if (sal_clock_mono_ms() > until_ms_)                         \
                                fail_msg("did not happen within 10 s: " #condition); \
                        poll(NULL, 0, 1);                                            \
                }                                                                    \
        } while (0)

/* ---- raw sockets ---- */

static UNUSED int dial_from(uint16_t port, const char *from) {
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
        struct sockaddr_in me = {.sin_family = AF_INET};
        struct timeval patience = {.tv_sec = 10};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(fd >= 0);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
        inet_pton(AF_INET, from, &me.sin_addr);
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        assert_int_equal(bind(fd, (struct sockaddr *)&me, sizeof me), 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
        return fd;
}

static UNUSED int dial(uint16_t port) {
        return dial_from(port, "127.0.0.1");
}

static UNUSED void say_bytes(int fd, const void *bytes, size_t len) {
        const char *at = bytes;
        while (len) {
                ssize_t sent = send(fd, at, len, MSG_NOSIGNAL);
                if (sent <= 0)
                        return; /* the server has hung up: the answer will tell why */
                at += sent;
                len -= (size_t)sent;
        }
}

static UNUSED void say(int fd, const char *text) {
        say_bytes(fd, text, strlen(text));
}

/* An answer: status 0 when the connection ended, or stayed silent, before one came. */
struct answer {
        int status;
        char head[4096];
        char *body; /* NUL-terminated */
        size_t body_len;
};

static UNUSED void answer_done(struct answer *answer) {
        free(answer->body);
        answer->body = NULL;
}

typedef ssize_t (*receive_fn)(void *from, void *bytes, size_t len);

static UNUSED ssize_t receive_plain(void *from, void *bytes, size_t len) {
        return recv(*(int *)from, bytes, len, 0);
}

static UNUSED const char *answer_header(const struct answer *answer, const char *name, char *value, size_t size) {
        char key[64];
        snprintf(key, sizeof key, "\r\n%s: ", name);
        const char *at = strcasestr(answer->head, key);
        if (!at)
                return NULL;
        at += strlen(key);
        snprintf(value, size, "%.*s", (int)strcspn(at, "\r"), at);
        return value;
}

/* Reads one answer; with head_only nothing is expected after the headers. */
static UNUSED struct answer hear_with(receive_fn receive, void *from, bool head_only) {
        struct answer answer = {0};
        size_t len = 0;
        char value[64];
        while (!strstr(answer.head, "\r\n\r\n")) {
                if (len + 1 >= sizeof answer.head || receive(from, answer.head + len, 1) != 1)
                        return answer;
                len++;
        }
        if (sscanf(answer.head, "HTTP/1.%*d %d", &answer.status) != 1)
                answer.status = 0;
        if (answer.status == 100)
                return answer;
        if (!head_only && answer_header(&answer, "Content-Length", value, sizeof value))
                answer.body_len = strtoul(value, NULL, 10);
        answer.body = calloc(1, answer.body_len + 1);
        for (size_t got = 0; got < answer.body_len;) {
                ssize_t more = receive(from, answer.body + got, answer.body_len - got);
                if (more <= 0) {
                        answer.status = 0;
                        break;
                }
                got += (size_t)more;
        }
        return answer;
}

static UNUSED struct answer hear(int fd) {
        return hear_with(receive_plain, &fd, false);
}

/* True when the server closes the connection without another byte. */
static UNUSED bool hangs_up(int fd) {
        char byte;
        ssize_t got = recv(fd, &byte, 1, 0);
        return got <= 0 && !(got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK));
}

/* Sends bytes on a new connection and returns the status of the answer, 0 without one. */
static UNUSED int status_of_bytes(uint16_t port, const void *bytes, size_t len) {
        int fd = dial(port);
        say_bytes(fd, bytes, len);
        struct answer answer = hear(fd);
        answer_done(&answer);
        close(fd);
        return answer.status;
}

static UNUSED int status_of(uint16_t port, const char *text) {
        return status_of_bytes(port, text, strlen(text));
}

/* ---- certificates ---- */

struct pair {
        gnutls_x509_crt_t certificate;
        gnutls_x509_privkey_t key;
        char *certificate_pem;
        char *key_pem;
};

struct pair_spec {
        const char *name;          /* common name, may hold NUL bytes */
        size_t name_len;           /* 0: strlen */
        const struct pair *issuer; /* NULL: itself */
        bool ca;
        const char *purpose;     /* an OID of extended key usage, or NULL */
        int64_t from_s, until_s; /* from now */
};

static UNUSED char *datum_text(gnutls_datum_t *datum) {
        char *text = strndup((const char *)datum->data, datum->size);
        gnutls_free(datum->data);
        return text;
}

static UNUSED struct pair pair_make(struct pair_spec spec) {
        static unsigned serial = 1;
        struct pair pair = {0};
        unsigned char number[4] = {0, 0, (unsigned char)(serial >> 8), (unsigned char)serial};
        serial++;
        gnutls_datum_t out = {0};
        time_t now = time(NULL);
        if (spec.until_s == 0) {
                spec.from_s = -3600;
                spec.until_s = 86400;
        }
        assert_int_equal(gnutls_x509_privkey_init(&pair.key), 0);
        assert_int_equal(gnutls_x509_privkey_generate(pair.key, GNUTLS_PK_ECDSA,
                                                      GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
                         0);
        assert_int_equal(gnutls_x509_crt_init(&pair.certificate), 0);
        gnutls_x509_crt_set_version(pair.certificate, 3);
        gnutls_x509_crt_set_serial(pair.certificate, number, sizeof number);
        gnutls_x509_crt_set_activation_time(pair.certificate, now + spec.from_s);
        gnutls_x509_crt_set_expiration_time(pair.certificate, now + spec.until_s);
        gnutls_x509_crt_set_key(pair.certificate, pair.key);
        if (spec.name)
                gnutls_x509_crt_set_dn_by_oid(pair.certificate, GNUTLS_OID_X520_COMMON_NAME, 0, spec.name,
                                              (unsigned)(spec.name_len ? spec.name_len : strlen(spec.name)));
        gnutls_x509_crt_set_basic_constraints(pair.certificate, spec.ca, -1);
        gnutls_x509_crt_set_key_usage(pair.certificate,
                                      spec.ca ? GNUTLS_KEY_KEY_CERT_SIGN : GNUTLS_KEY_DIGITAL_SIGNATURE);
        if (spec.purpose)
                gnutls_x509_crt_set_key_purpose_oid(pair.certificate, spec.purpose, 0);
        const struct pair *issuer = spec.issuer ? spec.issuer : &pair;
        assert_int_equal(
                gnutls_x509_crt_sign2(pair.certificate, issuer->certificate, issuer->key, GNUTLS_DIG_SHA256, 0), 0);
        assert_int_equal(gnutls_x509_crt_export2(pair.certificate, GNUTLS_X509_FMT_PEM, &out), 0);
        pair.certificate_pem = datum_text(&out);
        assert_int_equal(gnutls_x509_privkey_export2(pair.key, GNUTLS_X509_FMT_PEM, &out), 0);
        pair.key_pem = datum_text(&out);
        return pair;
}

static UNUSED void pair_done(struct pair *pair) {
        gnutls_x509_crt_deinit(pair->certificate);
        gnutls_x509_privkey_deinit(pair->key);
        free(pair->certificate_pem);
        free(pair->key_pem);
}

/* ---- a TLS client ---- */

struct tls_client {
        int fd;
        gnutls_session_t session;
        gnutls_certificate_credentials_t credentials;
};

/* Connects; the server is not verified here, `mine` (NULL: none) is shown whatever CA names the server sends. */
static UNUSED int tls_dial(struct tls_client *client, uint16_t port, const struct pair *mine, const char *priority) {
        *client = (struct tls_client){.fd = dial(port)};
        gnutls_certificate_allocate_credentials(&client->credentials);
        if (mine)
                assert_int_equal(gnutls_certificate_set_x509_key(client->credentials,
                                                                 (gnutls_x509_crt_t *)(uintptr_t)&mine->certificate, 1,
                                                                 mine->key),
                                 0);
        gnutls_init(&client->session, GNUTLS_CLIENT | GNUTLS_FORCE_CLIENT_CERT | GNUTLS_NO_SIGNAL);
        gnutls_priority_set_direct(client->session, priority ? priority : "NORMAL", NULL);
        gnutls_credentials_set(client->session, GNUTLS_CRD_CERTIFICATE, client->credentials);
        gnutls_transport_set_int(client->session, client->fd);
        int rc;
        do
                rc = gnutls_handshake(client->session);
        while (rc < 0 && !gnutls_error_is_fatal(rc));
        return rc;
}

static UNUSED void tls_hang_up(struct tls_client *client) {
        gnutls_bye(client->session, GNUTLS_SHUT_WR);
        gnutls_deinit(client->session);
        gnutls_certificate_free_credentials(client->credentials);
        close(client->fd);
}

static UNUSED ssize_t receive_tls(void *from, void *bytes, size_t len) {
        return gnutls_record_recv(((struct tls_client *)from)->session, bytes, len);
}

static UNUSED struct answer tls_ask(struct tls_client *client, const char *text) {
        gnutls_record_send(client->session, text, strlen(text));
        return hear_with(receive_tls, client, false);
}

/* ---- replies of handlers ---- */

__attribute__((format(printf, 3, 4))) static UNUSED void reply_text(struct sal_http_request *request, int status,
                                                                    const char *format, ...) {
        char text[1024];
        va_list args;
        va_start(args, format);
        int len = vsnprintf(text, sizeof text, format, args);
        va_end(args);
        struct sal_http_reply reply = {.status = status, .content_type = "text/plain"};
        reply.body = sal_http_body_copy(text, (size_t)len);
        sal_http_reply(request, &reply);
}

/* A server of one plane that is not finished: the test fills the plane, then calls serve. */
static UNUSED struct sal_http_server *serve(const struct sal_http_plane_config *plane, unsigned workers) {
        struct sal_err err = {0};
        struct sal_http_server *server = NULL;
        struct sal_http_config config = {.workers = workers, .plane_count = 1};
        config.planes[0] = *plane;
        if (!config.planes[0].name)
                config.planes[0].name = "machine";
        if (!config.planes[0].address)
                config.planes[0].address = "127.0.0.1";
        config.planes[0].all_workers = true;
        if (sal_http_server_new(&config, &server, &err) != SAL_OK || sal_http_server_start(server, &err) != SAL_OK)
                fail_msg("server: %s", err.detail);
        assert_true(sal_http_server_port(server, 0) != 0);
        return server;
}

#endif
