#include "serve/login.h"

#include "plan/binary.h"
#include "proto/mc_login.h"
#include "serve/local_reply.h"
#include "serve/reject.h"

#define MECHANISM     "PLAIN"
#define MECHANISM_MAX 32 /* bytes, as memcached's MAX_SASL_MECH_LEN */

static bool is_password(const struct user *user, struct span given)
{
	struct span real = span_of(user->password);
	uint8_t differ = real.len != given.len;

	/* All of it is looked at, whatever is found. */
	for (size_t i = 0; i < real.len && i < given.len; i++)
		differ |= (uint8_t)(real.p[i] ^ given.p[i]);
	return differ == 0;
}

bool login_as(struct client *client, struct span name, struct span password)
{
	const struct user *user = pool_user(client->pool, name);

	if (client->pool->n_users == 0)
		return span_equal_str(name, "default");
	if (user == NULL || (user->password != NULL && !is_password(user, password)))
		return false;
	session_login(&client->session, user);
	client_identify(client);
	return true;
}

/* ------------------------------------------------------------------ text */

void login_text(struct client *client, struct request *request, const struct command_bytes *command)
{
	struct span user, password;

	if (command->parsed->error != NULL)
		reject(request, span_of(command->parsed->error));
	else if (!mc_login_split(reply_arg(command, 0), &user, &password))
		reject(request, span_of("CLIENT_ERROR bad authentication token format"));
	else if (!login_as(client, user, password))
		reject(request, span_of("CLIENT_ERROR authentication failure"));
	else
		request_finish_line(request, span_of("STORED"), false);
}

/* ------------------------------------------------------------------ SASL */

/* Cut off what stands before the next zero byte; false if there is none. */
static bool cut(struct span *rest, struct span *field)
{
	const char *nul = memchr(rest->p, '\0', rest->len);

	if (nul == NULL)
		return false;
	*field = span_make(rest->p, (size_t)(nul - rest->p));
	*rest = span_skip(*rest, field->len + 1);
	return true;
}

/* "as whom", "who" and a password, with zero bytes between (RFC 4616): nobody may be another. */
static bool login_plain(struct client *client, struct span message)
{
	struct span whom, who, none;

	if (!cut(&message, &whom) || !cut(&message, &who) || cut(&message, &none))
		return false;
	if (whom.len > 0 && !span_equal(whom, who))
		return false;
	return login_as(client, who, message);
}

/* SASL_AUTH or SASL_STEP: as memcached, it ends a login that there was. */
static enum mcb_status step(struct client *client, bool is_first, struct span mechanism,
			    struct span message)
{
	struct session *session = &client->session;
	bool has_begun = session->has_begun_login;

	session_logout(session);
	if (is_first ? !span_equal_nocase(mechanism, MECHANISM) : !has_begun)
		return MCB_AUTH_ERROR;
	/* A client whose library has the server speak first; or a step that failed, to be repeated. */
	session->has_begun_login = !is_first || message.len == 0;
	if (is_first && message.len == 0)
		return MCB_AUTH_CONTINUE;
	return login_plain(client, message) ? MCB_OK : MCB_AUTH_ERROR;
}

static const char *text_of(enum mcb_status status)
{
	switch (status) {
	case MCB_OK:
		return "Authenticated";
	case MCB_AUTH_CONTINUE:
		return "";
	case MCB_INVALID:
		return "Invalid arguments";
	case MCB_UNKNOWN:
		return "Unknown command";
	default:
		return "Auth failure.";
	}
}

static void answer(struct request *request, enum mcb_status status, const char *text)
{
	binary_reply(request, status, span_of(text));
	request->is_error = status != MCB_OK && status != MCB_AUTH_CONTINUE;
	if (request->is_error)
		stat_add(&request->engine->stats->counter[STAT_COMMANDS_INVALID], 1);
	request_finish(request);
}

void login_sasl(struct client *client, struct request *request, const struct command_bytes *command)
{
	struct span mechanism = reply_arg(command, MCB_ARG_KEY);
	enum mcb_status status = MCB_INVALID;

	if (client->pool->n_users == 0) {
		status = MCB_UNKNOWN;
	} else if (request->opcode == MCB_SASL_LIST) {
		answer(request, MCB_OK, MECHANISM);
		return;
	} else if (mechanism.len <= MECHANISM_MAX) {
		status = step(client, request->opcode == MCB_SASL_AUTH, mechanism,
			      reply_arg(command, MCB_ARG_VALUE));
	}
	answer(request, status, text_of(status));
}
