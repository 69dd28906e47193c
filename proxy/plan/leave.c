#include "plan/pinned.h"
#include "plan/plan.h"
#include "plan/pubsub.h"
#include "plan/transaction.h"

void plan_client_left(struct engine *engine, struct session *session)
{
	pinned_abandon(session);
	transaction_abandon(engine, session);
	pubsub_abandon(engine, session);
}
