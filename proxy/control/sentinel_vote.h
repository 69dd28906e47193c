/*
 * sentinel_vote.h - what several Sentinels say of one primary -> the word of most of them.
 *
 * The rule. An address takes the place of the one in use when more than half of all configured
 * Sentinels name it: one that lies alone, or that was cut off together with the old primary, moves
 * nothing, and neither does the only one that is left of three. Sentinels themselves promote nobody
 * with fewer than that. While no address is in use, as at start, more than half of those that
 * answer are enough, once each of them has answered or failed; else a pool could not start while
 * two of three Sentinels are away. One that answers that it knows no such name has answered. A single
 * configured Sentinel is believed.
 *
 * Pure. Layer: control. Includes: base/error, base/text, found, route/spec.
 */
#ifndef CONTROL_SENTINEL_VOTE_H
#define CONTROL_SENTINEL_VOTE_H

#include "base/error.h"
#include "base/text.h"
#include "control/found.h"
#include "route/spec.h"

/* The last word of one Sentinel on one primary. */
struct sentinel_view {
	const char *sentinel;		/* HOST:PORT; borrowed */
	bool is_heard;			/* it has answered, or failed to, at least once */
	bool is_valid;			/* the last question was answered */
	char address[ADDRESS_TEXT_MAX]; /* "": it knows no such name */
	struct string_list replicas;	/* that can be read; owned */
};

/*
 * The primary's address by the words of all n Sentinels: one of theirs, or `in_use` (or NULL) where
 * there is no majority for another one. `why` says what keeps them from one; "" if nothing does.
 * *is_sure: the majority names the result, so what it says of replicas holds.
 */
const char *sentinel_elect(const struct sentinel_view *views, size_t n, const char *in_use,
			   bool *is_sure, struct error *why);

/* Add the replicas that more than half of the Sentinels name who name this primary. */
void sentinel_add_replicas(const struct sentinel_view *views, size_t n, struct found_shard *shard);

/* Do they name different primaries? Then append who names which. */
bool sentinel_disagree(const struct sentinel_view *views, size_t n, struct text *out);

#endif
