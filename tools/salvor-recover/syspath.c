/* SPDX-License-Identifier: Apache-2.0 */
#include "salvor-recover/syspath.h"

#include "base/mem.h"
#include "model/selector.h"

#include <string.h>
#include <strings.h>

struct variable {
        const char *name;
        const char *folder[2]; /* by enum sal_layout; "" is the root itself */
};

static const struct variable variables[] = {
        {"${SYSTEMROOT}", {[SAL_LAYOUT_UNIX] = "", [SAL_LAYOUT_WINDOWS] = "Windows"}},
        {"${SYSTEM}", {[SAL_LAYOUT_UNIX] = "usr", [SAL_LAYOUT_WINDOWS] = "Windows/System32"}},
        {"${BOOT}", {[SAL_LAYOUT_UNIX] = "boot", [SAL_LAYOUT_WINDOWS] = "Boot"}},
};

static enum sal_status refuse(const char *path, const char *why, struct sal_err *reterr) {
        sal_autobuf struct sal_buf text = SAL_BUF_INIT;
        sal_syspath_escape(path, &text);
        return sal_fail(reterr, SAL_E_REFUSED, "path %.200s: %s", text.data ? text.data : "", why);
}

static const char *fault_of_part(const char *part) {
        size_t len = strlen(part);
        if (len == 0)
                return "an empty part";
        if (len > SAL_SYSPATH_PART_MAX_BYTES)
                return "a part is longer than 255 bytes";
        if (strcmp(part, ".") == 0 || strcmp(part, "..") == 0)
                return "\".\" and \"..\" are not allowed";
        for (const char *p = part; *p; p++) {
                unsigned char c = (unsigned char)*p;
                if (c < 0x20 || c == 0x7f)
                        return "a control byte";
                if (c == ':' || c == '\\')
                        return "\":\" and \"\\\" are not allowed";
        }
        return NULL;
}

static enum sal_status add_parts(struct sal_syspath *path, const char *written, char *text, struct sal_err *reterr) {
        while (text) {
                char *slash = strchr(text, '/');
                if (slash)
                        *slash = 0;
                const char *fault = fault_of_part(text);
                if (fault)
                        return refuse(written, fault, reterr);
                if (path->count == SAL_SYSPATH_MAX_PARTS)
                        return refuse(written, "more than 64 parts", reterr);
                path->parts[path->count++] = text;
                text = slash ? slash + 1 : NULL;
        }
        return SAL_OK;
}

enum sal_status sal_syspath_parse(const char *path, enum sal_layout layout, struct sal_syspath *ret,
                                  struct sal_err *reterr) {
        const struct variable *variable = NULL;
        for (size_t i = 0; i < SAL_ARRAY_LEN(variables) && !variable; i++)
                if (strncmp(path, variables[i].name, strlen(variables[i].name)) == 0)
                        variable = &variables[i];
        if (!variable)
                return refuse(path, "does not start with ${SYSTEMROOT}, ${SYSTEM} or ${BOOT}", reterr);
        const char *rest = path + strlen(variable->name);
        if (*rest != '/' || !rest[1])
                return refuse(path, "names no file below its variable", reterr);
        if (strlen(rest) >= SAL_SYSPATH_MAX_BYTES)
                return refuse(path, "longer than 4095 bytes", reterr);

        const char *folder = variable->folder[layout];
        sal_autobuf struct sal_buf text = SAL_BUF_INIT;
        sal_buf_puts(&text, folder);
        sal_buf_puts(&text, *folder ? rest : rest + 1);
        sal_autosyspath struct sal_syspath parsed = {.fold = layout == SAL_LAYOUT_WINDOWS};
        parsed.text = sal_buf_take(&text, NULL);
        if (!parsed.text)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for a path");
        enum sal_status status = add_parts(&parsed, path, parsed.text, reterr);
        if (status)
                return status;
        *ret = parsed;
        parsed.text = NULL;
        return SAL_OK;
}

void sal_syspath_done(struct sal_syspath *path) {
        if (!path)
                return;
        free(path->text);
        *path = (struct sal_syspath){0};
}

bool sal_syspath_is_wild(const char *part) {
        return strpbrk(part, "*?") != NULL;
}

bool sal_syspath_part_matches(const char *part, const char *name, bool fold) {
        return sal_syspath_is_wild(part) ? sal_glob_match(part, name, fold) : sal_syspath_same(part, name, fold);
}

static unsigned char lower(char c) {
        return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

bool sal_syspath_matches(const struct sal_syspath *path, const char *relative) {
        for (size_t i = 0; i < path->count; i++) {
                char name[SAL_SYSPATH_PART_MAX_BYTES + 1];
                size_t len = strcspn(relative, "/");
                bool last = !relative[len];
                if (last != (i + 1 == path->count) || len >= sizeof name)
                        return false;
                memcpy(name, relative, len);
                name[len] = 0;
                if (!sal_syspath_part_matches(path->parts[i], name, path->fold))
                        return false;
                relative += last ? len : len + 1;
        }
        return true;
}

bool sal_syspath_is_ours(const char *name) {
        static const char start[] = ".salvor-";
        enum { TAG = 16 };
        if (strncmp(name, start, strlen(start)) != 0)
                return false;
        name += strlen(start);
        if (strspn(name, "0123456789abcdef") != TAG || name[TAG] != '-')
                return false;
        name += TAG + 1;
        size_t digits = strspn(name, "0123456789");
        return digits > 0 && (!name[digits] || strcmp(name + digits, "o") == 0);
}

bool sal_syspath_same(const char *a, const char *b, bool fold) {
        if (!fold)
                return strcmp(a, b) == 0;
        while (*a && lower(*a) == lower(*b)) {
                a++;
                b++;
        }
        return lower(*a) == lower(*b);
}

void sal_syspath_escape(const char *name, struct sal_buf *out) {
        for (const char *p = name; *p; p++) {
                unsigned char c = (unsigned char)*p;
                if (c < 0x20 || c > 0x7e || c == '%')
                        sal_buf_printf(out, "%%%02X", (unsigned)c);
                else
                        sal_buf_putc(out, (char)c);
        }
}

static int hex_value(char c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

enum sal_status sal_syspath_unescape(const char *text, char **ret) {
        sal_autofree char *name = malloc(strlen(text) + 1);
        if (!name)
                return SAL_E_NOMEM;
        char *out = name;
        for (const char *p = text; *p; p++) {
                if (*p != '%') {
                        *out++ = *p;
                        continue;
                }
                int high = p[1] ? hex_value(p[1]) : -1, low = high >= 0 ? hex_value(p[2]) : -1;
                if (low < 0 || high * 16 + low == 0)
                        return SAL_E_MALFORMED;
                *out++ = (char)(high * 16 + low);
                p += 2;
        }
        *out = 0;
        *ret = SAL_STEAL(name);
        return SAL_OK;
}
