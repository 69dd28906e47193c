/*
 * engine.h - what one worker's data path owns, handed down as the first argument.
 *
 * One thread's, all of it. Layer: core. Includes: io/loop, route/topology, proto/parsed, stats.
 */
#ifndef CORE_ENGINE_H
#define CORE_ENGINE_H

#include <stdint.h>
#include <sys/queue.h>

#include "base/chunk.h"
#include "base/digest.h"
#include "base/rng.h"
#include "base/slab.h"
#include "core/stats.h"
#include "io/loop.h"
#include "proto/codec.h"
#include "route/topology.h"

TAILQ_HEAD(era_list, era);

struct connset;
struct replica;
struct replica_probes;
struct writes;
struct herds;
struct hold;
struct herd_marks;
struct scripts;
struct pubsub;

/* What a connection to a server is set to: calls of different kinds cannot share one. */
struct conn_kind {
	uint16_t db;
	uint16_t resp;	 /* RESP's version: 2 or 3; as wide as db, so that there is no padding */
	uint16_t binary; /* memcached's binary protocol is spoken on it */
};

struct engine {
	struct loop *loop;
	struct chunk_pool chunks;
	struct slab requests;	   /* struct request */
	struct slab calls;	   /* struct call: the parts of split requests */
	struct era *era;	   /* the newest */
	struct era_list eras;	   /* all that are in use, the oldest first */
	struct topology *topology; /* the newest era's */
	struct digest *digest;
	struct rng rng;
	struct stats *stats;		/* this worker's */
	struct stats *const *all_stats; /* every worker's, to read; n_workers of them */
	uint16_t worker, n_workers;
	struct connset **connsets;     /* by endpoint id; NULL: no era has it */
	struct scripts *scripts;       /* of all workers; NULL: none are remembered */
	struct pubsub *pubsub;	       /* plan/pubsub.c; NULL: nobody has subscribed yet */
	struct replica **replicas;     /* by endpoint id: may it be read? */
	uint32_t n_ids;		       /* room for connsets and replicas */
	struct replica_probes *probes; /* a list */
	struct writes *writes;	       /* of all workers' clients; NULL: none are remembered */
	struct herd_marks *marks;      /* of all workers; NULL: nothing is coalesced */
	struct herds *herds;	       /* NULL: no pool coalesces */
	struct hold *hold;	       /* NULL: nothing has waited for a primary yet */
	uint64_t started_us;

	/* Scratch, valid until the next command is parsed; grown, never shrunk. */
	struct arg_list args, keys;
	uint32_t *key_order; /* key numbers, those of one part side by side */
	uint32_t key_order_cap;
	struct call **
		part_of; /* by shard, or slot of a cluster, for the command being split; cleared after */
	uint32_t n_part_of;

	/* The node of this id refused a connection or a write: somebody should find out why. NULL:
	 * nobody is told. */
	void (*suspect)(void *arg, uint16_t endpoint_id);
	void *suspect_arg;
	bool has_pauses; /* some pool of the newest topology is paused */
	bool is_shut;	 /* what fails from now on is not tried again */

	/* Called when chunks reach their limit: the owner of the clients closes the slowest. */
	void (*relieve)(void *arg);
	void *relieve_arg;
};

/* What an engine is made from; borrowed for its life. */
struct engine_setup {
	struct topology *topology; /* it takes a reference */
	struct stats *const *all_stats;
	uint16_t worker, n_workers;
	uint64_t memory;	  /* bytes of chunks */
	struct writes *writes;	  /* shared by all workers, or NULL */
	struct scripts *scripts;  /* shared by all workers, or NULL */
	struct herd_marks *marks; /* shared by all workers; NULL: nothing is coalesced */
	uint64_t seed;
};

/* Make an engine with its loop and begin to connect to every endpoint. Aborts on no memory. */
void engine_init(struct engine *engine, const struct engine_setup *setup);

/* Go over to another topology, of which a reference is taken: see era.h. What was begun ends where it
 * is. Between turns only. */
void engine_adopt(struct engine *engine, struct topology *topology);

/* Close every connection to a server, failing what is under way; then the loop may be run out. */
void engine_shut(struct engine *engine);

/* Free the rest, once the loop has ended. */
void engine_fini(struct engine *engine);

/* Have it found out what is the matter with a node. */
static inline void engine_suspect(const struct engine *engine, const struct endpoint *endpoint)
{
	if (engine->suspect != NULL && !engine->is_shut)
		engine->suspect(engine->suspect_arg, endpoint->id);
}

static inline const struct codec *engine_codec(const struct pool *pool)
{
	return pool->protocol == PROTOCOL_REDIS ? &codec_redis : &codec_memcached;
}

/* The kind of connection that most requests of a pool take. */
static inline struct conn_kind engine_usual_kind(const struct pool *pool)
{
	return (struct conn_kind){.resp = 2,
				  .binary = pool->settings.node_protocol == NODE_PROTOCOL_BINARY};
}

#endif
