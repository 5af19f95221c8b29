/* SPDX-License-Identifier: Apache-2.0 */
#include "http/internal.h"

#include <gnutls/abstract.h>
#include <stdlib.h>
#include <unistd.h>

/* Never asked: each connection gets the plane's credentials of the moment before its handshake begins. The library
 * wants either a certificate of its own or this. */
static int no_certificate(gnutls_session_t session, const struct gnutls_cert_retr_st *info, gnutls_pcert_st **certs,
                          unsigned *count, gnutls_ocsp_data_st **ocsp, unsigned *ocsp_count, gnutls_privkey_t *key,
                          unsigned *flags) {
        (void)session, (void)info, (void)certs, (void)count, (void)ocsp, (void)ocsp_count, (void)key, (void)flags;
        return -1;
}

/* A connection's memory holds the request's lines, a record per header, and later the answer's headers. */
static size_t pool_bytes(const struct sal_http_plane_config *config) {
        return (size_t)config->header_max_bytes + SAL_HTTP_POOL_EXTRA_BYTES;
}

enum sal_status sal_http_lane_open(struct sal_http_lane *lane, struct sal_err *reterr) {
        const struct sal_http_plane_config *config = &lane->plane->config;
        unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | (config->tls ? MHD_USE_TLS : 0U);
        struct MHD_OptionItem options[] = {
                {MHD_OPTION_LISTEN_SOCKET, lane->listen_fd, NULL},
                {MHD_OPTION_CONNECTION_LIMIT, (intptr_t)config->connections_max, NULL},
                {MHD_OPTION_CONNECTION_TIMEOUT, (intptr_t)config->idle_timeout_seconds, NULL},
                {MHD_OPTION_CONNECTION_MEMORY_LIMIT, (intptr_t)pool_bytes(config), NULL},
                {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)sal_http_on_completed, lane},
                {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)sal_http_connection_notify, lane},
                {MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)sal_http_on_request_line, lane},
                {MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, NULL},
                {config->tls ? MHD_OPTION_HTTPS_CERT_CALLBACK2 : MHD_OPTION_END, 0, (void *)(uintptr_t)no_certificate},
                {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t) "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"},
                {MHD_OPTION_END, 0, NULL},
        };
        lane->pump.mhd = MHD_start_daemon(flags, 0, sal_http_accept, lane, sal_http_on_access, lane, MHD_OPTION_ARRAY,
                                          options, MHD_OPTION_END);
        if (!lane->pump.mhd)
                return sal_fail(reterr, SAL_E_INTERNAL, "%s: the HTTP library does not start", config->name);
        lane->listen_fd = -1;
        lane->pump.backoffs = &lane->plane->stats->backoffs;
        return sal_http_pump_open(&lane->pump, &lane->worker->loop, reterr);
}

void sal_http_lane_quiesce(struct sal_http_lane *lane) {
        if (!lane->pump.mhd)
                return;
        MHD_socket fd = MHD_quiesce_daemon(lane->pump.mhd);
        if (fd != MHD_INVALID_SOCKET && !lane->quiesced)
                close(fd);
        lane->quiesced = true;
        sal_http_lane_cut_idle(lane);
        sal_http_pump_kick(&lane->pump);
}

void sal_http_lane_close(struct sal_http_lane *lane) {
        sal_http_pump_close(&lane->pump);
        if (lane->pump.mhd)
                MHD_stop_daemon(lane->pump.mhd);
        lane->pump.mhd = NULL;
        if (lane->listen_fd >= 0)
                close(lane->listen_fd);
        lane->listen_fd = -1;
}
