/*
 * mc_login.h - what a memcached text client may say before it has logged in, as to memcached -Y.
 *
 *      set ANY ANY ANY 13\r\nuser password\r\n
 *
 * Source: memcached 1.6's proto_text.c, try_read_command_asciiauth(). Unlike there, each line that
 * comes in one piece with others has an answer of its own.
 * Pure. Layer: proto. Includes: parsed.
 */
#ifndef PROTO_MC_LOGIN_H
#define PROTO_MC_LOGIN_H

#include "base/attr.h"
#include "base/span.h"
#include "proto/parsed.h"

#define MC_LOGIN_MAX 16384 /* bytes of a login's value: memcached closes at about as many */

/*
 * As mc_request_parse, for a client that must log in. PARSE_DONE with out->error is any line but a
 * login's; without, the login's value is out->args[0]. There is no out->command, key or noreply: who
 * logs in is always answered. PARSE_BAD is what is too long.
 */
NODISCARD enum parse_result mc_login_parse(struct span in, struct arg_list *args,
					   struct parsed *out);

/* The first two words of a login's value; false where it has no two. */
NODISCARD bool mc_login_split(struct span value, struct span *user, struct span *password);

#endif
