#include "control/found.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

struct found_shard *found_add(struct found *found, const char *name, const char *primary)
{
	found->shards = alloc_resize(found->shards, (found->n + 1) * sizeof(found->shards[0]));
	struct found_shard *shard = &found->shards[found->n++];
	*shard = (struct found_shard){
		.name = name != NULL ? alloc_string(name) : NULL,
		.primary = primary != NULL ? alloc_string(primary) : NULL,
	};
	return shard;
}

void found_add_replica(struct found_shard *shard, const char *address)
{
	size_t bytes = (shard->n_replicas + 1) * sizeof(shard->replicas[0]);

	shard->replicas = alloc_resize(shard->replicas, bytes);
	shard->replicas[shard->n_replicas++] = alloc_string(address);
}

void found_add_slots(struct found_shard *shard, uint16_t first, uint16_t last)
{
	size_t bytes = (shard->n_slots + 1) * sizeof(shard->slots[0]);

	shard->slots = alloc_resize(shard->slots, bytes);
	shard->slots[shard->n_slots++] = (struct slot_range){first, last};
}

/* ------------------------------------------------------------------ comparing */

/* A total order of texts, NULL first. */
static int compare_texts(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		return (a != NULL) - (b != NULL);
	return strcmp(a, b);
}

static int by_text(const void *a, const void *b)
{
	return compare_texts(*(char *const *)a, *(char *const *)b);
}

static int by_first(const void *a, const void *b)
{
	const struct slot_range *x = a, *y = b;

	return x->first != y->first ? x->first - y->first : x->last - y->last;
}

static int by_name(const void *a, const void *b)
{
	const struct found_shard *x = a, *y = b;
	int order = compare_texts(x->name, y->name);

	return order != 0 ? order : compare_texts(x->primary, y->primary);
}

void found_sort(struct found *found)
{
	for (size_t i = 0; i < found->n; i++) {
		struct found_shard *shard = &found->shards[i];

		if (shard->n_replicas > 0)
			qsort(shard->replicas, shard->n_replicas, sizeof(shard->replicas[0]),
			      by_text);
		if (shard->n_slots > 0)
			qsort(shard->slots, shard->n_slots, sizeof(shard->slots[0]), by_first);
	}
	if (found->n > 0)
		qsort(found->shards, found->n, sizeof(found->shards[0]), by_name);
}

static bool equal_shards(const struct found_shard *a, const struct found_shard *b)
{
	if (by_name(a, b) != 0 || a->n_replicas != b->n_replicas || a->n_slots != b->n_slots)
		return false;
	for (size_t i = 0; i < a->n_replicas; i++)
		if (strcmp(a->replicas[i], b->replicas[i]) != 0)
			return false;
	for (size_t i = 0; i < a->n_slots; i++)
		if (by_first(&a->slots[i], &b->slots[i]) != 0)
			return false;
	return true;
}

bool found_equal(const struct found *a, const struct found *b)
{
	struct found x = {0}, y = {0};
	bool is_equal = a->n == b->n;

	found_copy(&x, a);
	found_copy(&y, b);
	found_sort(&x);
	found_sort(&y);
	for (size_t i = 0; is_equal && i < x.n; i++)
		is_equal = equal_shards(&x.shards[i], &y.shards[i]);
	found_fini(&x);
	found_fini(&y);
	return is_equal;
}

bool found_address(struct span host, uint64_t port, char out[ADDRESS_TEXT_MAX])
{
	struct address address = {.port = (uint16_t)port};
	struct error error;

	if (host.len == 0 || host.len > ADDRESS_HOST_MAX || port == 0 || port > UINT16_MAX ||
	    memchr(host.p, '*', host.len) != NULL || memchr(host.p, '\0', host.len) != NULL)
		return false;
	memcpy(address.host, host.p, host.len);
	address_format(&address, out);
	if (strchr(address.host, ':') != NULL && !address_host_is_ip(address.host))
		return false;
	/* The host "unix" would make it a socket's path. */
	return address_parse(out, 0, &address, &error) == 0 && !address.is_unix;
}

void found_list_add(struct string_list *list, const char *text)
{
	list->v = alloc_resize(list->v, (list->n + 1) * sizeof(list->v[0]));
	list->v[list->n++] = alloc_string(text);
}

void found_list_free(struct string_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->v[i]);
	free(list->v);
	*list = (struct string_list){0};
}

/* ------------------------------------------------------------------ life */

void found_copy(struct found *to, const struct found *from)
{
	*to = (struct found){.version = from->version};
	for (size_t i = 0; i < from->n; i++) {
		const struct found_shard *shard = &from->shards[i];
		struct found_shard *copy = found_add(to, shard->name, shard->primary);

		for (size_t j = 0; j < shard->n_replicas; j++)
			found_add_replica(copy, shard->replicas[j]);
		for (size_t j = 0; j < shard->n_slots; j++)
			found_add_slots(copy, shard->slots[j].first, shard->slots[j].last);
	}
}

void found_fini(struct found *found)
{
	for (size_t i = 0; i < found->n; i++) {
		struct found_shard *shard = &found->shards[i];

		for (size_t j = 0; j < shard->n_replicas; j++)
			free(shard->replicas[j]);
		free(shard->replicas);
		free(shard->slots);
		free(shard->name);
		free(shard->primary);
	}
	free(found->shards);
	*found = (struct found){0};
}
