/*
 * limits.h - size and count limits of the data path that are not settings.
 * Layer: core. Includes: nothing of the project's.
 */
#ifndef CORE_LIMITS_H
#define CORE_LIMITS_H

/* Bytes by which a RESP command may exceed limits.request, so that a value of just that size
 * passes with its key and its framing. */
#define COMMAND_FRAMING (64 * 1024)

/* Bytes of replies waiting for a client's socket above which its next commands are not parsed:
 * a client that does not read must not make the proxy fetch more for it. */
#define CLIENT_UNSENT_HIGH (1024 * 1024)

/* Bytes of commands that are read ahead of one that holds its client up (BLPOP, EXEC): enough to see
 * a client that leaves, little enough to hold for each. */
#define CLIENT_AHEAD_MAX 16384

/* Bytes of a reply from which on it is handed to its client in pieces, as it comes: below, one
 * hand-over a reply is cheaper; above, holding it back costs memory and time. */
#define REPLY_STREAM_MIN (64 * 1024)

/* Bytes of a waiting request or reply up to which it is copied out of the chunk that it pins, once
 * half of the worker's memory is in use: a straggler must not hold 64 KiB for 100 bytes. Requests
 * above it are not kept to be sent again. */
#define DETACH_MAX 4096

/* Leased connections of one kind to one node that are kept, in a clean state, for the next client
 * that needs one. */
#define LEASES_IDLE 16

/* Bytes of shards' replies that are laid in one piece where joining them means to compare their
 * elements (PUBSUB CHANNELS), which takes as much memory again: a million names of 32 bytes. Where
 * nothing is compared (KEYS), replies are joined by reference and have no such limit. */
#define MERGE_WHOLE_MAX (32 * 1024 * 1024)

/* Bytes of one shard's INFO that are read: ten times what Redis says with all its statistics. */
#define INFO_MAX (1024 * 1024)
/* Channels and patterns that one client may be subscribed to, and bytes of all their names: they are
 * kept outside the memory that limits.memory counts. */
#define SUBSCRIPTIONS_MAX    65536
#define SUBSCRIBED_BYTES_MAX (16 * 1024 * 1024)

/* Milliseconds between attempts to reach a node that cannot be reached: the first wait, doubled
 * each time up to the last; each is jittered by half, so that many proxies do not march in step. */
#define BACKOFF_FIRST_MS 50
#define BACKOFF_LAST_MS	 2000

/* Milliseconds between looks for idle clients. */
#define IDLE_SWEEP_MS 1000

#endif
