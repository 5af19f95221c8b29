/* SPDX-License-Identifier: Apache-2.0 */
/* What somebody between server and client, or with the online keys, may try: each is refused for its own reason, over
 * the file that shows it, and the client keeps what it had. */
#include "world.h"

/* What the client trusts after a refusal is what it trusted before. */
static void refused_untouched(struct world *w, int64_t at_ms, enum sal_tuf_file file, enum sal_update_reason reason) {
        char before[SAL_TUF_FILES][SAL_SHA256_HEX_BYTES];
        for (int i = 0; i < SAL_TUF_FILES; i++)
                sal_sha256_hex(w->trusted[i].bytes, w->trusted[i].len, before[i]);
        world_refuses(w, at_ms, file, reason);
        for (int i = 0; i < SAL_TUF_FILES; i++) {
                char after[SAL_SHA256_HEX_BYTES];
                sal_sha256_hex(w->trusted[i].bytes, w->trusted[i].len, after);
                assert_string_equal(after, before[i]);
        }
}

static void refused(struct world *w, enum sal_tuf_file file, enum sal_update_reason reason) {
        refused_untouched(w, now_ms, file, reason);
}

/* The served name of the present version of a file. */
static struct world_file *served(struct world *w, enum sal_tuf_file file) {
        char name[SAL_TUF_NAME_BYTES];
        sal_tuf_file_name(file, w->version[file], name);
        struct world_file *found = world_get(w, name);
        assert_non_null(found);
        return found;
}

/* Every byte of every file, one bit each. In a file that a parent names any byte counts. Of root and timestamp it is
 * the signed part that counts: where the flip changes nothing of it (the key id of a signature that is not needed) it
 * may pass, but then says nothing else than before. */
static void byte_flipped(void **state) {
        struct world *w = *state;
        world_versions(w, 3);
        world_publish(w);
        for (int f = SAL_TUF_FILE_TIMESTAMP; f < SAL_TUF_FILES; f++) {
                struct world_file *file = served(w, (enum sal_tuf_file)f);
                for (size_t i = 0; i < file->len; i++) {
                        enum sal_update_reason reason = SAL_UPDATE_FINE;
                        enum sal_tuf_file at = SAL_TUF_FILE_ROOT;
                        struct sal_err err = {0};
                        sal_auto(sal_updater) struct sal_updater *updater = NULL;
                        const struct sal_tuf_files trusted = world_trusted(w);
                        file->bytes[i] ^= (char)(1 << (i % 7));
                        assert_int_equal(sal_updater_new(&trusted, now_ms, &updater, NULL), SAL_OK);
                        sal_updater_run(updater, world_find, w, &err);
                        reason = sal_updater_reason(updater, &at);
                        if (sal_updater_outcome(updater) != SAL_UPDATE_UNABLE || (int)at != f)
                                fail_msg("%s: byte %zu passed", file->name, i);
                        if (f != SAL_TUF_FILE_TIMESTAMP)
                                assert_int_equal(reason, SAL_UPDATE_MISMATCH);
                        file->bytes[i] ^= (char)(1 << (i % 7));
                }
        }
        world_updates(w, SAL_UPDATE_NEWS);
}

static void byte_flipped_in_root(void **state) {
        struct world *w = *state;
        static const int signers[] = {ROOT_A, ROOT_B};
        w->version[SAL_TUF_FILE_ROOT] = 2;
        world_root_by(w, signers, 2); /* no signature too many: each byte matters */
        struct world_file *file = served(w, SAL_TUF_FILE_ROOT);
        for (size_t i = 0; i < file->len; i++) {
                sal_auto(sal_updater) struct sal_updater *updater = NULL;
                const struct sal_tuf_files trusted = world_trusted(w);
                file->bytes[i] ^= (char)(1 << (i % 7));
                assert_int_equal(sal_updater_new(&trusted, now_ms, &updater, NULL), SAL_OK);
                if (sal_updater_give(updater, "2.root.json", file->bytes, file->len, NULL) == SAL_OK)
                        fail_msg("root: byte %zu passed", i);
                assert_int_equal(sal_updater_outcome(updater), SAL_UPDATE_UNABLE);
                assert_int_equal(sal_updater_version(updater, SAL_TUF_FILE_ROOT), 1);
                file->bytes[i] ^= (char)(1 << (i % 7));
        }
}

static void rolled_back(void **state) {
        struct world *w = *state;
        /* the online keys are stolen: parents are sound and name an older child */
        for (int f = SAL_TUF_FILE_TIMESTAMP; f < SAL_TUF_FILES; f++) {
                world_versions(w, 3);
                w->version[f] = 1;
                world_publish(w);
                refused(w, (enum sal_tuf_file)f, SAL_UPDATE_ROLLBACK);
        }
        /* an older timestamp as it was served once */
        world_versions(w, 3);
        world_publish(w);
        world_updates(w, SAL_UPDATE_NEWS);
        world_versions(w, 2);
        world_publish(w);
        refused(w, SAL_TUF_FILE_TIMESTAMP, SAL_UPDATE_ROLLBACK);
}

static void same_version_other_content(void **state) {
        struct world *w = *state;
        for (int f = SAL_TUF_FILE_TIMESTAMP; f < SAL_TUF_FILES; f++) {
                world_versions(w, 3);
                w->version[f] = 2;
                w->expires_ms[f] += 1000;
                world_publish(w);
                refused(w, (enum sal_tuf_file)f, SAL_UPDATE_EQUIVOCATION);
                w->expires_ms[f] -= 1000;
        }
}

static void role_dropped(void **state) {
        struct world *w = *state;
        static const char *const roles[] = {"/signed/meta/targets.json", "/signed/meta/campaigns.json"};
        world_versions(w, 3);
        for (size_t i = 0; i < SAL_ARRAY_LEN(roles); i++) {
                world_publish_bent(w, SAL_TUF_FILE_SNAPSHOT, world_bend_signed, roles[i], NULL);
                refused(w, SAL_TUF_FILE_SNAPSHOT, SAL_UPDATE_ROLE_DROPPED);
        }
}

static void expired(void **state) {
        struct world *w = *state;
        for (int f = SAL_TUF_FILE_TIMESTAMP; f < SAL_TUF_FILES; f++) {
                world_versions(w, 3);
                w->expires_ms[f] = now_ms; /* the very moment counts as expired */
                world_publish(w);
                refused(w, (enum sal_tuf_file)f, SAL_UPDATE_EXPIRED);
                w->expires_ms[f] = now_ms + one_day_ms;
        }
        /* a freeze: the same old answer for ever is no "nothing new" */
        w->expires_ms[SAL_TUF_FILE_TIMESTAMP] = now_ms + 3600000;
        world_publish(w);
        world_updates(w, SAL_UPDATE_NEWS);
        world_updates(w, SAL_UPDATE_NO_NEWS);
        refused_untouched(w, now_ms + 3600000, SAL_TUF_FILE_TIMESTAMP, SAL_UPDATE_EXPIRED);
        /* files that are held are judged again too */
        w->version[SAL_TUF_FILE_TIMESTAMP] = 4;
        w->expires_ms[SAL_TUF_FILE_TIMESTAMP] = now_ms + 9 * one_day_ms;
        world_publish(w);
        refused_untouched(w, now_ms + one_day_ms, SAL_TUF_FILE_ROOT, SAL_UPDATE_EXPIRED);
        w->version[SAL_TUF_FILE_ROOT] = 2;
        w->expires_ms[SAL_TUF_FILE_ROOT] = now_ms + 9 * one_day_ms;
        world_root(w);
        world_refuses(w, now_ms + one_day_ms, SAL_TUF_FILE_SNAPSHOT, SAL_UPDATE_EXPIRED);
}

static void mix_and_match(void **state) {
        struct world *w = *state;
        char name[SAL_TUF_NAME_BYTES];
        for (int f = SAL_TUF_FILE_SNAPSHOT; f < SAL_TUF_FILES; f++) {
                /* two sound generations; then the older file under the newer name */
                world_versions(w, 3);
                world_publish(w);
                struct sal_buf old = SAL_BUF_INIT;
                sal_buf_append(&old, served(w, (enum sal_tuf_file)f)->bytes, served(w, (enum sal_tuf_file)f)->len);
                world_versions(w, 4);
                world_publish(w);
                sal_tuf_file_name((enum sal_tuf_file)f, 4, name);
                world_put(w, name, old.data, old.len);
                sal_buf_done(&old);
                refused(w, (enum sal_tuf_file)f, SAL_UPDATE_MISMATCH);
        }
        /* a parent that names an older file by its digest, with a newer version */
        world_versions(w, 3);
        world_publish_bent(w, SAL_TUF_FILE_SNAPSHOT, world_bend_signed, "/signed/meta/campaigns.json/version", "5");
        world_put(w, "5.campaigns.json", served(w, SAL_TUF_FILE_CAMPAIGNS)->bytes,
                  served(w, SAL_TUF_FILE_CAMPAIGNS)->len);
        refused(w, SAL_TUF_FILE_CAMPAIGNS, SAL_UPDATE_MISMATCH);
}

static void root_by_one_side_only(void **state) {
        struct world *w = *state;
        static const int old_keys[] = {ROOT_A, ROOT_B};
        /* the next root gives the role to B and C and is signed by the old pair: not sound by itself */
        sal_auto(sal_tuf_root) struct sal_tuf_root *root = NULL;
        w->version[SAL_TUF_FILE_ROOT] = 2;
        world_root(w);
        sal_autojson json_t *json = NULL;
        const struct world_file *file = served(w, SAL_TUF_FILE_ROOT);
        assert_int_equal(sal_json_parse(file->bytes, file->len, 32, &json, NULL), SAL_OK);
        json_t *signed_part = json_object_get(json, "signed");
        json_t *role = json_object_get(json_object_get(signed_part, "roles"), "root");
        json_object_set_new(json_object_get(signed_part, "keys"), sal_public_key_id(world_key(w, ROOT_C)),
                            sal_public_key_to_json(world_key(w, ROOT_C)));
        json_object_set_new(role, "keyids",
                            json_pack("[s, s]", sal_public_key_id(world_key(w, ROOT_B)),
                                      sal_public_key_id(world_key(w, ROOT_C))));
        const struct sal_private_key *signers[] = {w->keys[old_keys[0]], w->keys[old_keys[1]]};
        sal_autobuf struct sal_buf by_old = SAL_BUF_INIT;
        assert_int_equal(sal_tuf_sign(signed_part, signers, 2, &by_old, NULL), SAL_OK);
        world_put(w, "2.root.json", by_old.data, by_old.len);
        refused(w, SAL_TUF_FILE_ROOT, SAL_UPDATE_SIGNATURES);
        /* by the new pair only: sound by itself, but one of the old keys is missing */
        const struct sal_private_key *new_signers[] = {w->keys[ROOT_B], w->keys[ROOT_C]};
        sal_autobuf struct sal_buf by_new = SAL_BUF_INIT;
        assert_int_equal(sal_tuf_sign(signed_part, new_signers, 2, &by_new, NULL), SAL_OK);
        assert_int_equal(sal_tuf_root_load(by_new.data, by_new.len, &root, NULL), SAL_OK);
        world_put(w, "2.root.json", by_new.data, by_new.len);
        refused(w, SAL_TUF_FILE_ROOT, SAL_UPDATE_SIGNATURES);
}

static void root_version(void **state) {
        struct world *w = *state;
        for (int64_t version = 1; version <= 4; version++) {
                if (version == 2)
                        continue;
                w->version[SAL_TUF_FILE_ROOT] = version;
                world_root(w);
                char name[SAL_TUF_NAME_BYTES];
                sal_tuf_file_name(SAL_TUF_FILE_ROOT, version, name);
                const struct world_file *file = world_get(w, name);
                world_put(w, "2.root.json", file->bytes, file->len);
                refused(w, SAL_TUF_FILE_ROOT, SAL_UPDATE_ROOT_VERSION);
        }
}

/* The same content, signed by a stranger under the id of the role's key, and under his own. */
static void bend_stranger(struct world *w, enum sal_tuf_file file, char **bytes, size_t *len) {
        sal_autojson json_t *json = NULL;
        assert_int_equal(sal_json_parse(*bytes, *len, 32, &json, NULL), SAL_OK);
        const struct sal_private_key *stranger = w->keys[STRANGER];
        sal_autobuf struct sal_buf again = SAL_BUF_INIT;
        assert_int_equal(sal_tuf_sign(json_object_get(json, "signed"), &stranger, 1, &again, NULL), SAL_OK);
        sal_autojson json_t *signed_again = NULL;
        assert_int_equal(sal_json_parse(again.data, again.len, 32, &signed_again, NULL), SAL_OK);
        json_t *list = json_object_get(signed_again, "signatures");
        sal_autojson json_t *renamed = json_deep_copy(json_array_get(list, 0));
        json_object_set_new(renamed, "keyid", json_string(sal_public_key_id(world_key(w, w->role_keys[file][0]))));
        json_array_append(list, renamed);
        free(*bytes);
        *bytes = sal_json_dump(signed_again);
        *len = strlen(*bytes);
}

static void wrong_signers(void **state) {
        struct world *w = *state;
        world_versions(w, 3);
        for (int f = SAL_TUF_FILE_TIMESTAMP; f < SAL_TUF_FILES; f++) {
                world_publish_bent(w, (enum sal_tuf_file)f, bend_stranger, NULL, NULL);
                refused(w, (enum sal_tuf_file)f, SAL_UPDATE_SIGNATURES);
        }
        /* one of the two that targets needs */
        w->role_keys[SAL_TUF_FILE_TARGETS][1] = TARGETS_A;
        world_publish(w);
        refused(w, SAL_TUF_FILE_TARGETS, SAL_UPDATE_SIGNATURES);
        /* targets signed by the online key, which signs everything else */
        w->role_keys[SAL_TUF_FILE_TARGETS][0] = w->role_keys[SAL_TUF_FILE_TARGETS][1] = ONLINE;
        world_publish(w);
        refused(w, SAL_TUF_FILE_TARGETS, SAL_UPDATE_SIGNATURES);
}

/* Targets needs two keys: one key's signature, given again under the other's id, is one. */
static void one_key_two_ids(void **state) {
        struct world *w = *state;
        world_versions(w, 3);
        w->role_keys[SAL_TUF_FILE_TARGETS][0] = w->role_keys[SAL_TUF_FILE_TARGETS][1] = TARGETS_A;
        char addition[512];
        snprintf(addition, sizeof addition, "\"signatures\":[{\"keyid\":\"%s\",\"sig\":\"00\"},",
                 sal_public_key_id(world_key(w, TARGETS_B)));
        world_publish_bent(w, SAL_TUF_FILE_TARGETS, world_bend_text, "\"signatures\":[", addition);
        refused(w, SAL_TUF_FILE_TARGETS, SAL_UPDATE_SIGNATURES);
        /* the same id twice is not even read */
        snprintf(addition, sizeof addition, "\"signatures\":[{\"keyid\":\"%s\",\"sig\":\"00\"},",
                 sal_public_key_id(world_key(w, TARGETS_A)));
        world_publish_bent(w, SAL_TUF_FILE_TARGETS, world_bend_text, "\"signatures\":[", addition);
        refused(w, SAL_TUF_FILE_TARGETS, SAL_UPDATE_CONTENT);
}

struct row {
        enum sal_tuf_file file;
        const char *pointer, *text;
        enum sal_update_reason reason;
};

/* Signed with the right keys, and yet not what the profile allows. */
static void signed_content(void **state) {
        struct world *w = *state;
        static const enum sal_tuf_file ts = SAL_TUF_FILE_TIMESTAMP, sn = SAL_TUF_FILE_SNAPSHOT,
                                       ta = SAL_TUF_FILE_TARGETS, ca = SAL_TUF_FILE_CAMPAIGNS;
        static const enum sal_update_reason content = SAL_UPDATE_CONTENT, delegation = SAL_UPDATE_DELEGATION;
        static const char sound[] = "{\"length\":1,\"hashes\":{\"sha256\":\"" SHA "\"}}";
        const struct row rows[] = {
                {ts, "/signed/_type", "\"snapshot\"", content},
                {sn, "/signed/_type", "\"timestamp\"", content},
                {ta, "/signed/_type", "\"campaigns\"", content},
                {ca, "/signed/_type", "\"campaigns\"", content},
                {ts, "/signed/spec_version", "\"2.0.0\"", content},
                {sn, "/signed/spec_version", "\"10.0.0\"", content},
                {ta, "/signed/spec_version", "\"0.9\"", content},
                {ca, "/signed/spec_version", NULL, content},
                {ts, "/signed/version", "0", content},
                {ts, "/signed/version", "2147483648", content},
                {ts, "/signed/expires", "\"2030-01-01\"", content},
                {ts, "/signed/meta", NULL, content},
                {ts, "/signed/meta", "{}", content},
                {ts, "/signed/meta/targets.json", "{\"version\":1}", content},
                {ts, "/signed/meta/snapshot.json/length", NULL, content},
                {ts, "/signed/meta/snapshot.json/length", "65537", content},
                {ts, "/signed/meta/snapshot.json/length", "0", content},
                {ts, "/signed/meta/snapshot.json/hashes", NULL, content},
                {ts, "/signed/meta/snapshot.json/hashes", "{}", content},
                {ts, "/signed/meta/snapshot.json/hashes/sha512", "\"00\"", content},
                {ts, "/signed/meta/snapshot.json/hashes/sha256", "\"00\"", content},
                {ts, "/signed/meta/snapshot.json/x", "1", content},
                {sn, "/signed/meta/other.json", "{\"version\":1}", content},
                {sn, "/signed/meta/campaigns.json/version", "-1", content},
                {sn, "/signed/meta/campaigns.json/version", "true", content},
                {sn, "/signed/meta/campaigns.json/length", "524289", content},
                {ta, "/signed/targets/campaigns~1x", sound, delegation},
                {ta, "/signed/delegations", NULL, content},
                {ta, "/signed/delegations/roles", "[]", content},
                {ta, "/signed/delegations/succinct_roles", "{}", content},
                {ta, "/signed/delegations/roles/0/threshold", "0", content},
                {ta, "/signed/delegations/roles/0/threshold", "2", content},
                {ta, "/signed/delegations/roles/0/terminating", "false", delegation},
                {ta, "/signed/delegations/roles/0/terminating", NULL, content},
                {ta, "/signed/delegations/roles/0/name", "\"targets\"", delegation},
                {ta, "/signed/delegations/roles/0/name", "\"../root\"", delegation},
                {ta, "/signed/delegations/roles/0/paths/0", "\"policy/trust-policy.json\"", delegation},
                {ta, "/signed/delegations/roles/0/paths/0", "\"*\"", delegation},
                {ta, "/signed/delegations/roles/0/paths/0", "\"campaigns/**\"", delegation},
                {ta, "/signed/delegations/roles/0/paths/0", "\"{campaigns,policy}/*\"", delegation},
                {ta, "/signed/delegations/roles/0/paths/-", "\"policy/*\"", delegation},
                {ta, "/signed/delegations/roles/0/paths", "[]", content},
                {ta, "/signed/delegations/roles/0/path_hash_prefixes", "[\"00\"]", content},
                {ca, "/signed/targets/policy", sound, delegation},
                {ca, "/signed/targets/campaigns", sound, delegation},
                {ca, "/signed/delegations", "{\"keys\":{},\"roles\":[]}", delegation},
                {ca, "/signed/targets", NULL, content},
                {ca, "/signed/targets", "[]", content},
        };
        world_versions(w, 3);
        for (size_t i = 0; i < SAL_ARRAY_LEN(rows); i++) {
                print_message("%s %s = %s\n", sal_tuf_file_text(rows[i].file), rows[i].pointer,
                              rows[i].text ? rows[i].text : "(removed)");
                world_publish_bent(w, rows[i].file, world_bend_signed, rows[i].pointer, rows[i].text);
                refused(w, rows[i].file, rows[i].reason);
        }
        /* members that nobody knows are covered by the signature and do no harm */
        world_publish_bent(w, SAL_TUF_FILE_TARGETS, world_bend_signed, "/signed/x-note", "[1, {\"a\": null}]");
        world_updates(w, SAL_UPDATE_NEWS);
}

/* Bytes that have no canonical form, or no one meaning: refused before any signature is looked at. */
static void not_strict(void **state) {
        struct world *w = *state;
        static const enum sal_update_reason malformed = SAL_UPDATE_MALFORMED, content = SAL_UPDATE_CONTENT;
        static const struct {
                const char *from, *to;
                enum sal_update_reason reason;
        } rows[] = {
                {"{\"signatures\"", "\xef\xbb\xbf{\"signatures\"", malformed},
                {"{\"signatures\"", "{\"signed\":{},\"signatures\"", malformed},
                {"\"_type\":", "\"_type\":\"root\",\"_type\":", malformed},
                {"\"_type\":", "\"x\":1.0,\"_type\":", content},
                {"\"_type\":", "\"x\":1e3,\"_type\":", content},
                {"\"_type\":", "\"x\":9007199254740992,\"_type\":", content},
                {"\"_type\":", "\"x\":-9007199254740992,\"_type\":", content},
                {"\"_type\":", "\"x\":99999999999999999999,\"_type\":", malformed},
                {"\"_type\":", "\"x\":NaN,\"_type\":", malformed},
                {"\"_type\":", "\"x\":\"\\u0000\",\"_type\":", malformed},
                {"\"_type\":", "\"x\":\"\xff\",\"_type\":", malformed},
                {"\"_type\":", "\"x\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]],\"_type\":",
                 malformed},
                {"{\"signatures\"", "x{\"signatures\"", malformed},
                {"{\"signatures\"", "[]", malformed},
                {"{\"signatures\"", "{\"x\":1,\"signatures\"", content},
        };
        world_versions(w, 3);
        for (int f = SAL_TUF_FILE_TIMESTAMP; f < SAL_TUF_FILES; f++)
                for (size_t i = 0; i < SAL_ARRAY_LEN(rows); i++) {
                        world_publish_bent(w, (enum sal_tuf_file)f, world_bend_text, rows[i].from, rows[i].to);
                        refused(w, (enum sal_tuf_file)f, rows[i].reason);
                }
        /* and of the next root */
        w->version[SAL_TUF_FILE_ROOT] = 2;
        world_root(w);
        struct world_file sound = {0};
        sound.bytes = strdup(served(w, SAL_TUF_FILE_ROOT)->bytes);
        for (size_t i = 0; i < SAL_ARRAY_LEN(rows); i++) {
                char *bytes = strdup(sound.bytes);
                size_t len = strlen(bytes);
                w->bend_pointer = rows[i].from;
                w->bend_text = rows[i].to;
                world_bend_text(w, SAL_TUF_FILE_ROOT, &bytes, &len);
                world_put(w, "2.root.json", bytes, len);
                free(bytes);
                refused(w, SAL_TUF_FILE_ROOT, rows[i].reason);
        }
        free(sound.bytes);
}

/* Data without end is cut off where the need says, before anything is parsed. */
static void endless(void **state) {
        struct world *w = *state;
        world_versions(w, 3);
        world_publish(w);
        for (int f = SAL_TUF_FILE_TIMESTAMP; f < SAL_TUF_FILES; f++) {
                const struct world_file *sound = served(w, (enum sal_tuf_file)f);
                sal_autobuf struct sal_buf kept = SAL_BUF_INIT;
                sal_autobuf struct sal_buf longer = SAL_BUF_INIT;
                sal_buf_append(&kept, sound->bytes, sound->len);
                sal_buf_append(&longer, sound->bytes, sound->len);
                size_t wanted = f == SAL_TUF_FILE_TIMESTAMP ? SAL_TUF_TIMESTAMP_MAX_BYTES + 1 : sound->len + 1;
                while (longer.len < wanted)
                        sal_buf_putc(&longer, ' ');
                char name[SAL_TUF_NAME_BYTES];
                snprintf(name, sizeof name, "%s", sound->name);
                world_put(w, name, longer.data, longer.len);
                refused(w, (enum sal_tuf_file)f, SAL_UPDATE_TOO_LONG);
                world_put(w, name, kept.data, kept.len - 1); /* and one that is cut short */
                refused(w, (enum sal_tuf_file)f,
                        f == SAL_TUF_FILE_TIMESTAMP ? SAL_UPDATE_MALFORMED : SAL_UPDATE_MISMATCH);
                world_put(w, name, kept.data, kept.len);
        }
        sal_autofree char *huge = calloc(1, SAL_TUF_MAX_BYTES + 1);
        world_put(w, "2.root.json", huge, SAL_TUF_MAX_BYTES + 1);
        refused(w, SAL_TUF_FILE_ROOT, SAL_UPDATE_TOO_LONG);
}

/* A file that is named and not there is not "nothing new". */
static void withheld(void **state) {
        struct world *w = *state;
        for (int f = SAL_TUF_FILE_TIMESTAMP; f < SAL_TUF_FILES; f++) {
                world_versions(w, 3);
                world_publish(w);
                char name[SAL_TUF_NAME_BYTES];
                sal_tuf_file_name((enum sal_tuf_file)f, 3, name);
                world_remove(w, name);
                refused(w, (enum sal_tuf_file)f, SAL_UPDATE_UNAVAILABLE);
        }
}

/* Another role's file, well signed, is not this role's. */
static void swapped_roles(void **state) {
        struct world *w = *state;
        world_versions(w, 3);
        world_publish(w);
        const struct world_file *snapshot = served(w, SAL_TUF_FILE_SNAPSHOT);
        world_put(w, "timestamp.json", snapshot->bytes, snapshot->len);
        refused(w, SAL_TUF_FILE_TIMESTAMP, SAL_UPDATE_CONTENT);
}

/* Consistent snapshots are part of the profile. */
static void not_consistent(void **state) {
        struct world *w = *state;
        w->version[SAL_TUF_FILE_ROOT] = 2;
        world_root(w);
        w->bend_pointer = "/signed/consistent_snapshot";
        w->bend_text = "false";
        size_t len = served(w, SAL_TUF_FILE_ROOT)->len;
        char *bytes = strdup(served(w, SAL_TUF_FILE_ROOT)->bytes);
        world_bend_signed(w, SAL_TUF_FILE_ROOT, &bytes, &len);
        world_put(w, "2.root.json", bytes, len);
        free(bytes);
        world_refuses(w, now_ms, SAL_TUF_FILE_ROOT, SAL_UPDATE_CONTENT);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_set_up, world_tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(byte_flipped),    TEST(byte_flipped_in_root),
                TEST(rolled_back),     TEST(same_version_other_content),
                TEST(role_dropped),    TEST(expired),
                TEST(mix_and_match),   TEST(root_by_one_side_only),
                TEST(root_version),    TEST(wrong_signers),
                TEST(one_key_two_ids), TEST(signed_content),
                TEST(not_strict),      TEST(endless),
                TEST(withheld),        TEST(swapped_roles),
                TEST(not_consistent),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
