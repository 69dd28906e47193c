#include "made_topology.h"

#include <check.h>
#include <string.h>

struct config *made_config(const char *yaml)
{
	struct text errors = {0};
	struct config *config = config_parse(span_of(yaml), "made", &errors, NULL);

	ck_assert_msg(config != NULL, "%s", errors.p);
	text_free(&errors);
	return config;
}

struct topology *made_topology(const char *yaml)
{
	struct config *config = made_config(yaml);
	struct error error = {0};
	struct topology *topology = topology_build(config->pools, config->n_pools, 1, &error);

	ck_assert_msg(topology != NULL, "%s", error.text);
	config_free(config);
	return topology;
}

struct endpoint *made_endpoint(struct topology *topology, const char *text)
{
	for (uint16_t i = 0; i < topology->n_endpoints; i++)
		if (strcmp(topology->endpoints[i].text, text) == 0)
			return &topology->endpoints[i];
	ck_abort_msg("there is no endpoint %s", text);
}

void made_resolve(struct topology *topology, const char *text, const char *ip)
{
	endpoint_resolve(made_endpoint(topology, text), &ip, 1);
}
