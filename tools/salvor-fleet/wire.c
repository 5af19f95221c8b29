/* SPDX-License-Identifier: Apache-2.0 */
#include "salvor-fleet/wire.h"

#include "base/clock.h"
#include "client/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

enum { EVENTS_AT_ONCE = 256, URL_BYTES = 512, TOKEN_HEADER_BYTES = 1024 };

struct sal_wire_slot {
        struct sal_wire *wire;
        struct sal_wire_slot *next_free;
        CURL *curl;
        struct curl_slist *headers;
        struct sal_buf body;
        struct sal_buf reply;
        int64_t tag;
        int kind;
        bool busy;
        char error[CURL_ERROR_SIZE];
};

struct sal_wire {
        CURLM *multi;
        int epoll;
        int64_t timer_ms; /* monotonic: when libcurl wants to be called; -1: never */
        size_t count;
        size_t room;
        struct sal_wire_slot *slots;
        struct sal_wire_slot *free_slots;
        sal_wire_done *done;
        void *arg;
};

/* libcurl says which descriptors it wants to have watched. */
static int on_socket(CURL *curl, curl_socket_t fd, int what, void *arg, void *known) {
        (void)curl;
        struct sal_wire *wire = arg;
        if (what == CURL_POLL_REMOVE) {
                epoll_ctl(wire->epoll, EPOLL_CTL_DEL, fd, NULL);
                curl_multi_assign(wire->multi, fd, NULL);
                return 0;
        }
        struct epoll_event event = {.data.fd = fd};
        if (what & CURL_POLL_IN)
                event.events |= EPOLLIN;
        if (what & CURL_POLL_OUT)
                event.events |= EPOLLOUT;
        if (epoll_ctl(wire->epoll, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) && errno == EEXIST)
                epoll_ctl(wire->epoll, EPOLL_CTL_MOD, fd, &event);
        curl_multi_assign(wire->multi, fd, wire);
        return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *arg) {
        (void)multi;
        struct sal_wire *wire = arg;
        wire->timer_ms = timeout_ms < 0 ? -1 : sal_clock_mono_ms() + timeout_ms;
        return 0;
}

static size_t on_reply(char *data, size_t size, size_t count, void *arg) {
        struct sal_wire_slot *slot = arg;
        size_t len = size * count;
        if (len > SAL_WIRE_REPLY_MAX_BYTES - slot->reply.len)
                return 0;
        sal_buf_append(&slot->reply, data, len);
        return slot->reply.failed ? 0 : len;
}

static bool init_slot(struct sal_wire *wire, struct sal_wire_slot *slot, const char *ca_file) {
        CURL *curl = curl_easy_init();
        if (!curl)
                return false;
        slot->wire = wire;
        slot->curl = curl;
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
        curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
        curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(curl, CURLOPT_TCP_NODELAY, 1L);
        curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
        curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
        curl_easy_setopt(curl, CURLOPT_CAINFO, ca_file);
        curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)SAL_CLIENT_CONNECT_MS);
        curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, slot->error);
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_reply);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, slot);
        curl_easy_setopt(curl, CURLOPT_PRIVATE, slot);
        slot->next_free = wire->free_slots;
        wire->free_slots = slot;
        wire->room++;
        return true;
}

enum sal_status sal_wire_new(const char *ca_file, size_t connections, sal_wire_done *done, void *arg,
                             struct sal_wire **ret, struct sal_err *reterr) {
        sal_auto(sal_wire) struct sal_wire *wire = calloc(1, sizeof *wire);
        if (!wire)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for the connections");
        wire->epoll = epoll_create1(EPOLL_CLOEXEC);
        wire->multi = curl_multi_init();
        wire->slots = calloc(connections, sizeof *wire->slots);
        wire->timer_ms = -1;
        wire->done = done;
        wire->arg = arg;
        if (wire->epoll < 0 || !wire->multi || !wire->slots)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory or descriptor for the connections");
        curl_multi_setopt(wire->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
        curl_multi_setopt(wire->multi, CURLMOPT_SOCKETDATA, wire);
        curl_multi_setopt(wire->multi, CURLMOPT_TIMERFUNCTION, on_timer);
        curl_multi_setopt(wire->multi, CURLMOPT_TIMERDATA, wire);
        curl_multi_setopt(wire->multi, CURLMOPT_MAXCONNECTS, (long)connections);
        curl_multi_setopt(wire->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)connections);
        for (wire->count = 0; wire->count < connections; wire->count++)
                if (!init_slot(wire, &wire->slots[wire->count], ca_file))
                        return sal_fail(reterr, SAL_E_NOMEM, "no memory for the connections");
        *ret = SAL_STEAL(wire);
        return SAL_OK;
}

void sal_wire_free(struct sal_wire *wire) {
        if (!wire)
                return;
        for (size_t i = 0; i < wire->count; i++) {
                struct sal_wire_slot *slot = &wire->slots[i];
                if (slot->busy)
                        curl_multi_remove_handle(wire->multi, slot->curl);
                curl_easy_cleanup(slot->curl);
                curl_slist_free_all(slot->headers);
                sal_buf_done(&slot->body);
                sal_buf_done(&slot->reply);
        }
        if (wire->multi)
                curl_multi_cleanup(wire->multi);
        if (wire->epoll >= 0)
                close(wire->epoll);
        free(wire->slots);
        free(wire);
}

size_t sal_wire_room(const struct sal_wire *wire) {
        return wire->room;
}

struct sal_wire_slot *sal_wire_take(struct sal_wire *wire) {
        struct sal_wire_slot *slot = wire->free_slots;
        if (!slot)
                return NULL;
        wire->free_slots = slot->next_free;
        wire->room--;
        sal_buf_clear(&slot->body);
        sal_buf_clear(&slot->reply);
        return slot;
}

struct sal_buf *sal_wire_body(struct sal_wire_slot *slot) {
        return &slot->body;
}

static void give_back(struct sal_wire_slot *slot) {
        struct sal_wire *wire = slot->wire;
        curl_easy_setopt(slot->curl, CURLOPT_HTTPHEADER, NULL);
        curl_slist_free_all(slot->headers);
        slot->headers = NULL;
        slot->busy = false;
        slot->next_free = wire->free_slots;
        wire->free_slots = slot;
        wire->room++;
}

static bool set_headers(struct sal_wire_slot *slot, const char *bearer, int64_t wait_seconds) {
        char line[TOKEN_HEADER_BYTES];
        int n = snprintf(line, sizeof line, "Authorization: Bearer %s", bearer);
        if (n < 0 || (size_t)n >= sizeof line)
                return false;
        char prefer[48];
        snprintf(prefer, sizeof prefer, "Prefer: wait=%lld", (long long)wait_seconds);
        const char *const lines[] = {line, "Content-Type: application/json",
                                     "Accept: application/json, application/problem+json",
                                     "Expect:", wait_seconds > 0 ? prefer : NULL};
        for (size_t i = 0; i < SAL_ARRAY_LEN(lines) && lines[i]; i++) {
                struct curl_slist *longer = curl_slist_append(slot->headers, lines[i]);
                if (!longer)
                        return false;
                slot->headers = longer;
        }
        return true;
}

enum sal_status sal_wire_post(struct sal_wire_slot *slot, const char *base_url, const char *path, const char *bearer,
                              int64_t wait_seconds, int64_t tag, int kind) {
        char url[URL_BYTES];
        int n = snprintf(url, sizeof url, "%s%s", base_url, path);
        if (n < 0 || (size_t)n >= sizeof url || slot->body.failed || !set_headers(slot, bearer, wait_seconds)) {
                give_back(slot);
                return SAL_E_NOMEM;
        }
        CURL *curl = slot->curl;
        slot->tag = tag;
        slot->kind = kind;
        slot->error[0] = '\0';
        curl_easy_setopt(curl, CURLOPT_URL, url);
        curl_easy_setopt(curl, CURLOPT_POST, 1L);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)slot->body.len);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, slot->body.data);
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, slot->headers);
        curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)(SAL_WIRE_REQUEST_MS + wait_seconds * 1000));
        if (curl_multi_add_handle(slot->wire->multi, curl) != CURLM_OK) {
                give_back(slot);
                return SAL_E_INTERNAL;
        }
        slot->busy = true;
        return SAL_OK;
}

static void finish(struct sal_wire *wire, CURL *curl, CURLcode code) {
        struct sal_wire_slot *slot = NULL;
        curl_easy_getinfo(curl, CURLINFO_PRIVATE, (char **)&slot);
        long http = 0;
        curl_off_t retry_after = 0;
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &http);
        curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &retry_after);
        curl_multi_remove_handle(wire->multi, curl);
        struct sal_wire_reply reply = {.status = sal_client_curl_status((int)code),
                                       .http = (int)http,
                                       .body = slot->reply.data ? slot->reply.data : "",
                                       .len = slot->reply.len,
                                       .retry_after_seconds = retry_after,
                                       .error = ""};
        if (code != CURLE_OK)
                reply.error = slot->error[0] ? slot->error : curl_easy_strerror(code);
        wire->done(wire->arg, slot->tag, slot->kind, &reply);
        give_back(slot);
}

static void collect(struct sal_wire *wire) {
        CURLMsg *message;
        int left = 0;
        while ((message = curl_multi_info_read(wire->multi, &left)))
                if (message->msg == CURLMSG_DONE)
                        finish(wire, message->easy_handle, message->data.result);
}

static void fire_timer(struct sal_wire *wire) {
        int running = 0;
        if (wire->timer_ms < 0 || wire->timer_ms > sal_clock_mono_ms())
                return;
        wire->timer_ms = -1;
        curl_multi_socket_action(wire->multi, CURL_SOCKET_TIMEOUT, 0, &running);
}

enum sal_status sal_wire_run(struct sal_wire *wire, int64_t wait_ms) {
        struct epoll_event events[EVENTS_AT_ONCE];
        if (wire->timer_ms >= 0) {
                int64_t until_ms = wire->timer_ms - sal_clock_mono_ms();
                until_ms = until_ms < 0 ? 0 : until_ms;
                wait_ms = until_ms < wait_ms ? until_ms : wait_ms;
        }
        int count = epoll_wait(wire->epoll, events, EVENTS_AT_ONCE, (int)wait_ms);
        if (count < 0 && errno != EINTR)
                return SAL_E_IO;
        for (int i = 0; i < count; i++) {
                int what = 0, running = 0;
                if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLRDHUP))
                        what |= CURL_CSELECT_IN;
                if (events[i].events & EPOLLOUT)
                        what |= CURL_CSELECT_OUT;
                if (events[i].events & EPOLLERR)
                        what |= CURL_CSELECT_ERR;
                curl_multi_socket_action(wire->multi, events[i].data.fd, what, &running);
        }
        fire_timer(wire);
        collect(wire);
        return SAL_OK;
}
