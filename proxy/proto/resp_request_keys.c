#include "proto/resp_request.h"

#include "base/number.h"

/* Options before XREAD's STREAMS and SORT's STORE, and how many arguments of their own they have:
 * those may be the very words that are looked for. */
struct option {
	const char *word;
	uint8_t arguments;
};

static const struct option stream_options[] = {
	{"block", 1},
	{"count", 1},
	{"group", 2},
	{"noack", 0},
};
static const struct option store_options[] = {{"by", 1}, {"get", 1}, {"limit", 2}};

static const struct option *option_of(struct span word, const struct option *options, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (span_equal_nocase(word, options[i].word))
			return &options[i];
	}
	return NULL;
}

/* Where the word STREAMS of an XREAD is, or 0; *blocks says whether BLOCK is before it. */
static uint32_t find_streams(const struct parsed *p, const char *start, bool *blocks)
{
	*blocks = false;
	for (uint32_t i = 1; i < p->args->n; i++) {
		struct span word = parsed_arg(p, start, i);
		const struct option *option =
			option_of(word, stream_options, ARRAY_LEN(stream_options));

		if (option == NULL)
			return span_equal_nocase(word, "streams") ? i : 0;
		*blocks = *blocks || span_equal_nocase(word, "block");
		i += option->arguments;
	}
	return 0;
}

static const char *push(struct arg_list *keys, uint32_t i)
{
	return arg_list_push(keys, i, 0) ? NULL : "-ERR slipring: out of memory";
}

static const char *push_run(struct arg_list *keys, uint32_t first, uint32_t count)
{
	const char *error = NULL;

	for (uint32_t i = 0; i < count && error == NULL; i++)
		error = push(keys, first + i);
	return error;
}

static const char *keys_of_range(const struct parsed *p, struct keys_spec spec,
				 struct arg_list *keys)
{
	int64_t n = p->args->n;
	int64_t last = spec.last < 0 ? n + spec.last : spec.last;
	const char *error = NULL;

	for (int64_t i = spec.first; i <= last && i < n && error == NULL; i += spec.step)
		error = push(keys, (uint32_t)i);
	return error;
}

/* The server's words are a script's where it may have no keys, the newer commands' elsewhere. */
static const char *keys_of_numkeys(const struct parsed *p, const char *start, struct keys_spec spec,
				   struct arg_list *keys)
{
	bool script = strstr(p->command->wire_flags, "no_mandatory_keys") != NULL;
	uint32_t first = (uint32_t)spec.first;
	struct span text;
	int64_t n;

	if (first >= p->args->n)
		return "-ERR syntax error";
	text = parsed_arg(p, start, first);
	if (!number_parse_i64(text, &n) || (text.len > 1 && (text.p[0] == '0' || n == 0)))
		return "-ERR value is not an integer or out of range";
	if (n < 0 && script)
		return "-ERR Number of keys can't be negative";
	if (n < 1 && !script)
		return "-ERR numkeys should be greater than 0";
	if (n > (int64_t)(p->args->n - first - 1))
		return script ? "-ERR Number of keys can't be greater than number of args"
			      : "-ERR syntax error";
	return push_run(keys, first + 1, (uint32_t)n);
}

static const char *keys_of_streams(const struct parsed *p, const char *start, struct arg_list *keys)
{
	bool blocks;
	uint32_t streams = find_streams(p, start, &blocks);
	uint32_t rest = p->args->n - streams - 1;

	if (streams == 0 || rest == 0)
		return "-ERR syntax error";
	if (rest % 2 != 0)
		return "-ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' "
		       "must be specified.";
	return push_run(keys, streams + 1, rest / 2);
}

/* The last one counts, as at the server. */
static const char *keys_of_store(const struct parsed *p, const char *start, struct keys_spec spec,
				 struct arg_list *keys)
{
	uint32_t found = 0;

	for (uint32_t i = (uint32_t)spec.first; i + 1 < p->args->n; i++) {
		struct span word = parsed_arg(p, start, i);
		const struct option *option =
			option_of(word, store_options, ARRAY_LEN(store_options));

		if (option != NULL)
			i += option->arguments;
		else if (span_equal_nocase(word, "store") || span_equal_nocase(word, "storedist"))
			found = ++i;
	}
	return found == 0 ? NULL : push(keys, found);
}

const char *resp_request_keys(const struct parsed *p, const char *start, struct arg_list *keys)
{
	const char *error = NULL;

	keys->n = 0;
	for (uint8_t i = 0; i < p->command->n_specs && error == NULL; i++) {
		struct keys_spec spec = p->command->specs[i];

		switch ((enum keys_kind)spec.kind) {
		case KEYS_KIND_RANGE:
			error = keys_of_range(p, spec, keys);
			break;
		case KEYS_KIND_NUMKEYS:
			error = keys_of_numkeys(p, start, spec, keys);
			break;
		case KEYS_KIND_STREAMS:
			error = keys_of_streams(p, start, keys);
			break;
		case KEYS_KIND_STORE:
			error = keys_of_store(p, start, spec, keys);
			break;
		}
	}
	return error;
}

bool resp_request_patterns(const struct parsed *p, const char *start, struct arg_list *patterns)
{
	patterns->n = 0;
	for (uint32_t i = 2; i + 1 < p->args->n; i++) {
		struct span word = parsed_arg(p, start, i), next = parsed_arg(p, start, i + 1);
		const struct option *option =
			option_of(word, store_options, ARRAY_LEN(store_options));
		bool names = span_equal_nocase(word, "by") || span_equal_nocase(word, "get");

		if (names && memchr(next.p, '*', next.len) != NULL &&
		    !arg_list_push(patterns, i + 1, 0))
			return false;
		if (option != NULL)
			i += option->arguments;
		else if (span_equal_nocase(word, "store"))
			i++;
	}
	return true;
}

/* MSET's rule, which the server keeps beside its arity: no key without what goes with it. */
static bool is_whole_steps(const struct command *command, int64_t n)
{
	const struct keys_spec *spec = &command->specs[0];

	return command->n_specs == 0 || spec->step < 2 || (n - spec->first) % spec->step == 0;
}

bool resp_request_arity_fits(const struct command *command, uint32_t n)
{
	if (command->arity >= 0 ? n != (uint32_t)command->arity : n < (uint32_t)-command->arity)
		return false;
	return is_whole_steps(command, n);
}

bool resp_request_blocks(const struct parsed *p, const char *start)
{
	bool blocks = true;

	if (!(p->command->flags & CMD_BLOCKING))
		return false;
	if (p->command->specs[0].kind == KEYS_KIND_STREAMS)
		(void)find_streams(p, start, &blocks);
	return blocks;
}
