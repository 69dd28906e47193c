/*
 * gen_docs.c - conf/slipring.yaml and conf/slipring.8 from the table of settings and the commands'
 * own help, so that neither can say anything else than the program does.
 *
 * Usage: gen_docs DIR writes both; gen_docs --check DIR fails where one differs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/cli.h"
#include "control/schema.h"

#define COLUMNS 96 /* of a comment in slipring.yaml */

/* -- slipring.yaml ---------------------------------------------------------------------------- */

static void put_indent(struct text *out, size_t indent)
{
	for (size_t i = 0; i < indent; i++)
		text_puts(out, " ");
}

/* Words in comment lines of at most COLUMNS. */
static void put_comment(struct text *out, size_t indent, const char *words)
{
	size_t column = 0;

	while (*words != '\0') {
		size_t len = strcspn(words, " ");

		if (column > 0 && column + 1 + len > COLUMNS) {
			text_puts(out, "\n");
			column = 0;
		}
		if (column == 0) {
			put_indent(out, indent);
			text_puts(out, "# ");
			column = indent + 1;
		} else {
			text_puts(out, " ");
		}
		text_append(out, span_make(words, len));
		column += 1 + len;
		words += len + (words[len] == ' ');
	}
	text_puts(out, "\n");
}

/* What may be written, and what holds where nothing is. */
static void describe(const struct setting *setting, struct text *out)
{
	text_puts(out, "Expected: ");
	schema_expects(setting, out);
	if (setting->is_required)
		text_printf(out, ". Required%s%s%s.", setting->unless != NULL ? " without '" : "",
			    setting->unless != NULL ? setting->unless : "",
			    setting->unless != NULL ? "'" : "");
	else
		text_printf(out, ". Default: %s.",
			    setting->standard != NULL ? setting->standard : "none");
	if (setting->is_redis && (setting->scope <= SCOPE_SHARD || setting->scope == SCOPE_USER ||
				  setting->scope == SCOPE_PREFIX))
		text_puts(out, " Only with 'protocol: redis'.");
	if (setting->is_memcached)
		text_puts(out, " Only with 'protocol: memcached'.");
}

/* Where the keys of a scope stand, and whether they are all commented out. */
struct level {
	size_t indent;
	bool is_off, is_item; /* an item of a list: its first key has the dash */
};

/* The section's line before the first of its settings; commented out where they all are. */
static void put_section(struct text *out, const struct setting *setting, struct level level,
			const char **section)
{
	const char *dot = strchr(setting->path, '.');
	size_t len = dot != NULL ? (size_t)(dot - setting->path) : 0;

	if (dot == NULL || (*section != NULL && strncmp(*section, setting->path, len + 1) == 0)) {
		*section = dot != NULL ? *section : NULL;
		return;
	}
	*section = setting->path;
	put_indent(out, level.indent);
	text_printf(out, "%s%.*s:\n", setting->standard == NULL || level.is_off ? "# " : "",
		    (int)len, setting->path);
}

static void put_key(struct text *out, const struct setting *setting, struct level level,
		    bool is_first)
{
	const char *dot = strrchr(setting->path, '.');
	const char *key = dot != NULL ? dot + 1 : setting->path;
	const char *value = setting->standard != NULL ? setting->standard : setting->example;
	bool has_dash = is_first && level.is_item;
	bool is_off = setting->standard == NULL && !setting->is_required && !has_dash;

	put_indent(out, level.indent - (has_dash ? 2 : 0) + (dot != NULL ? 2 : 0));
	text_printf(out, "%s%s%s:", is_off || level.is_off ? "# " : "", has_dash ? "- " : "", key);
	if (value != NULL && setting->type != SETTING_LIST)
		text_printf(out, " %s", value);
	text_puts(out, "\n");
}

static void put_scope(struct text *out, enum setting_scope scope, struct level level);

/* What a list or the map of pools consists of. */
static void put_items(struct text *out, const struct setting *setting, struct level level)
{
	struct level items = {level.indent + 4, level.is_off || !setting->is_required, true};

	if (setting->type == SETTING_POOLS) {
		text_puts(out, "  sessions:  # a name of your choice\n");
		put_scope(out, SCOPE_POOL, (struct level){4, false, false});
	} else if (setting->type == SETTING_LIST) {
		if (setting->example != NULL) {
			put_indent(out, level.indent + 2);
			text_printf(out, "%s- %s\n", items.is_off ? "# " : "", setting->example);
		}
		put_scope(out, setting->items.scope, items);
	}
}

/* The depth of the calls is that of the table's lists. */
static void put_scope(struct text *out, enum setting_scope scope, struct level level)
{
	const char *section = NULL;
	bool is_first = true;
	size_t n;
	const struct setting *settings = schema_settings(&n);

	for (size_t i = 0; i < n; i++) {
		struct text about = {0};
		const struct setting *setting = &settings[i];
		size_t deeper = strchr(setting->path, '.') != NULL ? 2 : 0;

		if (setting->scope != scope)
			continue;
		text_puts(out, "\n");
		put_section(out, setting, level, &section);
		put_comment(out, level.indent + deeper, setting->help);
		describe(setting, &about);
		put_comment(out, level.indent + deeper, about.p);
		text_free(&about);
		put_key(out, setting, level, is_first);
		put_items(out, setting, level);
		is_first = false;
	}
}

static void put_yaml(struct text *out)
{
	text_puts(out, "# Every setting of Slipring with its default, made from the program's own "
		       "table.\n"
		       "# A setting that is commented out has no default; its value is an example. "
		       "Start from a file\n"
		       "# in examples/, which are short, and prove yours with: slipring check -c "
		       "FILE\n");
	put_scope(out, SCOPE_FILE, (struct level){0, false, false});
}

/* -- slipring.8 ------------------------------------------------------------------------------- */

/* Text as roff: minus signs that can be copied, and no line that is taken for a request. */
static void put_roff(struct text *out, const char *s)
{
	bool starts_line = true;

	for (; *s != '\0'; s++) {
		if (starts_line && (*s == '.' || *s == '\''))
			text_puts(out, "\\&");
		if (*s == '-')
			text_puts(out, "\\-");
		else if (*s == '\\')
			text_puts(out, "\\e");
		else
			text_append(out, span_make(s, 1));
		starts_line = *s == '\n';
	}
}

static void put_commands(struct text *out)
{
	size_t n;
	const struct cli_text *texts = cli_texts(&n);

	text_puts(out, ".SH COMMANDS\n");
	for (size_t i = 0; i < n; i++) {
		text_printf(out, ".SS %s\n.B slipring %s\n", texts[i].name, texts[i].name);
		put_roff(out, texts[i].synopsis);
		text_puts(out, "\n.PP\n.nf\n");
		put_roff(out, texts[i].summary);
		text_puts(out, ".\n\n");
		put_roff(out, texts[i].details);
		text_puts(out, ".fi\n");
	}
}

static void put_settings(struct text *out)
{
	size_t n;
	const struct setting *settings = schema_settings(&n);

	text_puts(out, ".SH CONFIGURATION\n"
		       "One YAML file of maps, lists and texts; anchors, aliases and tags are "
		       "refused, and so is a\n"
		       "key that is not listed here. Durations have a unit (250ms, 2s, 5m, 1h), "
		       "sizes may have one\n"
		       "(64k, 16m, 1g, of 1024).\n");
	for (size_t i = 0; i < n; i++) {
		struct text about = {0};

		text_puts(out, ".TP\n.B ");
		put_roff(out, schema_prefix(settings[i].scope));
		put_roff(out, settings[i].path);
		text_puts(out, "\n");
		put_roff(out, settings[i].help);
		text_puts(out, "\n.br\n");
		describe(&settings[i], &about);
		put_roff(out, about.p);
		text_puts(out, "\n");
		text_free(&about);
	}
}

static const char man_head[] =
	".\\\" Made by scripts/gen_docs.c from the program's own tables.\n"
	".TH SLIPRING 8 \"\" Slipring \"System administration\"\n"
	".SH NAME\n"
	"slipring \\- sharding proxy for memcached and Redis\n"
	".SH SYNOPSIS\n"
	".B slipring\n"
	"[\\fICOMMAND\\fR] [\\fIARGUMENTS\\fR]\n"
	".br\n"
	".B slipring\n"
	"[\\fBrun\\fR] [\\fB\\-c\\fR \\fIFILE\\fR]\n"
	".SH DESCRIPTION\n"
	"Clients speak the memcached text protocol or Redis' RESP2 to slipring as if to one "
	"server;\n"
	"each key is forwarded to the one node of its pool that a consistent\\-hash ring names. "
	"The\n"
	"rings are those of libmemcached, twemproxy, Dalli, spymemcached, pymemcache and others, "
	"key\n"
	"for key, so that a fleet can change to slipring and keep what its caches hold.\n";

static const char man_tail[] =
	".SH SIGNALS\n"
	".TP\n"
	".B TERM, INT\n"
	"Drain: accept no more clients, finish the requests in flight, and leave within\n"
	"shutdown_grace. A second one leaves at once.\n"
	".TP\n"
	".B HUP\n"
	"Read the configuration again; see RELOADING.\n"
	".SH RELOADING\n"
	"The file is read again when it changes (an edit in place, a rename over it, the swap of\n"
	"a link, as a ConfigMap is changed), when a file of a secret does, at HUP, and at POST\n"
	"/v1/reload. All of it is taken over or, where anything is wrong, nothing: then the log,\n"
	"/v1/status and slipring_reload_failures_total say so, and the old configuration stays.\n"
	"No client of a pool that stays is closed, and what was sent to a node is finished\n"
	"there. workers, memory and takeover change at the next start alone.\n"
	"A process that was started without a file has nothing to read again.\n"
	".SH UPGRADING THE BINARY\n"
	"With takeover set, a\n"
	".B slipring run\n"
	"that finds a process answering at that path, run by the same user, asks it for its\n"
	"listening sockets, admin.listen's among them. It opens the addresses that only its\n"
	"own configuration has, accepts, and says so; then the old process stops accepting.\n"
	"Both share the queue of each socket meanwhile, so no connection is refused or reset.\n"
	"What the new configuration does not list is closed. A new process that fails before\n"
	"it accepts (a wrong configuration, an address that cannot be had) ends with status\n"
	"1, and the old one goes on as before.\n"
	".PP\n"
	"The old process serves the clients that it has, idle or not, until they leave; after\n"
	"takeover_grace, or at TERM, it drains. It has no admin endpoints in that time and\n"
	"reads no configuration again. takeover itself cannot change while a process runs.\n"
	".SH SERVICE MANAGER\n"
	"Under systemd with Type=notify the process says when it listens everywhere and\n"
	"connects to its nodes, and when it drains. Sockets of socket activation are used\n"
	"where a listen address is the one that they are bound to; others are closed with a\n"
	"warning. The files of passed unix sockets are left to the manager.\n"
	".TP\n"
	".B NOTIFY_SOCKET, LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES\n"
	"As in sd_notify(3) and sd_listen_fds(3). Without them nothing of this is done.\n"
	".SH ADMIN ENDPOINTS\n"
	"Served over HTTP at admin.listen.\n"
	".TP\n"
	".B /healthz\n"
	"200 while the process lives.\n"
	".TP\n"
	".B /readyz\n"
	"200 when every pool can serve; else 503 and the reason.\n"
	".TP\n"
	".B /metrics\n"
	"Prometheus' text format: requests, errors by name, bytes, requests in flight and times "
	"by\n"
	"pool, shard, endpoint and command. Names begin with slipring_, units are seconds and "
	"bytes.\n"
	".TP\n"
	".B /v1/status\n"
	"The JSON that \\fBslipring status \\-\\-json\\fR prints.\n"
	".PP\n"
	"What changes something is asked for by POST, and answered in JSON, with the errors where\n"
	"there are any:\n"
	".TP\n"
	".B /v1/reload\n"
	"Read the configuration again. 200 when all workers go by it; 422 and the errors when it\n"
	"is wrong.\n"
	".TP\n"
	".B /v1/pools/\\fINAME\\fB/refresh\n"
	"Ask the sources of the pool's shards, DNS and its nodes now.\n"
	".TP\n"
	".B /v1/pools/\\fINAME\\fB/pause?for=\\fITIME\\fB[&only=writes]\n"
	"Let the requests of its clients wait, or their writes alone, for at most that long (1h "
	"at\n"
	"the most), in place of a pause that there is. Answered when all workers hold them. At\n"
	"most hold.requests wait; more are refused.\n"
	".TP\n"
	".B /v1/pools/\\fINAME\\fB/resume\n"
	"End the pause: what waited is sent, in its order.\n"
	".TP\n"
	".B /v1/drain\n"
	"As TERM, but the process stays: nothing is accepted any more, /readyz is 503, clients\n"
	"are served until they leave.\n"
	".SH FILES\n"
	".TP\n"
	".I ./slipring.yaml, /etc/slipring/slipring.yaml\n"
	"The configuration, the first that is there, unless \\-c names another.\n"
	".SH EXIT STATUS\n"
	"0 done; 1 it failed, or the file is wrong; 2 wrong usage.\n"
	".SH EXAMPLES\n"
	"Three memcached nodes served on 127.0.0.1:11311, without a file:\n"
	".PP\n"
	".nf\n"
	"slipring run \\-\\-memcached cache\\-1,cache\\-2,cache\\-3 \\-\\-listen 127.0.0.1:11311\n"
	".fi\n"
	".PP\n"
	"Where a key is, and what adding a shard will move:\n"
	".PP\n"
	".nf\n"
	"slipring route \\-c slipring.yaml pages user:1000\n"
	"slipring plan slipring.yaml slipring.new.yaml\n"
	".fi\n"
	".SH SEE ALSO\n"
	".BR memcached (1),\n"
	".BR redis\\-server (1),\n"
	".BR nutcracker (8)\n";

static void put_man(struct text *out)
{
	text_puts(out, man_head);
	put_commands(out);
	put_settings(out);
	text_puts(out, man_tail);
}

/* -- files ------------------------------------------------------------------------------------ */

static int write_file(const char *path, const struct text *content)
{
	FILE *file = fopen(path, "wbe");

	if (file == NULL || fwrite(content->p, 1, content->len, file) != content->len ||
	    fclose(file) != 0) {
		perror(path);
		return 1;
	}
	return 0;
}

static int check_file(const char *path, const struct text *content)
{
	char *have = alloc_zeroed(content->len + 1, 1);
	FILE *file = fopen(path, "rbe");
	size_t len = file != NULL ? fread(have, 1, content->len + 1, file) : 0;
	bool is_same = len == content->len && memcmp(have, content->p, len) == 0;

	if (file != NULL)
		fclose(file);
	free(have);
	if (!is_same)
		fprintf(stderr,
			"%s is not what the program says; make it anew: cmake --build "
			"BUILD --target docs\n",
			path);
	return !is_same;
}

int main(int argc, char **argv)
{
	bool checks = argc == 3 && strcmp(argv[1], "--check") == 0;
	int (*handle)(const char *, const struct text *) = checks ? check_file : write_file;
	struct text yaml = {0}, man = {0}, path = {0};

	if (argc != 2 && !checks) {
		fputs("usage: gen_docs [--check] DIR\n", stderr);
		return 2;
	}
	put_yaml(&yaml);
	put_man(&man);
	text_printf(&path, "%s/slipring.yaml", argv[argc - 1]);
	int failures = handle(path.p, &yaml);
	text_reset(&path);
	text_printf(&path, "%s/slipring.8", argv[argc - 1]);
	failures += handle(path.p, &man);
	text_free(&path);
	text_free(&yaml);
	text_free(&man);
	return failures > 0;
}
