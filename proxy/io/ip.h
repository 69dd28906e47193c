/*
 * ip.h - an IPv4 or IPv6 address by value, with its text.
 * Pure. Layer: io. Includes: base/attr.
 */
#ifndef IO_IP_H
#define IO_IP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

#define IP_TEXT_MAX 46 /* bytes of an address as text with its NUL */

struct ip {
	uint8_t bytes[16]; /* in network order; of IPv4 the first four, then zeroes */
	bool is_v6;
	char text[IP_TEXT_MAX]; /* as inet_ntop has it: equal addresses have equal texts */
};

/* Take "10.0.0.1" or "::1" apart; false if it is no address. */
NODISCARD bool ip_parse(const char *text, struct ip *out);

/* The address of 4 bytes, or of 16. */
struct ip ip_of(const void *bytes, bool is_v6);

/* IPv4 first, then by their bytes: negative, 0 or positive. */
int ip_compare(const struct ip *a, const struct ip *b);

/* Sort ips[0..n) by ip_compare and keep each once. Returns how many are left. */
size_t ip_sort(struct ip *ips, size_t n);

#endif
