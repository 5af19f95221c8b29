/* SPDX-License-Identifier: Apache-2.0 */
#include "http/internal.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <utlist.h>

enum MHD_Result sal_http_accept(void *cls, const struct sockaddr *address, socklen_t len) {
        struct sal_http_lane *lane = cls;
        struct sal_http_plane *plane = lane->plane;
        struct sal_http_address_key key;
        (void)len;
        sal_http_address_key(address, &key);
        /* connections_max is the plane's; the library knows of one worker only. */
        if (atomic_load(&plane->connections) < plane->config.connections_max &&
            sal_http_addresses_count(&plane->addresses, &key) < plane->config.unauthenticated_per_address_max)
                return MHD_YES;
        sal_metric_add(&plane->stats->refused, 1);
        return MHD_NO;
}

static void peer_text(const struct sockaddr *address, char ret[static INET6_ADDRSTRLEN]) {
        ret[0] = '\0';
        if (address->sa_family == AF_INET) {
                inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)address)->sin_addr, ret,
                          INET6_ADDRSTRLEN);
        } else if (address->sa_family == AF_INET6) {
                const struct in6_addr *six = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
                if (IN6_IS_ADDR_V4MAPPED(six))
                        inet_ntop(AF_INET, six->s6_addr + 12, ret, INET6_ADDRSTRLEN);
                else
                        inet_ntop(AF_INET6, six, ret, INET6_ADDRSTRLEN);
        }
}

/* Notes that the client's Finished has come: what ends without it is a failed handshake. */
static int on_finished(gnutls_session_t session, unsigned type, unsigned when, unsigned incoming,
                       const gnutls_datum_t *message) {
        (void)type, (void)when, (void)message;
        struct MHD_Connection *mhd = gnutls_session_get_ptr(session);
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
        struct sal_http_connection *connection = info ? info->socket_context : NULL;
        if (connection && incoming) {
                connection->handshake_done = true;
                connection->lane->pump.progress++;
        }
        return 0;
}

/* Gives the session the credentials that are in force now. They stay until the connection is over. */
static void tls_begin(struct sal_http_connection *connection, gnutls_session_t session) {
        struct sal_http_plane *plane = connection->lane->plane;
        pthread_mutex_lock(&plane->tls_lock);
        connection->tls = sal_http_tls_ref(plane->tls);
        pthread_mutex_unlock(&plane->tls_lock);
        connection->session = session;
        gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, connection->tls->credentials);
        gnutls_certificate_server_set_request(session, connection->tls->ask ? GNUTLS_CERT_REQUEST : GNUTLS_CERT_IGNORE);
        gnutls_handshake_set_hook_function(session, GNUTLS_HANDSHAKE_FINISHED, GNUTLS_HOOK_POST, on_finished);
}

static void started(struct sal_http_lane *lane, struct MHD_Connection *mhd, void **context) {
        int fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        const struct sockaddr *address = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
        struct sal_http_connection *connection = calloc(1, sizeof *connection);
        if (!connection) {
                shutdown(fd, SHUT_RDWR);
                return;
        }
        connection->lane = lane;
        connection->fd = fd;
        connection->phase_since_ms = sal_clock_mono_ms();
        sal_http_address_key(address, &connection->key);
        peer_text(address, connection->peer);
        connection->counted = sal_http_addresses_add(&lane->plane->addresses, &connection->key);
        const union MHD_ConnectionInfo *tls = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
        if (lane->plane->config.tls && tls)
                tls_begin(connection, tls->tls_session);
        DL_APPEND(lane->connections, connection);
        atomic_fetch_add(&lane->plane->connections, 1);
        sal_metric_add(&lane->plane->stats->connections, 1);
        sal_http_worker_sweep_start(lane->worker);
        *context = connection;
}

static void ended(struct sal_http_lane *lane, struct sal_http_connection *connection) {
        DL_DELETE(lane->connections, connection);
        sal_http_connection_uncount(connection);
        atomic_fetch_sub(&lane->plane->connections, 1);
        sal_metric_add(&lane->plane->stats->connections, -1);
        if (lane->plane->config.tls && !connection->handshake_done)
                sal_metric_add(&lane->plane->stats->handshake_failures, 1);
        sal_http_peer_cert_free(connection->cert);
        sal_http_tls_unref(connection->tls);
        free(connection);
        /* At its limit the library has taken the listening socket out of its set; a round puts it back. */
        sal_http_pump_kick(&lane->pump);
}

void sal_http_connection_notify(void *cls, struct MHD_Connection *mhd, void **context,
                                enum MHD_ConnectionNotificationCode code) {
        struct sal_http_lane *lane = cls;
        lane->pump.progress++;
        if (code == MHD_CONNECTION_NOTIFY_STARTED)
                started(lane, mhd, context);
        else if (*context)
                ended(lane, *context);
}

void sal_http_connection_uncount(struct sal_http_connection *connection) {
        if (connection->counted)
                sal_http_addresses_drop(&connection->lane->plane->addresses, &connection->key);
        connection->counted = false;
}

void sal_http_connection_phase(struct sal_http_connection *connection, enum sal_http_phase phase) {
        connection->phase = phase;
        connection->phase_since_ms = sal_clock_mono_ms();
        connection->body_bytes = 0;
}

/* The library's idle timeout starts again with every byte, so a client that drips never meets it: each phase that waits
 * for the client ends here. */
static bool overdue(const struct sal_http_connection *connection, int64_t now_ms) {
        int64_t idle_ms = (int64_t)connection->lane->plane->config.idle_timeout_seconds * 1000;
        int64_t first_ms = (int64_t)SAL_HTTP_FIRST_REQUEST_SECONDS * 1000;
        int64_t age_ms = now_ms - connection->phase_since_ms;
        switch (connection->phase) {
        case SAL_HTTP_PHASE_FIRST:
                return age_ms > (idle_ms < first_ms ? idle_ms : first_ms);
        case SAL_HTTP_PHASE_NEXT:
                return age_ms > 2 * idle_ms;
        case SAL_HTTP_PHASE_BODY:
                if (age_ms <= idle_ms)
                        return false;
                return !connection->streaming ||
                       connection->body_bytes < (uint64_t)(age_ms / 1000) * SAL_HTTP_STREAM_BYTES_PER_SECOND;
        case SAL_HTTP_PHASE_REPLY:
                return false;
        }
        return false;
}

/* The library then reads the end of the stream and closes the connection by itself. */
static void cut(struct sal_http_connection *connection) {
        if (!connection->cut)
                shutdown(connection->fd, SHUT_RDWR);
        connection->cut = true;
}

unsigned sal_http_lane_sweep(struct sal_http_lane *lane, int64_t now_ms) {
        unsigned count = 0;
        struct sal_http_connection *at;
        DL_FOREACH (lane->connections, at) {
                count++;
                if (at->cut || !overdue(at, now_ms))
                        continue;
                sal_metric_add(&lane->plane->stats->timeouts, 1);
                cut(at);
        }
        return count;
}

void sal_http_lane_cut_idle(struct sal_http_lane *lane) {
        struct sal_http_connection *at;
        DL_FOREACH (lane->connections, at) {
                if (at->phase == SAL_HTTP_PHASE_NEXT)
                        cut(at);
        }
}
