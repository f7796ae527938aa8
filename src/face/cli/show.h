/* SPDX-License-Identifier: Apache-2.0
 *
 * show: members of a reply, as far as they are there, for showing them. A reply that lacks something is shown without
 * it.
 */
#pragma once

#include "base/wire/json.h"

#include <stdbool.h>
#include <stdint.h>

struct buf;

const char *show_str(yyjson_val *obj, const char *key, const char *otherwise);
int64_t show_int(yyjson_val *obj, const char *key, int64_t otherwise);
bool show_bool(yyjson_val *obj, const char *key);

/* A list of strings as one command line, words with blanks in quotes. */
void show_words(struct buf *out, yyjson_val *list);
/* "990 finished, 8 running" of {"finished": 990, "running": 8}, in the order of states in life; nothing for 0. */
void show_counts(struct buf *out, yyjson_val *counts);

/* finished, failed or canceled. */
bool show_job_ended(const char *state);
/* The exit status for a job that has ended: 0 when it finished (or its exit_with service's code), else its exit code
 * or 1. */
int show_job_status(yyjson_val *job);
