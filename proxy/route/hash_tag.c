#include "route/hash_tag.h"

struct span hash_tag(struct span key, const char *tag)
{
	if (tag == NULL || tag[0] == '\0' || key.len == 0)
		return key;

	const char *open = memchr(key.p, tag[0], key.len);
	if (open == NULL)
		return key;

	struct span inner = span_skip(key, (size_t)(open + 1 - key.p));
	const char *close = inner.len > 0 ? memchr(inner.p, tag[1], inner.len) : NULL;
	/* Nothing between the two would put every such key on one shard. */
	if (close == NULL || close == inner.p)
		return key;
	return span_make(inner.p, (size_t)(close - inner.p));
}
