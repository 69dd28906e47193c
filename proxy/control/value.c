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

bool value_parse_seconds(struct span s, uint64_t *seconds)
{
	uint64_t ms;

	if (!value_parse_duration(s, &ms) || ms % 1000 != 0)
		return false;
	*seconds = ms / 1000;
	return true;
}

/* Two decimal places, of which none need be given. */
bool value_parse_percent(struct span s, uint64_t *parts)
{
	const char *dot = memchr(s.p, '.', s.len);
	size_t whole_len = dot != NULL ? (size_t)(dot - s.p) : s.len - (s.len > 0);
	uint64_t whole, rest = 0;

	if (s.len == 0 || s.p[s.len - 1] != '%' ||
	    !number_parse_u64(span_make(s.p, whole_len), &whole))
		return false;
	if (dot != NULL) {
		size_t places = s.len - whole_len - 2;

		if (places > 2 || !number_parse_u64(span_make(dot + 1, places), &rest))
			return false;
		rest *= places == 1 ? 10 : 1;
	}
	return !__builtin_mul_overflow(whole, 100, parts) &&
	       !__builtin_add_overflow(*parts, rest, parts);
}

bool value_parse_size(struct span s, uint64_t *bytes)
{
	return parse(sizes, ARRAY_LEN(sizes), s, bytes);
}

const char *value_format_duration(uint64_t ms, char *out)
{
	return format(durations, ARRAY_LEN(durations), ms, out);
}

const char *value_format_seconds(uint64_t seconds, char *out)
{
	return value_format_duration(seconds * 1000, out);
}

const char *value_format_percent(uint64_t parts, char *out)
{
	int decimals = parts % 100 == 0 ? 0 : parts % 10 == 0 ? 1 : 2;

	snprintf(out, VALUE_TEXT_MAX, "%.*f%%", decimals, (double)parts / 100);
	return out;
}

const char *value_format_size(uint64_t bytes, char *out)
{
	return format(sizes, ARRAY_LEN(sizes), bytes, out);
}
