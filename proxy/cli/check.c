#include <string.h>

#include "cli/cli.h"

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

int cli_check(int argc, char **argv)
{
	const char *file;
	size_t shards = 0;
	int status, first = cli_parse_file(argc, argv, &file, &status);

	if (first < 0)
		return status;
	if (first < argc)
		return cli_misused(argv[0],
				   "'%s' is one argument too many; a file is given as "
				   "-c FILE",
				   argv[first]);
	struct config *config = cli_load(file, true);
	if (config == NULL)
		return CLI_FAILED;
	for (size_t i = 0; i < config->n_pools; i++)
		shards += config->pools[i].n_shards;
	const char *name = strcmp(file, "-") == 0 ? "standard input" : file;
	printf("%s: ok: %zu pool%s, %zu shard%s\n", name, config->n_pools, plural(config->n_pools),
	       shards, plural(shards));
	config_free(config);
	return CLI_DONE;
}
