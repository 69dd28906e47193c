/*
 * main.c - which command it is.
 */
#include <string.h>

#include "cli/cli.h"
#include "control/nearest.h"

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{"run", cli_run},   {"check", cli_check},   {"route", cli_route},
	{"plan", cli_plan}, {"status", cli_status}, {"import", cli_import},
};

static int unknown(const char *name)
{
	struct nearest nearest = {.word = name};

	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		nearest_offer(&nearest, span_of(commands[i].name));
	if (nearest.best[0] == '\0')
		return cli_misused(NULL, "unknown command '%s'", name);
	return cli_misused(NULL, "unknown command '%s'; did you mean '%s'?", name, nearest.best);
}

int main(int argc, char **argv)
{
	char run_name[] = "run";

	if (argc > 1 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)) {
		puts("slipring " SLIPRING_VERSION);
		return CLI_DONE;
	}
	if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		cli_help(stdout, NULL);
		return CLI_DONE;
	}
	for (size_t i = 0; argc > 1 && i < ARRAY_LEN(commands); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	if (argc > 1 && argv[1][0] != '-')
		return unknown(argv[1]);
	/* No command is `run`: its options begin at argv[1], so argv[0] becomes its name. */
	if (argc > 0)
		argv[0] = run_name;
	return cli_run(argc, argv);
}
