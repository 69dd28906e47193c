#include "control/status.h"

#include <jansson.h>
#include <unistd.h>

#include "base/alloc.h"
#include "core/stats_sum.h"
#include "proto/command.h"
#include "route/gutter.h"

#define P99	  0.99
#define US_PER_MS 1000.0

static const char *const pause_names[] = {
	[PAUSE_NONE] = "no",
	[PAUSE_WRITES] = "writes",
	[PAUSE_ALL] = "all",
};

static const char *const protocol_names[] = {
	[PROTOCOL_MEMCACHED] = "memcached",
	[PROTOCOL_REDIS] = "redis",
};

/* jansson takes UTF-8 alone; configuration is, arguments of the command line may not be. */
static json_t *string_of(const char *text)
{
	json_t *string = json_string(text);

	return string != NULL ? string : json_string("(not UTF-8)");
}

static json_t *sum_of(const struct view *view, struct stats_subject subject, size_t offset)
{
	return json_integer((json_int_t)stats_sum(view->stats, view->n_workers, subject, offset));
}

static json_t *p99_of(const struct view *view, struct stats_subject subject, size_t offset)
{
	struct histogram merged = {0};

	stats_merge(view->stats, view->n_workers, subject, offset, &merged);
	return json_real((double)histogram_quantile(&merged, P99) / US_PER_MS);
}

/* What probes say of it. A reason is told for as long as they do not all succeed. */
static void set_health(json_t *object, const struct health_of *of)
{
	bool is_well = of == NULL || (of->state == HEALTH_UP && of->is_fresh);

	json_object_set_new(object, "health",
			    json_string(
				    health_state_names[of != NULL ? of->state : HEALTH_UNKNOWN]));
	json_object_set_new(object, "role_said",
			    of == NULL || of->role == HEALTH_ROLE_UNKNOWN
				    ? json_null()
				    : json_string(health_role_names[of->role]));
	json_object_set_new(object, "health_error",
			    is_well || of->why[0] == '\0' ? json_null() : string_of(of->why));
}

static json_t *endpoint_object(const struct view *view, const struct endpoint *endpoint)
{
	const struct stats_subject subject = {STATS_OF_ENDPOINT, endpoint->pool->index,
					      endpoint->id};
	const char *state = endpoint_state_names[view_endpoint_state(view, endpoint->id)];
	uint64_t errors = stats_failures(view->stats, view->n_workers, endpoint->id);
	char buf[VIEW_ERROR_MAX];
	const char *last_error = view_endpoint_error(view, endpoint, buf);

	json_t *object =
		json_pack("{so ss ss so so sI so so}", "address", string_of(endpoint->text), "role",
			  endpoint_role(endpoint), "state", state, "last_error",
			  last_error != NULL ? string_of(last_error) : json_null(), "requests",
			  sum_of(view, subject, offsetof(struct endpoint_stats, requests)),
			  "errors", (json_int_t)errors, "in_flight",
			  sum_of(view, subject, offsetof(struct endpoint_stats, in_flight)),
			  "p99_ms",
			  p99_of(view, subject, offsetof(struct endpoint_stats, upstream_us)));

	set_health(object, view_health(view, endpoint->id));
	return object;
}

/* A replica's also says whether it is read: "ok", or why not. */
static json_t *replica_object(const struct view *view, const struct endpoint *endpoint)
{
	json_t *object = endpoint_object(view, endpoint);
	uint64_t lag_bytes;
	enum replica_fault fault = view_replica(view, endpoint->id, &lag_bytes);

	json_object_set_new(object, "reads", json_string(replica_fault_names[fault]));
	json_object_set_new(object, "lag_bytes", json_integer((json_int_t)lag_bytes));
	return object;
}

static json_t *shards_array(const struct view *view, const struct pool *pool)
{
	json_t *shards = json_array();

	for (uint16_t i = 0; i < pool->n_shards; i++) {
		const struct shard *shard = &pool->shards[i];
		json_t *replicas = json_array();

		for (uint16_t j = 0; j < shard->n_replicas; j++)
			json_array_append_new(replicas, replica_object(view, &shard->replicas[j]));
		json_array_append_new(shards,
				      json_pack("{so sI ss so so}", "name", string_of(shard->name),
						"weight", (json_int_t)shard->weight, "state",
						gutter_state(shard), "endpoint",
						endpoint_object(view, shard->primary), "replicas",
						replicas));
	}
	return shards;
}

/* Spare nodes. */
static json_t *gutter_array(const struct view *view, const struct pool *pool)
{
	json_t *gutters = json_array();

	for (uint16_t i = 0; i < pool->n_gutters; i++)
		json_array_append_new(gutters,
				      json_pack("{ss so}", "name", pool->gutters[i].name,
						"endpoint",
						endpoint_object(view, pool->gutters[i].primary)));
	return gutters;
}

/* Those that were used so far. */
static json_t *commands_array(const struct view *view, const struct pool *pool)
{
	json_t *commands = json_array();
	size_t n;
	const struct command *table =
		pool->protocol == PROTOCOL_REDIS ? resp_command_table(&n) : mc_command_table(&n);

	for (size_t i = 0; i < n; i++) {
		const struct stats_subject subject = {STATS_OF_COMMAND, pool->index, table[i].id};

		if (!stats_has(view->stats, view->n_workers, subject))
			continue;
		json_array_append_new(
			commands,
			json_pack("{ss so so so}", "name", table[i].name, "requests",
				  sum_of(view, subject, offsetof(struct command_stats, requests)),
				  "errors",
				  sum_of(view, subject, offsetof(struct command_stats, errors)),
				  "p99_ms",
				  p99_of(view, subject, offsetof(struct command_stats, total_us))));
	}
	return commands;
}

static json_t *pool_object(const struct view *view, const struct pool *pool)
{
	const struct stats_subject subject = {STATS_OF_POOL, pool->index, 0};

	return json_pack("{so ss sb ss so ss ss so so so}", "name", string_of(pool->name),
			 "protocol", protocol_names[pool->protocol], "ready",
			 view_pool_is_ready(view, pool), "paused", pause_names[pool->pause],
			 "clients", sum_of(view, subject, offsetof(struct pool_stats, clients)),
			 "distribution",
			 pool->is_cluster ? "cluster" : dist_name(pool->distribution), "hash",
			 hash_name(pool->hash), "shards", shards_array(view, pool), "gutter",
			 gutter_array(view, pool), "commands", commands_array(view, pool));
}

/* A line each. */
static json_t *lines_of(const struct text *text)
{
	json_t *lines = json_array();
	const char *line = text->len > 0 ? text->p : "";

	while (*line != '\0') {
		size_t len = strcspn(line, "\n");
		char *copy = alloc_copy(line, len);

		json_array_append_new(lines, string_of(copy));
		free(copy);
		line += len + (line[len] == '\n');
	}
	return lines;
}

/* jansson gives NULL for no memory alone, as all that goes in is well-formed. */
static void dump(json_t *root, struct text *out)
{
	char *json = json_dumps(root, JSON_REAL_PRECISION(6));

	if (json == NULL)
		abort();
	text_puts(out, json);
	text_puts(out, "\n");
	free(json);
	json_decref(root);
}

void status_result(const struct text *errors, struct text *out)
{
	dump(json_pack("{sb so}", "done", errors->len == 0, "errors", lines_of(errors)), out);
}

/* How the configuration came to be what it is. */
static json_t *reload_object(const struct reload_state *state)
{
	if (state == NULL)
		return json_null();
	return json_pack("{so sI sI sI so}", "file",
			 state->file != NULL ? string_of(state->file) : json_null(), "reloads",
			 (json_int_t)state->n, "failed", (json_int_t)state->failed, "changed_at",
			 (json_int_t)state->at, "errors", lines_of(&state->errors));
}

void status_render(const struct view *view, struct text *out)
{
	json_t *pools = json_array();

	for (uint16_t i = 0; i < view->topology->n_pools; i++)
		json_array_append_new(pools, pool_object(view, &view->topology->pools[i]));
	json_t *root = json_pack("{ss sI sI sI sb sb sI so so}", "version", SLIPRING_VERSION, "pid",
				 (json_int_t)getpid(), "uptime_seconds",
				 (json_int_t)(time(NULL) - view->started), "workers",
				 (json_int_t)view->n_workers, "ready", view_is_ready(view, NULL),
				 "draining", view->draining, "topology",
				 (json_int_t)view->topology->version, "configuration",
				 reload_object(view->reload), "pools", pools);

	dump(root, out);
}

static int read_endpoint(json_t *json, const char *shard, struct status_endpoint *out,
			 json_error_t *error)
{
	memset(out, 0, sizeof(*out));

	json_t *last_error, *health_error = NULL;
	json_int_t requests, errors, in_flight;

	if (json_unpack_ex(json, error, 0, "{ss ss ss s?s s?s s?o so sI sI sI sF}", "address",
			   &out->address, "role", &out->role, "state", &out->state, "reads",
			   &out->reads, "health", &out->health, "health_error", &health_error,
			   "last_error", &last_error, "requests", &requests, "errors", &errors,
			   "in_flight", &in_flight, "p99_ms", &out->p99_ms) != 0)
		return -1;
	out->shard = shard;
	out->last_error = json_string_value(last_error);
	out->health_error = json_string_value(health_error);
	out->requests = (uint64_t)requests;
	out->errors = (uint64_t)errors;
	out->in_flight = (uint64_t)in_flight;
	return 0;
}

/* A shard's endpoints behind those of the pool that there are so far. */
static int read_shard(json_t *json, struct status_pool *out, json_error_t *error)
{
	const char *name, *state = NULL;
	json_t *primary, *replicas = NULL;

	/* A gutter node has no replicas, nor a state beside its endpoint's. */
	if (json_unpack_ex(json, error, 0, "{ss s?s so s?o}", "name", &name, "state", &state,
			   "endpoint", &primary, "replicas", &replicas) != 0)
		return -1;
	size_t n = 1 + json_array_size(replicas);
	out->endpoints =
		alloc_resize(out->endpoints, (out->n_endpoints + n) * sizeof(*out->endpoints));
	for (size_t i = 0; i < n; i++) {
		json_t *endpoint = i == 0 ? primary : json_array_get(replicas, i - 1);

		if (read_endpoint(endpoint, name, &out->endpoints[out->n_endpoints++], error) != 0)
			return -1;
	}
	out->endpoints[out->n_endpoints - n].shard_state = state;
	return 0;
}

static int read_pool(json_t *json, struct status_pool *out, json_error_t *error)
{
	json_t *shards, *gutters = NULL;
	json_int_t clients;
	int ready;

	if (json_unpack_ex(json, error, 0, "{ss ss sb sI ss ss so s?o}", "name", &out->name,
			   "protocol", &out->protocol, "ready", &ready, "clients", &clients,
			   "distribution", &out->distribution, "hash", &out->hash, "shards",
			   &shards, "gutter", &gutters) != 0)
		return -1;
	out->ready = ready;
	out->clients = (uint64_t)clients;
	for (size_t i = 0; i < json_array_size(shards); i++)
		if (read_shard(json_array_get(shards, i), out, error) != 0)
			return -1;
	for (size_t i = 0; i < json_array_size(gutters); i++)
		if (read_shard(json_array_get(gutters, i), out, error) != 0)
			return -1;
	return 0;
}

static int read_all(struct status *out, json_error_t *error)
{
	json_t *pools;
	json_int_t pid, uptime, workers;
	int ready;

	if (json_unpack_ex(out->document, error, 0, "{ss sI sI sI sb so}", "version", &out->version,
			   "pid", &pid, "uptime_seconds", &uptime, "workers", &workers, "ready",
			   &ready, "pools", &pools) != 0)
		return -1;
	out->pid = (uint64_t)pid;
	out->uptime_seconds = (uint64_t)uptime;
	out->workers = (uint64_t)workers;
	out->ready = ready;
	out->n_pools = json_array_size(pools);
	out->pools = alloc_zeroed(out->n_pools, sizeof(*out->pools));
	for (size_t i = 0; i < out->n_pools; i++)
		if (read_pool(json_array_get(pools, i), &out->pools[i], error) != 0)
			return -1;
	return 0;
}

struct status *status_read(struct span json, struct error *error)
{
	struct status *status = alloc_zeroed(1, sizeof(*status));
	json_error_t trouble;

	status->document = json_loadb(json.p, json.len, 0, &trouble);
	if (status->document != NULL && read_all(status, &trouble) == 0)
		return status;
	error_set(error, "not the status of a slipring: %s", trouble.text);
	status_free(status);
	return NULL;
}

void status_free(struct status *status)
{
	if (status == NULL)
		return;
	for (size_t i = 0; i < status->n_pools; i++)
		free(status->pools[i].endpoints);
	free(status->pools);
	json_decref(status->document);
	free(status);
}
