/*
 * The configuration endpoint is asked every `every`, and at a refresh. Where it gives no answer, some of
 * the known nodes are asked instead, a few at a look, others the next time: each of them knows the same. An
 * engine too old for 'config get' has the same under a key.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "control/discovery.h"
#include "control/elasticache_reply.h"
#include "control/probe.h"

#define EVERY_MS       60000
#define RETRY_FIRST_MS 1000 /* after a look that came to nothing; doubled up to `every` */
#define NODES_ASKED    3    /* at a look, when the endpoint gives no answer */

#define NEW_QUESTION "config get cluster\r\n"
#define OLD_QUESTION "get AmazonElastiCache:cluster\r\n"

struct elasticache {
	struct discovery base;
	struct probe_setup node; /* how to ask one: all but its address */
	char *endpoint, *user, *password;
	uint32_t every_ms, request_ms, retry_ms;
	struct timer *timer;
	struct probe *probe; /* of the node that is being asked; NULL: none is */
	bool is_old;	     /* the node that is asked does not know the new question */
	uint32_t asked;	     /* nodes, at this look */
	uint32_t turn;	     /* which known node is asked next */
	bool is_wanted;	     /* a refresh came while a look was under way */
	struct error why;    /* of this look: why the endpoint gave no answer */
};

static struct elasticache *of(struct discovery *discovery)
{
	return container_of(discovery, struct elasticache, base);
}

static void on_answer(void *arg, const struct probe_answer *answer);

static void end_look(struct elasticache *source, uint32_t next_ms)
{
	probe_free(source->probe);
	source->probe = NULL;
	timer_start(source->timer, source->is_wanted ? 0 : next_ms);
	source->is_wanted = false;
}

static void ask(struct elasticache *source, const char *address)
{
	struct probe_setup setup = source->node;
	struct error error;

	probe_free(source->probe);
	source->is_old = false;
	/* Both the settings and what was found before have been read already. */
	if (address_parse(address, 0, &setup.address, &error) != 0)
		abort();
	source->probe = probe_new(source->base.loop, &setup);
	probe_ask(source->probe, span_of(NEW_QUESTION), source->request_ms, on_answer, source);
}

/* This one gave no answer, for the reason that the first one had: ask the next. */
static void ask_next(struct elasticache *source)
{
	const struct found *known = &source->base.last;

	if (source->asked < NODES_ASKED && source->asked < known->n) {
		source->asked++;
		ask(source, known->shards[source->turn++ % known->n].primary);
		return;
	}
	discovery_fail(&source->base, "%s", source->why.text);
	end_look(source, source->retry_ms);
	source->retry_ms *= 2;
	if (source->retry_ms > source->every_ms)
		source->retry_ms = source->every_ms;
}

static void take_list(struct elasticache *source, struct found *found)
{
	source->retry_ms = source->every_ms < RETRY_FIRST_MS ? source->every_ms : RETRY_FIRST_MS;
	end_look(source, source->every_ms);
	discovery_tell(&source->base, found);
}

/* A list from a node that was away for a while, or from a forger: what was true once is not news. */
static int refuse_older(const struct elasticache *source, const struct found *found,
			struct error *error)
{
	if (found->version >= source->base.last.version)
		return 0;
	return error_set(error, "version %llu of the nodes is told, which is older than %llu",
			 (unsigned long long)found->version,
			 (unsigned long long)source->base.last.version);
}

static void on_answer(void *arg, const struct probe_answer *answer)
{
	struct elasticache *source = arg;
	struct found found = {0};
	struct error error = {0};

	if (answer->result == PROBE_ERROR && answer->reply.len > 0 && !source->is_old) {
		source->is_old = true;
		probe_ask(source->probe, span_of(OLD_QUESTION), source->request_ms, on_answer,
			  source);
		return;
	}
	if (answer->result != PROBE_REPLY)
		error_set(&error, "%s", answer->why);
	else if (elasticache_read(answer->reply, &found, &error) == 0 &&
		 refuse_older(source, &found, &error) == 0)
		take_list(source, &found);
	if (error.text[0] != '\0') {
		if (source->why.text[0] == '\0')
			source->why = error;
		ask_next(source);
	}
	found_fini(&found);
}

static void look(void *arg)
{
	struct elasticache *source = arg;

	source->asked = 0;
	source->why.text[0] = '\0';
	ask(source, source->endpoint);
}

static void refresh(struct discovery *discovery)
{
	struct elasticache *source = of(discovery);

	/* What is being asked for may have been read before whatever is the reason for this. */
	source->is_wanted = source->probe != NULL;
	if (source->probe == NULL)
		look(source);
}

static char *copy_of(const char *text)
{
	return text != NULL ? alloc_string(text) : NULL;
}

static struct discovery *new (const struct discovery_setup *setup)
{
	struct elasticache *source = alloc_zeroed(1, sizeof(*source));
	const struct pool_spec *pool = setup->pool;

	discovery_init(&source->base, &discovery_elasticache_ops, setup);
	source->endpoint = alloc_string(pool->discover.elasticache);
	source->user = copy_of(pool->credentials.name);
	source->password = copy_of(pool->credentials.password.text);
	source->node = (struct probe_setup){
		.resolver = setup->resolver,
		.protocol = PROTOCOL_MEMCACHED,
		.user = source->user,
		.password = source->password,
		.connect_ms = pool->settings.connect_ms,
	};
	source->request_ms = pool->settings.request_ms;
	source->every_ms = pool->discover.every_ms > 0 ? pool->discover.every_ms : EVERY_MS;
	source->retry_ms = source->every_ms < RETRY_FIRST_MS ? source->every_ms : RETRY_FIRST_MS;
	source->timer = timer_new(setup->loop, look, source);
	timer_start(source->timer, 0);
	return &source->base;
}

static void free_source(struct discovery *discovery)
{
	struct elasticache *source = of(discovery);

	probe_free(source->probe);
	timer_free(source->timer);
	discovery_fini(discovery);
	free(source->endpoint);
	free(source->user);
	free(source->password);
	free(source);
}

const struct discovery_ops discovery_elasticache_ops = {
	.name = "elasticache",
	.new = new,
	.refresh = refresh,
	.free = free_source,
};
