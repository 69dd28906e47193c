/*
 * login.h - clients say who they are: the users of a pool, and memcached's two ways to log in.
 * RESP's commands for it are in local_session.c.
 * Layer: serve. Includes: client, plan/plan.
 */
#ifndef SERVE_LOGIN_H
#define SERVE_LOGIN_H

#include "plan/plan.h"
#include "serve/client.h"

/*
 * True if the pool has a user of that name and password, who the client is from now on. The time
 * does not tell how much of a password is right. In a pool without users anybody is "default".
 */
NODISCARD bool login_as(struct client *client, struct span name, struct span password);

/*
 * Answer what a client of the text protocol sent while session.needs_auth, which mc_login_parse()
 * has read: a login, or a refusal. The request is finished when this returns.
 */
void login_text(struct client *client, struct request *request,
		const struct command_bytes *command);

/*
 * Answer a SASL command of the binary protocol (MCB_ACT_SASL), which may come before a login and
 * after one, by one packet; binary_begin() has seen the request. PLAIN is the one mechanism. One that
 * fails leaves the client logged out (session.needs_auth); where the pool has no users, the command
 * is unknown. The request is finished when this returns.
 */
void login_sasl(struct client *client, struct request *request,
		const struct command_bytes *command);

#endif
