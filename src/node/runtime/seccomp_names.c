/* SPDX-License-Identifier: Apache-2.0 */
#include "node/runtime/seccomp_names.h"

#include <stdlib.h>
#include <string.h>

static int compare(const void *key, const void *row)
{
	return strcmp(key, seccomp_names_text + ((const struct seccomp_name *)row)->text);
}

const struct seccomp_name *seccomp_name_find(const char *name)
{
	return bsearch(name, seccomp_names, seccomp_n_names, sizeof *seccomp_names, compare);
}
