/* SPDX-License-Identifier: Apache-2.0 */
#include "fetch.h"

#include "out.h"
#include "trust/dsse.h"
#include "trust/file.h"

#include <string.h>

enum sal_status sal_ctl_fetch_payload(struct sal_ctl *ctl, const struct sal_ctl_campaign *name,
                                      struct sal_client_reply *reply, struct sal_campaign **ret,
                                      struct sal_err *reterr) {
        char path[SAL_CTL_PATH_BYTES];
        sal_ctl_path(name, "payload", path);
        const struct sal_admin_call call = {.path = path, .accept = SAL_CAMPAIGN_TYPE ", application/problem+json"};
        enum sal_status status = sal_admin_do(ctl->admin, &call, reply, reterr);
        if (!status)
                status = sal_campaign_parse(reply->body.data ? reply->body.data : "", reply->body.len, ret, reterr);
        if (!status && (strcmp((*ret)->id, name->id) != 0 || (*ret)->version != name->version)) {
                sal_campaign_unref(SAL_STEAL(*ret));
                status = sal_fail(reterr, SAL_E_REFUSED, "the server gave the payload of another campaign");
        }
        return status;
}

enum sal_status sal_ctl_fetch_policy(struct sal_ctl *ctl, char **ret, size_t *ret_len, struct sal_err *reterr) {
        const struct sal_admin_call call = {.path = "/api/v1/trust/policy"};
        sal_autoreply struct sal_client_reply reply = SAL_CLIENT_REPLY_INIT;
        enum sal_status status = sal_admin_do(ctl->admin, &call, &reply, reterr);
        if (!status) {
                *ret = sal_buf_take(&reply.body, ret_len);
                return *ret ? SAL_OK : sal_fail(reterr, SAL_E_NOMEM, "no memory for the policy");
        }
        if (status != SAL_E_UNREACHABLE)
                return status;
        const char *path = sal_admin_paths(ctl->admin)->policy;
        status = sal_file_read(path, SAL_POLICY_MAX_BYTES, ret, ret_len, reterr);
        if (!status)
                sal_out_line(stderr, "the server does not answer; this is ", path, NULL);
        return status;
}

void sal_ctl_fetch_signers(struct sal_ctl *ctl, const struct sal_ctl_campaign *name, const struct sal_policy *policy,
                           const void *payload, size_t len, struct sal_key_set *set) {
        char path[SAL_CTL_PATH_BYTES];
        sal_ctl_path(name, "envelope", path);
        const struct sal_admin_call call = {.path = path};
        sal_autoreply struct sal_client_reply reply = SAL_CLIENT_REPLY_INIT;
        sal_auto(sal_envelope) struct sal_envelope *envelope = NULL;
        if (sal_admin_do(ctl->admin, &call, &reply, NULL) ||
            sal_envelope_parse(reply.body.data ? reply.body.data : "", reply.body.len, SAL_CAMPAIGN_TYPE, &envelope,
                               NULL) ||
            envelope->payload_len != len || memcmp(envelope->payload, payload, len) != 0)
                return;
        size_t count = 0;
        const struct sal_public_key *const *keys = sal_policy_keys(policy, &count);
        sal_envelope_verify(envelope, keys, count, set);
}
