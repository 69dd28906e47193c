#include "control/crew.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "core/herd.h"
#include "core/scripts.h"
#include "core/writes.h"
#include "io/mailbox.h"
#include "serve/worker.h"

#define SETTLE_MS 200
#define EARLY_MAX 1024 /* clients that wait for the topology that has their pool */

/* A client that came before the workers were told of its pool. */
struct early {
	uint16_t pool_index;
	int fd;
	bool is_unix;
};

struct crew {
	struct topology *topology; /* what the workers were told last; NULL: they are not started */
	struct stats **stats;	   /* by worker, and one block more */
	struct worker **workers;
	uint16_t n, n_drained;
	uint64_t memory;
	struct mailbox *reports, *censuses;
	const struct crew_events *events;
	void *arg;
	struct scripts *scripts;
	struct writes *writes;
	struct herd_marks *marks;
	struct early early[EARLY_MAX];
	size_t n_early;
};

/* ------------------------------------------------------------------ accepting */

static uint64_t open_of(const struct crew *crew, uint16_t worker, uint16_t pool_index)
{
	const struct pool_stats *stats = crew->stats[worker]->pools[pool_index];

	return stat_get(&stats->opened) - stat_get(&stats->closed);
}

/* The worker with the fewest clients, of all pools; *open: how many the one pool has over all. */
static uint16_t least_busy(const struct crew *crew, uint16_t pool_index, uint64_t *open)
{
	uint64_t fewest = UINT64_MAX;
	uint16_t best = 0;

	*open = 0;
	for (uint16_t w = 0; w < crew->n; w++) {
		uint64_t clients = 0;

		for (uint16_t p = 0; p < crew->topology->n_pools; p++)
			clients += open_of(crew, w, crew->topology->pools[p].index);
		*open += open_of(crew, w, pool_index);
		if (clients < fewest) {
			fewest = clients;
			best = w;
		}
	}
	return best;
}

static void refuse(struct crew *crew, const struct pool *pool, int fd)
{
	static struct log_site site;
	const char *line = engine_codec(pool)->too_many;
	struct iovec iov[] = {{(void *)(uintptr_t)line, strlen(line)}, {(void *)"\r\n", 2}};
	struct msghdr message = {.msg_iov = iov, .msg_iovlen = 2};

	log_limited(&site, LOG_LEVEL_WARN, "pool %s: limits.clients (%u) is reached: refusing",
		    pool->name, pool->settings.clients);
	/* A fresh socket has room for a line; if not, the close says enough. */
	ssize_t sent = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	(void)sent;
	close(fd);
	stat_add(&crew->stats[crew->n]->counter[STAT_CLIENTS_REFUSED], 1);
}

static void keep_early(struct crew *crew, struct early early)
{
	if (crew->n_early < EARLY_MAX)
		crew->early[crew->n_early++] = early;
	else
		close(early.fd);
}

/* One whose pool is still not there keeps waiting. */
static void accept_early(struct crew *crew)
{
	size_t n = crew->n_early;

	crew->n_early = 0;
	for (size_t i = 0; i < n; i++)
		crew_accept(crew, crew->early[i].pool_index, crew->early[i].fd,
			    crew->early[i].is_unix);
}

void crew_accept(struct crew *crew, uint16_t pool_index, int fd, bool is_unix)
{
	const struct pool *pool =
		crew->topology != NULL ? topology_pool_at(crew->topology, pool_index) : NULL;
	uint64_t open;

	if (pool == NULL) {
		keep_early(crew, (struct early){pool_index, fd, is_unix});
		return;
	}
	uint16_t w = least_busy(crew, pool_index, &open);
	if (open >= pool->settings.clients) {
		refuse(crew, pool, fd);
		return;
	}
	stat_add(&crew->stats[w]->pools[pool_index]->opened, 1);
	worker_adopt(crew->workers[w], pool_index, fd, is_unix);
}

/* ------------------------------------------------------------------ from the workers */

/* From a worker's thread to this one. */
struct report {
	struct mail mail;
	bool is_drained;
	uint16_t endpoint_id; /* of a node that failed */
};

static void post(struct crew *crew, struct report report)
{
	struct report *copy = alloc_zeroed(1, sizeof(*copy));

	*copy = report;
	mailbox_post(crew->reports, &copy->mail);
}

/* In the worker's thread. */
static void on_drained(void *arg)
{
	post(arg, (struct report){.is_drained = true});
}

/* In the worker's thread. */
static void on_suspect(void *arg, uint16_t endpoint_id)
{
	post(arg, (struct report){.endpoint_id = endpoint_id});
}

static void on_report(void *arg, struct mail *mail)
{
	struct crew *crew = arg;
	struct report *report = container_of(mail, struct report, mail);
	bool is_drained = report->is_drained;
	uint16_t endpoint_id = report->endpoint_id;

	free(report);
	if (!is_drained)
		crew->events->on_suspect(crew->arg, endpoint_id);
	else if (++crew->n_drained == crew->n)
		crew->events->on_drained(crew->arg);
}

/* In the worker's thread. */
static void on_census(void *arg, struct census *census)
{
	struct crew *crew = arg;

	mailbox_post(crew->censuses, &census->mail);
}

/* To each worker in turn, and then back to the one that asked. */
static void pass_census_on(void *arg, struct mail *mail)
{
	struct crew *crew = arg;
	struct census *census = container_of(mail, struct census, mail);
	uint16_t to = census->next < crew->n ? census->next : census->origin;

	census->next++;
	if (crew->workers[to] != NULL)
		worker_visit(crew->workers[to], census);
	else
		census_free(census);
}

/* ------------------------------------------------------------------ life */

static const struct worker_events worker_events = {on_drained, on_census, on_suspect};

static void start(struct crew *crew, uint16_t w)
{
	struct engine_setup setup = {
		.topology = crew->topology,
		.all_stats = crew->stats,
		.worker = w,
		.n_workers = crew->n,
		.scripts = crew->scripts,
		.writes = crew->writes,
		.marks = crew->marks,
		.memory = crew->memory / crew->n,
	};

	if (getrandom(&setup.seed, sizeof(setup.seed), 0) < 0)
		setup.seed = (uint64_t)time(NULL) + w;
	atomic_store_explicit(&crew->stats[w]->topology, crew->topology->version,
			      memory_order_relaxed);
	crew->workers[w] = worker_start(&setup, &worker_events, crew);
}

struct crew *crew_new(struct loop *loop, uint16_t n_workers, uint64_t memory,
		      const struct crew_events *events, void *arg)
{
	struct crew *crew = alloc_zeroed(1, sizeof(*crew));
	const struct topology nothing = {0};

	crew->n = n_workers;
	crew->memory = memory;
	crew->events = events;
	crew->arg = arg;
	crew->reports = mailbox_new(loop, on_report, crew);
	crew->censuses = mailbox_new(loop, pass_census_on, crew);
	crew->stats = alloc_zeroed((size_t)n_workers + 1, sizeof(struct stats *));
	for (uint16_t w = 0; w <= n_workers; w++)
		crew->stats[w] = stats_new(&nothing);
	crew->workers = alloc_zeroed(n_workers, sizeof(struct worker *));
	crew->scripts = scripts_new();
	crew->writes = writes_new();
	crew->marks = herd_marks_new();
	return crew;
}

struct stats *const *crew_stats(const struct crew *crew)
{
	return crew->stats;
}

uint16_t crew_size(const struct crew *crew)
{
	return crew->n;
}

void crew_tell(struct crew *crew, struct topology *topology, bool (*is_new)(void *arg, uint16_t id),
	       void *arg)
{
	struct topology *before = crew->topology;

	for (uint16_t w = 0; w <= crew->n; w++)
		stats_prepare(crew->stats[w], topology, is_new, arg);
	crew->topology = topology_ref(topology);
	for (uint16_t w = 0; w < crew->n; w++)
		if (before == NULL)
			start(crew, w);
		else
			worker_tell_topology(crew->workers[w], topology);
	if (before != NULL)
		topology_unref(before);
	accept_early(crew);
}

uint64_t crew_clients(const struct crew *crew)
{
	uint64_t n = 0;

	for (uint16_t w = 0; w < crew->n; w++)
		for (uint32_t p = 0; p <= UINT16_MAX; p++)
			if (crew->stats[w]->pools[p] != NULL)
				n += open_of(crew, w, (uint16_t)p);
	return n;
}

static bool is_settled(const struct crew *crew)
{
	for (uint16_t w = 0; w < crew->n; w++)
		if (atomic_load_explicit(&crew->stats[w]->topology, memory_order_acquire) <
		    crew->topology->version)
			return false;
	return true;
}

/* Workers never wait for this thread, so it may wait for them; one that is stuck is not waited for. */
void crew_settle(const struct crew *crew)
{
	const struct timespec ms = {.tv_nsec = 1000000};

	for (int i = 0; i < SETTLE_MS && crew->topology != NULL && !is_settled(crew); i++)
		nanosleep(&ms, NULL);
}

void crew_drain(struct crew *crew)
{
	for (uint16_t w = 0; w < crew->n; w++)
		worker_drain(crew->workers[w]);
}

bool crew_is_drained(const struct crew *crew)
{
	return crew->n_drained == crew->n;
}

void crew_stop(struct crew *crew)
{
	for (uint16_t w = 0; w < crew->n; w++)
		if (crew->workers[w] != NULL) {
			worker_stop(crew->workers[w]);
			crew->workers[w] = NULL;
		}
	mailbox_free(crew->reports);
	mailbox_free(crew->censuses);
}

void crew_free(struct crew *crew)
{
	for (uint16_t w = 0; w <= crew->n; w++)
		stats_free(crew->stats[w]);
	scripts_free(crew->scripts);
	writes_free(crew->writes);
	herd_marks_free(crew->marks);
	for (size_t i = 0; i < crew->n_early; i++)
		close(crew->early[i].fd);
	if (crew->topology != NULL)
		topology_unref(crew->topology);
	free(crew->stats);
	free(crew->workers);
	free(crew);
}
