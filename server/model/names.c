/* SPDX-License-Identifier: Apache-2.0 */
#include "model/campaign.h"

#include <stdio.h>
#include <string.h>

enum { SEGMENT_MAX_BYTES = 255 };

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* True when text has 1 to size - 1 bytes, all of them among `allowed`. */
static bool made_of(const char *text, const char *allowed, size_t size) {
        size_t len = strnlen(text, size);
        return len > 0 && len < size && strspn(text, allowed) == len;
}

bool sal_machine_id_valid(const char *id) {
        return made_of(id, LOWER UPPER DIGITS "._:-", SAL_MACHINE_ID_BYTES) && id[0] != '.';
}

bool sal_campaign_id_valid(const char *id) {
        return made_of(id, LOWER DIGITS "-", SAL_CAMPAIGN_ID_BYTES) && id[0] != '-';
}

bool sal_boot_id_valid(const char *id) {
        return made_of(id, LOWER UPPER DIGITS "-", SAL_BOOT_ID_BYTES);
}

void sal_campaign_target_path(const char *id, int64_t version, char ret[static SAL_TARGET_PATH_BYTES]) {
        snprintf(ret, SAL_TARGET_PATH_BYTES, "campaigns/%s-%lld.json", id, (long long)version);
}

/* Bytes of the UTF-8 sequence (RFC 3629) at p, or 0 when there is none. p is NUL-terminated. */
static size_t utf8_len(const unsigned char *p) {
        size_t len = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;
        for (size_t i = 1; i < len; i++) {
                if ((p[i] & 0xc0) != 0x80)
                        return 0;
        }
        /* Overlong forms, surrogates, and what lies above U+10FFFF. */
        if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
            (p[0] == 0xf4 && p[1] > 0x8f))
                return 0;
        return len;
}

/* The part after the variable, from its "/" on; NULL when the path does not start with a variable. */
static const char *after_variable(const char *path) {
        static const char *const variables[] = {"${SYSTEMROOT}/", "${SYSTEM}/", "${BOOT}/"};
        for (size_t i = 0; i < SAL_ARRAY_LEN(variables); i++) {
                size_t len = strlen(variables[i]);
                if (strncmp(path, variables[i], len) == 0)
                        return path + len - 1;
        }
        return NULL;
}

/* What is wrong with the bytes of a path, or NULL. */
static const char *wrong_byte(const char *path, bool wildcards) {
        for (const unsigned char *p = (const unsigned char *)path; *p;) {
                size_t len = utf8_len(p);
                if (len == 0)
                        return "a path must be UTF-8";
                if (*p < 0x20 || *p == 0x7f)
                        return "a path must not hold a control byte";
                if (*p == ':')
                        return "a path must not hold \":\" (no drive letters, no streams)";
                if (*p == '\\')
                        return "a path must not hold a backslash; write \"/\"";
                if (!wildcards && (*p == '*' || *p == '?'))
                        return "this path must not hold a wildcard (* or ?)";
                p += len;
        }
        return NULL;
}

/* What is wrong with the segments of "/a/b/c", or NULL. */
static const char *wrong_segment(const char *path) {
        while (*path) {
                path++;
                size_t len = strcspn(path, "/");
                if (len == 0)
                        return "a path must not hold an empty segment (\"//\", or \"/\" at its end)";
                if (len > SEGMENT_MAX_BYTES)
                        return "a segment of a path has at most 255 bytes";
                /* Windows drops dots and spaces at the end of a name, so ". ." and the like are ".." there. */
                if (strspn(path, ". ") >= len)
                        return "a path must not hold a segment of dots (\".\", \"..\") or spaces only";
                path += len;
        }
        return NULL;
}

enum sal_status sal_payload_path_check(const struct sal_json_at *at, const char *key, const char *path, bool wildcards,
                                       struct sal_err *reterr) {
        const char *wrong = NULL;
        const char *rest = after_variable(path);
        if (strnlen(path, SAL_PATH_MAX_BYTES + 1) > SAL_PATH_MAX_BYTES)
                wrong = "a path has at most 1024 bytes";
        else if (!rest)
                wrong = "a path must start with ${SYSTEMROOT}/, ${SYSTEM}/ or ${BOOT}/";
        else if (!(wrong = wrong_byte(path, wildcards)))
                wrong = wrong_segment(rest);
        return wrong ? sal_json_fail(at, key, SAL_E_INVALID, reterr, "%s", wrong) : SAL_OK;
}
