/*
 * mc_transcript.h - what the memcached parsers make of a stream that comes in pieces, as text.
 *
 * Two ways of cutting the same stream must give the same text. Each call sees a copy of just the
 * bytes that it may read, so that a sanitizer finds a look beyond. The first piece has `first`
 * bytes, all others `step`. For checks and fuzzers.
 */
#ifndef TEST_MC_TRANSCRIPT_H
#define TEST_MC_TRANSCRIPT_H

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/codec.h"
#include "proto/mc_binary.h"
#include "proto/mc_reply.h"
#include "proto/mc_request.h"

struct pieces {
	size_t first, step;
};

static inline char *exact_copy(struct span in)
{
	char *copy = malloc(in.len > 0 ? in.len : 1);

	if (copy == NULL)
		abort();
	if (in.len > 0)
		memcpy(copy, in.p, in.len);
	return copy;
}

/* The bytes that go to a server. */
static inline void print_forwarded(FILE *to, const struct parsed *p, const char *start)
{
	uint32_t from = p->line_cut ? p->line_at : 0;
	uint32_t end = p->line_cut ? p->line_end : p->line_len;

	fwrite(start + from, 1, end - from, to);
	fputs(p->line_cut ? "\r\n" : "", to);
	fwrite(start + p->line_len, 1, p->len - p->line_len, to);
}

/* A binary command: opcode, key, extras in hexadecimal, value. */
static inline void print_packet(FILE *to, const struct parsed *p, const char *start)
{
	struct span extras = parsed_arg(p, start, MCB_ARG_EXTRAS);
	struct span key = parsed_arg(p, start, MCB_ARG_KEY);
	struct span value = parsed_arg(p, start, MCB_ARG_VALUE);

	fprintf(to, "%02x [", mcb_header_read(start).opcode);
	fwrite(key.p, 1, key.len, to);
	fputs("] ", to);
	for (size_t i = 0; i < extras.len; i++)
		fprintf(to, "%02x", (unsigned char)extras.p[i]);
	fputc(' ', to);
	fwrite(value.p, 1, value.len, to);
	fputc('\n', to);
}

static inline void print_request(FILE *to, const struct parsed *p, const char *start)
{
	fprintf(to, "%s %u+%llu%s ", p->command == NULL ? "-" : p->command->name, p->len,
		(unsigned long long)p->swallow, p->noreply ? " quiet" : "");
	if (p->error != NULL) {
		fprintf(to, "error %s\n", p->error);
		return;
	}
	if (p->is_binary) {
		print_packet(to, p, start);
		return;
	}
	for (uint32_t i = 0; i < p->key_count; i++) {
		struct span key = parsed_arg(p, start, p->key_first + i);

		fprintf(to, "[%.*s]", (int)key.len, key.p);
	}
	print_forwarded(to, p, start);
	fputc('\n', to);
}

static inline size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* The text's end, with no NUL before it, which would hide what follows from strcmp(). */
static inline char *end_transcript(FILE *to, char **text, const size_t *size)
{
	fclose(to);
	for (size_t i = 0; i < *size; i++)
		if ((*text)[i] == '\0')
			(*text)[i] = '\1';
	return *text;
}

/* The caller frees it. */
static inline char *request_transcript(const struct codec *codec, struct span in,
				       struct pieces pieces, uint32_t limit)
{
	const struct parse_limits limits = {.request = limit};
	struct parse_state state = {0};
	struct arg_list args = {0};
	size_t at = 0, have = smaller(pieces.first, in.len), size;
	char *text = NULL;
	FILE *to = open_memstream(&text, &size);

	while (at < in.len) {
		struct parsed parsed;
		char *copy = exact_copy(span_make(in.p + at, have - at));
		enum parse_result result =
			codec->parse(&state, span_make(copy, have - at), &limits, &args, &parsed);
		if (result == PARSE_DONE)
			print_request(to, &parsed, copy);
		free(copy);
		if (result == PARSE_BAD)
			fprintf(to, "bad %s\n", parsed.error);
		if (result == PARSE_BAD || (result == PARSE_MORE && have == in.len))
			break;
		if (result == PARSE_DONE)
			at += smaller(parsed.len + parsed.swallow, in.len - at);
		else
			have += smaller(pieces.step, in.len - have);
		have = have < at ? at : have;
	}
	fprintf(to, "rest %zu\n", in.len - at);
	arg_list_fini(&args);
	return end_transcript(to, &text, &size);
}

static inline char *mc_request_transcript(struct span in, struct pieces pieces, uint32_t limit)
{
	return request_transcript(&codec_memcached, in, pieces, limit);
}

/* Each of its replies is awaited with the barrier, or none. The caller frees it. */
static inline char *reply_transcript(const struct codec *codec, struct span in,
				     struct pieces pieces, bool until_barrier)
{
	struct frame frame = {.until_barrier = until_barrier};
	size_t at = 0, begin = 0, have = smaller(pieces.first, in.len), size;
	char *text = NULL;
	FILE *to = open_memstream(&text, &size);
	enum frame_result result = FRAME_MORE;

	while (at < in.len && result != FRAME_BAD) {
		size_t took;
		char *copy = exact_copy(span_make(in.p + at, have - at));

		result = codec->scan(&frame, span_make(copy, have - at), &took);
		free(copy);
		at += took;
		if (result == FRAME_DONE) {
			fprintf(to, "%c %zu %u\n", frame.first, at - begin, frame.values);
			frame = (struct frame){.until_barrier = until_barrier};
			begin = at;
		} else if (result == FRAME_MORE && have == in.len) {
			break;
		} else {
			have += smaller(pieces.step, in.len - have);
		}
	}
	if (result == FRAME_BAD)
		fprintf(to, "bad %s\n", frame.why);
	fprintf(to, "rest %zu values %u\n", in.len - at, frame.values);
	return end_transcript(to, &text, &size);
}

/* In pieces, it is the same as at once. */
static inline void assert_pieces_alike(const struct codec *codec, struct span in,
				       struct pieces pieces, bool until_barrier)
{
	char *whole = reply_transcript(codec, in, (struct pieces){in.len, 0}, until_barrier);
	char *parts = reply_transcript(codec, in, pieces, until_barrier);

	assert(strcmp(whole, parts) == 0);
	free(whole);
	free(parts);
}

static inline char *mc_reply_transcript(struct span in, struct pieces pieces)
{
	return reply_transcript(&codec_memcached, in, pieces, false);
}

#endif
