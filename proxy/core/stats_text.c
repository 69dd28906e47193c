#include "core/stats_text.h"

#include <inttypes.h>

#include "core/stats_sum.h"
#include "proto/command.h"

struct page {
	struct stats *const *all;
	uint16_t n_workers;
	const struct pool *pool;
	struct text *out;
};

struct field {
	const char *name;
	size_t offset;
};

/* Where memcached counts the same, the name is memcached's. */
static const struct field pool_fields[] = {
	{"curr_connections", offsetof(struct pool_stats, clients)},
	{"closed_connections", offsetof(struct pool_stats, closed)},
	{"bytes_read", offsetof(struct pool_stats, bytes_in)},
	{"bytes_written", offsetof(struct pool_stats, bytes_out)},
	{"get_hits", offsetof(struct pool_stats, hits)},
	{"get_misses", offsetof(struct pool_stats, misses)},
};

static const struct field endpoint_fields[] = {
	{"requests", offsetof(struct endpoint_stats, requests)},
	{"error_replies", offsetof(struct endpoint_stats, error_replies)},
	{"in_flight", offsetof(struct endpoint_stats, in_flight)},
	{"bytes_read", offsetof(struct endpoint_stats, bytes_in)},
	{"bytes_written", offsetof(struct endpoint_stats, bytes_out)},
};

static void add_pool(struct page *page)
{
	const struct stats_subject subject = {STATS_OF_POOL, page->pool->index, 0};

	for (size_t i = 0; i < ARRAY_LEN(pool_fields); i++)
		text_printf(page->out, "STAT %s %" PRIu64 "\r\n", pool_fields[i].name,
			    stats_sum(page->all, page->n_workers, subject, pool_fields[i].offset));
}

static void add_commands(struct page *page)
{
	size_t n;
	const struct command *table = page->pool->protocol == PROTOCOL_REDIS
					      ? resp_command_table(&n)
					      : mc_command_table(&n);

	for (size_t i = 0; i < n; i++) {
		const struct stats_subject subject = {STATS_OF_COMMAND, page->pool->index,
						      table[i].id};

		if (!stats_has(page->all, page->n_workers, subject))
			continue;
		text_printf(page->out, "STAT command:%s:requests %" PRIu64 "\r\n", table[i].name,
			    stats_sum(page->all, page->n_workers, subject,
				      offsetof(struct command_stats, requests)));
		text_printf(page->out, "STAT command:%s:errors %" PRIu64 "\r\n", table[i].name,
			    stats_sum(page->all, page->n_workers, subject,
				      offsetof(struct command_stats, errors)));
	}
}

/* "STAT shard:NAME:FIELD "; a blank or control character in a name would end the field early. */
static void begin_shard_line(struct page *page, const char *shard, const char *field)
{
	text_puts(page->out, "STAT shard:");
	for (const char *p = shard; *p != '\0'; p++)
		text_append(page->out, span_make((unsigned char)*p > ' ' ? p : "_", 1));
	text_printf(page->out, ":%s ", field);
}

static void add_shard(struct page *page, const struct shard *shard)
{
	const uint16_t id = shard->primary->id;
	const struct stats_subject subject = {STATS_OF_ENDPOINT, page->pool->index, id};
	enum endpoint_state state = stats_endpoint_state(page->all, page->n_workers, id);

	begin_shard_line(page, shard->name, "address");
	text_printf(page->out, "%s\r\n", shard->primary->text);
	begin_shard_line(page, shard->name, "state");
	text_printf(page->out, "%s\r\n", endpoint_state_names[state]);
	begin_shard_line(page, shard->name, "errors");
	text_printf(page->out, "%" PRIu64 "\r\n", stats_failures(page->all, page->n_workers, id));
	for (size_t i = 0; i < ARRAY_LEN(endpoint_fields); i++) {
		const struct field *field = &endpoint_fields[i];

		begin_shard_line(page, shard->name, field->name);
		text_printf(page->out, "%" PRIu64 "\r\n",
			    stats_sum(page->all, page->n_workers, subject, field->offset));
	}
}

static void add_workers(struct page *page)
{
	const struct stats_subject subject = {STATS_OF_WORKER, 0, 0};

	text_printf(page->out, "STAT workers %u\r\n", (unsigned)page->n_workers);
	text_printf(page->out, "STAT memory_bytes %" PRIu64 "\r\n",
		    stats_sum(page->all, page->n_workers, subject, offsetof(struct stats, memory)));
	for (size_t i = 0; i < STAT_COUNT; i++) {
		/* Those are refused before they come to a worker: /metrics has them. */
		if (i == STAT_CLIENTS_REFUSED)
			continue;
		text_printf(page->out, "STAT %s %" PRIu64 "\r\n", stat_rows[i].name,
			    stats_sum(page->all, page->n_workers, subject,
				      STATS_COUNTER_OFFSET(i)));
	}
}

void stats_text(struct stats *const *all, uint16_t n_workers, const struct pool *pool,
		struct text *out)
{
	struct page page = {all, n_workers, pool, out};

	add_pool(&page);
	add_commands(&page);
	for (uint16_t i = 0; i < pool->n_shards; i++)
		add_shard(&page, &pool->shards[i]);
	for (uint16_t i = 0; i < pool->n_gutters; i++)
		add_shard(&page, &pool->gutters[i]);
	add_workers(&page);
}
