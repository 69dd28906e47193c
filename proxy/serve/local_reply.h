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
void reply_status(struct request *request, struct span word);
void reply_line(struct request *request, const char *line);

/* Append an error line, and mark and count the request as refused. */
void reply_error(struct request *request, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* The word at argument i, or an empty span where there are not so many. */
struct span reply_arg(const struct command_bytes *command, uint32_t i);

/* Append the reply to COMMAND and its subcommands: local_command.c. */
void reply_command(struct client *client, struct request *request,
		   const struct command_bytes *command);

/* CLIENT SETNAME: false if it is no name. "" takes the name away. local_client.c. */
NODISCARD bool client_set_name(struct client *client, struct span name);

/* Append the reply to CLIENT and its subcommands: local_client.c. */
void reply_client(struct client *client, struct request *request,
		  const struct command_bytes *command);

#endif
