#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Each check reports a tree that breaks its rule, and is quiet about one that keeps it.

setup() {
        checks=$BATS_TEST_DIRNAME/../../tools/checks
        tree=$BATS_TEST_TMPDIR/tree
        mkdir -p "$tree"
        cp "$BATS_TEST_DIRNAME/../../.clang-format" "$tree/"
}

# Writes standard input to a file of the tree.
put() {
        mkdir -p "$tree/$(dirname "$1")"
        cat >"$tree/$1"
}

# Runs a check that must find exactly this.
refuses() {
        run "$checks/$1" "$tree"
        echo "$output"
        [ "$status" -eq 1 ]
        [[ "$output" == *"$2"* ]]
}

accepts() {
        run "$checks/$1" "$tree"
        echo "$output"
        [ "$status" -eq 0 ]
        [ -z "$output" ]
}

@test "include-direction: with the direction" {
        put server/service/a.c <<<'#include "ledger/store.h"'
        put server/http/a.c <<<'#include <microhttpd.h>'
        put server/base/encode.c <<<'#include <openssl/evp.h>'
        put tools/salvorctl/a.c <<<'#include "trust/key.h"'
        put server/ledger/a.c <<<'#include "migrations.inc"'
        accepts include-direction
}

@test "include-direction: against the direction" {
        put server/base/a.c <<<'#include "model/plan.h"'
        refuses include-direction 'server/base/a.c:1: "model/plan.h": base/ may not look into model/'
}

@test "include-direction: neighbours do not see each other" {
        put server/rollout/a.c <<<'  #  include "ledger/store.h"'
        refuses include-direction 'rollout/ may not look into ledger/'
        rm "$tree/server/rollout/a.c"
        put server/http/a.h <<<'#include "service/poll.h"'
        refuses include-direction 'http/ may not look into service/'
}

@test "include-direction: technologies stay in their rooms" {
        for line in openssl/evp.h sqlite3.h microhttpd.h gnutls/gnutls.h uv.h curl/curl.h; do
                put server/service/a.c <<<"#include <$line>"
                refuses include-direction "belong"
        done
        put server/service/a.c <<<''
        put server/base/buf.c <<<'#include <openssl/sha.h>'
        refuses include-direction "OpenSSL belongs to trust/"
}

@test "include-direction: tools see the verifying rooms only" {
        put tools/salvorctl/a.c <<<'#include "ledger/store.h"'
        refuses include-direction "tools see base, model, rollout, trust only"
        put tools/salvorctl/a.c <<<'#include <openssl/ssl.h>'
        refuses include-direction "OpenSSL belongs to trust/"
        rm "$tree/tools/salvorctl/a.c"
        put tools/salvor-recover/tls.c <<<'#include <openssl/ssl.h>'
        accepts include-direction
}

@test "include-direction: includes are rooted, and rooms are known" {
        put server/model/a.c <<<'#include "plan.h"'
        refuses include-direction 'write it rooted at server/, as "model/plan.h"'
        put server/model/a.c <<<'#include <base/err.h>'
        refuses include-direction "included with quotes"
        rm "$tree/server/model/a.c"
        put server/attic/a.c <<<'#include "base/err.h"'
        refuses include-direction "attic/ is no room of the house"
}

@test "header-docs: a documented header" {
        put server/base/a.h <<'X'
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts sheep.
 *
 * Thread: any. Ownership: plain values.
 */
#ifndef A_H
#define A_H
struct sheep {
        int (*count)(int);
};
/* How many there are. */
int sheep_count(const struct sheep *s,
                int more);
int sheep_total(void);

void sheep_free(struct sheep *s);
int sheep_left(void); /* after the wolf */

/* ---- wolves ---- */

int wolf_one(void);

int wolf_two(void);
#endif
X
        accepts header-docs
}

@test "header-docs: rules that are not told" {
        put server/base/a.h <<'X'
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef A_H
#define A_H
#endif
X
        refuses header-docs "a.h:1: the opening comment lacks the purpose"
        [[ "$output" == *"lacks the thread rule"* ]]
        [[ "$output" == *"lacks the ownership rule"* ]]
}

@test "header-docs: a function without a comment" {
        put server/base/a.h <<'X'
/* SPDX-License-Identifier: Apache-2.0 */
/* Counts sheep. Thread: any. Ownership: none. */
/* One. */
int sheep_one(void);

enum sal_status sheep_two(int a,
                          int b);
X
        refuses header-docs "a.h:6: sheep_two has no comment"
        [[ "$output" != *sheep_one* ]]
}

@test "words: a clean tree" {
        put a.md <<<'Finished. See /usr/share/doc and https://example.org/work/here.'
        accepts words
}

@test "words: unfinished work" {
        for word in 'TO''DO' 'FIX''ME' 'X''XX' 'not impl''emented' 'place''holder' 'st''ubbed' 'for n''ow'; do
                put a.c <<<"/* $word: later */"
                refuses words "a.c:1:"
        done
}

@test "words: paths of one machine" {
        for path in /wo'rk/main' /ro'ot/x' /ho'me/kim/src' /Us'ers/kim/src'; do
                put a.sh <<<"cd $path"
                refuses words "a path of one machine"
        done
}

@test "words: a private key" {
        put key.pem <<<'-----BEGIN'' PRIVATE KEY-----'
        refuses words "a private key"
        put key.pem <<<'-----BEGIN'' EC PRIVATE KEY-----'
        refuses words "a private key"
}

@test "format: another layout" {
        put server/base/a.c <<<'int a;'
        accepts format
        put server/base/a.c <<<'int  a ;'
        refuses format "a.c:1"
}

@test "cppcheck: an array is left" {
        put server/base/a.c <<'X'
int last(void);
int last(void) {
        int a[3] = {1, 2, 3};
        return a[3];
}
X
        refuses cppcheck "server/base/a.c:4: error"
}

@test "tidy: a division by zero" {
        put server/base/a.c <<'X'
int half(int n);
int half(int n) {
        int zero = 0;
        return n / zero;
}
X
        refuses tidy "Division by zero"
        put server/base/a.c <<<'int whole;'
        accepts tidy
}

@test "docs: a link that leads nowhere" {
        put docs/a.md <<<'[here](b.md#part) and [away](https://example.org/x)'
        refuses docs "docs/a.md:1: the link to b.md leads nowhere"
        put docs/b.md <<<''
        accepts docs
}

@test "docs: configuration keys and their defaults" {
        put server/daemon/config.c <<'X'
        [SAL_CONF_WORKERS] = SERVER("workers", NUMBER, RANGE(0, 64, "threads"), DEFAULT("8")),
        [SAL_CONF_PORT] =
                PLANE("port", NUMBER, RANGE(0, 65535, ""),
                      DEFAULT("8443", "8444")),
};
X
        put docs/operations.md <<<'`workers` 8, `port` 8443 8444'
        put docs/man/salvord.conf.5.scd <<<'*workers* 8 *port* 8443 8444'
        accepts docs
        put docs/operations.md <<<'`workers` 7, `port` 8443'
        refuses docs "the default 8 of workers is missing"
        [[ "$output" == *"the default 8444 of port is missing"* ]]
        put docs/operations.md <<<'`workers` 8'
        refuses docs "the configuration key port is missing"
}

@test "docs: a configuration table that the check cannot read" {
        put server/daemon/main.c <<<''
        refuses docs "of 0 configuration keys this check understands 0"
        put server/daemon/config.c <<'X'
        [SAL_CONF_WORKERS] = SERVER("workers", NUMBER, DEFAULT("8")),
        [SAL_CONF_PORT] = SOMETHING_NEW("port", NUMBER, DEFAULT("8443")),
};
X
        put docs/operations.md <<<'`workers` 8'
        put docs/man/salvord.conf.5.scd <<<'*workers* 8'
        refuses docs "of 2 configuration keys this check understands 1"
}
