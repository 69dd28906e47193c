#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/utf8.h"

#define MESSAGE_MAX  1024		     /* bytes of one message; the rest is cut */
#define LINE_MAX_LEN (MESSAGE_MAX * 6 + 128) /* each byte escaped, and what stands around them */

static const char *const level_names[] = {"error", "warn", "info", "debug"};

/* The one mutable global; a reload may change it while others log. */
static struct {
	_Atomic int level; /* enum log_level */
	_Atomic bool json;
} settings = {.level = LOG_LEVEL_INFO};

void log_init(enum log_level level, bool json)
{
	settings.level = (int)level;
	settings.json = json;
}

bool log_enabled(enum log_level level)
{
	return (int)level <= settings.level;
}

/* One byte or character of a message to out, escaped where it must be; the bytes written. */
static size_t put_char(char *out, struct span c, size_t char_len)
{
	unsigned char byte = (unsigned char)c.p[0];

	if (char_len == 0) /* JSON must be UTF-8; text shows which byte it was */
		return (size_t)(settings.json ? sprintf(out, "\\ufffd")
					      : sprintf(out, "\\x%02x", byte));
	if (byte == '\n' || byte == '\r' || byte == '\t')
		return (size_t)sprintf(out, "\\%c", byte == '\n' ? 'n' : byte == '\r' ? 'r' : 't');
	if (byte < 0x20 || byte == 0x7f)
		return (size_t)sprintf(out, settings.json ? "\\u%04x" : "\\x%02x", byte);
	if (settings.json && (byte == '"' || byte == '\\'))
		return (size_t)sprintf(out, "\\%c", byte);
	memcpy(out, c.p, char_len);
	return char_len;
}

static size_t put_message(char *out, struct span message)
{
	size_t len = 0;

	while (message.len > 0) {
		size_t char_len = utf8_char_len(message);

		len += put_char(out + len, message, char_len);
		message = span_skip(message, char_len > 0 ? char_len : 1);
	}
	return len;
}

/* "2024-05-06T07:08:09.123Z" */
static size_t put_time(char *out, size_t size, const struct timespec *now)
{
	struct tm tm;

	gmtime_r(&now->tv_sec, &tm);
	size_t len = strftime(out, size, "%Y-%m-%dT%H:%M:%S", &tm);
	return len + (size_t)snprintf(out + len, size - len, ".%03ldZ", now->tv_nsec / 1000000);
}

static void write_line(enum log_level level, const struct timespec *now, struct span message)
{
	char line[LINE_MAX_LEN], stamp[64];

	put_time(stamp, sizeof(stamp), now);
	const char *head =
		settings.json ? "{\"time\":\"%s\",\"level\":\"%s\",\"message\":\"" : "%s %-5s ";
	size_t len = (size_t)sprintf(line, head, stamp, level_names[level]);
	len += put_message(line + len, message);
	len += (size_t)sprintf(line + len, settings.json ? "\"}\n" : "\n");
	/* One write, so that lines of several threads do not mix; there is nobody to tell of a
	 * standard error that is gone. */
	ssize_t written = write(STDERR_FILENO, line, len);
	(void)written;
}

/* vsnprintf to out[0..MESSAGE_MAX), as a span of what fitted. */
static struct span format(char *out, const char *fmt, va_list args)
{
	int len = vsnprintf(out, MESSAGE_MAX, fmt, args);

	if (len < 0)
		len = 0;
	return span_make(out, (size_t)len < MESSAGE_MAX ? (size_t)len : MESSAGE_MAX - 1);
}

void log_write(enum log_level level, const char *fmt, ...)
{
	char message[MESSAGE_MAX];
	struct timespec now;
	va_list args;

	if (!log_enabled(level))
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	va_start(args, fmt);
	struct span s = format(message, fmt, args);
	va_end(args);
	write_line(level, &now, s);
}

/*
 * Whether a line may leave the site in this second. Threads may race here: a line more or less
 * in a second harms nobody, a lock in the data path would.
 */
static bool may_leave(struct log_site *site, int64_t second)
{
	if (atomic_load_explicit(&site->second, memory_order_relaxed) != second) {
		atomic_store_explicit(&site->second, second, memory_order_relaxed);
		atomic_store_explicit(&site->lines, 0, memory_order_relaxed);
	}
	if (atomic_fetch_add_explicit(&site->lines, 1, memory_order_relaxed) < LOG_SITE_BURST)
		return true;
	atomic_fetch_add_explicit(&site->suppressed, 1, memory_order_relaxed);
	return false;
}

void log_limited(struct log_site *site, enum log_level level, const char *fmt, ...)
{
	char message[MESSAGE_MAX + 64]; /* and what was suppressed */
	struct timespec now;
	va_list args;

	if (!log_enabled(level))
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	if (!may_leave(site, now.tv_sec))
		return;
	va_start(args, fmt);
	struct span s = format(message, fmt, args);
	va_end(args);
	uint32_t suppressed = atomic_exchange_explicit(&site->suppressed, 0, memory_order_relaxed);
	if (suppressed > 0)
		s.len += (size_t)sprintf(message + s.len, " (and %u more like it)", suppressed);
	write_line(level, &now, s);
}
