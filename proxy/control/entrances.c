#include "control/entrances.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "io/listener.h"
#include "route/endpoint.h"

/* On the heap one by one: its listener keeps a pointer to it while lists of them change. */
struct entrance {
	struct entrances *all;
	struct listener *listener;
	struct address address;
	uint16_t pool;
	bool stays; /* while a list is applied: the new list has it too */
};

struct entrances {
	struct loop *loop;
	struct inherited *inherited; /* borrowed, or NULL */
	void (*on_accept)(void *arg, uint16_t pool, int fd, bool is_unix);
	void *arg;
	struct entrance **list;
	size_t n;
};

static void on_accept(void *arg, int fd)
{
	const struct entrance *entrance = arg;

	entrance->all->on_accept(entrance->all->arg, entrance->pool, fd, entrance->address.is_unix);
}

static bool is_same(const struct address *a, const struct address *b)
{
	return a->is_unix == b->is_unix && a->port == b->port && strcmp(a->host, b->host) == 0;
}

/* The open entrance at that address, or NULL; one that the new list has already is none. */
static struct entrance *find(const struct entrances *all, const struct address *address)
{
	for (size_t i = 0; i < all->n; i++)
		if (!all->list[i]->stays && is_same(&all->list[i]->address, address))
			return all->list[i];
	return NULL;
}

static void close_entrance(struct entrance *entrance)
{
	listener_close(entrance->listener);
	free(entrance);
}

static struct entrance *open_entrance(struct entrances *all, const struct address *address,
				      struct error *error)
{
	struct entrance *entrance = alloc_zeroed(1, sizeof(*entrance));

	entrance->all = all;
	entrance->address = *address;
	const struct listener_setup setup = {all->loop,	     address->host, address->port,
					     all->inherited, on_accept,	    entrance};
	entrance->listener = listener_open(&setup, error);
	if (entrance->listener != NULL) {
		listener_hold(entrance->listener, all->inherited != NULL);
		return entrance;
	}
	free(entrance);
	return NULL;
}

/*
 * The entrance of a spec: one that stays or a new one, which is not in all->list. Its pool is not
 * changed yet: a later spec may fail, and clients come in meanwhile.
 */
static struct entrance *have(struct entrances *all, const struct entrance_spec *spec,
			     struct error *error)
{
	struct address address;

	if (address_parse(spec->text, spec->default_port, &address, error) != 0)
		return NULL;
	struct entrance *entrance = find(all, &address);
	if (entrance == NULL)
		return open_entrance(all, &address, error);
	entrance->stays = true;
	return entrance;
}

/* Back to what was before: new[0..n) is what was had so far. */
static void undo(struct entrances *all, struct entrance **new, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!new[i]->stays)
			close_entrance(new[i]);
	for (size_t i = 0; i < all->n; i++)
		all->list[i]->stays = false;
	free(new);
}

/* Put new[0..n), of which specs[0..n) tell, in the old list's place. */
static void commit(struct entrances *all, struct entrance **new, size_t n,
		   const struct entrance_spec *specs)
{
	for (size_t i = 0; i < n; i++) {
		new[i]->pool = specs[i].pool;
		if (!new[i]->stays)
			log_write(LOG_LEVEL_INFO, "pool %s: listening at %s", specs[i].name,
				  specs[i].text);
	}
	for (size_t i = 0; i < all->n; i++)
		if (!all->list[i]->stays)
			close_entrance(all->list[i]);
	for (size_t i = 0; i < n; i++)
		new[i]->stays = false;
	free(all->list);
	all->list = new;
	all->n = n;
}

struct entrances *entrances_new(struct loop *loop,
				void (*on_client)(void *arg, uint16_t pool, int fd, bool is_unix),
				void *arg)
{
	struct entrances *all = alloc_zeroed(1, sizeof(*all));

	all->loop = loop;
	all->on_accept = on_client;
	all->arg = arg;
	return all;
}

int entrances_apply(struct entrances *all, const struct entrance_spec *specs, size_t n,
		    struct error *error)
{
	struct entrance **new = alloc_zeroed(n, sizeof(struct entrance *));

	for (size_t i = 0; i < n; i++) {
		new[i] = have(all, &specs[i], error);
		if (new[i] == NULL) {
			undo(all, new, i);
			return -1;
		}
	}
	commit(all, new, n, specs);
	return 0;
}

void entrances_inherit(struct entrances *all, struct inherited *inherited)
{
	all->inherited = inherited;
	for (size_t i = 0; inherited == NULL && i < all->n; i++)
		listener_hold(all->list[i]->listener, false);
}

void entrances_share(struct entrances *all, bool is_shared)
{
	for (size_t i = 0; i < all->n; i++)
		listener_share(all->list[i]->listener, is_shared);
}

void entrances_each(const struct entrances *all,
		    void (*each)(void *arg, const struct listener *listener), void *arg)
{
	for (size_t i = 0; i < all->n; i++)
		each(arg, all->list[i]->listener);
}

void entrances_close(struct entrances *all)
{
	for (size_t i = 0; i < all->n; i++)
		close_entrance(all->list[i]);
	all->n = 0;
}

void entrances_free(struct entrances *all)
{
	if (all == NULL)
		return;
	entrances_close(all);
	free(all->list);
	free(all);
}
