#include "plan/pubsub.h"

void pubsub_run(struct request *request, const struct command_bytes *command)
{
	(void)command;
	request_fail(request, "no pubsub");
}

void pubsub_abandon(struct engine *engine, struct session *session)
{
	(void)engine;
	(void)session;
}

uint32_t pubsub_count(const struct session *session, enum pubsub_kind kind)
{
	(void)session;
	(void)kind;
	return 0;
}
