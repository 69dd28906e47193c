/*
 * data_path.h - common set-up of the data path's tests: an engine on the fake io, three shards.
 *
 *      test's clients <-> client ... request ... call ... upstream <-> test's servers
 *
 * Shards a, b and c are at a:7000, b:7001 and c:7002. Of the one-letter keys a, d, h, i, l are on
 * shard a, b, f, g, k, m on b, and c, e, j, o on c.
 * data_path.c needs core alone, data_path_request.c plan, data_path_client.c serve; a test of a
 * lower layer leaves the upper ones alone. Includes: fake_io, core/engine, serve/client.
 */
#ifndef TEST_DATA_PATH_H
#define TEST_DATA_PATH_H

#include "core/engine.h"
#include "fake_io.h"
#include "serve/client.h"

#define DATA_PATH_SHARDS     3
#define DATA_PATH_SHARDS_MAX 5
#define DATA_PATH_PORT	     7000 /* of the first shard */
#define REPLICA_PORT	     7100 /* of its first replica */
#define GUTTER_PORT	     7200 /* of the first gutter node */
#define DATA_PATH_TOPOLOGIES 8	  /* that one test may go over to */
#define DATA_PATH_NODES	     16

/* What the pool of a test has otherwise than usual; zero: as usual. */
struct data_path_setup {
	enum pool_protocol protocol;
	uint32_t request_ms;  /* 1000 */
	uint32_t in_flight;   /* 4096 */
	uint32_t connections; /* 1 */
	uint32_t idle_ms;     /* off */
	uint32_t request;     /* 64 MiB */
	uint64_t output;      /* 64 MiB */
	uint64_t memory;      /* 1 GiB */
	bool no_retries;      /* else 1 */
	bool fail_multiget;   /* else partial */
	bool miss_when_down;  /* else an error */
	uint32_t leases;      /* 1000 */
	uint32_t replicas;    /* of shard a: as many of r:7100 and r:7101 */
	enum reads reads;
	uint64_t max_lag_bytes;
	uint32_t read_your_writes_ms;
	struct user_spec credentials; /* towards the servers */
	struct user_spec *users;      /* n_users of them */
	size_t n_users;
	struct ttl_rule ttl;
	struct prefix_spec *prefixes;
	size_t n_prefixes;
	bool coalesce;
	enum node_protocol node_protocol;
	uint32_t hold_ms;	/* off */
	uint32_t hold_requests; /* 1000 */
	bool is_cluster;	/* of Redis Cluster: each shard has the slots that slots[] says */
	struct slot_range slots[DATA_PATH_SHARDS_MAX];
	struct failover_settings failover; /* with the mode gutter, of g:7200 and g:7201 */
	uint32_t down;			   /* bit i: shard i is */
};

struct data_path {
	struct data_path_setup setup;
	struct topology *topology;		      /* the first */
	struct topology *later[DATA_PATH_TOPOLOGIES]; /* those gone over to since */
	size_t n_later;
	const char *nodes[DATA_PATH_NODES]; /* addresses, each at the place of its id */
	uint16_t n_nodes;
	uint64_t version;
	struct stats *stats;
	struct writes *writes;
	struct scripts *scripts;
	struct herd_marks *marks;
	struct engine engine;
	struct loop *loop;
	const struct pool *pool;
	struct fake_peer *a, *b, *c; /* the servers, as data_path_init() connected them */
	struct fake_peer *client;    /* data_path_serve()'s */
	struct clients clients;
	struct census *census; /* that goes round */
	struct deferred passing;
	int next_fd;
	bool is_empty_told;			     /* clients.on_empty has come */
	void (*close_clients)(struct data_path *dp); /* NULL: there are none */
};

/* ---- data_path.c: the engine and its servers */

/* Make it; the connections to the servers wait for fake_connect(). */
void data_path_begin(struct data_path *dp, struct data_path_setup setup);

/* The same, with every connection made and its first question answered. */
void data_path_init(struct data_path *dp, struct data_path_setup setup);

/* Go on with another topology, in which the setup is this. */
void data_path_change(struct data_path *dp, struct data_path_setup setup);

/* Close everything, check that it leaves nothing in memory, and free all. */
void data_path_fini(struct data_path *dp);

/*
 * The same for a test at whose end nothing is under way, which is checked before. For a fixture, too:
 * nothing, where the test has never begun or has had its end by data_path_fini().
 */
void data_path_end(struct data_path *dp);

/* No request, call, segment or chunk is in use, but for the chunks that the pool keeps open. */
void check_engine_is_empty(struct data_path *dp);

/* The newest connection to the server of a shard. */
struct fake_peer *data_path_server(struct data_path *dp, uint16_t shard);

/* Let a server's newest connection stand, and answer its first question: that connection. */
struct fake_peer *data_path_connect(struct data_path *dp, uint16_t shard);

/* The counters of a shard's endpoint. */
struct endpoint_stats *data_path_endpoint(struct data_path *dp, uint16_t shard);

/* How often the worker's counter `id` has counted. */
uint64_t data_path_count(struct data_path *dp, enum stat_id id);

/* Send text and let everything come to rest. */
void say(struct fake_peer *peer, const char *text);
void say_bytes(struct fake_peer *peer, struct span bytes);

/* The peer got exactly this since the last look, which takes it. */
void expect(struct fake_peer *peer, const char *text);
void expect_bytes(struct fake_peer *peer, struct span bytes);

/* What it got begins with this, which is taken; the rest stays. */
void expect_first(struct fake_peer *peer, const char *text);

/* A node got exactly this, and says something to it. */
void answer_to(struct fake_peer *node, const char *asked, const char *reply);

/* Have a peer end its connection, with STREAM_EOF or a negative errno, and let all come to rest. */
void hang_up(struct fake_peer *peer, int why);

/*
 * Another topology of the same pool, with these shards; NULL: with those of the first, of which there are
 * n. A node has the same id in all of them. It is dp's, and may be changed until it is adopted.
 */
struct topology *data_path_build(struct data_path *dp, const struct shard_spec *shards, size_t n);

/* The same with the first's shards, of which this one is elsewhere, or with NULL is not there. */
struct topology *data_path_build_moved(struct data_path *dp, char shard, const char *address);

/* Have the engine go over to it; dp->topology stays the first, dp->pool becomes its pool. */
void data_path_adopt(struct data_path *dp, struct topology *topology);

/* How many topologies are in use at once. */
unsigned data_path_eras(const struct data_path *dp);

/* Nobody but the test refers to it any more. */
void expect_let_go(const struct topology *topology);

/* ---- data_path_request.c: requests without clients */

/*
 * A request of a command's words, started by the plan that its row names: "mget a b" as an array
 * or, for memcached, "set a 0 0 1\r\nx" as it is. The test owns it.
 */
struct request *data_path_ask(struct data_path *dp, const char *words);

/* It is finished with exactly this reply; it is freed. Or not finished yet. */
void expect_reply(struct request *request, const char *text);
void expect_waiting(const struct request *request);

/* The words of a RESP command as an array, in a buffer that the next call overwrites. */
const char *array_of(const char *words);

/* say(), expect() and answer_to() of such an array. */
void say_words(struct fake_peer *peer, const char *words);
void expect_words(struct fake_peer *peer, const char *words);
void answer_words(struct fake_peer *node, const char *words, const char *reply);

/* ---- data_path_client.c: clients */

/* data_path_init(), and a first client. */
void data_path_serve(struct data_path *dp, struct data_path_setup setup);
void data_path_serve_memcached(struct data_path *dp);
void data_path_serve_redis(struct data_path *dp);
void data_path_serve_binary(struct data_path *dp); /* memcached whose nodes speak binary alone */

/* data_path_adopt(), and all clients and subscriptions go over to it too, as in a worker. */
void data_path_move(struct data_path *dp, struct topology *topology);

/* The same to a topology that has another pool in place of this one. */
void data_path_lose_pool(struct data_path *dp);

/* answer_to() and answer_words(), and the first client gets this reply and nothing else. */
void data_path_pass(struct data_path *dp, struct fake_peer *node, const char *asked,
		    const char *reply);
void data_path_pass_words(struct data_path *dp, struct fake_peer *node, const char *words,
			  const char *reply);

/* A new client of the pool. */
struct fake_peer *data_path_client(struct data_path *dp);

#endif
