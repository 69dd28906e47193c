#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

int error_set(struct error *error, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	if (vsnprintf(error->text, sizeof(error->text), fmt, args) < 0)
		error->text[0] = '\0';
	va_end(args);
	return -1;
}
