#include "control/config.h"
#include "control/schema.h"

#define KIB ((uint64_t)1 << 10)
#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)

#define HOUR_MS 3600000

#define OF_FILE(field)	.scope = SCOPE_FILE, .offset = offsetof(struct config, field)
#define OF_POOL(field)	.scope = SCOPE_POOL, .offset = offsetof(struct pool_spec, field)
#define OF_SHARD(field) .scope = SCOPE_SHARD, .offset = offsetof(struct shard_spec, field)

/* The words of each SETTING_WORD stand in the order of its enum. */

static const char *level_word(size_t i)
{
	static const char *const words[] = {"error", "warn", "info", "debug"};

	return i < ARRAY_LEN(words) ? words[i] : NULL;
}

static const char *format_word(size_t i)
{
	static const char *const words[] = {"text", "json"};

	return i < ARRAY_LEN(words) ? words[i] : NULL;
}

static const char *protocol_word(size_t i)
{
	static const char *const words[] = {"memcached", "redis"};

	return i < ARRAY_LEN(words) ? words[i] : NULL;
}

static const char *multiget_word(size_t i)
{
	static const char *const words[] = {"partial", "fail"};

	return i < ARRAY_LEN(words) ? words[i] : NULL;
}

static const char *distribution_word(size_t i)
{
	return i < DIST_COUNT ? dist_name((enum dist_kind)i) : NULL;
}

static const char *hash_word(size_t i)
{
	return i < HASH_COUNT ? hash_name((enum hash_kind)i) : NULL;
}

static const struct setting settings[] = {
	{OF_FILE(workers), .path = "workers", .type = SETTING_NUMBER, .min = 1, .max = 256,
	 .zero = "auto", .standard = "auto",
	 .help = "Event loops, a thread each. auto is one per core that the process may use."},
	{OF_FILE(admin_listen), .path = "admin.listen", .type = SETTING_ADDRESS,
	 .example = "127.0.0.1:9601",
	 .help = "Where health, metrics and status are served over HTTP. Off when absent. It asks "
		 "for no password: keep it on an address that only operators reach."},
	{OF_FILE(log_level), .path = "log.level", .type = SETTING_WORD, .word = level_word,
	 .standard = "info", .help = "The least important lines that are logged."},
	{OF_FILE(log_json), .path = "log.format", .type = SETTING_WORD, .word = format_word,
	 .standard = "text", .help = "The form of a log line on standard error."},
	{OF_FILE(shutdown_grace_ms), .path = "shutdown_grace", .type = SETTING_DURATION, .min = 1,
	 .max = HOUR_MS, .standard = "10s",
	 .help = "How long TERM and INT wait for requests in flight before the process leaves."},
	{OF_FILE(memory), .path = "memory", .type = SETTING_SIZE, .min = 64 * MIB,
	 .max = 1024 * GIB, .standard = "1g",
	 .help = "Bytes of buffers for all workers together. When they are used up, the client "
		 "that "
		 "holds most of them is closed; if that does not help, requests are refused."},
	{OF_FILE(pools), .path = "pools", .type = SETTING_POOLS, .is_required = true,
	 .help = "The pools by their names, of letters, digits, '_', '-' and '.'. A pool is a set "
		 "of shards and the addresses that it is served at."},

	{OF_POOL(protocol), .path = "protocol", .type = SETTING_WORD, .word = protocol_word,
	 .is_required = true, .example = "memcached", .help = "What the pool's nodes speak."},
	{OF_POOL(listen), .path = "listen", .type = SETTING_ADDRESSES, .is_required = true,
	 .example = "127.0.0.1:11211",
	 .help = "Where clients connect: HOST:PORT or unix:PATH, or a list of them."},
	{OF_POOL(distribution), .path = "distribution", .type = SETTING_WORD,
	 .word = distribution_word, .standard = "ketama",
	 .help = "The dialect of the ring: which client's or proxy's placement of keys is kept."},
	{OF_POOL(hash), .path = "hash", .type = SETTING_WORD, .word = hash_word,
	 .unset = HASH_DEFAULT, .example = "md5",
	 .help = "The hash of the key. Without it the distribution's own: md5 for ketama, lastfm "
		 "and spymemcached; one_at_a_time for libmemcached-consistent and modula; crc32a "
		 "for dalli; xxh3 for jump, rendezvous and random; pymemcache brings its own."},
	{OF_POOL(hash_tag), .path = "hash_tag", .type = SETTING_TAG, .min = 2, .max = 2,
	 .example = "\"{}\"",
	 .help = "Two characters. Of a key that has text between them only that text is hashed, so "
		 "that related keys share a shard."},
	{OF_POOL(key_prefix_ignored), .path = "key_prefix_ignored", .type = SETTING_TEXT, .min = 1,
	 .max = 250, .example = "\"app1:\"",
	 .help = "A prefix that clients put before each key but do not hash."},
	{OF_POOL(node_string), .path = "node_string", .type = SETTING_TEXT, .min = 1,
	 .max = DIST_LABEL_MAX, .example = "\"{host}/{ip}:{port}\"",
	 .help = "How spymemcached writes a node on its ring, with {host}, {ip} and {port}."},
	{OF_POOL(settings.connect_ms), .path = "timeouts.connect", .type = SETTING_DURATION,
	 .min = 1, .max = HOUR_MS, .standard = "250ms",
	 .help = "How long connecting to a node may take, its first answer included."},
	{OF_POOL(settings.request_ms), .path = "timeouts.request", .type = SETTING_DURATION,
	 .min = 1, .max = HOUR_MS, .standard = "1s",
	 .help = "How long a node may take to answer its oldest request, counted from its last "
		 "reply "
		 "where others were before it."},
	{OF_POOL(settings.idle_ms), .path = "timeouts.idle", .type = SETTING_DURATION, .min = 1000,
	 .max = 24 * HOUR_MS, .zero = "off", .standard = "off",
	 .help = "After how long without a request a client's connection is closed."},
	{OF_POOL(settings.clients), .path = "limits.clients", .type = SETTING_NUMBER, .min = 1,
	 .max = 1000000, .standard = "10000",
	 .help = "Connections of clients over all workers; one more is refused."},
	{OF_POOL(settings.request), .path = "limits.request", .type = SETTING_SIZE, .min = KIB,
	 .max = GIB, .standard = "64m",
	 .help = "The largest command or value. A memcached node's own limit (1 MiB unless it was "
		 "started with -I) applies besides."},
	{OF_POOL(settings.output), .path = "limits.output", .type = SETTING_SIZE, .min = KIB,
	 .max = GIB, .standard = "64m",
	 .help = "Bytes of replies that one client may leave unread before it is closed. Its "
		 "requests wait from 1 MiB on."},
	{OF_POOL(settings.in_flight), .path = "limits.in_flight", .type = SETTING_NUMBER, .min = 1,
	 .max = 1000000, .standard = "4096",
	 .help = "Requests of one client that wait for replies before reading from it pauses."},
	{OF_POOL(settings.connections), .path = "connections", .type = SETTING_NUMBER, .min = 1,
	 .max = 64, .standard = "1", .help = "Connections from each worker to each node."},
	{OF_POOL(settings.retries), .path = "retries", .type = SETTING_NUMBER, .min = 0, .max = 10,
	 .standard = "1",
	 .help = "How often a request that surely did not run, or only reads, is tried again. A "
		 "write that may have run is never sent twice."},
	{OF_POOL(settings.multiget_errors), .path = "multiget_errors", .type = SETTING_WORD,
	 .word = multiget_word, .standard = "partial",
	 .help = "What a dead shard means in a multi-get: an error or a miss for its keys alone "
		 "(partial), or one error for all (fail)."},
	{OF_POOL(shards), .path = "shards", .type = SETTING_SHARDS, .is_required = true,
	 .help = "The shards, in order: each an address, or a map with the keys below."},

	{OF_SHARD(name), .path = "name", .type = SETTING_TEXT, .min = 1, .max = DIST_LABEL_MAX,
	 .example = "a",
	 .help = "The shard's name. It decides where the shard sits on the ring, so that its "
		 "address may change and no key moves. Without it the address is the name."},
	{OF_SHARD(primary), .path = "primary", .type = SETTING_ADDRESS, .is_required = true,
	 .example = "cache-1.internal:11211",
	 .help = "The node's address: HOST:PORT or unix:PATH."},
	{OF_SHARD(weight), .path = "weight", .type = SETTING_NUMBER, .min = 1, .max = 1000000,
	 .standard = "1", .help = "The shard's part of the keys relative to the others'."},
};

const struct setting *schema_settings(size_t *n)
{
	*n = ARRAY_LEN(settings);
	return settings;
}
