#include "core/handshake.h"

#include <stdio.h>

#include "core/connset.h"
#include "proto/resp_write.h"

/* A command of words that end in NULL. */
static void write_words(struct engine *engine, struct chain *bytes, const char *const *words)
{
	struct span spans[5];
	size_t n = 0;

	for (; words[n] != NULL; n++)
		spans[n] = span_of(words[n]);
	resp_write_command(&engine->chunks, bytes, spans, n);
}

static const char *or_default(const char *user)
{
	return user == NULL ? "default" : user;
}

static uint32_t write_auth(struct engine *engine, const struct pool *pool, struct conn_kind kind,
			   struct chain *bytes)
{
	const char *user = pool->node_user, *password = pool->node_password;

	if (kind.resp == 3 && password != NULL)
		write_words(engine, bytes,
			    (const char *[]){"HELLO", "3", "AUTH", or_default(user), password,
					     NULL});
	else if (kind.resp == 3)
		write_words(engine, bytes, (const char *[]){"HELLO", "3", NULL});
	else if (password != NULL && user != NULL)
		write_words(engine, bytes, (const char *[]){"AUTH", user, password, NULL});
	else if (password != NULL)
		write_words(engine, bytes, (const char *[]){"AUTH", password, NULL});
	return kind.resp == 3 || password != NULL;
}

uint32_t handshake_write(struct engine *engine, const struct pool *pool, struct conn_kind kind,
			 struct chain *bytes)
{
	uint32_t replies = 1;
	char db[16];

	if (pool->protocol == PROTOCOL_REDIS)
		replies += write_auth(engine, pool, kind, bytes);
	if (kind.db > 0) {
		snprintf(db, sizeof(db), "%u", (unsigned)kind.db);
		write_words(engine, bytes, (const char *[]){"SELECT", db, NULL});
		replies++;
	}
	const struct codec *codec = kind.binary ? &codec_mc_binary : engine_codec(pool);

	chain_append(&engine->chunks, bytes, NULL, codec->hello);
	return replies;
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
	};

	for (size_t i = 0; i < ARRAY_LEN(faults); i++)
		if (span_starts_with(error, span_of(faults[i].prefix)))
			return (int)faults[i].fault;
	return FAULT_ERROR_ANSWER;
}
