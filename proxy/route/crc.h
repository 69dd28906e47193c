/*
 * crc.h - the two cyclic redundancy checks that keys are hashed with.
 * Pure. Layer: route. Includes: base/span.
 */
#ifndef ROUTE_CRC_H
#define ROUTE_CRC_H

#include <stdint.h>

#include "base/span.h"

/*
 * CRC-16/XMODEM in a 32-bit register that is never masked: its low half is the checksum, its high
 * half what the register pushed out. The rings of twemproxy look up all of it.
 */
uint32_t crc16_unmasked(struct span in);

/* CRC-32 as zlib, gzip and Ethernet have it. */
uint32_t crc32_ieee(struct span in);

#endif
