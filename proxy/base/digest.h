/*
 * digest.h - MD5 and SHA-1 by OpenSSL with a kept context; for compatibility, not security.
 *
 * A digest belongs to one thread: fetching an algorithm costs more than hashing a key, so each
 * worker keeps one. Layer: base. Includes: attr, span.
 */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <stdint.h>

#include "base/attr.h"
#include "base/span.h"

#define DIGEST_MD5_LEN	16 /* bytes */
#define DIGEST_SHA1_LEN 20 /* bytes */

struct digest;

/* Aborts where OpenSSL has no MD5 or SHA-1 or there is no memory. */
NODISCARD struct digest *digest_new(void);
void digest_free(struct digest *digest); /* NULL is fine */

void digest_md5(struct digest *digest, struct span in, uint8_t out[DIGEST_MD5_LEN]);
void digest_sha1(struct digest *digest, struct span in, uint8_t out[DIGEST_SHA1_LEN]);

#endif
