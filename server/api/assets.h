/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Assets: the files of server/api/assets, built into the program by assets.cmake. Private to api/.
 *
 * Thread: immutable, any thread. Ownership: static.
 */
#ifndef SAL_API_ASSETS_H
#define SAL_API_ASSETS_H

#include <stddef.h>

struct sal_asset {
        const char *name;         /* "app.js" */
        const char *content_type; /* with charset */
        const char *etag;         /* RFC 9110 section 8.8.3: the quoted hex SHA-256 of the bytes */
        const unsigned char *bytes;
        size_t len;
};

extern const struct sal_asset sal_assets[];
extern const size_t sal_assets_count;

#endif
