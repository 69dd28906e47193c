#include "control/word.h"

#include "base/attr.h"
#include "route/dist.h"
#include "route/hash.h"

const char *word_level(size_t i)
{
	static const char *const words[] = {"error", "warn", "info", "debug"};

	return i < ARRAY_LEN(words) ? words[i] : NULL;
}

const char *word_format(size_t i)
{
	static const char *const words[] = {"text", "json"};

	return i < ARRAY_LEN(words) ? words[i] : NULL;
}

const char *word_node_protocol(size_t i)
{
	static const char *const words[] = {"text", "binary"};

	return i < ARRAY_LEN(words) ? words[i] : NULL;
}

const char *word_protocol(size_t i)
{
	static const char *const words[] = {"memcached", "redis"};

	return i < ARRAY_LEN(words) ? words[i] : NULL;
}

const char *word_multiget(size_t i)
{
	static const char *const words[] = {"partial", "fail"};

	return i < ARRAY_LEN(words) ? words[i] : NULL;
}

const char *word_down(size_t i)
{
	static const char *const words[] = {"error", "miss"};

	return i < ARRAY_LEN(words) ? words[i] : NULL;
}

const char *word_distribution(size_t i)
{
	return i < DIST_COUNT ? dist_name((enum dist_kind)i) : NULL;
}

const char *word_hash(size_t i)
{
	return i < HASH_COUNT ? hash_name((enum hash_kind)i) : NULL;
}

const char *word_reads(size_t i)
{
	static const char *const words[] = {"primary", "prefer-replica", "replica"};

	return i < ARRAY_LEN(words) ? words[i] : NULL;
}

const char *word_choice(size_t i)
{
	static const char *const words[] = {"latency", "turn"};

	return i < ARRAY_LEN(words) ? words[i] : NULL;
}

const char *word_identity(size_t i)
{
	static const char *const words[] = {"connection", "address", "user"};

	return i < ARRAY_LEN(words) ? words[i] : NULL;
}

const char *word_bool(size_t i)
{
	static const char *const words[] = {"false", "true"};

	return i < ARRAY_LEN(words) ? words[i] : NULL;
}

const char *word_mode(size_t i)
{
	static const char *const words[] = {"keep", "gutter", "eject"};

	return i < ARRAY_LEN(words) ? words[i] : NULL;
}

const char *word_return(size_t i)
{
	static const char *const words[] = {"keep", "flush"};

	return i < ARRAY_LEN(words) ? words[i] : NULL;
}
