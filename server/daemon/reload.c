/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/reload.h"

#include "base/clock.h"
#include "base/log.h"
#include "daemon/warn.h"

#include <string.h>

static void needs_restart(void *arg, const char *name) {
        int *count = arg;
        ++*count;
        sal_log(SAL_LOG_WARNING, "reload.needs_restart", SAL_F_STR("key", name));
}

/* Compared with the start, not with the last reload: what waits for a restart is said each time. */
static int log_fixed_changes(const struct sal_daemon *daemon, const struct sal_conf *conf,
                             const struct sal_material *material) {
        int count = 0;
        sal_conf_each_fixed_change(daemon->started, conf, needs_restart, &count);
        for (size_t i = 0; i < SAL_TRUST_DIGESTS; i++)
                if (strcmp(daemon->trust.of[i].sha256, material->trust.of[i].sha256) != 0)
                        needs_restart(&count, daemon->trust.of[i].name);
        return count;
}

static enum sal_status commit(struct sal_daemon *daemon, struct sal_conf *conf, struct sal_material *material,
                              struct sal_err *reterr) {
        /* What can still fail (memory) comes first. */
        for (enum sal_plane plane = 0; plane < SAL_PLANES; plane++) {
                const struct sal_plane_material *tls = &material->planes[plane];
                if (!tls->certificate_pem)
                        continue;
                enum sal_status status = sal_http_server_set_tls(daemon->http, plane, tls->certificate_pem,
                                                                 tls->key_pem, tls->client_ca_pem, reterr);
                if (status)
                        return status;
        }
        const struct sal_operators *now = atomic_load(&daemon->api.operators);
        const struct sal_operators *then = material->operators;
        if (now->count != then->count || memcmp(now->items, then->items, then->count * sizeof then->items[0]) != 0) {
                enum sal_status status = sal_daemon_set_operators(daemon, SAL_STEAL(material->operators));
                if (status)
                        return sal_fail(reterr, status, "no memory for the operators");
        }
        sal_log_set((enum sal_log_level)conf->values[SAL_CONF_LOG_LEVEL].number);
        if (daemon->live != daemon->started)
                sal_conf_free(daemon->live);
        daemon->live = conf;
        return SAL_OK;
}

enum sal_status sal_daemon_reload(struct sal_daemon *daemon) {
        sal_auto(sal_conf) struct sal_conf *conf = NULL;
        sal_auto(sal_material) struct sal_material *material = NULL;
        struct sal_err err = {0};
        sal_notify_reloading();
        enum sal_status status = sal_conf_read(daemon->started->path, &conf, &err);
        if (!status)
                status = sal_material_load(conf, &material, &err);
        if (!status) {
                size_t operators = material->operators->count;
                int waiting = log_fixed_changes(daemon, conf, material);
                status = commit(daemon, conf, material, &err);
                if (!status) {
                        sal_log(SAL_LOG_NOTICE, "reload.done", SAL_F_STR("file", conf->path),
                                SAL_F_INT("operators", operators), SAL_F_INT("need_restart", waiting));
                        sal_warn_expiry(conf, sal_clock_wall_ms());
                        sal_warn_key_modes(conf);
                        conf = NULL; /* the daemon's now */
                }
        }
        if (status)
                sal_log(SAL_LOG_ERROR, "reload.refused", SAL_F_STR("why", err.detail),
                        SAL_F_STR("remedy",
                                  *err.hint ? err.hint : "mend it and reload; the configuration before holds"));
        sal_notify_ready(status ? "serving; the last reload was refused" : "serving");
        return status;
}
