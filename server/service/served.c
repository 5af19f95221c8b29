/* SPDX-License-Identifier: Apache-2.0 */
#include "service/engine.h"

int64_t sal_engine_served_ms(const struct sal_engine *engine, const struct sal_tx *tx) {
        if (engine->mono_base_ms < 0)
                return engine->served_base_ms;
        int64_t passed_ms = sal_tx_mono_ms(tx) - engine->mono_base_ms;
        return engine->served_base_ms + (passed_ms > 0 ? passed_ms : 0);
}

int64_t sal_live_served_ms(const struct sal_engine *engine, const struct sal_live *live, const struct sal_tx *tx) {
        int64_t daemon_ms =
                live->row.served_stopped_ms >= 0 ? live->row.served_stopped_ms : sal_engine_served_ms(engine, tx);
        return daemon_ms - live->row.served_offset_ms;
}

void sal_live_set_clock(struct sal_engine *engine, struct sal_live *live, struct sal_tx *tx) {
        bool stand = live->row.state == SAL_CAMPAIGN_PAUSED || engine->kill_switch;
        bool stands = live->row.served_stopped_ms >= 0;
        if (stand == stands)
                return;
        int64_t now_ms = sal_engine_served_ms(engine, tx);
        if (stand) {
                live->row.served_stopped_ms = now_ms;
        } else {
                live->row.served_offset_ms += now_ms - live->row.served_stopped_ms;
                live->row.served_stopped_ms = -1;
        }
        live->dirty = true;
}
