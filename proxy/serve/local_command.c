#include <stdio.h>

#include "proto/resp_request.h"
#include "serve/local_reply.h"

/* COMMAND is answered from the proxy's own table: what it names, this proxy knows. */

/* Rows named "memory|usage" belong to the row before them. */
static bool is_subcommand(const struct command *row)
{
	return strchr(row->name, '|') != NULL;
}

static uint32_t count_rows(const struct command *table, size_t n)
{
	uint32_t rows = 0;

	for (size_t i = 0; i < n; i++)
		rows += !is_subcommand(&table[i]);
	return rows;
}

static void append_flags(struct request *request, const char *flags)
{
	uint32_t n = flags[0] != '\0';

	for (const char *p = flags; *p != '\0'; p++)
		n += *p == ' ';
	reply_header(request, '*', n);
	while (n-- > 0) {
		size_t len = strcspn(flags, " ");

		reply_status(request, span_make(flags, len));
		flags += len + 1;
	}
}

/* Name, arity, flags, first key, last key, step, ACL categories, tips, key specs, subcommands. */
static void append_row(struct request *request, const struct command *row)
{
	bool has_range = row->n_specs > 0 && row->specs[0].kind == KEYS_KIND_RANGE;

	reply_header(request, '*', 10);
	reply_bulk(request, span_of(row->name));
	reply_header(request, ':', row->arity);
	append_flags(request, row->wire_flags);
	reply_header(request, ':', has_range ? row->specs[0].first : 0);
	reply_header(request, ':', has_range ? row->specs[0].last : 0);
	reply_header(request, ':', has_range ? row->specs[0].step : 0);
	for (int i = 0; i < 4; i++)
		reply_header(request, '*', 0);
}

static void command_all(struct request *request, const struct command_bytes *command)
{
	size_t n;
	const struct command *table = resp_command_table(&n);

	(void)command;
	reply_header(request, '*', count_rows(table, n));
	for (size_t i = 0; i < n; i++)
		if (!is_subcommand(&table[i]))
			append_row(request, &table[i]);
}

static void command_count(struct request *request, const struct command_bytes *command)
{
	size_t n;
	const struct command *table = resp_command_table(&n);

	(void)command;
	reply_header(request, ':', count_rows(table, n));
}

static void command_list(struct request *request, const struct command_bytes *command)
{
	size_t n;
	const struct command *table = resp_command_table(&n);

	if (command->parsed->args->n > 2) {
		reply_error(request, "-ERR slipring: 'command list' takes no filter");
		return;
	}
	reply_header(request, '*', count_rows(table, n));
	for (size_t i = 0; i < n; i++)
		if (!is_subcommand(&table[i]))
			reply_bulk(request, span_of(table[i].name));
}

static void command_info(struct request *request, const struct command_bytes *command)
{
	uint32_t n = command->parsed->args->n;

	if (n == 2) {
		command_all(request, command);
		return;
	}
	reply_header(request, '*', n - 2);
	for (uint32_t i = 2; i < n; i++) {
		const struct command *row = resp_command_find(reply_arg(command, i));

		if (row == NULL)
			reply_line(request, "*-1");
		else
			append_row(request, row);
	}
}

/* The texts of the documentation are the server's; a name without them is what is honest here. */
static void command_docs(struct request *request, const struct command_bytes *command)
{
	uint32_t n = command->parsed->args->n, known = 0;

	for (uint32_t i = 2; i < n; i++)
		known += resp_command_find(reply_arg(command, i)) != NULL;
	reply_header(request, '*', 2 * (int64_t)known);
	for (uint32_t i = 2; i < n; i++) {
		const struct command *row = resp_command_find(reply_arg(command, i));

		if (row == NULL)
			continue;
		reply_bulk(request, span_of(row->name));
		reply_header(request, '*', 0);
	}
}

/* The command in the arguments, looked at as if it had been sent alone. */
static void command_getkeys(struct request *request, const struct command_bytes *command)
{
	struct arg_list *all = command->parsed->args;
	struct arg_list inner = {all->v + 2, all->n - 2, 0};
	struct parsed parsed = *command->parsed;
	struct arg_list *keys = &request->engine->keys;

	parsed.args = &inner;
	parsed.command = resp_command_find(reply_arg(command, 2));
	if (parsed.command != NULL && (parsed.command->flags & CMD_CONTAINER) && inner.n > 1)
		parsed.command = resp_command_resolve(parsed.command, reply_arg(command, 3));
	if (parsed.command == NULL) {
		reply_error(request, "-ERR Invalid command specified");
		return;
	}
	if (!resp_request_arity_fits(parsed.command, inner.n)) {
		reply_error(request, "-ERR Invalid number of arguments specified for command");
		return;
	}
	const char *error = resp_request_keys(&parsed, command->start, keys);
	if (error != NULL || keys->n == 0) {
		reply_error(request, "-ERR %s",
			    error != NULL ? "Invalid arguments specified for command"
					  : "The command has no key arguments");
		return;
	}
	reply_header(request, '*', keys->n);
	for (uint32_t i = 0; i < keys->n; i++)
		reply_bulk(request, parsed_arg(&parsed, command->start, keys->v[i].at));
}

void reply_command(struct client *client, struct request *request,
		   const struct command_bytes *command)
{
	static const struct {
		const char *name;
		uint32_t n_min; /* COMMAND and its name counted */
		void (*run)(struct request *, const struct command_bytes *);
	} subcommands[] = {
		{"count", 2, command_count},	 {"list", 2, command_list},
		{"info", 2, command_info},	 {"docs", 2, command_docs},
		{"getkeys", 3, command_getkeys},
	};
	struct span sub = reply_arg(command, 1);

	(void)client;
	if (command->parsed->args->n == 1) {
		command_all(request, command);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(subcommands); i++) {
		if (!span_equal_nocase(sub, subcommands[i].name))
			continue;
		if (command->parsed->args->n >= subcommands[i].n_min)
			subcommands[i].run(request, command);
		else
			reply_error(request,
				    "-ERR wrong number of arguments for 'command|%s' command",
				    subcommands[i].name);
		return;
	}
	reply_error(request, "-ERR unknown subcommand '%.*s'. Try COMMAND HELP.",
		    (int)(sub.len < 128 ? sub.len : 128), sub.p);
}
