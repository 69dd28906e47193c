/*
 * mc_meta.h - the words of one memcached meta command -> parsed, and its key.
 *
 * Limits and error texts are memcached 1.6's; what a flag means, and whether it is one, its node
 * says. Pure. Layer: proto. Includes: parsed.
 */
#ifndef PROTO_MC_META_H
#define PROTO_MC_META_H

#include "proto/parsed.h"

#define MC_META_WORDS_MAX 19	   /* the name, key and length counted; memcached refuses more */
#define MC_META_KEY_MAX	  188	   /* bytes that a key of MC_KEY_MAX bytes of base64 stands for */
#define MC_META_BARRIER	  "mn\r\n" /* what its node answers with MN, after all before it */

/*
 * Look at the words of a meta command that begins at `start`, out->args, and set its key and what
 * its flags say: out->barrier, key_encoded and writes. Returns NULL, or the error line that
 * memcached has for it without asking further.
 */
const char *mc_meta_check(const char *start, struct parsed *out);

/* The same for ms, with *body the bytes of its value. On an error none follows. */
const char *mc_meta_check_set(const char *start, struct parsed *out, uint32_t *body);

/*
 * The key that a command is routed by: that of its line, or what its base64 stands for, in `to`.
 * What is no base64 stands for itself: its node refuses it wherever that is.
 */
struct span mc_meta_key(const struct parsed *parsed, const char *start, char to[MC_META_KEY_MAX]);

#endif
