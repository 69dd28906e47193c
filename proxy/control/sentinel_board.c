#include "control/sentinel_board.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/log.h"

static struct sentinel_view *views_of(const struct sentinel_board *board, size_t master)
{
	return &board->views[master * board->n_sentinels];
}

void sentinel_board_init(struct sentinel_board *board, const char *pool,
			 const struct string_list *masters, const struct string_list *sentinels)
{
	*board = (struct sentinel_board){
		.pool = pool,
		.masters = alloc_zeroed(masters->n, sizeof(board->masters[0])),
		.n_masters = masters->n,
		.n_sentinels = sentinels->n,
		.views = alloc_zeroed(masters->n * sentinels->n, sizeof(board->views[0])),
	};
	for (size_t i = 0; i < masters->n; i++) {
		board->masters[i].name = alloc_string(masters->v[i]);
		for (size_t k = 0; k < sentinels->n; k++)
			views_of(board, i)[k].sentinel = sentinels->v[k];
	}
}

void sentinel_board_fini(struct sentinel_board *board)
{
	for (size_t i = 0; i < board->n_masters; i++) {
		free(board->masters[i].name);
		free(board->masters[i].primary);
		text_free(&board->masters[i].quarrel);
	}
	for (size_t i = 0; i < board->n_masters * board->n_sentinels; i++)
		found_list_free(&board->views[i].replicas);
	free(board->views);
	free(board->masters);
}

void sentinel_board_take(struct sentinel_board *board, size_t master, size_t sentinel,
			 struct sentinel_view *view)
{
	struct sentinel_view *to = &views_of(board, master)[sentinel];
	const char *address = to->sentinel;

	found_list_free(&to->replicas);
	*to = *view;
	to->sentinel = address;
	to->is_heard = true;
	view->replicas = (struct string_list){0};
}

static void tell_quarrel(const struct sentinel_board *board, struct board_master *master,
			 const struct sentinel_view *views)
{
	struct text now = {0};

	text_puts(&now, "");
	if (!sentinel_disagree(views, board->n_sentinels, &now))
		text_reset(&now);
	if (now.len > 0 &&
	    (master->quarrel.len != now.len || strcmp(master->quarrel.p, now.p) != 0))
		log_write(LOG_LEVEL_WARN,
			  "pool %s: the Sentinels disagree on the primary of %s: %s", board->pool,
			  master->name, now.p);
	text_free(&master->quarrel);
	master->quarrel = now;
}

/* The replicas as they were told last, of the same primary. */
static void keep_replicas(const struct found *last, struct found_shard *shard)
{
	for (size_t i = 0; shard->primary != NULL && i < last->n; i++) {
		const struct found_shard *was = &last->shards[i];

		if (strcmp(was->name, shard->name) != 0 || was->primary == NULL ||
		    strcmp(was->primary, shard->primary) != 0)
			continue;
		for (size_t j = 0; j < was->n_replicas; j++)
			found_add_replica(shard, was->replicas[j]);
	}
}

static void take_primary(const struct sentinel_board *board, struct board_master *master,
			 const char *elected)
{
	if (elected == master->primary ||
	    (master->primary != NULL && strcmp(elected, master->primary) == 0))
		return;
	log_write(LOG_LEVEL_INFO, "pool %s: the Sentinels say that the primary of %s is %s",
		  board->pool, master->name, elected);
	free(master->primary);
	master->primary = alloc_string(elected);
}

/* Add the shard; `trouble` gets what is wrong with it, if nothing is wrong with one before. */
static void count_one(struct sentinel_board *board, size_t index, const struct found *last,
		      struct found *found, struct error *trouble)
{
	struct board_master *master = &board->masters[index];
	const struct sentinel_view *views = views_of(board, index);
	struct error why;
	bool is_sure;
	const char *elected =
		sentinel_elect(views, board->n_sentinels, master->primary, &is_sure, &why);

	tell_quarrel(board, master, views);
	if (why.text[0] != '\0' && trouble->text[0] == '\0')
		error_set(trouble, "primary of %s: %.200s", master->name, why.text);
	take_primary(board, master, elected);
	struct found_shard *shard = found_add(found, master->name, master->primary);
	if (is_sure)
		sentinel_add_replicas(views, board->n_sentinels, shard);
	else
		keep_replicas(last, shard);
}

bool sentinel_board_count(struct sentinel_board *board, const struct found *last,
			  struct found *found, struct error *trouble)
{
	bool has_primary = false;

	trouble->text[0] = '\0';
	for (size_t i = 0; i < board->n_masters; i++) {
		count_one(board, i, last, found, trouble);
		has_primary = has_primary || board->masters[i].primary != NULL;
	}
	return has_primary;
}
