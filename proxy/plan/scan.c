#include "plan/scan.h"

#include <stdio.h>

#include "base/number.h"
#include "core/connset.h"
#include "proto/resp_write.h"

#define HEAD_MAX 64 /* bytes of "*2\r\n$20\r\n<20 digits>\r\n", and some */

/* The number that ends with CR LF at *at, which is then behind it. False if there is none. */
static bool read_line(struct span head, size_t *at, uint64_t *n)
{
	const char *from = head.p + *at;
	const char *cr = memchr(from, '\r', head.len - *at);

	if (cr == NULL || !number_parse_u64(span_make(from, (size_t)(cr - from)), n))
		return false;
	*at = (size_t)(cr - head.p) + strlen("\r\n");
	return *at <= head.len;
}

/* The node's cursor at the head of its reply, and how long that head is. False if it is none. */
static bool read_head(const struct chain *reply, uint64_t *cursor, size_t *len)
{
	static const char array[] = "*2\r\n$";
	char buf[HEAD_MAX];
	struct span head = span_make(buf, chain_peek(reply, buf, sizeof(buf)));
	uint64_t digits;

	*len = strlen(array);
	return span_starts_with(head, span_of(array)) && read_line(head, len, &digits) &&
	       read_line(head, len, cursor);
}

/* What the client goes on with: the next shard where this one is through, 0 after the last. */
static uint64_t next_cursor(const struct pool *pool, uint64_t shard, uint64_t cursor)
{
	if (cursor != 0)
		return cursor << SCAN_SHARD_BITS | shard;
	return shard + 1 < pool->n_shards ? shard + 1 : 0;
}

static void write_head(struct request *request, uint64_t cursor)
{
	char digits[24], head[HEAD_MAX];
	int n = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)cursor);

	n = snprintf(head, sizeof(head), "*2\r\n$%d\r\n%s\r\n", n, digits);
	chain_copy(&request->engine->chunks, &request->reply, span_make(head, (size_t)n));
}

static void scan_done(struct call *call, enum call_result result)
{
	struct request *request = call->request;
	struct engine *engine = request->engine;
	char text[CALL_TEXT_MAX];
	uint64_t cursor;
	size_t len;

	if (result != CALL_REPLY && plan_retry(call, result))
		return;
	chain_clear(&engine->chunks, &call->bytes);
	if (result == CALL_REPLY && !call->is_error) {
		if (read_head(&call->reply, &cursor, &len) &&
		    cursor >> (63 - SCAN_SHARD_BITS) == 0) {
			chain_consume(&engine->chunks, &call->reply, len);
			write_head(request, next_cursor(request->pool, call->shard->index, cursor));
		} else {
			result = CALL_GARBAGE;
		}
	}
	if (result != CALL_REPLY) {
		call_fini(engine, call);
		request_fail(request, call_failure_text(engine, call, result, text));
		return;
	}
	request->is_error = call->is_error;
	chain_move(&engine->chunks, &request->reply, &call->reply);
	request_finish(request);
}

/* The command with the node's cursor in place of the client's. */
static void write_command(struct request *request, const struct command_bytes *command,
			  uint64_t cursor)
{
	const struct parsed *p = command->parsed;
	const struct arg *mine = &p->args->v[1];
	struct chunk_pool *chunks = &request->engine->chunks;
	struct chain *bytes = &request->first.bytes;
	char head[HEAD_MAX], digits[24];
	uint32_t rest = mine->at + mine->len + 2;
	int n = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)cursor);

	n = snprintf(head, sizeof(head), "*%u\r\n$4\r\nSCAN\r\n$%d\r\n%s\r\n", (unsigned)p->args->n,
		     n, digits);
	chain_copy(chunks, bytes, span_make(head, (size_t)n));
	chain_append(chunks, bytes, command->chunk,
		     span_make(command->start + rest, p->len - rest));
}

void scan_start(struct request *request, const struct command_bytes *command)
{
	struct span text = parsed_arg(command->parsed, command->start, 1);
	struct call *call = &request->first;
	uint64_t cursor = 0;
	bool is_number = number_parse_u64(text, &cursor);
	uint64_t shard = cursor & ((1U << SCAN_SHARD_BITS) - 1);

	if (!is_number || shard >= request->pool->n_shards) {
		stat_add(&request->engine->stats->counter[STAT_COMMANDS_INVALID], 1);
		request_finish_line(request, span_of("-ERR invalid cursor"), true);
		return;
	}
	write_command(request, command, cursor >> SCAN_SHARD_BITS);
	call->request = request;
	call->reads = true;
	call->shard = &request->pool->shards[shard];
	call->endpoint = call->shard->primary;
	call->lease = plan_lease(request, call->shard);
	call->done = scan_done;
	connset_send(request->engine, request->client_id, call);
}
