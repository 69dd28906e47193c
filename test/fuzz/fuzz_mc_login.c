/*
 * Any bytes as what a memcached client says before it has logged in, at once and in pieces, whose
 * sizes are the first two bytes: the same answers, and never more than a login's bytes taken.
 */
#include <assert.h>

#include "../mc_transcript.h"
#include "proto/mc_login.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void print_login(FILE *to, const struct parsed *p, const char *start)
{
	struct span user = {0}, password = {0};

	assert(p->command == NULL && p->swallow == 0 && !p->noreply && p->len > 0);
	assert(p->len <= MC_LINE_MAX + 1 + MC_LOGIN_MAX + 2);
	if (p->error == NULL && mc_login_split(parsed_arg(p, start, 0), &user, &password))
		assert(user.len > 0 && user.len + password.len < p->args->v[0].len);
	fprintf(to, "%u %s [%.*s] [%.*s]\n", p->len, p->error != NULL ? p->error : "login",
		(int)user.len, user.p, (int)password.len, password.p);
}

/* The caller frees it. */
static char *transcript(struct span in, struct pieces pieces)
{
	size_t at = 0, have = smaller(pieces.first, in.len), size;
	struct arg_list args = {0};
	char *text = NULL;
	FILE *to = open_memstream(&text, &size);

	while (at < in.len) {
		struct parsed parsed;
		char *copy = exact_copy(span_make(in.p + at, have - at));
		enum parse_result result =
			mc_login_parse(span_make(copy, have - at), &args, &parsed);

		if (result == PARSE_DONE)
			print_login(to, &parsed, copy);
		free(copy);
		if (result == PARSE_BAD || (result == PARSE_MORE && have == in.len))
			break;
		if (result == PARSE_DONE)
			at += parsed.len;
		else
			have += smaller(pieces.step, in.len - have);
	}
	fprintf(to, "rest %zu\n", in.len - at);
	fclose(to);
	arg_list_fini(&args);
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	struct span in = {(const char *)data + 2, size - 2};
	char *whole = transcript(in, (struct pieces){in.len, 0});
	char *pieces = transcript(in, (struct pieces){data[0], data[1] + 1U});

	assert(strcmp(whole, pieces) == 0);
	free(whole);
	free(pieces);
	return 0;
}
