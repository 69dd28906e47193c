#include "core/reads.h"

void reads_note_key(struct request *request, struct span key)
{
	(void)request;
	(void)key;
}

const struct endpoint *reads_endpoint(struct request *request, const struct shard *shard)
{
	(void)request;
	return shard->primary;
}

bool reads_elsewhere(struct call *call, enum call_result result)
{
	(void)call;
	(void)result;
	return false;
}
