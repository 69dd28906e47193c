#include "route/murmur3.h"

#include "route/bits.h"

static uint32_t scramble(uint32_t block)
{
	return rotate_left32(block * 0xcc9e2d51, 15) * 0x1b873593;
}

static uint32_t mix(uint32_t h, uint32_t block)
{
	return rotate_left32(h ^ scramble(block), 13) * 5 + 0xe6546b64;
}

void murmur3_add(struct murmur3 *state, struct span in)
{
	uint32_t held = state->len % 4, tail = state->tail, h = state->h;
	size_t i = 0;

	for (; i + 4 <= in.len; i += 4) {
		/* In 64 bits, so that no shift is ever by the whole width. */
		uint64_t window = tail | (uint64_t)load_le32(in.p + i) << (8 * held);

		h = mix(h, (uint32_t)window);
		tail = (uint32_t)(window >> 32);
	}
	for (; i < in.len; i++) {
		tail |= (uint32_t)(uint8_t)in.p[i] << (8 * held);
		if (++held == 4) {
			h = mix(h, tail);
			held = tail = 0;
		}
	}
	*state = (struct murmur3){h, tail, state->len + (uint32_t)in.len};
}

uint32_t murmur3_end(struct murmur3 state)
{
	uint32_t h = state.h ^ scramble(state.tail) ^ state.len;

	h = (h ^ h >> 16) * 0x85ebca6b;
	h = (h ^ h >> 13) * 0xc2b2ae35;
	return h ^ h >> 16;
}
