#include "fake_node.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "fake_inside.h"

#define ANSWERS_MAX 256
#define AWAY_MAX    32
#define STEP_MS	    5

static struct {
	uint16_t port;
	const char *question;
	struct span answer; /* p is NULL: none */
	uint32_t n_asked;
} answers[ANSWERS_MAX];
static size_t n_answers;
static uint16_t away[AWAY_MAX];
static size_t n_away;

void fake_node_answer_bytes(uint16_t port, const char *question, struct span answer)
{
	size_t i = 0;

	while (i < n_answers &&
	       (answers[i].port != port || strcmp(answers[i].question, question) != 0))
		i++;
	ck_assert_uint_lt(i, ANSWERS_MAX);
	if (i == n_answers)
		n_answers++;
	answers[i].port = port;
	answers[i].question = question;
	answers[i].answer = answer;
}

void fake_node_answer(uint16_t port, const char *question, const char *answer)
{
	fake_node_answer_bytes(port, question,
			       answer != NULL ? span_of(answer) : span_make(NULL, 0));
}

static bool is_there(uint16_t port)
{
	for (size_t i = 0; i < n_away; i++)
		if (away[i] == port)
			return false;
	for (size_t i = 0; i < n_answers; i++)
		if (answers[i].port == port)
			return true;
	return false;
}

uint32_t fake_node_asked(uint16_t port, const char *question)
{
	for (size_t i = 0; i < n_answers; i++)
		if (answers[i].port == port && strcmp(answers[i].question, question) == 0)
			return answers[i].n_asked;
	return 0;
}

/* Answer the oldest question that the peer has got. */
static void answer(struct fake_peer *peer)
{
	struct span got = fake_got(peer);

	for (size_t i = 0; i < n_answers; i++) {
		struct span question = span_of(answers[i].question);

		if (answers[i].port != peer->port || !span_starts_with(got, question))
			continue;
		fake_take(peer, question.len);
		answers[i].n_asked++;
		if (answers[i].answer.p != NULL)
			fake_send(peer, answers[i].answer);
		return;
	}
	ck_abort_msg("port %d does not know %.*s", peer->port, (int)got.len, got.p);
}

/* What each node has to do now. False if it is nothing. */
static bool play(struct loop *loop)
{
	struct fake_peer *peer;
	bool has_acted = false;

	TAILQ_FOREACH (peer, &loop->peers, link) {
		if (peer->state == FAKE_CONNECTING && !peer->connect_is_due) {
			fake_connect(peer, is_there(peer->port) ? 0 : -ECONNREFUSED);
			has_acted = true;
		} else if (peer->state == FAKE_OPEN && fake_got(peer).len > 0) {
			answer(peer);
			has_acted = true;
		}
	}
	return has_acted;
}

void fake_fleet_settle(struct fake_fleet *fleet)
{
	do
		fake_settle(fleet->loop);
	while (play(fleet->loop));
}

void fake_fleet_advance_ms(struct fake_fleet *fleet, uint64_t ms)
{
	for (uint64_t at = 0; at < ms; at += STEP_MS) {
		fake_advance_ms(fleet->loop, ms - at < STEP_MS ? ms - at : STEP_MS);
		fake_fleet_settle(fleet);
	}
}

void fake_node_away(struct fake_fleet *fleet, uint16_t port)
{
	struct fake_peer *peer;

	ck_assert_uint_lt(n_away, AWAY_MAX);
	away[n_away++] = port;
	TAILQ_FOREACH (peer, &fleet->loop->peers, link)
		if (peer->port == port && peer->state == FAKE_OPEN)
			fake_end(peer, -ECONNRESET);
	fake_fleet_settle(fleet);
}

void fake_node_back(uint16_t port)
{
	for (size_t i = 0; i < n_away; i++)
		if (away[i] == port)
			away[i] = 0;
}

void fake_node_say(struct fake_fleet *fleet, uint16_t port, const char *bytes)
{
	struct fake_peer *peer;

	TAILQ_FOREACH (peer, &fleet->loop->peers, link)
		if (peer->port == port && peer->state == FAKE_OPEN)
			fake_send(peer, span_of(bytes));
	fake_fleet_settle(fleet);
}

static void on_found(void *arg, const struct found *found)
{
	struct fake_fleet *fleet = arg;

	ck_assert_uint_gt(found->n, 0);
	found_fini(&fleet->found);
	found_copy(&fleet->found, found);
	fleet->n_told++;
}

void fake_fleet_init(struct fake_fleet *fleet, enum pool_protocol protocol)
{
	*fleet = (struct fake_fleet){.pool = {.name = (char *)(uintptr_t) "p"}};
	fleet->pool.protocol = (int)protocol;
	fleet->pool.settings.connect_ms = 250;
	fleet->pool.settings.request_ms = 1000;
	n_answers = n_away = 0;
	memset(answers, 0, sizeof(answers));
	chunk_pool_init(&fleet->chunks, 64 << 20);
	fleet->loop = loop_new(&fleet->chunks);
}

void fake_fleet_begin(struct fake_fleet *fleet)
{
	const struct discovery_setup setup = {
		.loop = fleet->loop,
		.resolver = fleet->resolver,
		.pool = &fleet->pool,
		.on_found = on_found,
		.arg = fleet,
	};

	fleet->discovery = discovery_new(&setup);
	fake_fleet_advance_ms(fleet, 1);
}

void fake_fleet_end(struct fake_fleet *fleet)
{
	discovery_free(fleet->discovery);
	fake_settle(fleet->loop);
	loop_run_out(fleet->loop);
	found_fini(&fleet->found);
	chunk_pool_fini(&fleet->chunks);
	loop_free(fleet->loop);
}

const char *fake_fleet_text(const struct fake_fleet *fleet)
{
	static char out[8192];
	struct text text = {0};

	text_puts(&text, "");
	for (size_t i = 0; i < fleet->found.n; i++) {
		const struct found_shard *shard = &fleet->found.shards[i];

		text_printf(&text, "%s%s=%s", i > 0 ? " " : "",
			    shard->name != NULL ? shard->name : "",
			    shard->primary != NULL ? shard->primary : "?");
		for (size_t j = 0; j < shard->n_replicas; j++)
			text_printf(&text, "+%s", shard->replicas[j]);
		for (size_t j = 0; j < shard->n_slots; j++)
			text_printf(&text, "%c%u-%u", j > 0 ? ',' : '[', shard->slots[j].first,
				    shard->slots[j].last);
		text_puts(&text, shard->n_slots > 0 ? "]" : "");
	}
	snprintf(out, sizeof(out), "%s", text.p);
	text_free(&text);
	return out;
}

void fake_fleet_expect(const struct fake_fleet *fleet, const char *text)
{
	ck_assert_str_eq(fake_fleet_text(fleet), text);
}

void fake_fleet_expect_trouble(const struct fake_fleet *fleet, const char *text)
{
	const char *trouble = discovery_trouble(fleet->discovery);

	ck_assert_ptr_nonnull(trouble);
	ck_assert_msg(strstr(trouble, text) != NULL, "%s", trouble);
}
