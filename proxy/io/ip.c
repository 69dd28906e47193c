#include "io/ip.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

struct ip ip_of(const void *bytes, bool is_v6)
{
	struct ip ip = {.is_v6 = is_v6};

	memcpy(ip.bytes, bytes, is_v6 ? 16 : 4);
	inet_ntop(is_v6 ? AF_INET6 : AF_INET, ip.bytes, ip.text, sizeof(ip.text));
	return ip;
}

bool ip_parse(const char *text, struct ip *out)
{
	uint8_t bytes[16];
	bool is_v6 = strchr(text, ':') != NULL;

	if (inet_pton(is_v6 ? AF_INET6 : AF_INET, text, bytes) != 1)
		return false;
	*out = ip_of(bytes, is_v6);
	return true;
}

int ip_compare(const struct ip *a, const struct ip *b)
{
	if (a->is_v6 != b->is_v6)
		return a->is_v6 ? 1 : -1;
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

static int compare(const void *a, const void *b)
{
	return ip_compare(a, b);
}

size_t ip_sort(struct ip *ips, size_t n)
{
	size_t kept = 0;

	if (n > 1)
		qsort(ips, n, sizeof(ips[0]), compare);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || ip_compare(&ips[kept - 1], &ips[i]) != 0)
			ips[kept++] = ips[i];
	return kept;
}
