/*
 * Any bytes as an answer of DNS: what is taken of it is sorted, each once, of hosts' names alone, and
 * not more than there is room for in the bytes.
 */
#include <assert.h>
#include <string.h>

#include "io/srv.h"

#define RECORD_BYTES_MIN 18

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char of_names[] = "abcdefghijklmnopqrstuvwxyz0123456789-_.";
	struct srv_answer answer;

	if (srv_parse(data, size, &answer) != 0) {
		assert(answer.services == NULL && answer.n == 0);
		return 0;
	}
	assert(answer.n * RECORD_BYTES_MIN <= size && answer.ttl_s <= INT32_MAX);
	for (size_t i = 0; i < answer.n; i++) {
		const struct service *s = &answer.services[i];
		size_t len = strlen(s->target);

		assert(len > 0 && len <= SRV_TARGET_MAX && strspn(s->target, of_names) == len);
		assert(s->port != 0);
		assert(i == 0 || s[-1].priority <= s->priority);
		assert(i == 0 || s[-1].priority != s->priority || s[-1].port != s->port ||
		       s[-1].weight != s->weight || strcmp(s[-1].target, s->target) != 0);
	}
	srv_answer_fini(&answer);
	return 0;
}
