#include "told.h"

#include <check.h>
#include <string.h>

void told_free(struct told *told)
{
	text_free(&told->errors);
	text_free(&told->warnings);
}

const char *told_errors(const struct told *told)
{
	return told->errors.p != NULL ? told->errors.p : "";
}

const char *told_warnings(const struct told *told)
{
	return told->warnings.p != NULL ? told->warnings.p : "";
}

struct config *told_parse(struct told *told, const char *yaml)
{
	text_reset(&told->errors);
	text_reset(&told->warnings);
	return config_parse(span_of(yaml), "f", &told->errors, &told->warnings);
}

struct config *told_parse_well(struct told *told, const char *yaml)
{
	return told_well(told, told_parse(told, yaml));
}

struct config *told_well(const struct told *told, struct config *config)
{
	ck_assert_msg(config != NULL, "%s", told_errors(told));
	return config;
}

void told_expect_refused(const struct told *told, const struct config *config, const char *error)
{
	ck_assert_ptr_null(config);
	ck_assert_msg(strstr(told_errors(told), error) != NULL, "no '%s' in:\n%s", error,
		      told_errors(told));
}
