#include "serve/reject.h"

#include <ctype.h>
#include <stdio.h>

#include "base/text.h"
#include "plan/drop.h"
#include "plan/transaction.h"

#define ECHO_MAX 128 /* bytes of a client's own words in an error, as redis-server's */

/* Answer with an error that the client's own command earned. */
void reject(struct request *request, struct span line)
{
	stat_add(&request->engine->stats->counter[STAT_COMMANDS_INVALID], 1);
	transaction_spoil(request->session);
	request_finish_line(request, line, true);
}

void reject_set(struct request *request, const struct command_bytes *command)
{
	const struct parsed *p = command->parsed;
	struct chunk_pool *chunks = &request->engine->chunks;

	stat_add(&request->engine->stats->counter[STAT_COMMANDS_INVALID], 1);
	chain_copy(chunks, &request->reply, span_of(p->error));
	chain_append(chunks, &request->reply, NULL, span_of("\r\n"));
	request->is_error = true;
	if (request->pool->coalesces)
		coalesce_note(request, command);
	drop_start(request, command);
}

/* A client's words, as far as they go into an error line. */
static void append_words(struct text *text, struct span words)
{
	for (size_t i = 0; i < words.len && i < ECHO_MAX; i++)
		text_printf(text, "%c",
			    words.p[i] == '\r' || words.p[i] == '\n' ? ' ' : words.p[i]);
}

/* As redis-server words it: clients look for this text. */
void reject_unknown(struct request *request, const struct command_bytes *command)
{
	const struct parsed *p = command->parsed;
	struct text text = {0};

	text_puts(&text, "-ERR unknown command '");
	append_words(&text, parsed_arg(p, command->start, 0));
	text_puts(&text, "', with args beginning with: ");
	for (uint32_t i = 1; i < p->args->n && text.len < 2 * ECHO_MAX; i++) {
		text_puts(&text, "'");
		append_words(&text, parsed_arg(p, command->start, i));
		text_puts(&text, "' ");
	}
	reject(request, span_make(text.p, text.len));
	text_free(&text);
}

void reject_arity(struct request *request, const char *name)
{
	char line[128];
	int n = snprintf(line, sizeof(line), "-ERR wrong number of arguments for '%s' command",
			 name);

	if (strcmp(name, "exec") == 0) {
		n = snprintf(line, sizeof(line),
			     "-EXECABORT Transaction discarded because of: wrong number of "
			     "arguments for 'exec' command");
		transaction_abandon(request->engine, request->session);
	}
	reject(request, span_make(line, (size_t)n));
}

void reject_unsupported(struct request *request, const char *why)
{
	char line[256];
	int n = snprintf(line, sizeof(line), "-ERR slipring: '%s' is not supported: %s",
			 request->command->name, why);

	reject(request, span_make(line, (size_t)n));
}

void reject_crossslot(struct request *request)
{
	stat_add(&request->engine->stats->counter[STAT_CROSSSLOT], 1);
	reject(request, span_of("-CROSSSLOT Keys in request don't hash to the same slot: "
				"slipring keeps them on different shards"));
}

/* A container whose subcommand the table has not, or that has none. */
void reject_subcommand(struct request *request, const struct command_bytes *command)
{
	struct text text = {0};

	if (command->parsed->args->n < 2) {
		reject_arity(request, request->command->name);
		return;
	}
	text_puts(&text, "-ERR unknown subcommand '");
	append_words(&text, parsed_arg(command->parsed, command->start, 1));
	text_puts(&text, "'. Try ");
	for (const char *p = request->command->name; *p != '\0'; p++)
		text_printf(&text, "%c", toupper((unsigned char)*p));
	text_puts(&text, " HELP.");
	reject(request, span_make(text.p, text.len));
	text_free(&text);
}
