/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Warnings in the log about what works now and will hurt later: offline keys within reach, certificates about to
 * expire, trust metadata about to expire, private keys that others may read, too few file descriptors.
 *
 * Thread: the main thread. Ownership: everything is borrowed.
 */
#ifndef SAL_DAEMON_WARN_H
#define SAL_DAEMON_WARN_H

#include "daemon/config.h"
#include "service/service.h"

enum { SAL_EXPIRY_WARNING_DAYS = 30 };

/* A line when offline keys (root, targets, author) lie in `keys/` beside the configuration file. */
void sal_warn_offline_keys(const struct sal_conf *conf);
/* One line for each certificate (planes, their authorities, operators) that ends within SAL_EXPIRY_WARNING_DAYS. */
void sal_warn_expiry(const struct sal_conf *conf, int64_t now_ms);
/* One line for each warning of sal_trust_each_warning. Any thread, once the service publishes. */
void sal_warn_trust(struct sal_service *service, int64_t now_ms);
/* One line for each private key (planes, online keys) that group or others may read. */
void sal_warn_key_modes(const struct sal_conf *conf);
/* Raises RLIMIT_NOFILE to its hard limit; a line when that is lower than the planes' connections need. */
void sal_raise_file_limit(const struct sal_conf *conf);

#endif
