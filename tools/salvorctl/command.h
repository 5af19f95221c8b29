/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands of salvorctl: one row each in the table of its group. The rows drive usage, help, argument checks and
 * dispatch, so that none of them can drift.
 *
 * Thread: one. Ownership: struct sal_ctl borrows the texts of argv and owns the connection.
 */
#ifndef SAL_SALVORCTL_COMMAND_H
#define SAL_SALVORCTL_COMMAND_H

#include "client/admin.h"

#include <stdint.h>

enum { SAL_CTL_MAX_ARGS = 64, SAL_CTL_MAX_REPEATED = 32, SAL_CTL_LIST_ITEMS = 10000, SAL_CTL_PATH_BYTES = 512 };

/* Every option of every command; its row in the table of options.c names it. */
enum sal_option {
        SAL_OPT_KEY,
        SAL_OPT_PAYLOAD,
        SAL_OPT_REASON,
        SAL_OPT_ACKNOWLEDGE,
        SAL_OPT_COHORT,
        SAL_OPT_TIMEOUT,
        SAL_OPT_RING,
        SAL_OPT_STATE,
        SAL_OPT_FACT,
        SAL_OPT_LIMIT,
        SAL_OPT_CSV,
        SAL_OPT_NONE,
        SAL_OPT_UNDO,
        SAL_OPT_USES,
        SAL_OPT_MACHINE,
        SAL_OPT_EXPIRES_IN,
        SAL_OPT_REENROLL,
        SAL_OPT_REIMAGED,
        SAL_OPT_EVENTS,
        SAL_OPT_AFTER,
        SAL_OPT_MACHINE_PORT,
        SAL_OPT_ADMIN_PORT,
        SAL_OPT_OPS_PORT,
        SAL_OPT_TYPE,
        SAL_OPT_OUT,
        SAL_OPT_NAME,
        SAL_OPT_PASSPHRASE_FILE,
        SAL_OPT_PASSPHRASE_FD,
        SAL_OPT_UNENCRYPTED,
        SAL_OPT_FROM,
        SAL_OPT_ROOT,
        SAL_OPT_POLICY,
        SAL_OPT_NEW,
        SAL_OPT_ADD,
        SAL_OPT_DROP,
        SAL_OPT_THRESHOLD,
        SAL_OPT_CLASS,
        SAL_OPT_REVOKE,
        SAL_OPT_DAYS,
        SAL_OPT_YES,
        SAL_OPT_PUBLIC_OUT,
        SAL_OPT_PAE,
        SAL_OPT_KEYID,
        SAL_OPT_SIGNATURE,
        SAL_OPT_TARGETS,
        SAL_OPT_IN_FLIGHT,
        SAL_OPT_OPENS,
        SAL_OPT_ONLY_LABEL,
        SAL_OPT_ONLY_MACHINES,
        SAL_OPT_WINDOW,
        SAL_OPT_FILE,
        SAL_OPT_COUNT
};
#define SAL_BIT(option) (UINT64_C(1) << (option))

struct sal_ctl;

/* What an option means to one command, where its general words would mislead. */
struct sal_option_words {
        enum sal_option option;
        const char *value; /* for usage: "DIR" */
        const char *help;
};

struct sal_command {
        const char *group;
        const char *verb; /* NULL: the group alone is the command */
        const char *args; /* for usage: "ID[@V]" */
        size_t min_args;
        size_t max_args;
        uint64_t options;  /* SAL_BIT() of each that is taken */
        uint64_t required; /* of those, the ones that must stand there */
        bool offline;      /* runs without a server: no -C needed, nothing is opened */
        bool local;        /* has no use for a server at all: -C means nothing to it */
        const char *summary;
        const char *help;                     /* further sentences, or NULL */
        const struct sal_option_words *words; /* ended by one without help; NULL: none */
        enum sal_status (*run)(struct sal_ctl *ctl, struct sal_err *reterr);
};

struct sal_ctl {
        const struct sal_command *command;
        const char *dir;
        bool json;
        bool help;
        bool version;
        const char *args[SAL_CTL_MAX_ARGS];
        size_t arg_count;
        const char *options[SAL_OPT_COUNT]; /* NULL: not given; "" for a switch */
        struct {
                enum sal_option option;
                const char *value;
        } repeated[SAL_CTL_MAX_REPEATED]; /* of the options that may be; their place above holds the last one */
        size_t repeated_count;
        struct sal_admin *admin;
        int exit_code; /* of a run that succeeded; 0 unless the command says otherwise */
};

/* The groups; each ends with a row whose group is NULL. */
extern const struct sal_command sal_commands_setup[];
extern const struct sal_command sal_commands_draft[];
extern const struct sal_command sal_commands_sign[];
extern const struct sal_command sal_commands_outside[];
extern const struct sal_command sal_commands_key[];
extern const struct sal_command sal_commands_life[];
extern const struct sal_command sal_commands_limits[];
extern const struct sal_command sal_commands_view[];
extern const struct sal_command sal_commands_watch[];
extern const struct sal_command sal_commands_machine[];
extern const struct sal_command sal_commands_token[];
extern const struct sal_command sal_commands_kill_switch[];
extern const struct sal_command sal_commands_export[];
extern const struct sal_command sal_commands_journal[];
extern const struct sal_command sal_commands_settings[];
extern const struct sal_command sal_commands_artifact[];
extern const struct sal_command sal_commands_ceremony[];
extern const struct sal_command sal_commands_trust_online[];
extern const struct sal_command sal_commands_bundle[];
extern const struct sal_command sal_commands_status[];
extern const struct sal_command *const sal_command_groups[];

/* ---- arguments (options.c) ---- */

/* Reads the command line into *ctl, command included. Errors: SAL_E_USAGE. */
enum sal_status sal_ctl_parse(struct sal_ctl *ctl, int argc, char **argv, struct sal_err *reterr);
void sal_ctl_print_usage(FILE *stream);
void sal_ctl_print_help(FILE *stream, const struct sal_command *command);

/* "key" for SAL_OPT_KEY: how the command line names it. Static text. */
const char *sal_ctl_option_name(enum sal_option option);
bool sal_ctl_has(const struct sal_ctl *ctl, enum sal_option option);
/* The index-th value of an option that may be repeated, in the order of the command line; NULL: there are no more. */
const char *sal_ctl_nth(const struct sal_ctl *ctl, enum sal_option option, size_t index);
/* The option as a whole number of min..max; stays as it was when it is not given. Errors: SAL_E_USAGE. */
enum sal_status sal_ctl_int(const struct sal_ctl *ctl, enum sal_option option, int64_t min, int64_t max, int64_t *inout,
                            struct sal_err *reterr);

/* Reads a file of the command line; "-" is standard input. Errors: those of sal_file_read. (draft.c) */
enum sal_status sal_ctl_read_input(const char *path, size_t max_bytes, char **ret, size_t *ret_len,
                                   struct sal_err *reterr);

/* ---- connection (main.c) ---- */

/* Opens the folder and finds the server; a second call does nothing. Commands that are not `offline` find it open. */
enum sal_status sal_ctl_connect(struct sal_ctl *ctl, struct sal_err *reterr);

/* ---- campaigns by name (resolve.c) ---- */

/* What a bare ID means: the version that makes sense for the act. */
enum sal_ctl_want {
        SAL_WANT_UNSIGNED, /* the newest draft or ready one, else the newest */
        SAL_WANT_READY,    /* the newest ready one, else the newest draft, else the newest */
        SAL_WANT_LIVE,     /* the live one, else the newest */
};

struct sal_ctl_campaign {
        char id[64];
        int64_t version;
        char path[SAL_CTL_PATH_BYTES]; /* "/api/v1/campaigns/<id>/<version>" */
};

/* Takes "ID" or "ID@V" apart; version 0: not said, and `path` stays empty. Errors: SAL_E_USAGE. */
enum sal_status sal_ctl_campaign_name(const char *name, struct sal_ctl_campaign *ret, struct sal_err *reterr);

/* Resolves "ID" or "ID@V"; a given version is not looked up. Errors: SAL_E_USAGE (not a name), SAL_E_NOT_FOUND,
 * SAL_E_CONFLICT (several versions are live; the error names them), and those of the call. */
enum sal_status sal_ctl_resolve(struct sal_ctl *ctl, const char *name, enum sal_ctl_want want,
                                struct sal_ctl_campaign *ret, struct sal_err *reterr);

/* Appends "/what" to the campaign's path into room of SAL_CTL_PATH_BYTES. */
void sal_ctl_path(const struct sal_ctl_campaign *campaign, const char *what, char ret[static SAL_CTL_PATH_BYTES]);

/* ---- preview (preview.c) ---- */

/* Whom a campaign reaches: the members of the server's answer, summed over its pages (schema Preview). progress: tell a
 * terminal's standard error how far it is. *ret is a new reference. Errors: those of the call. */
enum sal_status sal_ctl_preview(struct sal_ctl *ctl, const struct sal_ctl_campaign *campaign, bool progress,
                                json_t **ret, struct sal_err *reterr);
/* Prints it for a person: a sentence, then who, and who not. */
void sal_ctl_preview_print(FILE *stream, const char *campaign, const json_t *preview);

/* ---- machines (machine.c, explain.c) ---- */

/* Fetches the machine that the command names, or its part `what` ("explain"; NULL: itself), and prints it: with --json
 * as it is, else by `print`. Errors: SAL_E_USAGE (no machine id), those of the call, SAL_E_MALFORMED (of another
 * machine). */
enum sal_status sal_ctl_machine_tell(struct sal_ctl *ctl, const char *what, void (*print)(const json_t *document),
                                     struct sal_err *reterr);
/* `machine explain`. */
enum sal_status sal_ctl_run_explain(struct sal_ctl *ctl, struct sal_err *reterr);

/* ---- reasons (reason.c) ---- */

/* The reason of an act: --reason; else, when `ask` and a person sits at the terminal, what they type; else a plain
 * sentence that names the user. Handed over. Errors: SAL_E_USAGE (empty, over 255 bytes), SAL_E_NOMEM. */
enum sal_status sal_ctl_reason(const struct sal_ctl *ctl, bool ask, char **ret, struct sal_err *reterr);

/* Asks the person at the terminal to type "yes" to `question`, unless --yes stands there. Where nobody can be asked:
 * SAL_E_USAGE when `must` is true, else SAL_OK. Errors: SAL_E_REFUSED (another answer). */
enum sal_status sal_ctl_ask_yes(const struct sal_ctl *ctl, const char *question, bool must, struct sal_err *reterr);

#endif
