#include "proto/codec.h"

#include "proto/mc_binary.h"
#include "proto/mc_reply.h"
#include "proto/mc_request.h"
#include "proto/resp_frame.h"
#include "proto/resp_request.h"

/* ERROR, CLIENT_ERROR and SERVER_ERROR; END, EXISTS, STORED and STAT begin alike but go on else. */
static bool mc_is_error(struct span start)
{
	return start.len >= 2 && ((start.p[0] == 'E' && start.p[1] == 'R') ||
				  (start.p[0] == 'C' && start.p[1] == 'L') ||
				  (start.p[0] == 'S' && start.p[1] == 'E'));
}

static bool resp_is_error(struct span start)
{
	return start.len >= 1 && (start.p[0] == '-' || start.p[0] == '!');
}

static const struct command *version_row(void)
{
	return mc_command_find(span_of("version"));
}

static const struct command *ping_row(void)
{
	return resp_command_find(span_of("ping"));
}

const struct codec codec_memcached = {
	.parse = mc_request_parse,
	.scan = mc_reply_scan,
	.is_error = mc_is_error,
	.error_prefix = "SERVER_ERROR slipring: ",
	.too_many = "ERROR Too many open connections",
	.no_memory = "SERVER_ERROR out of memory",
	.hello = {"version\r\n", 9},
	.hello_command = version_row,
};

/* NOOP, which a node answers only to who has said who he is. */
static const char binary_hello[MCB_HEADER] = {(char)MCB_REQUEST, MCB_NOOP};

/* Errors of the proxy's own are lines first, see mcb_status_of(). */
const struct codec codec_mc_binary = {
	.parse = mcb_request_parse,
	.scan = mcb_reply_scan,
	.is_error = mcb_is_error,
	.error_prefix = "SERVER_ERROR slipring: ",
	.too_many = "ERROR Too many open connections",
	.no_memory = "SERVER_ERROR out of memory",
	.hello = {binary_hello, MCB_HEADER},
	.hello_command = version_row,
};

const struct codec codec_redis = {
	.parse = resp_request_parse,
	.scan = resp_frame_scan,
	.is_error = resp_is_error,
	.error_prefix = "-ERR slipring: ",
	.too_many = "-ERR max number of clients reached",
	.no_memory = "-OOM slipring: the proxy's memory limit is reached",
	.hello = {"*1\r\n$4\r\nPING\r\n", 14},
	.hello_command = ping_row,
};
