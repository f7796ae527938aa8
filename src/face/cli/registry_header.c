/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/registry_header.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "node/registry/base64.h"
#include "node/registry/docker_config.h"
#include "node/registry/name.h"

#include <string.h>

/* In the alphabet of URLs (RFC 4648 section 5), as docker writes it. */
static char *line(const char *header, char *json)
{
	mem_cleanup char *text = base64_text(json, strlen(json));
	char *all;

	explicit_bzero(json, strlen(json));
	for (char *p = text; *p; p++) {
		if (*p == '+')
			*p = '-';
		else if (*p == '/')
			*p = '_';
	}
	all = mem_printf("%s: %s\r\n", header, text);
	explicit_bzero(text, strlen(text));
	return all;
}

int registry_header_one(const char *image, char **ret, struct err *err)
{
	cleanup_with(name_free) struct name name = NAME_INIT;
	mem_cleanup char *json = NULL;
	int r = name_parse(image, &name, err);

	if (r == 0)
		r = docker_config_one(name.host, &json, err);
	if (r == 0)
		*ret = line("X-Registry-Auth", json);
	return r;
}

int registry_header_all(char **ret, struct err *err)
{
	mem_cleanup char *json = NULL;
	int r = docker_config_all(&json, err);

	*ret = r == 0 && json ? line("X-Registry-Config", json) : NULL;
	return r;
}
