#include "serve/worker.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "core/limits.h"
#include "io/mailbox.h"
#include "plan/pubsub.h"
#include "serve/clients.h"

enum letter_kind { LETTER_ADOPT, LETTER_DRAIN, LETTER_STOP, LETTER_CENSUS, LETTER_TOPOLOGY };

struct letter {
	struct mail mail;
	enum letter_kind kind;
	uint16_t pool;
	int fd;
	bool is_unix;
	struct census *census;
	struct topology *topology; /* with a reference */
};

struct worker {
	struct engine engine;
	struct clients clients;
	struct mailbox *mailbox;
	struct timer *sweep; /* closes idle clients; also publishes the memory in use */
	pthread_t thread;
	const struct worker_events *events;
	void *arg;
	bool drained, stopped;
};

static void on_relieve(void *arg)
{
	struct worker *worker = arg;

	clients_close_slowest(&worker->clients);
}

static void on_empty(void *arg)
{
	struct worker *worker = arg;

	if (worker->drained)
		return;
	worker->drained = true;
	worker->events->on_drained(worker->arg);
}

static void on_census(void *arg, struct census *census)
{
	struct worker *worker = arg;

	worker->events->on_census(worker->arg, census);
}

static void on_suspect(void *arg, uint16_t endpoint_id)
{
	struct worker *worker = arg;

	worker->events->on_suspect(worker->arg, endpoint_id);
}

static void on_sweep(void *arg)
{
	struct worker *worker = arg;
	struct engine *engine = &worker->engine;

	clients_close_idle(&worker->clients);
	atomic_store_explicit(&engine->stats->memory, engine->chunks.bytes_out,
			      memory_order_relaxed);
	timer_start(worker->sweep, IDLE_SWEEP_MS);
}

/* The loop ends once all that is open has closed. */
static void stop(struct worker *worker)
{
	worker->stopped = true;
	worker->clients.draining = false;
	clients_close_all(&worker->clients);
	census_end(&worker->clients);
	pubsub_shut(&worker->engine);
	engine_shut(&worker->engine);
	timer_free(worker->sweep);
	mailbox_free(worker->mailbox);
	loop_stop(worker->engine.loop);
}

/* The pool may have gone while its client was on the way. */
static void accept_client(struct worker *worker, const struct letter *letter)
{
	const struct pool *pool = topology_pool_at(worker->engine.topology, letter->pool);

	if (!worker->stopped && pool != NULL) {
		client_accept(&worker->clients, pool, letter->fd, letter->is_unix);
		return;
	}
	stat_add(&worker->engine.stats->pools[letter->pool]->closed, 1);
	close(letter->fd);
}

/* Clients before subscriptions: those of a pool that is gone take theirs along. */
static void adopt(struct worker *worker, struct topology *topology)
{
	if (!worker->stopped) {
		engine_adopt(&worker->engine, topology);
		clients_renew(&worker->clients);
		pubsub_adopt(&worker->engine);
		atomic_store_explicit(&worker->engine.stats->topology, topology->version,
				      memory_order_release);
	}
	topology_unref(topology);
}

static void on_mail(void *arg, struct mail *mail)
{
	struct worker *worker = arg;
	struct letter *letter = container_of(mail, struct letter, mail);

	switch (letter->kind) {
	case LETTER_ADOPT:
		accept_client(worker, letter);
		break;
	case LETTER_TOPOLOGY:
		adopt(worker, letter->topology);
		break;
	case LETTER_DRAIN:
		clients_drain(&worker->clients);
		break;
	case LETTER_STOP:
		stop(worker);
		break;
	case LETTER_CENSUS:
		if (worker->stopped)
			census_free(letter->census);
		else
			census_visit(&worker->clients, letter->census);
		break;
	}
	free(letter);
}

static void *run(void *arg)
{
	struct worker *worker = arg;

	timer_start(worker->sweep, IDLE_SWEEP_MS);
	loop_run(worker->engine.loop);
	loop_run_out(worker->engine.loop);
	return NULL;
}

/* A thread that gets no signals: they are the control thread's. */
static void start_thread(struct worker *worker)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (pthread_create(&worker->thread, NULL, run, worker) != 0) {
		fputs("slipring: cannot start a thread\n", stderr);
		abort();
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

struct worker *worker_start(const struct engine_setup *setup, const struct worker_events *events,
			    void *arg)
{
	struct worker *worker = alloc_zeroed(1, sizeof(*worker));

	engine_init(&worker->engine, setup);
	worker->engine.relieve = on_relieve;
	worker->engine.relieve_arg = worker;
	worker->engine.suspect = on_suspect;
	worker->engine.suspect_arg = worker;
	worker->clients.engine = &worker->engine;
	worker->clients.pass_on = on_census;
	worker->clients.pass_on_arg = worker;
	worker->clients.on_empty = on_empty;
	worker->clients.on_empty_arg = worker;
	TAILQ_INIT(&worker->clients.list);
	worker->mailbox = mailbox_new(worker->engine.loop, on_mail, worker);
	worker->sweep = timer_new(worker->engine.loop, on_sweep, worker);
	worker->events = events;
	worker->arg = arg;
	start_thread(worker);
	return worker;
}

static void post(struct worker *worker, struct letter letter)
{
	struct letter *copy = alloc_zeroed(1, sizeof(*copy));

	*copy = letter;
	mailbox_post(worker->mailbox, &copy->mail);
}

void worker_adopt(struct worker *worker, uint16_t pool, int fd, bool is_unix)
{
	post(worker,
	     (struct letter){.kind = LETTER_ADOPT, .pool = pool, .fd = fd, .is_unix = is_unix});
}

void worker_visit(struct worker *worker, struct census *census)
{
	post(worker, (struct letter){.kind = LETTER_CENSUS, .census = census});
}

void worker_tell_topology(struct worker *worker, struct topology *topology)
{
	post(worker, (struct letter){.kind = LETTER_TOPOLOGY, .topology = topology_ref(topology)});
}

void worker_drain(struct worker *worker)
{
	post(worker, (struct letter){.kind = LETTER_DRAIN});
}

void worker_stop(struct worker *worker)
{
	post(worker, (struct letter){.kind = LETTER_STOP});
	pthread_join(worker->thread, NULL);
	engine_fini(&worker->engine);
	free(worker);
}
