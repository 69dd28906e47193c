#include "proto/mc_reply.h"

#include <limits.h>

#include "base/number.h"

#define KEY_MAX 250 /* bytes, as memcached's */

/* Where in a reply the scan is: frame->owed. */
enum place {
	AT_START,
	IN_VALUES,     /* after VALUE blocks */
	IN_LIST,       /* after STAT, ITEM or PREFIX lines */
	IN_LAST_VALUE, /* in that of a VA line, which ends the reply */
	AT_BARRIER     /* all that comes yet is MN */
};

/* What a reply of one line is, the likely ones first. */
static const struct {
	const char *text;
	bool open; /* more may follow in the line */
} lines[] = {
	{"STORED", false},	{"DELETED", false}, {"NOT_FOUND", false}, {"NOT_STORED", false},
	{"EXISTS", false},	{"TOUCHED", false}, {"OK", false},	  {"SERVER_ERROR", true},
	{"CLIENT_ERROR", true}, {"ERROR", true},    {"VERSION ", true},	  {"RESET", false},
};

static bool is_number(struct span line)
{
	uint64_t n;

	return number_parse_u64(line, &n);
}

static bool is_error(struct span line)
{
	return span_starts_with(line, span_of("SERVER_ERROR")) ||
	       span_starts_with(line, span_of("CLIENT_ERROR")) ||
	       span_starts_with(line, span_of("ERROR"));
}

static bool is_one_line(struct span line)
{
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		struct span text = span_of(lines[i].text);

		if (lines[i].open ? span_starts_with(line, text) : span_equal(line, text))
			return true;
	}
	return is_number(line);
}

static bool is_list_line(struct span line)
{
	return span_starts_with(line, span_of("STAT ")) ||
	       span_starts_with(line, span_of("ITEM ")) ||
	       span_starts_with(line, span_of("PREFIX "));
}

/* Take the next word off the line: what is before a blank or the end. False if it is empty. */
static bool next_word(struct span *line, struct span *word)
{
	const char *blank = line->len > 0 ? memchr(line->p, ' ', line->len) : NULL;

	word->p = line->p;
	word->len = blank == NULL ? line->len : (size_t)(blank - line->p);
	*line = span_skip(*line, word->len + (blank != NULL));
	return word->len > 0;
}

static bool next_number(struct span *line, uint64_t *n)
{
	struct span word;

	return next_word(line, &word) && number_parse_u64(word, n);
}

/* VALUE KEY FLAGS BYTES [CAS], the first word taken off already. */
static bool read_value_header(struct span line, uint64_t *bytes)
{
	struct span key;
	uint64_t flags, cas;

	if (!next_word(&line, &key) || key.len > KEY_MAX || !next_number(&line, &flags) ||
	    !next_number(&line, bytes) || *bytes > INT_MAX - 2)
		return false;
	return line.len == 0 || (next_number(&line, &cas) && line.len == 0);
}

static enum frame_result garbage(struct frame *frame, const char *why)
{
	frame->why = why;
	return FRAME_BAD;
}

/* One line is the whole reply, but for the barrier. */
static enum frame_result end_line(struct frame *frame)
{
	frame->owed = AT_BARRIER;
	return frame->until_barrier ? FRAME_MORE : FRAME_DONE;
}

/* VA BYTES FLAGS..., the first word taken off already. */
static enum frame_result begin_meta_value(struct frame *frame, struct span line)
{
	uint64_t bytes;

	if (!next_number(&line, &bytes) || bytes > INT_MAX - 2)
		return garbage(frame, "a bad VA line");
	frame->owed = frame->until_barrier ? AT_BARRIER : IN_LAST_VALUE;
	frame->values = 1;
	frame->skip = bytes + 2;
	return FRAME_MORE;
}

/* Does a line begin with a meta command's return code, alone or with flags behind it? */
static bool is_meta_line(struct span line)
{
	static const char codes[][3] = {"HD", "EN", "NF", "NS", "EX", "ME"};

	if (line.len < 2 || (line.len > 2 && line.p[2] != ' '))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (memcmp(line.p, codes[i], 2) == 0)
			return true;
	return false;
}

/* The first line of a reply. */
static enum frame_result take_first_line(struct frame *frame, struct span line)
{
	struct span value = span_of("VA ");

	if (is_one_line(line))
		return end_line(frame);
	if (span_starts_with(line, value))
		return begin_meta_value(frame, span_skip(line, value.len));
	if (is_meta_line(line)) {
		frame->values = line.p[0] == 'H';
		return end_line(frame);
	}
	if (frame->until_barrier && span_equal_str(line, "MN"))
		return FRAME_DONE;
	return garbage(frame, "a line that begins no memcached reply");
}

/* Take the word off a line that a value follows. False if it is another line. */
static bool skip_value_word(const struct frame *frame, struct span *line)
{
	struct span value = span_of("VALUE "), config = span_of("CONFIG ");

	if (span_starts_with(*line, value))
		*line = span_skip(*line, value.len);
	else if (frame->is_config && span_starts_with(*line, config))
		*line = span_skip(*line, config.len);
	else
		return false;
	return true;
}

/* One whole line, its line end cut off. */
static enum frame_result take_line(struct frame *frame, struct span line)
{
	struct span header = line;
	uint64_t bytes;

	if (span_equal_str(line, "END") && frame->owed < IN_LAST_VALUE && !frame->until_barrier)
		return FRAME_DONE;
	if (frame->owed <= IN_VALUES && skip_value_word(frame, &header)) {
		if (!read_value_header(header, &bytes))
			return garbage(frame, "a bad VALUE line");
		frame->owed = IN_VALUES;
		frame->values++;
		frame->skip = bytes + 2;
		return FRAME_MORE;
	}
	if ((frame->owed == AT_START || frame->owed == IN_LIST) && is_list_line(line)) {
		frame->owed = IN_LIST;
		return FRAME_MORE;
	}
	if (frame->owed == AT_START)
		return take_first_line(frame, line);
	if (frame->owed == AT_BARRIER && span_equal_str(line, "MN"))
		return FRAME_DONE;
	/* Out of memory amid a get: memcached says so in place of END. */
	if (frame->owed == IN_VALUES && is_error(line))
		return end_line(frame);
	return garbage(frame, "a line that begins no memcached reply");
}

/* What there is of a value and its line end. False if that is none. */
static bool take_payload(struct frame *frame, struct span in, size_t *took)
{
	size_t left = in.len - *took;

	if (frame->skip > 2) {
		size_t n = left < frame->skip - 2 ? left : frame->skip - 2;

		*took += n;
		frame->skip -= n;
	}
	while (frame->skip > 0 && frame->skip <= 2 && *took < in.len) {
		if (in.p[*took] != (frame->skip == 2 ? '\r' : '\n'))
			return false;
		++*took;
		frame->skip--;
	}
	return true;
}

enum frame_result mc_reply_scan(struct frame *frame, struct span in, size_t *took)
{
	*took = 0;
	if (in.len == 0)
		return FRAME_MORE;
	frame_begin(frame, in.p[0]);
	for (;;) {
		if (frame->skip > 0 && !take_payload(frame, in, took))
			return garbage(frame, "a value that does not end where it says");
		struct span rest = span_skip(in, *took);
		if (frame->skip == 0 && frame->owed == IN_LAST_VALUE)
			return FRAME_DONE;
		if (frame->skip > 0 || rest.len == 0)
			return FRAME_MORE;
		size_t window = rest.len < MC_REPLY_LINE_MAX ? rest.len : MC_REPLY_LINE_MAX;
		const char *newline = memchr(rest.p, '\n', window);
		if (newline == NULL && window < MC_REPLY_LINE_MAX)
			return FRAME_MORE;
		if (newline == NULL || newline == rest.p || newline[-1] != '\r')
			return garbage(frame, newline == NULL ? "a line without end"
							      : "a line that ends without CR");
		size_t len = (size_t)(newline - rest.p) + 1;
		enum frame_result result = take_line(frame, span_make(rest.p, len - 2));
		if (result == FRAME_BAD)
			return FRAME_BAD;
		*took += len;
		if (result == FRAME_DONE)
			return FRAME_DONE;
	}
}
