/* SPDX-License-Identifier: Apache-2.0
 *
 * solve_options: the words of BuildKit's Dockerfile frontend ("build-arg:NAME", "filename", ...), of exporters and of caches as options of a build.
 * Source: moby/buildkit frontend/dockerui/config.go, exporter/containerimage/exptypes.
 */
#pragma once

#include "base/wire/json.h"
#include "node/build/build.h"

struct err;

enum solve_export { SOLVE_NOTHING, SOLVE_IMAGE, SOLVE_LOCAL, SOLVE_TAR };

struct solve_options {
	struct build_options o; /* its lists are below */
	char **tags, **args, **labels, **contexts, **hosts, **stages, **ulimits, **cache_from, **cache_to;
	char *context;
	const char *key;    /* of the client's directories (client.h), or NULL */
	const char *upload; /* of a context that the client uploads: its path */
	yyjson_val *inputs; /* images of the inputs, by their names */
	enum solve_export export;
	bool check; /* only the rules: "frontend.lint" */
	bool body;  /* the context is the body of the request */
};

/* The request stays the caller's, and must outlive *ret. */
int solve_options_read(yyjson_val *request, struct solve_options *ret, struct err *err);
void solve_options_free(struct solve_options *s);
