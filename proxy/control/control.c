#include "control/control.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "control/admin_http.h"
#include "control/changes.h"
#include "control/crew.h"
#include "control/entrances.h"
#include "control/registry.h"
#include "control/reload.h"
#include "control/succession.h"
#include "control/systemd.h"
#include "control/view.h"

#define STREAM_BYTES ((uint64_t)64 << 20) /* of what the control thread reads from nodes itself */

struct control {
	struct chunk_pool chunks;
	struct loop *loop;
	struct crew *crew;
	struct entrances *entrances;
	struct succession *succession;
	struct registry *registry;
	struct reload *reload;
	struct admin *admin;
	struct admin *admin_next; /* while a configuration is taken over: the one it asks for */
	struct admin *admin_last; /* to be closed at the end of the turn */
	struct timer *close_admin;
	char *admin_listen;
	struct view view;
	struct topology nothing; /* what there is to see before the first topology */
	struct timer *grace;
	struct signal_watch *signals[3];
	bool is_stopped; /* the workers are ended, and what they still say is of no interest */
};

static const int watched_signals[3] = {SIGTERM, SIGINT, SIGHUP};

static void on_accept(void *arg, uint16_t pool, int fd, bool is_unix)
{
	struct control *control = arg;

	crew_accept(control->crew, pool, fd, is_unix);
}

/* ------------------------------------------------------------------ life */

static void on_grace_over(void *arg)
{
	struct control *control = arg;

	log_write(LOG_LEVEL_WARN, "shutdown_grace is over: closing what is left");
	loop_stop(control->loop);
}

static void on_drained(void *arg)
{
	struct control *control = arg;

	if (control->view.leaving)
		loop_stop(control->loop);
}

static void on_suspect(void *arg, uint16_t endpoint_id)
{
	struct control *control = arg;

	if (!control->is_stopped)
		registry_suspect(control->registry, endpoint_id);
}

static const struct crew_events crew_events = {on_drained, on_suspect};

static void drain(struct control *control, const char *why)
{
	if (control->view.draining)
		return;
	log_write(LOG_LEVEL_INFO, "%s: draining", why);
	control->view.draining = true;
	reload_stop(control->reload);
	succession_before_close(control->succession);
	entrances_close(control->entrances);
	crew_drain(control->crew);
}

/* A process that has been drained already only leaves. */
static void leave(void *arg, const char *why)
{
	struct control *control = arg;

	control->view.leaving = true;
	systemd_stopping("Draining");
	if (control->view.draining && crew_is_drained(control->crew))
		loop_stop(control->loop);
	drain(control, why);
	succession_end(control->succession);
	timer_start(control->grace, reload_config(control->reload)->shutdown_grace_ms);
}

/* A process that does not accept any more may open nothing: the addresses are the next one's. */
static bool may_reload(const struct control *control)
{
	return !control->view.draining && !succession_is_taken(control->succession);
}

static bool reload(struct control *control, const char *why)
{
	systemd_reloading();
	bool is_done = reload_now(control->reload, why);
	systemd_ready("Serving");
	return is_done;
}

static void on_signal(void *arg, int signum)
{
	struct control *control = arg;

	if (signum == SIGHUP && may_reload(control))
		reload(control, "HUP");
	else if (signum != SIGHUP && !control->view.leaving)
		leave(control, signum == SIGTERM ? "TERM" : "INT");
	else if (signum != SIGHUP)
		_exit(0); /* at once: nothing that is still open is worth waiting for */
}

/* ------------------------------------------------------------------ what the operator asks for */

static bool do_reload(void *arg, struct text *errors)
{
	struct control *control = arg;

	if (!may_reload(control)) {
		text_puts(errors, "draining: nothing is read again\n");
		return false;
	}
	bool is_done = reload(control, "POST /v1/reload");

	crew_settle(control->crew);
	if (!is_done)
		text_puts(errors, reload_state(control->reload)->errors.p);
	return is_done;
}

static bool do_drain(void *arg, struct text *errors)
{
	(void)errors;
	drain(arg, "POST /v1/drain");
	return true;
}

static bool do_refresh(void *arg, const char *pool)
{
	struct control *control = arg;

	return registry_refresh(control->registry, pool);
}

static bool do_pause(void *arg, const char *pool, enum pause pause, uint32_t for_ms)
{
	struct control *control = arg;

	bool is_done = registry_pause(control->registry, pool, pause, for_ms);

	crew_settle(control->crew);
	return is_done;
}

static const struct admin_actions admin_actions = {
	.reload = do_reload,
	.drain = do_drain,
	.refresh = do_refresh,
	.pause = do_pause,
};

/* ------------------------------------------------------------------ configuration */

static void on_published(void *arg, const struct topology *before, const struct topology *now)
{
	struct control *control = arg;
	struct text line = {0};

	control->view.topology = now;
	stat_add(&crew_stats(control->crew)[crew_size(control->crew)]->counter[STAT_TOPOLOGIES], 1);
	if (before == NULL) {
		log_write(LOG_LEVEL_INFO, "serving with %u worker%s",
			  (unsigned)control->view.n_workers,
			  control->view.n_workers == 1 ? "" : "s");
		succession_begin(control->succession);
		systemd_ready("Serving");
		return;
	}
	changes_write(before, now, &line);
	log_write(LOG_LEVEL_INFO, "topology %llu: %s", (unsigned long long)now->version,
		  line.len > 0 ? line.p : "nothing moves");
	text_free(&line);
}

static bool same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* Open what the new configuration asks for beside what is open. */
static int on_config(void *arg, const struct config *config, struct error *error)
{
	struct control *control = arg;
	const char *text = config->admin_listen;
	struct address address;

	if (text == NULL || same_text(text, control->admin_listen))
		return 0;
	if (address_parse(text, 0, &address, error) != 0)
		return -1;
	/* Left over from one that came no further than this. */
	admin_close(control->admin_next);
	control->admin_next =
		admin_open(control->loop, &address, succession_sockets(control->succession),
			   &control->view, &admin_actions, control, error);
	return control->admin_next == NULL ? -1 : 0;
}

/* The reload may have been asked for through the one that is to be closed. */
static void on_close_admin(void *arg)
{
	struct control *control = arg;

	admin_close(control->admin_last);
	control->admin_last = NULL;
}

static void on_changed(void *arg, const struct config *config)
{
	struct control *control = arg;

	log_init((enum log_level)config->log_level, config->log_json);
	if (same_text(config->admin_listen, control->admin_listen))
		return;
	admin_close(control->admin_last);
	control->admin_last = control->admin;
	control->admin = control->admin_next;
	control->admin_next = NULL;
	free(control->admin_listen);
	control->admin_listen =
		config->admin_listen != NULL ? alloc_string(config->admin_listen) : NULL;
	timer_start(control->close_admin, 1);
}

/* ------------------------------------------------------------------ the next process */

static struct admin *current_admin(void *arg)
{
	return ((struct control *)arg)->admin;
}

static uint64_t count_clients(void *arg)
{
	return crew_clients(((struct control *)arg)->crew);
}

static uint32_t takeover_grace_ms(void *arg)
{
	return reload_config(((struct control *)arg)->reload)->takeover_grace_ms;
}

static void on_taken(void *arg)
{
	reload_stop(((struct control *)arg)->reload);
}

static const struct succession_events succession_events = {
	current_admin, count_clients, takeover_grace_ms, on_taken, leave,
};

/* ------------------------------------------------------------------ start and end */

static uint16_t available_cores(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return 1;
	return (uint16_t)CPU_COUNT(&set);
}

static void init(struct control *control, const struct config *config, const char *path)
{
	uint16_t n = config->workers > 0 ? (uint16_t)config->workers : available_cores();

	chunk_pool_init(&control->chunks, STREAM_BYTES);
	control->loop = loop_new(&control->chunks);
	control->crew = crew_new(control->loop, n, config->memory, &crew_events, control);
	control->entrances = entrances_new(control->loop, on_accept, control);
	control->registry =
		registry_new(&(struct registry_setup){control->loop, control->crew, on_published,
						      control, crew_stats(control->crew)[n]});
	control->reload =
		reload_new(&(struct reload_setup){control->loop, control->registry,
						  control->entrances, crew_stats(control->crew)[n],
						  on_config, on_changed, control},
			   path);
	control->grace = timer_new(control->loop, on_grace_over, control);
	control->close_admin = timer_new(control->loop, on_close_admin, control);
	for (size_t i = 0; i < ARRAY_LEN(watched_signals); i++)
		control->signals[i] =
			signal_watch_new(control->loop, watched_signals[i], on_signal, control);
	control->view = (struct view){
		.topology = &control->nothing,
		.stats = crew_stats(control->crew),
		.own = crew_stats(control->crew)[n],
		.n_workers = n,
		.started = time(NULL),
		.reload = reload_state(control->reload),
		.health = registry_health(control->registry),
		.members = registry_members(control->registry),
	};
}

static void close_all(struct control *control)
{
	control->is_stopped = true;
	reload_stop(control->reload);
	registry_stop(control->registry);
	succession_free(control->succession);
	entrances_free(control->entrances);
	admin_close(control->admin);
	admin_close(control->admin_next);
	admin_close(control->admin_last);
	timer_free(control->grace);
	timer_free(control->close_admin);
	for (size_t i = 0; i < ARRAY_LEN(watched_signals); i++)
		signal_watch_free(control->signals[i]);
	crew_stop(control->crew);
}

static void fini(struct control *control)
{
	crew_free(control->crew);
	registry_free(control->registry);
	reload_free(control->reload);
	free(control->admin_listen);
	loop_free(control->loop);
	chunk_pool_fini(&control->chunks);
}

/* Listen everywhere, by sockets that are passed to this process where there are any; the first topology,
 * now or soon, has it accept. */
static int begin(struct control *control, struct config *config, struct error *error)
{
	const struct succession_setup setup = {control->loop, config->takeover, control->entrances,
					       &succession_events, control};

	control->succession = succession_new(&setup, error);
	if (control->succession == NULL) {
		config_free(config);
		return -1;
	}
	return reload_begin(control->reload, config, error);
}

int control_run(struct config *config, const char *path, struct error *error)
{
	struct control control = {0};
	int result = -1;

	init(&control, config, path);
	if (begin(&control, config, error) == 0) {
		loop_run(control.loop);
		result = succession_has_failed(control.succession)
				 ? error_set(error, "the process that runs already goes on")
				 : 0;
	}
	close_all(&control);
	loop_run_out(control.loop);
	fini(&control);
	if (result == 0)
		log_write(LOG_LEVEL_INFO, "bye");
	return result;
}
