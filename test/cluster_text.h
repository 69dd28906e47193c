/*
 * cluster_text.h - answers of nodes of a Redis Cluster, written short.
 *
 * A node is a letter: its id is forty of its code's last digit and code, its address n:7001 for a, n:7002 for b
 * and so on. "a:0-99,200 b:100-199 x>a y>b!" are two primaries with their slots and a replica
 * of each, of which y fails; "c" alone is a primary without slots.
 */
#ifndef TEST_CLUSTER_TEXT_H
#define TEST_CLUSTER_TEXT_H

#include <stdint.h>

#include "control/cluster_view.h"

/* The id of a node. */
const char *cluster_id_of(char node);
uint16_t cluster_port_of(char node);

/* What node `myself` answers to CLUSTER NODES; borrowed until the program's end. */
const char *cluster_nodes_text(const char *nodes, char myself);

/* The view that it makes, well at epoch 1; the caller's to fini. */
struct cluster_view cluster_view_of(const char *nodes, char myself);

#endif
