/* SPDX-License-Identifier: Apache-2.0 */
/* salvorctl campaign payload, attach: signing where this program is not. The bytes go out, a signature comes in. */
#include "base/encode.h"
#include "command.h"
#include "confirm.h"
#include "fetch.h"
#include "model/quote.h"
#include "out.h"
#include "put.h"
#include "trust/dsse.h"

#include <string.h>

enum { SIGNATURE_FILE_MAX_BYTES = 64 * 1024 };

/* ---- payload ---- */

/* Exact bytes for a pipe; a terminal gets the harmless form, line by line. */
static void print_bytes(const char *at, size_t len) {
        if (!isatty(STDOUT_FILENO)) {
                fwrite(at, 1, len, stdout);
                return;
        }
        const char *end = at + len;
        while (at < end) {
                const char *stop = memchr(at, '\n', (size_t)(end - at));
                sal_autobuf struct sal_buf line = SAL_BUF_INIT;
                sal_safe_append(&line, at, (size_t)((stop ? stop : end) - at));
                printf("%s\n", line.data ? line.data : "");
                at = stop ? stop + 1 : end;
        }
}

static enum sal_status write_bytes(const struct sal_ctl *ctl, const char *bytes, size_t len, struct sal_err *reterr) {
        const char *path = ctl->options[SAL_OPT_OUT];
        enum sal_status status = sal_put_new(path, bytes, len, reterr);
        if (status)
                return status;
        char digest[SAL_SHA256_HEX_BYTES];
        sal_sha256_hex(bytes, len, digest);
        if (ctl->json) {
                sal_autojson json_t *document =
                        json_pack("{s:s*, s:I, s:s}", "file", path, "length", (json_int_t)len, "sha256", digest);
                sal_out_json(document);
                return SAL_OK;
        }
        sal_out_line(stdout, "wrote ", path, ", SHA-256 ", digest, NULL);
        return SAL_OK;
}

static enum sal_status run_payload(struct sal_ctl *ctl, struct sal_err *reterr) {
        struct sal_ctl_campaign name;
        sal_autoreply struct sal_client_reply reply = SAL_CLIENT_REPLY_INIT;
        sal_auto(sal_campaign) struct sal_campaign *campaign = NULL;
        sal_autobuf struct sal_buf pae = SAL_BUF_INIT;
        enum sal_status status = sal_ctl_resolve(ctl, ctl->args[0], SAL_WANT_UNSIGNED, &name, reterr);
        if (!status)
                status = sal_ctl_fetch_payload(ctl, &name, &reply, &campaign, reterr);
        if (status)
                return status;
        const struct sal_buf *bytes = &reply.body;
        if (sal_ctl_has(ctl, SAL_OPT_PAE)) {
                sal_dsse_pae(SAL_CAMPAIGN_TYPE, reply.body.data, reply.body.len, &pae);
                bytes = &pae;
        }
        if (bytes->failed || !bytes->data)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for the payload");
        if (sal_ctl_has(ctl, SAL_OPT_OUT))
                return write_bytes(ctl, bytes->data, bytes->len, reterr);
        print_bytes(bytes->data, bytes->len);
        return SAL_OK;
}

/* ---- attach ---- */

/* FILE: {"keyid", "sig"}, as `campaign sign --payload` prints it. */
static enum sal_status read_object(const char *path, json_t **ret, struct sal_err *reterr) {
        sal_autofree char *bytes = NULL;
        size_t len = 0;
        sal_autojson json_t *object = NULL;
        enum sal_status status = sal_ctl_read_input(path, SIGNATURE_FILE_MAX_BYTES, &bytes, &len, reterr);
        if (!status)
                status = sal_json_parse(bytes, len, SAL_JSON_MAX_DEPTH, &object, reterr);
        const char *keyid = sal_text(object, "keyid");
        const char *sig = sal_text(object, "sig");
        if (!status && (!*keyid || !*sig)) {
                sal_fail(reterr, SAL_E_INVALID, "%.200s holds no {\"keyid\", \"sig\"}", path);
                sal_err_hint(reterr, "salvorctl campaign sign --payload FILE --key FILE prints one; bytes as openssl "
                                     "writes them go with --keyid ID --signature FILE");
                return SAL_E_INVALID;
        }
        if (!status)
                *ret = json_pack("{s:s, s:s}", "keyid", keyid, "sig", sig);
        return status || *ret ? status : sal_fail(reterr, SAL_E_NOMEM, "no memory for a signature");
}

/* What went wrong at the other program is best said before anything is handed in. */
static enum sal_status check_foreign(struct sal_ctl *ctl, const struct sal_ctl_campaign *name, const char *keyid,
                                     const uint8_t *sig, size_t sig_len, struct sal_err *reterr) {
        sal_autoreply struct sal_client_reply reply = SAL_CLIENT_REPLY_INIT;
        sal_auto(sal_campaign) struct sal_campaign *campaign = NULL;
        sal_auto(sal_policy) struct sal_policy *policy = NULL;
        sal_autofree char *bytes = NULL;
        size_t len = 0;
        enum sal_status status = sal_ctl_fetch_payload(ctl, name, &reply, &campaign, reterr);
        if (!status)
                status = sal_ctl_fetch_policy(ctl, &bytes, &len, reterr);
        if (!status)
                status = sal_policy_parse(bytes, len, &policy, reterr);
        if (status)
                return status;
        const struct sal_public_key *key = sal_policy_author_key(policy, keyid);
        if (!key) {
                sal_fail(reterr, SAL_E_NOT_FOUND, "no author of the policy has the key %.64s", keyid);
                sal_err_hint(reterr, "salvorctl policy show --json lists the authors and the ids of their keys");
                return SAL_E_NOT_FOUND;
        }
        if (sal_dsse_verify_one(SAL_CAMPAIGN_TYPE, reply.body.data, reply.body.len, key, sig, sig_len))
                return SAL_OK;
        bool plain = sal_public_key_verify(key, reply.body.data, reply.body.len, sig, sig_len);
        sal_fail(reterr, SAL_E_UNTRUSTED, "the file holds no signature of %s@%lld by key %.16s…%s", name->id,
                 (long long)name->version, keyid, plain ? ": it signs the payload alone" : "");
        sal_err_hint(reterr, "sign the bytes of `campaign payload --pae`; openssl needs -rawin for Ed25519, and "
                             "dgst -sha256 for P-256");
        return SAL_E_UNTRUSTED;
}

/* --keyid ID --signature FILE: the bytes of a signature and nothing else. */
static enum sal_status read_foreign(struct sal_ctl *ctl, const struct sal_ctl_campaign *name, json_t **ret,
                                    struct sal_err *reterr) {
        const char *keyid = ctl->options[SAL_OPT_KEYID];
        const char *path = ctl->options[SAL_OPT_SIGNATURE];
        sal_autofree char *sig = NULL;
        size_t len = 0;
        if (!sal_is_sha256_hex(keyid)) {
                sal_fail(reterr, SAL_E_USAGE, "--keyid takes the 64 hex digits of a key id");
                sal_err_hint(reterr, "salvorctl policy show --json lists them");
                return SAL_E_USAGE;
        }
        enum sal_status status = sal_ctl_read_input(path, SIGNATURE_FILE_MAX_BYTES, &sig, &len, reterr);
        if (!status && (len == 0 || len > SAL_SIGNATURE_MAX_BYTES)) {
                sal_fail(reterr, SAL_E_INVALID, "%.200s has %zu bytes; Ed25519 signatures have 64, P-256 up to %d",
                         path, len, SAL_SIGNATURE_MAX_BYTES);
                sal_err_hint(reterr, "the bytes as openssl writes them: no base64, no hex");
                return SAL_E_INVALID;
        }
        if (!status)
                status = check_foreign(ctl, name, keyid, (const uint8_t *)sig, len, reterr);
        if (status)
                return status;
        sal_autofree char *text = sal_base64_encode(sig, len);
        *ret = text ? json_pack("{s:s, s:s}", "keyid", keyid, "sig", text) : NULL;
        return *ret ? SAL_OK : sal_fail(reterr, SAL_E_NOMEM, "no memory for a signature");
}

/* "key ID (author-1)": a file's "keyid" is a hint that anyone may write, so this is the author's key that verifies. */
static void describe_signer(struct sal_ctl *ctl, const struct sal_ctl_campaign *name, const json_t *signature,
                            struct sal_buf *out) {
        sal_autoreply struct sal_client_reply reply = SAL_CLIENT_REPLY_INIT;
        sal_auto(sal_campaign) struct sal_campaign *campaign = NULL;
        sal_auto(sal_policy) struct sal_policy *policy = NULL;
        sal_autofree char *bytes = NULL;
        sal_autofree uint8_t *sig = NULL;
        size_t len = 0, sig_len = 0;
        const char *text = sal_text(signature, "sig");
        if (!sal_base64_decode(text, strlen(text), &sig, &sig_len) &&
            !sal_ctl_fetch_payload(ctl, name, &reply, &campaign, NULL) &&
            !sal_ctl_fetch_policy(ctl, &bytes, &len, NULL) && !sal_policy_parse(bytes, len, &policy, NULL))
                for (size_t i = 0; i < sal_policy_author_count(policy); i++) {
                        const struct sal_policy_author author = sal_policy_author(policy, i);
                        if (!sal_dsse_verify_one(SAL_CAMPAIGN_TYPE, reply.body.data, reply.body.len, author.key, sig,
                                                 sig_len))
                                continue;
                        sal_buf_printf(out, "key %s (", sal_public_key_id(author.key));
                        sal_quote(out, author.name, SAL_QUOTE_NAME);
                        sal_buf_putc(out, ')');
                        return;
                }
        sal_buf_puts(out, "a key that could not be told; `campaign show` names it");
}

static enum sal_status check_attach_use(const struct sal_ctl *ctl, struct sal_err *reterr) {
        bool keyid = sal_ctl_has(ctl, SAL_OPT_KEYID), signature = sal_ctl_has(ctl, SAL_OPT_SIGNATURE);
        if (keyid != signature)
                return sal_fail(reterr, SAL_E_USAGE, "--keyid and --signature go together");
        if (keyid == (ctl->arg_count == 2))
                return sal_fail(reterr, SAL_E_USAGE,
                                "\"campaign attach\" needs FILE, or --keyid ID and --signature FILE");
        return SAL_OK;
}

static enum sal_status run_attach(struct sal_ctl *ctl, struct sal_err *reterr) {
        struct sal_ctl_campaign name;
        sal_autojson json_t *signature = NULL;
        sal_autojson json_t *answer = NULL;
        bool foreign = sal_ctl_has(ctl, SAL_OPT_KEYID);
        enum sal_status status = check_attach_use(ctl, reterr);
        if (!status && !foreign)
                status = read_object(ctl->args[1], &signature, reterr);
        if (!status)
                status = sal_ctl_resolve(ctl, ctl->args[0], SAL_WANT_UNSIGNED, &name, reterr);
        if (!status && foreign)
                status = read_foreign(ctl, &name, &signature, reterr);
        if (status)
                return status;
        char path[SAL_CTL_PATH_BYTES];
        sal_ctl_path(&name, "signatures", path);
        const struct sal_admin_call call = {.method = "POST", .path = path, .body = signature};
        status = sal_admin_json(ctl->admin, &call, &answer, reterr);
        if (!status)
                status = sal_ctl_confirm_campaign(answer, name.id, name.version, NULL, reterr);
        if (status)
                return status;
        if (ctl->json) {
                sal_out_json(answer);
                return SAL_OK;
        }
        sal_autobuf struct sal_buf signer = SAL_BUF_INIT;
        describe_signer(ctl, &name, signature, &signer);
        sal_out_line(stdout, "attached the signature of ", signer.data ? signer.data : "", NULL);
        return SAL_OK;
}

const struct sal_command sal_commands_outside[] = {
        {.group = "campaign",
         .verb = "payload",
         .args = "ID[@V]",
         .min_args = 1,
         .max_args = 1,
         .options = SAL_BIT(SAL_OPT_OUT) | SAL_BIT(SAL_OPT_PAE),
         .summary = "Print the payload, or the exact bytes that are signed",
         .help = "A signature is made over the DSSE bytes of the payload (its pre-authentication encoding): --pae "
                 "gives those, for `openssl pkeyutl -sign -rawin` (Ed25519) or `openssl dgst -sha256 -sign` (P-256) "
                 "and then `campaign attach`. Their SHA-256 is the digest that `campaign sign` shows. Without --pae: "
                 "the payload alone, for `campaign sign --payload`.",
         .run = run_payload},
        {.group = "campaign",
         .verb = "attach",
         .args = "ID[@V] [FILE]",
         .min_args = 1,
         .max_args = 2,
         .options = SAL_BIT(SAL_OPT_KEYID) | SAL_BIT(SAL_OPT_SIGNATURE),
         .summary = "Add a signature that was made elsewhere (\"-\": standard input)",
         .help = "FILE holds {\"keyid\", \"sig\"}, as `campaign sign --payload` prints it on the machine that has the "
                 "key. With --keyid and --signature instead: the bytes that another program wrote for the file of "
                 "`campaign payload --pae`; they are checked before they are handed in.",
         .run = run_attach},
        {0},
};
