/* SPDX-License-Identifier: Apache-2.0 */
#include "http/internal.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct sal_http_address {
        struct sal_http_address_key key;
        unsigned count;
        UT_hash_handle hh;
};

void sal_http_address_key(const struct sockaddr *address, struct sal_http_address_key *ret) {
        *ret = (struct sal_http_address_key){0};
        if (address->sa_family == AF_INET) {
                ret->bytes[0] = 4;
                memcpy(ret->bytes + 1, &((const struct sockaddr_in *)(const void *)address)->sin_addr, 4);
        } else if (address->sa_family == AF_INET6) {
                const struct in6_addr *six = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
                bool mapped = IN6_IS_ADDR_V4MAPPED(six);
                ret->bytes[0] = mapped ? 4 : 6;
                memcpy(ret->bytes + 1, six->s6_addr + (mapped ? 12 : 0), mapped ? 4 : 8);
        }
}

static struct sal_http_address *find(struct sal_http_addresses *all, const struct sal_http_address_key *key) {
        struct sal_http_address *found = NULL;
        HASH_FIND(hh, all->table, key, sizeof *key, found);
        return found;
}

unsigned sal_http_addresses_count(struct sal_http_addresses *all, const struct sal_http_address_key *key) {
        pthread_mutex_lock(&all->lock);
        const struct sal_http_address *found = find(all, key);
        unsigned count = found ? found->count : 0;
        pthread_mutex_unlock(&all->lock);
        return count;
}

bool sal_http_addresses_add(struct sal_http_addresses *all, const struct sal_http_address_key *key) {
        pthread_mutex_lock(&all->lock);
        struct sal_http_address *found = find(all, key);
        if (!found && (found = calloc(1, sizeof *found))) {
                found->key = *key;
                HASH_ADD(hh, all->table, key, sizeof found->key, found);
        }
        if (found)
                found->count++;
        pthread_mutex_unlock(&all->lock);
        return found != NULL;
}

void sal_http_addresses_drop(struct sal_http_addresses *all, const struct sal_http_address_key *key) {
        pthread_mutex_lock(&all->lock);
        struct sal_http_address *found = find(all, key);
        if (found && --found->count == 0) {
                HASH_DEL(all->table, found);
                free(found);
        }
        pthread_mutex_unlock(&all->lock);
}

void sal_http_addresses_done(struct sal_http_addresses *all) {
        struct sal_http_address *at, *next;
        HASH_ITER (hh, all->table, at, next) {
                HASH_DEL(all->table, at);
                free(at);
        }
}
