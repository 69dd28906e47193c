#include "base/utf8.h"

#include <stdint.h>

/* Which first bytes begin a sequence of len, and what its second byte may be (RFC 3629, 4). */
static const struct row {
	uint8_t first, last, len, low, high;
} rows[] = {
	{0x00, 0x7f, 1, 0, 0},	     {0xc2, 0xdf, 2, 0x80, 0xbf}, {0xe0, 0xe0, 3, 0xa0, 0xbf},
	{0xe1, 0xec, 3, 0x80, 0xbf}, {0xed, 0xed, 3, 0x80, 0x9f}, {0xee, 0xef, 3, 0x80, 0xbf},
	{0xf0, 0xf0, 4, 0x90, 0xbf}, {0xf1, 0xf3, 4, 0x80, 0xbf}, {0xf4, 0xf4, 4, 0x80, 0x8f},
};

static const struct row *row_of(uint8_t first)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (first >= rows[i].first && first <= rows[i].last)
			return &rows[i];
	return NULL;
}

size_t utf8_char_len(struct span s)
{
	const uint8_t *p = (const uint8_t *)s.p;

	if (s.len == 0)
		return 0;
	const struct row *row = row_of(p[0]);
	if (row == NULL || row->len > s.len)
		return 0;
	if (row->len > 1 && (p[1] < row->low || p[1] > row->high))
		return 0;
	for (size_t i = 2; i < row->len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return row->len;
}
