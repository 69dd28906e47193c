#include "core/modules.h"

#include "base/alloc.h"

struct command *modules_rows(const struct pool *pool)
{
	struct command *rows;
	size_t table;

	if (pool->n_commands == 0)
		return NULL;
	(void)resp_command_table(&table);
	rows = alloc_zeroed(pool->n_commands, sizeof(*rows));
	for (size_t i = 0; i < pool->n_commands; i++) {
		const struct command_spec *from = &pool->commands[i];

		rows[i] = (struct command){
			.name = from->name,
			.id = (uint16_t)(table + i),
			.arity = (int16_t) - (from->first + 1),
			.flags = from->writes ? CMD_WRITE : CMD_READ,
			.split = from->first > 0 ? SPLIT_NONE : SPLIT_ANY,
			.n_specs = from->first > 0,
			.specs = {{KEYS_KIND_RANGE, (int8_t)from->first, (int8_t)from->last,
				   (int8_t)from->step}},
			.wire_flags = from->writes ? "write" : "readonly",
		};
	}
	return rows;
}

const struct command *modules_find(const struct pool *pool, const struct command *rows,
				   struct span name)
{
	for (size_t i = 0; i < pool->n_commands; i++)
		if (span_equal_nocase(name, rows[i].name))
			return &rows[i];
	return NULL;
}
