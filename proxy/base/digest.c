#include "base/digest.h"

#include <assert.h>
#include <stdlib.h>

#include <openssl/evp.h>

#include "base/alloc.h"

struct digest {
	EVP_MD *md5, *sha1;
	EVP_MD_CTX *md5_ctx, *sha1_ctx; /* each keeps its algorithm from one use to the next */
};

/* An initialised context for the algorithm in *md, which is fetched here. */
static EVP_MD_CTX *fetch(const char *name, EVP_MD **md)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	*md = EVP_MD_fetch(NULL, name, NULL);
	if (*md == NULL || ctx == NULL || EVP_DigestInit_ex2(ctx, *md, NULL) != 1)
		abort();
	return ctx;
}

struct digest *digest_new(void)
{
	struct digest *digest = alloc_zeroed(1, sizeof(*digest));

	digest->md5_ctx = fetch("MD5", &digest->md5);
	digest->sha1_ctx = fetch("SHA1", &digest->sha1);
	return digest;
}

void digest_free(struct digest *digest)
{
	if (digest == NULL)
		return;
	EVP_MD_CTX_free(digest->md5_ctx);
	EVP_MD_CTX_free(digest->sha1_ctx);
	EVP_MD_free(digest->md5);
	EVP_MD_free(digest->sha1);
	free(digest);
}

/* Without an algorithm named, the context starts again with the one it has: half the cost. */
static void run(EVP_MD_CTX *ctx, struct span in, uint8_t *out)
{
	int ok = EVP_DigestInit_ex2(ctx, NULL, NULL) & EVP_DigestUpdate(ctx, in.p, in.len) &
		 EVP_DigestFinal_ex(ctx, out, NULL);

	assert(ok == 1);
	(void)ok;
}

void digest_md5(struct digest *digest, struct span in, uint8_t out[DIGEST_MD5_LEN])
{
	run(digest->md5_ctx, in, out);
}

void digest_sha1(struct digest *digest, struct span in, uint8_t out[DIGEST_SHA1_LEN])
{
	run(digest->sha1_ctx, in, out);
}
