/* SPDX-License-Identifier: Apache-2.0 */
#include "client/config.h"

#include "base/buf.h"
#include "base/mem.h"

#include <confuse.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* libconfuse hands its error callback no context, so the place of the first error of the present read stands here. */
static struct sal_err *present_error;
static unsigned present_seen[SAL_CONFIG_MAX_ITEMS];
static const struct sal_config_item *present_items;
static size_t present_count;

static void __attribute__((format(printf, 2, 0))) keep_first_error(cfg_t *cfg, const char *format, va_list args) {
        if (!present_error || present_error->status)
                return;
        char text[SAL_ERR_DETAIL_BYTES / 2];
        vsnprintf(text, sizeof text, format, args);
        sal_fail(present_error, SAL_E_CONFIG, "%.200s:%d: %s", cfg->filename ? cfg->filename : "configuration",
                 cfg->line, text);
}

/* Called each time a value has been set: the second time is the second line with that key. */
static int refuse_double(cfg_t *cfg, cfg_opt_t *option) {
        for (size_t i = 0; i < present_count; i++) {
                if (strcmp(present_items[i].key, cfg_opt_name(option)) != 0)
                        continue;
                if (++present_seen[i] > 1) {
                        cfg_error(cfg, "\"%s\" stands there twice", present_items[i].key);
                        return -1;
                }
        }
        return 0;
}

static enum sal_status take_value(const struct sal_config_item *item, cfg_t *cfg, const char *path, char **ret,
                                  struct sal_err *reterr) {
        const char *text = cfg_getstr(cfg, item->key);
        *ret = NULL;
        if (item->required && (!text || !*text)) {
                sal_fail(reterr, SAL_E_CONFIG, "%.200s: \"%s\" is missing", path, item->key);
                sal_err_hint(reterr, "add a line: %s = \"…\"", item->key);
                return SAL_E_CONFIG;
        }
        if (!text || !*text)
                return SAL_OK;
        if (strlen(text) > SAL_CONFIG_VALUE_BYTES)
                return sal_fail(reterr, SAL_E_CONFIG, "%.200s: \"%s\" is longer than %d bytes", path, item->key,
                                SAL_CONFIG_VALUE_BYTES);
        sal_autofree char *folder = item->path ? sal_path_folder(path) : NULL;
        *ret = folder ? sal_path_join(folder, text) : item->path ? NULL : strdup(text);
        return *ret ? SAL_OK : sal_fail(reterr, SAL_E_NOMEM, "no memory for the configuration");
}

static enum sal_status parse(cfg_t *cfg, const char *path, struct sal_err *reterr) {
        sal_autofclose FILE *file = fopen(path, "re");
        if (!file)
                return sal_fail(reterr, errno == ENOENT ? SAL_E_NOT_FOUND : SAL_E_IO, "cannot open %.300s: %s", path,
                                strerror(errno));
        cfg->filename = strdup(path);
        struct sal_err first = {0};
        present_error = &first;
        int outcome = cfg_parse_fp(cfg, file);
        present_error = NULL;
        if (outcome == CFG_SUCCESS)
                return SAL_OK;
        if (!first.status)
                sal_fail(&first, SAL_E_CONFIG, "%.300s: cannot be read", path);
        if (reterr)
                *reterr = first;
        return first.status;
}

enum sal_status sal_config_read(const char *path, const struct sal_config_item *items, size_t count,
                                struct sal_err *reterr) {
        cfg_opt_t options[SAL_CONFIG_MAX_ITEMS + 1];
        if (count > SAL_CONFIG_MAX_ITEMS)
                return sal_fail(reterr, SAL_E_INTERNAL, "more than %d configuration keys", SAL_CONFIG_MAX_ITEMS);
        for (size_t i = 0; i < count; i++)
                options[i] = (cfg_opt_t)CFG_STR(items[i].key, NULL, CFGF_NODEFAULT);
        options[count] = (cfg_opt_t)CFG_END();
        cfg_t *cfg = cfg_init(options, CFGF_NONE);
        if (!cfg)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for the configuration");
        cfg_set_error_function(cfg, keep_first_error);
        memset(present_seen, 0, sizeof present_seen);
        present_items = items;
        present_count = count;
        for (size_t i = 0; i < count; i++)
                cfg_set_validate_func(cfg, items[i].key, refuse_double);

        char *values[SAL_CONFIG_MAX_ITEMS] = {0};
        enum sal_status status = parse(cfg, path, reterr);
        for (size_t i = 0; i < count && !status; i++)
                status = take_value(&items[i], cfg, path, &values[i], reterr);
        cfg_free(cfg);
        for (size_t i = 0; i < count; i++) {
                if (status)
                        free(values[i]);
                else
                        *items[i].value = values[i];
        }
        return status;
}

char *sal_path_join(const char *folder, const char *name) {
        if (*name == '/')
                return strdup(name);
        sal_autobuf struct sal_buf text = SAL_BUF_INIT;
        sal_buf_puts(&text, folder);
        if (text.len && text.data[text.len - 1] != '/')
                sal_buf_putc(&text, '/');
        sal_buf_puts(&text, name);
        return sal_buf_take(&text, NULL);
}

char *sal_path_folder(const char *path) {
        const char *slash = strrchr(path, '/');
        if (!slash)
                return strdup(".");
        return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}
