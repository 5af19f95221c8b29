/* SPDX-License-Identifier: Apache-2.0 */
#include "client/fill.h"

#include "base/clock.h"
#include "model/plan.h"

#include <math.h>
#include <string.h>

/* Where the members stand in the bytes: offsets. The bytes are known to be one valid JSON object. */
struct places {
        size_t gap_from; /* white space before the key "id" */
        size_t gap_to;
        size_t id_end;   /* just behind the value of "id"; 0: not found */
        size_t last_end; /* just behind the value of the last member */
};

static size_t skip_space(const char *bytes, size_t len, size_t at) {
        while (at < len && strchr(" \t\r\n", bytes[at]) && bytes[at])
                at++;
        return at;
}

static size_t skip_string(const char *bytes, size_t len, size_t at) {
        for (at++; at < len && bytes[at] != '"'; at++)
                if (bytes[at] == '\\')
                        at++;
        return at < len ? at + 1 : len;
}

/* Skips any value; `at` is its first byte. */
static size_t skip_value(const char *bytes, size_t len, size_t at) {
        size_t depth = 0;
        while (at < len) {
                char c = bytes[at];
                if (c == '"') {
                        at = skip_string(bytes, len, at);
                } else if (c == '{' || c == '[') {
                        depth++;
                        at++;
                } else if (c == '}' || c == ']') {
                        if (depth == 0)
                                return at;
                        depth--;
                        at++;
                } else if (depth == 0 && (c == ',' || strchr(" \t\r\n", c))) {
                        return at;
                } else {
                        at++;
                        continue;
                }
                if (depth == 0)
                        return at;
        }
        return at;
}

static struct places find_places(const char *bytes, size_t len) {
        struct places places = {0};
        size_t at = skip_space(bytes, len, 0) + 1;
        while (at < len) {
                size_t gap_from = at;
                at = skip_space(bytes, len, at);
                if (at >= len || bytes[at] != '"')
                        break;
                size_t key = at;
                at = skip_string(bytes, len, at);
                bool is_id = at - key == 4 && memcmp(bytes + key, "\"id\"", 4) == 0;
                at = skip_space(bytes, len, at) + 1; /* the colon */
                at = skip_value(bytes, len, skip_space(bytes, len, at));
                places.last_end = at;
                if (is_id) {
                        places.gap_from = gap_from;
                        places.gap_to = key;
                        places.id_end = at;
                }
                at = skip_space(bytes, len, at);
                if (at >= len || bytes[at] != ',')
                        break;
                at++;
        }
        return places;
}

/* The white space that separates the author's members; a payload on one line gets one blank. */
static void write_member(struct sal_buf *out, const char *bytes, const struct places *places, const char *key,
                         const char *value) {
        sal_buf_putc(out, ',');
        if (memchr(bytes + places->gap_from, '\n', places->gap_to - places->gap_from))
                sal_buf_append(out, bytes + places->gap_from, places->gap_to - places->gap_from);
        else
                sal_buf_putc(out, ' ');
        sal_buf_printf(out, "\"%s\": %s", key, value);
}

static void write_text(struct sal_buf *out, const char *bytes, const struct places *places, const char *key,
                       const char *text) {
        sal_autobuf struct sal_buf quoted = SAL_BUF_INIT;
        sal_buf_printf(&quoted, "\"%s\"", text);
        write_member(out, bytes, places, key, quoted.data ? quoted.data : "\"\"");
}

static enum sal_status write_times(struct sal_buf *out, const char *bytes, const json_t *value,
                                   const struct places *places, const struct sal_fill *fill, struct sal_err *reterr) {
        char text[SAL_TIME_BYTES];
        int64_t not_before_ms = fill->now_unix_ms / 1000 * 1000;
        if (!json_object_get(value, "not_before")) {
                sal_time_format(not_before_ms, text);
                write_text(out, bytes, places, "not_before", text);
        } else if (!json_object_get(value, "expires")) {
                struct sal_json_at at = sal_json_root(value);
                enum sal_status status = sal_json_time(&at, "not_before", true, &not_before_ms, reterr);
                if (status)
                        return status;
        }
        if (!json_object_get(value, "expires")) {
                sal_time_format(not_before_ms + (int64_t)SAL_FILL_LIFE_SECONDS * 1000, text);
                write_text(out, bytes, places, "expires", text);
        }
        return SAL_OK;
}

enum sal_status sal_fill_payload(const char *bytes, size_t len, const json_t *value, const struct sal_fill *fill,
                                 struct sal_buf *out, struct sal_err *reterr) {
        if (!json_is_object(value))
                return sal_fail(reterr, SAL_E_INVALID, "a campaign is a JSON object");
        struct places places = find_places(bytes, len);
        if (!places.id_end || !json_is_string(json_object_get(value, "id")))
                return sal_fail_at(reterr, SAL_E_INVALID, "/id", "a campaign needs an \"id\"");
        sal_buf_append(out, bytes, places.id_end);
        if (!json_object_get(value, "version")) {
                char text[32];
                snprintf(text, sizeof text, "%lld", (long long)fill->version);
                write_member(out, bytes, &places, "version", text);
        }
        if (!json_object_get(value, "trust_domain"))
                write_text(out, bytes, &places, "trust_domain", fill->trust_domain);
        enum sal_status status = write_times(out, bytes, value, &places, fill, reterr);
        if (status)
                return status;
        sal_buf_append(out, bytes + places.id_end, places.last_end - places.id_end);
        if (fill->rings && !json_object_get(value, "rollout")) {
                sal_autofree char *rings = sal_json_dump(fill->rings);
                sal_autobuf struct sal_buf plan = SAL_BUF_INIT;
                sal_buf_printf(&plan, "{\"rings\":%s}", rings ? rings : "");
                write_member(out, bytes, &places, "rollout", plan.data ? plan.data : "");
                if (!rings || plan.failed)
                        return sal_fail(reterr, SAL_E_NOMEM, "no memory for a campaign");
        }
        sal_buf_append(out, bytes + places.last_end, len - places.last_end);
        return out->failed ? sal_fail(reterr, SAL_E_NOMEM, "no memory for a campaign") : SAL_OK;
}

bool sal_fill_rings_are_default(const json_t *rings) {
        struct sal_plan standard;
        sal_plan_default(&standard);
        if (json_array_size(rings) != standard.ring_count)
                return false;
        for (size_t i = 0; i < standard.ring_count; i++) {
                const json_t *ring = json_array_get(rings, i);
                const char *name = json_string_value(json_object_get(ring, "name"));
                const struct sal_ring_plan *expected = &standard.rings[i];
                if (!name || strcmp(name, expected->name) != 0)
                        return false;
                const json_t *share = json_object_get(ring, "share");
                const json_t *soak = json_object_get(ring, "soak_seconds");
                const json_t *growth = json_object_get(ring, "growth");
                if ((share && fabs(json_number_value(share) - expected->share) > 1e-12) ||
                    (soak && json_integer_value(soak) != expected->soak_seconds) ||
                    (growth && fabs(json_number_value(growth) - expected->growth) > 1e-12))
                        return false;
        }
        return true;
}
