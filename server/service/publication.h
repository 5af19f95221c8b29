/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Publication: makes what is in force known. A thread of its own follows the snapshots: whenever the set of campaigns
 * in force or the trust store changed, and every hour, it asks the signer for the next metadata, writes it to the
 * directory of public files (which may be copied to any static host), and publishes an immutable view of it, from which
 * /tuf/ and polls are answered without a file or a lock.
 *
 * Order. A target's file exists before a list names it, and a list is gone before its target's file is; timestamp.json
 * is written last, and nothing is served before it is written. Nothing here ever holds up the ledger: halts and the
 * kill switch are answered after their commit, and their targets are 404 at once, whatever the signer does.
 *
 * Listed. A campaign is offered only while the published list names its envelope and has not expired, nor anything
 * above it: otherwise a machine would be offered what it cannot verify, and its silence would count. Starts, resumes
 * and the end of the kill switch are answered when they are published (sal_publication_wait), or when that failed.
 *
 * Failure. When the signer fails, the last view stays. When the disk does, machines are served from memory all the
 * same, and only the directory is behind: the signer's high-water marks see to it that nothing older can follow. Either
 * failure is told once and again when it changes (`tell`), by /readyz, metrics and GET /trust, and it is tried again
 * after 1 s, doubling up to 60 s. A signer that ended is started again.
 *
 * Start. What the directory holds is served again when it verifies, before the signer is asked: a server whose signer
 * does not work goes on with what was published last, until it expires.
 *
 * Threads: its own; _view, _mark and _wait from any thread. Ownership: views by reference.
 */
#ifndef SAL_SERVICE_PUBLICATION_H
#define SAL_SERVICE_PUBLICATION_H

#include "service/service.h"
#include "service/trust_store.h"
#include "signer/signer.h"

enum {
        SAL_PUBLICATION_RETRY_MIN_MS = 1000,
        SAL_PUBLICATION_RETRY_MAX_MS = 60000,
        SAL_PUBLICATION_KEPT_VERSIONS = 64, /* earlier snapshot and campaigns files that are still served: a client may
                                               be in the middle of them, or see a cached timestamp, for a minute */
        SAL_VIEW_NAME_BYTES = 160,
};

struct sal_view_text; /* the bytes of a file, shared by the views that hold it */

/* One file as it is served. */
struct sal_view_file {
        char name[SAL_VIEW_NAME_BYTES]; /* "12.snapshot.json", "<sha256>.trust-policy.json" */
        const char *bytes;              /* of `text`, as the others */
        size_t len;
        const char *etag; /* the quoted hex SHA-256 (RFC 9110 section 8.8.3) */
        struct sal_view_text *text;
};

/* What is public now. Immutable but for its count. */
struct sal_view {
        atomic_int refs;
        struct sal_trust_store *trust;
        int64_t versions[SAL_TUF_FILES]; /* 0: there is none yet */
        int64_t expires_ms[SAL_TUF_FILES];
        size_t file_count;
        struct sal_view_file *files;                       /* metadata, all that is served; sorted by name */
        const struct sal_view_file *newest[SAL_TUF_FILES]; /* into `files`; NULL: there is none yet */
        size_t listed_count;
        char (*listed)[SAL_SHA256_HEX_BYTES]; /* of the envelopes that the list names, sorted */
        struct sal_view_file policy;          /* "<sha256>.trust-policy.json" */
};

/* How publishing goes, for /readyz, metrics and GET /trust. */
struct sal_publication_state {
        bool published;                 /* a list of campaigns is public */
        int64_t published_ms;           /* wall time of the newest one, 0: none */
        int64_t failing_ms;             /* since when it fails, 0: it does not */
        char why[SAL_ERR_DETAIL_BYTES]; /* of the failure, and what mends it */
        uint64_t made, failed;          /* counts since the start */
};

struct sal_publication;

struct sal_publication_config {
        struct sal_service *service;
        const struct sal_signer_config *signer;
        const char *public_dir; /* made when missing, with metadata/ and targets/ in it; 0755, files 0644 */
        /* For the log; on the publisher's thread, the first time on that of sal_publication_start. `what` and `remedy`
         * may be "". Events: publication.made, publication.failing, publication.recovered, publication.not_listed
         * (what: the target and the reason), publication.signer (the first signer was started),
         * publication.signer_restarted (what: how the one before ended). NULL: nobody listens. */
        void (*tell)(void *arg, const char *event, const char *what, const char *remedy);
        void *tell_arg;
};

/* Starts the signer, publishes once, sets service->publication, and goes on in a thread of its own. To be called before
 * the ledger's thread starts, with on_change set. A publication that fails is no error here (it is tried again), a
 * signer that cannot be started is: SAL_E_CONFIG, SAL_E_CORRUPT, SAL_E_IO, SAL_E_NOMEM. The configuration is copied but
 * for the service. */
enum sal_status sal_publication_start(const struct sal_publication_config *config, struct sal_publication **ret,
                                      struct sal_err *reterr);
/* Ends thread and signer, and tells those who wait; views can still be had. After the ledger's thread has ended. NULL
 * is allowed. */
void sal_publication_stop(struct sal_publication *publication);
/* Stops, frees, and takes itself out of the service: when no worker runs any more. NULL is allowed. */
void sal_publication_free(struct sal_publication *publication);

/* A reference to the newest view; there always is one. Any thread. */
struct sal_view *sal_publication_view(struct sal_publication *publication);
/* Keeps a reader's own reference fresh: *cached and *generation belong to one reader and begin as NULL and 0. Locks
 * only when there is news. Borrowed until the next call. */
struct sal_view *sal_publication_view_get(struct sal_publication *publication, struct sal_view **cached,
                                          unsigned long long *generation);
struct sal_view *sal_view_ref(struct sal_view *view);
void sal_view_unref(struct sal_view *view); /* NULL is allowed */
/* The metadata file of this name, or NULL. */
const struct sal_view_file *sal_view_find(const struct sal_view *view, const char *name);
bool sal_view_lists(const struct sal_view *view, const char *sha256);

/* The ledger's thread, after it published a snapshot or changed the trust store: marks the snapshot's launches that the
 * view lists, and wakes the publisher. */
void sal_publication_changed(struct sal_publication *publication);

/* Calls done(arg) once, from some thread (this one when there is nothing to wait for), when everything that was
 * committed before this call is published, or when an attempt to publish it failed, or at the end. done must not call
 * back. */
void sal_publication_wait(struct sal_publication *publication, void (*done)(void *arg), void *arg);

/* How it goes now. Any thread. */
/* Can the online keys sign what these root and targets give to timestamp, snapshot and campaigns? Trust that leaves the
 * server without a key of its own would end publishing at once. Any thread. Errors: SAL_E_CONFLICT with the remedy. */
enum sal_status sal_publication_check_keys(const struct sal_publication *publication,
                                           const struct sal_trust_store *trust, struct sal_err *reterr);

/* How it goes now. Any thread. */
void sal_publication_state(struct sal_publication *publication, struct sal_publication_state *ret);

#endif
