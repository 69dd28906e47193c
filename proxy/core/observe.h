/*
 * observe.h - the two observation points of a request: begun and ended.
 * Layer: core. Includes: request.
 */
#ifndef CORE_OBSERVE_H
#define CORE_OBSERVE_H

#include "core/request.h"

/* A command was parsed. */
void observe_begin(struct request *request);

/* Its reply was handed to its client's socket. */
void observe_end(struct request *request);

#endif
