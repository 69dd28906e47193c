#include "control/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "control/resident.h"
#include "core/stats_sum.h"
#include "proto/command.h"

enum family_type { GAUGE, COUNTER, HISTOGRAM };

static const char *const type_names[] = {
	[GAUGE] = "gauge",
	[COUNTER] = "counter",
	[HISTOGRAM] = "histogram",
};

/* One metric with a series for each pool, command or endpoint. */
struct family {
	enum stats_of of;
	enum family_type type;
	const char *name, *help;
	size_t offset; /* in that subject's struct */
};

#define POOL(type, name, field, help)                                                              \
	{                                                                                          \
		STATS_OF_POOL, type, "pool_" name, help, offsetof(struct pool_stats, field)        \
	}
#define COMMAND(type, name, field, help)                                                           \
	{                                                                                          \
		STATS_OF_COMMAND, type, "command_" name, help,                                     \
			offsetof(struct command_stats, field)                                      \
	}
#define ENDPOINT(type, name, field, help)                                                          \
	{                                                                                          \
		STATS_OF_ENDPOINT, type, "endpoint_" name, help,                                   \
			offsetof(struct endpoint_stats, field)                                     \
	}

static const struct family families[] = {
	POOL(GAUGE, "clients", clients, "Client connections open now."),
	POOL(COUNTER, "clients_closed_total", closed, "Client connections closed or refused."),
	POOL(COUNTER, "received_bytes_total", bytes_in, "Bytes received from clients."),
	POOL(COUNTER, "sent_bytes_total", bytes_out, "Bytes of replies to clients."),
	POOL(COUNTER, "hits_total", hits, "Keys that memcached reads asked for and got."),
	POOL(COUNTER, "misses_total", misses,
	     "Keys that memcached reads asked for and did not get."),
	COMMAND(COUNTER, "requests_total", requests, "Commands taken from clients."),
	COMMAND(COUNTER, "errors_total", errors,
		"Commands answered with an error, the node's or the proxy's."),
	COMMAND(HISTOGRAM, "duration_seconds", total_us,
		"Time from the parsed command to its reply in the client's socket."),
	ENDPOINT(COUNTER, "requests_total", requests, "Requests meant for the endpoint."),
	ENDPOINT(COUNTER, "error_replies_total", error_replies,
		 "Replies of the endpoint that report an error."),
	ENDPOINT(COUNTER, "received_bytes_total", bytes_in, "Bytes received from the endpoint."),
	ENDPOINT(COUNTER, "sent_bytes_total", bytes_out, "Bytes sent to the endpoint."),
	ENDPOINT(GAUGE, "in_flight", in_flight, "Requests that wait for the endpoint's reply."),
	ENDPOINT(COUNTER, "connects_total", connects, "Connections made to the endpoint."),
	ENDPOINT(COUNTER, "connect_failures_total", connect_failures,
		 "Connections to the endpoint that could not be made."),
	ENDPOINT(HISTOGRAM, "queue_seconds", queue_us,
		 "Time a request waits in the proxy before it is written to the endpoint."),
	ENDPOINT(HISTOGRAM, "upstream_seconds", upstream_us,
		 "Time from a written request to its whole reply."),
};

/* The bounds of each histogram, as values and as the text that is their label. */
static const struct bound {
	uint64_t us;
	const char *seconds;
} bounds[] = {
	{100, "0.0001"},  {250, "0.00025"}, {500, "0.0005"},  {1000, "0.001"},	{2500, "0.0025"},
	{5000, "0.005"},  {10000, "0.01"},  {25000, "0.025"}, {50000, "0.05"},	{100000, "0.1"},
	{250000, "0.25"}, {500000, "0.5"},  {1000000, "1"},   {2500000, "2.5"}, {5000000, "5"},
};

struct series {
	struct stats_subject subject;
	char *labels; /* without braces */
};

/* All series there are, listed once, so that each metric has the same ones. */
struct page {
	const struct view *view;
	struct text *out;
	struct series *series;
	size_t n, cap;
};

static void family_head(struct text *out, const char *name, enum family_type type, const char *help)
{
	text_printf(out, "# HELP slipring_%s %s\n# TYPE slipring_%s %s\n", name, help, name,
		    type_names[type]);
}

/* NAME="VALUE", escaped as the format wants it. */
static void add_label(struct text *labels, const char *name, const char *value)
{
	text_printf(labels, "%s%s=\"", labels->len > 0 ? "," : "", name);
	for (const char *p = value; *p != '\0'; p++) {
		if (*p == '\n')
			text_puts(labels, "\\n");
		else if (*p == '\\' || *p == '"')
			text_printf(labels, "\\%c", *p);
		else
			text_append(labels, span_make(p, 1));
	}
	text_puts(labels, "\"");
}

/* Takes the labels' memory. */
static void add_series(struct page *page, struct stats_subject subject, struct text *labels)
{
	if (page->n == page->cap) {
		page->cap = page->cap > 0 ? page->cap * 2 : 64;
		page->series = alloc_resize(page->series, page->cap * sizeof(*page->series));
	}
	page->series[page->n++] = (struct series){subject, labels->p};
	*labels = (struct text){0};
}

static void list_commands(struct page *page, const struct pool *pool)
{
	size_t n;
	const struct command *table =
		pool->protocol == PROTOCOL_REDIS ? resp_command_table(&n) : mc_command_table(&n);

	for (size_t i = 0; i < n; i++) {
		const struct stats_subject subject = {STATS_OF_COMMAND, pool->index, table[i].id};
		struct text labels = {0};

		if (!stats_has(page->view->stats, page->view->n_workers, subject))
			continue;
		add_label(&labels, "pool", pool->name);
		add_label(&labels, "command", table[i].name);
		add_series(page, subject, &labels);
	}
}

static void list_endpoint(struct page *page, const struct pool *pool, const char *shard,
			  const struct endpoint *endpoint)
{
	struct text labels = {0};

	add_label(&labels, "pool", pool->name);
	add_label(&labels, "shard", shard);
	add_label(&labels, "endpoint", endpoint->text);
	add_label(&labels, "role", endpoint_role(endpoint));
	add_series(page, (struct stats_subject){STATS_OF_ENDPOINT, pool->index, endpoint->id},
		   &labels);
}

static void list_endpoints(struct page *page, const struct pool *pool)
{
	for (uint16_t i = 0; i < pool->n_shards; i++) {
		const struct shard *shard = &pool->shards[i];

		list_endpoint(page, pool, shard->name, shard->primary);
		for (uint16_t j = 0; j < shard->n_replicas; j++)
			list_endpoint(page, pool, shard->name, &shard->replicas[j]);
	}
	for (uint16_t i = 0; i < pool->n_gutters; i++)
		list_endpoint(page, pool, pool->gutters[i].name, pool->gutters[i].primary);
}

static void list_series(struct page *page)
{
	const struct topology *topology = page->view->topology;

	for (uint16_t i = 0; i < topology->n_pools; i++) {
		struct text labels = {0};

		add_label(&labels, "pool", topology->pools[i].name);
		add_series(page, (struct stats_subject){STATS_OF_POOL, topology->pools[i].index, 0},
			   &labels);
		list_commands(page, &topology->pools[i]);
		list_endpoints(page, &topology->pools[i]);
	}
}

static uint64_t sum(const struct page *page, struct stats_subject subject, size_t offset)
{
	return stats_sum(page->view->stats, page->view->n_workers, subject, offset);
}

static void add_number(struct page *page, const struct family *family, const struct series *series)
{
	text_printf(page->out, "slipring_%s{%s} %" PRIu64 "\n", family->name, series->labels,
		    sum(page, series->subject, family->offset));
}

/* The count is that of the buckets: the histogram's own may be a value ahead while it is read. */
static void add_histogram(struct page *page, const struct family *family,
			  const struct series *series)
{
	struct histogram merged = {0};

	stats_merge(page->view->stats, page->view->n_workers, series->subject, family->offset,
		    &merged);
	uint64_t count = histogram_at_most(&merged, UINT64_MAX);
	uint64_t sum_us = stat_get(&merged.sum_us);

	for (size_t i = 0; i < ARRAY_LEN(bounds); i++)
		text_printf(page->out, "slipring_%s_bucket{%s,le=\"%s\"} %" PRIu64 "\n",
			    family->name, series->labels, bounds[i].seconds,
			    histogram_at_most(&merged, bounds[i].us));
	text_printf(page->out, "slipring_%s_bucket{%s,le=\"+Inf\"} %" PRIu64 "\n", family->name,
		    series->labels, count);
	text_printf(page->out, "slipring_%s_sum{%s} %" PRIu64 ".%06" PRIu64 "\n", family->name,
		    series->labels, sum_us / 1000000, sum_us % 1000000);
	text_printf(page->out, "slipring_%s_count{%s} %" PRIu64 "\n", family->name, series->labels,
		    count);
}

/* A metric without any series, as of commands before the first, is left out. */
static void add_family(struct page *page, const struct family *family)
{
	bool has_head = false;

	for (size_t i = 0; i < page->n; i++) {
		const struct series *series = &page->series[i];

		if (series->subject.of != family->of)
			continue;
		if (!has_head)
			family_head(page->out, family->name, family->type, family->help);
		has_head = true;
		if (family->type == HISTOGRAM)
			add_histogram(page, family, series);
		else
			add_number(page, family, series);
	}
}

static void add_plain(struct text *out, const char *name, enum family_type type, const char *help,
		      uint64_t value)
{
	family_head(out, name, type, help);
	text_printf(out, "slipring_%s %" PRIu64 "\n", name, value);
}

/* One that is 1 or 0 of each endpoint. */
static void add_endpoint_gauge(struct page *page, const char *name, const char *help,
			       bool (*is)(const struct view *view, uint16_t id))
{
	family_head(page->out, name, GAUGE, help);
	for (size_t i = 0; i < page->n; i++) {
		const struct series *series = &page->series[i];

		if (series->subject.of == STATS_OF_ENDPOINT)
			text_printf(page->out, "slipring_%s{%s} %d\n", name, series->labels,
				    is(page->view, series->subject.id));
	}
}

static bool is_up(const struct view *view, uint16_t id)
{
	return view_endpoint_state(view, id) == ENDPOINT_UP;
}

static bool is_healthy(const struct view *view, uint16_t id)
{
	const struct health_of *of = view_health(view, id);

	return of != NULL && of->state == HEALTH_UP;
}

static bool is_away(const struct view *view, uint16_t id)
{
	return topology_endpoint(view->topology, id)->shard->is_away;
}

static void add_health(struct page *page)
{
	const struct health_counts *counts = health_counts(page->view->health);

	add_endpoint_gauge(page, "endpoint_healthy", "1 while probes find the endpoint up, else 0.",
			   is_healthy);
	add_plain(page->out, "health_probes_total", COUNTER, "Probes of endpoints.",
		  counts->probes);
	add_plain(page->out, "health_probe_failures_total", COUNTER,
		  "Probes that were not answered, or not as they should be.", counts->failures);
}

static bool has_replicas(const struct page *page)
{
	const struct topology *topology = page->view->topology;

	for (uint16_t i = 0; i < topology->n_endpoints; i++)
		if (topology->endpoints[i].is_replica)
			return true;
	return false;
}

static void add_replicas(struct page *page)
{
	struct text lags = {0};

	family_head(page->out, "replica_readable", GAUGE,
		    "1 while the replica may be read on every worker, else 0.");
	for (size_t i = 0; i < page->n; i++) {
		const struct series *series = &page->series[i];
		uint64_t lag_bytes;

		if (series->subject.of != STATS_OF_ENDPOINT ||
		    !topology_endpoint(page->view->topology, series->subject.id)->is_replica)
			continue;
		bool is_fit =
			view_replica(page->view, series->subject.id, &lag_bytes) == REPLICA_FIT;
		text_printf(page->out, "slipring_replica_readable{%s} %d\n", series->labels,
			    is_fit);
		text_printf(&lags, "slipring_replica_lag_bytes{%s} %" PRIu64 "\n", series->labels,
			    lag_bytes);
	}
	family_head(
		page->out, "replica_lag_bytes", GAUGE,
		"Bytes of replication that the replica was behind its primary when last asked.");
	text_append(page->out, span_make(lags.p, lags.len));
	text_free(&lags);
}

static void add_endpoint_results(struct page *page)
{
	family_head(page->out, "endpoint_results_total", COUNTER,
		    "Requests by what became of them: reply, or the name of the failure.");
	for (size_t i = 0; i < page->n; i++) {
		const struct series *series = &page->series[i];

		if (series->subject.of != STATS_OF_ENDPOINT)
			continue;
		for (int result = 0; result < CALL_RESULTS; result++)
			text_printf(page->out,
				    "slipring_endpoint_results_total{%s,result=\"%s\"} %" PRIu64
				    "\n",
				    series->labels, call_result_names[result],
				    sum(page, series->subject, STATS_RESULT_OFFSET(result)));
	}
}

static void add_process(struct page *page)
{
	const struct view *view = page->view;
	const struct stats_subject workers = {STATS_OF_WORKER, 0, 0};
	struct text *out = page->out;

	family_head(out, "build_info", GAUGE, "Always 1; the label has the version.");
	text_printf(out, "slipring_build_info{version=\"%s\"} 1\n", SLIPRING_VERSION);
	add_plain(out, "start_time_seconds", GAUGE, "When the proxy started, since the epoch.",
		  (uint64_t)view->started);
	add_plain(out, "workers", GAUGE, "Event loops that serve clients.", view->n_workers);
	add_plain(out, "ready", GAUGE, "1 while every pool can serve, else 0, as /readyz tells.",
		  view_is_ready(view, NULL));
	add_plain(out, "memory_bytes", GAUGE, "Bytes of buffers in use by requests and replies.",
		  sum(page, workers, offsetof(struct stats, memory)));
	add_plain(out, "resident_memory_bytes", GAUGE, "Resident memory of the process.",
		  resident_bytes());
	for (size_t i = 0; i < STAT_COUNT; i++) {
		uint64_t value = sum(page, workers, STATS_COUNTER_OFFSET(i));

		if (view->own != NULL)
			value += stat_get(&view->own->counter[i]);
		add_plain(out, stat_rows[i].name, COUNTER, stat_rows[i].help, value);
	}
}

void metrics_render(const struct view *view, struct text *out)
{
	struct page page = {.view = view, .out = out};

	list_series(&page);
	add_process(&page);
	for (size_t i = 0; i < ARRAY_LEN(families); i++)
		add_family(&page, &families[i]);
	add_endpoint_gauge(&page, "endpoint_up",
			   "1 while any worker has a working connection to the endpoint, else 0.",
			   is_up);
	add_endpoint_gauge(&page, "endpoint_away",
			   "1 while the keys of the endpoint's shard are elsewhere, because its "
			   "node is down, else 0.",
			   is_away);
	if (view->health != NULL)
		add_health(&page);
	if (has_replicas(&page))
		add_replicas(&page);
	add_endpoint_results(&page);
	for (size_t i = 0; i < page.n; i++)
		free(page.series[i].labels);
	free(page.series);
}
