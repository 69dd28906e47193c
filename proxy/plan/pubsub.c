#include "plan/pubsub.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "core/limits.h"
#include "core/request.h"
#include "plan/subscriber.h"
#include "proto/resp_write.h"

/* A name of a SUBSCRIBE, which has a reference to its topic. */
struct topic_wait {
	TAILQ_ENTRY(topic_wait) of_topic;
	struct waiting *waiting;
	struct topic *topic;
	char *why; /* of one that failed */
	bool is_listed;
};

/* A SUBSCRIBE until all its topics have settled. */
struct waiting {
	struct request *request;
	uint32_t n, n_left;
	struct topic_wait waits[];
};

/* ------------------------------------------------------------------ replies */

/* The confirmation of a name, or of none (NULL), named by the command itself. */
static void confirm(struct request *request, enum pubsub_kind kind, const struct span *name)
{
	const struct session *session = request->session;
	const char *verb = request->command->name;
	bool is_push = session->kind.resp == 3;
	struct chunk_pool *chunks = &request->engine->chunks;
	char head[64];
	int len = snprintf(head, sizeof(head), "%c3\r\n$%zu\r\n%s\r\n", is_push ? '>' : '*',
			   strlen(verb), verb);

	chain_copy(chunks, &request->reply, span_make(head, (size_t)len));
	if (name == NULL) {
		chain_append(chunks, &request->reply, NULL, span_of(is_push ? "_\r\n" : "$-1\r\n"));
	} else {
		chain_copy(chunks, &request->reply,
			   span_make(head, resp_write_header(head, '$', (int64_t)name->len)));
		chain_copy(chunks, &request->reply, *name);
		chain_append(chunks, &request->reply, NULL, span_of("\r\n"));
	}
	chain_copy(chunks, &request->reply,
		   span_make(head, resp_write_header(head, ':',
						     subscriber_count(session->subscriber, kind))));
}

static void complain(struct request *request, const char *why)
{
	struct chunk_pool *chunks = &request->engine->chunks;

	chain_append(chunks, &request->reply, NULL,
		     span_of(engine_codec(request->pool)->error_prefix));
	chain_copy(chunks, &request->reply, span_of(why));
	chain_append(chunks, &request->reply, NULL, span_of("\r\n"));
	request->is_error = true;
}

/* ------------------------------------------------------------------ SUBSCRIBE */

/* A name has settled: the client is subscribed, or told why not. */
static void answer_wait(struct request *request, struct topic_wait *wait)
{
	struct subscriber *subscriber = request->session->subscriber;
	struct topic *topic = wait->topic;

	if (wait->why == NULL &&
	    (subscriber_count(subscriber, topic->kind) >= SUBSCRIPTIONS_MAX ||
	     subscriber->name_bytes + topic->name.len > SUBSCRIBED_BYTES_MAX) &&
	    !subscriber_has(subscriber, topic))
		wait->why = alloc_string("too many subscriptions of one client");
	if (wait->why != NULL) {
		complain(request, wait->why);
		return;
	}
	subscriber_join(subscriber, topic);
	confirm(request, topic->kind, &topic->name);
}

/* Answer, unless the client has left. Subscribing before letting go keeps the topics. */
static void finish(struct waiting *waiting)
{
	struct request *request = waiting->request;
	struct session *session = request->session;

	for (uint32_t i = 0; i < waiting->n; i++) {
		struct topic_wait *wait = &waiting->waits[i];

		if (session != NULL)
			answer_wait(request, wait);
		if (wait->is_listed)
			TAILQ_REMOVE(&wait->topic->waits, wait, of_topic);
		free(wait->why);
		topic_unref(wait->topic);
	}
	free(waiting);
	if (session != NULL) {
		session->is_held = false;
		session->subscriber->waiting = NULL;
		subscriber_tidy(session);
	}
	request_finish(request);
}

/* The topic of a wait is pending no more. */
static void note_settled(struct topic_wait *wait)
{
	char why[CALL_TEXT_MAX];

	if (topic_state(wait->topic, why) == TOPIC_FAILED)
		wait->why = alloc_string(why);
}

void pubsub_on_settled(struct topic *topic)
{
	struct topic_wait *wait;

	while ((wait = TAILQ_FIRST(&topic->waits)) != NULL) {
		TAILQ_REMOVE(&topic->waits, wait, of_topic);
		wait->is_listed = false;
		note_settled(wait);
		if (--wait->waiting->n_left == 0)
			finish(wait->waiting);
	}
}

static struct pubsub *pubsub_of(struct engine *engine)
{
	if (engine->pubsub == NULL)
		engine->pubsub = topics_new(engine);
	return engine->pubsub;
}

static void want(struct waiting *waiting, enum pubsub_kind kind, struct span name)
{
	struct request *request = waiting->request;
	struct topic_wait *wait = &waiting->waits[waiting->n++];
	char why[CALL_TEXT_MAX];

	wait->waiting = waiting;
	wait->topic = topic_ref(pubsub_of(request->engine), request->pool, kind, name);
	if (topic_state(wait->topic, why) != TOPIC_PENDING) {
		note_settled(wait);
		return;
	}
	TAILQ_INSERT_TAIL(&wait->topic->waits, wait, of_topic);
	wait->is_listed = true;
	waiting->n_left++;
}

static void subscribe(struct request *request, const struct command_bytes *command,
		      enum pubsub_kind kind)
{
	struct session *session = request->session;
	uint32_t n = command->parsed->args->n - 1;

	if (n > SUBSCRIPTIONS_MAX || command->parsed->len > SUBSCRIBED_BYTES_MAX) {
		request_fail(request, "too many subscriptions of one client");
		return;
	}
	struct waiting *waiting = alloc_zeroed(1, sizeof(*waiting) + n * sizeof(struct topic_wait));
	waiting->request = request;
	subscriber_of(session)->waiting = waiting;
	session->is_held = true;
	for (uint32_t i = 1; i <= n; i++)
		want(waiting, kind, parsed_arg(command->parsed, command->start, i));
	if (waiting->n_left == 0)
		finish(waiting);
}

/* ------------------------------------------------------------------ UNSUBSCRIBE */

static void unsubscribe_name(struct request *request, enum pubsub_kind kind, struct span name)
{
	struct subscriber *subscriber = request->session->subscriber;

	if (subscriber != NULL) {
		struct topic *topic =
			topic_find(request->engine->pubsub, request->pool, kind, name);

		if (topic != NULL)
			subscriber_quit(subscriber, topic);
	}
	confirm(request, kind, &name);
}

static void unsubscribe_all(struct request *request, enum pubsub_kind kind)
{
	struct subscriber *subscriber = request->session->subscriber;
	struct topic *topic;

	if (subscriber == NULL || subscriber->n[kind] == 0) {
		confirm(request, kind, NULL);
		return;
	}
	while ((topic = subscriber_first(subscriber, kind)) != NULL) {
		topic->refs++; /* for its name */
		subscriber_quit(subscriber, topic);
		confirm(request, kind, &topic->name);
		topic_unref(topic);
	}
}

static void unsubscribe(struct request *request, const struct command_bytes *command,
			enum pubsub_kind kind)
{
	uint32_t n = command->parsed->args->n;

	if (n == 1)
		unsubscribe_all(request, kind);
	for (uint32_t i = 1; i < n; i++)
		unsubscribe_name(request, kind, parsed_arg(command->parsed, command->start, i));
	subscriber_tidy(request->session);
	request_finish(request);
}

void pubsub_run(struct request *request, const struct command_bytes *command)
{
	static const struct {
		const char *name;
		void (*run)(struct request *, const struct command_bytes *, enum pubsub_kind);
		enum pubsub_kind kind;
	} commands[] = {
		{"subscribe", subscribe, PUBSUB_CHANNEL},
		{"unsubscribe", unsubscribe, PUBSUB_CHANNEL},
		{"psubscribe", subscribe, PUBSUB_PATTERN},
		{"punsubscribe", unsubscribe, PUBSUB_PATTERN},
		{"ssubscribe", subscribe, PUBSUB_SHARD},
		{"sunsubscribe", unsubscribe, PUBSUB_SHARD},
	};

	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (span_equal_str(span_of(request->command->name), commands[i].name)) {
			commands[i].run(request, command, commands[i].kind);
			return;
		}
}

/* ------------------------------------------------------------------ the end */

void pubsub_abandon(struct engine *engine, struct session *session)
{
	struct subscriber *subscriber = session->subscriber;
	struct topic *topic;

	(void)engine;
	if (subscriber == NULL)
		return;
	if (subscriber->waiting != NULL) {
		struct waiting *waiting = subscriber->waiting;

		/* The request is without its client by now: what it waits for is of no use. */
		subscriber->waiting = NULL;
		finish(waiting);
	}
	for (enum pubsub_kind kind = 0; kind < PUBSUB_KINDS; kind++)
		while ((topic = subscriber_first(subscriber, kind)) != NULL)
			subscriber_quit(subscriber, topic);
	subscriber_tidy(session);
}

void pubsub_adopt(struct engine *engine)
{
	if (engine->pubsub != NULL)
		topics_adopt(engine->pubsub);
}

void pubsub_shut(struct engine *engine)
{
	struct pubsub *pubsub = engine->pubsub;
	struct session *session;

	if (pubsub == NULL)
		return;
	topics_shut(pubsub);
	while ((session = subscriber_any(pubsub)) != NULL)
		pubsub_abandon(engine, session);
	topics_free(pubsub);
	engine->pubsub = NULL;
}
