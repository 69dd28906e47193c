/*
 * Any bytes as a configuration file: it is read, or refused with errors that can be shown to a
 * person: each a line of the file's name and its own, without control characters.
 */
#include <assert.h>
#include <ctype.h>
#include <stdint.h>

#include "control/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_lines(const struct text *text)
{
	const char *line = text->p;

	for (size_t i = 0; i < text->len; i++)
		assert(text->p[i] == '\n' || !iscntrl((unsigned char)text->p[i]));
	while (line != NULL && *line != '\0') {
		assert(strncmp(line, "f:", 2) == 0);
		line = strchr(line, '\n');
		assert(line != NULL);
		line++;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text errors = {0}, warnings = {0};
	struct config *config =
		config_parse(span_make((const char *)data, size), "f", &errors, &warnings);

	assert((config == NULL) == (errors.len > 0));
	check_lines(&errors);
	check_lines(&warnings);
	assert(config == NULL || (config->n_pools > 0 && config->pools[0].n_shards > 0));
	config_free(config);
	text_free(&errors);
	text_free(&warnings);
	return 0;
}
