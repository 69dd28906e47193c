#include "core/session.h"

void session_changed(struct session *session)
{
	const struct pool *pool = session->pool;

	session->is_watched = pool->n_users > 0 || pool->n_policies > 0 || pool->reads_replicas ||
			      pool->coalesces || pool->settings.read_your_writes_ms > 0 ||
			      session->reads != READS_UNSET || session->reply != REPLY_ON ||
			      session->transaction != NULL || session->subscriber != NULL;
}

void session_login(struct session *session, const struct user *user)
{
	session->user = user;
	session->needs_auth = false;
	session->has_begun_login = false;
}

void session_logout(struct session *session)
{
	session->user = NULL;
	session->needs_auth = session->pool->n_users > 0;
	session->has_begun_login = false;
}

void session_init(struct session *session, const struct pool *pool)
{
	session->pool = pool;
	session_reset(session);
}

void session_reset(struct session *session)
{
	session_logout(session);
	session->kind = engine_usual_kind(session->pool);
	session->reads = READS_UNSET;
	session->reply = REPLY_ON;
	session->is_slow_ok = false;
	session_changed(session);
}
