#include "plan/merge_stats.h"

void merge_stats(struct request *request)
{
	chain_move(&request->engine->chunks, &request->reply, &request->parts->reply);
}
