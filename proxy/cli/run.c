#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/log.h"
#include "base/text.h"
#include "cli/cli.h"
#include "control/control.h"

#define BIG_BLOCK (64 * 1024) /* bytes: larger blocks, all chunks among them, go back when freed */

struct run_options {
	const char *file, *memcached, *redis, *listen, *admin;
};

/* What the process as a whole needs before anything is opened. */
static void set_up_process(void)
{
	struct rlimit files;

	signal(SIGPIPE, SIG_IGN);
	/* A fixed threshold: glibc would raise it after the first large value that is freed, and
	 * keep what comes after. */
	mallopt(M_MMAP_THRESHOLD, BIG_BLOCK);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

/* -1, or the exit status where there is nothing to run. */
static int parse_options(int argc, char **argv, struct run_options *options)
{
	static const struct option longs[] = {
		{"memcached", required_argument, NULL, 'm'},
		{"redis", required_argument, NULL, 'r'},
		{"listen", required_argument, NULL, 'l'},
		{"admin", required_argument, NULL, 'a'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int c;

	opterr = 0;
	optind = 1;
	while ((c = getopt_long(argc, argv, ":c:", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			options->file = optarg;
			break;
		case 'm':
			options->memcached = optarg;
			break;
		case 'r':
			options->redis = optarg;
			break;
		case 'l':
			options->listen = optarg;
			break;
		case 'a':
			options->admin = optarg;
			break;
		case 'h':
			cli_help(stdout, argv[0]);
			return CLI_DONE;
		case ':':
			return cli_misused(argv[0], "%s needs a value", argv[optind - 1]);
		default:
			return cli_misused(argv[0], "unknown option '%s'", argv[optind - 1]);
		}
	}
	if (optind < argc)
		return cli_misused(argv[0], "'%s' is one argument too many", argv[optind]);
	return -1;
}

/* Which of the ways to say what to serve was taken: exactly one. */
static int check_options(const char *command, const struct run_options *options)
{
	if (options->memcached != NULL && options->redis != NULL)
		return cli_misused(command, "--memcached and --redis exclude each other: a file "
					    "can have both");
	bool bare = options->memcached != NULL || options->redis != NULL;
	if (bare && options->file != NULL)
		return cli_misused(command, "-c excludes --memcached and --redis");
	if (!bare && (options->listen != NULL || options->admin != NULL))
		return cli_misused(command, "--listen and --admin go with --memcached or --redis");
	return -1;
}

/* The file to serve, or NULL where the command line says it all. */
static const char *file_of(const struct run_options *options)
{
	if (options->memcached != NULL || options->redis != NULL)
		return NULL;
	return options->file != NULL ? options->file : cli_default_file();
}

static struct config *load(const struct run_options *options)
{
	struct text errors = {0};
	struct config *config;

	if (file_of(options) != NULL)
		return cli_load(file_of(options), true);
	if (options->memcached != NULL)
		config = config_from_args(PROTOCOL_MEMCACHED, options->memcached, options->listen,
					  &errors);
	else
		config = config_from_args(PROTOCOL_REDIS, options->redis, options->listen, &errors);
	if (config == NULL)
		fputs(errors.p, stderr);
	else if (options->admin != NULL)
		config->admin_listen = strdup(options->admin);
	text_free(&errors);
	return config;
}

int cli_run(int argc, char **argv)
{
	struct run_options options = {0};
	struct error error = {0};
	int status = parse_options(argc, argv, &options);

	if (status < 0)
		status = check_options(argv[0], &options);
	if (status >= 0)
		return status;
	set_up_process();
	struct config *config = load(&options);
	if (config == NULL)
		return CLI_FAILED;
	log_init((enum log_level)config->log_level, config->log_json);
	int result = control_run(config, file_of(&options), &error);
	if (result != 0)
		fprintf(stderr, "slipring: %s\n", error.text);
	return result == 0 ? CLI_DONE : CLI_FAILED;
}
