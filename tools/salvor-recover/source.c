/* SPDX-License-Identifier: Apache-2.0 */
#include "salvor-recover/source.h"

#include <string.h>

void sal_source_names(const struct sal_tuf_target *target, char ret_folder[static 16],
                      char ret_name[static SAL_SOURCE_NAME_BYTES]) {
        bool policy = strcmp(target->path, SAL_TUF_POLICY_PATH) == 0;
        const char *folder = policy ? "policy" : "campaigns";
        snprintf(ret_folder, 16, "%s", folder);
        snprintf(ret_name, SAL_SOURCE_NAME_BYTES, "%s.%s", target->sha256, target->path + strlen(folder) + 1);
}
