#include "proto/resp_write.h"

#include "base/number.h"

size_t resp_write_header(char *buf, char type, int64_t n)
{
	size_t len = 1;

	buf[0] = type;
	len += number_write_i64(buf + len, n);
	buf[len++] = '\r';
	buf[len++] = '\n';
	return len;
}
