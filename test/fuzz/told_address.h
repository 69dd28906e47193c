/*
 * told_address.h - addresses that came in somebody's answer, as the fuzzers of those look at them.
 */
#ifndef FUZZ_TOLD_ADDRESS_H
#define FUZZ_TOLD_ADDRESS_H

#include <assert.h>

#include "route/endpoint.h"

/* It is a host's, with a port. */
static inline void check_address(const char *text)
{
	struct address address;
	struct error error;

	assert(address_parse(text, 0, &address, &error) == 0);
	assert(!address.is_unix && address.port > 0);
}

#endif
