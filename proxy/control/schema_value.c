#include "control/schema.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/number.h"
#include "control/nearest.h"
#include "control/value.h"
#include "route/endpoint.h"
#include "route/spec.h"

#define KEY_PLACE_MAX 1000 /* an argument further behind is no place that a module gives */
#define SHOWN_MAX     60   /* bytes of a wrong value that a message repeats */

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
	} else if (setting->type == SETTING_SECONDS) {
		format = value_format_seconds;
		what = "a duration of whole seconds with its unit";
	} else if (setting->type == SETTING_PERCENT) {
		format = value_format_percent;
		what = "a share";
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
	case SETTING_SECONDS:
	case SETTING_PERCENT:
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
	case SETTING_HOST:
		text_puts(out, "HOST:PORT");
		break;
	case SETTING_ADDRESSES:
		text_puts(out, "HOST:PORT or unix:PATH, or a list of them");
		break;
	case SETTING_HOSTS:
		text_printf(out, "%s%sHOST:PORT, or a list of HOST:PORT",
			    setting->zero != NULL ? setting->zero : "",
			    setting->zero != NULL ? ", " : "");
		break;
	case SETTING_SERVERS:
		text_puts(out,
			  "IP, IP:PORT or [IPV6]:PORT, or a list of them; port 53 without one");
		break;
	case SETTING_TEXTS:
		text_printf(out, "a text of %llu to %llu bytes, or a list of them",
			    (unsigned long long)setting->min, (unsigned long long)setting->max);
		break;
	case SETTING_KEYS:
		text_printf(out,
			    "[FIRST, LAST, STEP], FIRST and STEP from 1 to %d, LAST not before "
			    "FIRST or, counted from the end, from -%d to -1; or [] for no keys",
			    KEY_PLACE_MAX, KEY_PLACE_MAX);
		break;
	case SETTING_LIST:
		text_printf(out, "a list of %s", setting->items.form);
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
	if (setting->is_secret)
		error_set(error, "it is not valid; expected %s", expected.p);
	else if (hint != NULL)
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
	else if (!is_zero && setting->type == SETTING_SECONDS)
		is_ok = value_parse_seconds(s, &value);
	else if (!is_zero && setting->type == SETTING_PERCENT)
		is_ok = value_parse_percent(s, &value);
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

/* An address that other machines can be told. */
static int parse_host(const struct setting *setting, const char *text, char **field,
		      struct error *error)
{
	struct address address;

	if (address_parse(text, 0, &address, error) != 0 || address.is_unix ||
	    strchr(address.host, '*') != NULL)
		return refuse(setting, text, NULL, error);
	free(*field);
	*field = alloc_string(text);
	return 0;
}

/* Who answers names cannot have one itself. */
static int parse_server(const struct setting *setting, const char *text, char **field,
			struct error *error)
{
	struct address address;
	bool is_ip = address_host_is_ip(text);

	if (!is_ip && (address_parse(text, 53, &address, error) != 0 || address.is_unix ||
		       !address_host_is_ip(address.host) ||
		       (text[0] == '[') != (strchr(address.host, ':') != NULL)))
		return refuse(setting, text, NULL, error);
	*field = alloc_string(text);
	return 0;
}

/* One more address or text of a list. */
static int add_item(const struct setting *setting, const char *text, struct string_list *list,
		    struct error *error)
{
	char *copy = NULL;
	int result;

	if (setting->type == SETTING_ADDRESSES)
		result = parse_address(text, &copy, error);
	else if (setting->type == SETTING_HOSTS)
		result = parse_host(setting, text, &copy, error);
	else if (setting->type == SETTING_SERVERS)
		result = parse_server(setting, text, &copy, error);
	else
		result = parse_text(setting, text, &copy, error);
	if (result != 0)
		return -1;
	list->v = alloc_resize(list->v, (list->n + 1) * sizeof(list->v[0]));
	list->v[list->n++] = copy;
	return 0;
}

/* The next number of a list in `text`, and what is behind it; NULL where there is none. */
static const char *next_place(const char *text, int *out)
{
	bool is_negative;
	uint64_t n;

	text += strspn(text, " ,");
	is_negative = *text == '-';
	text += is_negative;
	size_t digits = strspn(text, "0123456789");
	if (!number_parse_u64(span_make(text, digits), &n) || n > KEY_PLACE_MAX)
		return NULL;
	*out = is_negative ? -(int)n : (int)n;
	return text + digits;
}

static int parse_keys(const struct setting *setting, const char *text, void *field,
		      struct error *error)
{
	int keys[3] = {0, 0, 0};
	const char *rest = text;

	for (size_t i = 0; i < ARRAY_LEN(keys) && text[0] != '\0' && rest != NULL; i++)
		rest = next_place(rest, &keys[i]);
	bool is_order = keys[1] < 0 || keys[1] >= keys[0];
	bool is_whole = keys[0] >= 1 && keys[1] != 0 && keys[2] >= 1 && is_order;
	if (rest == NULL || *rest != '\0' || (text[0] != '\0' && !is_whole))
		return refuse(setting, text, NULL, error);
	memcpy(field, keys, sizeof(keys));
	return 0;
}

int schema_parse(const struct setting *setting, const char *text, void *base, struct error *error)
{
	void *field = field_of(setting, base);

	switch (setting->type) {
	case SETTING_NUMBER:
	case SETTING_SIZE:
	case SETTING_DURATION:
	case SETTING_SECONDS:
	case SETTING_PERCENT:
		return parse_range(setting, text, field, error);
	case SETTING_WORD:
		return parse_word(setting, text, field, error);
	case SETTING_TEXT:
	case SETTING_TAG:
		return parse_text(setting, text, field, error);
	case SETTING_ADDRESS:
		return parse_address(text, field, error);
	case SETTING_HOST:
		return parse_host(setting, text, field, error);
	case SETTING_HOSTS:
		if (setting->zero != NULL && strcmp(text, setting->zero) == 0)
			return 0;
		return add_item(setting, text, field, error);
	case SETTING_ADDRESSES:
	case SETTING_SERVERS:
	case SETTING_TEXTS:
		return add_item(setting, text, field, error);
	case SETTING_KEYS:
		return parse_keys(setting, text, field, error);
	case SETTING_LIST:
	case SETTING_POOLS:
		break;
	}
	return refuse(setting, text, NULL, error);
}
