/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Campaign: the signed payload (application/vnd.salvor.campaign+json) as a value. The server and the recovery client
 * read it with this same code; an unknown member anywhere is refused, since an unknown condition must never be skipped.
 *
 * Thread: immutable after parsing; reference counts are atomic. Ownership: a campaign owns everything it refers to.
 */
#ifndef SAL_MODEL_CAMPAIGN_H
#define SAL_MODEL_CAMPAIGN_H

#include "model/plan.h"
#include "model/selector.h"

#define SAL_CAMPAIGN_SCHEMA "salvor.campaign/1"
#define SAL_CAMPAIGN_TYPE "application/vnd.salvor.campaign+json"

enum {
        SAL_CAMPAIGN_MAX_BYTES = 256 * 1024,
        SAL_CAMPAIGN_ID_BYTES = 64,
        SAL_MACHINE_ID_BYTES = 65,
        SAL_BOOT_ID_BYTES = 65,
        SAL_CAMPAIGN_MAX_ACTIONS = 64,
        SAL_CAMPAIGN_MAX_VERIFY = 64,
        SAL_CAMPAIGN_MAX_SUPERSEDES = 16,
        SAL_REQUIRE_MAX_SHA256 = 64,
        SAL_CAMPAIGN_LIFE_MAX_DAYS = 30,
        SAL_WRITE_FILE_MAX_BYTES = 16 * 1024,
        SAL_PATH_MAX_BYTES = 1024,
        SAL_DELETE_MAX_MATCHES = 1024,
        SAL_DELETE_DEFAULT_MATCHES = 64,
        SAL_SCRIPT_MAX_SECONDS = 3600,
        SAL_TARGET_PATH_BYTES = 128,
};

enum sal_action_kind {
        SAL_ACTION_DELETE_FILE,
        SAL_ACTION_RENAME_FILE,
        SAL_ACTION_RESTORE_FILE,
        SAL_ACTION_WRITE_FILE,
        SAL_ACTION_DISABLE_SERVICE,
        SAL_ACTION_DISABLE_DRIVER,
        SAL_ACTION_SET_BOOT_ENTRY,
        SAL_ACTION_SET_REGISTRY_VALUE,
        SAL_ACTION_RUN_SCRIPT,
        SAL_ACTION_KINDS
};

/* Filters file by file. Absent bounds: size_min 0, size_max INT64_MAX, mtime_before/after INT64_MAX/INT64_MIN. */
struct sal_require {
        bool present;
        size_t sha256_count;
        const char **sha256;                     /* lower-case hex */
        int64_t size_min, size_max;              /* bytes, inclusive */
        int64_t mtime_before_ms, mtime_after_ms; /* unix_ms; mtime < before, mtime > after */
};

struct sal_artifact_ref {
        char sha256[65];
        int64_t length; /* bytes, 0..1 GiB */
};

struct sal_action {
        enum sal_action_kind kind;
        const char *path;    /* as written, or NULL for kinds without one */
        const char *to;      /* rename_file */
        int64_t max_matches; /* delete_file; 1..1024, default 64 */
        struct sal_require require;
        struct sal_artifact_ref artifact; /* restore_file, run_script */
        int64_t mode;                     /* -1: keep or 0644; else 0..07777 from a string such as "0644" */
        uint8_t *content;                 /* write_file */
        size_t content_len;
        const char *name;  /* disable_service, disable_driver */
        const char *entry; /* set_boot_entry */
        bool once;
        const char *registry_hive, *registry_key, *registry_name, *registry_type; /* set_registry_value */
        const json_t *registry_value;
        int64_t timeout_seconds; /* run_script, 1..3600 */
};

enum sal_verify_kind { SAL_VERIFY_PATH_ABSENT, SAL_VERIFY_PATH_PRESENT, SAL_VERIFY_SHA256_IS };

struct sal_verify {
        enum sal_verify_kind kind;
        const char *path;
        char sha256[65]; /* sha256_is: member "sha256"; "" : the digests of require.sha256 are the ones expected */
        struct sal_require require;
};

struct sal_campaign {
        char id[SAL_CAMPAIGN_ID_BYTES];
        int64_t version;
        char trust_domain[65];
        const char *title;   /* 1..200 bytes, no control bytes */
        const char *summary; /* "" when missing; up to 4096 bytes */
        size_t link_count;
        const char **links; /* https only, at most 16 */
        int64_t not_before_ms, expires_ms;
        int64_t priority; /* -1000..1000 */
        bool drill;
        size_t supersedes_count;
        const char **supersedes; /* other campaign ids, never its own */
        const char *undoes;      /* or NULL */
        struct sal_selector *match;
        size_t action_count;
        struct sal_action *actions;
        size_t verify_count;
        struct sal_verify *verify;
        bool reboot; /* default true */
        struct sal_plan plan;
};

/* Parses and checks a payload of at most SAL_CAMPAIGN_MAX_BYTES. *ret has one reference.
 * Errors: SAL_E_MALFORMED, SAL_E_INVALID (with pointer), SAL_E_TOO_LARGE, SAL_E_NOMEM. */
enum sal_status sal_campaign_parse(const char *bytes, size_t len, struct sal_campaign **ret, struct sal_err *reterr);
struct sal_campaign *sal_campaign_ref(struct sal_campaign *campaign);
void sal_campaign_unref(struct sal_campaign *campaign); /* NULL is allowed */
SAL_DEFINE_CLEANUP(sal_campaign, sal_campaign_unref)

const char *sal_action_kind_name(enum sal_action_kind kind);
const char *sal_verify_kind_name(enum sal_verify_kind kind);
/* "campaigns/<id>-<version>.json" */
void sal_campaign_target_path(const char *id, int64_t version, char ret[static SAL_TARGET_PATH_BYTES]);

/* Names: machine_id 1..64 of [A-Za-z0-9._:-], no leading dot; campaign id [a-z0-9][a-z0-9-]{0,62}; boot_id: 1..64 of
 * [A-Za-z0-9-]. */
bool sal_machine_id_valid(const char *id);
bool sal_campaign_id_valid(const char *id);
bool sal_boot_id_valid(const char *id);

/* A payload path: starts with ${SYSTEMROOT}, ${SYSTEM} or ${BOOT}, then "/" and segments; no "..", ".", empty segment,
 * ":", backslash, control byte; `*` and `?` only where wildcards is true. reterr gets the pointer of `at`. */
enum sal_status sal_payload_path_check(const struct sal_json_at *at, const char *key, const char *path, bool wildcards,
                                       struct sal_err *reterr);

/* Says in words what the campaign does to a machine, one line per action, for a person who is about to sign. What comes
 * from the payload is quoted as model/quote.h has it: no name, path or value passes for the words around it. */
void sal_campaign_describe(const struct sal_campaign *campaign, struct sal_buf *out);

/* The parts of it: one action or one check in a line without its end; the plan's rings, pace and halt in lines. */
void sal_action_describe(const struct sal_action *action, struct sal_buf *out);
void sal_verify_describe(const struct sal_verify *verify, struct sal_buf *out);
void sal_plan_describe(const struct sal_plan *plan, struct sal_buf *out);

#endif
