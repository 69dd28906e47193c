/*
 * told.h - configurations of a test's own, as YAML, and what their readers say of them.
 * Includes: control/config.
 */
#ifndef TEST_TOLD_H
#define TEST_TOLD_H

#include "control/config.h"

/* What was said of the last text that was read. Zero-initialised is nothing, and valid. */
struct told {
	struct text errors, warnings;
};

void told_free(struct told *told);

/* Its lines, or "". */
const char *told_errors(const struct told *told);
const char *told_warnings(const struct told *told);

/* Read the text of a file "f", as config_parse() does, instead of what was read before. */
struct config *told_parse(struct told *told, const char *yaml);

/* The same of a text in which nothing is wrong. */
struct config *told_parse_well(struct told *told, const char *yaml);

/* A configuration, which there must be, or the test fails with what was said. */
struct config *told_well(const struct told *told, struct config *config);

/* There is no configuration, and one of the errors has this text in it. */
void told_expect_refused(const struct told *told, const struct config *config, const char *error);

#endif
