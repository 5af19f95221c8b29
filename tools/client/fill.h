/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Completes the campaign an author wrote: trust_domain, version, not_before, expires and a rollout plan may be left
 * away and are written in here. The author's own bytes stay as they are, order and indentation included, because the
 * result is what people will read and sign.
 *
 * Thread: any. Ownership: buffers of the caller.
 */
#ifndef SAL_CLIENT_FILL_H
#define SAL_CLIENT_FILL_H

#include "base/json.h"

#include "base/buf.h"

#include <stdint.h>

enum { SAL_FILL_LIFE_SECONDS = 7 * 86400 };

struct sal_fill {
        const char *trust_domain; /* hex SHA-256 of the TUF root */
        int64_t version;          /* for a payload without one; at least 1 */
        int64_t now_unix_ms;      /* not_before; expires is SAL_FILL_LIFE_SECONDS after not_before */
        const json_t *rings;      /* of a plan, when the payload has no rollout and the default does not do; or NULL */
};

/* Appends the completed payload. `value` is `bytes`, parsed; it must be an object with "id". A member that stands there
 * is never changed, a wrong one included: the check of the payload comes afterwards.
 * Errors: SAL_E_INVALID (no object, no plain "id", a not_before that is no time while expires is missing), SAL_E_NOMEM.
 */
enum sal_status sal_fill_payload(const char *bytes, size_t len, const json_t *value, const struct sal_fill *fill,
                                 struct sal_buf *out, struct sal_err *reterr);

/* True when `rings` (an array of ring objects) says the same as the rings of the default plan. */
bool sal_fill_rings_are_default(const json_t *rings);

#endif
