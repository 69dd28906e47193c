#include "core/handshake.h"

#include <stdio.h>

#include "core/connset.h"
#include "proto/mc_binary.h"
#include "proto/resp_write.h"

/* A command of words that end in NULL. */
static void write_words(struct chunk_pool *chunks, struct chain *bytes, const char *const *words)
{
	struct span spans[5];
	size_t n = 0;

	for (; words[n] != NULL; n++)
		spans[n] = span_of(words[n]);
	resp_write_command(chunks, bytes, spans, n);
}

static const char *or_default(const char *user)
{
	return user == NULL ? "default" : user;
}

static uint32_t write_auth(struct chunk_pool *chunks, const struct handshake_login *login,
			   struct chain *bytes)
{
	const char *user = login->user, *password = login->password;

	if (login->kind.resp == 3 && password != NULL)
		write_words(chunks, bytes,
			    (const char *[]){"HELLO", "3", "AUTH", or_default(user), password,
					     NULL});
	else if (login->kind.resp == 3)
		write_words(chunks, bytes, (const char *[]){"HELLO", "3", NULL});
	else if (password != NULL && user != NULL)
		write_words(chunks, bytes, (const char *[]){"AUTH", user, password, NULL});
	else if (password != NULL)
		write_words(chunks, bytes, (const char *[]){"AUTH", password, NULL});
	return login->kind.resp == 3 || password != NULL;
}

/* Parts of a command, one behind the other. */
static void write_parts(struct chunk_pool *chunks, struct chain *bytes, const struct span *parts,
			size_t n)
{
	for (size_t i = 0; i < n; i++)
		chain_copy(chunks, bytes, parts[i]);
}

/*
 * A node that asks for a password (memcached -Y) looks at the value alone. One that does not stores
 * it: what has expired already, and under a name that nobody else uses, so that the password cannot
 * be read there.
 */
static uint32_t write_mc_login(struct chunk_pool *chunks, const struct handshake_login *login,
			       struct chain *bytes)
{
	char line[64];

	if (login->password == NULL)
		return 0;
	struct span user = span_of(or_default(login->user));
	struct span password = span_of(login->password);
	int n = snprintf(line, sizeof(line), "set slipring-login 0 -1 %zu\r\n",
			 user.len + 1 + password.len);
	const struct span parts[] = {span_make(line, (size_t)n), user, span_of(" "), password,
				     span_of("\r\n")};
	write_parts(chunks, bytes, parts, ARRAY_LEN(parts));
	return 1;
}

/* The whole login in one step; before the user's name and the password stands a zero byte each. */
static uint32_t write_sasl(struct chunk_pool *chunks, const struct handshake_login *login,
			   struct chain *bytes)
{
	char start[MCB_HEADER];

	if (login->password == NULL)
		return 0;
	struct span mechanism = span_of("PLAIN"), zero = span_make("", 1);
	struct span user = span_of(or_default(login->user));
	struct span password = span_of(login->password);
	const struct mcb_header header = {
		.magic = MCB_REQUEST,
		.opcode = MCB_SASL_AUTH,
		.key = (uint16_t)mechanism.len,
		.body = (uint32_t)(mechanism.len + 2 * zero.len + user.len + password.len),
	};
	mcb_header_write(start, &header);
	const struct span parts[] = {
		span_make(start, sizeof(start)), mechanism, zero, user, zero, password,
	};
	write_parts(chunks, bytes, parts, ARRAY_LEN(parts));
	return 1;
}

uint32_t handshake_write_login(struct chunk_pool *chunks, const struct handshake_login *login,
			       struct chain *bytes)
{
	if (login->protocol == PROTOCOL_REDIS)
		return write_auth(chunks, login, bytes);
	return login->kind.binary ? write_sasl(chunks, login, bytes)
				  : write_mc_login(chunks, login, bytes);
}

uint32_t handshake_write(struct engine *engine, const struct pool *pool, struct conn_kind kind,
			 struct chain *bytes)
{
	const struct handshake_login login = {pool->protocol, kind, pool->node_user,
					      pool->node_password};
	uint32_t replies = 1 + handshake_write_login(&engine->chunks, &login, bytes);
	char db[16];

	if (kind.db > 0) {
		snprintf(db, sizeof(db), "%u", (unsigned)kind.db);
		write_words(&engine->chunks, bytes, (const char *[]){"SELECT", db, NULL});
		replies++;
	}
	/* A replica of a cluster is read only on connections that say so. On others a primary that was demoted
	 * sends reads on, as it does the writes before them. */
	if (pool->is_cluster && pool->reads_replicas) {
		write_words(&engine->chunks, bytes, (const char *[]){"READONLY", NULL});
		replies++;
	}
	const struct codec *codec = kind.binary ? &codec_mc_binary : engine_codec(pool);

	chain_append(&engine->chunks, bytes, NULL, codec->hello);
	return replies;
}

static int binary_fault(struct span packet)
{
	if (packet.len < MCB_HEADER)
		return FAULT_ERROR_ANSWER;
	struct mcb_header header = mcb_header_read(packet.p);
	if (header.status == MCB_AUTH_ERROR)
		return FAULT_PASSWORD;
	if (header.status == MCB_UNKNOWN && header.opcode == MCB_SASL_AUTH)
		return FAULT_NO_SASL;
	return FAULT_ERROR_ANSWER;
}

int handshake_fault(struct span error)
{
	static const struct {
		const char *prefix;
		enum connset_fault fault;
	} faults[] = {
		{"-NOAUTH", FAULT_PASSWORD},
		{"-WRONGPASS", FAULT_PASSWORD},
		{"-NOPERM", FAULT_PASSWORD},
		{"-ERR invalid password", FAULT_PASSWORD},
		{"-ERR AUTH", FAULT_PASSWORD},
		{"-ERR Client sent AUTH", FAULT_PASSWORD},
		{"-LOADING", FAULT_LOADING},
		{"-ERR DB index", FAULT_DATABASE},
		{"-ERR invalid DB", FAULT_DATABASE},
		{"-NOPROTO", FAULT_PROTOCOL},
		{"-ERR unknown command", FAULT_PROTOCOL},
		{"CLIENT_ERROR authentication failure", FAULT_PASSWORD},
		{"CLIENT_ERROR unauthenticated", FAULT_PASSWORD},
	};

	if (error.len > 0 && (uint8_t)error.p[0] == MCB_RESPONSE)
		return binary_fault(error);
	for (size_t i = 0; i < ARRAY_LEN(faults); i++)
		if (span_starts_with(error, span_of(faults[i].prefix)))
			return (int)faults[i].fault;
	return FAULT_ERROR_ANSWER;
}
