#include "control/admin_http.h"

#include <microhttpd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/alloc.h"
#include "base/log.h"
#include "control/admin_ask.h"
#include "control/metrics.h"
#include "control/status.h"
#include "io/listener.h"

#define CONNECTIONS_MAX 128U
#define TIMEOUT_S	10U
#define REQUEST_BYTES	((size_t)16 << 10) /* a connection's memory: request line and headers */
#define LOG_LINE_MAX	256

struct admin {
	const struct view *view;
	const struct admin_actions *actions;
	void *arg; /* of the actions */
	struct MHD_Daemon *daemon;
	struct listener *listener;
	struct fd_watch *watch; /* of the library's epoll descriptor */
	struct timer *timer;	/* when the library wants to run though nothing is readable */
};

/* One page: its path, its type, and what fills it and gives the HTTP status. */
struct page {
	const char *path, *type;
	unsigned (*render)(const struct view *view, struct text *out);
};

#define TYPE_TEXT    "text/plain; charset=utf-8"
#define TYPE_METRICS "text/plain; version=0.0.4; charset=utf-8"
#define TYPE_JSON    "application/json"

static unsigned page_healthz(const struct view *view, struct text *out)
{
	(void)view;
	text_puts(out, "ok\n");
	return MHD_HTTP_OK;
}

static unsigned page_readyz(const struct view *view, struct text *out)
{
	if (!view_is_ready(view, out))
		return MHD_HTTP_SERVICE_UNAVAILABLE;
	text_puts(out, "ok\n");
	return MHD_HTTP_OK;
}

static unsigned page_metrics(const struct view *view, struct text *out)
{
	metrics_render(view, out);
	return MHD_HTTP_OK;
}

static unsigned page_status(const struct view *view, struct text *out)
{
	status_render(view, out);
	return MHD_HTTP_OK;
}

static const struct page pages[] = {
	{"/healthz", TYPE_TEXT, page_healthz},
	{"/readyz", TYPE_TEXT, page_readyz},
	{"/metrics", TYPE_METRICS, page_metrics},
	{"/v1/status", TYPE_JSON, page_status},
};

static const struct page *page_at(const char *path)
{
	for (size_t i = 0; i < ARRAY_LEN(pages); i++)
		if (strcmp(pages[i].path, path) == 0)
			return &pages[i];
	return NULL;
}

/* Answer with `body`, whose memory the library takes. */
static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *type,
			      struct text *body, const char *allowed)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(body->len, body->p, MHD_RESPMEM_MUST_FREE);

	if (response == NULL) {
		text_free(body);
		return MHD_NO;
	}
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	if (allowed != NULL)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, allowed);
	enum MHD_Result result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned status, const char *why,
			      const char *allowed)
{
	struct text body = {0};

	text_puts(&body, why);
	return answer(connection, status, TYPE_TEXT, &body, allowed);
}

static bool is_get(const char *method)
{
	return strcmp(method, MHD_HTTP_METHOD_GET) == 0 ||
	       strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
}

static enum MHD_Result add_argument(void *arg, enum MHD_ValueKind kind, const char *key,
				    const char *value)
{
	(void)kind;
	admin_ask_argument(arg, key, value);
	return MHD_YES;
}

/* Do what was asked for, and say what came of it. */
static enum MHD_Result act(const struct admin *admin, struct MHD_Connection *connection,
			   struct admin_ask *ask)
{
	static const unsigned codes[] = {
		[ADMIN_DONE] = MHD_HTTP_OK,
		[ADMIN_FAILED] = MHD_HTTP_UNPROCESSABLE_CONTENT,
		[ADMIN_NO_POOL] = MHD_HTTP_NOT_FOUND,
		[ADMIN_BAD_ARGUMENT] = MHD_HTTP_BAD_REQUEST,
	};
	struct text errors = {0}, body = {0};

	MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, add_argument, ask);
	enum admin_result result =
		admin_ask_run(ask, admin->view, admin->actions, admin->arg, &errors);
	status_result(&errors, &body);
	text_free(&errors);
	return answer(connection, codes[result], TYPE_JSON, &body, NULL);
}

/*
 * The library calls with the headers first, and once more when all of the request is there. What
 * is refused is refused at once: then the connection closes, and no body is read.
 */
static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_len, void **state)
{
	struct admin *admin = arg;
	const struct page *page = page_at(url);
	struct admin_ask ask;
	struct text body = {0};

	(void)version;
	(void)upload;
	if (page == NULL && !admin_ask_parse(url, &ask))
		return refuse(connection, MHD_HTTP_NOT_FOUND, "not found\n", NULL);
	if (page != NULL && !is_get(method))
		return refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n",
			      "GET, HEAD");
	if (page == NULL && strcmp(method, MHD_HTTP_METHOD_POST) != 0)
		return refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only POST\n", "POST");
	if (*state == NULL) {
		*state = admin; /* any pointer does */
		return MHD_YES;
	}
	if (*upload_len > 0) {
		*upload_len = 0;
		return MHD_YES;
	}
	if (page == NULL)
		return act(admin, connection, &ask);
	unsigned status = page->render(admin->view, &body);
	return answer(connection, status, page->type, &body, NULL);
}

/* What the library has to say is about callers that misbehave. */
static void on_log(void *arg, const char *fmt, va_list args)
{
	static struct log_site site;
	char line[LOG_LINE_MAX];

	(void)arg;
	vsnprintf(line, sizeof(line), fmt, args);
	line[strcspn(line, "\n")] = '\0';
	log_limited(&site, LOG_LEVEL_DEBUG, "admin: %s", line);
}

/* Let the library do what is to be done, and ask when it wants to run again. */
static void drive(void *arg)
{
	struct admin *admin = arg;
	MHD_UNSIGNED_LONG_LONG wait_ms;

	MHD_run(admin->daemon);
	if (MHD_get_timeout(admin->daemon, &wait_ms) == MHD_YES)
		timer_start(admin->timer, wait_ms);
	else
		timer_stop(admin->timer);
}

/* The library closes the socket itself where it cannot take it. */
static void on_accept(void *arg, int fd)
{
	struct admin *admin = arg;
	struct sockaddr_storage peer = {0};
	socklen_t len = sizeof(peer);

	getpeername(fd, (struct sockaddr *)&peer, &len);
	MHD_add_connection(admin->daemon, fd, (struct sockaddr *)&peer, len);
	drive(admin);
}

/* Paths are taken apart as they came: a slash that is escaped is no slash. */
static size_t leave_escaped(void *arg, struct MHD_Connection *connection, char *text)
{
	(void)arg;
	(void)connection;
	return strlen(text);
}

static struct MHD_Daemon *start_daemon(struct admin *admin)
{
	return MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ERROR_LOG, 0,
				NULL, NULL, on_request, admin, MHD_OPTION_EXTERNAL_LOGGER, on_log,
				NULL, MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, NULL,
				MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
				MHD_OPTION_CONNECTION_TIMEOUT, TIMEOUT_S,
				MHD_OPTION_CONNECTION_MEMORY_LIMIT, REQUEST_BYTES, MHD_OPTION_END);
}

struct admin *admin_open(struct loop *loop, const struct address *address,
			 struct inherited *inherited, const struct view *view,
			 const struct admin_actions *its_actions, void *arg, struct error *error)
{
	struct admin *admin = alloc_zeroed(1, sizeof(*admin));
	const struct listener_setup setup = {loop,	address->host, address->port,
					     inherited, on_accept,     admin};

	admin->view = view;
	admin->actions = its_actions;
	admin->arg = arg;
	admin->listener = listener_open(&setup, error);
	if (admin->listener == NULL) {
		free(admin);
		return NULL;
	}
	admin->daemon = start_daemon(admin);
	const union MHD_DaemonInfo *epoll =
		admin->daemon != NULL ? MHD_get_daemon_info(admin->daemon, MHD_DAEMON_INFO_EPOLL_FD)
				      : NULL;
	if (epoll != NULL)
		admin->watch = fd_watch_new(loop, epoll->epoll_fd, drive, admin);
	if (admin->watch == NULL) {
		error_set(error, "the admin endpoints cannot start: no epoll descriptor left?");
		admin_close(admin);
		return NULL;
	}
	admin->timer = timer_new(loop, drive, admin);
	return admin;
}

struct listener *admin_listener(const struct admin *admin)
{
	return admin->listener;
}

void admin_leave(struct admin *admin)
{
	listener_close(admin->listener);
	admin->listener = NULL;
}

void admin_close(struct admin *admin)
{
	if (admin == NULL)
		return;
	listener_close(admin->listener);
	timer_free(admin->timer);
	fd_watch_free(admin->watch);
	if (admin->daemon != NULL)
		MHD_stop_daemon(admin->daemon);
	free(admin);
}
