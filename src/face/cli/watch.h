/* SPDX-License-Identifier: Apache-2.0
 *
 * watch: waits for the end of a job and shows its progress on stderr: a repainted block on a terminal, lines
 * elsewhere.
 *
 * Events say when to look (GET /v1/events?follow=1; pace.h), the job itself says what to show (GET /v1/jobs/ID). When
 * berth goes away the watch waits for it to come back: jobs survive that.
 */
#pragma once

#include "base/wire/json.h"

#include <stdbool.h>

struct cli;
struct err;

/* 0 with the last state of the ended job; -EINTR when the user interrupted; or another negative errno. */
int watch_job(struct cli *cli, const char *id, bool quiet, yyjson_doc **ret_job, struct err *err);

/* Prints how the job ended, and for the first copies that failed their error and last log lines, on stderr. */
void watch_report(struct cli *cli, yyjson_val *job);
