#include <inttypes.h>
#include <stdio.h>

#include "proto/mc_request.h"
#include "serve/local.h"
#include "serve/local_reply.h"

#define HEAD_MAX 80 /* bytes of the line before the payload */

/* The payload is copied: the snapshot that owns it may go before the reply has left. */
static void reply_payload(struct request *request, const char *head)
{
	const struct pool *pool = request->pool;
	struct chunk_pool *chunks = &request->engine->chunks;

	chain_copy(chunks, &request->reply, span_of(head));
	chain_copy(chunks, &request->reply, span_make(pool->cluster.payload, pool->cluster.len));
	chain_append(chunks, &request->reply, NULL, span_of("\r\n"));
}

void reply_cluster(struct client *client, struct request *request,
		   const struct command_bytes *command)
{
	char head[HEAD_MAX];

	(void)client;
	if (request->pool->cluster.payload != NULL &&
	    span_equal_str(reply_arg(command, 2), "cluster")) {
		snprintf(head, sizeof(head), "CONFIG cluster 0 %zu\r\n",
			 request->pool->cluster.len);
		reply_payload(request, head);
	}
	reply_line(request, "END");
}

bool local_answers_key(struct request *request, struct span key)
{
	const struct cluster_config *cluster = &request->pool->cluster;
	char head[HEAD_MAX], cas[24] = "";

	/* gat is a write, which this is not there for. */
	if (cluster->payload == NULL || !(request->command->flags & CMD_READ) ||
	    !span_equal_str(key, CLUSTER_CONFIG_KEY))
		return false;
	/* What is unique to a value is unique to its version. */
	if (request->command->id == MC_GETS)
		snprintf(cas, sizeof(cas), " %" PRIu64, cluster->version);
	snprintf(head, sizeof(head), "VALUE %s 0 %zu%s\r\n", CLUSTER_CONFIG_KEY, cluster->len, cas);
	reply_payload(request, head);
	reply_line(request, "END");
	request_finish(request);
	return true;
}
