#include "control/probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/alloc.h"
#include "base/text.h"
#include "core/connset.h"
#include "core/handshake.h"
#include "core/reconnect.h"
#include "io/resolver.h"
#include "io/stream.h"
#include "proto/codec.h"

#define REPLY_KEPT 65536 /* bytes of a reply's buffer that is kept for the next one */

struct question {
	TAILQ_ENTRY(question) link;
	char *bytes;
	size_t len;
	uint32_t timeout_ms;
	void (*fn)(void *arg, const struct probe_answer *answer);
	void *arg;
};

TAILQ_HEAD(question_list, question);

enum probe_state {
	PROBE_IDLE, /* no connection */
	PROBE_RESOLVING,
	PROBE_CONNECTING, /* until the login is answered */
	PROBE_READY
};

struct probe {
	struct loop *loop;
	struct resolver *resolver;
	const struct codec *codec;
	struct endpoint node; /* its address and text alone */
	struct handshake_login login;
	char *user, *password;
	bool is_login_optional;
	uint32_t connect_ms;
	void (*on_push)(void *arg, struct span message);
	void *arg;

	struct question_list questions;
	struct resolver_query *query; /* NULL unless resolving */
	struct stream *stream;	      /* NULL while idle or resolving */
	struct timer *timer;	      /* for connecting, or for the oldest question's answer */
	struct frame frame;
	struct text reply; /* what came of it */
	uint32_t logins;   /* replies to the login that are to come */
	uint32_t attempts;
	enum probe_state state;
	bool is_asked; /* the oldest question has been sent */
	bool is_freed;
	struct deferred gone;
};

static const struct stream_events stream_events;

/* ------------------------------------------------------------------ asking */

static void send_oldest(struct probe *probe)
{
	struct question *oldest = TAILQ_FIRST(&probe->questions);
	struct chain bytes = {0};

	if (probe->state != PROBE_READY || probe->is_asked || oldest == NULL)
		return;
	chain_copy(loop_chunks(probe->loop), &bytes, span_make(oldest->bytes, oldest->len));
	stream_write(probe->stream, &bytes);
	timer_start(probe->timer, oldest->timeout_ms);
	probe->is_asked = true;
}

static void begin_reply(struct probe *probe)
{
	probe->frame = (struct frame){.is_config = probe->codec == &codec_memcached};
	if (probe->reply.cap > REPLY_KEPT)
		text_free(&probe->reply);
	text_reset(&probe->reply);
}

static void connect_to(struct probe *probe, const char *host)
{
	struct chain bytes = {0};

	probe->state = PROBE_CONNECTING;
	begin_reply(probe);
	probe->stream = stream_connect(probe->loop, host, probe->node.address.port,
				       probe->attempts++, &stream_events, probe);
	probe->logins = handshake_write_login(loop_chunks(probe->loop), &probe->login, &bytes);
	stream_write(probe->stream, &bytes);
	timer_start(probe->timer, probe->connect_ms);
}

static void on_resolved(void *arg, const struct resolver_answer *answer);

static void begin(struct probe *probe)
{
	const struct address *address = &probe->node.address;

	if (probe->resolver == NULL || address->is_unix || address_host_is_ip(address->host)) {
		connect_to(probe, address->host);
		return;
	}
	probe->state = PROBE_RESOLVING;
	probe->query = resolver_addresses(probe->resolver, address->host, on_resolved, probe);
}

static void come_up(struct probe *probe)
{
	probe->state = PROBE_READY;
	timer_stop(probe->timer);
	send_oldest(probe);
}

static void go_idle(struct probe *probe)
{
	if (probe->query != NULL)
		resolver_cancel(probe->query);
	probe->query = NULL;
	stream_close(probe->stream);
	probe->stream = NULL;
	probe->state = PROBE_IDLE;
	probe->is_asked = false;
	timer_stop(probe->timer);
}

/* ------------------------------------------------------------------ answering */

/* Tell one question, which is off the list, unless the probe has been freed meanwhile. */
static void tell(struct probe *probe, struct question *question, const struct probe_answer *answer)
{
	if (!probe->is_freed)
		question->fn(question->arg, answer);
	free(question->bytes);
	free(question);
}

/* The connection is of no more use: close it, and tell all who wait. One may ask again, which begins
 * anew. */
static void lose_because(struct probe *probe, enum probe_result result, const char *why)
{
	struct question_list lost = TAILQ_HEAD_INITIALIZER(lost);
	const struct probe_answer answer = {.result = result, .why = why};
	struct question *question;

	go_idle(probe);
	TAILQ_CONCAT(&lost, &probe->questions, link);
	while ((question = TAILQ_FIRST(&lost)) != NULL) {
		TAILQ_REMOVE(&lost, question, link);
		tell(probe, question, &answer);
	}
}

static void lose(struct probe *probe, enum probe_result result, int fault)
{
	char why[CONNSET_WHY_MAX];

	lose_because(probe, result, connset_fault_text(fault, &probe->node, why));
}

static void on_resolved(void *arg, const struct resolver_answer *answer)
{
	struct probe *probe = arg;
	char why[CONNSET_WHY_MAX];

	probe->query = NULL;
	if (answer->status == RESOLVER_OK) {
		connect_to(probe, answer->ips[probe->attempts % answer->n_ips].text);
		return;
	}
	snprintf(why, sizeof(why), "%s: its name is not resolved: %s", probe->node.text,
		 answer->why);
	lose_because(probe, PROBE_REFUSED, why);
}

static void take_login(struct probe *probe, struct span reply)
{
	if (probe->codec->is_error(reply) && !probe->is_login_optional)
		lose(probe, PROBE_ERROR, handshake_fault(reply));
	else if (--probe->logins == 0)
		come_up(probe);
}

static void answer_oldest(struct probe *probe, struct span reply)
{
	struct question *oldest = TAILQ_FIRST(&probe->questions);
	char why[CONNSET_WHY_MAX] = "";
	struct probe_answer answer = {.reply = reply, .why = why};

	if (probe->codec->is_error(reply)) {
		bool is_text = probe->codec != &codec_mc_binary;
		size_t len = is_text ? strcspn(reply.p, "\r\n") : 0;

		answer.result = PROBE_ERROR;
		snprintf(why, sizeof(why), "%s answers with an error%s%.*s", probe->node.text,
			 is_text ? ": " : "", (int)(len < 200 ? len : 200), reply.p);
	}
	TAILQ_REMOVE(&probe->questions, oldest, link);
	probe->is_asked = false;
	timer_stop(probe->timer);
	tell(probe, oldest, &answer);
}

/* Does it come of itself, by how it begins? */
static bool is_push(struct span reply)
{
	static const char *const begins[] = {
		">",
		"*3\r\n$7\r\nmessage\r\n",
		"*4\r\n$8\r\npmessage\r\n",
	};

	for (size_t i = 0; i < ARRAY_LEN(begins); i++)
		if (span_starts_with(reply, span_of(begins[i])))
			return true;
	return false;
}

/* A whole reply. A callback may close the connection, or free the probe. */
static void take_reply(struct probe *probe)
{
	struct stream *stream = probe->stream;
	struct span reply = span_make(probe->reply.p, probe->reply.len);

	if (probe->logins > 0)
		take_login(probe, reply);
	else if (probe->on_push != NULL && is_push(reply))
		probe->on_push(probe->arg, reply);
	else if (probe->is_asked)
		answer_oldest(probe, reply);
	else
		lose(probe, PROBE_GARBAGE, FAULT_GARBAGE);
	if (probe->stream != stream)
		return;
	begin_reply(probe);
	send_oldest(probe);
}

/* ------------------------------------------------------------------ the stream */

static size_t on_bytes(void *owner, struct chunk *chunk, struct span bytes)
{
	struct probe *probe = owner;
	struct stream *stream = probe->stream;
	struct span left = bytes;

	(void)chunk;
	while (left.len > 0) {
		size_t took = 0;
		enum frame_result result = probe->codec->scan(&probe->frame, left, &took);

		text_append(&probe->reply, span_make(left.p, took));
		left = span_skip(left, took);
		if (result == FRAME_BAD || probe->reply.len + probe->frame.skip > PROBE_REPLY_MAX) {
			lose(probe, PROBE_GARBAGE, FAULT_GARBAGE);
			return bytes.len;
		}
		if (result == FRAME_MORE)
			break;
		take_reply(probe);
		if (probe->stream != stream)
			return bytes.len;
	}
	return bytes.len - left.len;
}

static void on_connected(void *owner, int err)
{
	struct probe *probe = owner;

	if (err != 0)
		lose(probe, PROBE_REFUSED, err);
	else if (probe->logins == 0)
		come_up(probe);
}

static void on_end(void *owner, int err)
{
	lose(owner, PROBE_BROKEN, reconnect_fault(CALL_LOST, err));
}

static const struct stream_events stream_events = {
	.on_connected = on_connected,
	.on_bytes = on_bytes,
	.on_end = on_end,
};

static void on_timer(void *arg)
{
	struct probe *probe = arg;
	int fault = FAULT_REQUEST_TIMEOUT;

	if (probe->state == PROBE_CONNECTING)
		fault = stream_written(probe->stream) > 0 ? FAULT_NO_ANSWER : FAULT_CONNECT_TIMEOUT;
	lose(probe, PROBE_TIMED_OUT, fault);
}

/* ------------------------------------------------------------------ life */

static char *copy_of(const char *text)
{
	return text != NULL ? alloc_string(text) : NULL;
}

struct probe *probe_new(struct loop *loop, const struct probe_setup *setup)
{
	struct probe *probe = alloc_zeroed(1, sizeof(*probe));

	probe->loop = loop;
	probe->resolver = setup->resolver;
	probe->codec = setup->protocol == PROTOCOL_REDIS ? &codec_redis
		       : setup->is_binary		 ? &codec_mc_binary
							 : &codec_memcached;
	probe->node.address = setup->address;
	address_format(&setup->address, probe->node.text);
	if (setup->shown != NULL)
		snprintf(probe->node.text, sizeof(probe->node.text), "%s", setup->shown);
	probe->user = copy_of(setup->user);
	probe->password = copy_of(setup->password);
	probe->login = (struct handshake_login){
		.protocol = setup->protocol,
		.kind = {.resp = 2, .binary = setup->is_binary},
		.user = probe->user,
		.password = probe->password,
	};
	probe->is_login_optional = setup->is_login_optional;
	probe->connect_ms = setup->connect_ms;
	probe->on_push = setup->on_push;
	probe->arg = setup->arg;
	TAILQ_INIT(&probe->questions);
	probe->timer = timer_new(loop, on_timer, probe);
	return probe;
}

void probe_ask(struct probe *probe, struct span question, uint32_t timeout_ms,
	       void (*fn)(void *arg, const struct probe_answer *answer), void *arg)
{
	struct question *asked = alloc_zeroed(1, sizeof(*asked));

	asked->bytes = alloc_copy(question.p, question.len);
	asked->len = question.len;
	asked->timeout_ms = timeout_ms;
	asked->fn = fn;
	asked->arg = arg;
	TAILQ_INSERT_TAIL(&probe->questions, asked, link);
	if (probe->state == PROBE_IDLE)
		begin(probe);
	else
		send_oldest(probe);
}

/* Its callbacks may still be on the stack. */
static void free_gone(struct deferred *deferred)
{
	struct probe *probe = container_of(deferred, struct probe, gone);

	text_free(&probe->reply);
	free(probe->user);
	free(probe->password);
	free(probe);
}

void probe_free(struct probe *probe)
{
	struct question *question;

	if (probe == NULL)
		return;
	probe->is_freed = true;
	go_idle(probe);
	timer_free(probe->timer);
	while ((question = TAILQ_FIRST(&probe->questions)) != NULL) {
		TAILQ_REMOVE(&probe->questions, question, link);
		tell(probe, question, NULL);
	}
	probe->gone.run = free_gone;
	loop_defer(probe->loop, &probe->gone);
}
