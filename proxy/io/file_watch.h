/*
 * file_watch.h - tells when the file at a path may have changed: written in place, renamed over, or
 * reached by another symlink.
 *
 * What is watched is its name in its directory, and likewise every symlink on the way, so that a
 * Kubernetes ConfigMap's swap (`..data` renamed) is seen too. It may tell of what is no change: whoever
 * is told looks. Layer: io. Includes: loop.
 */
#ifndef IO_FILE_WATCH_H
#define IO_FILE_WATCH_H

#include "io/loop.h"

struct file_watch;

/* on_change(arg) runs `quiet_ms` after the last sign of a change, so that one change is told once. */
NODISCARD struct file_watch *file_watch_new(struct loop *loop, const char *path, uint64_t quiet_ms,
					    void (*on_change)(void *arg), void *arg);
void file_watch_free(struct file_watch *watch); /* NULL is fine */

#endif
