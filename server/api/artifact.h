/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Artifacts over HTTP: ranges on the machine plane, streamed upload on the admin plane. Private to api/.
 *
 * Thread: the request's worker. Ownership: none.
 */
#ifndef SAL_API_ARTIFACT_H
#define SAL_API_ARTIFACT_H

#include "api/call.h"

/* GET /v1/artifacts/{sha256}: RFC 9110 section 14, one range; ETag is the SHA-256. For machines (token or certificate
 * of any machine is not asked for: an artifact is named by its hash, and only whoever knows it can ask). */
void sal_api_artifact_get(struct sal_http_request *request);

/* The upload's pieces: hashed while they are written to a file beside the artifacts. */
bool sal_api_artifact_piece(struct sal_http_request *request, const void *data, size_t len);
/* Makes what was uploaded durable under its name. Errors: SAL_E_INVALID when the hash differs, SAL_E_TOO_LARGE,
 * SAL_E_IO. */
enum sal_status sal_api_artifact_finish(struct sal_http_request *request, int64_t *ret_length, struct sal_err *reterr);

#endif
