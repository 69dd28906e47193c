#include "cli/nutcracker.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/number.h"
#include "control/nearest.h"
#include "control/source.h"
#include "route/dist.h"
#include "route/endpoint.h"

#define MEMCACHED_PORT 11211

enum key_type { KEY_TEXT, KEY_TAG, KEY_NUMBER, KEY_FLAG, KEY_HASH, KEY_DISTRIBUTION, KEY_SERVERS };

static const struct key {
	const char *name;
	enum key_type type;
	size_t offset; /* of a const char * or an int64_t in struct nutcracker_pool */
} keys[] = {
	{"listen", KEY_TEXT, offsetof(struct nutcracker_pool, listen)},
	{"hash", KEY_HASH, offsetof(struct nutcracker_pool, hash)},
	{"hash_tag", KEY_TAG, offsetof(struct nutcracker_pool, hash_tag)},
	{"distribution", KEY_DISTRIBUTION, offsetof(struct nutcracker_pool, distribution)},
	{"redis_auth", KEY_TEXT, offsetof(struct nutcracker_pool, redis_auth)},
	{"timeout", KEY_NUMBER, offsetof(struct nutcracker_pool, timeout)},
	{"backlog", KEY_NUMBER, offsetof(struct nutcracker_pool, backlog)},
	{"client_connections", KEY_NUMBER, offsetof(struct nutcracker_pool, client_connections)},
	{"redis_db", KEY_NUMBER, offsetof(struct nutcracker_pool, redis_db)},
	{"server_connections", KEY_NUMBER, offsetof(struct nutcracker_pool, server_connections)},
	{"server_retry_timeout", KEY_NUMBER,
	 offsetof(struct nutcracker_pool, server_retry_timeout)},
	{"server_failure_limit", KEY_NUMBER,
	 offsetof(struct nutcracker_pool, server_failure_limit)},
	{"redis", KEY_FLAG, offsetof(struct nutcracker_pool, redis)},
	{"preconnect", KEY_FLAG, offsetof(struct nutcracker_pool, preconnect)},
	{"auto_eject_hosts", KEY_FLAG, offsetof(struct nutcracker_pool, auto_eject_hosts)},
	{"tcpkeepalive", KEY_FLAG, offsetof(struct nutcracker_pool, tcpkeepalive)},
	{"servers", KEY_SERVERS, 0},
};

static void refuse(struct findings *findings, const struct tree_node *node, const char *what)
{
	char path[TREE_PATH_MAX];

	findings_error(findings, node->place, tree_path(node, path), "%s", what);
}

static bool is_hash(const char *text)
{
	/* murmur3 and xxh3 come after these; twemproxy has neither. */
	for (int i = 0; i < HASH_MURMUR3; i++)
		if (strcmp(hash_name((enum hash_kind)i), text) == 0)
			return true;
	return false;
}

static bool is_distribution(const char *text)
{
	return strcmp(text, "ketama") == 0 || strcmp(text, "modula") == 0 ||
	       strcmp(text, "random") == 0;
}

/* What is wrong with a scalar of this type, or NULL. */
static const char *check_scalar(const struct tree_node *node, enum key_type type)
{
	int64_t number;

	switch (type) {
	case KEY_TAG:
		return strlen(node->text) == 2 ? NULL : "expected two characters";
	case KEY_NUMBER:
		if (!number_parse_i64(span_of(node->text), &number) || number < 0 ||
		    number > INT_MAX)
			return "expected a number, 0 or greater";
		return NULL;
	case KEY_FLAG:
		return strcmp(node->text, "true") == 0 || strcmp(node->text, "false") == 0
			       ? NULL
			       : "expected true or false";
	case KEY_HASH:
		return is_hash(node->text) ? NULL
					   : "not a hash of twemproxy; expected one, as "
					     "fnv1a_64 or md5";
	case KEY_DISTRIBUTION:
		return is_distribution(node->text) ? NULL : "expected ketama, modula or random";
	case KEY_TEXT:
	case KEY_SERVERS:
		break;
	}
	return NULL;
}

static void read_scalar(const struct tree_node *node, const struct key *key,
			struct nutcracker_pool *pool, struct findings *findings)
{
	void *field = (char *)pool + key->offset;
	const char *wrong;

	if (node->kind != TREE_SCALAR || tree_is_null(node)) {
		refuse(findings, node, "expected a text behind the colon");
		return;
	}
	wrong = check_scalar(node, key->type);
	if (wrong != NULL)
		refuse(findings, node, wrong);
	else if (key->type == KEY_FLAG)
		*(int64_t *)field = strcmp(node->text, "true") == 0;
	else if (key->type != KEY_NUMBER)
		*(const char **)field = node->text;
	else if (!number_parse_i64(span_of(node->text), field))
		abort(); /* it was checked above */
}

/* Cut what stands behind the last `c` off `rest`; false, and nothing cut, without one. */
static bool cut_last(struct span *rest, char c, struct span *tail)
{
	const char *at = memrchr(rest->p, c, rest->len);

	if (at == NULL)
		return false;
	size_t head = (size_t)(at - rest->p);
	*tail = span_skip(*rest, head + 1);
	rest->len = head;
	return true;
}

char *nutcracker_address(struct span text)
{
	char out[ADDRESS_TEXT_MAX];
	struct address address;
	struct span port;
	struct error error;
	int len;

	if (text.len > 0 && text.p[0] == '/') {
		len = snprintf(out, sizeof(out), "unix:%.*s", (int)text.len, text.p);
	} else {
		if (!cut_last(&text, ':', &port))
			return NULL;
		bool is_v6 = memchr(text.p, ':', text.len) != NULL;
		len = snprintf(out, sizeof(out), is_v6 ? "[%.*s]:%.*s" : "%.*s:%.*s", (int)text.len,
			       text.p, (int)port.len, port.p);
	}
	if (len < 0 || (size_t)len >= sizeof(out) || address_parse(out, 0, &address, &error) != 0)
		return NULL;
	return alloc_string(out);
}

/*
 * The label of a server without a name: the address without the port 11211, as libmemcached has
 * it. A socket's is its path with the colon behind it, for twemproxy counts a port's colon in
 * where there is no port (nc_conf.c, conf_add_server).
 */
static char *default_name(struct span address)
{
	struct span host = address, port;
	uint64_t number;

	if (address.p[0] == '/')
		return alloc_copy(address.p, address.len + 1);
	if (cut_last(&host, ':', &port) && number_parse_u64(port, &number) &&
	    number == MEMCACHED_PORT)
		return alloc_copy(host.p, host.len);
	return alloc_copy(address.p, address.len);
}

/* "host:port:weight name" or "/path:weight name"; the name may be missing. */
static bool read_server(const char *text, struct nutcracker_server *server)
{
	struct span rest = span_of(text), name = {0}, weight = {0};
	bool is_named = cut_last(&rest, ' ', &name);

	if (!cut_last(&rest, ':', &weight) || rest.len == 0 ||
	    !number_parse_i64(weight, &server->weight) || server->weight < 1 ||
	    server->weight > INT_MAX)
		return false;
	server->address = nutcracker_address(rest);
	server->name = is_named ? alloc_copy(name.p, name.len) : default_name(rest);
	return server->address != NULL && server->name[0] != '\0';
}

/* As twemproxy sorts the servers of a pool: with modula the order decides where keys are. */
static int by_name(const void *a, const void *b)
{
	const struct nutcracker_server *x = a, *y = b;
	size_t x_len = strlen(x->name), y_len = strlen(y->name);

	return x_len != y_len ? (x_len > y_len) - (x_len < y_len) : strcmp(x->name, y->name);
}

static void read_servers(const struct tree_node *node, struct nutcracker_pool *pool,
			 struct findings *findings)
{
	if (node->kind != TREE_LIST || node->n == 0 || node->n > DIST_NODES_MAX) {
		refuse(findings, node, "expected a list of 1 to 4096 servers");
		return;
	}
	pool->servers = alloc_zeroed(node->n, sizeof(pool->servers[0]));
	for (const struct tree_node *item = node->first; item != NULL; item = item->next) {
		struct nutcracker_server *server = &pool->servers[pool->n_servers++];

		if (item->kind != TREE_SCALAR || !read_server(item->text, server))
			refuse(findings, item,
			       "not a server; expected host:port:weight or /path:weight, and a "
			       "name behind a space if it has one");
	}
}

static void read_key(const struct tree_node *node, struct nutcracker_pool *pool,
		     struct findings *findings)
{
	struct nearest nearest = {.word = node->key};
	char path[TREE_PATH_MAX];

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		if (strcmp(keys[i].name, node->key) != 0) {
			nearest_offer(&nearest, span_of(keys[i].name));
			continue;
		}
		if (keys[i].type == KEY_SERVERS)
			read_servers(node, pool, findings);
		else
			read_scalar(node, &keys[i], pool, findings);
		return;
	}
	bool has_hint = nearest.best[0] != '\0';
	findings_error(findings, node->key_place, tree_path(node, path),
		       "twemproxy has no such key%s%s%s", has_hint ? "; did you mean '" : "",
		       nearest.best, has_hint ? "'?" : "; take it out");
}

static void read_pool(const struct tree_node *node, struct nutcracker_pool *pool,
		      struct findings *findings)
{
	pool->name = node->key;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (keys[i].type == KEY_NUMBER || keys[i].type == KEY_FLAG)
			*(int64_t *)(void *)((char *)pool + keys[i].offset) = NUTCRACKER_UNSET;
	if (node->kind != TREE_MAP) {
		refuse(findings, node, "expected a pool: a map with listen and servers");
		return;
	}
	for (const struct tree_node *key = node->first; key != NULL; key = key->next)
		read_key(key, pool, findings);
	if (tree_get(node, "listen") == NULL)
		refuse(findings, node, "'listen' is missing; expected host:port or /path");
	if (tree_get(node, "servers") == NULL)
		refuse(findings, node, "'servers' is missing; expected a list of host:port:weight");
}

void nutcracker_read(const char *path, struct nutcracker *out, struct findings *findings)
{
	char *content = NULL;
	long len = source_read(path, &content, findings);

	if (len < 0)
		return;
	tree_parse(&out->tree, span_make(content, (size_t)len), findings);
	free(content);
	if (out->tree.root == NULL)
		return;
	out->pools = alloc_zeroed(out->tree.root->n, sizeof(out->pools[0]));
	for (const struct tree_node *node = out->tree.root->first; node != NULL; node = node->next)
		read_pool(node, &out->pools[out->n_pools++], findings);
	if (findings->n_errors > 0)
		return; /* names may be missing */
	for (size_t i = 0; i < out->n_pools; i++) {
		struct nutcracker_pool *pool = &out->pools[i];

		if (pool->n_servers > 0)
			qsort(pool->servers, pool->n_servers, sizeof(pool->servers[0]), by_name);
	}
}

void nutcracker_free(struct nutcracker *nutcracker)
{
	for (size_t i = 0; i < nutcracker->n_pools; i++) {
		struct nutcracker_pool *pool = &nutcracker->pools[i];

		for (size_t j = 0; j < pool->n_servers; j++) {
			free(pool->servers[j].name);
			free(pool->servers[j].address);
		}
		free(pool->servers);
	}
	free(nutcracker->pools);
	tree_free(&nutcracker->tree);
	*nutcracker = (struct nutcracker){0};
}
