#include <check.h>
#include <unistd.h>

#include "io_script.h"
#include "suites.h"

#define PIECE  1000
#define PIECES 200

/* An owner that takes a long body as it comes and holds it, as for a reply that waits. */
static struct stream *stream;
static struct chain body;
static int peer, n_sent;
static uint64_t missing;

static size_t on_bytes(void *owner, struct chunk *chunk, struct span bytes)
{
	(void)owner;
	chain_append(script_pool(), &body, chunk, bytes);
	missing -= bytes.len;
	stream_expect(stream, missing);
	return bytes.len;
}

static const struct stream_events events = {.on_bytes = on_bytes};

/* The next piece, once the one before it is there. */
static bool send_pieces(void)
{
	static const char piece[PIECE];

	if (body.bytes < (uint64_t)n_sent * PIECE)
		return false;
	if (n_sent == PIECES)
		return true;
	script_send(peer, span_make(piece, PIECE));
	n_sent++;
	return false;
}

static uint64_t pinned;

static void let_go(void)
{
	pinned = script_pool()->bytes_out;
	chain_clear(script_pool(), &body);
	stream_close(stream);
}

/* A node that sends slowly must not use up the memory with the rooms behind what it has sent. */
START_TEST(a_long_body_in_small_pieces_pins_little_more_than_itself)
{
	const struct io_step steps[] = {{"send_pieces", send_pieces}};
	int fds[2];

	struct loop *loop = script_begin();
	script_pair(_i == 1, fds);
	stream = stream_accept(loop, fds[0], _i == 1, &events, &stream);
	peer = fds[1];
	n_sent = 0;
	missing = 100 << 20;
	script_run(steps, 1, let_go);
	ck_assert_uint_le(pinned, 2 * PIECE * PIECES + 4 * CHUNK_BODY);
	close(peer);
}
END_TEST

Suite *stream_body_suite(void)
{
	Suite *suite = suite_create("stream_body");
	TCase *tcase = tcase_create("stream_body");

	tcase_add_loop_test(tcase, a_long_body_in_small_pieces_pins_little_more_than_itself, 0, 2);
	suite_add_tcase(suite, tcase);
	return suite;
}
