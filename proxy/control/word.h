/*
 * word.h - the words that settings may have, each list in the order of its enum and then NULL.
 * Layer: control. Includes: nothing of the project.
 */
#ifndef CONTROL_WORD_H
#define CONTROL_WORD_H

#include <stddef.h>

const char *word_level(size_t i);	  /* enum log_level */
const char *word_format(size_t i);	  /* bool: text or json */
const char *word_node_protocol(size_t i); /* enum node_protocol */
const char *word_protocol(size_t i);	  /* enum pool_protocol */
const char *word_multiget(size_t i);	  /* enum multiget_errors */
const char *word_down(size_t i);	  /* enum on_down */
const char *word_distribution(size_t i);  /* enum dist_kind */
const char *word_hash(size_t i);	  /* enum hash_kind */
const char *word_reads(size_t i);	  /* enum reads */
const char *word_choice(size_t i);	  /* enum replica_choice */
const char *word_identity(size_t i);	  /* enum identity */
const char *word_bool(size_t i);	  /* bool */
const char *word_mode(size_t i);	  /* enum failover_mode */
const char *word_return(size_t i);	  /* enum on_return */

#endif
