#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "control/nearest.h"
#include "route/topology.h"

#define FILE_HERE   "./slipring.yaml"
#define FILE_SYSTEM "/etc/slipring/slipring.yaml"

const char *cli_default_file(void)
{
	return access(FILE_HERE, F_OK) == 0 ? FILE_HERE : FILE_SYSTEM;
}

static int parse(int argc, char **argv, const char *letters, const char **file, int *status)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	/* Without -c in the letters, --config is unknown too. */
	const struct option *known = strchr(letters, 'c') != NULL ? options : options + 1;
	int option;

	optind = 0; /* argv is another one than main's */
	while ((option = getopt_long(argc, argv, letters, known, NULL)) != -1) {
		switch (option) {
		case 'c':
			*file = optarg;
			break;
		case 'h':
			cli_help(stdout, argv[0]);
			*status = CLI_DONE;
			return -1;
		case ':':
			*status = cli_misused(argv[0], "'%s' needs a value", argv[optind - 1]);
			return -1;
		default:
			*status = cli_misused(argv[0], "unknown option '%s'", argv[optind - 1]);
			return -1;
		}
	}
	return optind;
}

int cli_parse_file(int argc, char **argv, const char **file, int *status)
{
	*file = NULL;
	int first = parse(argc, argv, "+:c:h", file, status);
	if (first >= 0 && *file == NULL)
		*file = cli_default_file();
	return first;
}

int cli_parse_plain(int argc, char **argv, int *status)
{
	const char *none;

	return parse(argc, argv, "+:h", &none, status);
}

struct config *cli_load(const char *file, bool with_warnings)
{
	struct text errors = {0}, warnings = {0};
	struct config *config = config_load(file, &errors, &warnings);

	if (errors.len > 0)
		fputs(errors.p, stderr);
	if (with_warnings && warnings.len > 0)
		fputs(warnings.p, stderr);
	text_free(&errors);
	text_free(&warnings);
	return config;
}

struct topology *cli_topology(const struct config *config, const char *file)
{
	struct error error;
	struct topology *topology = topology_build(config->pools, config->n_pools, 1, &error);

	if (topology == NULL)
		fprintf(stderr, "%s: %s\n", file, error.text);
	return topology;
}

int cli_no_pool(const struct config *config, const char *file, const char *pool)
{
	struct nearest nearest = {.word = pool};

	fprintf(stderr, "%s: no pool '%s'; ", file, pool);
	for (size_t i = 0; i < config->n_pools; i++)
		nearest_offer(&nearest, span_of(config->pools[i].name));
	if (nearest.best[0] != '\0')
		fprintf(stderr, "did you mean '%s'? ", nearest.best);
	fputs("it has", stderr);
	for (size_t i = 0; i < config->n_pools; i++)
		fprintf(stderr, "%s %s", i > 0 ? "," : "", config->pools[i].name);
	fputc('\n', stderr);
	return CLI_FAILED;
}
