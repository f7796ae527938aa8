/* SPDX-License-Identifier: Apache-2.0
 *
 * report: how errors and warnings are told: to the file of --log, one record each in the form of runc (containerd, podman and conmon read
 * it), and errors to standard error for a person.
 */
#pragma once

#include <stdbool.h>

struct err;

/* `file`: NULL = standard error; "file:PATH" and PATH. `format`: "text" or "json". */
int report_open(const char *file, const char *format, bool debug, struct err *err);
void report_error(const char *text);
void report_warning(const char *text);
void report_debug(const char *text);
