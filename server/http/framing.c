/* SPDX-License-Identifier: Apache-2.0 */
#include "http/framing.h"

#include "base/mem.h"

#include <string.h>
#include <strings.h>

static bool is_alnum(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_dots(const char *segment, size_t len) {
        return (len == 1 && segment[0] == '.') || (len == 2 && segment[0] == '.' && segment[1] == '.');
}

enum sal_status sal_http_path_check(const char *path, struct sal_err *reterr) {
        if (path[0] != '/')
                return sal_fail(reterr, SAL_E_MALFORMED, "the request target is not a path that starts with \"/\"");
        if (path[1] == '\0')
                return SAL_OK;
        for (const char *at = path; *at;) {
                const char *segment = ++at;
                for (; *at && *at != '/'; at++)
                        if (!is_alnum(*at) && !strchr("._~:-", *at))
                                return sal_fail(reterr, SAL_E_MALFORMED,
                                                "byte 0x%02x at offset %zu of the path is not allowed; letters, digits "
                                                "and \"._~:/-\" are",
                                                (unsigned char)*at, (size_t)(at - path));
                if (at == segment || is_dots(segment, (size_t)(at - segment)))
                        return sal_fail(reterr, SAL_E_MALFORMED, "the path has an empty, \".\" or \"..\" segment");
        }
        return SAL_OK;
}

static int hex_digit(char c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -1;
}

/* Decodes len bytes at text in place and ends them with NUL; false when a byte or an escape is not allowed. */
static bool percent_decode(char *text, size_t len) {
        char *out = text;
        for (size_t i = 0; i < len; i++) {
                char c = text[i];
                if (c == '%') {
                        int high = i + 2 < len ? hex_digit(text[i + 1]) : -1;
                        int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
                        if (low < 0)
                                return false;
                        c = (char)(high * 16 + low);
                        if ((unsigned char)c < 0x20 || c == 0x7f)
                                return false;
                        i += 2;
                } else if (c == '+') {
                        c = ' ';
                } else if (!is_alnum(c) && !strchr("-._~!$'()*,;:@/?=", c)) {
                        return false;
                }
                *out++ = c;
        }
        *out = '\0';
        return true;
}

enum sal_status sal_http_query_parse(char *query, struct sal_http_member ret[static SAL_HTTP_MAX_QUERY],
                                     size_t *ret_count, struct sal_err *reterr) {
        size_t count = 0;
        *ret_count = 0;
        for (char *at = query; at && *at;) {
                char *next = strchr(at, '&');
                size_t len = next ? (size_t)(next - at) : strlen(at);
                size_t key_len = strcspn(at, "=");
                key_len = key_len < len ? key_len : len;
                if (key_len == 0 || (next && next[1] == '\0'))
                        return sal_fail(reterr, SAL_E_MALFORMED, "the query has a member without a name");
                if (count == SAL_HTTP_MAX_QUERY)
                        return sal_fail(reterr, SAL_E_MALFORMED, "the query has more than %d members",
                                        SAL_HTTP_MAX_QUERY);
                bool has_value = key_len < len;
                char *value = at + key_len + has_value;
                /* The value first: the NUL that ends the key takes the place of "=". */
                if ((has_value && !percent_decode(value, len - key_len - 1)) || !percent_decode(at, key_len))
                        return sal_fail(reterr, SAL_E_MALFORMED,
                                        "member %zu of the query holds a byte or an escape that is not allowed",
                                        count + 1);
                for (size_t i = 0; i < count; i++)
                        if (strcmp(ret[i].key, at) == 0)
                                return sal_fail(reterr, SAL_E_INVALID, "the query has \"%.64s\" twice", at);
                ret[count++] = (struct sal_http_member){.key = at, .value = has_value ? value : ""};
                at = next ? next + 1 : NULL;
        }
        *ret_count = count;
        return SAL_OK;
}

/* Headers that are lists by their definition (RFC 9110 section 5.3), or that proxies stack; any other comes once. */
static bool may_repeat(const struct sal_http_line *line) {
        static const char *const lists[] = {
                "accept",
                "accept-charset",
                "accept-encoding",
                "accept-language",
                "cache-control",
                "connection",
                "cookie",
                "forwarded",
                "pragma",
                "te",
                "trailer",
                "upgrade",
                "via",
                "warning",
        };
        if (line->name_len > 2 && strncasecmp(line->name, "x-", 2) == 0)
                return true;
        if (line->name_len > 4 && strncasecmp(line->name, "sec-", 4) == 0)
                return true;
        for (size_t i = 0; i < SAL_ARRAY_LEN(lists); i++)
                if (strlen(lists[i]) == line->name_len && strncasecmp(line->name, lists[i], line->name_len) == 0)
                        return true;
        return false;
}

static bool named(const struct sal_http_line *line, const char *name) {
        return strlen(name) == line->name_len && strncasecmp(line->name, name, line->name_len) == 0;
}

/* RFC 9110 section 5.1 and 5.5: a name is a token; a value has no control byte but the tabulator. */
static bool line_bytes_ok(const struct sal_http_line *line) {
        if (line->name_len == 0)
                return false;
        for (size_t i = 0; i < line->name_len; i++)
                if (!is_alnum(line->name[i]) && !strchr("!#$%&'*+-.^_`|~", line->name[i]))
                        return false;
        for (size_t i = 0; i < line->value_len; i++) {
                unsigned char c = (unsigned char)line->value[i];
                if ((c < 0x20 && c != '\t') || c == 0x7f)
                        return false;
        }
        return true;
}

static enum sal_status length_parse(const struct sal_http_line *line, uint64_t *ret, struct sal_err *reterr) {
        uint64_t n = 0;
        for (size_t i = 0; i < line->value_len; i++) {
                char c = line->value[i];
                if (c < '0' || c > '9' || n > (UINT64_MAX - 9) / 10)
                        return sal_fail(reterr, SAL_E_MALFORMED, "Content-Length is not a number of bytes");
                n = n * 10 + (uint64_t)(c - '0');
        }
        if (line->value_len == 0)
                return sal_fail(reterr, SAL_E_MALFORMED, "Content-Length is empty");
        *ret = n;
        return SAL_OK;
}

/* The headers that say where the body ends and whom the request is for. */
static enum sal_status line_judge(const struct sal_http_line *line, struct sal_http_framing *ret, bool *has_host,
                                  struct sal_err *reterr) {
        if (named(line, "Host")) {
                *has_host = line->value_len > 0 && !memchr(line->value, ' ', line->value_len) &&
                            !memchr(line->value, ',', line->value_len) && !memchr(line->value, '\t', line->value_len);
        } else if (named(line, "Content-Length")) {
                ret->has_length = true;
                return length_parse(line, &ret->length, reterr);
        } else if (named(line, "Transfer-Encoding")) {
                ret->chunked = true;
                if (line->value_len != 7 || strncasecmp(line->value, "chunked", 7) != 0)
                        return sal_fail(reterr, SAL_E_MALFORMED, "the only transfer coding understood is \"chunked\"");
        } else if (named(line, "Expect")) {
                ret->expects_continue = true;
                if (line->value_len != 12 || strncasecmp(line->value, "100-continue", 12) != 0)
                        return sal_fail(reterr, SAL_E_MALFORMED, "the only expectation understood is \"100-continue\"");
        }
        return SAL_OK;
}

enum sal_status sal_http_headers_check(const char *version, const struct sal_http_line *lines, size_t count,
                                       struct sal_http_framing *ret, struct sal_err *reterr) {
        bool has_host = false;
        *ret = (struct sal_http_framing){0};
        if (strcmp(version, "HTTP/1.1") != 0 && strcmp(version, "HTTP/1.0") != 0)
                return sal_fail(reterr, SAL_E_MALFORMED, "the protocol version is neither HTTP/1.1 nor HTTP/1.0");
        if (count > SAL_HTTP_MAX_HEADERS_IN)
                return sal_fail(reterr, SAL_E_HEADERS, "the request has more than %d headers", SAL_HTTP_MAX_HEADERS_IN);
        for (size_t i = 0; i < count; i++) {
                if (!line_bytes_ok(&lines[i]))
                        return sal_fail(reterr, SAL_E_MALFORMED, "header %zu holds a byte that is not allowed", i + 1);
                for (size_t k = 0; k < i; k++)
                        if (lines[k].name_len == lines[i].name_len &&
                            strncasecmp(lines[k].name, lines[i].name, lines[i].name_len) == 0 && !may_repeat(&lines[i]))
                                return sal_fail(reterr, SAL_E_MALFORMED, "the header %.*s came twice",
                                                (int)lines[i].name_len, lines[i].name);
                enum sal_status status = line_judge(&lines[i], ret, &has_host, reterr);
                if (status)
                        return status;
        }
        if (!has_host && strcmp(version, "HTTP/1.1") == 0)
                return sal_fail(reterr, SAL_E_MALFORMED, "the request has no usable Host header");
        if (ret->chunked && (ret->has_length || strcmp(version, "HTTP/1.0") == 0))
                return sal_fail(reterr, SAL_E_MALFORMED,
                                "Transfer-Encoding goes neither with Content-Length nor with HTTP/1.0");
        return SAL_OK;
}

bool sal_http_line_is_plain(const struct sal_http_line *line) {
        /* Addresses are compared as numbers: a folded line's name lies in another place altogether. */
        uintptr_t name_end = (uintptr_t)line->name + line->name_len;
        uintptr_t value = (uintptr_t)line->value;
        if (value <= name_end || value - name_end > UINT16_MAX)
                return false;
        for (const char *at = line->name + line->name_len + 1; at < line->value; at++)
                if (*at != ' ' && *at != '\t')
                        return false;
        return line->value[line->value_len + 1] == '\0';
}
