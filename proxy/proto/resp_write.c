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

static void copy_header(struct chunk_pool *chunks, struct chain *to, char type, size_t n)
{
	char header[RESP_HEADER_MAX];
	size_t len = resp_write_header(header, type, (int64_t)n);

	chain_copy(chunks, to, span_make(header, len));
}

void resp_write_command(struct chunk_pool *chunks, struct chain *to, const struct span *words,
			size_t n)
{
	copy_header(chunks, to, '*', n);
	for (size_t i = 0; i < n; i++) {
		copy_header(chunks, to, '$', words[i].len);
		chain_copy(chunks, to, words[i]);
		chain_append(chunks, to, NULL, span_of("\r\n"));
	}
}
