/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VFS of SQLite that passes everything to the default one and fails writes or syncs when it is told to.
 *
 * Thread: switches may be set from any thread. Ownership: static; faulty_install makes it the default.
 */
#ifndef SAL_TESTS_LEDGER_FAULTY_VFS_H
#define SAL_TESTS_LEDGER_FAULTY_VFS_H

#include <sqlite3.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* What the next calls answer; SQLITE_OK: the truth. after: so many calls still succeed first. */
static _Atomic int faulty_write_code, faulty_sync_code, faulty_read_code, faulty_write_after;
static _Atomic int faulty_syncs; /* syncs that succeeded */

struct faulty_file {
        sqlite3_file base;
        sqlite3_file *real;
};

static sqlite3_vfs *faulty_real_vfs;

static inline sqlite3_file *faulty_of(sqlite3_file *file) {
        return ((struct faulty_file *)(void *)file)->real;
}

static inline int faulty_close(sqlite3_file *file) {
        sqlite3_file *real = faulty_of(file);
        int code = real->pMethods ? real->pMethods->xClose(real) : SQLITE_OK;
        free(real);
        return code;
}

static inline int faulty_read(sqlite3_file *file, void *data, int len, sqlite3_int64 at) {
        int code = atomic_load(&faulty_read_code);
        return code ? code : faulty_of(file)->pMethods->xRead(faulty_of(file), data, len, at);
}

static inline int faulty_write(sqlite3_file *file, const void *data, int len, sqlite3_int64 at) {
        int code = atomic_load(&faulty_write_code);
        if (code && atomic_fetch_sub(&faulty_write_after, 1) <= 0)
                return code;
        return faulty_of(file)->pMethods->xWrite(faulty_of(file), data, len, at);
}

static inline int faulty_truncate(sqlite3_file *file, sqlite3_int64 size) {
        return faulty_of(file)->pMethods->xTruncate(faulty_of(file), size);
}

static inline int faulty_sync(sqlite3_file *file, int flags) {
        int code = atomic_load(&faulty_sync_code);
        if (code)
                return code;
        atomic_fetch_add(&faulty_syncs, 1);
        return faulty_of(file)->pMethods->xSync(faulty_of(file), flags);
}

static inline int faulty_file_size(sqlite3_file *file, sqlite3_int64 *size) {
        return faulty_of(file)->pMethods->xFileSize(faulty_of(file), size);
}

static inline int faulty_lock(sqlite3_file *file, int level) {
        return faulty_of(file)->pMethods->xLock(faulty_of(file), level);
}

static inline int faulty_unlock(sqlite3_file *file, int level) {
        return faulty_of(file)->pMethods->xUnlock(faulty_of(file), level);
}

static inline int faulty_check_reserved(sqlite3_file *file, int *result) {
        return faulty_of(file)->pMethods->xCheckReservedLock(faulty_of(file), result);
}

static inline int faulty_control(sqlite3_file *file, int op, void *arg) {
        return faulty_of(file)->pMethods->xFileControl(faulty_of(file), op, arg);
}

static inline int faulty_sector_size(sqlite3_file *file) {
        return faulty_of(file)->pMethods->xSectorSize(faulty_of(file));
}

static inline int faulty_characteristics(sqlite3_file *file) {
        return faulty_of(file)->pMethods->xDeviceCharacteristics(faulty_of(file));
}

/* Version 1: no shared memory, which exclusive locking does not need. */
static const sqlite3_io_methods faulty_methods = {
        .iVersion = 1,
        .xClose = faulty_close,
        .xRead = faulty_read,
        .xWrite = faulty_write,
        .xTruncate = faulty_truncate,
        .xSync = faulty_sync,
        .xFileSize = faulty_file_size,
        .xLock = faulty_lock,
        .xUnlock = faulty_unlock,
        .xCheckReservedLock = faulty_check_reserved,
        .xFileControl = faulty_control,
        .xSectorSize = faulty_sector_size,
        .xDeviceCharacteristics = faulty_characteristics,
};

static inline int faulty_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *ret_flags) {
        (void)vfs;
        struct faulty_file *faulty = (struct faulty_file *)(void *)file;
        faulty->base.pMethods = NULL;
        faulty->real = calloc(1, (size_t)faulty_real_vfs->szOsFile);
        if (!faulty->real)
                return SQLITE_NOMEM;
        int code = faulty_real_vfs->xOpen(faulty_real_vfs, name, faulty->real, flags, ret_flags);
        if (code != SQLITE_OK) {
                free(faulty->real);
                return code;
        }
        faulty->base.pMethods = &faulty_methods;
        return SQLITE_OK;
}

static inline void faulty_clear(void) {
        atomic_store(&faulty_write_code, SQLITE_OK);
        atomic_store(&faulty_sync_code, SQLITE_OK);
        atomic_store(&faulty_read_code, SQLITE_OK);
        atomic_store(&faulty_write_after, 0);
}

static inline void faulty_install(void) {
        static sqlite3_vfs vfs;
        sqlite3_initialize();
        faulty_real_vfs = sqlite3_vfs_find(NULL);
        vfs = *faulty_real_vfs;
        vfs.zName = "faulty";
        vfs.pNext = NULL;
        vfs.szOsFile = sizeof(struct faulty_file);
        vfs.xOpen = faulty_open;
        sqlite3_vfs_register(&vfs, 1);
}

#endif
