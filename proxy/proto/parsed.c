#include "proto/parsed.h"

#include <stdlib.h>

#define ARGS_AT_FIRST 64

bool arg_list_grow(struct arg_list *list)
{
	uint32_t cap = list->cap == 0 ? ARGS_AT_FIRST : list->cap * 2;
	struct arg *v;

	if (cap < list->cap)
		return false;
	v = realloc(list->v, cap * sizeof(*v));
	if (v == NULL)
		return false;
	list->v = v;
	list->cap = cap;
	return true;
}

void arg_list_fini(struct arg_list *list)
{
	free(list->v);
	*list = (struct arg_list){0};
}
