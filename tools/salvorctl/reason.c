/* SPDX-License-Identifier: Apache-2.0 */
/* What only a person at the terminal can say: why, and yes. */
#include "command.h"
#include "out.h"

#include <pwd.h>
#include <string.h>

enum { REASON_MAX_BYTES = 255 };

static char *plain_sentence(void) {
        const struct passwd *user = getpwuid(getuid());
        sal_autobuf struct sal_buf text = SAL_BUF_INIT;
        sal_buf_printf(&text, "by %.64s via salvorctl", user ? user->pw_name : "an unnamed user");
        return sal_buf_take(&text, NULL);
}

static bool somebody_is_there(void) {
        return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

static char *ask_reason(void) {
        char line[REASON_MAX_BYTES + 2];
        fputs("Reason (kept in the journal): ", stderr);
        fflush(stderr);
        if (!fgets(line, sizeof line, stdin))
                return NULL;
        line[strcspn(line, "\r\n")] = '\0';
        return *line ? strdup(line) : NULL;
}

enum sal_status sal_ctl_reason(const struct sal_ctl *ctl, bool ask, char **ret, struct sal_err *reterr) {
        const char *given = ctl->options[SAL_OPT_REASON];
        if (given && (!*given || strlen(given) > REASON_MAX_BYTES))
                return sal_fail(reterr, SAL_E_USAGE, "--reason takes 1 to %d bytes", REASON_MAX_BYTES);
        char *text = NULL;
        if (given)
                text = strdup(given);
        else if (ask && somebody_is_there())
                text = ask_reason();
        if (!text)
                text = plain_sentence();
        if (!text)
                return sal_fail(reterr, SAL_E_NOMEM, "no memory for the reason");
        *ret = text;
        return SAL_OK;
}

enum sal_status sal_ctl_ask_yes(const struct sal_ctl *ctl, const char *question, bool must, struct sal_err *reterr) {
        if (sal_ctl_has(ctl, SAL_OPT_YES))
                return SAL_OK;
        if (!somebody_is_there()) {
                if (!must)
                        return SAL_OK;
                sal_fail(reterr, SAL_E_USAGE, "nobody can be asked here, and nothing is signed unseen");
                sal_err_hint(reterr, "--yes says that you have read what is shown");
                return SAL_E_USAGE;
        }
        char line[16] = "";
        fprintf(stderr, "%s Type yes: ", question);
        fflush(stderr);
        if (!fgets(line, sizeof line, stdin) || strcmp(line, "yes\n") != 0)
                return sal_fail(reterr, SAL_E_REFUSED, "nothing was signed");
        return SAL_OK;
}
