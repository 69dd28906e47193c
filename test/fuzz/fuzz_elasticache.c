/*
 * Any bytes as a configuration endpoint's answer: a list of addresses that can be parsed, each but
 * once, or an error and no list.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "control/elasticache_reply.h"
#include "told_address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_shard(const struct found *found, size_t i)
{
	const struct found_shard *shard = &found->shards[i];

	assert(shard->name == NULL && shard->n_replicas == 0 && shard->n_slots == 0);
	check_address(shard->primary);
	for (size_t j = 0; j < i; j++)
		assert(strcmp(found->shards[j].primary, shard->primary) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct found found;
	struct error error = {0};
	int result = elasticache_read(span_make((const char *)data, size), &found, &error);

	assert((result == 0) == (found.n > 0));
	assert((result == 0) == (error.text[0] == '\0'));
	for (size_t i = 0; i < found.n; i++)
		check_shard(&found, i);
	found_fini(&found);
	return 0;
}
