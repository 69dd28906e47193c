#include "control/config_secret.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "control/checker.h"
#include "control/schema.h"

/*
 * No message names the variable or the file: a password that was put there by mistake would be
 * shown. The place in the file is named instead.
 */

static void read_variable(const struct checker *checker, struct secret_spec *secret)
{
	const char *value = getenv(secret->env);

	if (value == NULL)
		checker_error(checker, &secret->env,
			      "the environment has no such variable; expected the name of one that "
			      "holds the password");
	else if (value[0] == '\0')
		checker_error(checker, &secret->env,
			      "the variable is empty; expected a password in it");
	else if (strlen(value) > SECRET_MAX)
		checker_error(checker, &secret->env,
			      "the variable has more than %d bytes; expected a password in it",
			      SECRET_MAX);
	else
		secret->text = alloc_string(value);
}

/* What is wrong with the bytes of a file that should be a password; NULL: nothing. */
static const char *trouble_of(const char *bytes, size_t len)
{
	if (len > SECRET_MAX)
		return "the file is larger than any password; expected a password alone in it";
	if (len == 0)
		return "the file is empty; expected a password in it";
	if (memchr(bytes, '\0', len) != NULL)
		return "the file has a zero byte; expected a password alone in it";
	return NULL;
}

static void read_file(const struct checker *checker, struct secret_spec *secret)
{
	FILE *file = fopen(secret->file, "rbe");
	char *bytes = alloc_zeroed(SECRET_MAX + 3, 1);
	size_t len = file != NULL ? fread(bytes, 1, SECRET_MAX + 2, file) : 0;

	if (file == NULL || ferror(file)) {
		checker_error(checker, &secret->file,
			      "the file cannot be read: %s; expected the path of one that holds "
			      "the password",
			      strerror(errno));
	} else {
		len -= len > 0 && bytes[len - 1] == '\n';
		bytes[len] = '\0';
		const char *trouble = trouble_of(bytes, len);

		if (trouble != NULL)
			checker_error(checker, &secret->file, "%s", trouble);
		else
			secret->text = alloc_copy(bytes, len);
	}
	free(bytes);
	if (file != NULL)
		fclose(file);
}

static bool is_given(const struct secret_spec *secret)
{
	return secret->text != NULL || secret->env != NULL || secret->file != NULL;
}

static void read_secret(const struct checker *checker, struct secret_spec *secret)
{
	const void *second = NULL;

	if (secret->file != NULL && (secret->text != NULL || secret->env != NULL))
		second = &secret->file;
	else if (secret->env != NULL && secret->text != NULL)
		second = &secret->env;
	if (second != NULL)
		checker_error(checker, second,
			      "a second password; expected one of password, password_env and "
			      "password_file");
	else if (secret->env != NULL)
		read_variable(checker, secret);
	else if (secret->file != NULL)
		read_file(checker, secret);
}

void config_secrets_each(const struct config *config,
			 void (*each)(void *arg, const struct secret_spec *secret), void *arg)
{
	for (size_t i = 0; i < config->n_pools; i++) {
		const struct pool_spec *pool = &config->pools[i];

		each(arg, &pool->credentials.password);
		each(arg, &pool->clients_password);
		for (size_t j = 0; j < pool->n_users; j++)
			each(arg, &pool->users[j].password);
	}
}

void config_secrets_read(struct config *config, const struct field_map *fields,
			 struct findings *findings)
{
	const struct checker checker = {config, fields, NULL, findings};

	for (size_t i = 0; i < config->n_pools; i++) {
		struct pool_spec *pool = &config->pools[i];
		struct user_spec *credentials = &pool->credentials;

		if (credentials->name != NULL && !is_given(&credentials->password))
			checker_error(&checker, &credentials->name,
				      "a username without a password; expected password, "
				      "password_env or password_file beside it");
		read_secret(&checker, &credentials->password);
		read_secret(&checker, &pool->clients_password);
		for (size_t j = 0; j < pool->n_users; j++)
			read_secret(&checker, &pool->users[j].password);
	}
}
