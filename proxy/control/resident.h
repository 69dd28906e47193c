/*
 * resident.h - how much memory the process holds.
 * Layer: control. Includes: nothing of the project.
 */
#ifndef CONTROL_RESIDENT_H
#define CONTROL_RESIDENT_H

#include <stdint.h>

/* Bytes of resident memory, as /proc/self/statm has them; 0 without /proc. */
uint64_t resident_bytes(void);

#endif
