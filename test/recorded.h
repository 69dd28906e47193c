/*
 * recorded.h - replies of real servers, kept as the corpora of the fuzzers that read them.
 */
#ifndef TEST_RECORDED_H
#define TEST_RECORDED_H

#include "base/span.h"

/* The file test/fuzz/corpus/NAME ("sentinel/replicas"), of at most 64 KiB; the caller frees p. */
struct span recorded(const char *test_dir, const char *name);

#endif
