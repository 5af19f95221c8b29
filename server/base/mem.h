/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory: cleanup attributes, so that every early return frees what it owns.
 *
 * Thread: any. Ownership: a variable marked with one of these owns its value until SAL_STEAL takes it out.
 */
#ifndef SAL_BASE_MEM_H
#define SAL_BASE_MEM_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void sal_cleanup_free(void *p) {
        free(*(void **)p);
}

static inline void sal_cleanup_close(int *fd) {
        if (*fd >= 0)
                close(*fd);
}

static inline void sal_cleanup_fclose(FILE **f) {
        if (*f)
                fclose(*f);
}

/* sal_autofree char *s = NULL; sal_autoclose int fd = -1; sal_autofclose FILE *f = NULL; */
#define sal_autofree __attribute__((cleanup(sal_cleanup_free)))
#define sal_autoclose __attribute__((cleanup(sal_cleanup_close)))
#define sal_autofclose __attribute__((cleanup(sal_cleanup_fclose)))

/* Defines sal_cleanup_<type>, for use as sal_auto(<type>) struct <type> *x = NULL; */
#define SAL_DEFINE_CLEANUP(type, free_function)                  \
        static inline void sal_cleanup_##type(struct type **p) { \
                free_function(*p);                               \
        }
#define sal_auto(type) __attribute__((cleanup(sal_cleanup_##type)))

/* Takes the value out of an owning variable and leaves NULL behind. */
#define SAL_STEAL(p)                         \
        __extension__({                      \
                __typeof__(p) stolen_ = (p); \
                (p) = NULL;                  \
                stolen_;                     \
        })

#define SAL_ARRAY_LEN(a) (sizeof(a) / sizeof *(a))

#endif
