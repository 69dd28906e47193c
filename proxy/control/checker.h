/*
 * checker.h - where checks of a whole config tell what is wrong: at the place of the field.
 * Layer: control. Includes: config_yaml.
 */
#ifndef CONTROL_CHECKER_H
#define CONTROL_CHECKER_H

#include "base/attr.h"
#include "control/config_yaml.h"

/* All borrowed. */
struct checker {
	const struct config *config;
	const struct field_map *fields;
	const char *path; /* of what is not in a file; or NULL */
	struct findings *findings;
};

/* Add an error or a warning about a field, at the place that it was read from. */
void checker_error(const struct checker *checker, const void *field, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
void checker_warning(const struct checker *checker, const void *field, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

/* The canonical text, for free(), of an address that was checked when it was read. */
char *checker_address(const char *text);

/* Something that must be unique: a listening address, a shard's name. */
struct named {
	char *name;	   /* owned */
	const void *field; /* that it was read from */
	size_t order;	   /* in the file */
};

/*
 * Whether all of v[0..n) have names of their own; of each that has not, but the first in the file,
 * an error that ends with `advice` is added. Frees v and its names.
 */
bool checker_differ(const struct checker *checker, struct named *v, size_t n, const char *advice);

#endif
