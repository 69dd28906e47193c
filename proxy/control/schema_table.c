/* Long because it is one table, with a row for each setting. */
#include "control/config.h"
#include "control/schema.h"
#include "control/takeover_wire.h"
#include "control/word.h"
#include "route/endpoint.h"

#define KIB ((uint64_t)1 << 10)
#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)

#define HOUR_MS	  3600000
#define TTL_MAX_S (UINT32_C(10) * 365 * 24 * 3600)

#define TEXT_MAX     250  /* bytes of a name, a prefix, a path */
#define REPLICAS_MAX 32	  /* of a shard */
#define USERS_MAX    1000 /* of a pool; one is found by looking at each */
#define PREFIXES_MAX 100  /* of a pool; each key is held against them in turn */

#define OF_FILE(field)	.scope = SCOPE_FILE, .offset = offsetof(struct config, field)
#define OF_POOL(field)	.scope = SCOPE_POOL, .offset = offsetof(struct pool_spec, field)
#define OF_SHARD(field) .scope = SCOPE_SHARD, .offset = offsetof(struct shard_spec, field)
#define OF_REPLICA(field)                                                                          \
	.scope = SCOPE_REPLICA, .offset = offsetof(struct replica_spec, field), .is_redis = true
#define OF_USER(field)	 .scope = SCOPE_USER, .offset = offsetof(struct user_spec, field)
#define OF_PREFIX(field) .scope = SCOPE_PREFIX, .offset = offsetof(struct prefix_spec, field)
#define OF_COMMAND(field)                                                                          \
	.scope = SCOPE_COMMAND, .offset = offsetof(struct command_spec, field), .is_redis = true

/* What the items of a list are: of which scope and struct, and where their number stands. */
#define ITEMS(scope, item, outer, count) scope, sizeof(struct item), offsetof(struct outer, count)

/* The three ways to give a password; `whose` ends the sentence. */
#define PASSWORD(OF, field, section, whose)                                                        \
	{OF(field.text),                                                                           \
	 .path = section "password",                                                               \
	 .type = SETTING_TEXT,                                                                     \
	 .min = 1,                                                                                 \
	 .max = SECRET_MAX,                                                                        \
	 .is_secret = true,                                                                        \
	 .example = "\"a long one\"",                                                              \
	 .help = "The password " whose ". One of the two keys below keeps it out of this file."},  \
		{OF(field.env),                                                                    \
		 .path = section "password_env",                                                   \
		 .type = SETTING_TEXT,                                                             \
		 .min = 1,                                                                         \
		 .max = TEXT_MAX,                                                                  \
		 .is_secret = true,                                                                \
		 .example = "SLIPRING_PASSWORD",                                                   \
		 .help = "The variable of the environment that holds the password."},              \
	{                                                                                          \
		OF(field.file), .path = section "password_file", .type = SETTING_TEXT, .min = 1,   \
				.max = TEXT_MAX, .is_secret = true,                                \
				.example = "/run/secrets/slipring",                                \
				.help = "The file that holds the password and nothing else; a "    \
					"line end behind it is cut. "                              \
					"It is read with the settings."                            \
	}

static const struct setting settings[] = {
	{OF_FILE(workers), .path = "workers", .type = SETTING_NUMBER, .min = 1, .max = 256,
	 .zero = "auto", .standard = "auto",
	 .help = "Event loops, a thread each. auto is one per core that the process may use."},
	{OF_FILE(admin_listen), .path = "admin.listen", .type = SETTING_ADDRESS,
	 .example = "127.0.0.1:9601",
	 .help = "Where health, metrics and status are served over HTTP. Off when absent. It asks "
		 "for no password: keep it on an address that only operators reach."},
	{OF_FILE(log_level), .path = "log.level", .type = SETTING_WORD, .word = word_level,
	 .standard = "info", .help = "The least important lines that are logged."},
	{OF_FILE(log_json), .path = "log.format", .type = SETTING_WORD, .word = word_format,
	 .standard = "text", .help = "The form of a log line on standard error."},
	{OF_FILE(shutdown_grace_ms), .path = "shutdown_grace", .type = SETTING_DURATION, .min = 1,
	 .max = HOUR_MS, .standard = "10s",
	 .help = "How long TERM and INT wait for requests in flight before the process leaves."},
	{OF_FILE(takeover), .path = "takeover", .type = SETTING_TEXT, .min = 1,
	 .max = TAKEOVER_PATH_MAX, .example = "/run/slipring/takeover.sock",
	 .help = "The path of a unix socket by which the next process, started with the same path "
		 "by the same user, gets the listening sockets of this one. Off when absent."},
	{OF_FILE(takeover_grace_ms), .path = "takeover_grace", .type = SETTING_DURATION, .min = 1,
	 .max = 24 * HOUR_MS, .standard = "5m",
	 .help = "How long a process that was taken over serves the clients that it has, before it "
		 "drains as at TERM."},
	{OF_FILE(memory), .path = "memory", .type = SETTING_SIZE, .min = 64 * MIB,
	 .max = 1024 * GIB, .standard = "1g",
	 .help = "Bytes of buffers for all workers together. When they are used up, the client "
		 "that "
		 "holds most of them is closed; if that does not help, requests are refused."},
	{OF_FILE(dns_min_ttl_ms), .path = "dns.min_ttl", .type = SETTING_DURATION, .min = 10,
	 .max = HOUR_MS, .standard = "1s",
	 .help = "A name is not asked for again earlier, whatever time to live its answer had, "
		 "unless one of its addresses fails."},
	{OF_FILE(dns_max_ttl_ms), .path = "dns.max_ttl", .type = SETTING_DURATION, .min = 10,
	 .max = 24 * HOUR_MS, .standard = "5m",
	 .help = "A name is asked for again by then, however long its answer said that it would "
		 "live."},
	{OF_FILE(dns_servers), .path = "dns.servers", .type = SETTING_SERVERS,
	 .example = "10.0.0.2:53",
	 .help = "The servers that names are asked of, in this order. Without it, those of "
		 "/etc/resolv.conf. /etc/hosts is looked at before."},
	{OF_FILE(pools), .path = "pools", .type = SETTING_POOLS, .is_required = true,
	 .help = "The pools by their names, of letters, digits, '_', '-' and '.'. A pool is a set "
		 "of shards and the addresses that it is served at."},

	{OF_POOL(protocol), .path = "protocol", .type = SETTING_WORD, .word = word_protocol,
	 .unset = -1, .is_required = true, .example = "memcached",
	 .help = "What the pool's nodes speak."},
	{OF_POOL(listen), .path = "listen", .type = SETTING_ADDRESSES, .is_required = true,
	 .example = "127.0.0.1:6379",
	 .help = "Where clients connect: HOST:PORT or unix:PATH, or a list of them."},
	{OF_POOL(distribution), .path = "distribution", .type = SETTING_WORD,
	 .word = word_distribution, .standard = "ketama",
	 .help = "The dialect of the ring: which client's or proxy's placement of keys is kept."},
	{OF_POOL(hash), .path = "hash", .type = SETTING_WORD, .word = word_hash,
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
	{OF_POOL(settings.leases), .path = "limits.leases", .type = SETTING_NUMBER, .min = 1,
	 .max = 100000, .standard = "1000", .is_redis = true,
	 .help = "Connections from each worker to each node that clients may hold for themselves, "
		 "while they are in a transaction or wait in a blocking command."},
	{OF_POOL(settings.connections), .path = "connections", .type = SETTING_NUMBER, .min = 1,
	 .max = 64, .standard = "1", .help = "Connections from each worker to each node."},
	{OF_POOL(settings.retries), .path = "retries", .type = SETTING_NUMBER, .min = 0, .max = 10,
	 .standard = "1",
	 .help = "How often a request that surely did not run, or only reads, is tried again. A "
		 "write that may have run is never sent twice."},
	{OF_POOL(settings.multiget_errors), .path = "multiget_errors", .type = SETTING_WORD,
	 .word = word_multiget, .standard = "partial",
	 .help = "What a dead shard means in a multi-get: an error or a miss for its keys alone "
		 "(partial), or one error for all (fail)."},
	{OF_POOL(settings.node_protocol), .path = "node_protocol", .type = SETTING_WORD,
	 .word = word_node_protocol, .standard = "text", .is_memcached = true,
	 .help = "binary: the nodes answer nothing but memcached's binary protocol (memcached -S). "
		 "Commands of text and meta clients are told in it, and those for which it has "
		 "nothing are refused. Clients that speak binary are always spoken for in it."},
	{OF_POOL(settings.failover.mode), .path = "failover.mode", .type = SETTING_WORD,
	 .word = word_mode, .standard = "keep", .is_memcached = true,
	 .help = "Where the keys of a node go that probes find down (health.fall), until they find "
		 "it up: nowhere, so that 'on_down' says what clients are told of them (keep); to "
		 "the spare nodes of 'gutter', for a short time (gutter); or to the pool's other "
		 "shards, as if it were not there (eject). No other key moves, and all come back."},
	{OF_POOL(gutter), .path = "failover.gutter", .type = SETTING_ADDRESSES,
	 .is_memcached = true, .example = "spare-1.internal:11211",
	 .help = "With 'mode: gutter': the spare nodes. Where one of them is down too, its part of "
		 "the keys is as 'on_down' says."},
	{OF_POOL(settings.failover.gutter_ttl_s), .path = "failover.gutter_ttl",
	 .type = SETTING_SECONDS, .min = 1, .max = TTL_MAX_S, .standard = "10s",
	 .is_memcached = true,
	 .help = "The longest expiry time of what is stored at a spare node, and that of what is "
		 "stored without one: nobody takes it away when the node is back."},
	{OF_POOL(settings.failover.eject_ttl_s), .path = "failover.eject_ttl",
	 .type = SETTING_SECONDS, .min = 1, .max = TTL_MAX_S, .zero = "off", .standard = "off",
	 .is_memcached = true,
	 .help = "The same with 'mode: eject', of what is stored at the other shards for one that "
		 "is "
		 "down. off: it stays there, and is read again the next time that the shard is "
		 "down."},
	{OF_POOL(settings.failover.on_down), .path = "failover.on_down", .type = SETTING_WORD,
	 .word = word_down, .standard = "error", .is_memcached = true,
	 .help = "What clients are told of keys whose node is down or gives no answer in time: an "
		 "error, or, to get, gat, touch, incr and decr, that the key is not there (miss), "
		 "whatever multiget_errors says. What stores or deletes always fails: a cache "
		 "that seemed to take it would be stale."},
	{OF_POOL(settings.failover.on_return), .path = "failover.on_return", .type = SETTING_WORD,
	 .word = word_return, .standard = "keep", .is_memcached = true,
	 .help = "What becomes of what a node still has when it comes back after it was down: it "
		 "is "
		 "used as it is, though it may be older than what clients have stored or deleted "
		 "since (keep), or the node is emptied by flush_all before anybody reads it "
		 "(flush). Each proxy flushes when it sees the node come back."},
	{OF_POOL(cluster_config), .path = "cluster_config", .type = SETTING_HOSTS, .zero = "nodes",
	 .standard = "nodes", .is_memcached = true,
	 .help = "What 'config get cluster', ElastiCache's auto discovery, tells clients to "
		 "connect "
		 "to: "
		 "the pool's nodes, or the proxies listed here. Sockets of unix: are left out."},
	{OF_POOL(settings.reads), .path = "reads", .type = SETTING_WORD, .word = word_reads,
	 .standard = "primary", .is_redis = true,
	 .help = "Where commands that only read may go: to the shard's primary, to a replica and "
		 "to "
		 "the primary where none will do (prefer-replica), or to replicas alone. A replica "
		 "may answer with what was true a moment ago."},
	{OF_POOL(settings.replica_choice), .path = "replica_choice", .type = SETTING_WORD,
	 .word = word_choice, .standard = "latency", .is_redis = true,
	 .help = "Which of several replicas is read: the one that answers soonest (latency), or "
		 "one "
		 "after the other (turn). Those in this proxy's zone come first."},
	{OF_POOL(zone), .path = "zone", .type = SETTING_TEXT, .min = 1, .max = TEXT_MAX,
	 .is_redis = true, .example = "us-east-1b",
	 .help = "Where this proxy is: replicas of the same zone are read first."},
	{OF_POOL(settings.max_lag_bytes), .path = "max_lag_bytes", .type = SETTING_SIZE, .min = 1,
	 .max = 1024 * GIB, .zero = "off", .standard = "off", .is_redis = true,
	 .help = "How many bytes of replication a replica may be behind its primary and still be "
		 "read, as 1m. off: however many."},
	{OF_POOL(settings.read_your_writes_ms), .path = "read_your_writes",
	 .type = SETTING_DURATION, .min = 1, .max = HOUR_MS, .zero = "off", .standard = "off",
	 .is_redis = true,
	 .help = "For how long after a client wrote a key its reads of that key go to the "
		 "primary."},
	{OF_POOL(settings.identity), .path = "read_your_writes_by", .type = SETTING_WORD,
	 .word = word_identity, .standard = "connection", .is_redis = true,
	 .help = "What makes a reader the client that wrote: the same connection, the same "
		 "address, "
		 "or the same user."},
	{OF_POOL(settings.health_every_ms), .path = "health.every", .type = SETTING_DURATION,
	 .min = 10, .max = HOUR_MS, .standard = "250ms",
	 .help = "How often each node is probed: asked for its ROLE, or by 'version' or NOOP of "
		 "memcached. At most 500 probes leave in a second: of more nodes than that lets "
		 "each is probed less often. Each worker also asks the nodes of a Redis pool that "
		 "reads replicas this often how far their replication has come."},
	{OF_POOL(settings.health_timeout_ms), .path = "health.timeout", .type = SETTING_DURATION,
	 .min = 1, .max = HOUR_MS, .standard = "500ms",
	 .help = "How long a node may take to answer that, and to let the probe connect."},
	{OF_POOL(settings.health_fall), .path = "health.fall", .type = SETTING_NUMBER, .min = 1,
	 .max = 1000, .standard = "3",
	 .help = "After how many probes in a row that failed a node is down."},
	{OF_POOL(settings.health_rise), .path = "health.rise", .type = SETTING_NUMBER, .min = 1,
	 .max = 1000, .standard = "2",
	 .help = "After how many probes in a row that were answered a node that was down is up."},
	{OF_POOL(settings.hold_ms), .path = "hold.time", .type = SETTING_DURATION, .min = 1,
	 .max = HOUR_MS, .zero = "off", .standard = "10s", .is_redis = true,
	 .help = "How long a request that needs a primary waits while its shard has none, before "
		 "it "
		 "fails. Only where there may be another: the shard has replicas, its address is a "
		 "name, or a source finds it. timeouts.request counts from when it is sent."},
	{OF_POOL(settings.hold_requests), .path = "hold.requests", .type = SETTING_NUMBER, .min = 1,
	 .max = 10000000, .standard = "10000", .is_redis = true,
	 .help = "How many requests may wait so, over all workers; more fail at once."},
	{OF_POOL(settings.ttl.jitter), .path = "ttl_jitter", .type = SETTING_PERCENT, .min = 1,
	 .max = TTL_WHOLE, .zero = "off", .standard = "off",
	 .help = "How much an expiry time may go up or down at random, as 5%, so that what was "
		 "stored together does not expire together."},
	{OF_POOL(settings.ttl.max_s), .path = "max_ttl", .type = SETTING_SECONDS, .min = 1,
	 .max = TTL_MAX_S, .zero = "off", .standard = "off",
	 .help = "The longest expiry time that a node is given, as 7d. What is stored without one "
		 "stays without one, unless 'default_ttl' is set too."},
	{OF_POOL(settings.ttl.default_s), .path = "default_ttl", .type = SETTING_SECONDS, .min = 1,
	 .max = TTL_MAX_S, .zero = "off", .standard = "off",
	 .help = "The expiry time of what is stored without one, as 1h: by an exptime of 0, or by "
		 "a SET of Redis that names none and no KEEPTTL."},
	{OF_POOL(settings.coalesce), .path = "coalesce", .type = SETTING_WORD, .word = word_bool,
	 .standard = "false",
	 .help = "Whether clients of one worker that read the same key by the same command at the "
		 "same time share one request to the node. Each sees every write that this process "
		 "has answered before; of what others write, as much as the first one does."},
	{OF_POOL(credentials.name), .path = "credentials.username", .type = SETTING_TEXT, .min = 1,
	 .max = TEXT_MAX, .example = "app",
	 .help = "The user that the proxy is at the nodes. Without it, and with a password, the "
		 "default user. A memcached -Y is told by text connections, a memcached -S by "
		 "binary "
		 "ones (SASL PLAIN)."},
	PASSWORD(OF_POOL, credentials.password, "credentials.", "that the nodes ask for"),
	PASSWORD(OF_POOL, clients_password, "clients.",
		 "that clients are asked for, as the user 'default'"),
	{OF_POOL(users), .path = "users", .type = SETTING_LIST, .min = 1, .max = USERS_MAX,
	 .items = {ITEMS(SCOPE_USER, user_spec, pool_spec, n_users), NULL,
		   "{name: NAME, password: TEXT, commands: [+read], prefixes: [TEXT]}"},
	 .help = "Clients that say who they are, and what each of them may do. Redis clients do so "
		 "by AUTH or HELLO; those of memcached by a set whose value is the name and the "
		 "password with a blank between, as to memcached -Y, or by SASL PLAIN, as to -S."},
	{OF_POOL(prefixes), .path = "prefixes", .type = SETTING_LIST, .min = 1, .max = PREFIXES_MAX,
	 .items = {ITEMS(SCOPE_PREFIX, prefix_spec, pool_spec, n_prefixes), NULL,
		   "{match: TEXT, max_ttl: 7d, refuse: [NAME]}"},
	 .help = "What holds for keys by how they begin. Of those that fit a key the longest "
		 "counts."},
	{OF_POOL(commands), .path = "commands", .type = SETTING_LIST, .min = 1,
	 .max = COMMANDS_OWN_MAX, .is_redis = true,
	 .items = {ITEMS(SCOPE_COMMAND, command_spec, pool_spec, n_commands), NULL,
		   "{name: NAME, keys: [1, 1, 1], write: true}"},
	 .help = "Commands of the nodes' modules, which the proxy does not know by itself."},
	{OF_POOL(shards), .path = "shards", .type = SETTING_LIST, .min = 1, .max = DIST_NODES_MAX,
	 .is_required = true, .unless = "discover", .example = "redis-b.internal:6379",
	 .items = {ITEMS(SCOPE_SHARD, shard_spec, pool_spec, n_shards), "primary",
		   "HOST:PORT or {name: NAME, primary: HOST:PORT, weight: N}"},
	 .help = "The shards, in order: each an address, or a map with the keys below."},

	{OF_POOL(discover.elasticache), .path = "discover.elasticache", .type = SETTING_HOST,
	 .is_memcached = true, .example = "cache.example.cfg.use1.cache.amazonaws.com:11211",
	 .help = "In place of 'shards': the configuration endpoint of ElastiCache (or what answers "
		 "'config get cluster' as it does), which says what the nodes are."},
	{OF_POOL(discover.dns), .path = "discover.dns", .type = SETTING_HOST,
	 .example = "cache.internal:11211",
	 .help = "In place of 'shards': a name of DNS, each address of which is a shard."},
	{OF_POOL(discover.srv), .path = "discover.srv", .type = SETTING_TEXT, .min = 1,
	 .max = ADDRESS_HOST_MAX, .example = "_memcached._tcp.cache.internal",
	 .help = "In place of 'shards': a name of DNS with SRV records, each of which is a shard."},
	{OF_POOL(discover.sentinel), .path = "discover.sentinel", .type = SETTING_HOSTS,
	 .is_redis = true, .example = "[sentinel-1:26379, sentinel-2:26379, sentinel-3:26379]",
	 .help = "In place of 'shards': the Sentinels, all of them, that say where the nodes of "
		 "each of 'masters' are. What most of them say counts."},
	{OF_POOL(discover.masters), .path = "discover.masters", .type = SETTING_TEXTS, .min = 1,
	 .max = DIST_LABEL_MAX, .is_redis = true, .example = "[a, b]",
	 .help = "The names that the Sentinels know the primaries by. Each is a shard of that "
		 "name."},
	{OF_POOL(discover.cluster), .path = "discover.cluster", .type = SETTING_HOSTS,
	 .is_redis = true, .example = "[redis-1:6379, redis-2:6379]",
	 .help = "In place of 'shards': some nodes of a Redis Cluster, to learn the others and the "
		 "slots of each from."},
	{OF_POOL(discover.every_ms), .path = "discover.every", .type = SETTING_DURATION, .min = 100,
	 .max = HOUR_MS, .example = "10s",
	 .help = "How often the source is asked. Without it 60s for elasticache, 1s for sentinel "
		 "and cluster; for names of DNS it is their time to live."},

	{OF_SHARD(name), .path = "name", .type = SETTING_TEXT, .min = 1, .max = DIST_LABEL_MAX,
	 .example = "a",
	 .help = "The shard's name. It decides where the shard sits on the ring, so that its "
		 "address may change and no key moves. Without it the address is the name."},
	{OF_SHARD(primary), .path = "primary", .type = SETTING_ADDRESS, .is_required = true,
	 .example = "redis-a.internal:6379", .help = "The node's address: HOST:PORT or unix:PATH."},
	{OF_SHARD(weight), .path = "weight", .type = SETTING_NUMBER, .min = 1, .max = 1000000,
	 .standard = "1", .help = "The shard's part of the keys relative to the others'."},
	{OF_SHARD(replicas), .path = "replicas", .type = SETTING_LIST, .min = 1,
	 .max = REPLICAS_MAX, .is_redis = true, .example = "redis-a-ro.internal:6379",
	 .items = {ITEMS(SCOPE_REPLICA, replica_spec, shard_spec, n_replicas), "address",
		   "HOST:PORT or {address: HOST:PORT, zone: TEXT}"},
	 .help = "Nodes that follow the primary and are read where 'reads' says so: each an "
		 "address, "
		 "or a map with the keys below."},

	{OF_REPLICA(address), .path = "address", .type = SETTING_ADDRESS, .is_required = true,
	 .example = "redis-a-ro2.internal:6379",
	 .help = "The replica's address: HOST:PORT or unix:PATH."},
	{OF_REPLICA(zone), .path = "zone", .type = SETTING_TEXT, .min = 1, .max = TEXT_MAX,
	 .example = "us-east-1b", .help = "Where the replica is."},

	{OF_USER(name), .path = "name", .type = SETTING_TEXT, .min = 1, .max = TEXT_MAX,
	 .is_required = true, .example = "reports", .help = "Who the client says it is."},
	PASSWORD(OF_USER, password, "", "of the user; without one of these three keys any will do"),
	{OF_USER(commands), .path = "commands", .type = SETTING_TEXTS, .min = 1, .max = TEXT_MAX,
	 .is_redis = true, .example = "[+read, \"-@dangerous\"]",
	 .help = "What the user may run, from nothing on, in order: + allows, - takes away. Behind "
		 "the sign: all, read, write, a @CATEGORY of Redis' access lists, a command, or "
		 "one "
		 "of its subcommands as config|get. Without it, everything. What any connection "
		 "needs, as PING, is always allowed."},
	{OF_USER(prefixes), .path = "prefixes", .type = SETTING_TEXTS, .min = 1, .max = TEXT_MAX,
	 .is_redis = true, .example = "[\"app1:\"]",
	 .help = "How the keys that the user may name begin. Without it, any key."},

	{OF_PREFIX(match), .path = "match", .type = SETTING_TEXT, .min = 1, .max = TEXT_MAX,
	 .is_required = true, .example = "\"lock:\"", .help = "How the keys begin."},
	{OF_PREFIX(reads), .path = "reads", .type = SETTING_WORD, .word = word_reads,
	 .unset = READS_UNSET, .is_redis = true, .example = "primary",
	 .help = "Where reads of these keys may go. Without it, as the pool's."},
	{OF_PREFIX(refuse), .path = "refuse", .type = SETTING_TEXTS, .min = 1, .max = TEXT_MAX,
	 .is_redis = true, .example = "[del, \"@dangerous\"]",
	 .help = "What nobody may do to these keys: a command, one of its subcommands as "
		 "object|freq, a @CATEGORY, read or write."},
	{OF_PREFIX(ttl.jitter), .path = "ttl_jitter", .type = SETTING_PERCENT, .min = 1,
	 .max = TTL_WHOLE, .zero = "off", .unset = -1, .example = "5%",
	 .help = "How much an expiry time of these keys may go up or down. Without it, as the "
		 "pool's."},
	{OF_PREFIX(ttl.max_s), .path = "max_ttl", .type = SETTING_SECONDS, .min = 1,
	 .max = TTL_MAX_S, .zero = "off", .unset = -1, .example = "7d",
	 .help = "The longest expiry time of these keys. Without it, as the pool's."},
	{OF_PREFIX(ttl.default_s), .path = "default_ttl", .type = SETTING_SECONDS, .min = 1,
	 .max = TTL_MAX_S, .zero = "off", .unset = -1, .example = "1h",
	 .help = "The expiry time of these keys where they are stored without one. Without it, as "
		 "the pool's."},
	{OF_PREFIX(coalesce), .path = "coalesce", .type = SETTING_WORD, .word = word_bool,
	 .unset = -1, .example = "true",
	 .help = "Whether equal reads of one of these keys share a request. Without it, as the "
		 "pool's."},

	{OF_COMMAND(name), .path = "name", .type = SETTING_TEXT, .min = 1, .max = 64,
	 .is_required = true, .example = "BF.ADD", .help = "The command's name, in any case."},
	{OF_COMMAND(first), .path = "keys", .type = SETTING_KEYS, .example = "[1, 1, 1]",
	 .help = "Where its keys are among the arguments, as in COMMAND's reply: the first, the "
		 "last "
		 "(-1 is the last argument), and the step between them. Without it, it has none."},
	{OF_COMMAND(writes), .path = "write", .type = SETTING_WORD, .word = word_bool,
	 .standard = "true",
	 .help = "Whether it may change data: then it goes to the primary and is never sent "
		 "twice."},
};

const struct setting *schema_settings(size_t *n)
{
	*n = ARRAY_LEN(settings);
	return settings;
}
