#include "control/ids.h"

#include <stdlib.h>
#include <uthash.h>

#include "base/alloc.h"
#include "base/text.h"

#define IDS_MAX (UINT16_MAX + 1U)

struct entry {
	UT_hash_handle hh; /* by key */
	char *key;
	uint16_t id;
	uint32_t uses; /* topologies that have it; a pool's is kept for good */
	bool is_new;   /* the topology that was numbered last is the first to have it */
	bool is_taken; /* while a topology is numbered: it has it */
};

struct ids {
	struct entry *endpoints, *pools;
	struct entry *by_id[IDS_MAX]; /* of endpoints */
	uint32_t lowest;	      /* all below are in use */
};

struct ids *ids_new(void)
{
	return alloc_zeroed(1, sizeof(struct ids));
}

static void free_table(struct entry **table)
{
	struct entry *entry, *next;

	HASH_ITER(hh, *table, entry, next)
	{
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): as below */
		HASH_DEL(*table, entry);
		free(entry->key);
		free(entry);
	}
}

void ids_free(struct ids *ids)
{
	if (ids == NULL)
		return;
	free_table(&ids->endpoints);
	free_table(&ids->pools);
	free(ids);
}

static struct entry *find(struct entry *table, const char *key)
{
	struct entry *entry;

	HASH_FIND_STR(table, key, entry);
	return entry;
}

static struct entry *add(struct entry **table, const char *key, uint16_t id)
{
	struct entry *entry = alloc_zeroed(1, sizeof(*entry));

	entry->key = alloc_string(key);
	entry->id = id;
	entry->is_new = true;
	HASH_ADD_KEYPTR(hh, *table, entry->key, strlen(entry->key), entry);
	return entry;
}

/* The lowest, so that tables by id stay small. */
static int free_id(struct ids *ids)
{
	while (ids->lowest < IDS_MAX && ids->by_id[ids->lowest] != NULL)
		ids->lowest++;
	return ids->lowest < IDS_MAX ? (int)ids->lowest : -1;
}

/* Fields are parted by a byte that none of them has. */
static void write_key(const struct endpoint *endpoint, struct text *key)
{
	const struct pool *pool = endpoint->pool;
	const char *user = pool->node_user != NULL ? pool->node_user : "";
	const char *password = pool->node_password != NULL ? pool->node_password : "";

	text_reset(key);
	text_printf(key, "%s\n%d %d %u\n%s\n%s\n%s\n%s\n", pool->name, (int)pool->protocol,
		    pool->settings.node_protocol, pool->settings.connections, user, password,
		    endpoint->shard->name, endpoint->text);
	for (uint16_t i = 0; i < endpoint->n_ips; i++)
		text_printf(key, "%s ", endpoint->ips[i]);
}

/* Of twins, the same address twice in a shard, each has its own. */
static struct entry *entry_of(struct ids *ids, struct text *key)
{
	struct entry *entry = find(ids->endpoints, key->p);

	while (entry != NULL && entry->is_taken) {
		text_puts(key, "+");
		entry = find(ids->endpoints, key->p);
	}
	return entry;
}

static int assign(struct ids *ids, struct endpoint *endpoint, struct text *key, struct error *error)
{
	write_key(endpoint, key);
	struct entry *entry = entry_of(ids, key);

	if (entry == NULL) {
		int id = free_id(ids);

		if (id < 0)
			return error_set(error, "more than %u endpoints are in use", IDS_MAX);
		entry = add(&ids->endpoints, key->p, (uint16_t)id);
		ids->by_id[id] = entry;
	}
	entry->uses++;
	entry->is_taken = true;
	endpoint->id = entry->id;
	return 0;
}

static void number_pool(struct ids *ids, struct pool *pool)
{
	struct text key = {0};

	text_printf(&key, "%s\n%d", pool->name, (int)pool->protocol);
	struct entry *entry = find(ids->pools, key.p);
	if (entry == NULL)
		entry = add(&ids->pools, key.p, (uint16_t)HASH_COUNT(ids->pools));
	pool->index = entry->id;
	text_free(&key);
}

static void drop(struct ids *ids, uint16_t id)
{
	struct entry *entry = ids->by_id[id];

	if (--entry->uses > 0)
		return;
	ids->by_id[id] = NULL;
	if (id < ids->lowest)
		ids->lowest = id;
	/* The analyzer takes the table for an empty one. NOLINTNEXTLINE(clang-analyzer-core.*) */
	HASH_DEL(ids->endpoints, entry);
	free(entry->key);
	free(entry);
}

int ids_assign(struct ids *ids, struct topology *topology, struct error *error)
{
	struct text key = {0};
	struct entry *entry, *next;
	uint16_t n = 0;

	HASH_ITER(hh, ids->endpoints, entry, next)
	entry->is_new = entry->is_taken = false;
	for (uint16_t i = 0; i < topology->n_pools; i++)
		number_pool(ids, &topology->pools[i]);
	while (n < topology->n_endpoints && assign(ids, &topology->endpoints[n], &key, error) == 0)
		n++;
	text_free(&key);
	if (n == topology->n_endpoints) {
		topology_index(topology);
		return 0;
	}
	while (n-- > 0)
		drop(ids, topology->endpoints[n].id);
	return -1;
}

bool ids_is_new(void *arg, uint16_t id)
{
	const struct ids *ids = arg;

	return ids->by_id[id] != NULL && ids->by_id[id]->is_new;
}

void ids_drop(struct ids *ids, const struct topology *topology)
{
	for (uint16_t i = 0; i < topology->n_endpoints; i++)
		drop(ids, topology->endpoints[i].id);
}
