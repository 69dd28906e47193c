#include "route/ttl.h"

#define MC_RELATIVE_MAX (60 * 60 * 24 * 30) /* as memcached's REALTIME_MAXDELTA */

/* A longer life is refused by every node, or is as good as for ever; half of the range is left so
 * that jitter cannot leave it. */
#define LIFE_MAX (INT64_MAX / 2)

bool ttl_is_set(const struct ttl_rule *rule)
{
	return rule->jitter != 0 || rule->max_s != 0 || rule->default_s != 0;
}

static uint32_t own_or(uint32_t own, uint32_t pools)
{
	return own != TTL_UNSET ? own : pools;
}

struct ttl_rule ttl_resolve(const struct ttl_rule *own, const struct ttl_rule *pools)
{
	return (struct ttl_rule){
		.jitter = own_or(own->jitter, pools->jitter),
		.max_s = own_or(own->max_s, pools->max_s),
		.default_s = own_or(own->default_s, pools->default_s),
	};
}

/* The shorter of two times of which 0 is the longest. */
static uint32_t shorter(uint32_t a, uint32_t b)
{
	if (a == 0 || b == 0)
		return a + b;
	return a < b ? a : b;
}

struct ttl_rule ttl_strictest(const struct ttl_rule *a, const struct ttl_rule *b)
{
	return (struct ttl_rule){
		.jitter = a->jitter > b->jitter ? a->jitter : b->jitter,
		.max_s = shorter(a->max_s, b->max_s),
		.default_s = shorter(a->default_s, b->default_s),
	};
}

/* Jitter and cap for a life of 1 to LIFE_MAX, in units of which a second has per_s. */
static int64_t vary(const struct ttl_rule *rule, int64_t life, int64_t per_s, struct rng *rng)
{
	/* In two steps, as the product may not fit. */
	int64_t most =
		life / TTL_WHOLE * rule->jitter + life % TTL_WHOLE * rule->jitter / TTL_WHOLE;
	int64_t cap = (int64_t)rule->max_s * per_s;

	if (most > 0)
		life += (int64_t)rng_below(rng, 2 * (uint64_t)most + 1) - most;
	if (cap > 0 && life > cap)
		life = cap;
	return life < 1 ? 1 : life;
}

/* A number of memcached's says by its size whether it is a time; what is made of it must, too. */
static int64_t adjust_mc(const struct ttl_rule *rule, int64_t value, int64_t now_s, struct rng *rng)
{
	bool is_time = value > MC_RELATIVE_MAX;
	int64_t life = is_time ? value - now_s : value;

	if (value == 0)
		life = rule->default_s;
	if (value > INT32_MAX || life <= 0)
		return value;
	life = vary(rule, life, 1, rng);
	if (!is_time && life <= MC_RELATIVE_MAX)
		return life;
	return now_s + life < INT32_MAX ? now_s + life : INT32_MAX;
}

int64_t ttl_adjust(const struct ttl_rule *rule, enum ttl_kind kind, int64_t value, uint64_t now_ms,
		   struct rng *rng)
{
	bool is_ms = kind == TTL_MS || kind == TTL_AT_MS;
	bool is_time = kind == TTL_AT_S || kind == TTL_AT_MS;
	int64_t per_s = is_ms ? 1000 : 1;
	int64_t now = (int64_t)(is_ms ? now_ms : now_ms / 1000);

	if (kind == TTL_MC)
		return adjust_mc(rule, value, now, rng);
	int64_t start = is_time ? now : 0;
	/* A node counts in milliseconds, so seconds have a thousandth of the range. */
	if (value <= start || value > LIFE_MAX / (1000 / per_s))
		return value;
	return start + vary(rule, value - start, per_s, rng);
}

uint32_t ttl_adjust_u32(const struct ttl_rule *rule, uint32_t value, uint64_t now_ms,
			struct rng *rng)
{
	/* memcached takes the upper half for negative. */
	if (value > INT32_MAX)
		return value;
	return (uint32_t)ttl_adjust(rule, TTL_MC, value, now_ms, rng);
}

size_t ttl_adjust_word(const struct ttl_rule *rule, enum ttl_kind kind, struct span word,
		       uint64_t now_ms, struct rng *rng, char out[NUMBER_TEXT_MAX])
{
	int64_t value, result;

	/* memcached reads these as strtol does; Redis takes neither, and is to say so itself. */
	if (kind == TTL_MC && word.len > 1 && word.p[0] == '+' && word.p[1] != '-')
		word = span_skip(word, 1);
	else if (kind != TTL_MC && word.len > 0 && word.p[0] == '0')
		return 0;
	if (!number_parse_i64(word, &value))
		return 0;
	result = ttl_adjust(rule, kind, value, now_ms, rng);
	return result == value ? 0 : number_write_i64(out, result);
}

int64_t ttl_given_ms(const struct ttl_rule *rule, struct rng *rng)
{
	return rule->default_s == 0 ? 0 : vary(rule, (int64_t)rule->default_s * 1000, 1000, rng);
}
