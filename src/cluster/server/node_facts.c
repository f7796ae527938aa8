/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/server/node_facts.h"

#include "base/core/buf.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "cluster/server/fleet.h"
#include "cluster/server/server_private.h"
#include "cluster/server/sources.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#define FLAGS_MAX 256
#define IMAGES_MAX 500
#define DATA_MAX 200

bool node_facts_name_ok(const char *name)
{
	for (const char *p = name; *p; p++) {
		if (!isalnum((unsigned char)*p) && !strchr("._:/@+-", *p))
			return false;
	}
	return *name;
}

bool node_facts_value_ok(const char *value)
{
	for (const char *p = value; p && *p; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return false;
	}
	return true;
}

static void add(struct buf *out, const char *prefix, const char *name, const char *value)
{
	if (node_facts_name_ok(name) && node_facts_value_ok(value))
		buf_printf(out, "%s%s %s\n", prefix, name, value);
}

static void add_flags(struct buf *out, yyjson_val *flags)
{
	yyjson_val *flag;
	size_t i, n;

	yyjson_arr_foreach (flags, i, n, flag) {
		if (i < FLAGS_MAX && yyjson_is_str(flag))
			add(out, "has.", yyjson_get_str(flag), "");
	}
}

/* What the agent may say; anything else is for people only. */
static const char *const texts[] = {"version", "kernel", "arch", "spaces", NULL};
static const char *const numbers[] = {"cores", "numa", "numa_cores", "numa_memory",	      "sockets",
				      "gpus",  "disk", "disk_free",  SCHED_FACT_GPUS_BY_HAND, NULL};

#define ID_DIGITS 16

/* Which image the name means: the beginning of a digest. */
static const char *id_of(yyjson_val *ids, yyjson_val *name)
{
	const char *id = yyjson_get_str(yyjson_obj_getn(ids, yyjson_get_str(name), yyjson_get_len(name)));

	return id && *id && strlen(id) <= ID_DIGITS && strspn(id, "0123456789abcdef") == strlen(id) ? id : NULL;
}

/* Their bytes, by name, and which they are: "123/0a1b". */
static void add_images(struct buf *out, yyjson_val *images, yyjson_val *ids)
{
	yyjson_val *name, *bytes;
	size_t i, n;

	yyjson_obj_foreach (images, i, n, name, bytes) {
		/* One that takes no room is there, too. */
		uint64_t size = yyjson_get_uint(bytes) ? yyjson_get_uint(bytes) : 1;

		const char *id = id_of(ids, name);

		if (i < IMAGES_MAX && node_facts_name_ok(yyjson_get_str(name)))
			buf_printf(out, "has.image.%s %" PRIu64 "%s%s\n", yyjson_get_str(name), size, id ? "/" : "",
				   id ? id : "");
	}
}

/* "volume.x", "space.global": what lies there. */
static void add_data(struct buf *out, yyjson_val *data)
{
	yyjson_val *item;
	size_t i, n;

	yyjson_arr_foreach (data, i, n, item) {
		const char *name = yyjson_get_str(item);

		if (i < DATA_MAX && name && (!strncmp(name, "volume.", 7) || !strncmp(name, "space.", 6)))
			add(out, "has.", name, "");
	}
}

static void add_said(struct buf *out, const struct node *n, yyjson_val *facts)
{
	buf_printf(out, "os linux\nrole %s\n", n->session->name[0] ? "worker" : "manager");
	for (const char *const *name = texts; *name; name++) {
		const char *value = yyjson_get_str(yyjson_obj_get(facts, *name));

		if (value && *value)
			add(out, "", *name, value);
	}
	for (const char *const *name = numbers; *name; name++) {
		yyjson_val *value = yyjson_obj_get(facts, *name);

		if (yyjson_is_uint(value))
			buf_printf(out, "%s %" PRIu64 "\n", *name, yyjson_get_uint(value));
	}
	add_flags(out, yyjson_obj_get(facts, "cpu_flags"));
	add_data(out, yyjson_obj_get(facts, "data"));
	add_images(out, yyjson_obj_get(facts, "images"), yyjson_obj_get(facts, "image_ids"));
}

/* What the owner of its node source says of it. */
static void add_source(struct buf *out, const struct node *n)
{
	const struct source *src = sources_of(n->server, n->name);

	if (!src)
		return;
	add(out, "", "source", src->name);
	if (src->spec->zone[0])
		add(out, "", "zone", src->spec->zone);
	if (src->spec->price > 0)
		buf_printf(out, "price %.6g\n", src->spec->price);
}

static bool is_own(const char *line)
{
	static const char *const names[] = {"labels.", "source ", "zone ", "price "};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (!strncmp(line, names[i], strlen(names[i])))
			return true;
	}
	return false;
}

/* Who is not connected is known as it was, but for its labels and what its source says. */
static void add_known(struct buf *out, const struct node *n)
{
	struct sched_node_view v;
	const char *line = fleet_view(n->server, n->name, &v) && v.facts ? v.facts : "";

	for (const char *end; (end = strchr(line, '\n')); line = end + 1) {
		if (!is_own(line))
			buf_add(out, line, (size_t)(end - line) + 1);
	}
}

static void add_labels(struct buf *out, yyjson_val *labels)
{
	yyjson_val *key, *value;
	size_t i, n;

	yyjson_obj_foreach (labels, i, n, key, value) {
		if (yyjson_is_str(value))
			add(out, "labels.", yyjson_get_str(key), yyjson_get_str(value));
	}
}

char *node_facts_text(const struct node *n, const char *labels)
{
	json_doc_cleanup yyjson_doc *facts = n->facts ? yyjson_read(n->facts, strlen(n->facts), 0) : NULL;
	json_doc_cleanup yyjson_doc *wished = labels ? yyjson_read(labels, strlen(labels), 0) : NULL;
	struct buf out = BUF_LIMIT(SCHED_FACTS_TEXT_MAX);

	/* There may be more than there is room for: images, which come last, are a matter of cost, and the others of where a job may run. */
	add_source(&out, n);
	add_labels(&out, yyjson_doc_get_root(wished));
	if (n->session)
		add_said(&out, n, yyjson_doc_get_root(facts));
	else
		add_known(&out, n);
	return buf_take(&out);
}

void node_facts_tell(struct node *n)
{
	mem_cleanup char *text = node_facts_text(n, fleet_labels(n));
	struct ingest in = {.event = {.type = SCHED_EV_NODE_FACTS, .node = n->name, .facts = text}, .keep = true};
	struct sched_node_view v;

	if (fleet_view(n->server, n->name, &v) && v.facts && !strcmp(v.facts, text))
		return;
	n->n_telling++;
	ingest(n->server, &in);
}
