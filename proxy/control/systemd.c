#include "control/systemd.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "base/log.h"

#define STATUS_MAX 256 /* bytes of a status line; longer ones are cut */

/* A manager that cannot be told has gone, or waits in vain: either is worth a line. */
static void notify(const char *text)
{
	static struct log_site site;
	int err = sd_notify(0, text);

	if (err < 0)
		log_limited(&site, LOG_LEVEL_WARN, "the service manager cannot be told: %s",
			    strerror(-err));
}

void systemd_take_sockets(struct inherited *into)
{
	char **names = NULL;
	int n = sd_listen_fds_with_names(1, &names);

	if (n < 0)
		log_write(LOG_LEVEL_WARN, "LISTEN_FDS cannot be used: %s", strerror(-n));
	for (int i = 0; i < n; i++) {
		struct error error;

		if (inherited_add(into, SD_LISTEN_FDS_START + i, INHERITED_FOREIGN, &error) != 0)
			log_write(LOG_LEVEL_WARN, "LISTEN_FDS, %s: %s: closed", names[i],
				  error.text);
		free(names[i]);
	}
	free(names);
}

void systemd_ready(const char *status)
{
	char text[STATUS_MAX];

	snprintf(text, sizeof(text), "READY=1\nSTATUS=%s", status);
	notify(text);
}

void systemd_reloading(void)
{
	struct timespec now;
	char text[STATUS_MAX];

	/* The time tells the manager which READY=1 is the answer. */
	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(text, sizeof(text), "RELOADING=1\nSTATUS=Reloading\nMONOTONIC_USEC=%" PRIu64,
		 (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
	notify(text);
}

void systemd_stopping(const char *status)
{
	char text[STATUS_MAX];

	snprintf(text, sizeof(text), "STOPPING=1\nSTATUS=%s", status);
	notify(text);
}

void systemd_status(const char *fmt, ...)
{
	char text[STATUS_MAX] = "STATUS=";
	size_t len = strlen(text);
	va_list args;

	va_start(args, fmt);
	vsnprintf(text + len, sizeof(text) - len, fmt, args);
	va_end(args);
	notify(text);
}
