/*
 * Any bytes, scanned at once and then as they come in pieces, whose size is the first byte: the
 * same result and the same end.
 */
#include <assert.h>

#include "proto/resp_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	struct span in = {(const char *)data + 1, size - 1};
	size_t step = (size_t)data[0] + 1, have = 0, taken = 0, took;
	struct frame whole = {0}, pieces = {0};
	enum frame_result result = resp_frame_scan(&whole, in, &took), other;
	size_t len = took;

	do {
		have = have + step < in.len ? have + step : in.len;
		other = resp_frame_scan(&pieces, span_make(in.p + taken, have - taken), &took);
		assert(took <= have - taken);
		taken += took;
	} while (other == FRAME_MORE && have < in.len);
	assert(other == result && whole.first == pieces.first);
	assert(result == FRAME_BAD ? whole.why != NULL && pieces.why != NULL : taken == len);
	return 0;
}
