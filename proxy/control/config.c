#include "control/config.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "control/config_access.h"
#include "control/config_check.h"
#include "control/config_secret.h"
#include "control/config_yaml.h"
#include "control/schema.h"
#include "control/source.h"
#include "route/endpoint.h"

#define MEMCACHED_PORT 11211
#define REDIS_PORT     6379

/* Tell what was found, and let go of a config that is wrong. */
static struct config *finish(struct config *config, struct findings *findings, struct text *errors,
			     struct text *warnings)
{
	findings_write(findings, errors, warnings);
	if (findings->n_errors > 0) {
		config_free(config);
		config = NULL;
	}
	findings_free(findings);
	return config;
}

static void read_content(struct span content, struct config *config, struct findings *findings)
{
	struct field_map fields = {0};
	struct tree tree = {0};

	tree_parse(&tree, content, findings);
	if (tree.root != NULL) {
		config_yaml_read(&tree, config, &fields, findings);
		config_secrets_read(config, &fields, findings);
		config_access_build(config, &fields, findings);
		config_check(config, &fields, NULL, findings);
	}
	field_map_free(&fields);
	tree_free(&tree);
}

static void add_secret(void *arg, const struct secret_spec *secret)
{
	text_printf(arg, "\n%s", secret->text != NULL ? secret->text : "");
}

static void take_fingerprint(struct config *config, struct span content)
{
	struct digest *digest = digest_new();
	struct text all = {0};

	text_append(&all, content);
	config_secrets_each(config, add_secret, &all);
	digest_md5(digest, span_make(all.p, all.len), config->fingerprint);
	text_free(&all);
	digest_free(digest);
}

struct config *config_parse(struct span content, const char *name, struct text *errors,
			    struct text *warnings)
{
	struct config *config = alloc_zeroed(1, sizeof(*config));
	struct findings findings = {.file = name};

	read_content(content, config, &findings);
	take_fingerprint(config, content);
	return finish(config, &findings, errors, warnings);
}

struct config *config_load(const char *path, struct text *errors, struct text *warnings)
{
	const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
	struct findings findings = {.file = name};
	char *content = NULL;
	long len = source_read(path, &content, &findings);

	if (len < 0)
		return finish(NULL, &findings, errors, warnings);
	struct config *config =
		config_parse(span_make(content, (size_t)len), name, errors, warnings);
	free(content);
	return config;
}

/* One address of the list, with the protocol's port where it has none. */
static void add_shard(struct pool_spec *pool, const char *text, uint16_t port, const char *option,
		      struct findings *findings)
{
	char canonical[ADDRESS_TEXT_MAX];
	struct address address;
	struct error error;

	if (address_parse(text, port, &address, &error) != 0) {
		findings_error(findings, (struct place){0, 0}, option, "%s", error.text);
		return;
	}
	address_format(&address, canonical);
	struct shard_spec *shard = &pool->shards[pool->n_shards++];
	schema_defaults(SCOPE_SHARD, shard);
	shard->primary = alloc_string(canonical);
}

static void add_shards(struct pool_spec *pool, const char *addresses, uint16_t port,
		       const char *option, struct findings *findings)
{
	size_t n = 1;

	for (const char *p = addresses; *p != '\0'; p++)
		n += *p == ',';
	if (n > DIST_NODES_MAX) {
		findings_error(findings, (struct place){0, 0}, option,
			       "%zu addresses; expected at most %d", n, DIST_NODES_MAX);
		return;
	}
	(void)schema_items(schema_find(SCOPE_POOL, "shards"), n, pool);
	pool->n_shards = 0;
	for (size_t i = 0; i < n; i++) {
		size_t len = strcspn(addresses, ",");
		char *text = alloc_copy(addresses, len);

		add_shard(pool, text, port, option, findings);
		free(text);
		addresses += len + 1;
	}
}

static void add_listen(struct pool_spec *pool, const char *listen, uint16_t port,
		       struct findings *findings)
{
	char canonical[ADDRESS_TEXT_MAX];
	struct address address;
	struct error error;

	if (address_parse(listen != NULL ? listen : "127.0.0.1", port, &address, &error) != 0) {
		findings_error(findings, (struct place){0, 0}, "--listen", "%s", error.text);
		return;
	}
	address_format(&address, canonical);
	if (schema_parse(schema_find(SCOPE_POOL, "listen"), canonical, pool, &error) != 0)
		findings_error(findings, (struct place){0, 0}, "--listen", "%s", error.text);
}

struct config *config_from_args(enum pool_protocol protocol, const char *addresses,
				const char *listen, struct text *errors)
{
	const char *option = protocol == PROTOCOL_REDIS ? "--redis" : "--memcached";
	uint16_t port = protocol == PROTOCOL_REDIS ? REDIS_PORT : MEMCACHED_PORT;
	struct config *config = alloc_zeroed(1, sizeof(*config));
	struct field_map fields = {0};
	struct findings findings = {0};

	schema_defaults(SCOPE_FILE, config);
	config->pools = alloc_zeroed(1, sizeof(config->pools[0]));
	config->n_pools = 1;
	schema_defaults(SCOPE_POOL, config->pools);
	config->pools->name = alloc_string(option + 2);
	config->pools->protocol = (int)protocol;
	add_shards(config->pools, addresses, port, option, &findings);
	add_listen(config->pools, listen, port, &findings);
	if (findings.n_errors == 0)
		config_check(config, &fields, option, &findings);
	return finish(config, &findings, errors, NULL);
}

void config_free(struct config *config)
{
	if (config == NULL)
		return;
	for (size_t i = 0; i < config->n_pools; i++) {
		config_access_release(&config->pools[i]);
		free(config->pools[i].name);
		schema_release(SCOPE_POOL, &config->pools[i]);
	}
	free(config->pools);
	schema_release(SCOPE_FILE, config);
	free(config);
}
