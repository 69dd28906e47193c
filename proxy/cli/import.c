#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/nutcracker.h"

/* What the schema allows, and twemproxy goes beyond; `slipring check` proves the result. */
#define TIMEOUT_MAX_MS	3600000
#define CLIENTS_MAX	1000000
#define CONNECTIONS_MAX 64
#define WEIGHT_MAX	1000000

/* A text in double quotes, whatever is in it. */
static void put_quoted(struct text *out, const char *s)
{
	text_puts(out, "\"");
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			text_puts(out, "\\");
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			text_printf(out, "\\x%02x", (unsigned char)*s);
		else
			text_append(out, span_make(s, 1));
	}
	text_puts(out, "\"");
}

/* Pools have names of fewer characters here, for they are part of metrics and addresses. */
static void put_pool_name(struct text *out, const char *name)
{
	bool is_changed = false;

	text_puts(out, "  ");
	for (const char *p = name; *p != '\0'; p++) {
		bool is_kept = isalnum((unsigned char)*p) || strchr("_-.", *p) != NULL;

		text_append(out, is_kept ? span_make(p, 1) : span_of("_"));
		is_changed = is_changed || !is_kept;
	}
	text_puts(out,
		  is_changed ? ":  # renamed: only letters, digits, '_', '-' and '.'\n" : ":\n");
}

static void put_dropped(struct text *out, const char *key, int64_t value, const char *why)
{
	if (value != NUTCRACKER_UNSET)
		text_printf(out, "    # %s: %lld has no equivalent: %s\n", key, (long long)value,
			    why);
}

static void put_dropped_flag(struct text *out, const char *key, int64_t value, const char *why)
{
	if (value == 1)
		text_printf(out, "    # %s: true has no equivalent: %s\n", key, why);
}

/* What is left out, and what that means. */
static void put_comments(struct text *out, const struct nutcracker_pool *pool)
{
	put_dropped_flag(out, "auto_eject_hosts", pool->auto_eject_hosts,
			 "a dead server keeps its\n"
			 "    # keys; requests for them fail at once, and no other key moves");
	put_dropped(out, "server_retry_timeout", pool->server_retry_timeout,
		    "connecting again is tried with a growing pause");
	put_dropped(out, "server_failure_limit", pool->server_failure_limit,
		    "no server leaves the ring");
	put_dropped(out, "backlog", pool->backlog, "the system's limit holds");
	put_dropped_flag(out, "preconnect", pool->preconnect,
			 "connections are opened without being asked to");
	put_dropped_flag(out, "tcpkeepalive", pool->tcpkeepalive,
			 "the request timeout finds a server that is gone");
	if (pool->redis_auth != NULL)
		text_puts(out, "    # redis_auth has no equivalent: this version sends no password "
			       "to the nodes\n");
	if (pool->redis_db > 0)
		put_dropped(out, "redis_db", pool->redis_db,
			    "this version uses database 0 of the nodes");
}

static void put_listen(struct text *out, const char *listen)
{
	struct span address = span_of(listen);
	const char *space = listen[0] == '/' ? strrchr(listen, ' ') : NULL;

	if (space != NULL) {
		text_printf(out, "    # the socket's mode %s has no equivalent: umask decides\n",
			    space + 1);
		address.len = (size_t)(space - listen);
	}
	char *text = nutcracker_address(address);
	text_puts(out, "    listen: ");
	put_quoted(out, text != NULL ? text : listen);
	text_puts(out, "\n");
	free(text);
}

static void put_placement(struct text *out, const struct nutcracker_pool *pool)
{
	const char *distribution = pool->distribution != NULL ? pool->distribution : "ketama";

	text_printf(out, "    distribution: %s\n", distribution);
	if (strcmp(distribution, "random") != 0)
		text_printf(out, "    hash: %s\n", pool->hash != NULL ? pool->hash : "fnv1a_64");
	if (pool->hash_tag != NULL) {
		text_puts(out, "    hash_tag: ");
		put_quoted(out, pool->hash_tag);
		text_puts(out, "\n");
	}
}

/* The number, or with a comment the greatest that is allowed. */
static void put_number(struct text *out, const char *key, int64_t value, int64_t max)
{
	text_printf(out, "    %s: %lld", key, (long long)(value < max ? value : max));
	if (value > max)
		text_printf(out, "  # was %lld", (long long)value);
	text_puts(out, "\n");
}

static void put_limits(struct text *out, const struct nutcracker_pool *pool)
{
	int64_t timeout = pool->timeout < TIMEOUT_MAX_MS ? pool->timeout : TIMEOUT_MAX_MS;

	if (timeout > 0)
		text_printf(out, "    timeouts: {connect: %lldms, request: %lldms}\n",
			    (long long)timeout, (long long)timeout);
	else
		text_puts(out, "    # twemproxy had no timeout here and waited for ever\n"
			       "    timeouts: {connect: 250ms, request: 1s}\n");
	if (pool->client_connections > 0) {
		text_puts(out, "    limits:\n  ");
		put_number(out, "  clients", pool->client_connections, CLIENTS_MAX);
	}
	if (pool->server_connections > 1)
		put_number(out, "connections", pool->server_connections, CONNECTIONS_MAX);
}

static void put_servers(struct text *out, const struct nutcracker_pool *pool)
{
	text_puts(out, "    shards:\n");
	for (size_t i = 0; i < pool->n_servers; i++) {
		const struct nutcracker_server *server = &pool->servers[i];

		text_puts(out, "      - {name: ");
		put_quoted(out, server->name);
		text_puts(out, ", primary: ");
		put_quoted(out, server->address);
		text_printf(out, ", weight: %lld}\n", (long long)server->weight);
	}
}

static void translate(const struct nutcracker *nutcracker, struct text *out)
{
	text_puts(out,
		  "# Translated from twemproxy's configuration by `slipring import`. Every key "
		  "stays where\n"
		  "# twemproxy placed it: a shard's name is the label of its points on the "
		  "ring, and the shards\n"
		  "# stand in the order in which twemproxy sorts them.\n"
		  "pools:\n");
	for (size_t i = 0; i < nutcracker->n_pools; i++) {
		const struct nutcracker_pool *pool = &nutcracker->pools[i];

		text_puts(out, i > 0 ? "\n" : "");
		put_pool_name(out, pool->name);
		put_comments(out, pool);
		text_printf(out, "    protocol: %s\n", pool->redis == 1 ? "redis" : "memcached");
		put_listen(out, pool->listen);
		put_placement(out, pool);
		put_limits(out, pool);
		put_servers(out, pool);
	}
}

/* Weights beyond ours would change the shares, so they are refused and not cut. */
static void check_weights(const struct nutcracker *nutcracker, struct findings *findings)
{
	for (size_t i = 0; i < nutcracker->n_pools; i++)
		for (size_t j = 0; j < nutcracker->pools[i].n_servers; j++)
			if (nutcracker->pools[i].servers[j].weight > WEIGHT_MAX)
				findings_error(findings, (struct place){0, 0},
					       nutcracker->pools[i].name,
					       "server %s has a weight over %d; expected less",
					       nutcracker->pools[i].servers[j].name, WEIGHT_MAX);
}

/* Print the translation if it is a right configuration; say what it cannot carry over. */
static int print(const struct nutcracker *nutcracker)
{
	struct text out = {0}, errors = {0};
	int status = CLI_DONE;

	translate(nutcracker, &out);
	struct config *config =
		config_parse(span_make(out.p, out.len), "the translation", &errors, NULL);
	if (config != NULL) {
		fputs(out.p, stdout);
	} else {
		fprintf(stderr, "slipring import: the file has no right translation:\n%s",
			errors.p);
		status = CLI_FAILED;
	}
	for (size_t i = 0; config != NULL && i < nutcracker->n_pools; i++)
		if (nutcracker->pools[i].redis_auth != NULL || nutcracker->pools[i].redis_db > 0)
			fprintf(stderr,
				"slipring import: pool %s: redis_auth and redis_db have no "
				"equivalent; the nodes will see neither\n",
				nutcracker->pools[i].name);
	config_free(config);
	text_free(&out);
	text_free(&errors);
	return status;
}

int cli_import(int argc, char **argv)
{
	struct nutcracker nutcracker = {0};
	struct text errors = {0};
	int status, first = cli_parse_plain(argc, argv, &status);

	if (first < 0)
		return status;
	if (argc - first != 1)
		return cli_misused(argv[0], "expected one file, twemproxy's configuration");
	struct findings findings = {.file = argv[first]};
	nutcracker_read(argv[first], &nutcracker, &findings);
	check_weights(&nutcracker, &findings);
	findings_write(&findings, &errors, NULL);
	if (findings.n_errors > 0) {
		fputs(errors.p, stderr);
		status = CLI_FAILED;
	} else {
		status = print(&nutcracker);
	}
	text_free(&errors);
	findings_free(&findings);
	nutcracker_free(&nutcracker);
	return status;
}
