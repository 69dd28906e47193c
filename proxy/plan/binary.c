#include "plan/binary.h"

#include <string.h>

#include "core/connset.h"
#include "plan/miss.h"
#include "plan/ttl_care.h"

/* ------------------------------------------------------------------ packets of the proxy's own */

static const struct mcb_opcode *row_of(const struct request *request)
{
	return mcb_opcode(request->opcode);
}

static void append_packet(struct request *request, enum mcb_status status, struct span key,
			  struct span value)
{
	const struct mcb_header header = {
		.magic = MCB_RESPONSE,
		.opcode = request->opcode,
		.status = (uint16_t)status,
		.opaque = request->opaque,
	};

	mcb_packet(&request->engine->chunks, &request->reply, header, span_of(""), key, value);
}

void binary_reply(struct request *request, enum mcb_status status, struct span value)
{
	request->convert = NULL;
	append_packet(request, status, span_of(""), value);
}

/* Would a quiet command have kept this to itself? Those that read keep back a miss, the others that
 * all is well. */
static bool is_unsaid(const struct request *request, uint16_t status)
{
	bool gets = request->command != NULL && (request->command->flags & CMD_HITS);

	return row_of(request)->is_quiet && status == (gets ? MCB_NOT_FOUND : MCB_OK);
}

/* "WORD NAME VALUE": a packet of a statistic. */
static void append_statistic(struct request *request, struct span line)
{
	const char *blank = memchr(line.p, ' ', line.len);
	struct span name = blank == NULL ? line : span_skip(line, (size_t)(blank - line.p) + 1);
	const char *end = name.len > 0 ? memchr(name.p, ' ', name.len) : NULL;
	size_t len = end == NULL ? name.len : (size_t)(end - name.p);

	append_packet(request, MCB_OK, span_make(name.p, len),
		      span_skip(name, end == NULL ? len : len + 1));
}

static bool is_statistic(struct span line)
{
	return span_starts_with(line, span_of("STAT ")) ||
	       span_starts_with(line, span_of("ITEM ")) ||
	       span_starts_with(line, span_of("PREFIX "));
}

/* The last line: END, or what there is instead of statistics. */
static void append_end(struct request *request, struct span line)
{
	struct span text;
	enum mcb_status status = mcb_status_of(line, &text);

	/* A text node's answer to a get that found nothing. */
	if (status == MCB_OK && row_of(request)->action == MCB_ACT_KEYED) {
		status = MCB_NOT_FOUND;
		text = span_of("Not found");
	}
	/* A node that does not know what statistics are meant has not found them. */
	if (status == MCB_UNKNOWN && row_of(request)->action == MCB_ACT_STAT) {
		status = MCB_NOT_FOUND;
		text = span_of("Not found");
	}
	request->is_error = status != MCB_OK;
	if (!is_unsaid(request, (uint16_t)status))
		append_packet(request, status, span_of(""), text);
}

/* The header again with the opcode that its client sent, and the opaque where the call was shared. */
static void restore_header(struct request *request, struct chain *reply)
{
	struct chunk_pool *chunks = &request->engine->chunks;
	char header[MCB_HEADER];
	struct chain rest = {0};

	memcpy(header, chain_head(reply).p, MCB_HEADER);
	struct mcb_header its = mcb_header_read(header);
	its.opcode = request->opcode;
	its.opaque = request->opaque;
	mcb_header_write(header, &its);
	chain_consume(chunks, reply, MCB_HEADER);
	chain_move(chunks, &rest, reply);
	chain_copy(chunks, reply, span_make(header, MCB_HEADER));
	chain_move(chunks, reply, &rest);
}

/* A node's packet that stands for those of all nodes. */
static void take_packet(struct request *request)
{
	struct mcb_header header = mcb_header_read(chain_head(&request->reply).p);

	if (is_unsaid(request, header.status))
		chain_clear(&request->engine->chunks, &request->reply);
	else
		restore_header(request, &request->reply);
}

/* A reply of text lines, as packets; it may be one already. */
static void convert(struct request *request)
{
	struct chunk_pool *chunks = &request->engine->chunks;
	struct chain lines = {0};

	if (chain_is_empty(&request->reply))
		return;
	if ((uint8_t)chain_head(&request->reply).p[0] == MCB_RESPONSE) {
		take_packet(request);
		return;
	}
	chain_move(chunks, &lines, &request->reply);
	if (lines.head != lines.tail)
		chain_detach(chunks, &lines);
	struct span rest = chain_head(&lines);
	while (rest.len > 0) {
		const char *end = memchr(rest.p, '\n', rest.len);
		size_t len = end == NULL ? rest.len : (size_t)(end - rest.p) + 1;
		struct span line = span_make(rest.p, len);

		rest = span_skip(rest, len);
		while (line.len > 0 &&
		       (line.p[line.len - 1] == '\n' || line.p[line.len - 1] == '\r'))
			line.len--;
		if (is_statistic(line))
			append_statistic(request, line);
		else
			append_end(request, line);
	}
	chain_clear(chunks, &lines);
}

void binary_begin(struct request *request, const char *header)
{
	struct mcb_header its = mcb_header_read(header);

	request->opcode = its.opcode;
	request->opaque = its.opaque;
	request->convert = convert;
}

/* ------------------------------------------------------------------ commands with a key */

static void take_reply(struct request *request, struct call *call)
{
	struct engine *engine = request->engine;
	struct mcb_header header = mcb_header_read(chain_head(&call->reply).p);

	if (unlikely(row_of(request)->is_quiet)) {
		if (is_unsaid(request, header.status))
			chain_clear(&engine->chunks, &call->reply);
		else
			restore_header(request, &call->reply);
	}
	chain_move(&engine->chunks, &request->reply, &call->reply);
	request->is_error = call->is_error;
	if (request->command->flags & CMD_HITS && !call->is_error)
		plan_count_hits(request, call);
}

static void binary_done(struct call *call, enum call_result result)
{
	struct request *request = call->request;
	struct engine *engine = request->engine;
	char text[CALL_TEXT_MAX];

	if (likely(result == CALL_REPLY)) {
		request->convert = NULL;
		if (likely(!call->pieces_taken))
			take_reply(request, call);
		else
			chain_move(&engine->chunks, &request->reply, &call->reply);
		chain_clear(&engine->chunks, &call->bytes);
		request_finish(request);
		return;
	}
	if (plan_retry(call, result))
		return;
	if (miss_instead(call)) {
		call_fini(engine, call);
		request_finish_line(request, span_of("NOT_FOUND"), false);
		return;
	}
	request->broken = call->pieces_taken;
	call_fini(engine, call);
	request_fail(request, call_failure_text(engine, call, result, text));
}

/* A long value is a hit: none of it is kept back. */
static void binary_piece(struct call *call)
{
	struct request *request = call->request;

	if (!call->pieces_taken) {
		call->is_error = mcb_is_error(chain_head(&call->reply));
		if (row_of(request)->is_quiet)
			restore_header(request, &call->reply);
	}
	if (request->events->on_piece(request, &call->reply))
		call->pieces_taken = true;
}

/* The command in the form that always answers. */
static void take_bytes(struct request *request, const struct command_bytes *command)
{
	struct chunk_pool *chunks = &request->engine->chunks;
	struct chain *bytes = &request->first.bytes;
	char header[MCB_HEADER];

	if (likely(!row_of(request)->is_quiet && !request->pool->has_ttl_rules)) {
		plan_take_bytes(request, command);
		return;
	}
	memcpy(header, command->start, MCB_HEADER);
	header[1] = (char)row_of(request)->loud;
	if (request->pool->has_ttl_rules && ttl_care_take_binary(request, command, header))
		return;
	chain_copy(chunks, bytes, span_make(header, MCB_HEADER));
	chain_append(chunks, bytes, command->chunk,
		     span_make(command->start + MCB_HEADER, command->parsed->len - MCB_HEADER));
}

void binary_start(struct request *request, const struct command_bytes *command,
		  const struct shard *shard)
{
	struct call *call = &request->first;

	take_bytes(request, command);
	call->request = request;
	call->reads = request->command->flags & CMD_READ;
	call->shard = shard;
	call->n_keys = 1;
	call->done = binary_done;
	call->on_piece = binary_piece;
	plan_choose(call, shard);
	connset_send(request->engine, request->client_id, call);
}

void binary_start_all(struct request *request, const struct command_bytes *command)
{
	take_bytes(request, command);
	fanout_all_start(request);
}

void binary_take_shared(struct request *request, const struct command_bytes *command)
{
	struct chunk_pool *chunks = &request->engine->chunks;
	struct mcb_header header = mcb_header_read(command->start);
	char bytes[MCB_HEADER];

	header.opcode = row_of(request)->loud;
	header.opaque = 0;
	mcb_header_write(bytes, &header);
	chain_copy(chunks, &request->first.bytes, span_make(bytes, MCB_HEADER));
	chain_append(chunks, &request->first.bytes, command->chunk,
		     span_make(command->start + MCB_HEADER, command->parsed->len - MCB_HEADER));
}
