#include "recorded.h"

#include <check.h>
#include <stdio.h>

#include "base/alloc.h"

#define BYTES_MAX 65536

struct span recorded(const char *test_dir, const char *name)
{
	char path[4096];
	char *bytes = alloc_zeroed(BYTES_MAX + 1, 1);

	snprintf(path, sizeof(path), "%s/fuzz/corpus/%s", test_dir, name);
	FILE *file = fopen(path, "rb");
	ck_assert_msg(file != NULL, "%s is not there", path);
	size_t len = fread(bytes, 1, BYTES_MAX, file);
	fclose(file);
	return span_make(bytes, len);
}
