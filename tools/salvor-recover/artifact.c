/* SPDX-License-Identifier: Apache-2.0 */
#include "salvor-recover/artifact.h"

#include "base/encode.h"

#include <string.h>
#include <unistd.h>

int64_t sal_artifact_timeout_ms(int64_t length, int64_t left_ms) {
        int64_t most_ms = (SAL_ARTIFACT_SECONDS + length / SAL_ARTIFACT_BYTES_PER_SECOND) * 1000;
        int64_t timeout_ms = left_ms >= 0 && left_ms < most_ms ? left_ms : most_ms;
        return timeout_ms > 1 ? timeout_ms : 1;
}

enum sal_status sal_artifact_fetch(struct sal_store *store, struct sal_net *net,
                                   const struct sal_artifact_ref *artifact, int64_t left_ms, struct sal_err *reterr) {
        char name[SAL_STORE_NAME_BYTES], part[SAL_STORE_NAME_BYTES], path[128], sha256[SAL_SHA256_HEX_BYTES] = "";
        snprintf(name, sizeof name, "blobs/%s", artifact->sha256);
        snprintf(part, sizeof part, "blobs/%s.part", artifact->sha256);
        snprintf(path, sizeof path, "/v1/artifacts/%s", artifact->sha256);
        sal_autoclose int fd = sal_store_open_append(store, part);
        if (fd < 0)
                return sal_fail(reterr, SAL_E_IO, "no artifact can be kept in the state directory: %s",
                                sal_store_why(-fd));
        int64_t have = (int64_t)lseek(fd, 0, SEEK_END);
        if (have > artifact->length && ftruncate(fd, 0) == 0)
                have = 0;
        enum sal_status status = SAL_OK;
        if (have < artifact->length)
                status = sal_net_fetch(net, path, fd, have, artifact->length,
                                       sal_artifact_timeout_ms(artifact->length, left_ms), reterr);
        if (status == SAL_E_TOO_LARGE) {
                sal_store_remove(store, part, NULL);
                return sal_fail(reterr, SAL_E_UNTRUSTED, "artifact %.16s… is longer than what was signed",
                                artifact->sha256);
        }
        int64_t len = 0;
        if (!status && (lseek(fd, 0, SEEK_SET) != 0 || sal_hash_fd(fd, &len, sha256) || fsync(fd) != 0))
                status = sal_fail(reterr, SAL_E_IO, "an artifact cannot be read back from the state directory");
        if (status)
                return status;
        if (len == artifact->length && strcmp(sha256, artifact->sha256) == 0)
                return sal_store_rename(store, part, name, reterr);
        if (len < artifact->length)
                return sal_fail(reterr, SAL_E_UNREACHABLE, "artifact %.16s… broke off after %lld bytes",
                                artifact->sha256, (long long)len);
        sal_store_remove(store, part, NULL);
        return sal_fail(reterr, SAL_E_UNTRUSTED, "artifact %.16s… is not what was signed", artifact->sha256);
}
