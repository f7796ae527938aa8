/* SPDX-License-Identifier: Apache-2.0
 *
 * The keys of services.NAME.build. All of them come with the builder.
 */
#include "face/compose/schema.h"

#include <stdlib.h>

#define LATER(name)                                                                                                    \
	{                                                                                                              \
		name, S_ANY, SCHEMA_LATER                                                                              \
	}

const struct schema schema_build[] = {LATER("additional_contexts"),
				      LATER("args"),
				      LATER("cache_from"),
				      LATER("cache_to"),
				      LATER("context"),
				      LATER("dockerfile"),
				      LATER("dockerfile_inline"),
				      LATER("entitlements"),
				      LATER("extra_hosts"),
				      LATER("isolation"),
				      LATER("labels"),
				      LATER("network"),
				      LATER("no_cache"),
				      LATER("no_cache_filter"),
				      LATER("platforms"),
				      LATER("privileged"),
				      LATER("provenance"),
				      LATER("pull"),
				      LATER("sbom"),
				      LATER("secrets"),
				      LATER("shm_size"),
				      LATER("ssh"),
				      LATER("tags"),
				      LATER("target"),
				      LATER("ulimits"),
				      {NULL}};
