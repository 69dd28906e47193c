#include "control/resident.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define STATM_MAX 256 /* bytes */

uint64_t resident_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	char line[STATM_MAX] = "", *rest = line;

	if (file == NULL)
		return 0;
	size_t len = fread(line, 1, sizeof(line) - 1, file);
	fclose(file);
	line[len] = '\0';
	strtoull(line, &rest, 10);
	return strtoull(rest, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}
