#include <stdarg.h>
#include <string.h>

#include "cli/cli.h"

static const struct cli_text texts[] = {
	{"run",
	 "[-c FILE] | --memcached|--redis HOST:PORT,... [--listen ADDRESS] [--admin ADDRESS]",
	 "serve; the default command",
	 "  -c FILE                the configuration\n"
	 "  --memcached HOST:PORT,...\n"
	 "                         serve one pool of these memcached nodes without a file\n"
	 "  --redis HOST:PORT,...  the same for redis nodes\n"
	 "  --listen ADDRESS       where that pool is served: HOST:PORT or unix:PATH\n"
	 "                         (127.0.0.1 with the protocol's port by default)\n"
	 "  --admin ADDRESS        where health, metrics and status are served; off by default\n"
	 "\n"
	 "Logs to standard error. TERM and INT drain: no new clients, requests in flight\n"
	 "are finished, and the process leaves within shutdown_grace; a second one leaves\n"
	 "at once. With 'takeover' in FILE, the sockets of the process that runs there\n"
	 "already are taken over, and its clients stay with it.\n"},
	{"check", "[-c FILE]", "validate a configuration",
	 "  -c FILE  the configuration; - is standard input\n"
	 "\n"
	 "Every error is a line FILE:LINE:COLUMN: path.to.key: what is wrong; what is\n"
	 "expected. Warnings do not fail the check.\n"},
	{"route", "[-c FILE] POOL [KEY...]", "say which shard owns a key, without any node",
	 "  -c FILE  the configuration\n"
	 "\n"
	 "Prints KEY<TAB>SHARD<TAB>ADDRESS, a line a key. Without a KEY the keys are read\n"
	 "from standard input, a line each, any bytes but the newline. -- ends the\n"
	 "options, for a pool or key that begins with '-'.\n"},
	{"plan", "OLD NEW [POOL]", "say which share of the keys a change moves",
	 "OLD and NEW are configurations; shards are matched by their names. Prints, for\n"
	 "each pool or the one named, the share of the key space that goes from shard to\n"
	 "shard. Exact where both rings place 32-bit hashes and hash keys alike; else\n"
	 "counted over a fixed sample of keys, and the output says so.\n"},
	{"status", "[--admin ADDRESS[,ADDRESS...]] [--watch] [--json]",
	 "show what a running proxy sees",
	 "  --admin ADDRESS  the admin address of the proxy, or of several\n"
	 "                   (admin.listen of the default configuration if it has one)\n"
	 "  --watch          go on, once a second\n"
	 "  --json           as /v1/status serves it\n"},
	{"import", "NUTCRACKER.YML", "translate twemproxy's configuration",
	 "Prints the slipring.yaml that places every key where twemproxy placed it, with\n"
	 "hash, labels and weights written out. What has no equivalent is a comment that\n"
	 "says so. - is standard input.\n"},
};

const struct cli_text *cli_texts(size_t *n)
{
	*n = ARRAY_LEN(texts);
	return texts;
}

static void help_all(FILE *out)
{
	fputs("slipring: a sharding proxy for memcached and Redis\n"
	      "\n"
	      "Usage: slipring [COMMAND] [ARGUMENTS]\n"
	      "\n",
	      out);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		fprintf(out, "  %-8s %s\n", texts[i].name, texts[i].summary);
	fputs("\n"
	      "  slipring COMMAND --help    how to use a command\n"
	      "  slipring --version         which version this is\n"
	      "\n"
	      "The configuration is ./slipring.yaml, else /etc/slipring/slipring.yaml, or -c "
	      "FILE.\n"
	      "Exit status: 0 done, 1 it failed or the file is wrong, 2 wrong usage.\n",
	      out);
}

void cli_help(FILE *out, const char *command)
{
	for (size_t i = 0; command != NULL && i < ARRAY_LEN(texts); i++) {
		if (strcmp(texts[i].name, command) != 0)
			continue;
		fprintf(out, "Usage: slipring %s %s\n\n%s.\n\n%s", command, texts[i].synopsis,
			texts[i].summary, texts[i].details);
		return;
	}
	help_all(out);
}

int cli_misused(const char *command, const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "slipring%s%s: ", command != NULL ? " " : "",
		command != NULL ? command : "");
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, "; try 'slipring%s%s --help'\n", command != NULL ? " " : "",
		command != NULL ? command : "");
	return CLI_USAGE;
}
