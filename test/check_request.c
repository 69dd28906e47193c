#include <check.h>

#include "core/request.h"
#include "data_path.h"
#include "suites.h"

static struct data_path dp;
static struct request_list list;
static uint32_t n_finished;

static void tear_down(void)
{
	data_path_end(&dp);
}

static void on_finished(struct request *request)
{
	ck_assert(request->finished);
	n_finished++;
}

static const struct request_events events = {.on_finished = on_finished};

static void begin(enum pool_protocol protocol)
{
	data_path_init(&dp, (struct data_path_setup){.protocol = protocol});
	TAILQ_INIT(&list);
	n_finished = 0;
}

static struct request *new_request(void)
{
	struct request *request = request_new(&dp.engine, dp.pool, NULL, &list);

	request->events = &events;
	return request;
}

static void free_request(struct request *request)
{
	TAILQ_REMOVE(&list, request, order);
	request_free(request);
}

static const char *reply_of(const struct request *request)
{
	static char text[256];

	text[chain_peek(&request->reply, text, sizeof(text) - 1)] = '\0';
	return text;
}

START_TEST(begins_empty_at_the_end_of_its_list)
{
	begin(PROTOCOL_REDIS);
	fake_advance_ms(dp.loop, 5);
	struct request *first = new_request(), *second = new_request();

	ck_assert_ptr_eq(TAILQ_FIRST(&list), first);
	ck_assert_ptr_eq(TAILQ_NEXT(first, order), second);
	ck_assert(chain_is_empty(&first->reply));
	ck_assert_uint_eq(first->begun_us, loop_now_us(dp.loop));
	ck_assert(!first->finished && !first->quiet && !first->is_error && !first->broken);
	free_request(first);
	free_request(second);
}
END_TEST

START_TEST(a_line_of_the_proxys_own_gets_its_line_end)
{
	begin(PROTOCOL_REDIS);
	struct request *good = new_request(), *bad = new_request();

	request_finish_line(good, span_of("+OK"), false);
	request_finish_line(bad, span_of("-ERR no"), true);
	ck_assert_uint_eq(n_finished, 2);
	ck_assert_str_eq(reply_of(good), "+OK\r\n");
	ck_assert_str_eq(reply_of(bad), "-ERR no\r\n");
	ck_assert(!good->is_error && bad->is_error);
	free_request(good);
	free_request(bad);
}
END_TEST

static const struct {
	enum pool_protocol protocol;
	const char *reply;
} prefixes[] = {
	{PROTOCOL_MEMCACHED, "SERVER_ERROR slipring: shard a: gone\r\n"},
	{PROTOCOL_REDIS, "-ERR slipring: shard a: gone\r\n"},
};

START_TEST(a_failure_is_told_as_the_protocol_has_it)
{
	begin(prefixes[_i].protocol);
	struct request *request = new_request();

	request_fail(request, "shard a: gone");
	ck_assert_str_eq(reply_of(request), prefixes[_i].reply);
	ck_assert(request->is_error);
	free_request(request);
}
END_TEST

START_TEST(takes_its_parts_and_key_map_along)
{
	begin(PROTOCOL_REDIS);
	struct request *request = new_request();

	for (int i = 0; i < 3; i++) {
		struct call *part = slab_get(&dp.engine.calls);

		call_init(part, request, true);
		chain_copy(&dp.engine.chunks, &part->bytes, span_of("x"));
		chain_copy(&dp.engine.chunks, &part->reply, span_of("y"));
		part->next = request->parts;
		request->parts = part;
	}
	request->key_map = chunk_new(&dp.engine.chunks, 100);
	chain_copy(&dp.engine.chunks, &request->reply, span_of("z"));
	free_request(request);
}
END_TEST

START_TEST(a_part_embedded_in_the_request_goes_with_it)
{
	begin(PROTOCOL_REDIS);
	struct request *request = new_request();

	call_init(&request->first, request, true);
	request->parts = &request->first;
	chain_copy(&dp.engine.chunks, &request->first.reply, span_of("y"));
	free_request(request);
}
END_TEST

Suite *request_suite(void)
{
	Suite *suite = suite_create("request");
	TCase *tcase = tcase_create("request");

	tcase_add_checked_fixture(tcase, NULL, tear_down);
	tcase_add_test(tcase, begins_empty_at_the_end_of_its_list);
	tcase_add_test(tcase, a_line_of_the_proxys_own_gets_its_line_end);
	tcase_add_loop_test(tcase, a_failure_is_told_as_the_protocol_has_it, 0,
			    ARRAY_LEN(prefixes));
	tcase_add_test(tcase, takes_its_parts_and_key_map_along);
	tcase_add_test(tcase, a_part_embedded_in_the_request_goes_with_it);
	suite_add_tcase(suite, tcase);
	return suite;
}
