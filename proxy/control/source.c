#include "control/source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/utf8.h"

long source_read(const char *path, char **content, struct findings *findings)
{
	bool is_stdin = strcmp(path, "-") == 0;
	FILE *file = is_stdin ? stdin : fopen(path, "rbe");
	char *bytes = alloc_zeroed(SOURCE_BYTES_MAX + 2, 1);
	size_t len = file != NULL ? fread(bytes, 1, SOURCE_BYTES_MAX + 1, file) : 0;
	bool is_bad = file == NULL || ferror(file);

	if (is_bad)
		findings_error(findings, (struct place){0, 0}, NULL,
			       "cannot be read: %s; give the path of a readable file",
			       strerror(errno));
	else if (len > SOURCE_BYTES_MAX)
		findings_error(findings, (struct place){0, 0}, NULL,
			       "larger than %u bytes; is it a configuration file?",
			       SOURCE_BYTES_MAX);
	if (file != NULL && !is_stdin)
		fclose(file);
	if (is_bad || len > SOURCE_BYTES_MAX) {
		free(bytes);
		return -1;
	}
	*content = bytes;
	return (long)len;
}

bool source_is_text(struct span content, struct findings *findings)
{
	struct span rest = content;

	while (rest.len > 0) {
		size_t len = utf8_char_len(rest);
		unsigned char c = (unsigned char)rest.p[0];
		bool is_control = (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f;

		if (len == 0 || is_control) {
			findings_error(findings, source_place(content, content.len - rest.len),
				       NULL, "the byte 0x%02x, %s", c,
				       is_control ? "a control character; take it out"
						  : "which is not UTF-8; save the file as UTF-8");
			return false;
		}
		rest = span_skip(rest, len);
	}
	return true;
}

struct place source_place(struct span content, size_t offset)
{
	struct place place = {1, 1};

	for (size_t i = 0; i < offset && i < content.len; i++) {
		if (content.p[i] == '\n')
			place = (struct place){place.line + 1, 1};
		else if (((unsigned char)content.p[i] & 0xc0) != 0x80)
			place.column++;
	}
	return place;
}
