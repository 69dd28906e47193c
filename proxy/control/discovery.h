/*
 * discovery.h - finds a pool's shards at a source, and goes on looking: one source a pool.
 *
 * A source tells on_found only of lists that are whole and not empty, and only when they differ from the
 * last. What it cannot reach or understand it logs, keeps for discovery_trouble(), and asks again
 * later: the pool keeps what it has. The control thread's. Layer: control. Includes: found,
 * base/error, io/loop, route/spec.
 */
#ifndef CONTROL_DISCOVERY_H
#define CONTROL_DISCOVERY_H

#include "base/error.h"
#include "control/found.h"
#include "io/loop.h"
#include "route/spec.h"

struct discovery;
struct resolver; /* io/resolver.h */

/* Borrowed for the discovery's life, but for `pool` and `before`, of which a copy is made of what is
 * needed. */
struct discovery_setup {
	struct loop *loop;	   /* with a chunk pool: it has streams */
	struct resolver *resolver; /* NULL: the sources that need none ask the system for names */
	uint32_t min_ttl_ms, max_ttl_ms; /* of answers of DNS; 0: 1 s and 5 minutes */
	/* Its `discover`, `protocol`, `name`, `credentials` and timeouts. */
	const struct pool_spec *pool;
	/* One that asks the same source in another way, in whose place the new one comes: what it has
	 * found counts, as it is in use. NULL: there is none. */
	const struct discovery *before;
	/* May refresh the discovery, and may not free it. */
	void (*on_found)(void *arg, const struct found *found);
	void *arg;
};

/* Begin to look. The source is the one that pool->discover names. Never NULL. */
NODISCARD struct discovery *discovery_new(const struct discovery_setup *setup);

/* Look again now, whatever the time: an operator asks, or a node did not answer as its role says. */
void discovery_refresh(struct discovery *discovery);

/* Why the last look came to nothing, or NULL if it was well. */
const char *discovery_trouble(const struct discovery *discovery);

void discovery_free(struct discovery *discovery); /* NULL is fine */

/* ---- for the sources */

/* One kind of source: a row of discovery.c's table. */
struct discovery_ops {
	const char *name; /* as in `discover:` */
	struct discovery *(*new)(const struct discovery_setup *setup);
	void (*refresh)(struct discovery *discovery);
	void (*free)(struct discovery *discovery);
};

extern const struct discovery_ops discovery_elasticache_ops, discovery_dns_ops, discovery_srv_ops,
	discovery_sentinel_ops, discovery_cluster_ops;

/* What each source's own struct begins with; the rest of it is private to discovery.c. */
struct discovery {
	const struct discovery_ops *ops;
	struct loop *loop;
	struct resolver *resolver;
	char *pool; /* its name, for the log */
	void (*on_found)(void *arg, const struct found *found);
	void *arg;
	struct found last;    /* what on_found was told; its version is the newest of the same */
	struct error trouble; /* of the last look */
	uint64_t told_us;     /* when the log had one last */
};

/* The beginning and the end of a source's struct; _fini does not free it. */
void discovery_init(struct discovery *discovery, const struct discovery_ops *ops,
		    const struct discovery_setup *setup);
void discovery_fini(struct discovery *discovery);

/* A look came to this list, the caller's, which is not empty: on_found is told if it differs from the
 * last. The same, and all is well: ends any trouble. */
void discovery_offer(struct discovery *discovery, const struct found *found);
void discovery_tell(struct discovery *discovery, const struct found *found);

/* A look came to nothing: keep why, and log it where it is new. */
void discovery_fail(struct discovery *discovery, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
