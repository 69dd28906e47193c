#include "proto/command.h"

#include "proto/resp_commands_hash.h"

/* The words that the rows use. They are braces, which the formatter takes for code. */
/* clang-format off */
#define NO_KEYS		  0, {{0, 0, 0, 0}}
#define KEYS(n, ...)	  n, {__VA_ARGS__}
#define RANGE(f, l, step) {KEYS_KIND_RANGE, f, l, step}
#define NUMKEYS(first)	  {KEYS_KIND_NUMKEYS, first, 0, 1}
#define STREAMS()	  {KEYS_KIND_STREAMS, 0, 0, 1}
#define STORE(first)	  {KEYS_KIND_STORE, first, 0, 1}
/* clang-format on */
#define COMMAND(id, name, arity, flags, split, merge, keys, wire, categories, why)                 \
	{name, id, arity, flags, split, merge, keys, wire, categories, why},

static const struct command commands[] = {
#include "proto/resp_commands.def"
};

static uint32_t load_le32(const unsigned char *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint64_t load_le64(const unsigned char *p)
{
	return load_le32(p) | (uint64_t)load_le32(p + 4) << 32;
}

/*
 * A few bytes for a name: its first and last eight, case folded. Loads overlap rather than loop;
 * nothing outside the name is read. scripts/gen_resp_commands.py has the same function.
 */
static uint64_t name_word(const unsigned char *p, size_t n)
{
	const uint64_t fold = UINT64_C(0x2020202020202020);

	if (n >= 8) {
		uint64_t high = load_le64(p + n - 8) | fold;

		return ((load_le64(p) | fold) ^ (high << 32 | high >> 32)) + n;
	}
	if (n >= 4)
		return ((load_le32(p) | (uint64_t)load_le32(p + n - 4) << 32) | fold) + n;
	return ((p[0] | (uint64_t)p[n / 2] << 8 | (uint64_t)p[n - 1] << 16) | 0x202020) + n;
}

/* A name in lower case and no other byte than that of `name`: a zero byte ends no comparison. */
static bool is_name(struct span s, const char *name)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c | 0x20);
		if (c != name[i] || c == '\0')
			return false;
	}
	return name[s.len] == '\0';
}

const struct command *resp_command_find(struct span name)
{
	uint64_t hash;
	size_t slot;

	if (name.len == 0 || name.len > RESP_NAME_MAX)
		return NULL;
	hash = name_word((const unsigned char *)name.p, name.len) * RESP_HASH_FACTOR;
	slot = ((hash >> 40) + hash_displacements[hash >> 57]) % ARRAY_LEN(hash_slots);

	const struct command *command = &commands[hash_slots[slot]];
	return is_name(name, command->name) ? command : NULL;
}

const struct command *resp_command_resolve(const struct command *container, struct span sub)
{
	const struct command *end = commands + ARRAY_LEN(commands);
	size_t prefix = strlen(container->name);

	if (!(container->flags & CMD_CONTAINER))
		return container;
	for (const struct command *row = container + 1; row < end; row++) {
		if (strncmp(row->name, container->name, prefix) != 0 || row->name[prefix] != '|')
			break;
		if (is_name(sub, row->name + prefix + 1))
			return row;
	}
	return NULL;
}

const struct command *resp_command_table(size_t *n)
{
	*n = ARRAY_LEN(commands);
	return commands;
}

const char *resp_category_name(uint32_t bit)
{
	static const char *const names[] = {
#define RESP_CATEGORY(bit, name) [bit] = name,
#include "proto/resp_categories.def"
#undef RESP_CATEGORY
	};

	return bit < ARRAY_LEN(names) ? names[bit] : NULL;
}
