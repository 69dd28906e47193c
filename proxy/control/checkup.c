#include "control/checkup.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/text.h"
#include "control/probe.h"
#include "core/connset.h"
#include "core/handshake.h"
#include "proto/codec.h"

#define ROLE_COMMAND "*1\r\n$4\r\nROLE\r\n"
#define INFO_COMMAND "*2\r\n$4\r\nINFO\r\n$11\r\nreplication\r\n"

enum question { QUESTION_NONE, QUESTION_HELLO, QUESTION_ROLE, QUESTION_INFO };

struct checkup {
	struct loop *loop;
	void (*fn)(void *arg, const struct checkup_result *result);
	void *arg;
	const struct endpoint *endpoint;
	struct text way;     /* all that decides how, and how often, it is probed */
	struct probe *probe; /* NULL: made with the next round */
	uint32_t attempts;   /* to connect: the next of several IPs is taken after a failure */
	enum question asked; /* what the round waits for an answer to */
	bool is_proven;	     /* on this connection it has been seen not to be loading */
};

static bool is_redis(const struct checkup *checkup)
{
	return checkup->endpoint->pool->protocol == PROTOCOL_REDIS;
}

static bool is_binary(const struct checkup *checkup)
{
	return checkup->endpoint->pool->settings.node_protocol == NODE_PROTOCOL_BINARY;
}

/* ------------------------------------------------------------------ the end of a round */

static void finish(struct checkup *checkup, const struct checkup_result *result)
{
	checkup->asked = QUESTION_NONE;
	checkup->fn(checkup->arg, result);
}

static void fail(struct checkup *checkup, const char *why)
{
	finish(checkup, &(struct checkup_result){.why = why});
}

/* It answered, but not what a node of the pool does; `what` follows the node's name. */
static void fail_as(struct checkup *checkup, const char *what)
{
	char why[CONNSET_WHY_MAX];

	snprintf(why, sizeof(why), "%s %s", checkup->endpoint->text, what);
	fail(checkup, why);
}

/* It answered with an error: those that have a name are said as the data path says them. */
static void fail_by(struct checkup *checkup, const struct probe_answer *answer)
{
	int fault = handshake_fault(answer->reply);
	char why[CONNSET_WHY_MAX];

	if (fault == FAULT_PASSWORD || fault == FAULT_LOADING)
		fail(checkup, connset_fault_text(fault, checkup->endpoint, why));
	else
		fail(checkup, answer->why);
}

static void drop(struct checkup *checkup)
{
	probe_free(checkup->probe);
	checkup->probe = NULL;
	checkup->is_proven = false;
	checkup->asked = QUESTION_NONE;
}

/* ------------------------------------------------------------------ questions and answers */

static void on_answer(void *arg, const struct probe_answer *answer);

static struct span bytes_of(const struct checkup *checkup, enum question question)
{
	if (question == QUESTION_ROLE)
		return span_of(ROLE_COMMAND);
	if (question == QUESTION_INFO)
		return span_of(INFO_COMMAND);
	return is_redis(checkup)    ? codec_redis.hello
	       : is_binary(checkup) ? codec_mc_binary.hello
				    : codec_memcached.hello;
}

static void ask(struct checkup *checkup, enum question question)
{
	checkup->asked = question;
	probe_ask(checkup->probe, bytes_of(checkup, question),
		  checkup->endpoint->pool->settings.health_timeout_ms, on_answer, checkup);
}

/* Does an error begin with one of these, of which the last is NULL? */
static bool is_one_of(const struct probe_answer *answer, const char *const *prefixes)
{
	if (answer->result != PROBE_ERROR)
		return false;
	for (; *prefixes != NULL; prefixes++)
		if (span_starts_with(answer->reply, span_of(*prefixes)))
			return true;
	return false;
}

/* The user of the proxy may not ask that, or the node is too old for it: nothing is wrong with it. */
static bool is_unwilling(const struct probe_answer *answer)
{
	return is_one_of(answer, (const char *const[]){"-NOPERM", "-ERR unknown command", NULL});
}

static void take_hello(struct checkup *checkup, const struct probe_answer *answer)
{
	/* A replica without its primary refuses a PING that it could answer, if it serves no old data. */
	bool is_alive =
		is_redis(checkup) && is_one_of(answer, (const char *const[]){"-MASTERDOWN", NULL});

	if (answer->result == PROBE_ERROR && !is_alive)
		fail_by(checkup, answer);
	else if (is_redis(checkup))
		ask(checkup, QUESTION_ROLE);
	else if (!is_binary(checkup) && !span_starts_with(answer->reply, span_of("VERSION ")))
		fail_as(checkup, "answers 'version' as no memcached does");
	else
		finish(checkup, &(struct checkup_result){0});
}

static void take_role(struct checkup *checkup, const struct role_reply *role)
{
	checkup->is_proven = role->kind == ROLE_PRIMARY || role->is_linked;
	if (role->kind == ROLE_SENTINEL)
		fail_as(checkup, "is a Sentinel, which keeps no data");
	else
		finish(checkup, &(struct checkup_result){.has_role = true, .role = *role});
}

static void take_role_reply(struct checkup *checkup, const struct probe_answer *answer)
{
	bool is_info = checkup->asked == QUESTION_INFO;
	struct role_reply role;

	if (is_unwilling(answer) && is_info)
		finish(checkup, &(struct checkup_result){0});
	else if (is_unwilling(answer))
		ask(checkup, QUESTION_INFO);
	else if (answer->result == PROBE_ERROR)
		fail_by(checkup, answer);
	else if (is_info ? role_read_info(answer->reply, &role) : role_read(answer->reply, &role))
		take_role(checkup, &role);
	else
		fail_as(checkup, "does not say which role it has");
}

/* An answer without a reply is the end of the connection. */
static void on_answer(void *arg, const struct probe_answer *answer)
{
	struct checkup *checkup = arg;

	if (answer->reply.len == 0) {
		drop(checkup);
		checkup->attempts++;
		fail(checkup, answer->why);
	} else if (checkup->asked == QUESTION_HELLO) {
		take_hello(checkup, answer);
	} else {
		take_role_reply(checkup, answer);
	}
}

/* ------------------------------------------------------------------ life */

struct checkup *checkup_new(struct loop *loop,
			    void (*fn)(void *arg, const struct checkup_result *result), void *arg)
{
	struct checkup *checkup = alloc_zeroed(1, sizeof(*checkup));

	*checkup = (struct checkup){.loop = loop, .fn = fn, .arg = arg};
	return checkup;
}

static void write_way(const struct endpoint *endpoint, struct text *way)
{
	const struct pool *pool = endpoint->pool;
	const struct pool_settings *settings = &pool->settings;

	text_printf(way, "%s\n%d %d %u %u %d\n%s\n%s\n", endpoint->text, (int)pool->protocol,
		    settings->node_protocol, settings->health_every_ms, settings->health_timeout_ms,
		    endpoint->is_unresolved, pool->node_user != NULL ? pool->node_user : "",
		    pool->node_password != NULL ? pool->node_password : "");
	for (uint16_t i = 0; i < endpoint->n_ips; i++)
		text_printf(way, "%s ", endpoint->ips[i]);
}

bool checkup_adopt(struct checkup *checkup, const struct endpoint *endpoint)
{
	struct text way = {0};

	checkup->endpoint = endpoint;
	write_way(endpoint, &way);
	if (checkup->way.len > 0 && strcmp(checkup->way.p, way.p) == 0) {
		text_free(&way);
		return false;
	}
	text_free(&checkup->way);
	checkup->way = way;
	drop(checkup);
	return true;
}

static void connect(struct checkup *checkup)
{
	const struct endpoint *endpoint = checkup->endpoint;
	struct probe_setup setup = {
		.address = endpoint->address,
		.shown = endpoint->text,
		.protocol = endpoint->pool->protocol,
		.is_binary = is_binary(checkup),
		.user = endpoint->pool->node_user,
		.password = endpoint->pool->node_password,
		.connect_ms = endpoint->pool->settings.health_timeout_ms,
	};

	snprintf(setup.address.host, sizeof(setup.address.host), "%s",
		 endpoint_host(endpoint, checkup->attempts));
	checkup->probe = probe_new(checkup->loop, &setup);
}

void checkup_begin(struct checkup *checkup)
{
	assert(checkup->asked == QUESTION_NONE);
	if (checkup->probe == NULL)
		connect(checkup);
	ask(checkup, is_redis(checkup) && checkup->is_proven ? QUESTION_ROLE : QUESTION_HELLO);
}

bool checkup_is_under_way(const struct checkup *checkup)
{
	return checkup->asked != QUESTION_NONE;
}

void checkup_free(struct checkup *checkup)
{
	if (checkup == NULL)
		return;
	drop(checkup);
	text_free(&checkup->way);
	free(checkup);
}
