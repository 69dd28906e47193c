#include <getopt.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "cli/admin_get.h"
#include "cli/cli.h"
#include "control/status.h"

#define DEFAULT_ADMIN "127.0.0.1:9601"
#define STATUS_PATH   "/v1/status"
#define WATCH_US      1000000
#define RATE_US	      500000 /* between the two looks that a table's rates come from */
#define LINE_WIDTH    80
#define INDENT	      4
#define CLEAR_SCREEN  "\033[H\033[2J"

/* One proxy and the last two looks at it. */
struct target {
	char *address;
	struct text json;
	struct status *now, *before;
	uint64_t now_us, before_us;
	struct error error; /* of the last look, if it failed: then now is NULL */
};

struct options {
	char *admin;
	bool watch, json;
};

static uint64_t clock_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void look(struct target *target)
{
	struct error wrong;

	status_free(target->before);
	target->before = target->now;
	target->before_us = target->now_us;
	target->now = NULL;
	text_reset(&target->json);
	if (admin_get(target->address, STATUS_PATH, &target->json, &target->error) != 0)
		return;
	target->now_us = clock_us();
	target->now = status_read(span_make(target->json.p, target->json.len), &wrong);
	if (target->now == NULL)
		error_set(&target->error, "%s: %s", target->address, wrong.text);
}

/* ------------------------------------------------------------------ a table */

/* The same endpoint when last looked at; NULL if there is none, or the proxy started anew. */
static const struct status_endpoint *endpoint_before(const struct target *target, size_t pool,
						     size_t index)
{
	const struct status *before = target->before;

	if (before == NULL || before->pid != target->now->pid || pool >= before->n_pools ||
	    index >= before->pools[pool].n_endpoints)
		return NULL;
	const struct status_endpoint *is = &target->now->pools[pool].endpoints[index];
	const struct status_endpoint *was = &before->pools[pool].endpoints[index];
	return strcmp(was->address, is->address) == 0 ? was : NULL;
}

static void print_rate(const struct target *target, size_t pool, size_t index)
{
	const struct status_endpoint *is = &target->now->pools[pool].endpoints[index];
	const struct status_endpoint *was = endpoint_before(target, pool, index);

	if (was == NULL || is->requests < was->requests || target->now_us == target->before_us) {
		printf(" %8s", "-");
		return;
	}
	double seconds = (double)(target->now_us - target->before_us) / 1e6;
	double rate = (double)(is->requests - was->requests) / seconds;
	printf(" %8.*f", rate > 0 && rate < 10 ? 1 : 0, rate);
}

static bool is_replica(const struct status_endpoint *endpoint)
{
	return strcmp(endpoint->role, "primary") != 0;
}

/* Shards without a name of their own are called by their address: one column says both. */
static bool has_names(const struct status_pool *pool)
{
	for (size_t i = 0; i < pool->n_endpoints; i++)
		if (strcmp(pool->endpoints[i].shard, pool->endpoints[i].address) != 0)
			return true;
	return false;
}

/* Columns' widths, as wide as what is in them; 0 leaves a column out. */
struct widths {
	int shard, address, role;
};

static struct widths measure(const struct status_pool *pool)
{
	struct widths widths = {(int)strlen("SHARD"), (int)strlen("ENDPOINT"), 0};

	for (size_t i = 0; i < pool->n_endpoints; i++) {
		const struct status_endpoint *endpoint = &pool->endpoints[i];
		int shard_len = (int)strlen(endpoint->shard);
		int address_len = (int)strlen(endpoint->address);

		widths.shard = shard_len > widths.shard ? shard_len : widths.shard;
		widths.address = address_len > widths.address ? address_len : widths.address;
		if (is_replica(endpoint))
			widths.role = (int)strlen("primary");
	}
	if (!has_names(pool))
		widths.shard = 0;
	return widths;
}

static bool is_up(const struct status_endpoint *endpoint)
{
	return strcmp(endpoint->state, "up") == 0;
}

/* By its probes: a connection that stands says nothing of a node that has stopped. */
static bool is_found_down(const struct status_endpoint *endpoint)
{
	return endpoint->health != NULL && strcmp(endpoint->health, "down") == 0;
}

/* A replica that is up and not read says why. */
static const char *shown_state(const struct status_endpoint *endpoint)
{
	/* What it means for its keys says more than that it is down. */
	if (endpoint->shard_state != NULL && strcmp(endpoint->shard_state, "used") != 0)
		return endpoint->shard_state;
	if (is_found_down(endpoint))
		return "down";
	bool is_read = endpoint->reads == NULL || strcmp(endpoint->reads, "ok") == 0;

	return is_read || !is_up(endpoint) ? endpoint->state : endpoint->reads;
}

/* What is wrong with one that is not up; NULL: nothing that is known. */
static const char *shown_reason(const struct status_endpoint *endpoint)
{
	if (is_found_down(endpoint) && endpoint->health_error != NULL)
		return endpoint->health_error;
	return is_up(endpoint) ? NULL : endpoint->last_error;
}

/* Indented, and cut at spaces into lines that fit. */
static void print_wrapped(const char *text)
{
	while (*text != '\0') {
		size_t len = strlen(text);

		if (len > LINE_WIDTH - INDENT) {
			const char *space = memrchr(text, ' ', LINE_WIDTH - INDENT + 1);

			len = space != NULL ? (size_t)(space - text) : strcspn(text, " ");
		}
		printf("%*s%.*s\n", INDENT, "", (int)len, text);
		text += len + (text[len] == ' ');
	}
}

static void print_endpoint(const struct target *target, size_t pool, size_t index,
			   struct widths widths)
{
	const struct status_endpoint *endpoint = &target->now->pools[pool].endpoints[index];

	if (widths.shard > 0)
		printf("  %-*s", widths.shard, endpoint->shard);
	printf("  %-*s", widths.address, endpoint->address);
	if (widths.role > 0)
		printf("  %-*s", widths.role, endpoint->role);
	printf("  %-10s", shown_state(endpoint));
	print_rate(target, pool, index);
	printf(" %8" PRIu64, endpoint->errors);
	if (endpoint->p99_ms > 0)
		printf(" %9.*f\n", endpoint->p99_ms < 10 ? 3 : 1, endpoint->p99_ms);
	else
		printf(" %9s\n", "-");
	const char *reason = shown_reason(endpoint);
	if (reason != NULL)
		print_wrapped(reason);
}

static void print_pool(const struct target *target, size_t index)
{
	const struct status_pool *pool = &target->now->pools[index];
	struct widths widths = measure(pool);

	printf("\npool %s: %s, %s/%s, %" PRIu64 " client%s, %s\n", pool->name, pool->protocol,
	       pool->distribution, pool->hash, pool->clients, pool->clients == 1 ? "" : "s",
	       pool->ready ? "ready" : "NOT READY");
	if (widths.shard > 0)
		printf("  %-*s", widths.shard, "SHARD");
	printf("  %-*s", widths.address, "ENDPOINT");
	if (widths.role > 0)
		printf("  %-*s", widths.role, "ROLE");
	printf("  %-10s %8s %8s %9s\n", "STATE", "REQ/S", "ERRORS", "P99 MS");
	for (size_t i = 0; i < pool->n_endpoints; i++)
		print_endpoint(target, index, i, widths);
}

static void print_uptime(uint64_t seconds)
{
	uint64_t days = seconds / 86400, hours = seconds / 3600 % 24, minutes = seconds / 60 % 60;

	if (days > 0)
		printf("%" PRIu64 "d %" PRIu64 "h", days, hours);
	else if (hours > 0)
		printf("%" PRIu64 "h %" PRIu64 "m", hours, minutes);
	else if (minutes > 0)
		printf("%" PRIu64 "m %" PRIu64 "s", minutes, seconds % 60);
	else
		printf("%" PRIu64 "s", seconds);
}

static void print_table(const struct target *target)
{
	const struct status *status = target->now;

	printf("%s: slipring %s, pid %" PRIu64 ", up ", target->address, status->version,
	       status->pid);
	print_uptime(status->uptime_seconds);
	printf(", %" PRIu64 " worker%s, %s\n", status->workers, status->workers == 1 ? "" : "s",
	       status->ready ? "ready" : "NOT READY");
	for (size_t i = 0; i < status->n_pools; i++)
		print_pool(target, i);
}

/* ------------------------------------------------------------------ the command */

static void look_at_all(struct target *targets, size_t n)
{
	for (size_t i = 0; i < n; i++)
		look(&targets[i]);
}

/* Print what was seen; CLI_DONE if all could be reached and are ready. */
static int show(const struct target *targets, size_t n, bool json)
{
	int status = CLI_DONE;

	for (size_t i = 0; i < n; i++) {
		if (targets[i].now == NULL) {
			fflush(stdout);
			fprintf(stderr, "slipring status: %s\n", targets[i].error.text);
			status = CLI_FAILED;
			continue;
		}
		if (!targets[i].now->ready)
			status = CLI_FAILED;
		if (json) {
			fwrite(targets[i].json.p, 1, targets[i].json.len, stdout);
			continue;
		}
		if (i > 0)
			putchar('\n');
		print_table(&targets[i]);
	}
	fflush(stdout);
	return status;
}

/* Ends when the terminal or the reader of the output does. */
static int watch(struct target *targets, size_t n, bool json)
{
	int status = CLI_DONE;

	while (!ferror(stdout)) {
		look_at_all(targets, n);
		if (!json && isatty(STDOUT_FILENO))
			fputs(CLEAR_SCREEN, stdout);
		status = show(targets, n, json);
		usleep(WATCH_US);
	}
	return status;
}

static int run(struct target *targets, size_t n, const struct options *options)
{
	if (options->watch)
		return watch(targets, n, options->json);
	look_at_all(targets, n);
	bool any = false;
	for (size_t i = 0; i < n; i++)
		any |= targets[i].now != NULL;
	if (any && !options->json) {
		usleep(RATE_US);
		look_at_all(targets, n);
	}
	return show(targets, n, options->json);
}

/* The admin address of the default configuration if there is a sound one with an address. */
static char *default_admin(void)
{
	struct text errors = {0}, warnings = {0};
	struct config *config = config_load(cli_default_file(), &errors, &warnings);
	char *admin =
		alloc_string(config != NULL && config->admin_listen != NULL ? config->admin_listen
									    : DEFAULT_ADMIN);

	config_free(config);
	text_free(&errors);
	text_free(&warnings);
	return admin;
}

/* -1, or the status to exit with. */
static int parse(int argc, char **argv, struct options *options)
{
	static const struct option known[] = {
		{"admin", required_argument, NULL, 'a'},
		{"watch", no_argument, NULL, 'w'},
		{"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	int option;

	optind = 0; /* argv is another one than main's */
	while ((option = getopt_long(argc, argv, "+:h", known, NULL)) != -1) {
		if (option == 'a') {
			options->admin = optarg;
		} else if (option == 'w') {
			options->watch = true;
		} else if (option == 'j') {
			options->json = true;
		} else if (option == 'h') {
			cli_help(stdout, argv[0]);
			return CLI_DONE;
		} else {
			return cli_misused(argv[0],
					   option == ':' ? "'%s' needs a value"
							 : "unknown option '%s'",
					   argv[optind - 1]);
		}
	}
	return optind == argc ? -1 : cli_misused(argv[0], "what is '%s'?", argv[optind]);
}

/* Cut the list at its commas; the targets point into it. */
static struct target *targets_of(char *list, size_t *n)
{
	struct target *targets = NULL;
	char *rest = NULL;

	*n = 0;
	for (char *one = strtok_r(list, ",", &rest); one != NULL;
	     one = strtok_r(NULL, ",", &rest)) {
		targets = alloc_resize(targets, (*n + 1) * sizeof(*targets));
		targets[(*n)++] = (struct target){.address = one};
	}
	return targets;
}

static void free_targets(struct target *targets, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		text_free(&targets[i].json);
		status_free(targets[i].now);
		status_free(targets[i].before);
	}
	free(targets);
}

int cli_status(int argc, char **argv)
{
	struct options options = {0};
	int status = parse(argc, argv, &options);
	size_t n;

	if (status >= 0)
		return status;
	char *list = options.admin != NULL ? alloc_string(options.admin) : default_admin();
	struct target *targets = targets_of(list, &n);
	status = n > 0 ? run(targets, n, &options)
		       : cli_misused(argv[0], "--admin needs an address");
	free_targets(targets, n);
	free(list);
	return status;
}
