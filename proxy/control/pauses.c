#include "control/pauses.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/alloc.h"
#include "base/log.h"

struct paused {
	LIST_ENTRY(paused) link;
	struct pauses *pauses;
	char *pool;
	enum pause pause;
	struct timer *timer;
};

LIST_HEAD(paused_list, paused);

struct pauses {
	struct loop *loop;
	void (*on_end)(void *arg);
	void *arg;
	struct paused_list list;
};

struct pauses *pauses_new(struct loop *loop, void (*on_end)(void *arg), void *arg)
{
	struct pauses *pauses = alloc_zeroed(1, sizeof(*pauses));

	pauses->loop = loop;
	pauses->on_end = on_end;
	pauses->arg = arg;
	LIST_INIT(&pauses->list);
	return pauses;
}

static void end(struct paused *paused)
{
	LIST_REMOVE(paused, link);
	timer_free(paused->timer);
	free(paused->pool);
	free(paused);
}

void pauses_free(struct pauses *pauses)
{
	if (pauses == NULL)
		return;
	while (!LIST_EMPTY(&pauses->list))
		/* It is off the list by then, which the analyzer does not see.
		 * NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
		end(LIST_FIRST(&pauses->list));
	free(pauses);
}

static struct paused *find(const struct pauses *pauses, const char *pool)
{
	struct paused *paused;

	LIST_FOREACH (paused, &pauses->list, link)
		if (strcmp(paused->pool, pool) == 0)
			return paused;
	return NULL;
}

static void on_timer(void *arg)
{
	struct paused *paused = arg;
	struct pauses *pauses = paused->pauses;

	log_write(LOG_LEVEL_WARN, "pool %s: its pause has ended by itself", paused->pool);
	end(paused);
	pauses->on_end(pauses->arg);
}

void pauses_set(struct pauses *pauses, const char *pool, enum pause pause, uint32_t for_ms)
{
	struct paused *paused = find(pauses, pool);

	if (pause == PAUSE_NONE) {
		log_write(LOG_LEVEL_INFO, "pool %s: %s", pool,
			  paused != NULL ? "resumed" : "to be resumed, but it is not paused");
		if (paused != NULL)
			end(paused);
		return;
	}
	log_write(LOG_LEVEL_INFO, "pool %s: %s paused for %u ms", pool,
		  pause == PAUSE_ALL ? "all requests are" : "writes are", for_ms);
	if (paused == NULL) {
		paused = alloc_zeroed(1, sizeof(*paused));
		paused->pauses = pauses;
		paused->pool = alloc_string(pool);
		paused->timer = timer_new(pauses->loop, on_timer, paused);
		LIST_INSERT_HEAD(&pauses->list, paused, link);
	}
	paused->pause = pause;
	timer_start(paused->timer, for_ms);
}

enum pause pauses_of(const struct pauses *pauses, const char *pool)
{
	const struct paused *paused = find(pauses, pool);

	return paused != NULL ? paused->pause : PAUSE_NONE;
}
