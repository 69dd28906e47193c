#include "route/endpoint.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "base/number.h"
#include "base/span.h"

#define EXPECTED "expected HOST:PORT, [IPV6]:PORT or unix:PATH"

static const char unix_prefix[] = "unix:";

/* Letters, digits and what names and IPs are made of; the rest is a slip of the pen. */
static bool is_host(struct span host, const char *others)
{
	for (size_t i = 0; i < host.len; i++)
		if (!isalnum((unsigned char)host.p[i]) &&
		    (host.p[i] == '\0' || strchr(others, host.p[i]) == NULL))
			return false;
	return host.len > 0;
}

static int parse_unix(const char *text, const char *path, struct address *out, struct error *error)
{
	size_t len = strlen(path), max = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;

	if (len < 1 || len > max)
		return error_set(error,
				 "'%s': the path is %zu bytes; expected unix:PATH, 1 to %zu bytes",
				 text, len, max);
	memcpy(out->host, path, len + 1);
	out->is_unix = true;
	return 0;
}

/* `rest` is what follows the host: ":PORT", or nothing where there is a default. */
static int parse_port(const char *text, struct span rest, uint16_t default_port,
		      struct address *out, struct error *error)
{
	uint64_t port;

	if (rest.len == 0 && default_port == 0)
		return error_set(error, "'%s' has no port; " EXPECTED, text);
	if (rest.len == 0) {
		out->port = default_port;
		return 0;
	}
	if (!number_parse_u64(span_skip(rest, 1), &port) || port < 1 || port > UINT16_MAX)
		return error_set(error, "'%s': '%s' is no port; expected 1 to 65535", text,
				 rest.p + 1);
	out->port = (uint16_t)port;
	return 0;
}

/* Cut the host from the front of *rest, without brackets; *others: what it may be made of. */
static struct span cut_host(struct span *rest, const char **others)
{
	bool bracketed = rest->len > 0 && rest->p[0] == '[';
	const char *end = memchr(rest->p, bracketed ? ']' : ':', rest->len);
	struct span host = *rest;

	*others = bracketed ? ":.%-_" : ".-_*";
	if (bracketed && end == NULL)
		return span_make(rest->p, 0);
	if (end != NULL)
		host.len = (size_t)(end - rest->p);
	*rest = span_skip(*rest, host.len + bracketed);
	return span_skip(host, bracketed);
}

int address_parse(const char *text, uint16_t default_port, struct address *out, struct error *error)
{
	struct span rest = span_of(text);
	const char *others;

	memset(out, 0, sizeof(*out));
	if (span_starts_with(rest, span_of(unix_prefix)))
		return parse_unix(text, text + strlen(unix_prefix), out, error);

	struct span host = cut_host(&rest, &others);

	if (!is_host(host, others) || (rest.len > 0 && rest.p[0] != ':'))
		return error_set(error, "'%s' is no address; " EXPECTED, text);
	if (host.len > ADDRESS_HOST_MAX)
		return error_set(error, "'%.40s...': the host is %zu bytes; expected at most %d",
				 text, host.len, ADDRESS_HOST_MAX);
	if (rest.len > 0 && memchr(rest.p + 1, ':', rest.len - 1) != NULL)
		return error_set(error,
				 "'%s' has several colons; expected an IPv6 address in brackets",
				 text);
	memcpy(out->host, host.p, host.len);
	return parse_port(text, rest, default_port, out, error);
}

bool address_host_is_ip(const char *host)
{
	unsigned char ip[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, host, ip) == 1 || inet_pton(AF_INET6, host, ip) == 1;
}

void address_format(const struct address *address, char *out)
{
	if (address->is_unix)
		(void)snprintf(out, ADDRESS_TEXT_MAX, "%s%s", unix_prefix, address->host);
	else if (strchr(address->host, ':') != NULL)
		(void)snprintf(out, ADDRESS_TEXT_MAX, "[%s]:%u", address->host, address->port);
	else
		(void)snprintf(out, ADDRESS_TEXT_MAX, "%s:%u", address->host, address->port);
}
