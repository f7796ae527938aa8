/* SPDX-License-Identifier: Apache-2.0 */
#include "face/compose/volumes.h"

#include "face/compose/edit.h"
#include "face/compose/loader.h"
#include "face/compose/read.h"

#include <string.h>
#include <strings.h>

static bool is_path(const char *source)
{
	return source && *source && strchr("./~", *source);
}

static void put_in(struct loader *l, struct node *mount, const char *group, const char *key, struct node *value)
{
	struct node *map = node_get(mount, group);

	if (!map) {
		map = edit_map(l, mount);
		edit_put(l, mount, group, map);
	}
	if (key)
		edit_put(l, map, key, value);
}

static void read_option(struct loader *l, struct node *mount, const char *option)
{
	static const char *const propagation[] = {"rprivate", "private", "rshared", "shared", "rslave", "slave"};

	if (strcmp(option, "ro") == 0)
		edit_put(l, mount, "read_only", edit_plain(l, mount, "true"));
	else if (strcmp(option, "rw") == 0)
		edit_remove(mount, "read_only");
	else if (strcmp(option, "nocopy") == 0)
		put_in(l, mount, "volume", "nocopy", edit_plain(l, mount, "true"));
	else if (strcasecmp(option, "z") == 0)
		put_in(l, mount, "bind", "selinux", edit_text(l, mount, option));
	for (size_t i = 0; i < sizeof propagation / sizeof *propagation; i++)
		if (strcmp(option, propagation[i]) == 0)
			put_in(l, mount, "bind", "propagation", edit_text(l, mount, option));
}

static void fill(struct loader *l, struct node *n, char *source, char *target, char *options)
{
	char *save = NULL;

	edit_become(n, NODE_MAP);
	edit_put(l, n, "type", edit_text(l, n, is_path(source) ? "bind" : "volume"));
	if (source)
		edit_put(l, n, "source", edit_text(l, n, source));
	edit_put(l, n, "target", edit_text(l, n, loader_tidy(l, target)));
	for (char *o = options ? strtok_r(options, ",", &save) : NULL; o; o = strtok_r(NULL, ",", &save))
		read_option(l, n, o);
	if (is_path(source))
		put_in(l, n, "bind", "create_host_path", edit_plain(l, n, "true"));
	else
		put_in(l, n, "volume", NULL, NULL);
}

static void expand_text(struct loader *l, struct node *n)
{
	char *text = arena_strdup(&l->arena, n->text), *target = strchr(text, ':'), *options = NULL;

	if (target) {
		*target++ = '\0';
		options = strchr(target, ':');
	}
	if (options)
		*options++ = '\0';
	if (!*text || (target && !*target) || (options && (!*options || strchr(options, ':')))) {
		message_error(l, n, "[SOURCE:]TARGET[:OPTIONS] is needed, not \"%s\"; for example ./data:/data:ro",
			      n->text);
		n->bad = n->text;
		return;
	}
	if (target)
		fill(l, n, text, target, options);
	else
		fill(l, n, NULL, text, NULL);
}

void volumes_expand(struct loader *l, struct node *n)
{
	struct node *mount, *source;

	for (size_t i = 0; n->kind == NODE_LIST && i < n->n; i++) {
		mount = n->items[i];
		if (mount->kind == NODE_SCALAR && !loader_is_open(l, mount))
			expand_text(l, mount);
		source = node_value(mount, "source");
		if (strcmp(read_str(mount, "type", ""), "bind") != 0)
			continue;
		if (source && source->kind == NODE_SCALAR)
			loader_absolute(l, source);
		else if (!source)
			message_error(l, mount, "a bind mount needs a source; for example source: ./data");
	}
}
