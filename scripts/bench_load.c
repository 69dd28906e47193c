/*
 * bench_load.c - the load of scripts/bench: a fixed set of clients, each sending batches of
 * `pipeline` requests and waiting for all their replies, from one thread on epoll.
 *
 * What requests and replies look like is bench_formats.c's; every byte of every reply is compared.
 * The work a request costs is kept well below what a proxy spends on it, or the generator would be
 * measured.
 *
 * It talks to its parent in lines: prints "ready" when connected and warmed up, runs when a line
 * comes in, prints one JSON object, and leaves (closing its connections) at the next line.
 *
 * Long because it is a program of its own.
 */
#include "bench_formats.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define READ_SIZE  (256 * 1024)
#define EVENTS_MAX 256
#define KEYS_MAX   1000000 /* a key's number has six digits */
#define SUB_BITS   6	   /* histogram: 64 steps an octave, 1.6% */

struct client {
	int fd;
	uint32_t n_ops; /* in the batch under way */
	uint32_t done;	/* of them answered */
	struct reply reply;
	uint64_t sent_ns;
	char *out; /* requests, out_len bytes of which out_at are written */
	size_t out_len;
	size_t out_at;
	struct op *ops;
	char head[HEAD_MAX]; /* the start of a reply's head that one read cut */
	size_t head_len;
};

struct load {
	/* settings; flags are 0 or 1 */
	const struct format *format;
	uint32_t port;
	uint32_t populate; /* SET each key once, in order */
	uint32_t only_sets;
	uint32_t clients;
	uint32_t pipeline;
	uint32_t gets_per_set; /* 0: no SETs between the GETs */
	uint32_t pace_us;      /* a pause before each batch; for one client */
	uint32_t ops;
	uint32_t warmup;
	struct data data;
	/* the run */
	int epoll;
	uint64_t to_send;
	uint64_t to_come;
	uint64_t made;
	uint64_t rng;
	uint32_t opaque; /* of the next packet */
	struct client *client;
	uint64_t count_of[64 << SUB_BITS];
};

_Noreturn static void die(const char *what)
{
	fprintf(stderr, "bench_load: %s: %s\n", what, strerror(errno));
	exit(2);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Latencies: log-linear counts. */

static size_t bucket_of(uint64_t ns)
{
	unsigned octave;

	if (ns < (1u << SUB_BITS))
		return ns;
	octave = 63u - (unsigned)__builtin_clzll(ns) - SUB_BITS;
	return ((size_t)(octave + 1) << SUB_BITS) + ((ns >> octave) & ((1u << SUB_BITS) - 1));
}

static double bucket_us(size_t bucket)
{
	size_t octave = bucket >> SUB_BITS;
	uint64_t low = bucket & ((1u << SUB_BITS) - 1);

	if (octave == 0)
		return (double)low / 1e3;
	return ((double)low + (1u << SUB_BITS) + 0.5) * (double)(1ull << (octave - 1)) / 1e3;
}

static double percentile_us(const struct load *load, double share)
{
	uint64_t total = 0;
	uint64_t rank;

	for (size_t i = 0; i < sizeof(load->count_of) / sizeof(load->count_of[0]); i++)
		total += load->count_of[i];
	rank = (uint64_t)(share * (double)total);
	for (size_t i = 0; i < sizeof(load->count_of) / sizeof(load->count_of[0]); i++) {
		if (load->count_of[i] > rank)
			return bucket_us(i);
		rank -= load->count_of[i];
	}
	return 0;
}

/* Requests. */

static bool is_set(const struct load *load, uint64_t n)
{
	uint64_t round = (uint64_t)load->gets_per_set + 1;

	return load->populate || load->only_sets ||
	       (load->gets_per_set != 0 && n % round == load->gets_per_set);
}

static struct op next_op(struct load *load)
{
	uint64_t n = load->made++;
	uint64_t key = load->populate ? n : next_random(&load->rng) >> 16;
	struct op op = {.first = (uint32_t)(key % load->data.keys), .opaque = load->opaque};

	op.count = is_set(load, n) ? 0 : load->data.multi;
	load->opaque += op.count + 1;
	return op;
}

static char *put_op(char *to, const struct load *load, const struct op *op)
{
	return op->count == 0 ? load->format->put_set(to, &load->data, op)
			      : load->format->put_get(to, &load->data, op);
}

static void watch(const struct load *load, struct client *client, uint32_t events, int how)
{
	struct epoll_event event = {.events = events, .data.ptr = client};

	if (epoll_ctl(load->epoll, how, client->fd, &event) < 0)
		die("epoll_ctl");
}

static void flush(const struct load *load, struct client *client, bool watched)
{
	while (client->out_at < client->out_len) {
		ssize_t n = send(client->fd, client->out + client->out_at,
				 client->out_len - client->out_at, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			die("send");
		client->out_at += (size_t)n;
	}
	if (client->out_at < client->out_len && !watched)
		watch(load, client, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
	if (client->out_at == client->out_len && watched)
		watch(load, client, EPOLLIN, EPOLL_CTL_MOD);
}

/* Send the client's next batch, or leave it idle when the run has been sent. */
static void send_batch(struct load *load, struct client *client)
{
	char *to = client->out;

	client->done = 0;
	client->n_ops = load->pipeline < load->to_send ? load->pipeline : (uint32_t)load->to_send;
	if (client->n_ops == 0)
		return;
	load->to_send -= client->n_ops;
	for (uint32_t i = 0; i < client->n_ops; i++) {
		client->ops[i] = next_op(load);
		to = put_op(to, load, &client->ops[i]);
	}
	client->out_len = (size_t)(to - client->out);
	client->out_at = 0;
	if (load->pace_us != 0)
		usleep(load->pace_us);
	client->sent_ns = now_ns();
	flush(load, client, false);
}

/* Replies. */

/* A head may be cut by the end of a read: its start waits in client->head. */
static size_t take_head(const struct load *load, struct client *client, const char *p, size_t len)
{
	const struct op *op = &client->ops[client->done];
	size_t had = client->head_len;
	size_t room = HEAD_MAX - had;
	size_t n = had == 0 ? load->format->head_len(p, len) : 0;

	if (n != 0) {
		load->format->on_head(&load->data, op, &client->reply, p, n);
		return n;
	}
	if (room > len)
		room = len;
	memcpy(client->head + had, p, room);
	client->head_len += room;
	n = load->format->head_len(client->head, client->head_len);
	if (n == 0 && client->head_len == HEAD_MAX)
		wrong("a short head", client->head, HEAD_MAX);
	if (n == 0)
		return room;
	client->head_len = 0;
	load->format->on_head(&load->data, op, &client->reply, client->head, n);
	return n - had;
}

/* Check the next bytes of the client's replies; how many there were of one part of a reply. */
static size_t take_part(const struct load *load, struct client *client, const char *p, size_t len)
{
	struct reply *reply = &client->reply;
	size_t n = reply->value_left != 0 ? take_value(&load->data, reply, p, len)
					  : take_head(load, client, p, len);

	if (reply->done) {
		client->done++;
		memset(reply, 0, sizeof(*reply));
	}
	return n;
}

static void on_readable(struct load *load, struct client *client, char *buffer)
{
	ssize_t got = recv(client->fd, buffer, READ_SIZE, MSG_DONTWAIT);
	uint32_t before = client->done;
	uint64_t took;

	if (got < 0 && errno == EAGAIN)
		return;
	if (got <= 0)
		die(got == 0 ? "connection closed by the server" : "recv");
	for (size_t at = 0; at < (size_t)got;) {
		if (client->done == client->n_ops)
			wrong("nothing more", buffer + at, (size_t)got - at);
		at += take_part(load, client, buffer + at, (size_t)got - at);
	}
	if (client->done == before)
		return;
	took = now_ns() - client->sent_ns;
	load->count_of[bucket_of(took)] += client->done - before;
	load->to_come -= client->done - before;
	if (client->done == client->n_ops)
		send_batch(load, client);
}

/* Set-up and the run. */

static void connect_all(struct load *load)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)load->port)};
	size_t request = REQUEST_FIXED + (size_t)load->data.multi * KEY_ROOM;
	int on = 1;

	if (load->populate || load->only_sets || load->gets_per_set != 0)
		request += load->data.size;
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (uint32_t i = 0; i < load->clients; i++) {
		struct client *client = &load->client[i];

		client->fd = socket(AF_INET, SOCK_STREAM, 0);
		if (client->fd < 0 || connect(client->fd, (struct sockaddr *)&to, sizeof(to)) < 0)
			die("connect");
		setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		client->ops = take(load->pipeline, sizeof(struct op));
		client->out = take(load->pipeline, request);
		watch(load, client, EPOLLIN, EPOLL_CTL_ADD);
	}
}

static void run(struct load *load, uint64_t ops)
{
	static char buffer[READ_SIZE];
	struct epoll_event events[EVENTS_MAX];

	load->to_send = load->to_come = ops;
	memset(load->count_of, 0, sizeof(load->count_of));
	for (uint32_t i = 0; i < load->clients; i++)
		send_batch(load, &load->client[i]);
	while (load->to_come > 0) {
		int n = epoll_wait(load->epoll, events, EVENTS_MAX, 20000);

		if (n == 0)
			wrong("an answer within 20 s", "", 0);
		if (n < 0 && errno != EINTR)
			die("epoll_wait");
		for (int i = 0; i < n; i++) {
			if (events[i].events & EPOLLOUT)
				flush(load, events[i].data.ptr, true);
			if (events[i].events & ~(uint32_t)EPOLLOUT)
				on_readable(load, events[i].data.ptr, buffer);
		}
	}
}

static void prepare(struct load *load)
{
	struct rlimit files;

	load->rng = 88172645463325252ull;
	data_prepare(&load->data, load->format, &load->rng);
	load->rng ^= now_ns();
	load->opaque = (uint32_t)(next_random(&load->rng) >> 32);
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	load->epoll = epoll_create1(0);
	load->client = take(load->clients, sizeof(struct client));
	connect_all(load);
}

static void report(const struct load *load, uint64_t began_ns)
{
	double seconds = (double)(now_ns() - began_ns) / 1e9;
	struct rusage self;

	getrusage(RUSAGE_SELF, &self);
	printf("{\"ops\": %u, \"seconds\": %.6f, \"p50_us\": %.1f, \"p99_us\": %.1f, "
	       "\"load_cpu_s\": %.3f}\n",
	       load->ops, seconds, percentile_us(load, 0.50), percentile_us(load, 0.99),
	       (double)(self.ru_utime.tv_sec + self.ru_stime.tv_sec) +
		       (double)(self.ru_utime.tv_usec + self.ru_stime.tv_usec) / 1e6);
	fflush(stdout);
}

static void wait_for_line(void)
{
	char line[16];

	if (fgets(line, sizeof(line), stdin) == NULL)
		exit(0); /* the parent is gone */
}

_Noreturn static void misused(const char *setting)
{
	fprintf(stderr, "bench_load: no such setting, or out of its range: %s\n", setting);
	exit(2);
}

static void set(struct load *load, const char *name, const char *value)
{
	const struct setting {
		const char *name;
		uint32_t *value;
	} settings[] = {
		{"port", &load->port},		 {"populate", &load->populate},
		{"only_sets", &load->only_sets}, {"ops", &load->ops},
		{"warmup", &load->warmup},	 {"clients", &load->clients},
		{"keys", &load->data.keys},	 {"pipeline", &load->pipeline},
		{"size", &load->data.size},	 {"multi", &load->data.multi},
		{"stride", &load->data.stride},	 {"gets_per_set", &load->gets_per_set},
		{"pace_us", &load->pace_us},
	};
	size_t n = sizeof(settings) / sizeof(settings[0]);
	size_t i = 0;

	while (i < n && strcmp(settings[i].name, name) != 0)
		i++;
	if (i == n)
		misused(name);
	*settings[i].value = (uint32_t)strtoul(value, NULL, 10);
}

/* Settings are format=NAME and others NAME=NUMBER; those not given stay as main has them. */
static void read_settings(struct load *load, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		char *value = strchr(argv[i], '=');

		if (value == NULL)
			misused(argv[i]);
		*value++ = '\0';
		if (strcmp(argv[i], "format") == 0)
			load->format = format_of(value);
		else
			set(load, argv[i], value);
	}
	if (load->format == NULL)
		misused("format");
	if (load->data.keys > KEYS_MAX)
		misused("keys");
	if (load->data.multi > MULTI_MAX)
		misused("multi");
	if (load->data.stride == 0 ||
	    (uint64_t)load->data.multi * load->data.stride > load->data.keys)
		misused("stride");
}

int main(int argc, char **argv)
{
	static struct load load = {
		.clients = 1,
		.pipeline = 1,
		.data = {.keys = 1, .size = 100, .multi = 1, .stride = 1},
	};
	uint64_t began_ns;

	read_settings(&load, argc, argv);
	prepare(&load);
	run(&load, load.warmup);
	puts("ready");
	fflush(stdout);
	wait_for_line();
	began_ns = now_ns();
	run(&load, load.ops);
	report(&load, began_ns);
	wait_for_line();
	return 0;
}
