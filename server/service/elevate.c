/* SPDX-License-Identifier: Apache-2.0 */
#include "service/admin.h"
#include "service/views.h"

#include "base/encode.h"
#include "trust/elevation.h"

#include <stdio.h>
#include <string.h>

enum { GRANT_ID_BYTES = 16 };

static bool known_method(const char *method) {
        static const char *const methods[] = {"POST", "PUT", "PATCH", "DELETE"};
        for (size_t i = 0; i < SAL_ARRAY_LEN(methods); i++)
                if (strcmp(method, methods[i]) == 0)
                        return true;
        return false;
}

enum sal_status sal_elevation_open(const struct sal_act *act, const json_t *body, json_t **ret,
                                   struct sal_err *reterr) {
        static const char *const known[] = {"method", "path", "body_sha256", "reason", NULL};
        struct sal_json_at at = sal_json_root(body);
        const char *method = NULL, *path = NULL, *body_sha256 = NULL, *reason = NULL;
        enum sal_status status = sal_json_only(&at, known, reterr);
        if (!status)
                status = sal_json_string(&at, "method", true, 1, 7, &method, reterr);
        if (!status && !known_method(method))
                status = sal_json_fail(&at, "method", SAL_E_INVALID, reterr, "must be POST, PUT, PATCH or DELETE");
        if (!status)
                status = sal_json_string(&at, "path", true, 1, 255, &path, reterr);
        if (!status && (strncmp(path, "/api/v1/", 8) != 0 || strpbrk(path, "?#%")))
                status = sal_json_fail(&at, "path", SAL_E_INVALID, reterr,
                                       "must begin with /api/v1/ and is a path without a query");
        if (!status)
                status = sal_json_string(&at, "body_sha256", true, 64, 64, &body_sha256, reterr);
        if (!status && !sal_is_sha256_hex(body_sha256))
                status = sal_json_fail(&at, "body_sha256", SAL_E_INVALID, reterr, "must be 64 lower-case hex digits");
        if (!status)
                status = sal_json_string(&at, "reason", true, 1, 255, &reason, reterr);
        if (status)
                return status;
        int64_t open = 0;
        *act->keeps = true;
        status = sal_elevation_purge(act->tx, sal_tx_now_ms(act->tx), act->operator_name, &open);
        if (status)
                return status;
        if (open >= SAL_ELEVATIONS_OPEN_MAX)
                return sal_fail(reterr, SAL_E_TOO_MANY, "%d grants are open already; use them or wait %d seconds",
                                SAL_ELEVATIONS_OPEN_MAX, SAL_ELEVATION_LIFE_SECONDS);
        struct sal_elevation_row row = {.expires_ms = sal_tx_now_ms(act->tx) + SAL_ELEVATION_LIFE_SECONDS * 1000LL};
        uint8_t id[GRANT_ID_BYTES];
        sal_random(id, sizeof id);
        sal_hex_encode(id, sizeof id, row.id);
        sal_elevation_challenge(row.challenge);
        snprintf(row.operator_name, sizeof row.operator_name, "%s", act->operator_name);
        snprintf(row.method, sizeof row.method, "%s", method);
        snprintf(row.path, sizeof row.path, "%s", path);
        snprintf(row.body_sha256, sizeof row.body_sha256, "%s", body_sha256);
        snprintf(row.reason, sizeof row.reason, "%s", reason);
        status = sal_elevation_insert(act->tx, &row);
        if (status)
                return status;
        *ret = json_pack("{s:s, s:s, s:o}", "id", row.id, "challenge", row.challenge, "expires",
                         sal_view_time(row.expires_ms));
        return *ret ? SAL_OK : SAL_E_NOMEM;
}

/* Why the grant does not fit this request, or NULL. */
static const char *mismatch(const struct sal_elevation_row *row, const struct sal_act *act, const char *method,
                            const char *path, const char *body_sha256) {
        if (row->consumed)
                return "this grant was used already";
        if (sal_tx_now_ms(act->tx) >= row->expires_ms)
                return "this grant has expired";
        if (strcmp(row->operator_name, act->operator_name) != 0)
                return "this grant belongs to another operator";
        if (strcmp(row->method, method) != 0 || strcmp(row->path, path) != 0)
                return "this grant is for another request";
        if (strcmp(row->body_sha256, body_sha256) != 0)
                return "this grant is for another body";
        return NULL;
}

enum sal_status sal_elevation_use(const struct sal_act *act, const char *header, const char *method, const char *path,
                                  const char body_sha256[static 65], const uint8_t *spki, size_t spki_len,
                                  struct sal_err *reterr) {
        struct sal_elevation_header proof;
        struct sal_elevation_row row;
        if (!header) {
                sal_fail(reterr, SAL_E_ELEVATION, "this act needs a grant for exactly this request");
                sal_err_hint(reterr, "POST /api/v1/elevations, sign the challenge, send it as Salvor-Elevation");
                return SAL_E_ELEVATION;
        }
        if (sal_elevation_header_parse(header, strlen(header), &proof, NULL))
                return sal_fail(reterr, SAL_E_ELEVATION, "Salvor-Elevation must be <id>.<base64url proof>");
        enum sal_status status = sal_elevation_get(act->tx, proof.id, &row);
        if (status == SAL_E_NOT_FOUND)
                return sal_fail(reterr, SAL_E_ELEVATION, "this grant is not known or has expired");
        if (status)
                return status;
        const char *wrong = mismatch(&row, act, method, path, body_sha256);
        bool foreign = strcmp(row.operator_name, act->operator_name) != 0;
        /* Somebody else's attempt must not use up an operator's grant. */
        if (!row.consumed && !foreign) {
                *act->keeps = true;
                status = sal_elevation_consume(act->tx, row.id);
        }
        if (status)
                return status;
        if (wrong)
                return sal_fail(reterr, SAL_E_ELEVATION, "%s", wrong);
        struct sal_public_key *key = NULL;
        bool good = sal_public_key_from_spki(spki, spki_len, &key, NULL) == SAL_OK &&
                    sal_elevation_verify(key, row.challenge, proof.proof, proof.proof_len);
        sal_public_key_unref(key);
        return good ? SAL_OK
                    : sal_fail(reterr, SAL_E_ELEVATION, "the proof does not verify with your certificate's key");
}
