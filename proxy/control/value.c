#include "control/value.h"

#include <stdio.h>

#include "base/number.h"

/* Units ascend; a value is told in the greatest that divides it. */
struct unit {
	const char *suffix;
	uint64_t factor;
};

static const struct unit durations[] = {
	{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000},
};

static const struct unit sizes[] = {
	{"", 1},
	{"k", 1U << 10},
	{"m", 1U << 20},
	{"g", 1U << 30},
};

static bool parse(const struct unit *units, size_t n, struct span s, uint64_t *out)
{
	size_t digits = 0;
	uint64_t number;

	while (digits < s.len && s.p[digits] >= '0' && s.p[digits] <= '9')
		digits++;
	if (!number_parse_u64(span_make(s.p, digits), &number))
		return false;
	for (size_t i = 0; i < n; i++)
		if (span_equal_nocase(span_skip(s, digits), units[i].suffix))
			return !__builtin_mul_overflow(number, units[i].factor, out);
	return false;
}

static const char *format(const struct unit *units, size_t n, uint64_t value, char *out)
{
	size_t i = n - 1;

	while (i > 0 && (value == 0 || value % units[i].factor != 0))
		i--;
	snprintf(out, VALUE_TEXT_MAX, "%llu%s", (unsigned long long)(value / units[i].factor),
		 units[i].suffix);
	return out;
}

bool value_parse_duration(struct span s, uint64_t *ms)
{
	return parse(durations, ARRAY_LEN(durations), s, ms);
}

bool value_parse_size(struct span s, uint64_t *bytes)
{
	return parse(sizes, ARRAY_LEN(sizes), s, bytes);
}

const char *value_format_duration(uint64_t ms, char *out)
{
	return format(durations, ARRAY_LEN(durations), ms, out);
}

const char *value_format_size(uint64_t bytes, char *out)
{
	return format(sizes, ARRAY_LEN(sizes), bytes, out);
}
