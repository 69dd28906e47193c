/*
 * Any bytes as a stream of binary memcached replies, at once and in pieces, whose sizes are the
 * first two bytes, with the barrier and without: the same replies, each of whole packets.
 */
#include <assert.h>

#include "../mc_transcript.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_last(const struct mcb_header *header, bool until_barrier)
{
	if (until_barrier)
		return header->opcode == MCB_NOOP;
	return header->opcode != MCB_STAT || header->status != MCB_OK || header->key == 0;
}

/* The first reply ends with the first packet that ends one. */
static void check_first(struct span in, bool until_barrier)
{
	struct frame frame = {.until_barrier = until_barrier};
	struct mcb_header header;
	size_t took, at = 0;

	if (mcb_reply_scan(&frame, in, &took) != FRAME_DONE)
		return;
	do {
		assert(took - at >= MCB_HEADER);
		header = mcb_header_read(in.p + at);
		assert(header.magic == MCB_RESPONSE);
		assert((size_t)header.key + header.extras <= header.body);
		at += MCB_HEADER + (size_t)header.body;
		assert(at <= took);
	} while (!is_last(&header, until_barrier));
	assert(at == took);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	struct span in = {(const char *)data + 2, size - 2};
	struct pieces pieces = {data[0], data[1] + 1U};

	assert_pieces_alike(&codec_mc_binary, in, pieces, false);
	assert_pieces_alike(&codec_mc_binary, in, pieces, true);
	check_first(in, false);
	check_first(in, true);
	(void)mcb_is_error(in);
	return 0;
}
