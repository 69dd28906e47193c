#include "control/admin_ask.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "control/pauses.h"
#include "fleet.h"
#include "suites.h"

static struct fleet fleet;
static struct view view;
static struct text errors, did;
static bool succeeds;

static bool reload(void *arg, struct text *why)
{
	text_puts(arg, "reload");
	text_puts(why, succeeds ? "" : "line 1\n");
	return succeeds;
}

static bool drain(void *arg, struct text *why)
{
	text_puts(arg, "drain");
	text_puts(why, succeeds ? "" : "not now\n");
	return succeeds;
}

static bool refresh(void *arg, const char *pool)
{
	text_printf(arg, "refresh %s", pool);
	return succeeds;
}

static bool pause_pool(void *arg, const char *pool, enum pause pause, uint32_t for_ms)
{
	static const char *const names[] = {"none", "writes", "all"};

	text_printf(arg, "pause %s %s %u", pool, names[pause], for_ms);
	return succeeds;
}

static const struct admin_actions actions = {reload, drain, refresh, pause_pool};

static void set_up(void)
{
	fleet_init(&fleet);
	view = (struct view){.topology = fleet.topology};
	succeeds = true;
}

static void tear_down(void)
{
	text_free(&errors);
	text_free(&did);
	fleet_fini(&fleet);
}

static enum admin_result run(const struct admin_ask *ask)
{
	text_reset(&errors);
	text_reset(&did);
	text_puts(&errors, "");
	text_puts(&did, "");
	return admin_ask_run(ask, &view, &actions, &did, &errors);
}

#define A16 "aaaaaaaaaaaaaaaa"
#define A64 A16 A16 A16 A16

/* "" as pool: of none; NULL: there is nothing there. */
static const struct {
	const char *path, *pool;
} paths[] = {
	{"/v1/reload", ""},
	{"/v1/drain", ""},
	{"/v1/pools/pages/refresh", "pages"},
	{"/v1/pools/pages/pause", "pages"},
	{"/v1/pools/pages/resume", "pages"},
	{"/v1/pools/none/resume", "none"},
	{"/v1/pools/a/b/pause", "a/b"},
	{"/v1/pools/%70%61ges/pause", "pages"},
	{"/v1/pools/a%2Fb%2fc/pause", "a/b/c"},
	{"/v1/pools/%25/pause", "%"},
	{"/v1/pools/%2541/pause", "%41"},
	/* a percent sign that begins no escape */
	{"/v1/pools/%/pause", "%"},
	{"/v1/pools/%4/pause", "%4"},
	{"/v1/pools/%zz%4g/pause", "%zz%4g"},
	{"/v1/pools/100%/pause", "100%"},
	/* 255 bytes at most */
	{"/v1/pools/" A64 A64 A64 A16 A16 A16 "aaaaaaaaaaaaaaa/pause",
	 A64 A64 A64 A16 A16 A16 "aaaaaaaaaaaaaaa"},
	{"/v1/pools/" A64 A64 A64 A16 A16 A16 "aaaaaaaaaaaaaa%61/pause",
	 A64 A64 A64 A16 A16 A16 "aaaaaaaaaaaaaaa"},
	{"/v1/pools/" A64 A64 A64 A64 "/pause", NULL},
	{"/v1/pools/" A64 A64 A64 A64 A64 "/pause", NULL},
	/* no C string has that name */
	{"/v1/pools/a%00b/pause", NULL},
	{"/v1/pools/%00/pause", NULL},
	{"/v1/pools//pause", NULL},
	{"/v1/pools/pause", NULL},
	{"/v1/pools/", NULL},
	{"/v1/pools", NULL},
	{"/v1/pools/pages", NULL},
	{"/v1/pools/pages/", NULL},
	{"/v1/pools/pages/pause/", NULL},
	{"/v1/pools/pages/reload", NULL},
	{"/v1/pools/pages//v1/reload", NULL},
	{"/v1/reload/", NULL},
	{"/v1/Reload", NULL},
	{"/v1/pause", NULL},
	{"pause", NULL},
	{"/pause", NULL},
	{"/", NULL},
	{"", NULL},
};

START_TEST(takes_paths_apart)
{
	struct admin_ask ask;
	bool is_there = admin_ask_parse(paths[_i].path, &ask);

	ck_assert_msg(is_there == (paths[_i].pool != NULL), "%s", paths[_i].path);
	if (!is_there)
		return;
	ck_assert_str_eq(ask.pool, paths[_i].pool);
	ck_assert_int_eq(ask.pause, PAUSE_ALL);
	ck_assert_uint_eq(ask.for_ms, 0);
	ck_assert_ptr_null(ask.wrong);
}
END_TEST

/* Arguments as "key=value" each; a key alone has no value. `did` is what is done, or the error. */
static const struct {
	const char *path, *arguments[4];
	enum admin_result result;
	const char *did;
} asks[] = {
	{"/v1/reload", {0}, ADMIN_DONE, "reload"},
	{"/v1/drain", {0}, ADMIN_DONE, "drain"},
	{"/v1/pools/pages/refresh", {0}, ADMIN_DONE, "refresh pages"},
	{"/v1/pools/pages/resume", {0}, ADMIN_DONE, "pause pages none 0"},
	{"/v1/pools/pages/pause", {"for=30s"}, ADMIN_DONE, "pause pages all 30000"},
	{"/v1/pools/sessions/pause",
	 {"for=1ms", "only=writes"},
	 ADMIN_DONE,
	 "pause sessions writes 1"},
	{"/v1/pools/pages/pause",
	 {"only=writes", "for=1h"},
	 ADMIN_DONE,
	 "pause pages writes 3600000"},
	{"/v1/pools/pages/pause", {"for=1s", "for=2s"}, ADMIN_DONE, "pause pages all 2000"},
	{"/v1/pools/pages/pause", {0}, ADMIN_BAD_ARGUMENT, "'for' is missing"},
	{"/v1/pools/pages/pause", {"only=writes"}, ADMIN_BAD_ARGUMENT, "'for' is missing"},
	{"/v1/pools/pages/pause", {"for"}, ADMIN_BAD_ARGUMENT, "'for' is no time"},
	{"/v1/pools/pages/pause", {"for="}, ADMIN_BAD_ARGUMENT, "'for' is no time"},
	{"/v1/pools/pages/pause", {"for=x"}, ADMIN_BAD_ARGUMENT, "'for' is no time"},
	{"/v1/pools/pages/pause", {"for=0s"}, ADMIN_BAD_ARGUMENT, "'for' is no time"},
	{"/v1/pools/pages/pause", {"for=-1s"}, ADMIN_BAD_ARGUMENT, "'for' is no time"},
	{"/v1/pools/pages/pause", {"for=3600001ms"}, ADMIN_BAD_ARGUMENT, "'for' is no time"},
	{"/v1/pools/pages/pause",
	 {"for=99999999999999999999h"},
	 ADMIN_BAD_ARGUMENT,
	 "'for' is no time"},
	{"/v1/pools/pages/pause", {"for=1s", "only=reads"}, ADMIN_BAD_ARGUMENT, "'only' is wrong"},
	{"/v1/pools/pages/pause", {"for=1s", "only"}, ADMIN_BAD_ARGUMENT, "'only' is wrong"},
	{"/v1/pools/pages/pause", {"for=1s", "of=x"}, ADMIN_BAD_ARGUMENT, "unknown argument"},
	{"/v1/pools/pages/pause", {"For=1s"}, ADMIN_BAD_ARGUMENT, "unknown argument"},
	/* What is wrong stays so, whatever follows. */
	{"/v1/pools/pages/pause", {"for=x", "for=1s"}, ADMIN_BAD_ARGUMENT, "'for' is no time"},
	{"/v1/pools/pages/resume", {"for=1s"}, ADMIN_BAD_ARGUMENT, "expected none"},
	{"/v1/pools/pages/refresh", {"x"}, ADMIN_BAD_ARGUMENT, "expected none"},
	{"/v1/reload", {"x=y"}, ADMIN_BAD_ARGUMENT, "expected none"},
	{"/v1/pools/none/pause", {"for=1s"}, ADMIN_NO_POOL, "there is no pool none"},
	{"/v1/pools/none/pause", {"for=x"}, ADMIN_NO_POOL, "there is no pool none"},
	{"/v1/pools/Pages/refresh", {0}, ADMIN_NO_POOL, "there is no pool Pages"},
	{"/v1/pools/%70ages/refresh", {0}, ADMIN_DONE, "refresh pages"},
};

static void add_argument(struct admin_ask *ask, const char *argument)
{
	char key[32];
	const char *equals = strchr(argument, '=');

	snprintf(key, sizeof(key), "%.*s", (int)strcspn(argument, "="), argument);
	admin_ask_argument(ask, key, equals != NULL ? equals + 1 : NULL);
}

START_TEST(does_what_is_asked_or_says_why_not)
{
	struct admin_ask ask;

	ck_assert(admin_ask_parse(asks[_i].path, &ask));
	for (int i = 0; asks[_i].arguments[i] != NULL; i++)
		add_argument(&ask, asks[_i].arguments[i]);
	enum admin_result result = run(&ask);
	ck_assert_msg(result == asks[_i].result, "case %d: %d, %s", _i, (int)result, errors.p);
	if (result == ADMIN_DONE) {
		ck_assert_str_eq(did.p, asks[_i].did);
		ck_assert_str_eq(errors.p, "");
		return;
	}
	/* One line, and nothing is done. */
	ck_assert_msg(strstr(errors.p, asks[_i].did) != NULL, "case %d: %s", _i, errors.p);
	ck_assert_ptr_eq(strchr(errors.p, '\n'), errors.p + errors.len - 1);
	ck_assert_str_eq(did.p, "");
}
END_TEST

START_TEST(what_fails_has_failed)
{
	static const char *const tries[] = {"/v1/reload", "/v1/drain", "/v1/pools/pages/refresh",
					    "/v1/pools/pages/resume"};
	static const char *const why[] = {"line 1\n", "not now\n", "", ""};
	struct admin_ask ask;

	succeeds = false;
	ck_assert(admin_ask_parse(tries[_i], &ask));
	ck_assert_int_eq(run(&ask), ADMIN_FAILED);
	ck_assert_str_eq(errors.p, why[_i]);
}
END_TEST

Suite *admin_ask_suite(void)
{
	Suite *suite = suite_create("admin_ask");
	TCase *tcase = tcase_create("admin_ask");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_loop_test(tcase, takes_paths_apart, 0, ARRAY_LEN(paths));
	tcase_add_loop_test(tcase, does_what_is_asked_or_says_why_not, 0, ARRAY_LEN(asks));
	tcase_add_loop_test(tcase, what_fails_has_failed, 0, 4);
	suite_add_tcase(suite, tcase);
	return suite;
}
