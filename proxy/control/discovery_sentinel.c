/*
 * Each Sentinel is asked by itself, every `every`, for the address of each primary and for its replicas, and
 * on a connection of its own tells of switches, at which all are asked at once. After each
 * Sentinel's answers the votes are counted anew (sentinel_vote.h has the rule); one that stalls keeps nobody
 * waiting.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "control/discovery.h"
#include "control/probe.h"
#include "control/sentinel_board.h"
#include "control/sentinel_reply.h"

#define EVERY_MS 1000
#define SOON_MS	 5 /* from a reason to ask until it is done: several come together */

#define SUBSCRIBE     "*2\r\n$9\r\nSUBSCRIBE\r\n$14\r\n+switch-master\r\n"
#define NO_SUCH_NAME  "-ERR No such master"
#define QUESTIONS_MAX (64 + 2 * DIST_LABEL_MAX) /* bytes of one */

struct source;

/* What one Sentinel is asked about one primary. */
struct topic {
	struct sentinel *sentinel;
	size_t master;
	struct sentinel_view coming; /* of the look that is under way: counts once that is over */
};

struct sentinel {
	struct source *source;
	const char *address; /* of source->addresses */
	size_t index;
	struct probe *probe; /* to ask */
	struct probe *watch; /* to be told of switches */
	struct timer *timer;
	struct topic *topics;
	size_t pending;	     /* answers, of the look that is under way */
	bool is_due;	     /* another look is wanted after this one, or soon */
	bool is_subscribing; /* an answer to SUBSCRIBE is awaited */
	bool is_old;	     /* it calls replicas slaves */
	bool is_heard;
	char why[256]; /* it did not answer; "" if it did */
};

struct source {
	struct discovery base;
	struct string_list addresses; /* of the Sentinels */
	struct sentinel *sentinels;
	size_t n;	/* of those two */
	size_t n_heard; /* Sentinels that have answered, or failed to, at least once */
	struct sentinel_board board;
	char *user, *password;
	uint32_t every_ms, request_ms;
};

static struct source *of(struct discovery *discovery)
{
	return container_of(discovery, struct source, base);
}

/* ------------------------------------------------------------------ judging */

/* Why the first Sentinel that does not answer does not; "" if all do. */
static const char *silence(const struct source *source)
{
	for (size_t i = 0; i < source->n; i++)
		if (source->sentinels[i].why[0] != '\0')
			return source->sentinels[i].why;
	return "";
}

/* What most say now. A pool begins once it has one primary; the names of the others have their
 * place on the ring from the start. */
static void judge(struct source *source)
{
	struct error trouble;
	struct found found = {0};
	const char *why = silence(source);
	bool has_primary =
		sentinel_board_count(&source->board, &source->base.last, &found, &trouble);

	/* At start it is no trouble that most have not answered yet. */
	if (trouble.text[0] != '\0' && source->n_heard == source->n)
		discovery_fail(&source->base, "%s%s%s", trouble.text, why[0] != '\0' ? "; " : "",
			       why);
	if (trouble.text[0] == '\0')
		discovery_tell(&source->base, &found);
	else if (has_primary)
		discovery_offer(&source->base, &found);
	found_fini(&found);
}

/* ------------------------------------------------------------------ asking */

static void note_failure(struct sentinel *sentinel, const struct probe_answer *answer)
{
	if (answer->result != PROBE_REPLY)
		snprintf(sentinel->why, sizeof(sentinel->why), "%s", answer->why);
	else
		snprintf(sentinel->why, sizeof(sentinel->why), "%s answers as no Sentinel does",
			 sentinel->address);
}

/* One more answer came. The last one ends the look at this Sentinel. */
static void end_answer(struct sentinel *sentinel)
{
	struct source *source = sentinel->source;

	if (--sentinel->pending > 0)
		return;
	for (size_t i = 0; i < source->board.n_masters; i++)
		sentinel_board_take(&source->board, i, sentinel->index,
				    &sentinel->topics[i].coming);
	source->n_heard += !sentinel->is_heard;
	sentinel->is_heard = true;
	timer_start(sentinel->timer, sentinel->is_due ? SOON_MS : source->every_ms);
	judge(source);
}

static void on_address(void *arg, const struct probe_answer *answer)
{
	struct topic *topic = arg;
	struct sentinel *sentinel = topic->sentinel;
	struct sentinel_view *view = &topic->coming;

	view->is_valid = answer->result == PROBE_REPLY &&
			 sentinel_read_address(answer->reply, view->address);
	if (!view->is_valid)
		note_failure(sentinel, answer);
	end_answer(sentinel);
}

static void ask_replicas(struct topic *topic);

static void on_replicas(void *arg, const struct probe_answer *answer)
{
	struct topic *topic = arg;
	struct sentinel *sentinel = topic->sentinel;
	struct sentinel_view *view = &topic->coming;
	bool is_refused = answer->result == PROBE_ERROR && answer->reply.len > 0;

	if (is_refused && !sentinel->is_old &&
	    !span_starts_with(answer->reply, span_of(NO_SUCH_NAME))) {
		sentinel->is_old = true;
		ask_replicas(topic);
		return;
	}
	found_list_free(&view->replicas);
	if (answer->result == PROBE_REPLY &&
	    !sentinel_read_replicas(answer->reply, &view->replicas))
		note_failure(sentinel, answer);
	end_answer(sentinel);
}

/* SENTINEL, what to ask, and the name of the primary. */
static void ask(struct topic *topic, const char *word,
		void (*fn)(void *arg, const struct probe_answer *answer))
{
	const struct source *source = topic->sentinel->source;
	const char *name = source->board.masters[topic->master].name;
	char question[QUESTIONS_MAX];
	int n = snprintf(question, sizeof(question),
			 "*3\r\n$8\r\nSENTINEL\r\n$%zu\r\n%s\r\n$%zu\r\n%s\r\n", strlen(word), word,
			 strlen(name), name);

	probe_ask(topic->sentinel->probe, span_make(question, (size_t)n), source->request_ms, fn,
		  topic);
}

static void ask_replicas(struct topic *topic)
{
	ask(topic, topic->sentinel->is_old ? "SLAVES" : "REPLICAS", on_replicas);
}

static void on_subscribed(void *arg, const struct probe_answer *answer)
{
	struct sentinel *sentinel = arg;

	(void)answer; /* polling goes on without it, and tells whether the Sentinel is there */
	sentinel->is_subscribing = false;
}

static void look(void *arg)
{
	struct sentinel *sentinel = arg;
	const struct source *source = sentinel->source;

	sentinel->is_due = false;
	sentinel->why[0] = '\0';
	sentinel->pending = 2 * source->board.n_masters;
	for (size_t i = 0; i < source->board.n_masters; i++) {
		ask(&sentinel->topics[i], "GET-MASTER-ADDR-BY-NAME", on_address);
		ask_replicas(&sentinel->topics[i]);
	}
	/* Each time anew: it costs nothing where it holds, and is how a lost connection is noticed. */
	if (!sentinel->is_subscribing) {
		sentinel->is_subscribing = true;
		probe_ask(sentinel->watch, span_of(SUBSCRIBE), source->request_ms, on_subscribed,
			  sentinel);
	}
}

static void refresh(struct discovery *discovery)
{
	struct source *source = of(discovery);

	for (size_t i = 0; i < source->n; i++) {
		struct sentinel *sentinel = &source->sentinels[i];

		if (!sentinel->is_due && sentinel->pending == 0)
			timer_start(sentinel->timer, SOON_MS);
		sentinel->is_due = true;
	}
}

/* A switch of any primary: what it was is asked for, of all, as one alone may lie. */
static void on_push(void *arg, struct span message)
{
	struct sentinel *sentinel = arg;

	(void)message;
	refresh(&sentinel->source->base);
}

/* ------------------------------------------------------------------ life */

static char *copy_of(const char *text)
{
	return text != NULL ? alloc_string(text) : NULL;
}

static void init_sentinel(struct source *source, size_t index, uint32_t connect_ms)
{
	struct sentinel *sentinel = &source->sentinels[index];
	struct probe_setup setup = {
		.resolver = source->base.resolver,
		.protocol = PROTOCOL_REDIS,
		.user = source->user,
		.password = source->password,
		.is_login_optional = true, /* Sentinels often ask for none, or for another one */
		.connect_ms = connect_ms,
		.arg = sentinel,
	};
	struct error error;

	sentinel->source = source;
	sentinel->index = index;
	sentinel->address = source->addresses.v[index];
	if (address_parse(sentinel->address, 0, &setup.address, &error) != 0)
		abort(); /* it was checked with the settings */
	sentinel->probe = probe_new(source->base.loop, &setup);
	setup.on_push = on_push;
	sentinel->watch = probe_new(source->base.loop, &setup);
	sentinel->topics = alloc_zeroed(source->board.n_masters, sizeof(sentinel->topics[0]));
	for (size_t i = 0; i < source->board.n_masters; i++)
		sentinel->topics[i] = (struct topic){.sentinel = sentinel, .master = i};
	sentinel->timer = timer_new(source->base.loop, look, sentinel);
	timer_start(sentinel->timer, 0);
}

static struct discovery *new (const struct discovery_setup *setup)
{
	struct source *source = alloc_zeroed(1, sizeof(*source));
	const struct pool_spec *pool = setup->pool;
	const struct discover_spec *discover = &pool->discover;

	discovery_init(&source->base, &discovery_sentinel_ops, setup);
	source->n = source->addresses.n = discover->sentinel.n;
	source->user = copy_of(pool->credentials.name);
	source->password = copy_of(pool->credentials.password.text);
	source->request_ms = pool->settings.request_ms;
	source->every_ms = discover->every_ms > 0 ? discover->every_ms : EVERY_MS;
	source->addresses.v = alloc_zeroed(source->n, sizeof(source->addresses.v[0]));
	source->sentinels = alloc_zeroed(source->n, sizeof(source->sentinels[0]));
	for (size_t i = 0; i < source->n; i++)
		source->addresses.v[i] = alloc_string(discover->sentinel.v[i]);
	sentinel_board_init(&source->board, source->base.pool, &discover->masters,
			    &source->addresses);
	for (size_t i = 0; i < source->n; i++)
		init_sentinel(source, i, pool->settings.connect_ms);
	return &source->base;
}

static void free_source(struct discovery *discovery)
{
	struct source *source = of(discovery);

	for (size_t i = 0; i < source->n; i++) {
		probe_free(source->sentinels[i].probe);
		probe_free(source->sentinels[i].watch);
		timer_free(source->sentinels[i].timer);
		for (size_t j = 0; j < source->board.n_masters; j++)
			found_list_free(&source->sentinels[i].topics[j].coming.replicas);
		free(source->sentinels[i].topics);
	}
	sentinel_board_fini(&source->board);
	found_list_free(&source->addresses);
	discovery_fini(discovery);
	free(source->sentinels);
	free(source->user);
	free(source->password);
	free(source);
}

const struct discovery_ops discovery_sentinel_ops = {
	.name = "sentinel",
	.new = new,
	.refresh = refresh,
	.free = free_source,
};
