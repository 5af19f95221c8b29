/* SPDX-License-Identifier: Apache-2.0 */
#include "api/poll_metadata.h"

#include <stdio.h>
#include <string.h>

/* For the offer, the sentence, the answers to 16 reports, and the names and punctuation around them. */
enum { OTHER_MEMBERS_BYTES = 6 * 1024 };

enum sal_status sal_poll_have_read(const struct sal_json_at *at, struct sal_poll_have *ret, struct sal_err *reterr) {
        struct sal_json_at have;
        const char *policy = "";
        enum sal_status status = sal_json_object(at, "have", false, &have, reterr);
        if (status || !have.value)
                return status;
        for (int file = 0; !status && file < SAL_TUF_FILES; file++)
                status = sal_json_int(&have, sal_tuf_file_text((enum sal_tuf_file)file), false, 0, SAL_TUF_VERSION_MAX,
                                      &ret->versions[file], reterr);
        if (!status)
                status = sal_json_string(&have, "policy", false, 0, SAL_SHA256_HEX_BYTES - 1, &policy, reterr);
        if (status)
                return status;
        snprintf(ret->policy, sizeof ret->policy, "%s", policy);
        ret->given = true;
        return SAL_OK;
}

/* Bytes of a text as a JSON string (RFC 8259 section 7), as jansson writes it. */
static size_t length_in_json(const char *bytes, size_t len) {
        size_t count = 2;
        for (size_t i = 0; i < len; i++) {
                unsigned char c = (unsigned char)bytes[i];
                if (c == '"' || c == '\\' || c == '\n' || c == '\r' || c == '\t' || c == '\b' || c == '\f')
                        count += 2;
                else
                        count += c < 0x20 ? 6 : 1;
        }
        return count;
}

/* Adds a text if it fits. */
static void add(json_t *object, const char *name, const char *bytes, size_t len, size_t *room) {
        if (len >= *room)
                return;
        size_t needs = length_in_json(bytes, len) + strlen(name) + 4;
        if (needs > *room || json_object_set_new(object, name, json_stringn(bytes, len)))
                return;
        *room -= needs;
}

static void add_file(json_t *object, const struct sal_view_file *file, size_t *room) {
        if (file)
                add(object, file->name, file->bytes, file->len, room);
}

/* In the order in which a client needs them. A machine that lacks a root gets everything below it too: with the keys
 * its floors may fall, and what it has may be above what there is (TUF 1.0 section 5.3.11). */
static json_t *metadata(const struct sal_poll_have *have, const struct sal_view *view, size_t *room) {
        static const enum sal_tuf_file order[] = {SAL_TUF_FILE_TIMESTAMP, SAL_TUF_FILE_SNAPSHOT, SAL_TUF_FILE_TARGETS,
                                                  SAL_TUF_FILE_CAMPAIGNS};
        json_t *object = json_object();
        bool all = have->versions[SAL_TUF_FILE_ROOT] < view->versions[SAL_TUF_FILE_ROOT];
        for (int64_t version = have->versions[SAL_TUF_FILE_ROOT] + 1; version <= view->versions[SAL_TUF_FILE_ROOT];
             version++) {
                char name[SAL_TUF_NAME_BYTES];
                sal_tuf_file_name(SAL_TUF_FILE_ROOT, version, name);
                add_file(object, sal_view_find(view, name), room);
        }
        for (size_t i = 0; i < SAL_ARRAY_LEN(order); i++)
                if (all || view->versions[order[i]] > have->versions[order[i]])
                        add_file(object, view->newest[order[i]], room);
        return object;
}

static json_t *files(const struct sal_poll_have *have, const struct sal_view *view, const struct sal_launch *launch,
                     size_t *room) {
        json_t *object = json_object();
        add(object, launch->target, launch->envelope, launch->envelope_len, room);
        if (have->given && view && strcmp(have->policy, sal_policy_sha256(view->trust->policy)) != 0)
                add(object, SAL_TUF_POLICY_PATH, view->policy.bytes, view->policy.len, room);
        return object;
}

void sal_poll_bring_along(json_t *answer, const struct sal_poll_have *have, const struct sal_view *view,
                          const struct sal_launch *launch) {
        size_t room = SAL_POLL_ANSWER_MAX_BYTES - OTHER_MEMBERS_BYTES;
        if (have->given && view)
                json_object_set_new(answer, "metadata", metadata(have, view, &room));
        if (launch)
                json_object_set_new(answer, "files", files(have, view, launch, &room));
}
