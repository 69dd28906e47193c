#include "io/srv.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

#define HEADER_BYTES	 12
#define QUESTION_BYTES	 4     /* type and class, behind the name */
#define RECORD_BYTES	 10    /* type, class, TTL and length, behind the name */
#define SERVICE_BYTES	 6     /* priority, weight and port, before the target */
#define ANSWER_BYTES_MAX 65535 /* what a message over TCP can have */

/* RFC 1035, 4.1.4: two bits say what a length byte is. */
#define LABEL_KIND    0xc0
#define LABEL_POINTER 0xc0

enum { TYPE_CNAME = 5, TYPE_SRV = 33, CLASS_IN = 1 };

/* The message and how far it is read. */
struct reader {
	const uint8_t *bytes;
	size_t len, at;
};

struct record {
	uint16_t type, class;
	uint32_t ttl;
	size_t data, end; /* offsets */
};

static uint16_t u16_at(const struct reader *reader, size_t at)
{
	return (uint16_t)(reader->bytes[at] << 8 | reader->bytes[at + 1]);
}

/* Is there room for n more bytes? */
static bool has(const struct reader *reader, size_t n)
{
	return reader->len - reader->at >= n;
}

/*
 * A dot and the label at `at` behind name[0..*n). False where it does not fit, or has what is in
 * no host's name: a dot inside a label would make one name look like another.
 */
static bool add_label(const struct reader *reader, size_t at, char *name, size_t *n)
{
	size_t len = reader->bytes[at];

	if (reader->len - at - 1 < len || *n + len + (*n > 0) > SRV_TARGET_MAX)
		return false;
	if (*n > 0)
		name[(*n)++] = '.';
	for (size_t i = at + 1; i <= at + len; i++) {
		uint8_t c = reader->bytes[i];

		if (!isalnum(c) && c != '-' && c != '_')
			return false;
		name[(*n)++] = (char)tolower(c);
	}
	return true;
}

/*
 * The name at reader->at, to name[0..SRV_TARGET_MAX]; "" is the root. No name has more labels, and so
 * pointers, than half its bytes: what goes on beyond that runs in a circle.
 */
static bool read_name(const struct reader *reader, char *name)
{
	size_t at = reader->at, n = 0;

	for (size_t steps = 0; steps < SRV_TARGET_MAX && at < reader->len; steps++) {
		uint8_t first = reader->bytes[at];

		if (first == 0) {
			name[n] = '\0';
			return true;
		}
		if ((first & LABEL_KIND) == LABEL_POINTER) {
			if (reader->len - at < 2)
				return false;
			at = u16_at(reader, at) & 0x3fff;
			continue;
		}
		if ((first & LABEL_KIND) != 0 || !add_label(reader, at, name, &n))
			return false;
		at += first + 1U;
	}
	return false;
}

/* Step over a name whose text is of no interest: owners, questions. */
static bool skip_name(struct reader *reader)
{
	while (has(reader, 1)) {
		uint8_t first = reader->bytes[reader->at];

		if ((first & LABEL_KIND) == LABEL_POINTER) {
			reader->at += 2;
			return reader->at <= reader->len;
		}
		if ((first & LABEL_KIND) != 0 || !has(reader, first + 1U))
			return false;
		reader->at += first + 1U;
		if (first == 0)
			return true;
	}
	return false;
}

static bool read_record(struct reader *reader, struct record *record)
{
	if (!skip_name(reader) || !has(reader, RECORD_BYTES))
		return false;
	size_t at = reader->at;
	size_t len = u16_at(reader, at + 8);
	*record = (struct record){
		.type = u16_at(reader, at),
		.class = u16_at(reader, at + 2),
		.ttl = (uint32_t)u16_at(reader, at + 4) << 16 | u16_at(reader, at + 6),
		.data = at + RECORD_BYTES,
		.end = at + RECORD_BYTES + len,
	};
	/* RFC 2181, 8: a TTL with its highest bit set is 0. */
	if (record->ttl > INT32_MAX)
		record->ttl = 0;
	reader->at = record->data;
	if (!has(reader, len))
		return false;
	reader->at = record->end;
	return true;
}

/* The service of a record; a target of "." has an empty name. */
static bool read_service(const struct reader *reader, const struct record *record,
			 struct service *service)
{
	struct reader name = {reader->bytes, record->end, record->data + SERVICE_BYTES};

	if (record->end - record->data <= SERVICE_BYTES || !read_name(&name, service->target))
		return false;
	service->priority = u16_at(reader, record->data);
	service->weight = u16_at(reader, record->data + 2);
	service->port = u16_at(reader, record->data + 4);
	return service->port != 0 || service->target[0] == '\0';
}

static int compare(const void *a, const void *b)
{
	const struct service *x = a, *y = b;

	if (x->priority != y->priority)
		return x->priority < y->priority ? -1 : 1;
	int order = strcmp(x->target, y->target);
	if (order != 0)
		return order;
	if (x->port != y->port)
		return x->port < y->port ? -1 : 1;
	return (x->weight > y->weight) - (x->weight < y->weight);
}

static void sort_once(struct srv_answer *answer)
{
	size_t n = 0;

	if (answer->n > 1)
		qsort(answer->services, answer->n, sizeof(answer->services[0]), compare);
	for (size_t i = 0; i < answer->n; i++)
		if (n == 0 || compare(&answer->services[n - 1], &answer->services[i]) != 0)
			answer->services[n++] = answer->services[i];
	answer->n = n;
}

static bool read_answers(struct reader *reader, size_t count, struct srv_answer *answer)
{
	struct record record;
	size_t cap = 0;

	for (size_t i = 0; i < count; i++) {
		struct service service;

		if (!read_record(reader, &record))
			return false;
		bool is_srv = record.type == TYPE_SRV;
		if (record.class != CLASS_IN || (!is_srv && record.type != TYPE_CNAME))
			continue;
		if (record.ttl < answer->ttl_s)
			answer->ttl_s = record.ttl;
		if (!is_srv)
			continue;
		if (!read_service(reader, &record, &service))
			return false;
		if (service.target[0] == '\0')
			continue;
		if (answer->n == cap) {
			cap = cap > 0 ? cap * 2 : 16;
			answer->services = alloc_resize(answer->services, cap * sizeof(service));
		}
		answer->services[answer->n++] = service;
	}
	return true;
}

int srv_parse(const uint8_t *bytes, size_t len, struct srv_answer *out)
{
	struct reader reader = {bytes, len, HEADER_BYTES};

	*out = (struct srv_answer){.ttl_s = INT32_MAX};
	if (len < HEADER_BYTES || len > ANSWER_BYTES_MAX)
		return -EBADMSG;
	bool is_whole = true;
	for (size_t i = u16_at(&reader, 4); i > 0 && is_whole; i--) {
		is_whole = skip_name(&reader) && has(&reader, QUESTION_BYTES);
		reader.at += is_whole ? QUESTION_BYTES : 0;
	}
	if (!is_whole || !read_answers(&reader, u16_at(&reader, 6), out)) {
		srv_answer_fini(out);
		return -EBADMSG;
	}
	sort_once(out);
	return 0;
}

void srv_answer_fini(struct srv_answer *answer)
{
	free(answer->services);
	*answer = (struct srv_answer){0};
}
