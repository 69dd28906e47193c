/*
 * hiredis. Usage: hiredis STEP HOST PORT PREFIX; what each step prints, test_redis_clients says.
 * It is a protocol library: what others do by themselves, such as naming a connection again after
 * a reconnect, its users do as here.
 */
#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include <hiredis/hiredis.h>

#define BUMP "return redis.call('INCRBY', KEYS[1], ARGV[1])"

static const char *host, *prefix;
static int port;

static void die(const char *what, const char *why)
{
	fprintf(stderr, "%s: %s\n", what, why);
	exit(1);
}

static redisContext *dial(void)
{
	struct timeval connect = {10, 0}, wait = {20, 0};
	redisContext *c = redisConnectWithTimeout(host, port, connect);

	if (!c || c->err)
		die("connect", c ? c->errstr : "no memory");
	if (redisSetTimeout(c, wait) != REDIS_OK)
		die("timeout", c->errstr);
	return c;
}

static redisReply *next(redisContext *c)
{
	void *reply = NULL;

	if (redisGetReply(c, &reply) != REDIS_OK)
		die("reply", c->errstr);
	return reply;
}

/* An error of the server is a reply here; the steps compare it with what they expect. */
static redisReply *call(redisContext *c, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (redisvAppendCommand(c, format, args) != REDIS_OK)
		die(format, c->errstr);
	va_end(args);
	return next(c);
}

static const char *text(const redisReply *r)
{
	return r->type == REDIS_REPLY_NIL || !r->str ? "(nil)" : r->str;
}

/* Frees the reply. */
static bool is(redisReply *r, const char *want)
{
	bool same = !strcmp(text(r), want);

	if (!same)
		fprintf(stderr, "got %d %s, expected %s\n", r->type, text(r), want);
	freeReplyObject(r);
	return same;
}

static long long number(redisReply *r)
{
	long long value = r->integer;

	if (r->type != REDIS_REPLY_INTEGER)
		die("not a number", text(r));
	freeReplyObject(r);
	return value;
}

static const char *word(bool yes)
{
	return yes ? "true" : "false";
}

/* The element of an array, which must be there. */
static redisReply *at(redisReply *r, size_t i)
{
	if (r->type != REDIS_REPLY_ARRAY || i >= r->elements)
		die("no such element", text(r));
	return r->element[i];
}

static void step_connect(void)
{
	redisContext *c = dial();
	redisReply *hello, *name, *info;
	long long proto = 0;
	size_t i;

	if (!is(call(c, "CLIENT SETNAME driver"), "OK"))
		die("SETNAME", "refused");
	name = call(c, "CLIENT GETNAME");
	hello = call(c, "HELLO");
	for (i = 0; i + 1 < hello->elements; i += 2)
		if (!strcmp(text(hello->element[i]), "proto"))
			proto = hello->element[i + 1]->integer;
	info = call(c, "INFO server");
	printf("{\"ping\": \"%s\", \"name\": \"%s\", \"id\": %s, \"info\": %s, \"proto\": %lld}\n",
	       text(call(c, "PING")), text(name), word(number(call(c, "CLIENT ID")) > 0),
	       word(strstr(text(info), "redis_version")), proto);
}

static void step_pipeline(void)
{
	redisContext *c = dial();
	redisReply *r;
	bool right = true, mget = true;
	char want[24], error[64];
	int i;

	for (i = 0; i < 400; i++) {
		redisAppendCommand(c, "SET %s:%d %d", prefix, i, i);
		redisAppendCommand(c, "INCR %s:%d", prefix, i);
		redisAppendCommand(c, "GET %s:%d", prefix, i);
	}
	redisAppendCommand(c, "LPUSH %s:0 x", prefix);
	for (i = 0; i < 400; i++) {
		snprintf(want, sizeof(want), "%d", i + 1);
		right &= is(next(c), "OK");
		right &= number(next(c)) == i + 1;
		right &= is(next(c), want);
	}
	r = next(c);
	snprintf(error, sizeof(error), "%.*s", (int)strcspn(text(r), " "), text(r));
	r = call(c, "MGET %s:0 %s:1 %s:2 %s:3 %s:4", prefix, prefix, prefix, prefix, prefix);
	for (i = 0; i < 5; i++)
		mget &= atoi(text(at(r, i))) == i + 1;
	printf("{\"replies\": %d, \"right\": %s, \"error\": \"%s\", \"mget\": %s}\n", 1202,
	       word(right), error, word(mget));
}

static void step_transaction(void)
{
	redisContext *c = dial(), *other = dial();
	redisReply *exec, *r, *watched, *touched, *discarded;
	char k[256];
	int i, right = 0;

	snprintf(k, sizeof(k), "{%s}", prefix);
	redisAppendCommand(c, "MULTI");
	redisAppendCommand(c, "SET %s:a 1", k);
	redisAppendCommand(c, "INCR %s:a", k);
	redisAppendCommand(c, "GET %s:a", k);
	redisAppendCommand(c, "EXEC");
	if (!is(next(c), "OK") || !is(next(c), "QUEUED") || !is(next(c), "QUEUED") ||
	    !is(next(c), "QUEUED"))
		die("MULTI", "not queued");
	exec = next(c);
	for (i = 0; i < 30; i++) {
		if (!is(call(c, "MULTI"), "OK") ||
		    !is(call(c, "SET {%s%d}:x %d", prefix, i, i), "QUEUED") ||
		    !is(call(c, "MGET {%s%d}:x {%s%d}:y", prefix, i, prefix, i), "QUEUED"))
			die("MULTI", "not queued");
		r = call(c, "EXEC");
		right += !strcmp(text(at(r, 0)), "OK") && atoi(text(at(at(r, 1), 0))) == i &&
			 at(at(r, 1), 1)->type == REDIS_REPLY_NIL;
	}
	is(call(c, "WATCH %s:a", k), "OK");
	is(call(c, "MULTI"), "OK");
	is(call(c, "SET %s:a 3", k), "QUEUED");
	is(call(c, "GET %s:a", k), "QUEUED");
	watched = call(c, "EXEC");
	is(call(c, "WATCH %s:a", k), "OK");
	is(call(other, "SET %s:a theirs", k), "OK");
	is(call(c, "MULTI"), "OK");
	is(call(c, "SET %s:a mine", k), "QUEUED");
	touched = call(c, "EXEC");
	is(call(c, "MULTI"), "OK");
	is(call(c, "SET %s:a no", k), "QUEUED");
	is(call(c, "DISCARD"), "OK");
	discarded = call(c, "GET %s:a", k);
	printf("{\"exec\": [\"%s\", %lld, \"%s\"], \"right\": %d, \"watched\": \"%s\", "
	       "\"touched\": %s, \"discarded\": \"%s\"}\n",
	       text(at(exec, 0)), at(exec, 1)->integer, text(at(exec, 2)), right,
	       text(at(watched, 1)), touched->type == REDIS_REPLY_NIL ? "null" : "true",
	       text(discarded));
}

/* Sends a command and leaves its reply to come. */
static void begin(redisContext *c, const char *format, ...)
{
	va_list args;
	int done = 0;

	va_start(args, format);
	redisvAppendCommand(c, format, args);
	va_end(args);
	while (!done)
		if (redisBufferWrite(c, &done) != REDIS_OK)
			die(format, c->errstr);
	usleep(150000);
}

static void step_block(void)
{
	redisContext *c = dial(), *other = dial();
	redisReply *popped, *moved, *least, *nothing, *dst;
	char k[256], b[300];

	snprintf(k, sizeof(k), "{%s}", prefix);
	snprintf(b, sizeof(b), "%s:b", k);
	begin(c, "BLPOP %s:a %s 10", k, b);
	number(call(other, "RPUSH %s job1", b));
	popped = next(c);
	begin(c, "BLMOVE %s:src %s:dst RIGHT LEFT 10", k, k);
	number(call(other, "RPUSH %s:src job2", k));
	moved = next(c);
	begin(c, "BZPOPMIN %s:z 10", k);
	number(call(other, "ZADD %s:z 1.5 m", k));
	least = next(c);
	nothing = call(c, "BLPOP %s:a 0.2", k);
	dst = call(c, "LRANGE %s:dst 0 -1", k);
	printf("{\"popped\": \"%s\", \"key\": %s, \"moved\": \"%s\", \"least\": [\"%s\", %s], "
	       "\"nothing\": %s, \"dst\": [\"%s\"]}\n",
	       text(at(popped, 1)), word(!strcmp(text(at(popped, 0)), b)), text(moved),
	       text(at(least, 1)), text(at(least, 2)),
	       nothing->type == REDIS_REPLY_NIL ? "null" : "true", text(at(dst, 0)));
}

/* What comes on a subscribed connection: its kind, and for a message the last parts. */
static void hear(redisContext *c, const char *kind, char *out, size_t size)
{
	redisReply *r = next(c);
	size_t i, used = 0, skip = strlen(prefix);

	if (strcmp(text(at(r, 0)), kind))
		die(kind, text(at(r, 0)));
	for (i = 1; out && i < r->elements && used < size; i++) {
		const char *part = text(at(r, i));

		part += strncmp(part, prefix, skip) ? 0 : skip;
		used += (size_t)snprintf(out + used, size - used, "%s\"%s\"", i > 1 ? ", " : "",
					 part);
	}
	freeReplyObject(r);
}

static void step_subscribe(void)
{
	redisContext *c = dial(), *sub = dial();
	char m0[200], m1[200], m2[300];
	long long got[3], after;

	redisAppendCommand(sub, "SUBSCRIBE %s:a %s:b", prefix, prefix);
	redisAppendCommand(sub, "PSUBSCRIBE %s-*", prefix);
	hear(sub, "subscribe", NULL, 0);
	hear(sub, "subscribe", NULL, 0);
	hear(sub, "psubscribe", NULL, 0);
	got[0] = number(call(c, "PUBLISH %s:a m0", prefix));
	hear(sub, "message", m0, sizeof(m0));
	got[1] = number(call(c, "PUBLISH %s:b m1", prefix));
	hear(sub, "message", m1, sizeof(m1));
	got[2] = number(call(c, "PUBLISH %s-c m2", prefix));
	hear(sub, "pmessage", m2, sizeof(m2));
	redisAppendCommand(sub, "UNSUBSCRIBE");
	redisAppendCommand(sub, "PUNSUBSCRIBE");
	hear(sub, "unsubscribe", NULL, 0);
	hear(sub, "unsubscribe", NULL, 0);
	hear(sub, "punsubscribe", NULL, 0);
	after = number(call(c, "PUBLISH %s:a m3", prefix));
	printf("{\"received\": [%lld, %lld, %lld], \"messages\": [[%s], [%s]], \"patterns\": "
	       "[[%s]], "
	       "\"after\": %lld, \"ping\": \"%s\"}\n",
	       got[0], got[1], got[2], m0, m1, m2, after, text(call(sub, "PING")));
}

static void step_scan(void)
{
	redisContext *c = dial();
	redisReply *r = NULL;
	char cursor[32] = "0";
	int found = 0, distinct = 0, fields = 0, same = 1, seen[300] = {0};
	size_t i;

	for (i = 0; i < 300; i++)
		redisAppendCommand(c, "SET %s:%d 1", prefix, (int)i);
	for (i = 0; i < 600; i++)
		redisAppendCommand(c, "HSET %s-h f%d %d", prefix, (int)i, (int)i);
	for (i = 0; i < 900; i++)
		freeReplyObject(next(c));
	do {
		r = call(c, "SCAN %s MATCH %s:* COUNT 25", cursor, prefix);
		for (i = 0; i < at(r, 1)->elements; i++) {
			int n = atoi(text(at(at(r, 1), i)) + strlen(prefix) + 1);

			found++;
			if (n < 0 || n >= 300)
				same = 0;
			else
				distinct += !seen[n]++;
		}
		snprintf(cursor, sizeof(cursor), "%s", text(at(r, 0)));
		freeReplyObject(r);
	} while (strcmp(cursor, "0"));
	do {
		r = call(c, "HSCAN %s-h %s COUNT 100", prefix, cursor);
		fields += (int)at(r, 1)->elements / 2;
		snprintf(cursor, sizeof(cursor), "%s", text(at(r, 0)));
		freeReplyObject(r);
	} while (strcmp(cursor, "0"));
	printf("{\"found\": %d, \"distinct\": %d, \"same\": %s, \"fields\": %d}\n", found, distinct,
	       word(same), fields);
}

/* What applications do, with a library that has no helper of its own. */
static long long bump(redisContext *c, const char *sha, int i)
{
	redisReply *r = call(c, "EVALSHA %s 1 %s:%d 2", sha, prefix, i);

	if (r->type == REDIS_REPLY_ERROR && !strncmp(r->str, "NOSCRIPT", 8)) {
		freeReplyObject(r);
		r = call(c, "EVAL %s 1 %s:%d 2", BUMP, prefix, i);
	}
	return number(r);
}

static void step_script(void)
{
	redisContext *c = dial();
	redisReply *r = call(c, "EVAL %s 1 %s a", "return {KEYS[1], ARGV[1]}", prefix);
	redisReply *sha = call(c, "SCRIPT LOAD %s", BUMP), *exists;
	long long first = 0, second = 0, loaded = 0;
	int i;

	for (i = 0; i < 30; i++)
		first += bump(c, text(sha), i);
	is(call(c, "SCRIPT FLUSH"), "OK");
	exists = call(c, "SCRIPT EXISTS %s", text(sha));
	for (i = 0; i < 30; i++)
		second += bump(c, text(sha), i);
	is(call(c, "SCRIPT FLUSH"), "OK");
	is(call(c, "SCRIPT LOAD %s", BUMP), text(sha));
	for (i = 0; i < 30; i++)
		loaded += number(call(c, "EVALSHA %s 1 %s:%d 2", text(sha), prefix, i));
	printf("{\"eval\": \"%s\", \"first\": %lld, \"exists\": %s, \"second\": %lld, \"loaded\": "
	       "%lld}\n",
	       text(at(r, 1)), first, word(at(exists, 0)->integer), second, loaded);
}

static void step_select(void)
{
	redisContext *c = dial(), *own = dial();
	redisReply *three, *zero, *owns;

	is(call(c, "SELECT 3"), "OK");
	is(call(own, "SELECT 3"), "OK");
	is(call(c, "SET %s three", prefix), "OK");
	three = call(c, "GET %s", prefix);
	owns = call(own, "GET %s", prefix);
	is(call(c, "SELECT 0"), "OK");
	zero = call(c, "GET %s", prefix);
	number(call(own, "DEL %s", prefix));
	printf("{\"three\": \"%s\", \"own\": \"%s\", \"zero\": %s}\n", text(three), text(owns),
	       zero->type == REDIS_REPLY_NIL ? "null" : "true");
}

static void step_reconnect(void)
{
	redisContext *c = dial(), *other = dial();
	redisReply *value;
	void *reply;
	long long before;

	is(call(c, "SELECT 3"), "OK");
	is(call(c, "SET %s v", prefix), "OK");
	before = number(call(c, "CLIENT ID"));
	number(call(other, "CLIENT KILL ID %lld", before));
	redisAppendCommand(c, "PING");
	if (redisGetReply(c, &reply) == REDIS_OK)
		die("CLIENT KILL", "the connection lives");
	if (redisReconnect(c) != REDIS_OK)
		die("reconnect", c->errstr);
	is(call(c, "SELECT 3"), "OK");
	value = call(c, "GET %s", prefix);
	is(call(c, "CLIENT SETNAME driver"), "OK");
	printf("{\"value\": \"%s\", \"name\": \"%s\", \"new\": %s}\n", text(value),
	       text(call(c, "CLIENT GETNAME")), word(number(call(c, "CLIENT ID")) != before));
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} steps[] = {
		{"connect", step_connect},	   {"pipeline", step_pipeline},
		{"transaction", step_transaction}, {"block", step_block},
		{"subscribe", step_subscribe},	   {"scan", step_scan},
		{"script", step_script},	   {"select", step_select},
		{"reconnect", step_reconnect},
	};
	size_t i;

	assert(argc == 5);
	host = argv[2];
	port = atoi(argv[3]);
	prefix = argv[4];
	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (!strcmp(steps[i].name, argv[1])) {
			steps[i].run();
			return 0;
		}
	die(argv[1], "no such step");
	return 1;
}
