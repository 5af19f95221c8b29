/* SPDX-License-Identifier: Apache-2.0 */
#include "init.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "client/config.h"
#include "init_place.h"
#include "model/campaign.h"
#include "trust/file.h"
#include "trust/policy.h"
#include "trust/tuf_roles.h"
#include "trust/x509.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

static const int64_t day_ms = INT64_C(86400000);
/* Certificates begin an hour early, for peers whose clocks are behind. */
static const int64_t skew_ms = INT64_C(3600000);

/* The signing keys: one offline set per role, and the online key of campaigns, snapshot and timestamp. One author has a
 * P-256 key, as hardware tokens often do, so that both kinds are in use from the first day. */
enum { KEY_ROOT = 0, KEY_TARGETS = 3, KEY_AUTHOR = 6, KEY_ONLINE = 9, KEYS = 10, PER_ROLE = 3, THRESHOLD = 2 };

static const struct signing_key {
        const char *name;
        enum sal_key_type type;
} signing_keys[KEYS] = {
        {"root-1", SAL_KEY_ED25519},    {"root-2", SAL_KEY_ED25519},    {"root-3", SAL_KEY_ED25519},
        {"targets-1", SAL_KEY_ED25519}, {"targets-2", SAL_KEY_ED25519}, {"targets-3", SAL_KEY_ED25519},
        {"author-1", SAL_KEY_ED25519},  {"author-2", SAL_KEY_ED25519},  {"author-3", SAL_KEY_P256},
        {"online", SAL_KEY_ED25519},
};

struct making {
        const struct sal_init_options *options;
        const char *stage; /* the folder in which everything is made before it is moved to its place */
        struct sal_private_key *keys[KEYS];
};

/* ---- files, named relative to the stage ---- */

static enum sal_status no_memory(struct sal_err *reterr) {
        return sal_fail(reterr, SAL_E_NOMEM, "no memory to make a trust domain");
}

static enum sal_status make_folder(const struct making *making, const char *name, mode_t mode, struct sal_err *reterr) {
        sal_autofree char *path = sal_path_join(making->stage, name);
        if (!path)
                return no_memory(reterr);
        if (mkdir(path, mode) < 0)
                return sal_fail(reterr, SAL_E_IO, "cannot create the folder %.300s: %s", path, strerror(errno));
        return SAL_OK;
}

static enum sal_status sync_folder(const struct making *making, const char *name, struct sal_err *reterr) {
        sal_autofree char *path = sal_path_join(making->stage, name);
        return path ? sal_dir_sync(path, reterr) : no_memory(reterr);
}

static enum sal_status write_file(const struct making *making, const char *name, const struct sal_buf *content,
                                  struct sal_err *reterr) {
        sal_autofree char *path = sal_path_join(making->stage, name);
        if (!path || content->failed)
                return no_memory(reterr);
        return sal_file_create(path, 0644, content->data, content->len, reterr);
}

/* ---- keys, root, policy ---- */

/* The path <stage>/<folder>/<name><suffix>, or NULL without memory. */
static char *inner_path(const struct making *making, const char *folder, const char *name, const char *suffix) {
        sal_autobuf struct sal_buf path = SAL_BUF_INIT;
        sal_buf_printf(&path, "%s/%s/%s%s", making->stage, folder, name, suffix);
        return sal_buf_take(&path, NULL);
}

static enum sal_status save_key(const struct making *making, const struct sal_private_key *key, const char *folder,
                                const char *name, const char *suffix, struct sal_err *reterr) {
        sal_autofree char *path = inner_path(making, folder, name, suffix);
        return path ? sal_private_key_save(key, path, reterr) : no_memory(reterr);
}

static enum sal_status make_keys(struct making *making, struct sal_err *reterr) {
        enum sal_status status = SAL_OK;
        for (size_t i = 0; i < KEYS && !status; i++) {
                status = sal_private_key_generate(signing_keys[i].type, &making->keys[i], reterr);
                if (!status)
                        status = save_key(making, making->keys[i], "keys", signing_keys[i].name, ".pem", reterr);
        }
        return status;
}

static enum sal_status make_root(const struct making *making, struct sal_err *reterr) {
        const struct sal_public_key *keys[KEYS];
        for (size_t i = 0; i < KEYS; i++)
                keys[i] = sal_private_key_public(making->keys[i]);
        const struct sal_tuf_root_spec spec = {
                .version = 1,
                .expires_ms = making->options->now_ms + SAL_TUF_ROOT_DAYS * day_ms,
                .roles = {[SAL_TUF_ROOT] = {&keys[KEY_ROOT], PER_ROLE, THRESHOLD},
                          [SAL_TUF_TARGETS] = {&keys[KEY_TARGETS], PER_ROLE, THRESHOLD},
                          [SAL_TUF_SNAPSHOT] = {&keys[KEY_ONLINE], 1, 1},
                          [SAL_TUF_TIMESTAMP] = {&keys[KEY_ONLINE], 1, 1}},
        };
        const struct sal_private_key *const *signers = (const struct sal_private_key *const *)&making->keys[KEY_ROOT];
        sal_autobuf struct sal_buf file = SAL_BUF_INIT;
        enum sal_status status = sal_tuf_root_build(&spec, signers, PER_ROLE, &file, reterr);
        return status ? status : write_file(making, "1.root.json", &file, reterr);
}

static json_t *policy_json(const struct making *making) {
        sal_autojson json_t *authors = json_array();
        sal_autojson json_t *names = json_array();
        sal_autojson json_t *kinds = json_array();
        for (size_t i = KEY_AUTHOR; i < KEY_AUTHOR + PER_ROLE; i++) {
                const struct sal_public_key *key = sal_private_key_public(making->keys[i]);
                json_t *author = json_pack("{s:s, s:s, s:s, s:s, s:s}", "name", signing_keys[i].name, "keyid",
                                           sal_public_key_id(key), "keytype", sal_public_key_keytype(key), "scheme",
                                           sal_public_key_scheme(key), "public", sal_public_key_text(key));
                if (json_array_append_new(authors, author) ||
                    json_array_append_new(names, json_string(signing_keys[i].name)))
                        return NULL;
        }
        for (int kind = 0; kind < SAL_ACTION_KINDS; kind++)
                if (json_array_append_new(kinds, json_string(sal_action_kind_name((enum sal_action_kind)kind))))
                        return NULL;
        return json_pack("{s:s, s:O, s:[{s:s, s:O, s:O, s:i}], s:[]}", "schema", SAL_POLICY_SCHEMA, "authors", authors,
                         "classes", "name", "all", "kinds", kinds, "authors", names, "threshold", THRESHOLD, "revoked");
}

/* The targets metadata: names the policy by its bytes and delegates the campaigns to the online key, which can thus
 * take campaigns out of force and bring back none but those that the policy allows. */
static enum sal_status make_targets(const struct making *making, const struct sal_buf *policy, struct sal_err *reterr) {
        const struct sal_public_key *online = sal_private_key_public(making->keys[KEY_ONLINE]);
        const struct sal_tuf_targets_spec spec = {.version = 1,
                                                  .expires_ms = making->options->now_ms + SAL_TUF_TARGETS_DAYS * day_ms,
                                                  .policy = policy->data,
                                                  .policy_len = policy->len,
                                                  .keys = &online,
                                                  .key_count = 1,
                                                  .threshold = 1};
        const struct sal_private_key *const *signers =
                (const struct sal_private_key *const *)&making->keys[KEY_TARGETS];
        sal_autobuf struct sal_buf file = SAL_BUF_INIT;
        enum sal_status status = sal_tuf_targets_build(&spec, signers, PER_ROLE, &file, reterr);
        return status ? status : write_file(making, "1.targets.json", &file, reterr);
}

static enum sal_status make_policy(const struct making *making, struct sal_err *reterr) {
        sal_autojson json_t *document = policy_json(making);
        sal_autofree char *text = document ? json_dumps(document, JSON_INDENT(1)) : NULL;
        if (!text)
                return no_memory(reterr);
        sal_autobuf struct sal_buf file = SAL_BUF_INIT;
        sal_buf_printf(&file, "%s\n", text);
        if (file.failed)
                return no_memory(reterr);
        sal_auto(sal_policy) struct sal_policy *policy = NULL;
        enum sal_status status = sal_policy_parse(file.data, file.len, &policy, reterr);
        if (!status)
                status = write_file(making, "trust-policy.json", &file, reterr);
        return status ? status : make_targets(making, &file, reterr);
}

/* ---- certificates ---- */

struct issued {
        struct sal_certificate *certificate;
        struct sal_private_key *key;
};

static void issued_done(struct issued *issued) {
        sal_certificate_free(issued->certificate);
        sal_private_key_free(issued->key);
}
#define autoissued __attribute__((cleanup(issued_done)))

/* Makes a P-256 key and its certificate and writes <folder>/<name>.crt and .key. `by` is NULL for an authority. */
static enum sal_status issue(const struct making *making, const char *folder, const char *name, const struct issued *by,
                             struct sal_x509_spec spec, int days, struct issued *ret, struct sal_err *reterr) {
        spec.not_before_ms = making->options->now_ms - skew_ms;
        spec.not_after_ms = making->options->now_ms + days * day_ms;
        enum sal_status status = sal_private_key_generate(SAL_KEY_P256, &ret->key, reterr);
        if (!status)
                status = sal_x509_issue(&spec, sal_private_key_public(ret->key), by ? by->certificate : NULL,
                                        by ? by->key : ret->key, &ret->certificate, reterr);
        if (!status)
                status = save_key(making, ret->key, folder, name, ".key", reterr);
        if (status)
                return status;
        sal_autofree char *path = inner_path(making, folder, name, ".crt");
        return path ? sal_certificate_save(ret->certificate, path, reterr) : no_memory(reterr);
}

static bool host_name_fits(const char *name) {
        size_t len = strlen(name);
        return len > 0 && strcmp(name, "localhost") != 0 && name[0] != '-' && name[0] != '.' &&
               strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") == len;
}

static enum sal_status make_certificates(const struct making *making, struct sal_err *reterr) {
        autoissued struct issued server_ca = {0}, operator_ca = {0}, machine_ca = {0}, server = {0}, admin = {0};
        char host[HOST_NAME_MAX + 1] = "";
        gethostname(host, sizeof host - 1);
        const char *names[] = {"localhost", "127.0.0.1", "::1", host};
        const struct sal_x509_spec server_ca_spec = {.profile = SAL_X509_CA, .common_name = "Salvor server CA"};
        const struct sal_x509_spec operator_ca_spec = {.profile = SAL_X509_CA, .common_name = "Salvor operator CA"};
        const struct sal_x509_spec machine_ca_spec = {.profile = SAL_X509_CA, .common_name = "Salvor machine CA"};
        const struct sal_x509_spec server_spec = {.profile = SAL_X509_SERVER,
                                                  .common_name = "salvord",
                                                  .sans = names,
                                                  .san_count = host_name_fits(host) ? 4 : 3};
        const struct sal_x509_spec admin_spec = {.profile = SAL_X509_CLIENT, .common_name = "admin"};
        enum sal_status status =
                issue(making, "pki", "server-ca", NULL, server_ca_spec, SAL_X509_CA_DAYS, &server_ca, reterr);
        if (!status)
                status = issue(making, "pki", "operator-ca", NULL, operator_ca_spec, SAL_X509_CA_DAYS, &operator_ca,
                               reterr);
        if (!status)
                status = issue(making, "pki", "machine-ca", NULL, machine_ca_spec, SAL_X509_CA_DAYS, &machine_ca,
                               reterr);
        if (!status)
                status = issue(making, "pki", "server", &server_ca, server_spec, SAL_X509_SERVER_DAYS, &server, reterr);
        if (!status)
                status = issue(making, "operators", "admin", &operator_ca, admin_spec, SAL_X509_CLIENT_DAYS, &admin,
                               reterr);
        return status;
}

/* ---- configuration ---- */

static enum sal_status make_configuration(const struct making *making, struct sal_err *reterr) {
        const struct sal_init_options *o = making->options;
        sal_autobuf struct sal_buf daemon = SAL_BUF_INIT;
        sal_autobuf struct sal_buf control = SAL_BUF_INIT;
        sal_buf_puts(&daemon, "# salvord. Relative paths are relative to this file.\n"
                              "state_dir = \"state\"\n\n");
        sal_buf_printf(&daemon,
                       "# Recovery clients: HTTPS, client certificate optional.\n"
                       "machine {\n"
                       "  address = \"0.0.0.0\"\n"
                       "  port = %d\n"
                       "  certificate = \"pki/server.crt\"\n"
                       "  key = \"pki/server.key\"\n"
                       "  client_ca = \"pki/machine-ca.crt\"\n"
                       "}\n\n",
                       o->machine_port);
        sal_buf_printf(&daemon,
                       "# Operators: HTTPS with a client certificate.\n"
                       "admin {\n"
                       "  address = \"127.0.0.1\"\n"
                       "  port = %d\n"
                       "  certificate = \"pki/server.crt\"\n"
                       "  key = \"pki/server.key\"\n"
                       "  client_ca = \"pki/operator-ca.crt\"\n"
                       "}\n\n",
                       o->admin_port);
        sal_buf_printf(&daemon,
                       "# Health and metrics: plain HTTP.\n"
                       "ops {\n"
                       "  address = \"127.0.0.1\"\n"
                       "  port = %d\n"
                       "}\n\n",
                       o->ops_port);
        sal_buf_puts(&daemon, "trust {\n"
                              "  root = \"1.root.json\"\n"
                              "  targets = \"1.targets.json\"\n"
                              "  policy = \"trust-policy.json\"\n"
                              "  online_key = \"keys/online.pem\"\n"
                              "}\n\n"
                              "# Roles: viewer, author, operator, security (which may do everything).\n"
                              "operator \"admin\" {\n"
                              "  certificate = \"operators/admin.crt\"\n"
                              "  role = \"security\"\n"
                              "}\n");
        sal_buf_puts(&control, "# salvorctl -C. Relative paths are relative to this file.\n"
                               "state_dir = \"state\"\n"
                               "ca = \"pki/server-ca.crt\"\n"
                               "certificate = \"operators/admin.crt\"\n"
                               "key = \"operators/admin.key\"\n");
        enum sal_status status = write_file(making, "salvord.conf", &daemon, reterr);
        return status ? status : write_file(making, "ctl.conf", &control, reterr);
}

/* ---- the whole ---- */

static const struct folder {
        const char *name;
        mode_t mode; /* less the umask */
} folders[] = {{"pki", 0755}, {"operators", 0755}, {"keys", 0700}, {"state", 0700}};

static enum sal_status make_everything(struct making *making, struct sal_err *reterr) {
        enum sal_status status = SAL_OK;
        for (size_t i = 0; i < SAL_ARRAY_LEN(folders) && !status; i++)
                status = make_folder(making, folders[i].name, folders[i].mode, reterr);
        if (!status)
                status = make_keys(making, reterr);
        if (!status)
                status = make_root(making, reterr);
        if (!status)
                status = make_policy(making, reterr);
        if (!status)
                status = make_certificates(making, reterr);
        if (!status)
                status = make_configuration(making, reterr);
        for (size_t i = 0; i < SAL_ARRAY_LEN(folders) && !status; i++)
                status = sync_folder(making, folders[i].name, reterr);
        return status ? status : sal_dir_sync(making->stage, reterr);
}

static enum sal_status check_options(const struct sal_init_options *options, struct sal_err *reterr) {
        const int ports[] = {options->machine_port, options->admin_port, options->ops_port};
        static const char *const names[] = {"machine", "admin", "ops"};
        if (!options->dir || !*options->dir)
                return sal_fail(reterr, SAL_E_USAGE, "the folder's name is empty");
        for (size_t i = 0; i < SAL_ARRAY_LEN(ports); i++) {
                if (ports[i] < 0 || ports[i] > 65535)
                        return sal_fail(reterr, SAL_E_USAGE, "the %s port must be 0 to 65535, it is %d", names[i],
                                        ports[i]);
                for (size_t j = 0; j < i; j++)
                        if (ports[i] != 0 && ports[i] == ports[j])
                                return sal_fail(reterr, SAL_E_USAGE, "the %s and the %s port are both %d", names[j],
                                                names[i], ports[i]);
        }
        return SAL_OK;
}

enum sal_status sal_init_trust_domain(const struct sal_init_options *options, struct sal_err *reterr) {
        bool exists = false;
        enum sal_status status = check_options(options, reterr);
        if (!status)
                status = sal_init_check_vacant(options->dir, &exists, reterr);
        if (status)
                return status;
        sal_autofree char *copy = strdup(options->dir);
        sal_autofree char *stage = NULL;
        if (!copy)
                return no_memory(reterr);
        const char *parent = dirname(copy);
        status = sal_init_make_stage(options->dir, parent, exists, &stage, reterr);
        if (status)
                return status;
        struct making making = {.options = options, .stage = stage};
        status = make_everything(&making, reterr);
        if (!status)
                status = sal_init_publish(stage, options->dir, parent, exists, reterr);
        for (size_t i = 0; i < KEYS; i++)
                sal_private_key_free(making.keys[i]);
        if (status || exists)
                sal_init_remove(stage);
        return status;
}
