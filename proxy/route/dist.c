#include "route/dist.h"

#include <stdbool.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/text.h"
#include "route/arcs.h"
#include "route/endpoint.h"
#include "route/jump.h"
#include "route/ketama.h"
#include "route/rendezvous.h"
#include "route/share.h"

#define MEMCACHED_PORT 11211
#define SAMPLE_SEED    1

/* How a key's hash becomes a node. */
enum method { RING, SLOTS, JUMP, RENDEZVOUS, PYMEMCACHE, RANDOM };

static const struct dist_row {
	const char *name;
	enum method method;
	enum hash_kind hash;
} rows[DIST_COUNT] = {
	[DIST_KETAMA] = {"ketama", RING, HASH_MD5},
	[DIST_LIBMEMCACHED_CONSISTENT] = {"libmemcached-consistent", RING, HASH_ONE_AT_A_TIME},
	[DIST_LASTFM] = {"lastfm", RING, HASH_MD5},
	[DIST_DALLI] = {"dalli", RING, HASH_CRC32A},
	[DIST_SPYMEMCACHED] = {"spymemcached", RING, HASH_MD5},
	[DIST_MODULA] = {"modula", SLOTS, HASH_ONE_AT_A_TIME},
	[DIST_PYMEMCACHE] = {"pymemcache", PYMEMCACHE, HASH_COUNT},
	[DIST_JUMP] = {"jump", JUMP, HASH_XXH3},
	[DIST_RENDEZVOUS] = {"rendezvous", RENDEZVOUS, HASH_XXH3},
	[DIST_RANDOM] = {"random", RANDOM, HASH_XXH3},
};

struct dist {
	enum dist_kind kind;
	enum method method;
	enum hash_kind hash;
	uint32_t slots;	   /* the weights' sum where hashes fall into slots, else 0 */
	struct arcs *arcs; /* of the ring or of the slots; NULL for both rendezvous */
	struct rendezvous *rendezvous;
	size_t n;
	uint32_t points[];
};

const char *dist_name(enum dist_kind kind)
{
	return rows[kind].name;
}

enum hash_kind dist_default_hash(enum dist_kind kind)
{
	return rows[kind].hash;
}

const char *dist_hash_trouble(enum dist_kind kind, enum hash_kind hash)
{
	if (hash >= HASH_COUNT || hash == rows[kind].hash)
		return NULL;
	if (rows[kind].method == PYMEMCACHE)
		return "pymemcache hashes keys its own way, so `hash` has no effect";
	if (rows[kind].method == RANDOM)
		return "random looks at no key, so `hash` has no effect";
	if (hash != HASH_CRC32 || rows[kind].method != RING || kind == DIST_LIBMEMCACHED_CONSISTENT)
		return NULL;
	return "crc32 keeps 15 bits of 32, so on this ring (nearly) every key goes to one shard; "
	       "use crc32a, or modula";
}

/* HOST:PORT, or the path of a unix socket. */
static int label_plain(const char *host, uint16_t port, char out[DIST_LABEL_MAX + 1])
{
	if (port == 0)
		return snprintf(out, DIST_LABEL_MAX + 1, "%s", host);
	return snprintf(out, DIST_LABEL_MAX + 1, "%s:%u", host, port);
}

/* The port is left out where it is memcached's own, and written where there is none. */
static int label_libmemcached(const char *host, uint16_t port, char out[DIST_LABEL_MAX + 1])
{
	if (port == MEMCACHED_PORT)
		return snprintf(out, DIST_LABEL_MAX + 1, "%s", host);
	return snprintf(out, DIST_LABEL_MAX + 1, "%s:%u", host, port);
}

/* What a placeholder at the beginning of `at` stands for, and its length; 0: it is none. */
static size_t placeholder(const char *at, const char *host, const char *port, const char **value)
{
	static const char *const names[] = {"{host}", "{ip}", "{port}"};
	const char *const values[] = {host, host, port};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (strncmp(at, names[i], strlen(names[i])) == 0) {
			*value = values[i];
			return strlen(names[i]);
		}
	}
	return 0;
}

static int label_from(const char *template, const char *host, uint16_t port,
		      char out[DIST_LABEL_MAX + 1])
{
	struct text text = {0};
	char port_text[8];

	(void)snprintf(port_text, sizeof(port_text), "%u", port);
	while (*template != '\0') {
		const char *value = template;
		size_t skip = placeholder(template, host, port_text, &value);

		text_append(&text, span_make(value, skip > 0 ? strlen(value) : 1));
		template += skip > 0 ? skip : 1;
	}

	int len = snprintf(out, DIST_LABEL_MAX + 1, "%s", text.p != NULL ? text.p : "");

	text_free(&text);
	return len;
}

/* Java prints a resolved name as NAME/IP:PORT, and an address that has no name as IP:PORT. */
static int label_java(const char *node_string, const char *host, uint16_t port,
		      char out[DIST_LABEL_MAX + 1])
{
	static const char java[] = "{host}/{ip}:{port}";

	if (node_string == NULL || strcmp(node_string, java) == 0)
		node_string = address_host_is_ip(host) ? "{ip}:{port}" : java;
	if (!address_host_is_ip(host) && strstr(node_string, "{ip}") != NULL)
		return -1;
	return label_from(node_string, host, port, out);
}

int dist_label(enum dist_kind kind, const char *node_string, const char *host, uint16_t port,
	       char out[DIST_LABEL_MAX + 1], struct error *error)
{
	int len;

	if (kind == DIST_KETAMA || kind == DIST_LIBMEMCACHED_CONSISTENT)
		len = label_libmemcached(host, port, out);
	else if (kind == DIST_SPYMEMCACHED && port != 0)
		len = label_java(node_string, host, port, out);
	else
		len = label_plain(host, port, out);
	if (len < 0)
		return error_set(
			error,
			"the ring label of %s:%u has the node's IP in it, which is not known here; "
			"expected a name for the shard (such as %s/10.0.0.1:%u), or a node_string "
			"without {ip}",
			host, port, host, port);
	if (len == 0 || len > DIST_LABEL_MAX)
		return error_set(error, "the ring label of %s is %d bytes; expected 1 to %d", host,
				 len, DIST_LABEL_MAX);
	return 0;
}

/* Whether any distribution can be made of the nodes; else `error` says what is wrong. */
static int check_nodes(enum dist_kind kind, const struct dist_node *nodes, size_t n,
		       struct error *error)
{
	uint64_t total = 0;

	if (n < 1 || n > DIST_NODES_MAX)
		return error_set(error, "there are %zu shards; expected 1 to %d", n,
				 DIST_NODES_MAX);
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(nodes[i].label);

		if (len < 1 || len > DIST_LABEL_MAX)
			return error_set(error,
					 "the label of shard %zu is %zu bytes; expected 1 to %d",
					 i + 1, len, DIST_LABEL_MAX);
		if (nodes[i].weight == 0)
			return error_set(error, "shard %s has weight 0; expected 1 or more",
					 nodes[i].label);
		if (kind == DIST_PYMEMCACHE && nodes[i].weight > 1)
			return error_set(
				error,
				"shard %s has weight %u; expected 1, for pymemcache has no weights",
				nodes[i].label, nodes[i].weight);
		total += nodes[i].weight;
	}
	if (total > INT32_MAX)
		return error_set(error, "the shards' weights add up to more than %d", INT32_MAX);
	return 0;
}

/* The slots 0 to the weights' sum - 1 in the nodes' order, each node as often as it weighs. */
static struct arcs *slots_build(const struct dist_node *nodes, size_t n)
{
	struct arc *arcs = alloc_zeroed(n, sizeof(*arcs));
	uint32_t slots = 0;

	for (size_t i = 0; i < n; i++) {
		slots += nodes[i].weight;
		arcs[i] = (struct arc){slots - 1, (uint16_t)i};
	}

	struct arcs *built = arcs_build(arcs, n);

	free(arcs);
	return built;
}

static void fill(struct dist *dist, const struct dist_node *nodes)
{
	for (size_t i = 0; i < dist->n; i++)
		dist->points[i] = nodes[i].weight;
	switch (dist->method) {
	case RING:
		dist->arcs = ketama_build(dist->kind, dist->hash, nodes, dist->n, dist->points);
		break;
	case SLOTS:
	case JUMP:
	case RANDOM:
		dist->arcs = slots_build(nodes, dist->n);
		for (size_t i = 0; i < dist->n; i++)
			dist->slots += nodes[i].weight;
		break;
	case RENDEZVOUS:
	case PYMEMCACHE:
		dist->rendezvous = rendezvous_build(nodes, dist->n);
		break;
	}
}

struct dist *dist_build(enum dist_kind kind, enum hash_kind hash, const struct dist_node *nodes,
			size_t n, struct error *error)
{
	if (check_nodes(kind, nodes, n, error) != 0)
		return NULL;

	struct dist *dist = alloc_zeroed(1, sizeof(*dist) + n * sizeof(dist->points[0]));

	dist->kind = kind;
	dist->method = rows[kind].method;
	dist->hash = hash == HASH_DEFAULT ? rows[kind].hash : hash;
	dist->n = n;
	fill(dist, nodes);
	return dist;
}

struct dist *dist_build_slots(const uint16_t owner[CLUSTER_SLOTS], size_t n)
{
	struct dist *dist = alloc_zeroed(1, sizeof(*dist) + n * sizeof(dist->points[0]));
	struct arc *arcs = alloc_zeroed(CLUSTER_SLOTS, sizeof(*arcs));

	*dist = (struct dist){.kind = DIST_MODULA, .method = SLOTS, .hash = HASH_CRC16};
	dist->slots = CLUSTER_SLOTS;
	dist->n = n;
	for (uint32_t slot = 0; slot < CLUSTER_SLOTS; slot++) {
		arcs[slot] = (struct arc){slot, owner[slot]};
		dist->points[owner[slot]]++;
	}
	dist->arcs = arcs_build(arcs, CLUSTER_SLOTS);
	free(arcs);
	return dist;
}

void dist_free(struct dist *dist)
{
	if (dist == NULL)
		return;
	arcs_free(dist->arcs);
	rendezvous_free(dist->rendezvous);
	free(dist);
}

size_t dist_lookup(const struct dist *dist, struct span key, struct digest *digest, struct rng *rng)
{
	/* As all the originals: and a pool of one node costs no hash. */
	if (dist->n == 1)
		return 0;
	if (dist->method == RANDOM)
		return arcs_owner(dist->arcs, (uint32_t)rng_below(rng, dist->slots));
	if (dist->method == PYMEMCACHE)
		return rendezvous_owner_pymemcache(dist->rendezvous, key);

	uint64_t hash = hash_key(dist->hash, key, digest);

	if (likely(dist->method == RING))
		return arcs_owner(dist->arcs, (uint32_t)hash);
	if (dist->method == SLOTS)
		return arcs_owner(dist->arcs, (uint32_t)hash % dist->slots);
	if (dist->method == JUMP)
		return arcs_owner(dist->arcs, jump_slot(hash, dist->slots));
	return rendezvous_owner(dist->rendezvous, hash);
}

size_t dist_points(const struct dist *dist, size_t i)
{
	return dist->points[i];
}

size_t dist_nodes(const struct dist *dist)
{
	return dist->n;
}

/* Whether the 32-bit hash of a key decides its node. */
static bool is_mapped(const struct dist *dist)
{
	return dist->n == 1 || dist->method == RING || dist->method == SLOTS;
}

static void count_sample(const struct dist *from, const struct dist *to, uint32_t n_keys,
			 double *share)
{
	struct digest *digest = digest_new();
	struct rng rng;

	rng_init(&rng, SAMPLE_SEED);
	memset(share, 0, from->n * to->n * sizeof(*share));
	for (uint32_t i = 0; i < n_keys; i++) {
		uint64_t random = rng_next(&rng);
		struct span key = span_make((const char *)&random, sizeof(random));
		size_t a = dist_lookup(from, key, digest, &rng);
		size_t b = dist_lookup(to, key, digest, &rng);

		share[a * to->n + b] += 1.0 / (double)n_keys;
	}
	digest_free(digest);
}

void dist_shares(const struct dist *from, const struct dist *to, uint32_t n_keys, double *share,
		 bool *exact)
{
	/* One node owns all hashes, in whatever ring: which is built for it as for any other. */
	bool alike = from->hash == to->hash || from->n == 1 || to->n == 1;

	*exact = alike && is_mapped(from) && is_mapped(to);
	if (!*exact) {
		count_sample(from, to, n_keys, share);
		return;
	}

	struct arcs *all = arcs_build(&(struct arc){UINT32_MAX, 0}, 1);
	struct share_side a = {from->n == 1 ? all : from->arcs, from->n == 1 ? 0 : from->slots,
			       from->n};
	struct share_side b = {to->n == 1 ? all : to->arcs, to->n == 1 ? 0 : to->slots, to->n};

	share_exact(&a, &b, share);
	arcs_free(all);
}
