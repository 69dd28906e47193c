/*
 * Any bytes as a node's answer to ROLE, or to INFO replication: a role, whose leader can be connected
 * to if it has one, or none.
 */
#include <assert.h>
#include <stdint.h>

#include "control/role_reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_role(const struct role_reply *role)
{
	struct address address;
	struct error error;

	assert(role->kind == ROLE_PRIMARY || role->kind == ROLE_REPLICA ||
	       role->kind == ROLE_SENTINEL);
	assert(role->kind == ROLE_REPLICA || (!role->is_linked && role->leader[0] == '\0'));
	if (role->leader[0] == '\0')
		return;
	assert(address_parse(role->leader, 0, &address, &error) == 0);
	assert(!address.is_unix && address.port > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span reply = span_make((const char *)data, size);
	struct role_reply role;

	if (role_read(reply, &role))
		check_role(&role);
	if (role_read_info(reply, &role))
		check_role(&role);
	return 0;
}
