/* SPDX-License-Identifier: Apache-2.0 */
/*
 * endpoints.json in the state directory: where a running server is to be found, `{"machine","admin","ops"}` as URLs.
 * It exists only while the server is ready; command-line programs read it.
 *
 * Thread: the main thread. Ownership: nothing is kept.
 */
#ifndef SAL_DAEMON_ENDPOINTS_H
#define SAL_DAEMON_ENDPOINTS_H

#include "daemon/config.h"

enum { SAL_ENDPOINT_BYTES = 96 };

/* "https://127.0.0.1:8443". A wildcard is shown as the loopback of its family, under a name of the certificate that
 * `salvorctl init` makes ("localhost" for "::"); IPv6 stands in brackets. */
void sal_endpoint_format(const char *address, uint16_t port, bool tls, char ret[static SAL_ENDPOINT_BYTES]);

/* Puts the file in place at once, with mode 0644 less the umask. Errors: SAL_E_IO, SAL_E_NOMEM. */
enum sal_status sal_endpoints_write(const char *state_dir, char urls[SAL_PLANES][SAL_ENDPOINT_BYTES],
                                    struct sal_err *reterr);
/* Removes it; one that is not there is fine. */
void sal_endpoints_remove(const char *state_dir);

#endif
