/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's configuration file: lines of `key = "value"`. A relative path is taken from the file's own folder.
 *
 *   server              https://host:port of the machine plane; not needed for a bundle
 *   ca                  PEM file of the CA that signs the server's certificate; not needed for a bundle
 *   root                the pinned 1.root.json: its SHA-256 is the trust domain
 *   machine_id          1..64 of A-Z a-z 0-9 . _ : -
 *   token, token_file   the machine's bearer token, or a file that holds it
 *   client_certificate, client_key   PEM files, instead of a token or besides it
 *   reports_healthy     true: the full system runs `salvor-recover --healthy` once it is up; default false
 *
 * The policy is no part of it: it comes signed, from the server or a bundle.
 *
 * Thread: one reader at a time. Ownership: the settings own their strings.
 */
#ifndef SAL_RECOVER_SETTINGS_H
#define SAL_RECOVER_SETTINGS_H

#include "base/err.h"

#include <stdbool.h>

enum { SAL_TOKEN_TEXT_MAX_BYTES = 4096 };

struct sal_settings {
        char *server, *ca; /* may be NULL when they were not needed */
        char *root, *machine_id, *token, *client_certificate, *client_key;
        bool reports_healthy;
};

/* `online`: server and ca are needed. Errors: SAL_E_CONFIG naming the file, where it can be known the line, and what
 * mends it; SAL_E_NOT_FOUND, SAL_E_IO, SAL_E_NOMEM. */
enum sal_status sal_settings_read(const char *path, bool online, struct sal_settings *ret, struct sal_err *reterr);
void sal_settings_done(struct sal_settings *settings); /* NULL is allowed; wipes the token */

#endif
