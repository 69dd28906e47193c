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
