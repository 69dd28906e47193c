#include "control/members.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/alloc.h"

/* One pool. */
struct member {
	LIST_ENTRY(member) link;
	struct members *members;
	char *pool;
	char *source; /* whom its discovery asks, and what for */
	char *way;    /* all else that its discovery depends on */
	struct discovery *discovery;
	struct found found;
	bool is_wanted; /* while a configuration is followed */
};

LIST_HEAD(member_list, member);

struct members {
	struct loop *loop;
	struct resolver *resolver;
	void (*on_change)(void *arg);
	void *arg;
	struct member_list list;
};

struct members *members_new(struct loop *loop, void (*on_change)(void *arg), void *arg)
{
	struct members *members = alloc_zeroed(1, sizeof(*members));

	members->loop = loop;
	members->on_change = on_change;
	members->arg = arg;
	LIST_INIT(&members->list);
	return members;
}

static void free_member(struct member *member)
{
	LIST_REMOVE(member, link);
	discovery_free(member->discovery);
	found_fini(&member->found);
	free(member->source);
	free(member->way);
	free(member->pool);
	free(member);
}

void members_free(struct members *members)
{
	if (members == NULL)
		return;
	while (!LIST_EMPTY(&members->list))
		/* It is off the list by then, which the analyzer does not see.
		 * NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
		free_member(LIST_FIRST(&members->list));
	free(members);
}

static void on_found(void *arg, const struct found *found)
{
	struct member *member = arg;

	found_fini(&member->found);
	member->found = (struct found){0};
	found_copy(&member->found, found);
	member->members->on_change(member->members->arg);
}

static struct member *find(const struct members *members, const char *pool)
{
	struct member *member;

	LIST_FOREACH (member, &members->list, link)
		if (strcmp(member->pool, pool) == 0)
			return member;
	return NULL;
}

static void add_list(struct text *out, const struct string_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		text_printf(out, "%s ", list->v[i]);
	text_puts(out, "\n");
}

static void add_text(struct text *out, const char *text)
{
	text_printf(out, "%s\n", text != NULL ? text : "");
}

static char *source_of(const struct pool_spec *pool)
{
	const struct discover_spec *discover = &pool->discover;
	struct text out = {0};

	add_text(&out, discover->dns);
	add_text(&out, discover->srv);
	add_text(&out, discover->elasticache);
	add_list(&out, &discover->sentinel);
	add_list(&out, &discover->masters);
	add_list(&out, &discover->cluster);
	return out.p;
}

static char *way_of(const struct pool_spec *pool)
{
	struct text out = {0};

	text_printf(&out, "%d %u %u %u\n", pool->protocol, pool->discover.every_ms,
		    pool->settings.connect_ms, pool->settings.request_ms);
	add_text(&out, pool->credentials.name);
	add_text(&out, pool->credentials.password.text);
	return out.p;
}

/* Take `now` in place of *text. True if they differ. */
static bool replace(char **text, char *now)
{
	bool differ = *text == NULL || strcmp(*text, now) != 0;

	free(*text);
	*text = now;
	return differ;
}

static void begin(struct members *members, struct member *member, const struct config *config,
		  const struct pool_spec *pool, bool is_other)
{
	struct discovery *before = member->discovery;
	const struct discovery_setup setup = {
		.loop = members->loop,
		.resolver = members->resolver,
		.min_ttl_ms = config->dns_min_ttl_ms,
		.max_ttl_ms = config->dns_max_ttl_ms,
		.pool = pool,
		.before = is_other ? NULL : before,
		.on_found = on_found,
		.arg = member,
	};

	member->discovery = discovery_new(&setup);
	discovery_free(before);
}

/* A pool whose source is another one keeps what the old one found until the new one finds something. */
static void follow(struct members *members, const struct config *config,
		   const struct pool_spec *pool, bool is_renewed)
{
	struct member *member = find(members, pool->name);

	if (member == NULL) {
		member = alloc_zeroed(1, sizeof(*member));
		member->members = members;
		member->pool = alloc_string(pool->name);
		LIST_INSERT_HEAD(&members->list, member, link);
	}
	member->is_wanted = true;
	bool is_other = replace(&member->source, source_of(pool));
	bool is_asked_otherwise = replace(&member->way, way_of(pool));
	if (is_other || is_asked_otherwise || is_renewed)
		begin(members, member, config, pool, is_other);
}

void members_follow(struct members *members, const struct config *config, struct resolver *resolver)
{
	bool is_renewed = members->resolver != resolver;
	struct member *member, *next;

	members->resolver = resolver;
	LIST_FOREACH (member, &members->list, link)
		member->is_wanted = false;
	for (size_t i = 0; i < config->n_pools; i++)
		if (config->pools[i].n_shards == 0)
			follow(members, config, &config->pools[i], is_renewed);
	for (member = LIST_FIRST(&members->list); member != NULL; member = next) {
		next = LIST_NEXT(member, link);
		if (!member->is_wanted)
			free_member(member);
	}
}

const struct found *members_found(const struct members *members, const char *pool)
{
	const struct member *member = find(members, pool);

	return member != NULL && member->found.n > 0 ? &member->found : NULL;
}

const char *members_trouble(const struct members *members, const char *pool)
{
	const struct member *member = find(members, pool);

	return member != NULL ? discovery_trouble(member->discovery) : NULL;
}

void members_refresh(struct members *members, const char *pool)
{
	struct member *member;

	LIST_FOREACH (member, &members->list, link)
		if (pool == NULL || strcmp(member->pool, pool) == 0)
			discovery_refresh(member->discovery);
}
