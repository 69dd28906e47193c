#include "base/number.h"

bool number_parse_u64(struct span s, uint64_t *out)
{
	uint64_t n = 0;

	if (s.len == 0)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned digit = (unsigned)(unsigned char)s.p[i] - '0';

		if (digit > 9 || n > UINT64_MAX / 10 || n * 10 > UINT64_MAX - digit)
			return false;
		n = n * 10 + digit;
	}
	*out = n;
	return true;
}

bool number_parse_i64(struct span s, int64_t *out)
{
	bool negative = s.len > 0 && s.p[0] == '-';
	uint64_t n;

	if (!number_parse_u64(negative ? span_skip(s, 1) : s, &n))
		return false;
	if (n > (uint64_t)INT64_MAX + negative)
		return false;
	/* Negated while unsigned: the lowest number has no positive counterpart. */
	*out = (int64_t)(negative ? 0 - n : n);
	return true;
}

size_t number_write_u64(char *buf, uint64_t n)
{
	char digits[NUMBER_TEXT_MAX];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	memcpy(buf, digits + at, sizeof(digits) - at);
	return sizeof(digits) - at;
}

size_t number_write_i64(char *buf, int64_t n)
{
	if (n >= 0)
		return number_write_u64(buf, (uint64_t)n);
	*buf = '-';
	return 1 + number_write_u64(buf + 1, 0 - (uint64_t)n);
}
