#include "control/outages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/text.h"
#include "control/probe.h"
#include "proto/mc_binary.h"

#define FLUSH_AGAIN_MS 1000    /* after a flush that failed */
#define TICK_US	       1000000 /* nodes count expiry times in ticks of a second */
#define US_A_MS	       1000

enum outage_state { STATE_USED, STATE_DOWN, STATE_FLUSHING };

/* A shard that is down, or was. */
struct entry {
	UT_hash_handle hh; /* by key */
	char *key;
	struct outages *outages;
	const struct endpoint *endpoint; /* its primary, in the topology that is followed */
	char address[ADDRESS_TEXT_MAX];
	enum outage_state state;
	bool is_damped;
	bool is_seen;	     /* in the topology that is followed */
	uint64_t down_us;    /* of the loop's clock: when its node went down */
	uint64_t back_us;    /* when its keys last came back from elsewhere; 0: never */
	struct probe *probe; /* while FLUSHING */
	struct timer *timer; /* DOWN: the end of damping; FLUSHING: for another attempt */
};

struct outages {
	struct outages_setup setup;
	struct entry *entries;
	struct text key; /* that is looked for */
};

struct outages *outages_new(const struct outages_setup *setup)
{
	struct outages *outages = alloc_zeroed(1, sizeof(*outages));

	outages->setup = *setup;
	return outages;
}

static void count(const struct outages *outages, enum stat_id id)
{
	if (outages->setup.stats != NULL)
		stat_add(&outages->setup.stats->counter[id], 1);
}

static uint64_t now_us(const struct entry *entry)
{
	return loop_now_us(entry->outages->setup.loop);
}

static const struct failover_settings *failover_of(const struct entry *entry)
{
	return &entry->endpoint->pool->settings.failover;
}

static void changed(struct entry *entry)
{
	entry->outages->setup.on_change(entry->outages->setup.arg);
}

/* ------------------------------------------------------------------ the return */

static void end_flush(struct entry *entry)
{
	probe_free(entry->probe);
	entry->probe = NULL;
	timer_stop(entry->timer);
}

static void use(struct entry *entry)
{
	static struct log_site site;
	const struct endpoint *endpoint = entry->endpoint;
	bool is_flushed = entry->state == STATE_FLUSHING;

	log_limited(&site, LOG_LEVEL_INFO, "pool %s: shard %s: %s returns after %.1f s down: %s",
		    endpoint->pool->name, endpoint->shard->name, endpoint->text,
		    (double)(now_us(entry) - entry->down_us) / 1e6,
		    is_flushed ? "flushed" : "kept (it may hold stale values)");
	end_flush(entry);
	entry->state = STATE_USED;
	if (!entry->is_damped)
		entry->back_us = now_us(entry);
	entry->is_damped = false;
	count(entry->outages, STAT_RETURNS);
}

static void on_flushed(void *arg, const struct probe_answer *answer)
{
	static struct log_site site;
	struct entry *entry = arg;
	const struct endpoint *endpoint = entry->endpoint;

	if (answer->result == PROBE_REPLY) {
		use(entry);
		changed(entry);
		return;
	}
	log_limited(&site, LOG_LEVEL_WARN,
		    "pool %s: shard %s: flush_all failed, it is not used yet: %s",
		    endpoint->pool->name, endpoint->shard->name, answer->why);
	timer_start(entry->timer, FLUSH_AGAIN_MS);
}

static void ask_to_flush(struct entry *entry)
{
	static const struct mcb_header header = {.magic = MCB_REQUEST, .opcode = MCB_FLUSH};
	uint32_t timeout_ms = entry->endpoint->pool->settings.health_timeout_ms;
	bool is_binary = entry->endpoint->pool->settings.node_protocol == NODE_PROTOCOL_BINARY;
	char packet[MCB_HEADER];

	mcb_header_write(packet, &header);
	probe_ask(entry->probe,
		  is_binary ? span_make(packet, sizeof(packet)) : span_of("flush_all\r\n"),
		  timeout_ms, on_flushed, entry);
}

static void begin_flush(struct entry *entry)
{
	const struct endpoint *endpoint = entry->endpoint;
	struct probe_setup setup = {
		.address = endpoint->address,
		.shown = endpoint->text,
		.protocol = PROTOCOL_MEMCACHED,
		.is_binary = endpoint->pool->settings.node_protocol == NODE_PROTOCOL_BINARY,
		.user = endpoint->pool->node_user,
		.password = endpoint->pool->node_password,
		.connect_ms = endpoint->pool->settings.health_timeout_ms,
	};

	snprintf(setup.address.host, sizeof(setup.address.host), "%s", endpoint_host(endpoint, 0));
	end_flush(entry);
	entry->state = STATE_FLUSHING;
	entry->probe = probe_new(entry->outages->setup.loop, &setup);
	ask_to_flush(entry);
}

/* ------------------------------------------------------------------ the fall */

/* Until what was stored elsewhere before its last return has expired; 0: it has, or may be read. */
static uint64_t damped_until_us(const struct entry *entry)
{
	const struct failover_settings *failover = failover_of(entry);
	uint64_t ttl_s = failover_ttl_s(failover);

	if (failover->on_return != ON_RETURN_FLUSH || ttl_s == 0 || entry->back_us == 0)
		return 0;
	return entry->back_us + ttl_s * 1000000 + TICK_US;
}

static void damp(struct entry *entry)
{
	static struct log_site site;
	const struct endpoint *endpoint = entry->endpoint;
	uint64_t until = damped_until_us(entry), now = now_us(entry);

	entry->is_damped = until > now;
	if (!entry->is_damped)
		return;
	timer_start(entry->timer, (until - now) / US_A_MS + 1);
	log_limited(
		&site, LOG_LEVEL_WARN,
		"pool %s: shard %s: it is down again so soon that its keys go nowhere for %.1f s: "
		"they would be old",
		endpoint->pool->name, endpoint->shard->name, (double)(until - now) / 1e6);
}

static void leave(struct entry *entry)
{
	if (failover_of(entry)->mode != FAILOVER_KEEP)
		count(entry->outages, STAT_EJECTIONS);
}

/* One that falls while it is flushed has been down all the time. */
static void fall(struct entry *entry, const struct health_of *of)
{
	bool was_used = entry->state == STATE_USED;

	if (was_used)
		entry->down_us = of->since_us;
	end_flush(entry);
	entry->state = STATE_DOWN;
	if (!was_used && !entry->is_damped)
		return;
	damp(entry);
	if (!entry->is_damped)
		leave(entry);
}

static void end_damping(struct entry *entry)
{
	entry->is_damped = false;
	leave(entry);
	changed(entry);
}

/* What was stored elsewhere has expired, or another attempt to flush is due. */
static void on_timer(void *arg)
{
	struct entry *entry = arg;

	if (entry->is_damped && damped_until_us(entry) <= now_us(entry))
		end_damping(entry);
	if (entry->state == STATE_FLUSHING)
		begin_flush(entry);
	else if (entry->is_damped)
		damp(entry);
}

/* ------------------------------------------------------------------ which there are */

static void write_key(struct text *key, const char *pool, const char *shard)
{
	text_reset(key);
	text_printf(key, "%s\n%s", pool, shard);
}

static struct entry *find(const struct outages *outages, const char *key)
{
	struct entry *entry;

	HASH_FIND_STR(outages->entries, key, entry);
	return entry;
}

static void forget(struct entry *entry)
{
	HASH_DEL(entry->outages->entries, entry);
	end_flush(entry);
	timer_free(entry->timer);
	free(entry->key);
	free(entry);
}

static struct entry *add(struct outages *outages, const char *key, const struct endpoint *endpoint)
{
	struct entry *entry = alloc_zeroed(1, sizeof(*entry));

	entry->outages = outages;
	entry->key = alloc_string(key);
	memcpy(entry->address, endpoint->text, sizeof(entry->address));
	entry->timer = timer_new(outages->setup.loop, on_timer, entry);
	HASH_ADD_KEYPTR(hh, outages->entries, entry->key, strlen(entry->key), entry);
	return entry;
}

/* One whose address is another now has nothing to do with what was. */
static struct entry *entry_of(struct outages *outages, const struct endpoint *endpoint)
{
	write_key(&outages->key, endpoint->pool->name, endpoint->shard->name);
	struct entry *entry = find(outages, outages->key.p);

	if (entry != NULL && strcmp(entry->address, endpoint->text) != 0) {
		forget(entry);
		entry = NULL;
	}
	return entry;
}

static bool follow(struct outages *outages, const struct endpoint *endpoint,
		   const struct health_of *of)
{
	struct entry *entry = entry_of(outages, endpoint);

	if (entry == NULL && (of == NULL || of->state != HEALTH_DOWN))
		return false;
	if (entry == NULL)
		entry = add(outages, outages->key.p, endpoint);
	entry->is_seen = true;
	entry->endpoint = endpoint;
	if (of != NULL && of->state == HEALTH_DOWN && entry->state != STATE_DOWN) {
		fall(entry, of);
		return true;
	}
	if (of == NULL || of->state != HEALTH_UP || entry->state != STATE_DOWN)
		return false;
	if (failover_of(entry)->on_return == ON_RETURN_FLUSH) {
		begin_flush(entry);
		return false;
	}
	use(entry);
	return true;
}

static bool forget_unseen(struct outages *outages)
{
	struct entry *entry, *next;
	bool any = false;

	HASH_ITER(hh, outages->entries, entry, next)
	{
		if (entry->is_seen)
			continue;
		any = true;
		forget(entry);
	}
	return any;
}

bool outages_follow(struct outages *outages, const struct topology *topology,
		    const struct health *health)
{
	struct entry *entry, *next;
	bool any = false;

	HASH_ITER(hh, outages->entries, entry, next)
	entry->is_seen = false;
	for (uint16_t i = 0; i < topology->n_pools; i++) {
		const struct pool *pool = &topology->pools[i];

		for (uint16_t j = 0; j < pool->n_shards && pool->protocol == PROTOCOL_MEMCACHED;
		     j++) {
			const struct endpoint *primary = pool->shards[j].primary;

			any |= follow(outages, primary, health_get(health, primary->id));
		}
	}
	return forget_unseen(outages) || any;
}

enum outage outages_of(const struct outages *outages, const char *pool, const char *shard,
		       const char *address)
{
	struct text key = {0};

	if (outages->entries == NULL)
		return OUTAGE_NONE;
	write_key(&key, pool, shard);
	const struct entry *entry = find(outages, key.p);
	text_free(&key);
	if (entry == NULL || entry->state == STATE_USED || strcmp(entry->address, address) != 0)
		return OUTAGE_NONE;
	return entry->is_damped ? OUTAGE_DAMPED : OUTAGE_DOWN;
}

void outages_free(struct outages *outages)
{
	struct entry *entry, *next;

	if (outages == NULL)
		return;
	HASH_ITER(hh, outages->entries, entry, next)
	forget(entry);
	text_free(&outages->key);
	free(outages);
}
