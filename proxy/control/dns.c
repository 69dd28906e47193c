#include "control/dns.h"

#include <sys/queue.h>
#include <uthash.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/text.h"
#include "control/pace.h"

#define SHOWN_MAX 4 /* addresses that a log line has of each list */

enum state {
	STATE_RESTING, /* until its timer fires; an IP for ever */
	STATE_QUEUED,  /* due, and others are before it */
	STATE_ASKING   /* its query is under way */
};

struct name {
	UT_hash_handle hh;	/* by text */
	TAILQ_ENTRY(name) link; /* while it is queued */
	struct dns *dns;
	char *text;
	enum state state;
	struct timer *timer;
	struct resolver_query *query;
	uint64_t asked_us; /* when it was last asked for; 0: never */
	uint64_t due_us;   /* of one that rests: when it is asked for again */
	bool is_wanted;	   /* while the set changes */
	bool is_again;	   /* refreshed while it was asked for: that answer may be older */
	uint32_t failures; /* in a row */
	struct ip *ips;
	size_t n_ips;
	struct error trouble; /* "": none */
};

TAILQ_HEAD(name_list, name);

struct dns {
	struct dns_setup setup;
	struct name *names; /* a hash */
	struct name_list queue;
	size_t n_asking;
	struct timer *tell;
	bool is_telling; /* it runs */
	struct pace pace;
	struct dns_counters counters;
};

/* ------------------------------------------------------------------ telling */

static void on_tell(void *arg)
{
	struct dns *dns = arg;

	dns->is_telling = false;
	dns->setup.on_change(dns->setup.arg);
}

static void show(struct text *out, const struct ip *ips, size_t n)
{
	text_puts(out, n == 0 ? "none" : "");
	for (size_t i = 0; i < n && i < SHOWN_MAX; i++)
		text_printf(out, "%s%s", i > 0 ? " " : "", ips[i].text);
	if (n > SHOWN_MAX)
		text_printf(out, " and %zu more", n - SHOWN_MAX);
}

/* Takes over ips. */
static void set_addresses(struct name *name, struct ip *ips, size_t n)
{
	static struct log_site site;
	struct dns *dns = name->dns;
	struct text before = {0}, after = {0};

	show(&before, name->ips, name->n_ips);
	show(&after, ips, n);
	if (name->n_ips > 0)
		log_limited(&site, LOG_LEVEL_INFO, "dns: %s: was %s, is %s", name->text, before.p,
			    after.p);
	text_free(&before);
	text_free(&after);
	free(name->ips);
	name->ips = ips;
	name->n_ips = n;
	dns->counters.changes++;
	if (!dns->is_telling)
		timer_start(dns->tell, DNS_COALESCE_MS);
	dns->is_telling = true;
}

static bool is_same(const struct name *name, const struct ip *ips, size_t n)
{
	if (name->n_ips != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (ip_compare(&name->ips[i], &ips[i]) != 0)
			return false;
	return true;
}

/* ------------------------------------------------------------------ asking */

static void on_answer(void *arg, const struct resolver_answer *answer);

/* As many of those that are due as may be under way. */
static void ask_next(struct dns *dns)
{
	struct name *name;

	while (dns->n_asking < DNS_UNDER_WAY_MAX && (name = TAILQ_FIRST(&dns->queue)) != NULL) {
		TAILQ_REMOVE(&dns->queue, name, link);
		name->state = STATE_ASKING;
		name->is_again = false;
		name->asked_us = loop_now_us(dns->setup.loop);
		name->query = resolver_addresses(dns->setup.resolver, name->text, on_answer, name);
		dns->n_asking++;
		dns->counters.queries++;
	}
}

static void enqueue(struct name *name, bool is_first)
{
	timer_stop(name->timer);
	name->state = STATE_QUEUED;
	if (is_first)
		TAILQ_INSERT_HEAD(&name->dns->queue, name, link);
	else
		TAILQ_INSERT_TAIL(&name->dns->queue, name, link);
}

static void on_due(void *arg)
{
	struct name *name = arg;

	enqueue(name, false);
	ask_next(name->dns);
}

/* How long a name that is refreshed must wait still. */
static uint64_t refresh_wait_ms(const struct name *name)
{
	return pace_until_refresh(name->asked_us, loop_now_us(name->dns->setup.loop));
}

static void rest(struct name *name, uint64_t ms)
{
	name->state = STATE_RESTING;
	name->due_us = loop_now_us(name->dns->setup.loop) + ms * 1000;
	timer_start(name->timer, ms);
}

/* ------------------------------------------------------------------ answers */

/* Told when it begins and when its reason changes, not at each try. */
static void on_failure(struct name *name, const char *why)
{
	static struct log_site site;
	struct error trouble = {0};

	name->failures++;
	name->dns->counters.failures++;
	error_set(&trouble, "%s: %s", why,
		  name->n_ips > 0 ? "its last addresses are kept" : "it has no address yet");
	if (strcmp(trouble.text, name->trouble.text) != 0)
		log_limited(&site, LOG_LEVEL_WARN, "dns: %s: %s", name->text, trouble.text);
	name->trouble = trouble;
}

static void on_success(struct name *name, const struct resolver_answer *answer)
{
	static struct log_site site;
	size_t n;
	struct ip *ips = resolver_merge(answer, name->ips, name->n_ips, &n);

	if (name->trouble.text[0] != '\0')
		log_limited(&site, LOG_LEVEL_INFO, "dns: %s: has an answer again", name->text);
	name->failures = 0;
	name->trouble.text[0] = '\0';
	if (is_same(name, ips, n))
		free(ips);
	else
		set_addresses(name, ips, n);
}

static void on_answer(void *arg, const struct resolver_answer *answer)
{
	struct name *name = arg;
	struct dns *dns = name->dns;

	name->query = NULL;
	dns->n_asking--;
	uint64_t ms;
	if (answer->status == RESOLVER_OK) {
		on_success(name, answer);
		ms = pace_after_answer(&dns->pace, answer->ttl_s);
	} else {
		on_failure(name, answer->why);
		ms = pace_after_failure(&dns->pace, name->failures);
	}
	rest(name, name->is_again ? refresh_wait_ms(name) : ms);
	ask_next(dns);
}

/* ------------------------------------------------------------------ names */

static struct name *find(const struct dns *dns, const char *text)
{
	struct name *name;

	HASH_FIND_STR(dns->names, text, name);
	return name;
}

static struct name *add(struct dns *dns, const char *text)
{
	struct name *name = alloc_zeroed(1, sizeof(*name));
	struct ip ip;

	name->dns = dns;
	name->text = alloc_string(text);
	name->timer = timer_new(dns->setup.loop, on_due, name);
	HASH_ADD_KEYPTR(hh, dns->names, name->text, strlen(name->text), name);
	if (ip_parse(text, &ip)) {
		struct ip *own = alloc_zeroed(1, sizeof(*own));

		*own = ip;
		set_addresses(name, own, 1);
	} else {
		enqueue(name, false);
	}
	return name;
}

/* Off the queue, or off the resolver. */
static void stop(struct name *name)
{
	struct dns *dns = name->dns;

	if (name->state == STATE_QUEUED)
		TAILQ_REMOVE(&dns->queue, name, link);
	if (name->state == STATE_ASKING) {
		resolver_cancel(name->query);
		dns->n_asking--;
	}
	name->query = NULL;
	name->state = STATE_RESTING;
}

static void forget(struct name *name)
{
	stop(name);
	HASH_DEL(name->dns->names, name);
	timer_free(name->timer);
	free(name->ips);
	free(name->text);
	free(name);
}

static void refresh(struct name *name, bool is_first)
{
	struct ip ip;

	if (ip_parse(name->text, &ip))
		return;
	if (name->state == STATE_ASKING)
		name->is_again = true;
	if (name->state != STATE_RESTING)
		return;
	uint64_t ms = refresh_wait_ms(name);
	if (ms == 0)
		enqueue(name, is_first);
	else if (loop_now_us(name->dns->setup.loop) + ms * 1000 < name->due_us)
		rest(name, ms);
}

/* ------------------------------------------------------------------ public */

struct dns *dns_new(const struct dns_setup *setup)
{
	struct dns *dns = alloc_zeroed(1, sizeof(*dns));

	dns->setup = *setup;
	TAILQ_INIT(&dns->queue);
	dns->tell = timer_new(setup->loop, on_tell, dns);
	pace_init(&dns->pace, setup->min_ttl_ms, setup->max_ttl_ms,
		  loop_real_ms(setup->loop) ^ loop_now_us(setup->loop) << 20);
	return dns;
}

void dns_free(struct dns *dns)
{
	if (dns == NULL)
		return;
	dns_want(dns, NULL, 0);
	timer_free(dns->tell);
	free(dns);
}

void dns_want(struct dns *dns, char *const *names, size_t n)
{
	struct name *name, *next;

	for (name = dns->names; name != NULL; name = name->hh.next)
		name->is_wanted = false;
	for (size_t i = 0; i < n; i++) {
		name = find(dns, names[i]);
		if (name == NULL)
			name = add(dns, names[i]);
		name->is_wanted = true;
	}
	for (name = dns->names; name != NULL; name = next) {
		next = name->hh.next;
		if (!name->is_wanted)
			forget(name);
	}
	ask_next(dns);
}

const struct ip *dns_addresses(const struct dns *dns, const char *name, size_t *n)
{
	const struct name *found = find(dns, name);

	*n = found != NULL ? found->n_ips : 0;
	return *n > 0 ? found->ips : NULL;
}

const char *dns_trouble(const struct dns *dns, const char *name)
{
	const struct name *found = find(dns, name);

	return found != NULL && found->trouble.text[0] != '\0' ? found->trouble.text : NULL;
}

void dns_refresh(struct dns *dns, const char *text)
{
	struct name *one = text != NULL ? find(dns, text) : NULL;

	if (one != NULL)
		refresh(one, true);
	for (struct name *name = dns->names; text == NULL && name != NULL; name = name->hh.next)
		refresh(name, false);
	ask_next(dns);
}

void dns_use(struct dns *dns, struct resolver *resolver, uint32_t min_ttl_ms, uint32_t max_ttl_ms)
{
	dns->setup.resolver = resolver;
	dns->pace.min_ms = min_ttl_ms;
	dns->pace.max_ms = max_ttl_ms;
	for (struct name *name = dns->names; name != NULL; name = name->hh.next)
		if (name->state == STATE_ASKING) {
			stop(name);
			enqueue(name, true);
		}
	ask_next(dns);
}

const struct dns_counters *dns_counters(const struct dns *dns)
{
	return &dns->counters;
}
