/* SPDX-License-Identifier: Apache-2.0 */
/* The loops of uthash and utlist as cppcheck may read them; it does not look into system headers. */
#define DL_FOREACH(head, el) for ((el) = (head); (el); (el) = (el)->next)
#define DL_FOREACH_SAFE(head, el, tmp) for ((el) = (head); (el) && ((tmp) = (el)->next, 1); (el) = (tmp))
#define LL_FOREACH(head, el) for ((el) = (head); (el); (el) = (el)->next)
#define HASH_ITER(hh, head, el, tmp) for ((el) = (head), (tmp) = (el); (el); (el) = (tmp))
