/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of publication share: publication.c has the thread and those who wait, publication_make.c one attempt
 * to publish, publication_view.c the views, publication_files.c the directory, publication_resume.c the start. Not for
 * others.
 *
 * Thread: views are immutable once made; the rest is the publisher's (before it runs: the starter's). Ownership: a text
 * belongs to the views that hold it.
 */
#ifndef SAL_SERVICE_PUBLICATION_INTERNAL_H
#define SAL_SERVICE_PUBLICATION_INTERNAL_H

#include "service/publication.h"

SAL_DEFINE_CLEANUP(sal_view, sal_view_unref)

struct sal_publication_waiter;

struct sal_publication {
        struct sal_service *service;
        struct sal_signer_config signer_config; /* its texts are copies */
        struct sal_key_set online_keys;         /* the public halves of the signer's; set at the start */
        const char *key_paths[SAL_SIGNER_MAX_KEYS];
        char *public_dir;
        void (*tell)(void *arg, const char *event, const char *what, const char *remedy);
        void *tell_arg;
        pthread_t thread;
        bool runs; /* the thread; the starter's */
        pthread_mutex_t lock;
        pthread_cond_t wake;
        /* Under `lock`. */
        bool stopping;
        uint64_t asked;     /* rises with everything that wants to be published */
        uint64_t attempted; /* up to here an attempt was made */
        struct sal_publication_waiter *waiters;
        struct sal_trust_store *trust; /* the newest */
        struct sal_view *view;         /* what is public; rises `generation` */
        struct sal_publication_state state;
        atomic_ullong generation;
        pthread_mutex_t marking; /* marks are set from the newest snapshot and view, one at a time */
        /* The publisher's. */
        struct sal_signer *signer;
        char ended[SAL_ERR_DETAIL_BYTES]; /* how the signer before ended; "": there was none */
        struct sal_view *last; /* whose files were given away last: the view, or at first what the directory held */
        bool settled;          /* the signer has answered for `wanted` */
        size_t wanted_count;
        char wanted[SAL_TUF_MAX_CAMPAIGNS][SAL_SHA256_HEX_BYTES];
};

/* ---- one attempt (publication_make.c) ---- */

/* Publishes what is in force now if that is not public yet, or not for long any more. The publisher's. */
enum sal_status sal_publication_attempt(struct sal_publication *publication, struct sal_trust_store *trust,
                                        int64_t now_ms, struct sal_err *reterr);
/* Reads the public halves of the signer's keys. Errors: those of sal_private_key_load. */
enum sal_status sal_publication_load_keys(struct sal_publication *publication, struct sal_err *reterr);
/* Starts the signer unless it runs. Errors: those of sal_signer_start. */
enum sal_status sal_publication_sign_on(struct sal_publication *publication, struct sal_err *reterr);
/* Marks the launches of the newest snapshot by the newest view; true when one is listed that was not. Any thread. */
bool sal_publication_mark(struct sal_publication *publication);
void sal_publication_tell(const struct sal_publication *publication, const char *event, const char *remedy,
                          const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Puts a view in force; the reference is taken over. */
void sal_publication_put_take(struct sal_publication *publication, struct sal_view *view);

struct sal_view_text {
        atomic_int refs;
        bool saved; /* it lies in the directory; the publisher's */
        char etag[SAL_SHA256_HEX_BYTES + 2];
        size_t len;
        char bytes[];
};

/* ---- views (publication_view.c) ---- */

/* What a view is made of. Everything is borrowed. */
struct sal_view_parts {
        struct sal_trust_store *trust;
        struct sal_view *before; /* whose older files are kept, and whose texts are shared; NULL: none */
        struct sal_tuf_files
                files; /* campaigns, snapshot, timestamp; NULL bytes: none; the others are those of `trust` */
        int64_t versions[SAL_TUF_FILES]; /* of these three */
        int64_t expires_ms[SAL_TUF_FILES];
        size_t listed_count;
        const char *listed[SAL_TUF_MAX_CAMPAIGNS]; /* SHA-256 of each envelope, hex */
};

/* Errors: SAL_E_NOMEM. */
enum sal_status sal_view_make(const struct sal_view_parts *parts, struct sal_view **ret, struct sal_err *reterr);

/* An empty view with room for this many files, without a trust store: for what lies in the directory. NULL without
 * memory. */
struct sal_view *sal_view_new(size_t room);
/* Adds a file with a copy of the bytes. False without memory. */
bool sal_view_add(struct sal_view *view, const char *name, const char *bytes, size_t len, bool saved);
/* Sorts the files and finds the newest of each; to be called once, after the last was added. */
void sal_view_seal(struct sal_view *view);

/* Reads the name of a metadata file ("timestamp.json", "12.snapshot.json"); the version of timestamp is 0. False: it is
 * none. */
bool sal_tuf_name_read(const char *name, enum sal_tuf_file *ret_file, int64_t *ret_version);

/* ---- the directory (publication_files.c) ---- */

/* One envelope that the list names. */
struct sal_public_target {
        char name[SAL_VIEW_NAME_BYTES]; /* "<sha256>.<id>-<version>.json" */
        const char *bytes;
        size_t len;
};

/* What lies in the directory's metadata/, as a sealed view; bytes that cannot be read are left out. Errors:
 * SAL_E_NOMEM.
 */
enum sal_status sal_public_dir_load(const char *dir, struct sal_view **ret, struct sal_err *reterr);

/* Writes what is new of the view and the targets, in the order that publication.h tells, and removes what is not public
 * any more. Errors: SAL_E_IO with the path and what mends it, SAL_E_NOMEM. */
enum sal_status sal_public_dir_write(const char *dir, struct sal_view *view, const struct sal_public_target *targets,
                                     size_t target_count, struct sal_err *reterr);

/* ---- the start (publication_resume.c) ---- */

/* The view to begin with: the roots, targets and policy of the store, and what the directory holds (`found`) if that
 * verifies now. Errors: SAL_E_NOMEM. */
enum sal_status sal_view_resume(struct sal_trust_store *trust, struct sal_view *found, int64_t now_ms,
                                struct sal_view **ret, struct sal_err *reterr);

#endif
