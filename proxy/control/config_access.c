#include "control/config_access.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "control/checker.h"
#include "control/nearest.h"
#include "proto/command.h"

#define SHOWN_MAX 60 /* bytes of a wrong word that a message repeats */

/* What no user can be without: a client library sends these by itself. */
static const char *const always[] = {
	"ping",	  "quit",      "reset",		 "command",
	"select", "client|id", "client|setname", "client|getname",
};

/* The commands of a pool: the table's and its own. */
struct commands {
	const struct command *table;
	size_t n;
	const struct pool_spec *pool;
	size_t words; /* of 64 bits that hold a bit for each */
};

/* Which of them a word means. One field decides: the first that is set. */
struct selection {
	bool is_all;
	uint16_t flags;
	uint32_t categories;
	struct span name;
};

static struct commands commands_of(const struct pool_spec *pool)
{
	struct commands commands = {.pool = pool};

	commands.table = resp_command_table(&commands.n);
	commands.words = (commands.n + pool->n_commands + 63) / 64;
	return commands;
}

static void set_bit(uint64_t *bits, size_t id, bool is_on)
{
	uint64_t bit = UINT64_C(1) << id % 64;

	bits[id / 64] = is_on ? bits[id / 64] | bit : bits[id / 64] & ~bit;
}

/* Of a command by its name, or of one of its subcommands by the command's. */
static bool is_named(const char *row, struct span name)
{
	return strncasecmp(row, name.p, name.len) == 0 &&
	       (row[name.len] == '\0' || row[name.len] == '|');
}

static bool selects(const struct selection *selection, const struct command *command)
{
	if (selection->is_all)
		return true;
	if (selection->flags != 0)
		return (command->flags & selection->flags) != 0;
	if (selection->categories != 0)
		return (command->categories & selection->categories) != 0;
	return is_named(command->name, selection->name);
}

/* A command of the pool's own is of no category. */
static bool selects_own(const struct selection *selection, const struct command_spec *command)
{
	const struct command row = {
		.name = command->name,
		.flags = command->writes != 0 ? CMD_WRITE : CMD_READ,
	};

	return command->name != NULL && selects(selection, &row);
}

/* Turn the bits of a selection on or off. How many there are. */
static size_t apply(const struct commands *commands, const struct selection *selection, bool is_on,
		    uint64_t *bits)
{
	size_t count = 0;

	for (size_t i = 0; i < commands->n; i++) {
		if (!selects(selection, &commands->table[i]))
			continue;
		set_bit(bits, commands->table[i].id, is_on);
		count++;
	}
	for (size_t i = 0; i < commands->pool->n_commands; i++) {
		if (!selects_own(selection, &commands->pool->commands[i]))
			continue;
		set_bit(bits, commands->n + i, is_on);
		count++;
	}
	return count;
}

static uint32_t category_of(struct span name)
{
	const char *known;

	for (uint32_t bit = 0; bit < 32 && (known = resp_category_name(bit)) != NULL; bit++)
		if (span_equal_nocase(name, known))
			return UINT32_C(1) << bit;
	return 0;
}

/* False where a word is of a category that nobody knows, or is empty. */
static bool parse_selection(const char *word, bool may_be_all, struct selection *out)
{
	*out = (struct selection){.name = span_of(word)};
	if (may_be_all && (strcasecmp(word, "all") == 0 || strcasecmp(word, "@all") == 0))
		out->is_all = true;
	else if (strcasecmp(word, "read") == 0)
		out->flags = CMD_READ;
	else if (strcasecmp(word, "write") == 0)
		out->flags = CMD_WRITE;
	else if (word[0] == '@')
		return (out->categories = category_of(span_of(word + 1))) != 0;
	return word[0] != '\0';
}

static void offer(struct nearest *nearest, const char *before, const char *name)
{
	char candidate[NEAREST_WORD_MAX + 2];
	int len = snprintf(candidate, sizeof(candidate), "%s%s", before, name);

	if (len > 0 && len <= NEAREST_WORD_MAX)
		nearest_offer(nearest, span_make(candidate, (size_t)len));
}

/* `sign` is what every word begins with: "+", "-" or "". */
static void refuse_word(const struct checker *checker, const struct commands *commands,
			const char *text, const char *sign)
{
	struct nearest nearest = {.word = text};
	char at[3];
	const char *cut = strlen(text) > SHOWN_MAX ? "..." : "";

	snprintf(at, sizeof(at), "%s@", sign);
	offer(&nearest, sign, "read");
	offer(&nearest, sign, "write");
	for (size_t i = 0; i < commands->n; i++)
		offer(&nearest, sign, commands->table[i].name);
	for (size_t i = 0; i < commands->pool->n_commands; i++)
		if (commands->pool->commands[i].name != NULL)
			offer(&nearest, sign, commands->pool->commands[i].name);
	for (uint32_t bit = 0; bit < 32 && resp_category_name(bit) != NULL; bit++)
		offer(&nearest, at, resp_category_name(bit));
	if (nearest.best[0] != '\0')
		checker_error(checker, text, "'%.*s%s' is not known; did you mean '%s'?", SHOWN_MAX,
			      text, cut, nearest.best);
	else
		checker_error(checker, text,
			      "'%.*s%s' is not known; expected %sread, %swrite, %s@CATEGORY or "
			      "%sCOMMAND",
			      SHOWN_MAX, text, cut, sign, sign, sign, sign);
}

static void apply_rule(const struct checker *checker, const struct commands *commands,
		       const char *text, uint64_t *bits)
{
	const char sign[2] = {text[0], '\0'};
	struct selection selection;

	if (text[0] != '+' && text[0] != '-') {
		checker_error(checker, text,
			      "'%.*s%s' has no sign; expected '+' before what is allowed, '-' "
			      "before what is not",
			      SHOWN_MAX, text, strlen(text) > SHOWN_MAX ? "..." : "");
		return;
	}
	bool is_known = parse_selection(text + 1, true, &selection);
	if (!is_known || (apply(commands, &selection, text[0] == '+', bits) == 0 &&
			  selection.categories == 0 && selection.flags == 0))
		refuse_word(checker, commands, text, sign);
}

static void build_user(const struct checker *checker, const struct commands *commands,
		       struct user_spec *user)
{
	if (user->commands.n == 0)
		return;
	user->allowed_words = commands->words;
	user->allowed = alloc_zeroed(commands->words, sizeof(uint64_t));
	for (size_t i = 0; i < user->commands.n; i++)
		apply_rule(checker, commands, user->commands.v[i], user->allowed);
	for (size_t i = 0; i < ARRAY_LEN(always); i++) {
		const struct selection selection = {.name = span_of(always[i])};

		(void)apply(commands, &selection, true, user->allowed);
	}
	for (size_t i = 0; i < commands->n; i++)
		if (commands->table[i].flags & CMD_NO_AUTH)
			set_bit(user->allowed, commands->table[i].id, true);
}

static void build_prefix(const struct checker *checker, const struct commands *commands,
			 struct prefix_spec *prefix)
{
	if (prefix->refuse.n == 0)
		return;
	prefix->refused_words = commands->words;
	prefix->refused = alloc_zeroed(commands->words, sizeof(uint64_t));
	for (size_t i = 0; i < prefix->refuse.n; i++) {
		const char *text = prefix->refuse.v[i];
		struct selection selection;
		bool is_known = parse_selection(text, false, &selection);

		if (!is_known || (apply(commands, &selection, true, prefix->refused) == 0 &&
				  selection.categories == 0 && selection.flags == 0))
			refuse_word(checker, commands, text, "");
	}
}

static bool is_command_name(const char *name)
{
	for (const char *p = name; *p != '\0'; p++)
		if (!isgraph((unsigned char)*p) || *p == '|')
			return false;
	return isalnum((unsigned char)name[0]);
}

static void check_command(const struct checker *checker, struct command_spec *command)
{
	for (char *p = command->name; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	if (!is_command_name(command->name))
		checker_error(checker, &command->name,
			      "not a command's name; expected one without blanks or '|' that "
			      "begins with a letter or digit");
	else if (resp_command_find(span_of(command->name)) != NULL)
		checker_error(checker, &command->name,
			      "the proxy knows this command by itself; take it out");
}

static void check_names(const struct checker *checker, const struct pool_spec *pool)
{
	struct named *users = alloc_zeroed(pool->n_users, sizeof(struct named));
	struct named *prefixes = alloc_zeroed(pool->n_prefixes, sizeof(struct named));
	struct named *commands = alloc_zeroed(pool->n_commands, sizeof(struct named));
	size_t n = 0, m = 0, k = 0;

	for (size_t i = 0; i < pool->n_users; i++)
		if (pool->users[i].name != NULL)
			users[n++] = (struct named){alloc_string(pool->users[i].name),
						    &pool->users[i].name, i};
	for (size_t i = 0; i < pool->n_prefixes; i++)
		if (pool->prefixes[i].match != NULL)
			prefixes[m++] = (struct named){alloc_string(pool->prefixes[i].match),
						       &pool->prefixes[i].match, i};
	for (size_t i = 0; i < pool->n_commands; i++)
		if (pool->commands[i].name != NULL)
			commands[k++] = (struct named){alloc_string(pool->commands[i].name),
						       &pool->commands[i].name, i};
	(void)checker_differ(checker, users, n, "give each user once");
	(void)checker_differ(checker, prefixes, m, "say all of a prefix in one item");
	(void)checker_differ(checker, commands, k, "give each command once");
}

/* The password of `clients` is the default user's, as requirepass is at a server. */
static void check_default(const struct checker *checker, const struct pool_spec *pool)
{
	const struct secret_spec *clients = &pool->clients_password;

	if (clients->text == NULL && clients->env == NULL && clients->file == NULL)
		return;
	for (size_t i = 0; i < pool->n_users; i++)
		if (pool->users[i].name != NULL && strcmp(pool->users[i].name, "default") == 0)
			checker_error(checker, &pool->users[i].name,
				      "the user 'default' has the password of 'clients' already; "
				      "take one of them out");
}

void config_access_build(struct config *config, const struct field_map *fields,
			 struct findings *findings)
{
	const struct checker checker = {config, fields, NULL, findings};

	for (size_t i = 0; i < config->n_pools; i++) {
		struct pool_spec *pool = &config->pools[i];

		for (size_t j = 0; j < pool->n_commands; j++)
			if (pool->commands[j].name != NULL)
				check_command(&checker, &pool->commands[j]);
		const struct commands commands = commands_of(pool);
		check_names(&checker, pool);
		check_default(&checker, pool);
		for (size_t j = 0; j < pool->n_users; j++)
			build_user(&checker, &commands, &pool->users[j]);
		for (size_t j = 0; j < pool->n_prefixes; j++)
			build_prefix(&checker, &commands, &pool->prefixes[j]);
	}
}

void config_access_release(struct pool_spec *pool)
{
	for (size_t i = 0; i < pool->n_users; i++) {
		free(pool->users[i].allowed);
		pool->users[i].allowed = NULL;
	}
	for (size_t i = 0; i < pool->n_prefixes; i++) {
		free(pool->prefixes[i].refused);
		pool->prefixes[i].refused = NULL;
	}
}
