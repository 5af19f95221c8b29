/* SPDX-License-Identifier: Apache-2.0 */
#include "http/internal.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/* Reads a numeric address; 0 when it is none. */
static socklen_t address_parse(const char *text, uint16_t port, struct sockaddr_storage *ret) {
        struct sockaddr_in *four = (void *)ret;
        struct sockaddr_in6 *six = (void *)ret;
        memset(ret, 0, sizeof *ret);
        if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
                four->sin_family = AF_INET;
                four->sin_port = htons(port);
                return sizeof *four;
        }
        if (inet_pton(AF_INET6, text, &six->sin6_addr) == 1) {
                six->sin6_family = AF_INET6;
                six->sin6_port = htons(port);
                return sizeof *six;
        }
        return 0;
}

static uint16_t bound_port(int fd) {
        struct sockaddr_storage bound;
        socklen_t len = sizeof bound;
        if (getsockname(fd, (struct sockaddr *)&bound, &len) != 0)
                return 0;
        return bound.ss_family == AF_INET ? ntohs(((struct sockaddr_in *)(void *)&bound)->sin_port)
                                          : ntohs(((struct sockaddr_in6 *)(void *)&bound)->sin6_port);
}

static enum sal_status bind_fail(const struct sal_http_plane_config *config, uint16_t port, struct sal_err *reterr) {
        int error = errno;
        sal_fail(reterr, SAL_E_CONFIG, "%s: cannot listen on %s port %u: %s", config->name, config->address, port,
                 strerror(error));
        if (error == EADDRINUSE)
                sal_err_hint(reterr, "another program holds the port; stop it or choose another port");
        return SAL_E_CONFIG;
}

/* With SO_REUSEPORT a second server of the same user would be let in and take part of the connections, in silence. A
 * bind without it fails when anybody listens: the answer to whether the port is free. */
static enum sal_status probe(const struct sal_http_plane_config *config, const struct sockaddr_storage *address,
                             socklen_t len, uint16_t port, struct sal_err *reterr) {
        int on = 1;
        sal_autoclose int fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return bind_fail(config, port, reterr);
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        return bind(fd, (const struct sockaddr *)address, len) == 0 ? SAL_OK : bind_fail(config, port, reterr);
}

enum sal_status sal_http_listen(const struct sal_http_plane_config *config, bool first, uint16_t *port, int *ret_fd,
                                struct sal_err *reterr) {
        struct sockaddr_storage address;
        socklen_t len = address_parse(config->address, *port, &address);
        if (len == 0)
                return sal_fail(reterr, SAL_E_CONFIG, "%s: \"%s\" is no numeric IPv4 or IPv6 address", config->name,
                                config->address);
        if (first && *port != 0 && probe(config, &address, len, *port, reterr) != SAL_OK)
                return SAL_E_CONFIG;
        int on = 1, off = 0;
        sal_autoclose int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return bind_fail(config, *port, reterr);
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (address.ss_family == AF_INET6)
                setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
        if (config->all_workers && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0)
                return bind_fail(config, *port, reterr);
        if (bind(fd, (const struct sockaddr *)&address, len) != 0 || listen(fd, SAL_HTTP_BACKLOG) != 0)
                return bind_fail(config, *port, reterr);
        *port = bound_port(fd);
        *ret_fd = fd;
        fd = -1;
        return SAL_OK;
}
