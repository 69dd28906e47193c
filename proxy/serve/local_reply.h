/*
 * local_reply.h - writing the proxy's own replies.
 * Layer: serve. Includes: core/request.
 */
#ifndef SERVE_LOCAL_REPLY_H
#define SERVE_LOCAL_REPLY_H

#include <stdint.h>

#include "core/request.h"
#include "plan/plan.h"
#include "serve/client.h"

/* Append to the reply; nothing is finished. Lines get their line end. */
void reply_header(struct request *request, char type, int64_t n);
void reply_bulk(struct request *request, struct span bytes);
void reply_text(struct request *request, struct span bytes); /* verbatim in RESP3 */
void reply_map(struct request *request, int64_t n);	     /* the header of n pairs */
void reply_null(struct request *request);
void reply_status(struct request *request, struct span word);
void reply_line(struct request *request, const char *line);

/* Append an error line, and mark and count the request as refused. */
void reply_error(struct request *request, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* The word at argument i, or an empty span where there are not so many. */
struct span reply_arg(const struct command_bytes *command, uint32_t i);

/* SELECT, HELLO, AUTH, RESET, READONLY and READWRITE: local_session.c. */
void reply_select(struct client *client, struct request *request,
		  const struct command_bytes *command);
void reply_hello(struct client *client, struct request *request,
		 const struct command_bytes *command);
void reply_auth(struct client *client, struct request *request,
		const struct command_bytes *command);
void reply_reset(struct client *client, struct request *request,
		 const struct command_bytes *command);
void reply_reads(struct client *client, struct request *request,
		 const struct command_bytes *command);

/* CONFIG GET of the proxy's own settings, by the names that a server has for them: local_config.c. */
void reply_config(struct client *client, struct request *request,
		  const struct command_bytes *command);

/* memcached's config get, as ElastiCache's nodes answer it: local_cluster.c. */
void reply_cluster(struct client *client, struct request *request,
		   const struct command_bytes *command);

/* CLIENT LIST and CLIENT KILL, over all workers: local_census.c. */
void reply_client_list(struct client *client, struct request *request,
		       const struct command_bytes *command);
void reply_client_kill(struct client *client, struct request *request,
		       const struct command_bytes *command);

/* CLIENT SETNAME: false if it is no name. "" takes the name away. local_client.c. */
NODISCARD bool client_set_name(struct client *client, struct span name);

/* Append the reply to CLIENT and its subcommands: local_client.c. */
void reply_client(struct client *client, struct request *request,
		  const struct command_bytes *command);

#endif
