#include "control/control.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "control/admin_http.h"
#include "control/entrances.h"
#include "control/view.h"
#include "core/herd.h"
#include "core/scripts.h"
#include "core/writes.h"
#include "io/mailbox.h"
#include "serve/worker.h"

/* A pool's clients, as the control thread counts them: it opens, the workers close. */
struct door {
	uint64_t *opened; /* by worker */
};

struct control {
	const struct config *config;
	struct loop *loop;
	struct mailbox *mailbox, *censuses;
	struct topology *topology;
	struct stats **stats; /* by worker */
	struct worker **workers;
	uint16_t n_workers, n_drained;
	struct entrances *entrances;
	struct door *doors; /* by pool */
	struct admin *admin;
	struct view view;
	struct scripts *scripts;
	struct writes *writes;
	struct herd_marks *marks;
	struct timer *grace;
	struct signal_watch *signals[3];
};

static const int watched_signals[3] = {SIGTERM, SIGINT, SIGHUP};

/* ------------------------------------------------------------------ accepting */

static uint64_t closed_by(const struct control *control, uint16_t worker, uint16_t pool)
{
	return stat_get(&control->stats[worker]->pools[pool].closed);
}

/* The worker with the fewest clients, of all pools; *open: how many `pool` has over all. */
static uint16_t least_busy(const struct control *control, uint16_t pool, uint64_t *open)
{
	uint64_t fewest = UINT64_MAX;
	uint16_t best = 0;

	*open = 0;
	for (uint16_t w = 0; w < control->n_workers; w++) {
		uint64_t clients = 0;

		for (uint16_t p = 0; p < control->topology->n_pools; p++)
			clients += control->doors[p].opened[w] - closed_by(control, w, p);
		*open += control->doors[pool].opened[w] - closed_by(control, w, pool);
		if (clients < fewest) {
			fewest = clients;
			best = w;
		}
	}
	return best;
}

static void refuse(struct control *control, uint16_t pool, int fd)
{
	static struct log_site site;
	const char *line = engine_codec(&control->topology->pools[pool])->too_many;
	struct iovec iov[] = {{(void *)(uintptr_t)line, strlen(line)}, {(void *)"\r\n", 2}};
	struct msghdr message = {.msg_iov = iov, .msg_iovlen = 2};

	log_limited(&site, LOG_LEVEL_WARN, "pool %s: limits.clients (%u) is reached: refusing",
		    control->topology->pools[pool].name,
		    control->topology->pools[pool].settings.clients);
	/* A fresh socket has room for a line; if not, the close says enough. */
	ssize_t sent = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	(void)sent;
	close(fd);
	stat_add(&control->stats[control->n_workers]->counter[STAT_CLIENTS_REFUSED], 1);
}

static void on_accept(void *arg, uint16_t pool, int fd, bool is_unix)
{
	struct control *control = arg;
	uint64_t open;
	uint16_t w = least_busy(control, pool, &open);

	if (open >= control->topology->pools[pool].settings.clients) {
		refuse(control, pool, fd);
		return;
	}
	control->doors[pool].opened[w]++;
	worker_adopt(control->workers[w], pool, fd, is_unix);
}

/* Listen where the configuration says. */
static int open_entrances(struct control *control, struct error *error)
{
	const struct config *config = control->config;
	size_t n = 0;

	for (size_t i = 0; i < config->n_pools; i++)
		n += config->pools[i].listen.n;
	struct entrance_spec *specs = alloc_zeroed(n, sizeof(*specs));
	n = 0;
	for (size_t i = 0; i < config->n_pools; i++)
		for (size_t j = 0; j < config->pools[i].listen.n; j++)
			specs[n++] = (struct entrance_spec){
				(uint16_t)i,
				config->pools[i].protocol == PROTOCOL_REDIS ? 6379 : 11211,
				config->pools[i].name,
				config->pools[i].listen.v[j],
			};
	int result = entrances_apply(control->entrances, specs, n, error);
	free(specs);
	return result;
}

static int open_admin(struct control *control, struct error *error)
{
	const char *text = control->config->admin_listen;
	struct address address;

	if (text == NULL)
		return 0;
	if (address_parse(text, 0, &address, error) != 0)
		return -1;
	control->admin =
		admin_open(control->loop, address.host, address.port, &control->view, error);
	return control->admin == NULL ? -1 : 0;
}

/* ------------------------------------------------------------------ workers */

static uint16_t available_cores(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return 1;
	return (uint16_t)CPU_COUNT(&set);
}

/* In the worker's thread. */
static void on_drained(void *arg)
{
	struct control *control = arg;
	struct mail *mail = alloc_zeroed(1, sizeof(*mail));

	mailbox_post(control->mailbox, mail);
}

static void on_mail(void *arg, struct mail *mail)
{
	struct control *control = arg;

	free(mail);
	if (++control->n_drained == control->n_workers)
		loop_stop(control->loop);
}

/* In the worker's thread. */
static void on_census(void *arg, struct census *census)
{
	struct control *control = arg;

	mailbox_post(control->censuses, &census->mail);
}

/* To each worker in turn, and then back to the one that asked. */
static void pass_census_on(void *arg, struct mail *mail)
{
	struct control *control = arg;
	struct census *census = container_of(mail, struct census, mail);
	uint16_t to = census->next < control->n_workers ? census->next : census->origin;

	census->next++;
	if (control->workers[to] != NULL)
		worker_visit(control->workers[to], census);
	else
		census_free(census);
}

static const struct worker_events worker_events = {on_drained, on_census};

static void start_workers(struct control *control)
{
	for (uint16_t w = 0; w < control->n_workers; w++) {
		struct engine_setup setup = {
			.topology = control->topology,
			.all_stats = control->stats,
			.worker = w,
			.n_workers = control->n_workers,
			.scripts = control->scripts,
			.writes = control->writes,
			.marks = control->marks,
			.memory = control->config->memory / control->n_workers,
		};

		if (getrandom(&setup.seed, sizeof(setup.seed), 0) < 0)
			setup.seed = (uint64_t)time(NULL) + w;
		control->workers[w] = worker_start(&setup, &worker_events, control);
	}
}

/* ------------------------------------------------------------------ life */

static void on_grace_over(void *arg)
{
	struct control *control = arg;

	log_write(LOG_LEVEL_WARN, "shutdown_grace is over: closing what is left");
	loop_stop(control->loop);
}

static void drain(struct control *control, int signum)
{
	log_write(LOG_LEVEL_INFO, "%s: draining", signum == SIGTERM ? "TERM" : "INT");
	control->view.draining = true;
	entrances_close(control->entrances);
	for (uint16_t w = 0; w < control->n_workers; w++)
		worker_drain(control->workers[w]);
	timer_start(control->grace, control->config->shutdown_grace_ms);
}

static void on_signal(void *arg, int signum)
{
	struct control *control = arg;

	if (signum == SIGHUP)
		log_write(LOG_LEVEL_WARN, "HUP is ignored: a running proxy does not reload");
	else if (!control->view.draining)
		drain(control, signum);
	else
		_exit(0); /* at once: nothing that is still open is worth waiting for */
}

static void init(struct control *control)
{
	uint16_t n = control->n_workers;

	control->loop = loop_new(NULL);
	control->mailbox = mailbox_new(control->loop, on_mail, control);
	control->censuses = mailbox_new(control->loop, pass_census_on, control);
	control->entrances = entrances_new(control->loop, on_accept, control);
	control->grace = timer_new(control->loop, on_grace_over, control);
	for (size_t i = 0; i < ARRAY_LEN(watched_signals); i++)
		control->signals[i] =
			signal_watch_new(control->loop, watched_signals[i], on_signal, control);
	/* One block more than workers: the control thread's own counters. */
	control->stats = alloc_zeroed((size_t)n + 1, sizeof(struct stats *));
	for (uint16_t w = 0; w <= n; w++)
		control->stats[w] = stats_new(control->topology);
	control->scripts = scripts_new();
	control->writes = writes_new();
	control->marks = herd_marks_new();
	control->workers = alloc_zeroed(n, sizeof(struct worker *));
	control->doors = alloc_zeroed(control->topology->n_pools, sizeof(*control->doors));
	for (uint16_t p = 0; p < control->topology->n_pools; p++)
		control->doors[p].opened = alloc_zeroed(n, sizeof(uint64_t));
	control->view = (struct view){
		.topology = control->topology,
		.stats = control->stats,
		.own = control->stats[n],
		.n_workers = n,
		.started = time(NULL),
	};
}

static void close_all(struct control *control)
{
	entrances_free(control->entrances);
	admin_close(control->admin);
	timer_free(control->grace);
	for (size_t i = 0; i < ARRAY_LEN(watched_signals); i++)
		signal_watch_free(control->signals[i]);
	for (uint16_t w = 0; w < control->n_workers; w++)
		if (control->workers[w] != NULL) {
			worker_stop(control->workers[w]);
			control->workers[w] = NULL;
		}
	mailbox_free(control->mailbox);
	mailbox_free(control->censuses);
}

static void fini(struct control *control)
{
	for (uint16_t w = 0; w <= control->n_workers; w++)
		stats_free(control->stats[w]);
	for (uint16_t p = 0; p < control->topology->n_pools; p++)
		free(control->doors[p].opened);
	free(control->doors);
	scripts_free(control->scripts);
	writes_free(control->writes);
	herd_marks_free(control->marks);
	free(control->stats);
	free(control->workers);
	loop_free(control->loop);
	topology_unref(control->topology);
}

int control_run(const struct config *config, struct error *error)
{
	struct control control = {.config = config};
	int result = -1;

	control.topology =
		topology_build(config->pools, config->n_pools, (uint64_t)time(NULL), error);
	if (control.topology == NULL)
		return -1;
	control.n_workers = config->workers > 0 ? (uint16_t)config->workers : available_cores();
	init(&control);
	if (open_entrances(&control, error) == 0 && open_admin(&control, error) == 0) {
		start_workers(&control);
		log_write(LOG_LEVEL_INFO, "serving with %u worker%s", (unsigned)control.n_workers,
			  control.n_workers == 1 ? "" : "s");
		loop_run(control.loop);
		result = 0;
	}
	close_all(&control);
	loop_run_out(control.loop);
	fini(&control);
	if (result == 0)
		log_write(LOG_LEVEL_INFO, "bye");
	return result;
}
