/*
 * hash_tag.h - the part of a key that is hashed.
 * Pure. Layer: route. Includes: base/span.
 */
#ifndef ROUTE_HASH_TAG_H
#define ROUTE_HASH_TAG_H

#include "base/span.h"

/*
 * The bytes between the first tag[0] and the first tag[1] behind it, if there are any; else
 * the whole key. `tag` is two bytes, or NULL or "" for none. As twemproxy's hash_tag.
 */
struct span hash_tag(struct span key, const char *tag);

#endif
