/*
 * retry.h - whether a call that failed is sent again: a pure rule.
 * Layer: core. Includes: stats.
 */
#ifndef CORE_RETRY_H
#define CORE_RETRY_H

#include <stdbool.h>

#include "core/stats.h"

/*
 * A call that surely did not run is sent again, one that may have run only if it just reads; each
 * at most `retries` times, and none whose time ran out or whose endpoint is known to be away.
 */
bool retry_again(enum call_result result, bool reads, unsigned attempts, unsigned retries);

#endif
