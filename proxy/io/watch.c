#include <errno.h>
#include <stdlib.h>

#include "io/loop.h"
#include "io/loop_uv.h"

struct fd_watch {
	uv_poll_t uv;
	void (*on_readable)(void *arg);
	void *arg;
};

struct signal_watch {
	uv_signal_t uv;
	void (*on_signal)(void *arg, int signum);
	void *arg;
};

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void on_poll(uv_poll_t *uv, int status, int events)
{
	struct fd_watch *watch = uv->data;

	(void)status;
	(void)events;
	watch->on_readable(watch->arg);
}

struct fd_watch *fd_watch_new(struct loop *loop, int fd, void (*on_readable)(void *arg), void *arg)
{
	struct fd_watch *watch = calloc(1, sizeof(*watch));

	if (watch == NULL)
		return NULL;
	int err = uv_poll_init(&loop->uv, &watch->uv, fd);
	if (err != 0) {
		free(watch);
		errno = -err;
		return NULL;
	}
	watch->uv.data = watch;
	watch->on_readable = on_readable;
	watch->arg = arg;
	uv_poll_start(&watch->uv, UV_READABLE, on_poll);
	return watch;
}

void fd_watch_free(struct fd_watch *watch)
{
	if (watch != NULL)
		uv_close((uv_handle_t *)&watch->uv, on_closed);
}

static void on_uv_signal(uv_signal_t *uv, int signum)
{
	struct signal_watch *watch = uv->data;

	watch->on_signal(watch->arg, signum);
}

struct signal_watch *signal_watch_new(struct loop *loop, int signum,
				      void (*on_signal)(void *arg, int signum), void *arg)
{
	struct signal_watch *watch = calloc(1, sizeof(*watch));

	if (watch == NULL)
		return NULL;
	uv_signal_init(&loop->uv, &watch->uv);
	watch->uv.data = watch;
	watch->on_signal = on_signal;
	watch->arg = arg;
	uv_signal_start(&watch->uv, on_uv_signal, signum);
	return watch;
}

void signal_watch_free(struct signal_watch *watch)
{
	if (watch != NULL)
		uv_close((uv_handle_t *)&watch->uv, on_closed);
}
