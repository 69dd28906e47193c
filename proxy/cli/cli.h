/*
 * cli.h - the commands: each takes its arguments, argv[0] its own name, and gives the exit status.
 *
 * Results go to standard output, messages to standard error. Layer: cli. Includes:
 * control/config.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdio.h>

#include "base/attr.h"
#include "control/config.h"

enum cli_exit { CLI_DONE = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

int cli_run(int argc, char **argv);
int cli_check(int argc, char **argv);
int cli_route(int argc, char **argv);
int cli_plan(int argc, char **argv);
int cli_status(int argc, char **argv);
int cli_import(int argc, char **argv);

/* What a command says of itself, on --help and in the manual. */
struct cli_text {
	const char *name;
	const char *synopsis; /* behind the name */
	const char *summary;  /* a line */
	const char *details;  /* options and what it prints, as lines */
};

/* All commands, in the order to show them. */
const struct cli_text *cli_texts(size_t *n);

/* The help of one command, or of slipring as a whole where `command` is NULL. */
void cli_help(FILE *out, const char *command);

/* Say what is wrong with the arguments and how to get help. Returns CLI_USAGE. */
NODISCARD int cli_misused(const char *command, const char *fmt, ...) PRINTF_LIKE(2, 3);

/*
 * For commands whose one option is -c FILE: take it from the front of the arguments. Returns the
 * index of the first argument behind, or -1 with *status to exit with: --help, or bad options.
 * *file is then the file to read, by default ./slipring.yaml, else /etc/slipring/slipring.yaml.
 */
NODISCARD int cli_parse_file(int argc, char **argv, const char **file, int *status);

/* As cli_parse_file, for commands that have no option but --help. */
NODISCARD int cli_parse_plain(int argc, char **argv, int *status);

/* The file that is read when none is named. */
const char *cli_default_file(void);

/* config_load with errors, and on demand warnings, on standard error. NULL after errors. */
NODISCARD struct config *cli_load(const char *file, bool with_warnings);

/* The topology of a config, or NULL with the error on standard error. */
struct topology;
NODISCARD struct topology *cli_topology(const struct config *config, const char *file);

/* Say that `file` has no such pool, and which ones it has. Returns CLI_FAILED. */
NODISCARD int cli_no_pool(const struct config *config, const char *file, const char *pool);

#endif
