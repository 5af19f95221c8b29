/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the text by libconfuse. Every value comes as text, for the table in config.c is stricter than the library. */
#include "api/api.h"
#include "base/json.h"
#include "daemon/config.h"
#include "trust/file.h"

#include <confuse.h>
#include <stdarg.h>
#include <string.h>

/* libconfuse says nothing when the file ends inside a section. So a last key is appended to the text: where it is
 * unknown, a brace is missing; where it is never seen, a comment is open. */
static const char end_key[] = "end_of_configuration_";

/* libconfuse hands its callbacks no context, so the present read stands here. */
static struct reading {
        struct sal_conf *conf;
        struct sal_err first; /* the first error */
        bool ended;
} * present;

static int __attribute__((format(printf, 2, 3))) refuse(int line, const char *format, ...) {
        char text[SAL_ERR_DETAIL_BYTES];
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof text, format, args);
        va_end(args);
        if (!present->first.status)
                sal_conf_fail(present->conf, line, &present->first, "%s", text);
        return -1;
}

/* ---- the library's own errors ---- */

static bool is_section_name(const char *name) {
        for (enum sal_plane plane = 0; plane < SAL_PLANES; plane++)
                if (strcmp(name, sal_plane_name(plane)) == 0)
                        return true;
        return strcmp(name, "trust") == 0 || strcmp(name, "operator") == 0;
}

static void refuse_unknown(const cfg_t *cfg, const char *key) {
        bool inside = strcmp(cfg->name, "root") != 0;
        if (strcmp(key, end_key) == 0)
                refuse(cfg->line - 1, "the section %s is not closed; its } is missing", cfg->name);
        else if (inside && is_section_name(key))
                refuse(cfg->line, "\"%s\" stands inside the section %s; is the } before it missing?", key, cfg->name);
        else if (inside)
                refuse(cfg->line, "unknown key \"%.60s\" in the section %s; see salvord.conf(5)", key, cfg->name);
        else
                refuse(cfg->line, "unknown key \"%.60s\"; see salvord.conf(5)", key);
}

static void __attribute__((format(printf, 2, 0))) on_error(cfg_t *cfg, const char *format, va_list args) {
        char text[256], word[128];
        vsnprintf(text, sizeof text, format, args);
        if (sscanf(text, "no such option '%127[^']", word) == 1)
                refuse_unknown(cfg, word);
        else if (sscanf(text, "found duplicate title '%127[^']", word) == 1)
                refuse(cfg->line, "the operator \"%.64s\" stands there twice", word);
        else
                refuse(cfg->line, "%s", text);
}

/* ---- values ---- */

static int plane_of(const char *section) {
        for (enum sal_plane plane = 0; plane < SAL_PLANES; plane++)
                if (strcmp(section, sal_plane_name(plane)) == 0)
                        return (int)plane;
        return -1;
}

/* Operator names go into logs, the journal and answers; one that JSON cannot hold would fail every write of its owner,
 * the kill switch included. */
static bool operator_name_fits(const char *name) {
        size_t len = strlen(name);
        sal_autojson json_t *utf8 = json_stringn(name, len); /* NULL for what is no UTF-8 */
        for (size_t i = 0; i < len; i++) {
                const unsigned char *at = (const unsigned char *)name + i;
                if (*at < 0x20 || *at == 0x7f || (*at == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0)) /* C0, DEL, C1 */
                        return false;
        }
        return utf8 && len > 0 && len < sizeof((struct sal_operator *)NULL)->name;
}

static struct sal_conf_operator *operator_of(const cfg_t *cfg) {
        struct sal_conf *conf = present->conf;
        for (size_t i = 0; i < conf->operator_count; i++)
                if (strcmp(conf->operators[i].name, cfg->title) == 0)
                        return &conf->operators[i];
        if (!operator_name_fits(cfg->title)) {
                refuse(cfg->line, "an operator's name has 1 to 63 bytes of UTF-8 and no control characters");
                return NULL;
        }
        if (conf->operator_count == SAL_OPERATORS_MAX) {
                refuse(cfg->line, "there are more than %d operators", SAL_OPERATORS_MAX);
                return NULL;
        }
        struct sal_conf_operator *made =
                reallocarray(conf->operators, conf->operator_count + 1, sizeof *conf->operators);
        char *name = strdup(cfg->title);
        if (made)
                conf->operators = made;
        if (!made || !name) {
                free(name);
                refuse(cfg->line, "no memory for an operator");
                return NULL;
        }
        made[conf->operator_count] = (struct sal_conf_operator){.name = name, .line = cfg->line};
        return &conf->operators[conf->operator_count++];
}

struct place {
        enum sal_conf_section section;
        struct sal_conf_value *values;
        char prefix[80]; /* "machine." for messages */
};

static bool place_of(const cfg_t *cfg, struct place *ret) {
        struct sal_conf *conf = present->conf;
        int plane = plane_of(cfg->name);
        *ret = (struct place){.section = SAL_CONF_TOP, .values = conf->values};
        if (plane >= 0) {
                ret->section = SAL_CONF_PLANE;
                ret->values = conf->planes[plane].values;
                snprintf(ret->prefix, sizeof ret->prefix, "%s.", cfg->name);
        } else if (strcmp(cfg->name, "trust") == 0) {
                ret->section = SAL_CONF_TRUST;
                ret->values = &conf->values[SAL_CONF_ROOT];
                snprintf(ret->prefix, sizeof ret->prefix, "trust.");
        } else if (strcmp(cfg->name, "operator") == 0) {
                struct sal_conf_operator *who = operator_of(cfg);
                ret->section = SAL_CONF_OPERATOR;
                ret->values = who ? who->values : NULL;
                snprintf(ret->prefix, sizeof ret->prefix, "operator \"%.63s\" ", cfg->title);
        }
        return ret->values != NULL;
}

/* Called by the library each time a value has been set. */
static int on_value(cfg_t *cfg, cfg_opt_t *option) {
        struct place place;
        if (strcmp(cfg_opt_name(option), end_key) == 0) {
                present->ended = true;
                return 0;
        }
        if (!place_of(cfg, &place))
                return -1;
        size_t count = 0;
        const struct sal_conf_row *rows = sal_conf_rows(place.section, &count);
        for (size_t i = 0; i < count; i++) {
                char name[128];
                if (strcmp(rows[i].name, cfg_opt_name(option)) != 0)
                        continue;
                snprintf(name, sizeof name, "%s%s", place.prefix, rows[i].name);
                if (place.values[i].line)
                        return refuse(cfg->line, "%s stands there twice, first in line %d", name, place.values[i].line);
                const char *text = cfg_opt_getnstr(option, 0);
                struct sal_err err = {0};
                if (sal_conf_value_read(present->conf, &rows[i], name, text ? text : "", cfg->line, &place.values[i],
                                        &err) == SAL_OK)
                        return 0;
                if (!present->first.status)
                        present->first = err;
                return -1;
        }
        return 0;
}

/* Called when a section was closed. */
static int on_section(cfg_t *cfg, cfg_opt_t *option) {
        const char *name = cfg_opt_name(option);
        struct sal_conf *conf = present->conf;
        if (strcmp(name, "operator") == 0) {
                /* One without any key is known here only; what it lacks is found out later. */
                cfg_t *section = cfg_opt_getnsec(option, cfg_opt_size(option) - 1);
                return section && operator_of(section) ? 0 : -1;
        }
        int plane = plane_of(name);
        int *line = plane >= 0 ? &conf->planes[plane].line : &conf->trust_line;
        if (*line)
                return refuse(cfg->line, "the section %s stands there twice, first up to line %d", name, *line);
        *line = cfg->line;
        return 0;
}

/* ---- the library's tables, out of ours ---- */

enum { OPTIONS_MAX = 24 };

static void options_of(enum sal_conf_section section, bool ops, cfg_opt_t ret[static OPTIONS_MAX]) {
        size_t count = 0, used = 0;
        const struct sal_conf_row *rows = sal_conf_rows(section, &count);
        for (size_t i = 0; i < count; i++) {
                if (ops && rows[i].not_ops)
                        continue;
                ret[used] = (cfg_opt_t)CFG_STR(rows[i].name, NULL, CFGF_NODEFAULT);
                ret[used++].validcb = on_value;
        }
        ret[used] = (cfg_opt_t)CFG_END();
}

static cfg_t *library_new(void) {
        cfg_opt_t top[OPTIONS_MAX], trust[OPTIONS_MAX], planes[SAL_PLANES][OPTIONS_MAX], operators[OPTIONS_MAX];
        options_of(SAL_CONF_TOP, false, top);
        options_of(SAL_CONF_TRUST, false, trust);
        options_of(SAL_CONF_OPERATOR, false, operators);
        size_t used = 0;
        while (top[used].name)
                used++;
        top[used] = (cfg_opt_t)CFG_STR(end_key, NULL, CFGF_NODEFAULT);
        top[used++].validcb = on_value;
        for (enum sal_plane plane = 0; plane < SAL_PLANES; plane++) {
                options_of(SAL_CONF_PLANE, plane == SAL_PLANE_OPS, planes[plane]);
                top[used] = (cfg_opt_t)CFG_SEC(sal_plane_name(plane), planes[plane], CFGF_NODEFAULT);
                top[used++].validcb = on_section;
        }
        top[used] = (cfg_opt_t)CFG_SEC("trust", trust, CFGF_NODEFAULT);
        top[used++].validcb = on_section;
        top[used] = (cfg_opt_t)CFG_SEC("operator", operators, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES);
        top[used++].validcb = on_section;
        top[used] = (cfg_opt_t)CFG_END();
        cfg_t *cfg = cfg_init(top, CFGF_NONE);
        if (cfg)
                cfg_set_error_function(cfg, on_error);
        return cfg;
}

/* ---- the text ---- */

/* The library counts a line too many for each block comment; so they become blanks, with their line ends kept. What
 * stands in quotes or in a comment of one line stays. */
static void blank_comments(char *text) {
        char quote = 0;
        for (char *p = text; *p; p++) {
                if (quote) {
                        if (*p == '\\' && p[1])
                                p++;
                        else if (*p == quote)
                                quote = 0;
                } else if (*p == '"' || *p == '\'') {
                        quote = *p;
                } else if (*p == '#' || (*p == '/' && p[1] == '/')) {
                        while (p[1] && p[1] != '\n')
                                p++;
                } else if (*p == '/' && p[1] == '*') {
                        char *end = strstr(p + 2, "*/");
                        if (!end)
                                return;
                        for (; p < end + 2; p++)
                                *p = *p == '\n' ? '\n' : ' ';
                        p--;
                }
        }
}

static int count_lines(const char *text) {
        int lines = 0;
        for (const char *p = strchr(text, '\n'); p; p = strchr(p + 1, '\n'))
                lines++;
        return lines;
}

static enum sal_status parse(struct sal_conf *conf, char *text, struct sal_err *reterr) {
        size_t len = strlen(text);
        sal_autofree char *whole = NULL;
        blank_comments(text);
        if (asprintf(&whole, "%s%s%s = 1\n", text, len && text[len - 1] == '\n' ? "" : "\n", end_key) < 0) {
                whole = NULL;
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for the configuration");
        }
        sal_autofclose FILE *file = fmemopen(whole, strlen(whole), "r");
        struct reading reading = {.conf = conf};
        present = &reading;
        cfg_t *cfg = file ? library_new() : NULL;
        if (!cfg)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for the configuration");
        if (cfg_parse_fp(cfg, file) != CFG_SUCCESS)
                refuse(0, "cannot be read");
        else if (!reading.ended)
                refuse(count_lines(text), "a comment or a quoted text is not closed");
        cfg_free(cfg);
        present = NULL;
        if (reading.first.status && reterr)
                *reterr = reading.first;
        return reading.first.status;
}

/* ---- what must stand there, and defaults ---- */

static enum sal_status complete(const struct sal_conf *conf, enum sal_conf_section section, enum sal_plane plane,
                                const char *prefix, int line, struct sal_conf_value *values, struct sal_err *reterr) {
        size_t count = 0;
        const struct sal_conf_row *rows = sal_conf_rows(section, &count);
        for (size_t i = 0; i < count; i++) {
                const char *fallback = rows[i].defaults[plane];
                bool absent = section == SAL_CONF_PLANE && plane == SAL_PLANE_OPS && rows[i].not_ops;
                if (values[i].line || absent || (fallback && !*fallback))
                        continue;
                if (!fallback) {
                        sal_conf_fail(conf, line, reterr, "%s%s is missing", prefix, rows[i].name);
                        sal_err_hint(reterr, "see salvord.conf(5); `salvorctl init` writes a complete file");
                        return SAL_E_CONFIG;
                }
                enum sal_status status =
                        sal_conf_value_read(conf, &rows[i], rows[i].name, fallback, 0, &values[i], reterr);
                if (status)
                        return status;
        }
        return SAL_OK;
}

static enum sal_status complete_all(struct sal_conf *conf, int last_line, struct sal_err *reterr) {
        enum sal_status status = complete(conf, SAL_CONF_TOP, SAL_PLANE_MACHINE, "", last_line, conf->values, reterr);
        if (!status)
                status =
                        complete(conf, SAL_CONF_TRUST, SAL_PLANE_MACHINE, "trust.",
                                 conf->trust_line ? conf->trust_line : last_line, &conf->values[SAL_CONF_ROOT], reterr);
        for (enum sal_plane plane = 0; plane < SAL_PLANES && !status; plane++) {
                char prefix[16];
                snprintf(prefix, sizeof prefix, "%s.", sal_plane_name(plane));
                int line = conf->planes[plane].line;
                status = complete(conf, SAL_CONF_PLANE, plane, prefix, line ? line : last_line,
                                  conf->planes[plane].values, reterr);
        }
        for (size_t i = 0; i < conf->operator_count && !status; i++) {
                struct sal_conf_operator *who = &conf->operators[i];
                char prefix[96];
                snprintf(prefix, sizeof prefix, "operator \"%s\" ", who->name);
                status = complete(conf, SAL_CONF_OPERATOR, SAL_PLANE_MACHINE, prefix, who->line, who->values, reterr);
        }
        return status;
}

enum sal_status sal_conf_read(const char *path, struct sal_conf **ret, struct sal_err *reterr) {
        sal_auto(sal_conf) struct sal_conf *conf = calloc(1, sizeof *conf);
        sal_autofree char *text = NULL;
        size_t len = 0;
        const char *slash = strrchr(path, '/');
        if (conf) {
                conf->path = strdup(path);
                conf->folder = !slash ? strdup(".") : strndup(path, slash == path ? 1 : (size_t)(slash - path));
        }
        if (!conf || !conf->path || !conf->folder)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for the configuration");
        enum sal_status status = sal_file_read(path, SAL_CONF_FILE_MAX_BYTES, &text, &len, reterr);
        if (status && status != SAL_E_NOMEM && reterr)
                reterr->status = SAL_E_CONFIG; /* whatever the reason, there is no configuration */
        if (status)
                return status == SAL_E_NOMEM ? status : SAL_E_CONFIG;
        if (strlen(text) != len)
                return sal_conf_fail(conf, count_lines(text) + 1, reterr, "a NUL byte stands there");
        int last_line = count_lines(text) + (len && text[len - 1] != '\n');
        status = parse(conf, text, reterr);
        if (!status)
                status = complete_all(conf, last_line, reterr);
        if (!status)
                status = sal_conf_check_ports(conf, last_line, reterr);
        if (!status)
                *ret = SAL_STEAL(conf);
        return status;
}
