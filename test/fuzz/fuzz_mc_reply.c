/*
 * Any bytes as a stream of memcached replies, at once and in pieces, whose sizes are the first
 * two bytes: the same replies.
 */
#include <assert.h>

#include "../mc_transcript.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	struct span in = {(const char *)data + 2, size - 2};
	char *whole = mc_reply_transcript(in, (struct pieces){in.len, 0});
	char *pieces = mc_reply_transcript(in, (struct pieces){data[0], data[1] + 1U});

	assert(strcmp(whole, pieces) == 0);
	free(whole);
	free(pieces);
	return 0;
}
