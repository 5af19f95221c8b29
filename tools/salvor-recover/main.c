/* SPDX-License-Identifier: Apache-2.0 */
/* salvor-recover: the command line. */
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "client/safe.h"
#include "salvor-recover/rescue.h"

#include <getopt.h>
#include <string.h>

static const char usage[] =
        "Usage: salvor-recover -c FILE --root DIR [OPTION]...\n"
        "Polls the server for a signed fix, carries it out on the system at DIR, verifies it, reports.\n"
        "\n"
        "  -c, --config FILE   configuration: server, ca, root, machine_id, token or token_file\n"
        "      --root DIR      the system to be recovered, mounted at DIR\n"
        "      --state DIR     what must outlive a crash (default /var/lib/salvor-recover)\n"
        "      --once          end after one answer\n"
        "      --bundle DIR    without any network: verify and apply what `salvorctl bundle` wrote to DIR\n"
        "      --reason R      boot_failure (default), requested or drill\n"
        "      --fact K=V      a fact of this machine; may be given up to 64 times\n"
        "      --boot-id UUID  this boot (default: the kernel's)\n"
        "      --healthy       report that the machine is back after its last applied offer, and end\n"
        "      --time T        RFC 3339 time to use instead of the hardware clock where the server tells none\n"
        "      --json          print the outcome as one line of JSON\n"
        "  -h, --help\n"
        "      --version\n"
        "\n"
        "Exit: 0 applied or nothing to do, 1 failed and put back, 2 usage, 4 another one runs, 5 unreachable, 6 "
        "refused,\n"
        "7 gave up waiting, 78 bad configuration.\n";

static volatile sig_atomic_t stop;

static void on_signal(int number) {
        (void)number;
        stop = 1;
}

struct arguments {
        struct sal_rescue_options options;
        const char *config;
        const char *facts[SAL_FACTS_MAX];
        char boot_id[SAL_BOOT_ID_BYTES];
        bool json, done; /* done: help or version was printed */
};

enum {
        OPTION_ROOT = 256,
        OPTION_STATE,
        OPTION_ONCE,
        OPTION_BUNDLE,
        OPTION_REASON,
        OPTION_FACT,
        OPTION_BOOT_ID,
        OPTION_HEALTHY,
        OPTION_TIME,
        OPTION_JSON,
        OPTION_VERSION
};

static const struct option long_options[] = {
        {"config", required_argument, NULL, 'c'},           {"root", required_argument, NULL, OPTION_ROOT},
        {"state", required_argument, NULL, OPTION_STATE},   {"once", no_argument, NULL, OPTION_ONCE},
        {"bundle", required_argument, NULL, OPTION_BUNDLE}, {"reason", required_argument, NULL, OPTION_REASON},
        {"fact", required_argument, NULL, OPTION_FACT},     {"boot-id", required_argument, NULL, OPTION_BOOT_ID},
        {"healthy", no_argument, NULL, OPTION_HEALTHY},     {"time", required_argument, NULL, OPTION_TIME},
        {"json", no_argument, NULL, OPTION_JSON},           {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, OPTION_VERSION},     {0},
};

static enum sal_status take_option(int option, const char *value, struct arguments *arguments, struct sal_err *reterr) {
        struct sal_rescue_options *options = &arguments->options;
        switch (option) {
        case 'c':
                arguments->config = value;
                break;
        case OPTION_ROOT:
                options->root = value;
                break;
        case OPTION_STATE:
                options->state = value;
                break;
        case OPTION_ONCE:
                options->once = true;
                break;
        case OPTION_BUNDLE:
                options->bundle = value;
                break;
        case OPTION_HEALTHY:
                options->healthy = true;
                break;
        case OPTION_JSON:
                arguments->json = true;
                break;
        case OPTION_REASON:
                options->reason = value;
                if (strcmp(value, "boot_failure") != 0 && strcmp(value, "requested") != 0 &&
                    strcmp(value, "drill") != 0)
                        return sal_fail(reterr, SAL_E_USAGE, "--reason is boot_failure, requested or drill");
                break;
        case OPTION_FACT:
                if (options->fact_count == SAL_FACTS_MAX)
                        return sal_fail(reterr, SAL_E_USAGE, "more than %d facts", SAL_FACTS_MAX);
                arguments->facts[options->fact_count++] = value;
                break;
        case OPTION_BOOT_ID:
                if (!sal_boot_id_valid(value))
                        return sal_fail(reterr, SAL_E_USAGE, "--boot-id is 1 to 64 of A-Z a-z 0-9 and -");
                snprintf(arguments->boot_id, sizeof arguments->boot_id, "%s", value);
                break;
        case OPTION_TIME:
                if (sal_time_parse(value, &options->time_ms))
                        return sal_fail(reterr, SAL_E_USAGE, "--time is as in 2024-07-19T05:30:00Z");
                break;
        case 'h':
        case OPTION_VERSION:
                fputs(option == 'h' ? usage : "salvor-recover " SALVOR_VERSION "\n", stdout);
                arguments->done = true;
                break;
        default:
                return sal_fail(reterr, SAL_E_USAGE, "see salvor-recover --help");
        }
        return SAL_OK;
}

static enum sal_status kernel_boot_id(char ret[static SAL_BOOT_ID_BYTES], struct sal_err *reterr) {
        sal_autofclose FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
        if (!file || !fgets(ret, SAL_BOOT_ID_BYTES, file))
                return sal_fail(reterr, SAL_E_USAGE, "the kernel tells no boot id: give one with --boot-id");
        ret[strcspn(ret, "\n")] = 0;
        return sal_boot_id_valid(ret) ? SAL_OK : sal_fail(reterr, SAL_E_USAGE, "the kernel's boot id is none");
}

static enum sal_status read_arguments(int argc, char **argv, struct arguments *arguments, struct sal_err *reterr) {
        int option;
        enum sal_status status = SAL_OK;
        arguments->options = (struct sal_rescue_options){.state = "/var/lib/salvor-recover",
                                                         .reason = "boot_failure",
                                                         .boot_id = arguments->boot_id,
                                                         .facts = arguments->facts,
                                                         .time_ms = -1,
                                                         .stop = &stop};
        while ((option = getopt_long(argc, argv, "c:h", long_options, NULL)) != -1) {
                status = take_option(option, optarg, arguments, reterr);
                if (status || arguments->done)
                        return status;
        }
        if (optind < argc)
                return sal_fail(reterr, SAL_E_USAGE, "what is \"%.100s\"? see salvor-recover --help", argv[optind]);
        if (!arguments->config || !arguments->options.root)
                return sal_fail(reterr, SAL_E_USAGE, "%s is missing; see salvor-recover --help",
                                arguments->config ? "--root DIR" : "-c FILE");
        if (arguments->options.bundle && arguments->options.healthy)
                return sal_fail(reterr, SAL_E_USAGE, "--healthy tells the server, --bundle is for where there is none");
        return *arguments->boot_id ? SAL_OK : kernel_boot_id(arguments->boot_id, reterr);
}

static void print_result(const struct sal_rescue_result *result, bool as_json) {
        if (!as_json) {
                printf("%s", result->outcome);
                if (*result->campaign)
                        printf(": campaign %s version %lld", result->campaign, (long long)result->version);
                printf("\n");
                sal_safe_print(stdout, result->detail);
                printf("\n");
                return;
        }
        sal_autojson json_t *document =
                json_pack("{s:s,s:s,s:i}", "outcome", result->outcome, "detail", result->detail, "exit", result->exit);
        if (document && *result->offer_id)
                json_object_set_new(document, "offer_id", json_string(result->offer_id));
        if (document && *result->campaign) {
                json_object_set_new(document, "campaign", json_string(result->campaign));
                json_object_set_new(document, "version", json_integer(result->version));
        }
        sal_autofree char *text = document ? sal_json_dump(document) : NULL;
        printf("%s\n", text ? text : "{}");
}

static int fail(const struct sal_err *error) {
        fputs("salvor-recover: ", stderr);
        sal_safe_print(stderr, error->detail);
        fputc('\n', stderr);
        if (*error->hint) {
                fputs("hint: ", stderr);
                sal_safe_print(stderr, error->hint);
                fputc('\n', stderr);
        }
        return (int)sal_status_info(error->status)->exit;
}

int main(int argc, char **argv) {
        struct arguments arguments = {0};
        struct sal_settings settings = {0};
        struct sal_rescue_result result = {0};
        struct sal_err error = {0};
        const struct sigaction action = {.sa_handler = on_signal};
        if (read_arguments(argc, argv, &arguments, &error))
                return fail(&error);
        if (arguments.done)
                return SAL_EXIT_DONE;
        sigaction(SIGTERM, &action, NULL);
        sigaction(SIGINT, &action, NULL);
        signal(SIGPIPE, SIG_IGN);
        if (sal_settings_read(arguments.config, !arguments.options.bundle, &settings, &error))
                return fail(&error);
        arguments.options.settings = &settings;
        enum sal_status status = sal_rescue_run(&arguments.options, &result, &error);
        sal_settings_done(&settings);
        if (status)
                return fail(&error);
        print_result(&result, arguments.json);
        return (int)result.exit;
}
