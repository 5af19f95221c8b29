/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signer: the process that holds the online keys ("salvord: signer"), and the daemon's handle of it. It has no network,
 * no database and no way to open a file: one socket to the daemon, its keys in memory, its own high-water marks in a
 * file that was opened before it was confined, and its own clock. It believes nothing that it is told: the root chain
 * is followed from the pinned root that it read itself, targets and policy are verified by it, every envelope is judged
 * by its authors' signatures (trust/repository.h), and what it gives away is on its marks first. So whoever takes the
 * daemon can make it remove, delay or narrow, and nothing else.
 *
 *   signer.c    the daemon's handle: spawning (posix_spawn of the same program), asking, ending
 *   process.c   the process: sal_signer_main
 *   message.c   what travels: length-prefixed fields, each bounded before it is believed
 *   transfer.c  whole messages over the socket, within a time
 *   marks.c     the high-water marks: two slots with a digest each, written in turn and synced
 *   confine.c   no new privileges, not dumpable, seccomp filter
 *
 * Thread: a handle is for one thread at a time. Ownership: everything that is passed is borrowed for the call.
 */
#ifndef SAL_SIGNER_SIGNER_H
#define SAL_SIGNER_SIGNER_H

#include "trust/repository.h"

enum {
        SAL_SIGNER_MAX_KEYS = 8,
        SAL_SIGNER_MAX_ROOTS = 1024,  /* in a chain, the pinned one included */
        SAL_SIGNER_TIMEOUT_MS = 5000, /* of one answer; a signer that is slower is ended and begun anew */
};

/* Where its marks lie inside the directory of sal_signer_config. */
#define SAL_SIGNER_MARKS_FILE "high-water"

struct sal_signer_config {
        const char *root_path;        /* the pinned 1.root.json */
        const char *const *key_paths; /* PEM, unencrypted; each key serves every role whose keys hold it */
        size_t key_count;             /* 1..SAL_SIGNER_MAX_KEYS */
        const char *marks_dir;        /* made when missing (0700); best not on what a backup restores */
        /* This server has published before. Marks that are missing then were lost: they begin anew with the minutes
         * since 2020 as versions, which is above all that was ever given away, since nobody publishes once a minute for
         * years. Else they begin with none. */
        bool resumed;
};

struct sal_signer;

/* Starts the process and waits until it is confined and ready. Errors: SAL_E_CONFIG (a key or the root cannot be used,
 * or another signer holds the marks; the detail is the signer's own and names the file), SAL_E_CORRUPT (its marks),
 * SAL_E_IO, SAL_E_NOMEM. */
enum sal_status sal_signer_start(const struct sal_signer_config *config, struct sal_signer **ret,
                                 struct sal_err *reterr);
/* Closes the socket, at which the process ends by itself, and waits for it. NULL is allowed. */
void sal_signer_free(struct sal_signer *signer);
/* Of the process; for the log and for tests. */
int sal_signer_pid(const struct sal_signer *signer);

struct sal_signer_bytes {
        const char *bytes;
        size_t len;
};

struct sal_signer_request {
        const struct sal_signer_bytes *roots; /* 2.root.json and later, in order; may be none */
        size_t root_count;
        /* targets is required; campaigns, snapshot and timestamp are those given away last, or NULL; root is not looked
         * at. */
        struct sal_tuf_files files;
        struct sal_signer_bytes policy; /* the file that targets lists */
        const struct sal_repository_envelope *envelopes;
        size_t envelope_count; /* 0..SAL_TUF_MAX_CAMPAIGNS */
        bool renew;            /* sign a new timestamp even when there is no need */
};

struct sal_signer_answer {
        struct sal_repository_next next; /* sal_repository_next_done frees */
        int64_t versions[SAL_TUF_FILES];
        int64_t expires_ms[SAL_TUF_FILES];
        struct sal_repository_verdict verdicts[SAL_TUF_MAX_CAMPAIGNS]; /* one per envelope, in their order */
};

/* Makes the next files. *ret is set on success only. Errors: what sal_repository_make refuses with, with its detail;
 * SAL_E_UNREACHABLE (the process ended, or gave no whole answer within SAL_SIGNER_TIMEOUT_MS: it is dead then, and
 * every later call says so until a new one is started), SAL_E_INVALID (more envelopes or longer bytes than a message
 * takes), SAL_E_NOMEM. */
enum sal_status sal_signer_make(struct sal_signer *signer, const struct sal_signer_request *request,
                                struct sal_signer_answer *ret, struct sal_err *reterr);

/* The process itself: called by main() when argv says so, never returns to the daemon's own start. `argc` and `argv`
 * are as sal_signer_start made them. Returns the exit code. */
int sal_signer_main(int argc, char **argv);
/* True when this program was started as the signer. */
bool sal_signer_wanted(int argc, char **argv);

#endif
