/*
 * local.h - commands that the proxy answers itself.
 * Layer: serve. Includes: client, plan/plan.
 */
#ifndef SERVE_LOCAL_H
#define SERVE_LOCAL_H

#include "plan/plan.h"
#include "serve/client.h"

/* Answer a SPLIT_LOCAL command; the request is finished when this returns. */
void local_run(struct client *client, struct request *request, const struct command_bytes *command);

/* Answer a SPLIT_ALL command where it is about the proxy itself (stats proxy): true if it was. */
NODISCARD bool local_answers(struct client *client, struct request *request,
			     const struct command_bytes *command);

/* Answer get or gets of the one key under which ElastiCache's older nodes tell what `config get
 * cluster` does: true if it was that. local_cluster.c. */
NODISCARD bool local_answers_key(struct request *request, struct span key);

#endif
