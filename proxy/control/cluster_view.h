/*
 * cluster_view.h - what one node of a Redis Cluster says of all -> a view.
 *
 * Read from CLUSTER NODES rather than CLUSTER SLOTS: it has the same slots, and besides who is whose
 * replica by ids that outlive addresses, who is failing, and nodes that serve nothing (yet); that
 * tells whether the node that answers sees most of the cluster itself.
 *
 *      ID HOST:PORT@BUS[,HOSTNAME] FLAGS PRIMARY|- PING PONG EPOCH LINK SLOT|FIRST-LAST|[MOVING] ...
 *
 * Pure but for the view it makes. Layer: control. Includes: base/error, base/span, found.
 */
#ifndef CONTROL_CLUSTER_VIEW_H
#define CONTROL_CLUSTER_VIEW_H

#include "base/error.h"
#include "base/span.h"
#include "control/found.h"
#include "route/dist.h"

#define CLUSTER_ID	  40   /* hexadecimal digits of a node's id */
#define CLUSTER_NODES_MAX 2048 /* Redis itself advises against more than 1,000 */

struct cluster_node {
	char id[CLUSTER_ID + 1];
	char primary[CLUSTER_ID + 1];	/* whose replica it is; "": it is none */
	char address[ADDRESS_TEXT_MAX]; /* "": not known */
	bool is_myself, is_primary;
	bool is_failing; /* by its own word ("fail?") or by that of most primaries */
	struct slot_range *slots;
	size_t n_slots;
};

/* Zero-initialised is empty. */
struct cluster_view {
	struct cluster_node *nodes; /* by their ids */
	size_t n;
	uint64_t epoch; /* of the cluster, as INFO had it */
	bool is_ok;	/* the node says that the cluster is well */
};

/*
 * Read a whole reply to CLUSTER NODES to a view without nodes. The node that answers may not know its
 * own address: then it is the host that it was asked at. 0, or -1 with `error` and no nodes: of
 * what is no such reply, and where slots have two owners or one without an address.
 */
NODISCARD int cluster_read_nodes(struct span reply, const char *asked_host,
				 struct cluster_view *view, struct error *error);

/* Read a whole reply to CLUSTER INFO: is_ok and epoch. False if it is another reply. */
NODISCARD bool cluster_read_info(struct span reply, struct cluster_view *view);

/* Does the node that answered see more than half of the primaries that have slots? One that does not
 * is on the small side of a cut, whether it has noticed or not. */
bool cluster_view_has_majority(const struct cluster_view *view);

/* The node of an id, or NULL. */
const struct cluster_node *cluster_view_find(const struct cluster_view *view, const char *id);

/* The node that answered; NULL if there are no nodes. */
const struct cluster_node *cluster_view_myself(const struct cluster_view *view);

/* Do two views of one node say the same? */
NODISCARD bool cluster_view_equal(const struct cluster_view *a, const struct cluster_view *b);

void cluster_view_fini(struct cluster_view *view);

#endif
