/* SPDX-License-Identifier: Apache-2.0 */
#include "salvor-recover/settings.h"

#include "base/mem.h"
#include "client/config.h"
#include "model/campaign.h"
#include "trust/file.h"

#include <string.h>

/* A token goes into a header line: printable ASCII without spaces, or it would be another line. */
static enum sal_status check_token(const char *path, const char *token, struct sal_err *reterr) {
        for (const char *p = token; *p; p++)
                if (*p <= 0x20 || *p > 0x7e)
                        return sal_fail(reterr, SAL_E_CONFIG, "%.200s: the token holds a space or a control byte",
                                        path);
        return SAL_OK;
}

static enum sal_status read_token_file(const char *token_file, char **ret, struct sal_err *reterr) {
        size_t len = 0;
        struct sal_err cause = {0};
        enum sal_status status = sal_file_read(token_file, SAL_TOKEN_TEXT_MAX_BYTES, ret, &len, &cause);
        if (status)
                return sal_fail(reterr, SAL_E_CONFIG, "token_file: %s", cause.detail);
        while (len > 0 && strchr("\r\n", (*ret)[len - 1]))
                (*ret)[--len] = 0;
        if (len == 0 || strlen(*ret) != len)
                return sal_fail(reterr, SAL_E_CONFIG, "token_file %.300s holds no token", token_file);
        return SAL_OK;
}

/* What stands in the file besides the settings themselves. */
struct texts {
        char *token_file, *policy, *reports_healthy;
};

static void texts_done(struct texts *texts) {
        free(texts->token_file);
        free(texts->policy);
        free(texts->reports_healthy);
}

static enum sal_status read_bool(const char *path, const char *key, const char *text, bool *ret,
                                 struct sal_err *reterr) {
        if (!text)
                return SAL_OK;
        *ret = strcmp(text, "true") == 0;
        if (*ret || strcmp(text, "false") == 0)
                return SAL_OK;
        return sal_fail(reterr, SAL_E_CONFIG, "%.200s: %s is true or false, not \"%.40s\"", path, key, text);
}

static enum sal_status refuse_policy(const char *path, struct sal_err *reterr) {
        sal_fail(reterr, SAL_E_CONFIG, "%.200s: policy is an unknown key: the policy now comes signed from the server",
                 path);
        sal_err_hint(reterr, "remove the line; `root` alone is pinned");
        return SAL_E_CONFIG;
}

static enum sal_status complete(const char *path, const struct texts *texts, struct sal_settings *settings,
                                struct sal_err *reterr) {
        const char *token_file = texts->token_file;
        if (texts->policy)
                return refuse_policy(path, reterr);
        enum sal_status status =
                read_bool(path, "reports_healthy", texts->reports_healthy, &settings->reports_healthy, reterr);
        if (status)
                return status;
        if (!sal_machine_id_valid(settings->machine_id))
                return sal_fail(
                        reterr, SAL_E_CONFIG,
                        "%.200s: machine_id \"%.80s\" is not 1 to 64 of A-Z a-z 0-9 . _ : - without a leading dot",
                        path, settings->machine_id);
        if (settings->token && token_file)
                return sal_fail(reterr, SAL_E_CONFIG, "%.200s: token and token_file exclude each other", path);
        if (!settings->client_certificate != !settings->client_key)
                return sal_fail(reterr, SAL_E_CONFIG, "%.200s: client_certificate and client_key need each other",
                                path);
        if (token_file)
                status = read_token_file(token_file, &settings->token, reterr);
        if (!status && settings->token)
                status = check_token(path, settings->token, reterr);
        return status;
}

enum sal_status sal_settings_read(const char *path, bool online, struct sal_settings *ret, struct sal_err *reterr) {
        struct sal_settings settings = {0};
        __attribute__((cleanup(texts_done))) struct texts texts = {0};
        const struct sal_config_item items[] = {
                {.key = "server", .required = online, .value = &settings.server},
                {.key = "ca", .required = online, .path = true, .value = &settings.ca},
                {.key = "root", .required = true, .path = true, .value = &settings.root},
                {.key = "policy", .value = &texts.policy},
                {.key = "machine_id", .required = true, .value = &settings.machine_id},
                {.key = "token", .value = &settings.token},
                {.key = "token_file", .path = true, .value = &texts.token_file},
                {.key = "client_certificate", .path = true, .value = &settings.client_certificate},
                {.key = "client_key", .path = true, .value = &settings.client_key},
                {.key = "reports_healthy", .value = &texts.reports_healthy},
        };
        enum sal_status status = sal_config_read(path, items, SAL_ARRAY_LEN(items), reterr);
        if (status)
                return status;
        status = complete(path, &texts, &settings, reterr);
        if (status) {
                sal_settings_done(&settings);
                return status;
        }
        *ret = settings;
        return SAL_OK;
}

void sal_settings_done(struct sal_settings *settings) {
        if (!settings)
                return;
        if (settings->token)
                explicit_bzero(settings->token, strlen(settings->token));
        char *owned[] = {settings->server,
                         settings->ca,
                         settings->root,
                         settings->token,
                         settings->machine_id,
                         settings->client_key,
                         settings->client_certificate};
        for (size_t i = 0; i < SAL_ARRAY_LEN(owned); i++)
                free(owned[i]);
        *settings = (struct sal_settings){0};
}
