/* SPDX-License-Identifier: Apache-2.0
 *
 * help: texts made of the tables of verbs and options.
 */
#pragma once

#include "face/cli/options.h"

#include <stdio.h>

struct oci_verb;

extern const struct oci_verb *const oci_verbs[]; /* ended by NULL */
extern const struct option_spec oci_global_options[];

void oci_help(FILE *to);
void oci_help_verb(const struct oci_verb *v, FILE *to);
