/* SPDX-License-Identifier: Apache-2.0
 *
 * registry_fuzz: what a stranger sends to a registry before anything is done: method and path, Range, Content-Range, and a manifest. Whatever passes must
 * be as strict as it says: a name, tag or digest that was accepted is a safe name of a file, a range lies within its blob. Needs depot_dep.
 *
 * The input is lines: METHOD, PATH, RANGE, CONTENT-RANGE, then the rest is a manifest.
 */
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "node/depot/document.h"
#include "node/depot/range.h"
#include "node/depot/route.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BLOB_SIZE 1000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static char *line(char **at)
{
	char *start = *at, *end = strchr(start, '\n');

	if (end)
		*end++ = '\0';
	*at = end ? end : start + strlen(start);
	return start;
}

static void check_name(const char *name)
{
	mem_cleanup char *copy = mem_strdup(name);
	char *rest = copy, *part;

	while ((part = strsep(&rest, "/")))
		must(fs_name_ok(part) && *part != '_' && *part != '.');
}

static void check_route(const char *method, const char *path)
{
	struct route r;

	route_parse(method, path, &r);
	if (r.wrong != ROUTE_WELL)
		return;
	if (*r.name)
		check_name(r.name);
	must(!*r.tag || (fs_name_ok(r.tag) && *r.tag != '.'));
	must(strspn(r.digest.hex, "0123456789abcdef") == strlen(r.digest.hex));
	must(strspn(r.upload, "0123456789abcdef") == strlen(r.upload));
	must(r.kind != ROUTE_UPLOAD || strlen(r.upload) == ROUTE_UPLOAD_DIGITS);
	must(r.kind != ROUTE_BLOB || strlen(r.digest.hex) >= 64);
}

static void check_ranges(const char *range, const char *chunk)
{
	struct range r = {0};

	if (range_parse(range, BLOB_SIZE, &r) == RANGE_PART)
		must(r.length > 0 && r.first < BLOB_SIZE && r.length <= BLOB_SIZE - r.first);
	if (range_parse_chunk(chunk, &r) == RANGE_PART)
		must(r.length > 0 && r.first + r.length > r.first);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	mem_cleanup char *text = mem_strndup((const char *)data, n);
	char *at = text, *method = line(&at), *path = line(&at), *range = line(&at), *chunk = line(&at);
	struct document doc;

	check_route(method, path);
	check_ranges(range, chunk);
	if (document_parse(at, strlen(at), NULL, &doc, NULL) == 0) {
		for (size_t i = 0; i < doc.n_refs; i++)
			must(strlen(doc.refs[i].digest.hex) >= 64);
		document_free(&doc);
	}
	return 0;
}
