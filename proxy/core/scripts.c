#include "core/scripts.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/alloc.h"
#include "proto/resp_write.h"

#define BUCKETS 1024

struct script {
	LIST_ENTRY(script) in_bucket;
	TAILQ_ENTRY(script) in_use; /* the one used last at the end */
	uint8_t sha[DIGEST_SHA1_LEN];
	size_t len;
	char body[];
};

LIST_HEAD(bucket, script);
TAILQ_HEAD(script_list, script);

struct scripts {
	pthread_mutex_t lock;
	struct bucket buckets[BUCKETS];
	struct script_list used;
	size_t bytes;
};

struct scripts *scripts_new(void)
{
	struct scripts *scripts = alloc_zeroed(1, sizeof(*scripts));

	pthread_mutex_init(&scripts->lock, NULL);
	TAILQ_INIT(&scripts->used);
	return scripts;
}

static void forget_oldest(struct scripts *scripts)
{
	struct script *oldest = TAILQ_FIRST(&scripts->used);

	/* The analyzer does not see that one that was freed is first no longer.
	 * NOLINTBEGIN(clang-analyzer-unix.Malloc) */
	LIST_REMOVE(oldest, in_bucket);
	TAILQ_REMOVE(&scripts->used, oldest, in_use);
	scripts->bytes -= sizeof(*oldest) + oldest->len;
	free(oldest);
	/* NOLINTEND(clang-analyzer-unix.Malloc) */
}

static void forget_all(struct scripts *scripts)
{
	while (!TAILQ_EMPTY(&scripts->used))
		forget_oldest(scripts);
}

void scripts_free(struct scripts *scripts)
{
	if (scripts == NULL)
		return;
	forget_all(scripts);
	pthread_mutex_destroy(&scripts->lock);
	free(scripts);
}

static struct bucket *bucket_of(struct scripts *scripts, const uint8_t *sha)
{
	return &scripts->buckets[(sha[0] | sha[1] << 8) % BUCKETS];
}

/* The script, which is then the one used last. */
static struct script *find(struct scripts *scripts, const uint8_t *sha)
{
	struct script *script;

	LIST_FOREACH (script, bucket_of(scripts, sha), in_bucket) {
		if (memcmp(script->sha, sha, DIGEST_SHA1_LEN) != 0)
			continue;
		TAILQ_REMOVE(&scripts->used, script, in_use);
		TAILQ_INSERT_TAIL(&scripts->used, script, in_use);
		return script;
	}
	return NULL;
}

static void insert(struct scripts *scripts, const uint8_t *sha, struct span body)
{
	struct script *script = alloc_zeroed(1, sizeof(*script) + body.len);

	memcpy(script->sha, sha, DIGEST_SHA1_LEN);
	memcpy(script->body, body.p, body.len);
	script->len = body.len;
	LIST_INSERT_HEAD(bucket_of(scripts, sha), script, in_bucket);
	TAILQ_INSERT_TAIL(&scripts->used, script, in_use);
	scripts->bytes += sizeof(*script) + script->len;
	while (scripts->bytes > SCRIPTS_BYTES_MAX)
		forget_oldest(scripts);
}

void scripts_add(struct scripts *scripts, struct digest *digest, struct span body)
{
	uint8_t sha[DIGEST_SHA1_LEN];

	if (body.len > SCRIPTS_BYTES_MAX / 4)
		return;
	digest_sha1(digest, body, sha);
	pthread_mutex_lock(&scripts->lock);
	if (find(scripts, sha) == NULL)
		insert(scripts, sha, body);
	pthread_mutex_unlock(&scripts->lock);
}

void scripts_flush(struct scripts *scripts)
{
	pthread_mutex_lock(&scripts->lock);
	forget_all(scripts);
	pthread_mutex_unlock(&scripts->lock);
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_sha(struct span text, uint8_t sha[DIGEST_SHA1_LEN])
{
	if (text.len != 2 * (size_t)DIGEST_SHA1_LEN)
		return false;
	for (size_t i = 0; i < DIGEST_SHA1_LEN; i++) {
		int high = digit(text.p[2 * i]), low = digit(text.p[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		sha[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

bool scripts_body(struct scripts *scripts, struct span sha_text, struct chunk_pool *chunks,
		  struct chain *to)
{
	uint8_t sha[DIGEST_SHA1_LEN];
	char header[RESP_HEADER_MAX];

	if (!read_sha(sha_text, sha))
		return false;
	pthread_mutex_lock(&scripts->lock);
	const struct script *script = find(scripts, sha);
	if (script != NULL) {
		size_t len = resp_write_header(header, '$', (int64_t)script->len);

		chain_copy(chunks, to, span_make(header, len));
		chain_copy(chunks, to, span_make(script->body, script->len));
		chain_append(chunks, to, NULL, span_of("\r\n"));
	}
	pthread_mutex_unlock(&scripts->lock);
	return script != NULL;
}
