#include "control/schema.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/number.h"
#include "control/nearest.h"
#include "control/value.h"
#include "route/endpoint.h"
#include "route/spec.h"

#define SHOWN_MAX 60 /* bytes of a wrong value that a message repeats */

static void *field_of(const struct setting *setting, void *base)
{
	return (char *)base + setting->offset;
}

static const char *format_number(uint64_t n, char *out)
{
	snprintf(out, VALUE_TEXT_MAX, "%llu", (unsigned long long)n);
	return out;
}

static void expects_range(const struct setting *setting, struct text *out)
{
	const char *(*format)(uint64_t, char *) = format_number;
	const char *what = "a number";
	char min[VALUE_TEXT_MAX], max[VALUE_TEXT_MAX];

	if (setting->type == SETTING_DURATION) {
		format = value_format_duration;
		what = "a duration with its unit";
	} else if (setting->type == SETTING_SIZE) {
		format = value_format_size;
		what = "a size";
	}
	text_printf(out, "%s from %s to %s", what, format(setting->min, min),
		    format(setting->max, max));
	if (setting->zero != NULL)
		text_printf(out, ", or %s", setting->zero);
}

static void expects_word(const struct setting *setting, struct text *out)
{
	for (size_t i = 0; setting->word(i) != NULL; i++) {
		bool is_last = setting->word(i + 1) == NULL;

		text_printf(out, "%s%s", i == 0 ? "" : is_last ? " or " : ", ", setting->word(i));
	}
}

void schema_expects(const struct setting *setting, struct text *out)
{
	switch (setting->type) {
	case SETTING_NUMBER:
	case SETTING_SIZE:
	case SETTING_DURATION:
		expects_range(setting, out);
		break;
	case SETTING_WORD:
		expects_word(setting, out);
		break;
	case SETTING_TEXT:
		text_printf(out, "a text of %llu to %llu bytes", (unsigned long long)setting->min,
			    (unsigned long long)setting->max);
		break;
	case SETTING_TAG:
		text_puts(out, "two ASCII characters in quotes, as \"{}\"");
		break;
	case SETTING_ADDRESS:
		text_puts(out, "HOST:PORT or unix:PATH");
		break;
	case SETTING_ADDRESSES:
		text_puts(out, "HOST:PORT or unix:PATH, or a list of them");
		break;
	case SETTING_SHARDS:
		text_puts(out,
			  "a list of HOST:PORT or {name: NAME, primary: HOST:PORT, weight: N}");
		break;
	case SETTING_POOLS:
		text_puts(out, "a map of pools by their names");
		break;
	}
}

static int refuse(const struct setting *setting, const char *value, const char *hint,
		  struct error *error)
{
	struct text expected = {0};

	schema_expects(setting, &expected);
	bool is_cut = strlen(value) > SHOWN_MAX;
	if (hint != NULL)
		error_set(error, "'%.*s%s' is not known; did you mean '%s'? expected %s", SHOWN_MAX,
			  value, is_cut ? "..." : "", hint, expected.p);
	else
		error_set(error, "'%.*s%s' is not valid; expected %s", SHOWN_MAX, value,
			  is_cut ? "..." : "", expected.p);
	text_free(&expected);
	return -1;
}

static int parse_range(const struct setting *setting, const char *text, void *field,
		       struct error *error)
{
	struct span s = span_of(text);
	uint64_t value = 0;
	bool is_zero = setting->zero != NULL && strcmp(text, setting->zero) == 0;
	bool is_ok = is_zero;

	if (!is_zero && setting->type == SETTING_DURATION)
		is_ok = value_parse_duration(s, &value);
	else if (!is_zero && setting->type == SETTING_SIZE)
		is_ok = value_parse_size(s, &value);
	else if (!is_zero)
		is_ok = number_parse_u64(s, &value);
	if (!is_ok || (!is_zero && (value < setting->min || value > setting->max)))
		return refuse(setting, text, NULL, error);
	if (setting->type == SETTING_SIZE)
		*(uint64_t *)field = value;
	else
		*(uint32_t *)field = (uint32_t)value;
	return 0;
}

static int parse_word(const struct setting *setting, const char *text, int *field,
		      struct error *error)
{
	struct nearest nearest = {.word = text};

	for (size_t i = 0; setting->word(i) != NULL; i++) {
		if (strcmp(setting->word(i), text) == 0) {
			*field = (int)i;
			return 0;
		}
		nearest_offer(&nearest, span_of(setting->word(i)));
	}
	return refuse(setting, text, nearest.best[0] != '\0' ? nearest.best : NULL, error);
}

static int parse_text(const struct setting *setting, const char *text, char **field,
		      struct error *error)
{
	size_t len = strlen(text);
	bool is_tag = setting->type == SETTING_TAG;

	if (len < setting->min || len > setting->max)
		return refuse(setting, text, NULL, error);
	for (const char *p = text; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f || (is_tag && (unsigned char)*p > 0x7f))
			return refuse(setting, text, NULL, error);
	free(*field);
	*field = alloc_string(text);
	return 0;
}

static int parse_address(const char *text, char **field, struct error *error)
{
	struct address address;

	if (address_parse(text, 0, &address, error) != 0)
		return -1;
	free(*field);
	*field = alloc_string(text);
	return 0;
}

static int add_address(const char *text, struct string_list *list, struct error *error)
{
	char *copy = NULL;

	if (parse_address(text, &copy, error) != 0)
		return -1;
	list->v = alloc_resize(list->v, (list->n + 1) * sizeof(list->v[0]));
	list->v[list->n++] = copy;
	return 0;
}

int schema_parse(const struct setting *setting, const char *text, void *base, struct error *error)
{
	void *field = field_of(setting, base);

	switch (setting->type) {
	case SETTING_NUMBER:
	case SETTING_SIZE:
	case SETTING_DURATION:
		return parse_range(setting, text, field, error);
	case SETTING_WORD:
		return parse_word(setting, text, field, error);
	case SETTING_TEXT:
	case SETTING_TAG:
		return parse_text(setting, text, field, error);
	case SETTING_ADDRESS:
		return parse_address(text, field, error);
	case SETTING_ADDRESSES:
		return add_address(text, field, error);
	case SETTING_SHARDS:
	case SETTING_POOLS:
		break;
	}
	return refuse(setting, text, NULL, error);
}
