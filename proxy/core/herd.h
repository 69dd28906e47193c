/*
 * herd.h - clients that wait for one call: reads that are alike and under way at the same time.
 *
 *      herds: bytes of a command -> herd -> request of nobody's -> call -> upstream
 *                                    |-> waiting: the first calls of the clients' own requests
 *
 * A herd stands open for more until its reply is there, or until its key has been written:
 * marks count the writes, by a hash of the key, once when a write is sent and once when it is
 * answered, for all workers together. So who joins sees every write that was answered before, and
 * its own.
 * One worker's, but for the marks. Layer: core. Includes: request.
 */
#ifndef CORE_HERD_H
#define CORE_HERD_H

#include "core/request.h"

#define HERD_BYTES_MAX 1024	  /* of a command; a longer one goes alone. At most DETACH_MAX */
#define HERD_ALL       UINT16_MAX /* the mark of all keys */

/* Writes that were seen; any thread. */
struct herd_marks;
NODISCARD struct herd_marks *herd_marks_new(void);
void herd_marks_free(struct herd_marks *marks); /* NULL is fine */

/* What reads have to agree in to be one. */
struct herd_key {
	const struct pool *pool;
	struct conn_kind kind;
	enum reads reads;
	uint32_t place;	   /* of its connection: own writes go before it there */
	uint32_t standing; /* of its key's marks */
	uint64_t hash;	   /* of the bytes */
	struct span bytes; /* as sent; not kept: the request has them while the herd is open */
};

struct herd {
	struct herd *next; /* in its bucket */
	struct herd_key key;
	bool is_open;
	struct request *request; /* of nobody's, which has the call */
	struct call_queue waiting;
	uint32_t n_waiting;
};

struct herds;
NODISCARD struct herds *herds_new(struct herd_marks *marks); /* aborts with no memory */
void herds_free(struct herds *herds);			     /* NULL is fine; there is none left */

/* Fill in standing and hash, of bytes and of the key that they name. */
void herds_stand(struct engine *engine, struct span key, struct herd_key *out);

/* The open herd of this key, or NULL. One that is alike but older than a write is closed. */
struct herd *herds_find(struct herds *herds, const struct herd_key *key);

/* A new one, open; the caller gives it its request, with the bytes, before another is looked for. */
struct herd *herds_open(struct herds *herds, const struct herd_key *key);

/* Nobody else joins it. Fine if it is closed already. */
void herds_close(struct herds *herds, struct herd *herd);

/* Put it out of the world; nobody waits in it. */
void herds_drop(struct herds *herds, struct herd *herd);

/* A request writes this key, or all: herds of it are closed now and, by herds_note_end(), when it is
 * answered. */
void herds_note_write(struct request *request, struct span key);
void herds_note_write_all(struct request *request);
void herds_note_end(struct request *request);

/* Bytes that one of those who wait holds of the reply to come. */
uint64_t herd_held(const struct herd *herd);

#endif
