/*
 * bench_load.c - the load of scripts/bench: a fixed set of clients, each sending batches of
 * `pipeline` requests and waiting for all their replies, from one thread on epoll.
 *
 * A value is a slice of one random pattern, its place a function of the key, so every byte of
 * every reply is compared and nothing is remembered. The first wrong byte ends the run. The work a
 * request costs is kept well below what a proxy spends on it, or the generator would be measured.
 *
 * It talks to its parent in lines: prints "ready" when connected and warmed up, runs when a line
 * comes in, prints one JSON object, and leaves (closing its connections) at the next line.
 *
 * Long because it is a program of its own that one cc builds.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PATTERN_SPAN 65536 /* places in the pattern where a value may start */
#define READ_SIZE    (256 * 1024)
#define EVENTS_MAX   256
#define MULTI_MAX    128 /* keys of one multi-get: bits of client.seen_bits */
#define LINE_MAX_LEN 128
#define KEY_LEN	     14 /* "b%06u:%06u": value size and number, so that sizes do not mix */
#define SUB_BITS     6	/* histogram: 64 steps an octave, 1.6% */

/* One request under way: `count` keys from number `first` on, round past the last; 0 is a SET. */
struct op {
	uint32_t first;
	uint32_t count;
};

struct client {
	int fd;
	uint32_t n_ops;	   /* in the batch under way */
	uint32_t done;	   /* of them answered */
	uint32_t seen;	   /* values of the current reply that have come */
	bool in_array;	   /* the current reply's "*n" has come */
	size_t value_left; /* of a value and its CRLF */
	const char *value; /* what the value must be */
	uint64_t seen_bits[MULTI_MAX / 64];
	uint64_t sent_ns;
	char *out; /* requests, out_len bytes of which out_at are written */
	size_t out_len;
	size_t out_at;
	struct op *ops;
	char line[LINE_MAX_LEN]; /* the start of a line that one read cut */
	size_t line_len;
};

struct load {
	int port;
	bool redis;
	bool populate; /* SET each key once, in order */
	uint32_t clients;
	uint32_t pipeline;
	uint32_t keys;
	uint32_t size;
	uint32_t multi;
	uint32_t gets_per_set; /* 0: no SETs */
	uint32_t pace_us;      /* a pause before each batch; for one client */
	uint64_t ops;
	uint64_t warmup;
	/* the run */
	int epoll;
	uint64_t to_send;
	uint64_t to_come;
	uint64_t made;
	uint64_t rng;
	struct client *client;
	char *pattern;
	char value_head[64]; /* before the key's number in a VALUE line; all of "$len" */
	char value_tail[64]; /* behind it */
	size_t value_head_len;
	size_t value_tail_len;
	char array_head[16];
	uint64_t count_of[64 << SUB_BITS];
};

_Noreturn static void die(const char *what)
{
	fprintf(stderr, "bench_load: %s: %s\n", what, strerror(errno));
	exit(2);
}

_Noreturn static void wrong(const char *what, const char *got, size_t len)
{
	fprintf(stderr, "bench_load: wrong reply: expected %s, got \"%.*s\"\n", what,
		(int)(len < 160 ? len : 160), got);
	exit(3);
}

static void *take(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (p == NULL)
		die("memory");
	return p;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
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

static const char *value_of(const struct load *load, uint32_t key)
{
	return load->pattern + key * 2654435761u % PATTERN_SPAN;
}

static char *put(char *to, const char *from, size_t len)
{
	memcpy(to, from, len);
	return to + len;
}

static char *put_key(char *to, const struct load *load, uint32_t key)
{
	uint32_t size = load->size;

	to[0] = 'b';
	to[7] = ':';
	for (int i = 6; i > 0; i--, size /= 10, key /= 10) {
		to[i] = (char)('0' + size % 10);
		to[i + 7] = (char)('0' + key % 10);
	}
	return to + KEY_LEN;
}

static char *put_set(char *to, const struct load *load, uint32_t key)
{
	if (load->redis) {
		to = put(to, "*3\r\n$3\r\nSET\r\n$14\r\n", 18);
		to = put_key(to, load, key);
		to += sprintf(to, "\r\n$%u\r\n", load->size);
	} else {
		to = put(to, "set ", 4);
		to = put_key(to, load, key);
		to += sprintf(to, " 0 0 %u\r\n", load->size);
	}
	to = put(to, value_of(load, key), load->size);
	return put(to, "\r\n", 2);
}

static char *put_get(char *to, const struct load *load, const struct op *op)
{
	if (!load->redis)
		to = put(to, "get", 3);
	else if (op->count == 1)
		to = put(to, "*2\r\n$3\r\nGET\r\n", 13);
	else
		to += sprintf(to, "*%u\r\n$4\r\nMGET\r\n", op->count + 1);
	for (uint32_t i = 0; i < op->count; i++) {
		uint32_t key = (op->first + i) % load->keys;

		to = load->redis ? put(to, "$14\r\n", 5) : put(to, " ", 1);
		to = put_key(to, load, key);
		if (load->redis)
			to = put(to, "\r\n", 2);
	}
	return load->redis ? to : put(to, "\r\n", 2);
}

static struct op next_op(struct load *load)
{
	struct op op = {.count = load->multi};
	uint64_t n = load->made++;

	if (load->populate)
		return (struct op){.first = (uint32_t)(n % load->keys)};
	op.first = (uint32_t)((next_random(&load->rng) >> 16) % load->keys);
	if (load->gets_per_set != 0 && n % (load->gets_per_set + 1) == load->gets_per_set)
		op.count = 0;
	return op;
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
		struct op *op = &client->ops[i];

		*op = next_op(load);
		to = op->count == 0 ? put_set(to, load, op->first) : put_get(to, load, op);
	}
	client->out_len = (size_t)(to - client->out);
	client->out_at = 0;
	if (load->pace_us != 0)
		usleep(load->pace_us);
	client->sent_ns = now_ns();
	flush(load, client, false);
}

/* Replies. */

static void finish_op(struct client *client)
{
	client->done++;
	client->seen = 0;
	client->in_array = false;
	memset(client->seen_bits, 0, sizeof(client->seen_bits));
}

static void start_value(const struct load *load, struct client *client, uint32_t key)
{
	client->value = value_of(load, key);
	client->value_left = load->size + 2;
}

static bool is_line(const char *line, size_t len, const char *expected)
{
	return strlen(expected) == len && memcmp(line, expected, len) == 0;
}

static void on_redis_line(const struct load *load, struct client *client, const char *line,
			  size_t len)
{
	const struct op *op = &client->ops[client->done];

	if (op->count == 0) {
		if (!is_line(line, len, "+OK\r\n"))
			wrong("+OK", line, len);
		finish_op(client);
	} else if (op->count > 1 && !client->in_array) {
		if (!is_line(line, len, load->array_head))
			wrong(load->array_head, line, len);
		client->in_array = true;
	} else {
		if (len != load->value_head_len || memcmp(line, load->value_head, len) != 0)
			wrong(load->value_head, line, len);
		start_value(load, client, (op->first + client->seen) % load->keys);
	}
}

/* The number of the key that a whole VALUE line names. */
static uint32_t key_of_line(const struct load *load, const char *line, size_t len)
{
	const char *digits = line + load->value_head_len;
	uint32_t key = 0;

	if (len != load->value_head_len + 6 + load->value_tail_len ||
	    memcmp(line, load->value_head, load->value_head_len) != 0 ||
	    memcmp(digits + 6, load->value_tail, load->value_tail_len) != 0)
		wrong(load->value_head, line, len);
	for (int i = 0; i < 6; i++)
		key = key * 10 + (uint32_t)(digits[i] - '0');
	return key;
}

/* Values of a multi-get may come in any order, each once: shards answer when they can. */
static void on_memcached_line(const struct load *load, struct client *client, const char *line,
			      size_t len)
{
	const struct op *op = &client->ops[client->done];
	uint32_t key;
	uint32_t place;

	if (op->count == 0) {
		if (!is_line(line, len, "STORED\r\n"))
			wrong("STORED", line, len);
		finish_op(client);
	} else if (is_line(line, len, "END\r\n")) {
		if (client->seen != op->count)
			wrong("a value for each key", line, len);
		finish_op(client);
	} else {
		key = key_of_line(load, line, len);
		place = (key + load->keys - op->first) % load->keys;
		if (key >= load->keys || place >= op->count ||
		    (client->seen_bits[place / 64] >> place % 64 & 1))
			wrong("a key that was asked, once", line, len);
		client->seen_bits[place / 64] |= 1ull << place % 64;
		start_value(load, client, key);
	}
}

static size_t take_value(const struct load *load, struct client *client, const char *p, size_t len)
{
	size_t n = len < client->value_left ? len : client->value_left;
	size_t at = load->size + 2 - client->value_left;
	size_t body = at < load->size ? load->size - at : 0;

	if (body > n)
		body = n;
	if (memcmp(p, client->value + at, body) != 0)
		wrong("the key's own value", p, body);
	for (size_t i = body; i < n; i++) {
		if (p[i] != "\r\n"[at + i - load->size])
			wrong("CRLF behind a value", p + i, n - i);
	}
	client->value_left -= n;
	if (client->value_left != 0)
		return n;
	client->seen++;
	if (load->redis && client->seen == client->ops[client->done].count)
		finish_op(client);
	return n;
}

/* A line may be cut by the end of a read: its start waits in client->line. */
static size_t take_line(const struct load *load, struct client *client, const char *p, size_t len)
{
	const char *end = memchr(p, '\n', len);
	size_t n = end == NULL ? len : (size_t)(end - p) + 1;
	const char *line = p;
	size_t line_len = n;

	if (client->line_len != 0 || end == NULL) {
		if (client->line_len + n > LINE_MAX_LEN)
			wrong("a short line", p, len);
		memcpy(client->line + client->line_len, p, n);
		client->line_len += n;
		line = client->line;
		line_len = client->line_len;
	}
	if (end == NULL)
		return n;
	client->line_len = 0;
	if (load->redis)
		on_redis_line(load, client, line, line_len);
	else
		on_memcached_line(load, client, line, line_len);
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
		at += client->value_left != 0
			      ? take_value(load, client, buffer + at, (size_t)got - at)
			      : take_line(load, client, buffer + at, (size_t)got - at);
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
	size_t request = 64 + (size_t)load->multi * (KEY_LEN + 8);
	int on = 1;

	if (load->populate || load->gets_per_set != 0)
		request += load->size;
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
	size_t len = PATTERN_SPAN + load->size;
	struct rlimit files;

	load->rng = 88172645463325252ull;
	load->pattern = take(len, 1);
	for (size_t i = 0; i < len; i++)
		load->pattern[i] = (char)('0' + next_random(&load->rng) % 75);
	load->rng ^= now_ns();
	if (load->redis) {
		sprintf(load->value_head, "$%u\r\n", load->size);
	} else {
		sprintf(load->value_head, "VALUE b%06u:", load->size);
		sprintf(load->value_tail, " 0 %u\r\n", load->size);
	}
	sprintf(load->array_head, "*%u\r\n", load->multi);
	load->value_head_len = strlen(load->value_head);
	load->value_tail_len = strlen(load->value_tail);
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
	printf("{\"ops\": %llu, \"seconds\": %.6f, \"p50_us\": %.1f, \"p99_us\": %.1f, "
	       "\"load_cpu_s\": %.3f}\n",
	       (unsigned long long)load->ops, seconds, percentile_us(load, 0.50),
	       percentile_us(load, 0.99),
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

/* Settings are NAME=NUMBER; those not given stay 0, or 1 where 0 makes no sense. */
static void read_settings(struct load *load, int argc, char **argv)
{
	uint32_t port = 0, redis = 0, populate = 0, ops = 0, warmup = 0;
	const struct setting {
		const char *name;
		uint32_t *value;
	} settings[] = {
		{"port", &port},
		{"redis", &redis},
		{"populate", &populate},
		{"ops", &ops},
		{"warmup", &warmup},
		{"clients", &load->clients},
		{"keys", &load->keys},
		{"pipeline", &load->pipeline},
		{"size", &load->size},
		{"multi", &load->multi},
		{"gets_per_set", &load->gets_per_set},
		{"pace_us", &load->pace_us},
	};

	for (int i = 1; i < argc; i++) {
		size_t n = sizeof(settings) / sizeof(settings[0]);
		char *equals = strchr(argv[i], '=');
		size_t s = 0;

		while (equals != NULL && s < n &&
		       (strlen(settings[s].name) != (size_t)(equals - argv[i]) ||
			strncmp(settings[s].name, argv[i], (size_t)(equals - argv[i])) != 0))
			s++;
		if (equals == NULL || s == n)
			wrong("NAME=NUMBER", argv[i], strlen(argv[i]));
		*settings[s].value = (uint32_t)strtoul(equals + 1, NULL, 10);
	}
	load->port = (int)port;
	load->redis = redis != 0;
	load->populate = populate != 0;
	load->ops = ops;
	load->warmup = warmup;
	if (load->multi > MULTI_MAX || load->keys < load->multi || load->keys > 1000000)
		wrong("multi <= 128 and multi <= keys <= 1000000", "", 0);
}

int main(int argc, char **argv)
{
	static struct load load = {.clients = 1, .pipeline = 1, .keys = 1, .size = 100, .multi = 1};
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
