/*
 * Any bytes as a stream of memcached replies, at once and in pieces, whose sizes are the first
 * two bytes, with the barrier and without: the same replies.
 */
#include <assert.h>

#include "../mc_transcript.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first reply with the barrier ends in it. */
static void check_barrier(struct span in)
{
	struct span barrier = span_of(MC_REPLY_BARRIER);
	struct frame frame = {.until_barrier = true};
	size_t took;

	if (mc_reply_scan(&frame, in, &took) == FRAME_DONE) {
		assert(took >= barrier.len && took <= in.len);
		assert(span_equal(span_make(in.p + took - barrier.len, barrier.len), barrier));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	struct span in = {(const char *)data + 2, size - 2};
	struct pieces pieces = {data[0], data[1] + 1U};

	assert_pieces_alike(&codec_memcached, in, pieces, false);
	assert_pieces_alike(&codec_memcached, in, pieces, true);
	check_barrier(in);
	return 0;
}
