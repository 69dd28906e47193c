#include "control/succession.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/log.h"
#include "control/systemd.h"
#include "control/takeover.h"

#define COUNT_MS 100 /* between looks at how many clients are left */

struct succession {
	struct succession_setup setup;
	struct takeover *takeover; /* NULL: none is configured, or it has ended */
	struct inherited *sockets;
	struct timer *count, *grace; /* since the next one accepts */
	bool is_taken, has_failed, has_ended;
};

/* ------------------------------------------------------------------ as the old process */

static void offer(void *arg, const struct listener *listener)
{
	struct succession *s = arg;
	enum inherited_owner owner;
	int fd;

	for (size_t i = 0; (fd = listener_descriptor(listener, i, &owner)) >= 0; i++)
		takeover_offer(s->takeover, fd, owner);
}

/* By which the admin endpoints are reached, or NULL. */
static struct listener *admin_of(const struct succession *s)
{
	const struct admin *admin = s->setup.events->admin(s->setup.arg);

	return admin != NULL ? admin_listener(admin) : NULL;
}

static void on_asked(void *arg)
{
	struct succession *s = arg;

	entrances_each(s->setup.entrances, offer, s);
	if (admin_of(s) != NULL)
		offer(s, admin_of(s));
}

static void share(struct succession *s, bool is_shared)
{
	entrances_share(s->setup.entrances, is_shared);
	if (admin_of(s) != NULL)
		listener_share(admin_of(s), is_shared);
}

static uint64_t clients_of(const struct succession *s)
{
	return s->setup.events->clients(s->setup.arg);
}

static void on_count(void *arg)
{
	struct succession *s = arg;

	/* Until the next process answers at the path this one must, or a third would find nobody. */
	if (clients_of(s) == 0 && takeover_is_over(s->takeover))
		s->setup.events->leave(s->setup.arg, "taken over, and the last client has gone");
	else
		timer_start(s->count, COUNT_MS);
}

static void on_grace_over(void *arg)
{
	struct succession *s = arg;

	s->setup.events->leave(s->setup.arg, s->has_failed ? "the process that runs already goes on"
							   : "takeover_grace is over");
}

static void on_taken(void *arg)
{
	struct succession *s = arg;

	s->is_taken = true;
	share(s, true);
	entrances_close(s->setup.entrances);
	if (admin_of(s) != NULL)
		admin_leave(s->setup.events->admin(s->setup.arg));
	log_write(LOG_LEVEL_INFO, "taken over: serving the %" PRIu64 " clients that are here",
		  clients_of(s));
	systemd_status("Taken over; clients that were here are served on");
	s->setup.events->on_taken(s->setup.arg);
	timer_start(s->grace, s->setup.events->grace_ms(s->setup.arg));
	timer_start(s->count, COUNT_MS);
}

/* ------------------------------------------------------------------ as the next process */

static void on_settled(void *arg)
{
	struct succession *s = arg;

	share(s, false);
	inherited_close_rest(s->sockets);
}

static void on_failed(void *arg)
{
	struct succession *s = arg;

	s->has_failed = true;
	timer_start(s->grace, 0); /* leaving ends the takeover, which is in the middle of this */
}

static const struct takeover_events events = {on_asked, on_taken, on_settled, on_failed};

/* ------------------------------------------------------------------ life */

static int gather(struct succession *s, const char *path, struct error *error)
{
	systemd_take_sockets(s->sockets);
	if (path == NULL)
		return 0;
	s->takeover = takeover_open(s->setup.loop, path, &events, s, error);
	if (s->takeover == NULL)
		return -1;
	return takeover_ask(s->takeover, s->sockets, error) < 0 ? -1 : 0;
}

struct succession *succession_new(const struct succession_setup *setup, struct error *error)
{
	struct succession *s = alloc_zeroed(1, sizeof(*s));

	s->setup = *setup;
	s->setup.path = NULL; /* the configuration may go */
	s->sockets = inherited_new();
	s->count = timer_new(setup->loop, on_count, s);
	s->grace = timer_new(setup->loop, on_grace_over, s);
	entrances_inherit(setup->entrances, s->sockets);
	if (gather(s, setup->path, error) == 0)
		return s;
	succession_free(s);
	return NULL;
}

struct inherited *succession_sockets(struct succession *s)
{
	return s->sockets;
}

void succession_begin(struct succession *s)
{
	if (s->has_ended)
		return;
	entrances_inherit(s->setup.entrances, NULL);
	/* What the old process passed is kept until it has let go: it may go on with it after all. */
	if (s->takeover == NULL || !takeover_has_old(s->takeover))
		inherited_close_rest(s->sockets);
	if (s->takeover != NULL)
		takeover_begin(s->takeover);
}

bool succession_is_taken(const struct succession *s)
{
	return s->is_taken;
}

void succession_before_close(struct succession *s)
{
	if (s->takeover != NULL && takeover_is_offered(s->takeover))
		share(s, true);
}

void succession_end(struct succession *s)
{
	s->has_ended = true;
	timer_stop(s->count);
	timer_stop(s->grace);
	takeover_close(s->takeover);
	s->takeover = NULL;
}

bool succession_has_failed(const struct succession *s)
{
	return s->has_failed;
}

void succession_free(struct succession *s)
{
	if (s == NULL)
		return;
	entrances_inherit(s->setup.entrances, NULL);
	takeover_close(s->takeover);
	inherited_free(s->sockets);
	timer_free(s->count);
	timer_free(s->grace);
	free(s);
}
