#include "core/herd.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "route/hash.h"

#define BUCKETS 4096
#define MARKS	4096 /* fewer than HERD_ALL; keys that share one only close herds too early */

struct herd_marks {
	_Atomic uint32_t of[MARKS];
	_Atomic uint32_t all;
};

struct herds {
	struct herd_marks *marks;
	struct slab slab;
	struct herd *buckets[BUCKETS];
};

struct herd_marks *herd_marks_new(void)
{
	return alloc_zeroed(1, sizeof(struct herd_marks));
}

void herd_marks_free(struct herd_marks *marks)
{
	free(marks);
}

struct herds *herds_new(struct herd_marks *marks)
{
	struct herds *herds = alloc_zeroed(1, sizeof(*herds));

	herds->marks = marks;
	slab_init(&herds->slab, sizeof(struct herd), UINT32_MAX);
	return herds;
}

void herds_free(struct herds *herds)
{
	if (herds != NULL)
		slab_fini(&herds->slab);
	free(herds);
}

static uint16_t mark_of(struct engine *engine, struct span key)
{
	return (uint16_t)(hash_key(HASH_XXH3, key, engine->digest) % MARKS);
}

void herds_stand(struct engine *engine, struct span key, struct herd_key *out)
{
	struct herd_marks *marks = engine->herds->marks;

	/* Both only ever grow, so that the sum says whether either has. */
	out->standing = atomic_load(&marks->of[mark_of(engine, key)]) + atomic_load(&marks->all);
	out->hash = hash_key(HASH_XXH3, out->bytes, engine->digest);
}

static bool has_bytes(const struct chain *chain, struct span bytes)
{
	char its[HERD_BYTES_MAX];

	return chain->bytes == bytes.len && bytes.len <= sizeof(its) &&
	       span_equal(span_make(its, chain_peek(chain, its, bytes.len)), bytes);
}

static bool is_alike(const struct herd *herd, const struct herd_key *b)
{
	const struct herd_key *a = &herd->key;

	return a->hash == b->hash && a->pool == b->pool &&
	       memcmp(&a->kind, &b->kind, sizeof(a->kind)) == 0 && a->reads == b->reads &&
	       a->place == b->place && has_bytes(&herd->request->first.bytes, b->bytes);
}

struct herd *herds_find(struct herds *herds, const struct herd_key *key)
{
	struct herd *herd = herds->buckets[key->hash % BUCKETS];

	while (herd != NULL && !is_alike(herd, key))
		herd = herd->next;
	if (herd == NULL || herd->key.standing == key->standing)
		return herd;
	herds_close(herds, herd);
	return NULL;
}

struct herd *herds_open(struct herds *herds, const struct herd_key *key)
{
	struct herd **bucket = &herds->buckets[key->hash % BUCKETS];
	struct herd *herd = slab_get(&herds->slab);

	if (unlikely(herd == NULL)) {
		fputs("slipring: out of memory\n", stderr);
		abort();
	}
	herd->key = *key;
	herd->key.bytes = (struct span){0};
	herd->request = NULL;
	herd->n_waiting = 0;
	TAILQ_INIT(&herd->waiting);
	herd->is_open = true;
	herd->next = *bucket;
	*bucket = herd;
	return herd;
}

void herds_close(struct herds *herds, struct herd *herd)
{
	struct herd **at = &herds->buckets[herd->key.hash % BUCKETS];

	if (!herd->is_open)
		return;
	while (*at != herd)
		at = &(*at)->next;
	*at = herd->next;
	herd->is_open = false;
}

void herds_drop(struct herds *herds, struct herd *herd)
{
	herds_close(herds, herd);
	slab_put(&herds->slab, herd);
}

static void split(struct herd_marks *marks, uint16_t mark)
{
	atomic_fetch_add(mark == HERD_ALL ? &marks->all : &marks->of[mark], 1);
}

/* One key is remembered for the end; where there are more, all stand for them. */
static void note(struct request *request, uint16_t mark)
{
	split(request->engine->herds->marks, mark);
	request->mark = request->marks ? HERD_ALL : mark;
	request->marks = true;
}

void herds_note_write(struct request *request, struct span key)
{
	note(request, mark_of(request->engine, key));
}

void herds_note_write_all(struct request *request)
{
	note(request, HERD_ALL);
}

void herds_note_end(struct request *request)
{
	split(request->engine->herds->marks, request->mark);
}

uint64_t herd_held(const struct herd *herd)
{
	return herd->request->first.reply.bytes / herd->n_waiting;
}
