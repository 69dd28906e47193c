#include "control/roles.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/alloc.h"
#include "base/log.h"

/* A shard whose primary is another than its settings say. */
struct role {
	LIST_ENTRY(role) link;
	char *pool, *shard;
	char *primary;	      /* endpoint->text of the one that took over */
	char *base, *base_ip; /* what the settings say, and what that stood for when it did */
};

LIST_HEAD(role_list, role);

struct roles {
	struct role_list list;
	struct error told; /* of nodes that contradict each other, last */
};

struct roles *roles_new(void)
{
	struct roles *roles = alloc_zeroed(1, sizeof(*roles));

	LIST_INIT(&roles->list);
	return roles;
}

static void free_role(struct role *role)
{
	LIST_REMOVE(role, link);
	free(role->pool);
	free(role->shard);
	free(role->primary);
	free(role->base);
	free(role->base_ip);
	free(role);
}

void roles_free(struct roles *roles)
{
	if (roles == NULL)
		return;
	while (!LIST_EMPTY(&roles->list))
		/* It is off the list by then, which the analyzer does not see.
		 * NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
		free_role(LIST_FIRST(&roles->list));
	free(roles);
}

static struct role *find(const struct roles *roles, const char *pool, const char *shard)
{
	struct role *role;

	LIST_FOREACH (role, &roles->list, link)
		/* Likewise. NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
		if (strcmp(role->pool, pool) == 0 && strcmp(role->shard, shard) == 0)
			return role;
	return NULL;
}

const char *roles_primary(const struct roles *roles, const char *pool, const char *shard)
{
	const struct role *role = find(roles, pool, shard);

	return role != NULL ? role->primary : NULL;
}

static const char *ip_of_endpoint(const struct endpoint *endpoint)
{
	return endpoint->n_ips > 0 ? endpoint->ips[0] : "";
}

/* The i'th of a shard's nodes: its primary, then its replicas. */
static const struct endpoint *node(const struct shard *shard, uint16_t i)
{
	return i == 0 ? shard->primary : &shard->replicas[i - 1];
}

static const struct endpoint *node_called(const struct shard *shard, const char *text)
{
	for (uint16_t i = 0; i <= shard->n_replicas; i++)
		if (strcmp(node(shard, i)->text, text) == 0)
			return node(shard, i);
	return NULL;
}

static bool says_primary(const struct health *health, const struct endpoint *endpoint)
{
	const struct health_of *of = health_get(health, endpoint->id);

	return of != NULL && of->is_fresh && of->role == HEALTH_PRIMARY;
}

/* Has the node in use given up being the primary? *for_sure: whoever claims to be one may be. */
static bool has_given_up(const struct health *health, const struct endpoint *primary,
			 bool *for_sure)
{
	const struct health_of *of = health_get(health, primary->id);

	*for_sure = of != NULL &&
		    ((of->is_fresh && of->role == HEALTH_REPLICA) || of->state == HEALTH_DOWN);
	return *for_sure || (of != NULL && !of->is_fresh && of->state != HEALTH_UNKNOWN);
}

/* One node may be known by two names: that of the shard, and its own. */
static bool is_same_node(const struct endpoint *a, const struct endpoint *b)
{
	return a->address.port == b->address.port &&
	       strcmp(endpoint_host(a, 0), endpoint_host(b, 0)) == 0;
}

/* For people to see, once and not at each look. */
static void tell(struct roles *roles, const struct error *what)
{
	if (strcmp(roles->told.text, what->text) == 0)
		return;
	roles->told = *what;
	log_write(LOG_LEVEL_WARN, "%s", what->text);
}

/* The one other node that says it is a primary, or NULL: none does, or several. */
static const struct endpoint *successor(struct roles *roles, const struct shard *shard,
					const struct health *health, bool for_sure)
{
	const struct endpoint *found = NULL;
	struct error what;

	for (uint16_t i = 1; i <= shard->n_replicas; i++) {
		const struct endpoint *endpoint = node(shard, i);

		if (!says_primary(health, endpoint) ||
		    (!for_sure && !health_get(health, endpoint->id)->was_replica))
			continue;
		if (found != NULL && !is_same_node(found, endpoint)) {
			error_set(&what,
				  "pool %s: shard %s: %s and %s both say that they are primaries: "
				  "neither is taken",
				  endpoint->pool->name, shard->name, found->text, endpoint->text);
			tell(roles, &what);
			return NULL;
		}
		found = found != NULL ? found : endpoint;
	}
	return found;
}

/* Two that say so are told of, though the one in use stays. */
static void tell_rivals(struct roles *roles, const struct shard *shard, const struct health *health)
{
	const struct endpoint *primary = shard->primary;
	struct error what;

	if (!says_primary(health, primary))
		return;
	for (uint16_t i = 1; i <= shard->n_replicas; i++) {
		const struct endpoint *other = node(shard, i);

		if (!says_primary(health, other) || is_same_node(primary, other))
			continue;
		error_set(&what,
			  "pool %s: shard %s: %s says that it is a primary too: %s, in use, stays",
			  primary->pool->name, shard->name, other->text, primary->text);
		tell(roles, &what);
	}
}

static void replace(char **text, const char *by)
{
	free(*text);
	*text = alloc_string(by);
}

static void take_over(struct roles *roles, const struct shard *shard,
		      const struct endpoint *endpoint)
{
	const char *pool = endpoint->pool->name;
	struct role *role = find(roles, pool, shard->name);

	log_write(LOG_LEVEL_WARN, "pool %s: shard %s: %s is the primary now, in place of %s", pool,
		  shard->name, endpoint->text, shard->primary->text);
	if (role == NULL) {
		role = alloc_zeroed(1, sizeof(*role));
		role->pool = alloc_string(pool);
		role->shard = alloc_string(shard->name);
		role->base = alloc_string(shard->primary->text);
		role->base_ip = alloc_string(ip_of_endpoint(shard->primary));
		LIST_INSERT_HEAD(&roles->list, role, link);
	}
	replace(&role->primary, endpoint->text);
}

/* The name in the settings stands for something else now, or the shard has other nodes. */
static bool is_outdated(const struct role *role, const struct shard *shard)
{
	const struct endpoint *base = node_called(shard, role->base);

	return base == NULL || node_called(shard, role->primary) == NULL ||
	       strcmp(ip_of_endpoint(base), role->base_ip) != 0;
}

static bool judge(struct roles *roles, const struct shard *shard, const struct health *health)
{
	struct role *role = find(roles, shard->primary->pool->name, shard->name);
	const struct endpoint *next;
	bool for_sure;

	if (role != NULL && is_outdated(role, shard)) {
		log_write(LOG_LEVEL_INFO,
			  "pool %s: shard %s: %s decides again which node is the primary",
			  role->pool, role->shard, role->base);
		free_role(role);
		return true;
	}
	tell_rivals(roles, shard, health);
	if (!has_given_up(health, shard->primary, &for_sure))
		return false;
	next = successor(roles, shard, health, for_sure);
	if (next == NULL)
		return false;
	take_over(roles, shard, next);
	return true;
}

/* Sentinel and the cluster know better. */
static bool is_ours(const struct pool *pool)
{
	return pool->protocol == PROTOCOL_REDIS && !pool->has_led_roles;
}

bool roles_judge(struct roles *roles, const struct topology *topology, const struct health *health)
{
	bool is_changed = false;

	for (uint16_t i = 0; i < topology->n_pools; i++) {
		const struct pool *pool = &topology->pools[i];

		if (!is_ours(pool))
			continue;
		for (uint16_t j = 0; j < pool->n_shards; j++)
			is_changed |= judge(roles, &pool->shards[j], health);
	}
	return is_changed;
}

bool roles_is_urgent(const struct shard *shard, const struct health *health)
{
	return !says_primary(health, shard->primary);
}
