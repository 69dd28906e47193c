/*
 * Any bytes as a Sentinel's answer, to either question: addresses that can be parsed, or none.
 */
#include <assert.h>
#include <stdint.h>

#include "control/sentinel_reply.h"
#include "told_address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span reply = span_make((const char *)data, size);
	char address[ADDRESS_TEXT_MAX];
	struct string_list replicas;

	if (sentinel_read_address(reply, address) && address[0] != '\0')
		check_address(address);
	bool is_good = sentinel_read_replicas(reply, &replicas);
	assert(is_good || replicas.n == 0);
	assert(replicas.n <= SENTINEL_REPLICAS_MAX);
	for (size_t i = 0; i < replicas.n; i++)
		check_address(replicas.v[i]);
	found_list_free(&replicas);
	return 0;
}
