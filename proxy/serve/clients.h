/*
 * clients.h - what is done to all clients of a worker: sweeps, drains, and who must go.
 * One worker's. Layer: serve. Includes: client.
 */
#ifndef SERVE_CLIENTS_H
#define SERVE_CLIENTS_H

#include "serve/client.h"

/* Close those that have been idle for longer than their pool allows. */
void clients_close_idle(struct clients *clients);

/* Close the one that holds most bytes, sent in part or unread: the memory limit is reached. */
void clients_close_slowest(struct clients *clients);

/* Take no more commands from anyone; on_empty is told when all have gone. */
void clients_drain(struct clients *clients);

/* client_renew() each. */
void clients_renew(struct clients *clients);

/* Close all now. */
void clients_close_all(struct clients *clients);

#endif
