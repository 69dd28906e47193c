#include "control/reload.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/log.h"
#include "control/config_secret.h"
#include "control/schema.h"
#include "io/file_watch.h"

#define QUIET_MS    100 /* without a sign of change before the file is read */
#define SECRETS_MAX 64	/* files of secrets that are watched; the others are read with the file */

struct reload {
	struct reload_setup setup;
	char *path;
	struct config *config;
	struct reload_state state;
	struct file_watch *watch, *secrets[SECRETS_MAX];
	size_t n_secrets;
	char *told; /* the errors that were logged last, until it is well again; or NULL */
};

struct reload *reload_new(const struct reload_setup *setup, const char *path)
{
	struct reload *reload = alloc_zeroed(1, sizeof(*reload));

	reload->setup = *setup;
	/* Standard input is read but once. */
	if (path != NULL && strcmp(path, "-") != 0)
		reload->path = alloc_string(path);
	reload->state.file = reload->path;
	return reload;
}

const struct config *reload_config(const struct reload *reload)
{
	return reload->config;
}

const struct reload_state *reload_state(const struct reload *reload)
{
	return &reload->state;
}

static uint16_t pool_index(const struct topology *topology, const char *name)
{
	return topology_pool(topology, name)->index;
}

/* Listen where the configuration says. */
static int apply_entrances(struct reload *reload, const struct config *config,
			   const struct topology *topology, struct error *error)
{
	size_t n = 0;

	for (size_t i = 0; i < config->n_pools; i++)
		n += config->pools[i].listen.n;
	struct entrance_spec *specs = alloc_zeroed(n, sizeof(*specs));
	n = 0;
	for (size_t i = 0; i < config->n_pools; i++)
		for (size_t j = 0; j < config->pools[i].listen.n; j++)
			specs[n++] = (struct entrance_spec){
				pool_index(topology, config->pools[i].name),
				config->pools[i].protocol == PROTOCOL_REDIS ? 6379 : 11211,
				config->pools[i].name,
				config->pools[i].listen.v[j],
			};
	int result = entrances_apply(reload->setup.entrances, specs, n, error);
	free(specs);
	return result;
}

static void on_file(void *arg);

static void watch_secret(void *arg, const struct secret_spec *secret)
{
	struct reload *reload = arg;

	if (secret->file != NULL && reload->n_secrets < SECRETS_MAX)
		reload->secrets[reload->n_secrets++] =
			file_watch_new(reload->setup.loop, secret->file, QUIET_MS, on_file, reload);
}

static void forget_secrets(struct reload *reload)
{
	for (size_t i = 0; i < reload->n_secrets; i++)
		file_watch_free(reload->secrets[i]);
	reload->n_secrets = 0;
}

static void watch_files(struct reload *reload)
{
	if (reload->path == NULL)
		return;
	if (reload->watch == NULL)
		reload->watch =
			file_watch_new(reload->setup.loop, reload->path, QUIET_MS, on_file, reload);
	forget_secrets(reload);
	config_secrets_each(reload->config, watch_secret, reload);
}

/* What a running process cannot change is said, and keeps the value that it has. */
static void tell_fixed(const struct config *before, const struct config *now)
{
	const struct {
		const char *name;
		bool differs;
	} fixed[] = {
		{"workers", before->workers != now->workers},
		{"memory", before->memory != now->memory},
		{"takeover", strcmp(before->takeover != NULL ? before->takeover : "",
				    now->takeover != NULL ? now->takeover : "") != 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		if (fixed[i].differs)
			log_write(LOG_LEVEL_WARN,
				  "'%s' cannot change while running: the new value is taken at the "
				  "next start",
				  fixed[i].name);
}

/* All steps that can fail come before the first that cannot be taken back; of the listeners' own
 * entrances_apply() takes back what it did. */
static int take_over(struct reload *reload, struct config *config, struct error *error)
{
	struct topology *topology = registry_prepare(reload->setup.registry, config, error);
	struct config *before = reload->config;

	if (topology == NULL)
		return -1;
	if (reload->setup.on_config(reload->setup.arg, config, error) != 0 ||
	    apply_entrances(reload, config, topology, error) != 0) {
		registry_discard(reload->setup.registry, topology);
		return -1;
	}
	if (before != NULL)
		tell_fixed(before, config);
	reload->config = config;
	reload->state.at = time(NULL);
	registry_commit(reload->setup.registry, config, topology);
	reload->setup.on_changed(reload->setup.arg, config);
	config_free(before);
	watch_files(reload);
	return 0;
}

int reload_begin(struct reload *reload, struct config *config, struct error *error)
{
	if (take_over(reload, config, error) == 0)
		return 0;
	config_free(config);
	return -1;
}

static void log_errors(const struct reload *reload, const char *why)
{
	static struct log_site site;
	const char *line = reload->state.errors.p;

	log_limited(&site, LOG_LEVEL_ERROR,
		    "%s: the configuration is wrong, nothing is changed:", why);
	while (line != NULL && *line != '\0') {
		size_t len = strcspn(line, "\n");

		log_limited(&site, LOG_LEVEL_ERROR, "  %.*s", (int)len, line);
		line += len + (line[len] == '\n');
	}
}

static bool same_text(const char *a, const char *b)
{
	return a != NULL && b != NULL && strcmp(a, b) == 0;
}

/* What was wrong before and is still, though its file was touched, is not told again. */
static bool fail(struct reload *reload, const char *why, bool always)
{
	bool is_told = !always && same_text(reload->told, reload->state.errors.p);

	free(reload->told);
	reload->told = alloc_string(reload->state.errors.p);
	if (is_told)
		return false;
	reload->state.failed++;
	stat_add(&reload->setup.stats->counter[STAT_RELOADS_FAILED], 1);
	log_errors(reload, why);
	return false;
}

/* Another kind might never come to its end. */
static bool is_regular(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* Without `always` a file that says what it said before is no reason to do anything. */
static bool read_again(struct reload *reload, const char *why, bool always)
{
	struct text *errors = &reload->state.errors;
	struct error error = {0};

	text_reset(errors);
	if (reload->path == NULL) {
		text_puts(errors, "there is no file to read again: the settings came from the "
				  "command line or standard input\n");
		return fail(reload, why, always);
	}
	if (!is_regular(reload->path)) {
		text_printf(errors, "%s: it is no regular file, or none at all\n", reload->path);
		return fail(reload, why, always);
	}
	struct config *config = config_load(reload->path, errors, NULL);
	if (config == NULL)
		return fail(reload, why, always);
	if (!always && memcmp(config->fingerprint, reload->config->fingerprint,
			      sizeof(config->fingerprint)) == 0) {
		config_free(config);
		free(reload->told);
		reload->told = NULL;
		return true;
	}
	log_write(LOG_LEVEL_INFO, "%s: reading %s again", why, reload->path);
	if (take_over(reload, config, &error) != 0) {
		text_printf(errors, "%s: %s\n", reload->path, error.text);
		config_free(config);
		return fail(reload, why, always);
	}
	free(reload->told);
	reload->told = NULL;
	reload->state.n++;
	stat_add(&reload->setup.stats->counter[STAT_RELOADS], 1);
	return true;
}

static void on_file(void *arg)
{
	struct reload *reload = arg;

	(void)read_again(reload, "file changed", false);
}

bool reload_now(struct reload *reload, const char *why)
{
	return read_again(reload, why, true);
}

void reload_stop(struct reload *reload)
{
	file_watch_free(reload->watch);
	reload->watch = NULL;
	forget_secrets(reload);
}

void reload_free(struct reload *reload)
{
	config_free(reload->config);
	text_free(&reload->state.errors);
	free(reload->path);
	free(reload->told);
	free(reload);
}
