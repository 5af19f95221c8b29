/* SPDX-License-Identifier: Apache-2.0 */
/* salvorctl key: makes an author's key, and shows one. */
#include "command.h"
#include "out.h"
#include "passphrase.h"
#include "put.h"
#include "signing_key.h"
#include "trust/file.h"
#include "trust/policy.h"

#include <libgen.h>
#include <string.h>
#include <sys/stat.h>

static const char *const types[] = {[SAL_KEY_ED25519] = "ed25519", [SAL_KEY_P256] = "p256"};

static enum sal_status read_type(const struct sal_ctl *ctl, enum sal_key_type *ret, struct sal_err *reterr) {
        const char *text = ctl->options[SAL_OPT_TYPE];
        for (size_t i = 0; i < SAL_ARRAY_LEN(types); i++)
                if (strcmp(text, types[i]) == 0) {
                        *ret = (enum sal_key_type)i;
                        return SAL_OK;
                }
        return sal_fail(reterr, SAL_E_USAGE, "--type must be ed25519 or p256, not \"%.40s\"", text);
}

static enum sal_status check_name(const char *name, struct sal_err *reterr) {
        sal_autojson json_t *text = json_string(name); /* NULL unless it is UTF-8 */
        size_t len = strlen(name);
        bool good = text && len >= 1 && len <= SAL_POLICY_NAME_MAX_BYTES;
        for (const char *p = name; *p; p++)
                good = good && (unsigned char)*p >= 0x20 && *p != 0x7f;
        return good ? SAL_OK
                    : sal_fail(reterr, SAL_E_USAGE, "--name takes 1 to %d bytes of UTF-8 without control bytes",
                               SAL_POLICY_NAME_MAX_BYTES);
}

/* The author's name: --name, else that of the file without ".pem". Handed over. */
static enum sal_status read_name(const struct sal_ctl *ctl, char **ret, struct sal_err *reterr) {
        sal_autofree char *path = strdup(ctl->options[SAL_OPT_OUT]);
        const char *given = ctl->options[SAL_OPT_NAME];
        sal_autofree char *name = path ? strdup(given ? given : basename(path)) : NULL;
        if (!name)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a name");
        size_t len = strlen(name);
        if (!given && len > 4 && strcmp(name + len - 4, ".pem") == 0)
                name[len - 4] = '\0';
        enum sal_status status = check_name(name, reterr);
        if (!status)
                *ret = SAL_STEAL(name);
        return status;
}

/* The key as trust-policy.json has an author; without a name when `name` is NULL. A new reference, or NULL. */
static json_t *entry_of(const struct sal_public_key *key, const char *name) {
        return json_pack("{s:s*, s:s, s:s, s:s, s:s}", "name", name, "keyid", sal_public_key_id(key), "keytype",
                         sal_public_key_keytype(key), "scheme", sal_public_key_scheme(key), "public",
                         sal_public_key_text(key));
}

static json_t *protection_json(const struct sal_key_protection *protection) {
        switch (protection->seal) {
        case SAL_SEAL_PBKDF2:
                return json_pack("{s:s, s:s, s:I, s:I, s:s}", "kdf", "pbkdf2", "prf", protection->method, "iterations",
                                 (json_int_t)protection->iterations, "salt_bytes", (json_int_t)protection->salt_bytes,
                                 "cipher", protection->cipher);
        case SAL_SEAL_SCRYPT:
                return json_pack("{s:s, s:I, s:I, s:I, s:I, s:s}", "kdf", "scrypt", "n",
                                 (json_int_t)protection->scrypt_n, "r", (json_int_t)protection->r, "p",
                                 (json_int_t)protection->p, "salt_bytes", (json_int_t)protection->salt_bytes, "cipher",
                                 protection->cipher);
        default:
                return json_pack("{s:n}", "kdf"); /* of the files that load, only plain text is left */
        }
}

/* By the names that a URI has for them. A new reference, or NULL. Texts of the token that are not UTF-8 are left away.
 */
static json_t *place_json(const struct sal_pkcs11_place *place) {
        const struct {
                const char *name, *text;
        } rows[] = {{"token", place->token},  {"manufacturer", place->manufacturer},
                    {"model", place->model},  {"serial", place->serial},
                    {"object", place->label}, {"id", place->id}};
        json_t *object = json_object();
        for (size_t i = 0; i < SAL_ARRAY_LEN(rows) && object; i++)
                json_object_set_new(object, rows[i].name, json_string(rows[i].text));
        if (object)
                json_object_set_new(object, "extractable", json_boolean(place->extractable));
        return object;
}

static void print_origin(const struct sal_ctl_key_origin *origin, const json_t *how) {
        static const char *const names[] = {"token", "manufacturer", "model", "serial", "object", "id", "extractable"};
        if (origin->on_token) {
                for (size_t i = 0; i < SAL_ARRAY_LEN(names); i++)
                        sal_out_member(stdout, names[i], json_object_get(how, names[i]));
                return;
        }
        char words[SAL_KEY_PROTECTION_BYTES];
        sal_key_protection_describe(&origin->protection, words);
        sal_autojson json_t *text = json_string(words);
        sal_out_member(stdout, "protection", text);
}

static void print_entry(const json_t *entry) {
        static const char *const names[] = {"keyid", "keytype", "scheme"};
        for (size_t i = 0; i < SAL_ARRAY_LEN(names); i++)
                sal_out_member(stdout, names[i], json_object_get(entry, names[i]));
        fputs("public:\n", stdout);
        sal_out_lines(stdout, sal_text(entry, "public"));
}

/* Before anyone is asked for a passphrase; the file itself is made exclusively later. */
static enum sal_status check_vacant(const char *path, struct sal_err *reterr) {
        struct stat info;
        if (lstat(path, &info) != 0)
                return SAL_OK;
        sal_fail(reterr, SAL_E_CONFLICT, "%.300s exists already and is never overwritten", path);
        sal_err_hint(reterr, "choose another name, or move the old file away");
        return SAL_E_CONFLICT;
}

static enum sal_status write_key(const struct sal_ctl *ctl, enum sal_key_type type, struct sal_private_key **ret,
                                 struct sal_err *reterr) {
        const char *path = ctl->options[SAL_OPT_OUT];
        sal_autosecret struct sal_secret secret = {0};
        bool plain = sal_ctl_has(ctl, SAL_OPT_UNENCRYPTED);
        enum sal_status status = plain ? SAL_OK : sal_secret_choose(ctl, &secret, reterr);
        sal_auto(sal_private_key) struct sal_private_key *key = NULL;
        if (!status)
                status = sal_private_key_generate(type, &key, reterr);
        if (!status)
                status = plain ? sal_private_key_save(key, path, reterr)
                               : sal_key_file_save(key, secret.text, secret.len, path, reterr);
        sal_autofree char *copy = strdup(path);
        if (!status)
                status = copy ? sal_dir_sync(dirname(copy), reterr) : sal_fail(reterr, SAL_E_NOMEM, "no memory");
        if (!status)
                *ret = SAL_STEAL(key);
        return status;
}

/* --public-out: the half that may be handed over. */
static enum sal_status write_public(const struct sal_ctl *ctl, const struct sal_private_key *key,
                                    struct sal_err *reterr) {
        const char *path = ctl->options[SAL_OPT_PUBLIC_OUT];
        if (!path)
                return SAL_OK;
        sal_autofree char *pem = sal_public_key_to_pem(sal_private_key_public(key));
        if (!pem)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a public key");
        return sal_put_new(path, pem, strlen(pem), reterr);
}

/* The author's name, where there is one to tell: --name, else the label of the key on its token. */
static const char *show_name(const struct sal_ctl *ctl, const struct sal_ctl_key_origin *origin) {
        if (ctl->options[SAL_OPT_NAME])
                return ctl->options[SAL_OPT_NAME];
        return origin->on_token && !check_name(origin->place.label, NULL) ? origin->place.label : NULL;
}

/* The key, where it is kept, and the author that it is. */
static enum sal_status tell(const struct sal_ctl *ctl, const struct sal_private_key *key,
                            const struct sal_ctl_key_origin *origin, struct sal_err *reterr) {
        const char *name = show_name(ctl, origin);
        sal_autojson json_t *entry = entry_of(sal_private_key_public(key), name);
        sal_autojson json_t *how = origin->on_token ? place_json(&origin->place) : protection_json(&origin->protection);
        if (!entry || !how)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory to show a key");
        if (ctl->json) {
                json_object_set(entry, origin->on_token ? "pkcs11" : "protection", how);
                sal_out_json(entry);
                return SAL_OK;
        }
        print_entry(entry);
        print_origin(origin, how);
        if (name) {
                puts("\nThe author in trust-policy.json:");
                sal_out_json(entry);
        }
        return SAL_OK;
}

/* --out with a URI: the key is made on the token and stays there. */
static enum sal_status generate_on_token(const struct sal_ctl *ctl, enum sal_key_type type, struct sal_err *reterr) {
        const char *uri = ctl->options[SAL_OPT_OUT];
        const char *name = ctl->options[SAL_OPT_NAME];
        struct sal_ctl_key_origin origin;
        sal_auto(sal_private_key) struct sal_private_key *key = NULL;
        if (sal_ctl_has(ctl, SAL_OPT_UNENCRYPTED))
                return sal_fail(reterr, SAL_E_USAGE, "--unencrypted is for files; a token keeps its keys itself");
        enum sal_status status = name ? check_name(name, reterr) : SAL_OK;
        if (!status && sal_ctl_has(ctl, SAL_OPT_PUBLIC_OUT))
                status = check_vacant(ctl->options[SAL_OPT_PUBLIC_OUT], reterr);
        if (!status)
                status = sal_ctl_new_token_key(ctl, uri, type, &origin, &key, reterr);
        if (!status)
                status = write_public(ctl, key, reterr);
        if (status)
                return status;
        if (!ctl->json)
                sal_out_line(stdout, "made the private key ", origin.place.label, " on token ", origin.place.token,
                             NULL);
        return tell(ctl, key, &origin, reterr);
}

static enum sal_status run_generate(struct sal_ctl *ctl, struct sal_err *reterr) {
        enum sal_key_type type = SAL_KEY_ED25519;
        sal_autofree char *name = NULL;
        sal_auto(sal_private_key) struct sal_private_key *key = NULL;
        const char *path = ctl->options[SAL_OPT_OUT];
        bool plain = sal_ctl_has(ctl, SAL_OPT_UNENCRYPTED);
        enum sal_status status = read_type(ctl, &type, reterr);
        if (!status && sal_pkcs11_is_uri(path))
                return generate_on_token(ctl, type, reterr);
        if (!status)
                status = read_name(ctl, &name, reterr);
        if (!status)
                status = sal_secret_check_use(ctl, reterr);
        if (!status && plain && (sal_ctl_has(ctl, SAL_OPT_PASSPHRASE_FILE) || sal_ctl_has(ctl, SAL_OPT_PASSPHRASE_FD)))
                status = sal_fail(reterr, SAL_E_USAGE, "--unencrypted takes no passphrase");
        if (!status)
                status = check_vacant(path, reterr);
        if (!status && sal_ctl_has(ctl, SAL_OPT_PUBLIC_OUT))
                status = check_vacant(ctl->options[SAL_OPT_PUBLIC_OUT], reterr);
        if (!status)
                status = write_key(ctl, type, &key, reterr);
        if (!status)
                status = write_public(ctl, key, reterr);
        if (status)
                return status;
        sal_autojson json_t *entry = entry_of(sal_private_key_public(key), name);
        if (!entry)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory to show the key; it is in %.300s", path);
        if (plain)
                sal_out_line(stderr, "notice: ", path,
                             " is not encrypted: that is for trials, and for the online key, which the server reads by "
                             "itself",
                             NULL);
        if (ctl->json) {
                sal_out_json(entry);
                return SAL_OK;
        }
        sal_out_line(stdout, "made the private key ", path, NULL);
        print_entry(entry);
        puts("\nThe author in trust-policy.json:");
        sal_out_json(entry);
        return SAL_OK;
}

static enum sal_status run_show(struct sal_ctl *ctl, struct sal_err *reterr) {
        struct sal_ctl_key_origin origin;
        sal_auto(sal_private_key) struct sal_private_key *key = NULL;
        const char *given = ctl->options[SAL_OPT_NAME];
        enum sal_status status = given ? check_name(given, reterr) : SAL_OK;
        if (!status)
                status = sal_ctl_signing_key(ctl, ctl->args[0], &origin, &key, reterr);
        if (!status)
                status = write_public(ctl, key, reterr);
        if (status)
                return status;
        return tell(ctl, key, &origin, reterr);
}

const struct sal_command sal_commands_key[] = {
        {.group = "key",
         .verb = "generate",
         .args = "",
         .options = SAL_BIT(SAL_OPT_TYPE) | SAL_BIT(SAL_OPT_OUT) | SAL_BIT(SAL_OPT_PUBLIC_OUT) | SAL_BIT(SAL_OPT_NAME) |
                    SAL_BIT(SAL_OPT_PASSPHRASE_FILE) | SAL_BIT(SAL_OPT_PASSPHRASE_FD) | SAL_BIT(SAL_OPT_UNENCRYPTED),
         .required = SAL_BIT(SAL_OPT_TYPE) | SAL_BIT(SAL_OPT_OUT),
         .offline = true,
         .local = true,
         .summary = "Make a private key: an author's, or one of root, targets or the online roles",
         .help = "The key is encrypted PKCS#8 (PBKDF2-HMAC-SHA256, 600,000 iterations, AES-256-CBC). Its passphrase, "
                 "of at least 12 characters, is asked for twice at the terminal. FILE must not exist. What is printed "
                 "is the author for trust-policy.json. --out pkcs11:token=NAME;object=LABEL makes the key on a token.",
         .run = run_generate},
        {.group = "key",
         .verb = "show",
         .args = "FILE|URI",
         .min_args = 1,
         .max_args = 1,
         .options = SAL_BIT(SAL_OPT_PUBLIC_OUT) | SAL_BIT(SAL_OPT_NAME) | SAL_BIT(SAL_OPT_PASSPHRASE_FILE) |
                    SAL_BIT(SAL_OPT_PASSPHRASE_FD),
         .offline = true,
         .local = true,
         .summary = "Show the public half of a private key, and how it is kept",
         .help = "A file that is encrypted too weakly is refused, with the command that mends it. A pkcs11: URI names "
                 "a key on a token. With --name, and for a key on a token, the author for trust-policy.json follows.",
         .run = run_show},
        {0},
};
