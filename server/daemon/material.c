/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/material.h"

#include "trust/file.h"
#include "trust/x509.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

enum { PEM_MAX_BYTES = 256 * 1024 };

enum sal_status sal_material_blame(const struct sal_conf *conf, const struct sal_conf_value *value, const char *name,
                                   const struct sal_err *why, struct sal_err *reterr) {
        if (why->status == SAL_E_NOMEM)
                return sal_fail(reterr, SAL_E_NOMEM, "%s", why->detail);
        sal_conf_fail(conf, value->line, reterr, "%s: %s%s%s", name, why->pointer, *why->pointer ? " " : "",
                      why->detail);
        if (*why->hint)
                sal_err_hint(reterr, "%s", why->hint);
        return SAL_E_CONFIG;
}

static enum sal_status read_file(const struct sal_conf *conf, const struct sal_conf_value *value, const char *name,
                                 size_t max, char **ret, size_t *ret_len, struct sal_err *reterr) {
        struct sal_err why = {0};
        if (sal_file_read(value->text, max, ret, ret_len, &why) == SAL_OK)
                return SAL_OK;
        return sal_material_blame(conf, value, name, &why, reterr);
}

/* ---- planes ---- */

/* Each of the three alone first, so that the right line is blamed; then the pair. */
static enum sal_status load_plane(const struct sal_conf *conf, enum sal_plane plane, struct sal_plane_material *ret,
                                  struct sal_err *reterr) {
        const struct sal_conf_value *values = conf->planes[plane].values;
        const struct sal_conf_value *certificate = &values[SAL_CONF_CERTIFICATE];
        const struct sal_conf_value *key = &values[SAL_CONF_PRIVATE_KEY], *ca = &values[SAL_CONF_CLIENT_CA];
        const char *name = sal_plane_name(plane);
        char names[3][32];
        size_t len = 0;
        struct sal_err why = {0};
        snprintf(names[0], sizeof names[0], "%s.certificate", name);
        snprintf(names[1], sizeof names[1], "%s.key", name);
        snprintf(names[2], sizeof names[2], "%s.client_ca", name);
        enum sal_status status =
                read_file(conf, certificate, names[0], PEM_MAX_BYTES, &ret->certificate_pem, &len, reterr);
        if (!status) {
                sal_auto(sal_certificate) struct sal_certificate *parsed = NULL;
                if (sal_certificate_from_pem(ret->certificate_pem, len, &parsed, &why))
                        status = sal_material_blame(conf, certificate, names[0], &why, reterr);
        }
        if (!status)
                status = read_file(conf, key, names[1], PEM_MAX_BYTES, &ret->key_pem, &ret->key_len, reterr);
        if (!status && sal_http_server_check_tls(ret->certificate_pem, ret->key_pem, NULL, &why))
                status = sal_material_blame(conf, key, names[1], &why, reterr);
        if (status || !ca->text)
                return status;
        status = read_file(conf, ca, names[2], PEM_MAX_BYTES, &ret->client_ca_pem, &len, reterr);
        if (!status && sal_http_server_check_tls(ret->certificate_pem, ret->key_pem, ret->client_ca_pem, &why))
                status = sal_material_blame(conf, ca, names[2], &why, reterr);
        return status;
}

/* ---- operators ---- */

static enum sal_status load_operator(const struct sal_conf *conf, const struct sal_conf_operator *from,
                                     struct sal_operators *into, struct sal_err *reterr) {
        const struct sal_conf_value *file = &from->values[SAL_CONF_OPERATOR_CERTIFICATE];
        struct sal_operator *made = &into->items[into->count];
        sal_auto(sal_certificate) struct sal_certificate *certificate = NULL;
        struct sal_err why = {0};
        char name[96];
        snprintf(name, sizeof name, "operator \"%s\" certificate", from->name);
        if (sal_certificate_load(file->text, &certificate, &why))
                return sal_material_blame(conf, file, name, &why, reterr);
        snprintf(made->name, sizeof made->name, "%s", from->name);
        sal_certificate_fingerprint(certificate, made->certificate_sha256);
        made->role = (enum sal_role)from->values[SAL_CONF_OPERATOR_ROLE].number;
        for (size_t i = 0; i < into->count; i++)
                if (strcmp(into->items[i].certificate_sha256, made->certificate_sha256) == 0)
                        return sal_conf_fail(conf, file->line, reterr,
                                             "%s is that of \"%s\" too; a certificate tells who acts, so each "
                                             "operator needs an own one",
                                             name, into->items[i].name);
        into->count++;
        return SAL_OK;
}

static enum sal_status load_operators(const struct sal_conf *conf, struct sal_operators **ret, struct sal_err *reterr) {
        size_t size = sizeof **ret + conf->operator_count * sizeof(struct sal_operator);
        sal_autofree struct sal_operators *made = calloc(1, size);
        if (!made)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for the operators");
        for (size_t i = 0; i < conf->operator_count; i++) {
                enum sal_status status = load_operator(conf, &conf->operators[i], made, reterr);
                if (status)
                        return status;
        }
        *ret = SAL_STEAL(made);
        return SAL_OK;
}

/* ---- state directory ---- */

/* It may be missing, for a start makes it; but something else in its place would stop the start. */
static enum sal_status check_state_dir(const struct sal_conf *conf, struct sal_err *reterr) {
        const struct sal_conf_value *dir = &conf->values[SAL_CONF_STATE_DIR];
        struct stat info;
        bool there = stat(dir->text, &info) == 0;
        if (there && !S_ISDIR(info.st_mode))
                return sal_conf_fail(conf, dir->line, reterr, "state_dir %.200s is no folder", dir->text);
        if (!there && errno != ENOENT)
                return sal_conf_fail(conf, dir->line, reterr, "state_dir %.200s cannot be one: %s", dir->text,
                                     strerror(errno));
        return SAL_OK;
}

/* ---- the whole ---- */

enum sal_status sal_material_load(const struct sal_conf *conf, struct sal_material **ret, struct sal_err *reterr) {
        sal_auto(sal_material) struct sal_material *material = calloc(1, sizeof *material);
        if (!material)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for certificates");
        enum sal_status status = check_state_dir(conf, reterr);
        if (!status)
                status = sal_material_check_trust(conf, &material->trust, reterr);
        if (!status)
                status = load_plane(conf, SAL_PLANE_MACHINE, &material->planes[SAL_PLANE_MACHINE], reterr);
        if (!status)
                status = load_plane(conf, SAL_PLANE_ADMIN, &material->planes[SAL_PLANE_ADMIN], reterr);
        if (!status)
                status = load_operators(conf, &material->operators, reterr);
        if (!status)
                *ret = SAL_STEAL(material);
        return status;
}

void sal_material_free(struct sal_material *material) {
        if (!material)
                return;
        for (size_t i = 0; i < SAL_PLANES; i++) {
                struct sal_plane_material *plane = &material->planes[i];
                if (plane->key_pem)
                        explicit_bzero(plane->key_pem, plane->key_len);
                free(plane->certificate_pem);
                free(plane->key_pem);
                free(plane->client_ca_pem);
        }
        free(material->operators);
        free(material);
}
