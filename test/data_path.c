#include "data_path.h"

#include <check.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/text.h"
#include "core/connset.h"
#include "core/era.h"
#include "core/herd.h"
#include "core/request.h"
#include "core/scripts.h"
#include "core/writes.h"
#include "proto/mc_binary.h"

static char *gutters[] = {(char *)(uintptr_t) "g:7200", (char *)(uintptr_t) "g:7201"};

static struct replica_spec replicas[] = {{"r:7100", NULL}, {"r:7101", NULL}};

static const struct shard_spec shards[DATA_PATH_SHARDS] = {
	{.name = "a", .primary = "a:7000", .weight = 1},
	{.name = "b", .primary = "b:7001", .weight = 1},
	{.name = "c", .primary = "c:7002", .weight = 1},
};

static uint32_t or_usual(uint32_t value, uint32_t usual)
{
	return value != 0 ? value : usual;
}

static char *cluster[] = {"a:7000"};

/* A node's id is the place at which its address is noted. */
static uint16_t id_of(struct data_path *dp, const char *address)
{
	uint16_t id = 0;

	while (id < dp->n_nodes && strcmp(dp->nodes[id], address) != 0)
		id++;
	if (id < dp->n_nodes)
		return id;
	ck_assert_uint_lt(id, DATA_PATH_NODES);
	dp->nodes[id] = address;
	dp->n_nodes++;
	return id;
}

static void give_ids(struct data_path *dp, struct topology *topology)
{
	for (uint16_t i = 0; i < topology->n_endpoints; i++)
		topology->endpoints[i].id = id_of(dp, topology->endpoints[i].text);
	topology_index(topology);
}

static void fill_settings(struct pool_settings *settings, const struct data_path_setup *setup)
{
	*settings = (struct pool_settings){
		.connect_ms = 250,
		.request_ms = or_usual(setup->request_ms, 1000),
		.idle_ms = setup->idle_ms,
		.clients = 10000,
		.request = or_usual(setup->request, 64 << 20),
		.output = setup->output != 0 ? setup->output : 64 << 20,
		.in_flight = or_usual(setup->in_flight, 4096),
		.connections = or_usual(setup->connections, 1),
		.leases = or_usual(setup->leases, 1000),
		.retries = !setup->no_retries,
		.multiget_errors = setup->fail_multiget ? MULTIGET_FAIL : MULTIGET_PARTIAL,
		.failover = setup->failover,
		.reads = setup->reads,
		.replica_choice = CHOICE_TURN,
		.max_lag_bytes = setup->max_lag_bytes,
		.read_your_writes_ms = setup->read_your_writes_ms,
		.health_every_ms = 250,
		.health_timeout_ms = 500,
		.health_fall = 3,
		.health_rise = 2,
		.hold_ms = setup->hold_ms,
		.hold_requests = or_usual(setup->hold_requests, 1000),
		.ttl = setup->ttl,
		.coalesce = setup->coalesce,
		.node_protocol = (int)setup->node_protocol,
	};
}

struct topology *data_path_build(struct data_path *dp, const struct shard_spec *given, size_t n)
{
	struct data_path_setup *setup = &dp->setup;
	struct shard_spec own[DATA_PATH_SHARDS_MAX];
	struct pool_spec spec = {.name = "pool",
				 .protocol = (int)setup->protocol,
				 .distribution = DIST_MODULA,
				 .hash = HASH_MURMUR3,
				 .shards = own,
				 .credentials = setup->credentials,
				 .users = setup->users,
				 .n_users = setup->n_users,
				 .n_shards = n};
	struct error error;

	spec.prefixes = setup->prefixes;
	spec.n_prefixes = setup->n_prefixes;
	fill_settings(&spec.settings, setup);
	memcpy(own, shards, sizeof(shards));
	for (int i = 0; i < DATA_PATH_SHARDS; i++)
		own[i].is_down = setup->down >> i & 1;
	if (setup->failover.mode == FAILOVER_GUTTER)
		spec.gutter = (struct string_list){gutters, ARRAY_LEN(gutters)};
	if (setup->miss_when_down)
		spec.settings.failover.on_down = ON_DOWN_MISS;
	own[0].replicas = replicas;
	own[0].n_replicas = setup->replicas;
	for (size_t i = 0; given != NULL && i < n; i++)
		own[i] = given[i];
	if (setup->is_cluster) {
		spec.discover.cluster = (struct string_list){cluster, 1};
		for (size_t i = 0; i < n && own[i].slots == NULL; i++) {
			own[i].slots = &setup->slots[i];
			own[i].n_slots = 1;
		}
	}
	struct topology *topology = topology_build(&spec, 1, ++dp->version, &error);
	ck_assert_msg(topology != NULL, "%s", error.text);
	give_ids(dp, topology);
	if (dp->topology == NULL) {
		dp->topology = topology;
		return topology;
	}
	ck_assert_uint_lt(dp->n_later, DATA_PATH_TOPOLOGIES);
	return dp->later[dp->n_later++] = topology;
}

struct topology *data_path_build_moved(struct data_path *dp, char shard, const char *address)
{
	struct shard_spec moved[DATA_PATH_SHARDS];
	size_t n = 0;

	for (size_t i = 0; i < DATA_PATH_SHARDS; i++) {
		bool is_it = shards[i].name[0] == shard;

		if (is_it && address == NULL)
			continue;
		moved[n] = shards[i];
		if (is_it)
			moved[n].primary = (char *)(uintptr_t)address;
		n++;
	}
	return data_path_build(dp, moved, n);
}

/* No era has a node of that id. */
static bool is_new(void *arg, uint16_t id)
{
	const struct engine *engine = arg;

	return id >= engine->n_ids || engine->connsets[id] == NULL;
}

void data_path_adopt(struct data_path *dp, struct topology *topology)
{
	stats_prepare(dp->stats, topology, is_new, &dp->engine);
	engine_adopt(&dp->engine, topology);
	dp->pool = &topology->pools[0];
}

unsigned data_path_eras(const struct data_path *dp)
{
	const struct era *era;
	unsigned n = 0;

	TAILQ_FOREACH (era, &dp->engine.eras, link)
		n++;
	return n;
}

void expect_let_go(const struct topology *topology)
{
	ck_assert_uint_eq(topology_refs(topology), 1);
}

static void on_empty(void *arg)
{
	struct data_path *dp = arg;

	dp->is_empty_told = true;
}

void data_path_begin(struct data_path *dp, struct data_path_setup setup)
{
	log_init(LOG_LEVEL_ERROR, false);
	*dp = (struct data_path){.setup = setup};
	data_path_build(dp, NULL, DATA_PATH_SHARDS);
	dp->stats = stats_new(dp->topology);
	dp->pool = &dp->topology->pools[0];
	dp->writes = setup.read_your_writes_ms > 0 ? writes_new() : NULL;
	dp->scripts = scripts_new();
	dp->marks = herd_marks_new();
	engine_init(&dp->engine, &(struct engine_setup){
					 .topology = dp->topology,
					 .all_stats = &dp->stats,
					 .n_workers = 1,
					 .writes = dp->writes,
					 .scripts = dp->scripts,
					 .marks = dp->marks,
					 .memory = setup.memory != 0 ? setup.memory : 1 << 30,
					 .seed = 42,
				 });
	dp->loop = dp->engine.loop;
	dp->clients.engine = &dp->engine;
	dp->clients.on_empty = on_empty;
	dp->clients.on_empty_arg = dp;
	TAILQ_INIT(&dp->clients.list);
}

void data_path_init(struct data_path *dp, struct data_path_setup setup)
{
	data_path_begin(dp, setup);
	dp->a = data_path_connect(dp, 0);
	dp->b = data_path_connect(dp, 1);
	dp->c = data_path_connect(dp, 2);
}

void data_path_change(struct data_path *dp, struct data_path_setup setup)
{
	dp->setup = setup;
	data_path_adopt(dp, data_path_build(dp, NULL, DATA_PATH_SHARDS));
	fake_settle(dp->loop);
}

/* Bytes of the chunks that the pool itself holds open. */
static uint64_t open_bytes(const struct chunk_pool *pool)
{
	uint64_t bytes = 0;

	if (pool->reading != NULL)
		bytes += pool->reading->cap;
	if (pool->writing != NULL)
		bytes += pool->writing->cap;
	return bytes;
}

void check_engine_is_empty(struct data_path *dp)
{
	const struct engine *engine = &dp->engine;

	ck_assert_uint_eq(engine->requests.used, 0);
	ck_assert_uint_eq(engine->calls.used, 0);
	ck_assert_uint_eq(engine->chunks.segments.used, 0);
	ck_assert_uint_eq(engine->chunks.bytes_out, open_bytes(&engine->chunks));
	for (uint32_t i = 0; i < engine->n_part_of; i++)
		ck_assert_ptr_null(engine->part_of[i]);
	for (uint32_t i = 0; i < engine->n_ids; i++) {
		const struct connset *set = engine->connsets[i];

		if (set == NULL)
			continue;
		ck_assert_uint_eq(stat_get(&dp->stats->endpoints[i]->in_flight), 0);
		for (uint32_t j = 0; j < set->n; j++)
			ck_assert(TAILQ_EMPTY(&set->upstreams[j].fifo));
	}
}

void data_path_fini(struct data_path *dp)
{
	if (dp->close_clients != NULL)
		dp->close_clients(dp);
	fake_settle(dp->loop);
	engine_shut(&dp->engine);
	loop_run_out(dp->loop);
	check_engine_is_empty(dp);
	/* Whatever was begun under the older ones has ended. */
	ck_assert_uint_eq(data_path_eras(dp), 1);
	engine_fini(&dp->engine);
	stats_free(dp->stats);
	writes_free(dp->writes);
	scripts_free(dp->scripts);
	herd_marks_free(dp->marks);
	expect_let_go(dp->topology);
	topology_unref(dp->topology);
	for (size_t i = 0; i < dp->n_later; i++) {
		expect_let_go(dp->later[i]);
		topology_unref(dp->later[i]);
	}
	dp->loop = NULL;
}

void data_path_end(struct data_path *dp)
{
	if (dp->loop == NULL)
		return;
	fake_settle(dp->loop);
	check_engine_is_empty(dp);
	data_path_fini(dp);
}

struct fake_peer *data_path_server(struct data_path *dp, uint16_t shard)
{
	return fake_server(dp->loop, (uint16_t)(DATA_PATH_PORT + shard));
}

static void connect_binary(struct fake_peer *server)
{
	const char noop[MCB_HEADER] = {(char)MCB_REQUEST, MCB_NOOP};
	const char answer[MCB_HEADER] = {(char)MCB_RESPONSE, MCB_NOOP};

	ck_assert_uint_ge(fake_got(server).len, MCB_HEADER);
	ck_assert_mem_eq(fake_got(server).p, noop, MCB_HEADER);
	fake_take(server, MCB_HEADER);
	say_bytes(server, span_make(answer, MCB_HEADER));
}

struct fake_peer *data_path_connect(struct data_path *dp, uint16_t shard)
{
	struct fake_peer *server = data_path_server(dp, shard);
	bool redis = dp->pool->protocol == PROTOCOL_REDIS;

	fake_connect(server, 0);
	fake_settle(dp->loop);
	/* A pool of text nodes has binary connections too, for binary clients. */
	if (fake_got(server).len > 0 && (uint8_t)fake_got(server).p[0] == MCB_REQUEST) {
		connect_binary(server);
		return server;
	}
	if (dp->pool->is_cluster && dp->pool->reads_replicas) {
		expect_first(server, "*1\r\n$8\r\nREADONLY\r\n");
		fake_send(server, span_of("+OK\r\n"));
	}
	expect_first(server, redis ? "*1\r\n$4\r\nPING\r\n" : "version\r\n");
	say(server, redis ? "+PONG\r\n" : "VERSION 1.6.18\r\n");
	return server;
}

struct endpoint_stats *data_path_endpoint(struct data_path *dp, uint16_t shard)
{
	return dp->stats->endpoints[dp->pool->shards[shard].primary->id];
}

uint64_t data_path_count(struct data_path *dp, enum stat_id id)
{
	return stat_get(&dp->stats->counter[id]);
}

void say_bytes(struct fake_peer *peer, struct span bytes)
{
	fake_send(peer, bytes);
	fake_settle(peer->loop);
}

void say(struct fake_peer *peer, const char *text)
{
	say_bytes(peer, span_of(text));
}

/* Bytes as a C string would be written, for a message. */
static const char *shown(struct span bytes, struct text *text)
{
	text_puts(text, "");
	for (size_t i = 0; i < bytes.len && i < 1000; i++) {
		if (bytes.p[i] == '\r' || bytes.p[i] == '\n')
			text_puts(text, bytes.p[i] == '\r' ? "\\r" : "\\n");
		else
			text_printf(text, "%c", bytes.p[i]);
	}
	return text->p;
}

void expect_bytes(struct fake_peer *peer, struct span bytes)
{
	struct span got = fake_got(peer);
	struct text is = {0}, should = {0};

	if (!span_equal(got, bytes))
		ck_abort_msg("got \"%s\" instead of \"%s\"", shown(got, &is),
			     shown(bytes, &should));
	fake_take(peer, got.len);
}

void expect(struct fake_peer *peer, const char *text)
{
	expect_bytes(peer, span_of(text));
}

void expect_first(struct fake_peer *peer, const char *text)
{
	struct span got = fake_got(peer), first = span_of(text);

	if (got.len < first.len || memcmp(got.p, first.p, first.len) != 0)
		expect(peer, text); /* says what is there instead */
	fake_take(peer, first.len);
}

void answer_to(struct fake_peer *node, const char *asked, const char *reply)
{
	expect(node, asked);
	say(node, reply);
}

void hang_up(struct fake_peer *peer, int why)
{
	fake_end(peer, why);
	fake_settle(peer->loop);
}
