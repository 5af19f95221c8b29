/* SPDX-License-Identifier: Apache-2.0 */
#include "client/safe.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <wchar.h>

/* Code points that a reader does not see or that change what the reader sees around them. */
static const struct {
        uint32_t first;
        uint32_t last;
} harmful[] = {
        {0x0000, 0x001f}, {0x007f, 0x009f}, {0x00ad, 0x00ad},   {0x061c, 0x061c},   {0x115f, 0x1160}, {0x180e, 0x180e},
        {0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f},   {0x3164, 0x3164},   {0xfe00, 0xfe0f}, {0xfeff, 0xfeff},
        {0xffa0, 0xffa0}, {0xfff9, 0xfffb}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
};

static bool is_harmful(uint32_t point) {
        for (size_t i = 0; i < sizeof harmful / sizeof *harmful; i++)
                if (point >= harmful[i].first && point <= harmful[i].last)
                        return true;
        return false;
}

/* Decodes one code point (RFC 3629: no overlong forms, no surrogates). Returns its length, or 0 when it is broken. */
static size_t decode(const unsigned char *p, size_t len, uint32_t *ret) {
        static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
        size_t need = p[0] < 0x80             ? 1
                      : (p[0] & 0xe0) == 0xc0 ? 2
                      : (p[0] & 0xf0) == 0xe0 ? 3
                      : (p[0] & 0xf8) == 0xf0 ? 4
                                              : 0;
        if (need == 0 || need > len)
                return 0;
        if (need == 1) {
                *ret = p[0];
                return 1;
        }
        uint32_t point = p[0] & (0xffU >> (need + 1));
        for (size_t i = 1; i < need; i++) {
                if ((p[i] & 0xc0) != 0x80)
                        return 0;
                point = point << 6 | (p[i] & 0x3fU);
        }
        if (point < smallest[need] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
                return 0;
        *ret = point;
        return need;
}

void sal_safe_append(struct sal_buf *out, const char *text, size_t len) {
        const unsigned char *p = (const unsigned char *)text;
        const unsigned char *end = p + len;
        while (p < end) {
                uint32_t point = 0;
                size_t n = decode(p, (size_t)(end - p), &point);
                if (n == 0)
                        sal_buf_printf(out, "\\x%02x", *p++);
                else if (point == '\n')
                        sal_buf_puts(out, "\\n");
                else if (point == '\t')
                        sal_buf_puts(out, "\\t");
                else if (!is_harmful(point))
                        sal_buf_append(out, p, n);
                else if (point < 0x100)
                        sal_buf_printf(out, "\\x%02x", (unsigned)point);
                else
                        sal_buf_printf(out, "\\u{%04x}", (unsigned)point);
                p += n;
        }
}

void sal_safe_print(FILE *stream, const char *text) {
        if (!text)
                return;
        sal_autobuf struct sal_buf out = SAL_BUF_INIT;
        sal_safe_append(&out, text, strlen(text));
        if (out.data)
                fwrite(out.data, 1, out.len, stream);
}

size_t sal_safe_columns(const char *text) {
        size_t columns = 0;
        const unsigned char *p = (const unsigned char *)text;
        const unsigned char *end = p + strlen(text);
        while (p < end) {
                uint32_t point = 0;
                size_t n = decode(p, (size_t)(end - p), &point);
                int width = n > 1 ? wcwidth((wchar_t)point) : 1;
                columns += width < 0 ? 1 : (size_t)width;
                p += n ? n : 1;
        }
        return columns;
}
