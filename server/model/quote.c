/* SPDX-License-Identifier: Apache-2.0 */
#include "model/quote.h"

#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Decodes one code point ahead of the NUL. Returns its length, 0 when it is broken. Shortest form and range are checked
 * where JSON is parsed; here a wrong one could only be shown as another escape. */
static size_t decode(const unsigned char *p, uint32_t *ret) {
        size_t len = p[0] < 0x80             ? 1
                     : (p[0] & 0xe0) == 0xc0 ? 2
                     : (p[0] & 0xf0) == 0xe0 ? 3
                     : (p[0] & 0xf8) == 0xf0 ? 4
                                             : 0;
        if (len == 0)
                return 0;
        uint32_t point = len == 1 ? p[0] : p[0] & (0xffU >> (len + 1));
        for (size_t i = 1; i < len; i++) {
                if ((p[i] & 0xc0) != 0x80)
                        return 0;
                point = point << 6 | (p[i] & 0x3fU);
        }
        *ret = point;
        return len;
}

static bool is_plain(const char *text) {
        static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:/\\${}*?-";
        return *text && text[strspn(text, plain)] == '\0';
}

void sal_quote(struct sal_buf *out, const char *text, enum sal_quote how) {
        if (!text)
                return;
        if (how == SAL_QUOTE_NAME && is_plain(text)) {
                sal_buf_puts(out, text);
                return;
        }
        sal_buf_putc(out, '"');
        uint32_t before = 0;
        for (const unsigned char *p = (const unsigned char *)text; *p;) {
                uint32_t point = 0;
                size_t len = decode(p, &point);
                /* Many spaces would push what follows to the next line of a terminal, or past its edge. */
                bool padding = point == ' ' && before == ' ';
                if (len == 0)
                        sal_buf_printf(out, "\\x%02x", *p);
                else if (point == '"' || point == '\\')
                        sal_buf_printf(out, "\\%c", (char)point);
                else if (point < 0x20 || padding || (point >= 0x7f && how != SAL_QUOTE_PROSE) ||
                         (point >= 0x7f && point < 0xa0))
                        sal_buf_printf(out, "\\u{%04x}", (unsigned)point);
                else
                        sal_buf_append(out, p, len);
                before = point;
                p += len ? len : 1;
        }
        sal_buf_putc(out, '"');
}

void sal_quote_short(struct sal_buf *out, const char *text, enum sal_quote how, size_t max_bytes) {
        if (!text || strlen(text) <= max_bytes) {
                sal_quote(out, text, how);
                return;
        }
        size_t len = max_bytes;
        while (len > 1 && ((unsigned char)text[len] & 0xc0) == 0x80)
                len--;
        sal_autofree char *cut = strndup(text, len);
        if (!cut)
                out->failed = true;
        sal_quote(out, cut, how);
        sal_buf_puts(out, "...");
}
