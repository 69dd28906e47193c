#include "serve/admit.h"

#include "core/reads.h"
#include "plan/transaction.h"
#include "proto/resp_request.h"
#include "route/hash_tag.h"
#include "route/policy.h"
#include "serve/local_reply.h"

static bool refuse(struct request *request)
{
	transaction_spoil(request->session);
	request_finish(request);
	return false;
}

/* CLIENT REPLY: which replies are kept back. The command itself is seen to when it runs. */
void admit_reply(struct client *client, struct request *request)
{
	struct session *session = &client->session;

	if (session->reply == REPLY_OFF || session->reply == REPLY_SKIP_NEXT)
		request->quiet = true;
	if (session->reply == REPLY_SKIP_NEXT) {
		session->reply = REPLY_ON;
		session_changed(session);
	}
}

static bool knows_user(const struct session *session, struct request *request)
{
	if (!session->needs_auth || (request->command->flags & CMD_NO_AUTH))
		return true;
	reply_error(request, "-NOAUTH Authentication required.");
	return refuse(request);
}

/* What a RESP2 client may send while it is subscribed: all else could not be told from messages. */
static bool fits_subscription(const struct session *session, struct request *request)
{
	const struct command *row = request->command;

	if (session->subscriber == NULL || session->kind.resp != 2 || row->split == SPLIT_PUBSUB ||
	    (row->flags & CMD_SUBSCRIBED))
		return true;
	reply_error(request,
		    "-ERR Can't execute '%s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT "
		    "/ RESET are allowed in this context",
		    row->name);
	return refuse(request);
}

static bool may_run(const struct user *user, struct request *request)
{
	const struct command *row = request->command;

	if (user == NULL || user->allowed == NULL ||
	    bits_have(user->allowed, user->allowed_words, row->id))
		return true;
	reply_error(request, "-NOPERM User %s has no permissions to run the '%s' command",
		    user->name, row->name);
	return refuse(request);
}

static bool may_name(const struct user *user, struct span key)
{
	if (user == NULL || user->prefixes.n == 0)
		return true;
	for (size_t i = 0; i < user->prefixes.n; i++)
		if (span_starts_with(key, span_of(user->prefixes.v[i])))
			return true;
	return false;
}

static bool is_refused(const struct policy *policy, const struct command *row)
{
	return policy != NULL && bits_have(policy->refused, policy->refused_words, row->id);
}

/* What the client has set comes before what its pool says of the key. */
static enum reads reads_of(const struct request *request, const struct policy *policy)
{
	if (request->session->reads != READS_UNSET)
		return request->session->reads;
	return policy != NULL ? policy->reads : (enum reads)request->pool->settings.reads;
}

static bool admit_key(struct request *request, const struct user *user, struct span key)
{
	const struct policy *policy = pool_policy(request->pool, key);

	if (!may_name(user, key)) {
		reply_error(request, "-NOPERM No permissions to access a key");
		return false;
	}
	if (is_refused(policy, request->command)) {
		reply_error(request, "-ERR slipring: '%s' is refused for keys that begin with '%s'",
			    request->command->name, policy->match);
		return false;
	}
	/* The strictest that any of its keys asks for. */
	enum reads reads = reads_of(request, policy);
	if (reads < request->reads)
		request->reads = reads;
	reads_note_key(request, key);
	return true;
}

static bool admit_keys(struct request *request, const struct command_bytes *command)
{
	const struct user *user = request->session->user;
	struct arg_list *keys = &request->engine->keys;

	if (request->command->n_specs == 0) {
		reads_note_keyless(request);
		return true;
	}
	const char *error = resp_request_keys(command->parsed, command->start, keys);
	if (error != NULL && (user == NULL || user->prefixes.n == 0))
		return true; /* a node will refuse it */
	if (error != NULL) {
		reply_error(request, "%s", error); /* nobody can say which keys it names */
		return refuse(request);
	}
	if (keys->n == 0)
		reads_note_keyless(request);
	for (uint32_t i = 0; i < keys->n; i++)
		if (!admit_key(request, user,
			       parsed_arg(command->parsed, command->start, keys->v[i].at)))
			return refuse(request);
	return true;
}

/* Where a read of it may go, before its keys say more. */
static void begin_reads(struct session *session, struct request *request)
{
	bool may = (request->command->flags & CMD_READ) &&
		   !(request->command->flags & CMD_PRIMARY) && session->transaction == NULL;

	request->reads = may ? READS_REPLICA : READS_PRIMARY;
	if (may && request->command->n_specs == 0)
		request->reads = reads_of(request, NULL);
}

bool admit(struct client *client, struct request *request, const struct command_bytes *command)
{
	struct session *session = &client->session;

	if (!knows_user(session, request) || !fits_subscription(session, request) ||
	    !may_run(session->user, request))
		return false;
	begin_reads(session, request);
	return admit_keys(request, command);
}

/* Does every key that this pattern can name go where its tag says, and is that `shard`? */
static bool pattern_fits(struct request *request, struct span pattern, const struct shard *shard)
{
	const struct pool *pool = request->pool;
	struct span tag = hash_tag(pattern, pool->hash_tag);
	const char *star = memchr(pattern.p, '*', pattern.len);

	return tag.len < pattern.len && star > tag.p + tag.len &&
	       route_key(pool, pattern, request->engine->digest, &request->engine->rng) == shard;
}

bool admit_patterns(struct request *request, const struct command_bytes *command,
		    const struct shard *shard)
{
	struct arg_list *patterns = &request->engine->keys;

	if (request->pool->n_shards == 1)
		return true;
	if (!resp_request_patterns(command->parsed, command->start, patterns))
		return false;
	for (uint32_t i = 0; i < patterns->n; i++)
		if (!pattern_fits(request,
				  parsed_arg(command->parsed, command->start, patterns->v[i].at),
				  shard))
			return false;
	return true;
}
