#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/rng.h"
#include "cli/cli.h"
#include "route/topology.h"

#define OUTPUT_BYTES (1U << 18) /* of buffer: a million keys are a few hundred writes */
#define RANDOM_SEED  1		/* of a 'random' pool's picks, which mean nothing */

struct router {
	const struct pool *pool;
	struct digest *digest;
	struct rng rng;
};

static void route(struct router *router, struct span key)
{
	const struct shard *shard = route_key(router->pool, key, router->digest, &router->rng);

	fwrite_unlocked(key.p, 1, key.len, stdout);
	putc_unlocked('\t', stdout);
	fputs_unlocked(shard->name, stdout);
	putc_unlocked('\t', stdout);
	fputs_unlocked(shard->primary->text, stdout);
	putc_unlocked('\n', stdout);
}

/* A line is a key; the last one may lack its newline. */
static int route_lines(struct router *router)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t len;

	while ((len = getline(&line, &size, stdin)) > 0) {
		if (line[len - 1] == '\n')
			len--;
		route(router, span_make(line, (size_t)len));
	}
	free(line);
	if (!ferror(stdin))
		return CLI_DONE;
	fprintf(stderr, "slipring route: standard input: %s\n", strerror(errno));
	return CLI_FAILED;
}

static int route_all(const struct pool *pool, char **keys, size_t n)
{
	struct router router = {.pool = pool, .digest = digest_new()};
	int status = CLI_DONE;

	rng_init(&router.rng, RANDOM_SEED);
	setvbuf(stdout, NULL, _IOFBF, OUTPUT_BYTES);
	for (size_t i = 0; i < n; i++)
		route(&router, span_of(keys[i]));
	if (n == 0)
		status = route_lines(&router);
	digest_free(router.digest);
	if (fflush(stdout) == 0)
		return status;
	fprintf(stderr, "slipring route: standard output: %s\n", strerror(errno));
	return CLI_FAILED;
}

int cli_route(int argc, char **argv)
{
	const char *file;
	int status, first = cli_parse_file(argc, argv, &file, &status);

	if (first < 0)
		return status;
	if (first == argc)
		return cli_misused(argv[0], "which pool?");
	struct config *config = cli_load(file, false);
	if (config == NULL)
		return CLI_FAILED;
	struct topology *topology = cli_topology(config, file);
	const struct pool *pool = topology != NULL ? topology_pool(topology, argv[first]) : NULL;
	int keys = first + 1;
	/* By habit; what follows the pool is no option anyway. */
	if (keys < argc && strcmp(argv[keys], "--") == 0)
		keys++;
	if (pool != NULL)
		status = route_all(pool, argv + keys, (size_t)(argc - keys));
	else
		status = topology != NULL ? cli_no_pool(config, file, argv[first]) : CLI_FAILED;
	if (topology != NULL)
		topology_unref(topology);
	config_free(config);
	return status;
}
