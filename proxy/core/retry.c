#include "core/retry.h"

enum verdict { NEVER, READS, ALWAYS };

static const enum verdict verdicts[CALL_RESULTS] = {
	[CALL_REPLY] = NEVER, /* it has its answer */
	[CALL_NOT_SENT] = ALWAYS,  [CALL_LOST] = READS,
	[CALL_TIMEOUT] = NEVER,				   /* the request's time is over */
	[CALL_DOWN] = NEVER,				   /* it would be refused again at once */
	[CALL_NO_PRIMARY] = NEVER,			   /* it has waited for long enough */
	[CALL_NO_LEASE] = NEVER,   [CALL_GARBAGE] = NEVER, /* the next answer would be no better */
};

bool retry_again(enum call_result result, bool reads, unsigned attempts, unsigned retries)
{
	if (attempts > retries)
		return false;
	return verdicts[result] == ALWAYS || (verdicts[result] == READS && reads);
}
