#include "io/file_watch.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "io/loop_uv.h"

#define LINKS_MAX  16 /* symlinks that are followed; the kernel stops at 40 */
#define QUIETS_MAX 8  /* quiet times that signs of change can put off being told */

/* One name in a directory. */
struct place {
	uv_fs_event_t uv;
	struct file_watch *watch;
	char path[PATH_MAX], name[NAME_MAX + 1];
};

struct file_watch {
	struct loop *loop;
	char *path;
	uint64_t quiet_ms, first_us; /* first_us: of the signs not told yet; 0: none */
	void (*on_change)(void *arg);
	void *arg;
	struct timer *timer;
	struct place *places[LINKS_MAX * 2];
	size_t n;
};

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void close_place(struct place *place)
{
	uv_close((uv_handle_t *)&place->uv, on_closed);
}

/* A steady stream of signs is told of all the same, now and then. */
static void on_event(uv_fs_event_t *uv, const char *name, int events, int status)
{
	const struct place *place = uv->data;
	struct file_watch *watch = place->watch;
	uint64_t now = loop_now_us(watch->loop);

	(void)events;
	/* What else happens in the directory is nobody's business. */
	if (status == 0 && name != NULL && strcmp(name, place->name) != 0)
		return;
	if (watch->first_us == 0)
		watch->first_us = now;
	if (now - watch->first_us < QUIETS_MAX * watch->quiet_ms * 1000)
		timer_start(watch->timer, watch->quiet_ms);
}

static void watch_name(struct file_watch *watch, const char *directory, const char *name)
{
	struct place *place;

	for (size_t i = 0; i < watch->n; i++)
		if (strcmp(watch->places[i]->path, directory) == 0 &&
		    strcmp(watch->places[i]->name, name) == 0)
			return;
	if (watch->n == ARRAY_LEN(watch->places))
		return;
	place = alloc_zeroed(1, sizeof(*place));
	place->watch = watch;
	snprintf(place->path, sizeof(place->path), "%s", directory);
	snprintf(place->name, sizeof(place->name), "%s", name);
	if (uv_fs_event_init(&watch->loop->uv, &place->uv) != 0) {
		free(place);
		return;
	}
	place->uv.data = place;
	if (uv_fs_event_start(&place->uv, on_event, place->path, 0) != 0) {
		close_place(place);
		return;
	}
	watch->places[watch->n++] = place;
}

/* Cut a path behind its last slash: what is before names the directory. */
static void directory_of(const char *path, char out[PATH_MAX])
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		snprintf(out, PATH_MAX, ".");
	else
		snprintf(out, PATH_MAX, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}

/* Where a link leads, seen from the directory it lies in. False if `path` is none. */
static bool follow(const char *path, char out[PATH_MAX])
{
	char target[PATH_MAX], directory[PATH_MAX];
	ssize_t len = readlink(path, target, sizeof(target) - 1);

	if (len <= 0)
		return false;
	target[len] = '\0';
	directory_of(path, directory);
	int n = target[0] == '/' ? snprintf(out, PATH_MAX, "%s", target)
				 : snprintf(out, PATH_MAX, "%s/%s", directory, target);
	return n > 0 && n < PATH_MAX;
}

static const char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

/* The name at the end of a path, what it leads to if it is a link, and the same for the directory that
 * it lies in, as ..data of a ConfigMap. */
static void watch_chain(struct file_watch *watch, const char *path, int depth)
{
	char directory[PATH_MAX], next[PATH_MAX], parent[PATH_MAX];

	directory_of(path, directory);
	watch_name(watch, directory, name_of(path));
	if (depth >= LINKS_MAX)
		return;
	if (follow(path, next))
		watch_chain(watch, next, depth + 1);
	if (!follow(directory, next))
		return;
	directory_of(directory, parent);
	watch_name(watch, parent, name_of(directory));
	size_t len = strlen(next);

	if (len + strlen(name_of(path)) + 2 > sizeof(next))
		return;
	snprintf(next + len, sizeof(next) - len, "/%s", name_of(path));
	watch_chain(watch, next, depth + 1);
}

static void forget_places(struct file_watch *watch)
{
	for (size_t i = 0; i < watch->n; i++)
		close_place(watch->places[i]);
	watch->n = 0;
}

/* Links may lead elsewhere now, and a directory may be another one of the same name. */
static void on_quiet(void *arg)
{
	struct file_watch *watch = arg;

	watch->first_us = 0;
	forget_places(watch);
	watch_chain(watch, watch->path, 0);
	watch->on_change(watch->arg);
}

struct file_watch *file_watch_new(struct loop *loop, const char *path, uint64_t quiet_ms,
				  void (*on_change)(void *arg), void *arg)
{
	struct file_watch *watch = alloc_zeroed(1, sizeof(*watch));

	watch->loop = loop;
	watch->path = alloc_string(path);
	watch->quiet_ms = quiet_ms;
	watch->on_change = on_change;
	watch->arg = arg;
	watch->timer = timer_new(loop, on_quiet, watch);
	watch_chain(watch, path, 0);
	return watch;
}

void file_watch_free(struct file_watch *watch)
{
	if (watch == NULL)
		return;
	forget_places(watch);
	timer_free(watch->timer);
	free(watch->path);
	free(watch);
}
