/* SPDX-License-Identifier: Apache-2.0 */
#include "salvor-fleet/sim_random.h"

#include "rollout/evidence.h"
#include "salvor-fleet/command_line.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DELAY_MAX_SECONDS 2592000.0

uint64_t sal_sim_mix(uint64_t a, uint64_t b) {
        uint64_t z = a + UINT64_C(0x9e3779b97f4a7c15) * (b + 1);
        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        return z ^ (z >> 31);
}

void sal_sim_stream_seed(struct sal_sim_stream *stream, uint64_t seed) {
        for (uint64_t i = 0; i < 4; i++)
                stream->s[i] = sal_sim_mix(seed, i);
}

static uint64_t rotate(uint64_t x, int bits) {
        return x << bits | x >> (64 - bits);
}

uint64_t sal_sim_stream_next(struct sal_sim_stream *stream) {
        uint64_t *s = stream->s;
        uint64_t result = rotate(s[1] * 5, 7) * 9;
        uint64_t shifted = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= shifted;
        s[3] = rotate(s[3], 45);
        return result;
}

double sal_sim_unit(uint64_t random) {
        return (double)(random >> 11) / 9007199254740992.0;
}

uint64_t sal_sim_stream_below(struct sal_sim_stream *stream, uint64_t bound) {
        /* Numbers above the last whole multiple of bound would favour the small ones. */
        uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
        uint64_t random = sal_sim_stream_next(stream);
        while (random >= limit)
                random = sal_sim_stream_next(stream);
        return random % bound;
}

static double triangular(const struct sal_sim_delay *delay, double u) {
        double width = delay->high - delay->low;
        if (width <= 0)
                return delay->low;
        double left = delay->mode - delay->low;
        if (u < left / width)
                return delay->low + sqrt(u * width * left);
        return delay->high - sqrt((1 - u) * width * (delay->high - delay->mode));
}

int64_t sal_sim_delay_us(const struct sal_sim_delay *delay, double u) {
        double seconds = delay->low;
        if (delay->kind == SAL_SIM_EXPONENTIAL)
                seconds = -delay->low * sal_ln(1 - u);
        else if (delay->kind == SAL_SIM_TRIANGULAR)
                seconds = triangular(delay, u);
        return (int64_t)(seconds * 1e6);
}

enum sal_status sal_sim_delay_parse(const char *name, const char *text, struct sal_sim_delay *ret,
                                    struct sal_err *reterr) {
        struct sal_sim_delay delay = {.kind = SAL_SIM_FIXED};
        const char *rest = text;
        if (strncmp(text, "exp:", 4) == 0)
                delay.kind = SAL_SIM_EXPONENTIAL, rest += 4;
        else if (strncmp(text, "tri:", 4) == 0)
                delay.kind = SAL_SIM_TRIANGULAR, rest += 4;
        double numbers[3] = {0};
        int wanted = delay.kind == SAL_SIM_TRIANGULAR ? 3 : 1, got = 0;
        for (bool more = true; more && got < wanted; got++) {
                char *end = NULL;
                numbers[got] = sal_fleet_decimal(rest, &end);
                if (end == rest || !(numbers[got] >= 0 && numbers[got] <= DELAY_MAX_SECONDS))
                        break;
                more = *end == ',';
                rest = more ? end + 1 : end;
        }
        if (got == wanted && !*rest && (wanted == 1 || (numbers[0] <= numbers[1] && numbers[1] <= numbers[2]))) {
                *ret = (struct sal_sim_delay){
                        .kind = delay.kind, .low = numbers[0], .mode = numbers[1], .high = numbers[2]};
                return SAL_OK;
        }
        sal_fail(reterr, SAL_E_USAGE, "%s must be a delay, not \"%.60s\"", name, text);
        sal_err_hint(reterr, "seconds such as 90, exp:MEAN or tri:LEAST,MOST LIKELY,MOST, each from 0 to 2592000");
        return SAL_E_USAGE;
}
