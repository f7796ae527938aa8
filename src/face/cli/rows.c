/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/rows.h"

#include "base/core/buf.h"
#include "base/core/clock.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "face/cli/show.h"
#include "face/cli/text.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#define COMMAND_COLUMNS 20

static void add_id(yyjson_mut_doc *d, yyjson_mut_val *row, yyjson_val *from, bool whole)
{
	const char *id = show_str(from, "Id", "");
	mem_cleanup char *cut = text_id(id);

	yyjson_mut_obj_add_strcpy(d, row, "ID", whole ? id : cut);
}

static void add_times(yyjson_mut_doc *d, yyjson_mut_val *row, yyjson_val *from, const char *since)
{
	int64_t created = show_int(from, "Created", 0);
	time_t seconds = (time_t)created;
	char text[TEXT_MAX], ago[TEXT_MAX];
	struct tm tm;

	localtime_r(&seconds, &tm);
	strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S %z %Z", &tm);
	yyjson_mut_obj_add_strcpy(d, row, "CreatedAt", text);
	yyjson_mut_obj_add_strcpy(d, row, since, text_ago(ago, created * 1000, clock_wall_ms()));
}

static yyjson_doc *finish(yyjson_mut_doc *d)
{
	yyjson_doc *rows = yyjson_mut_doc_imut_copy(d, NULL);

	yyjson_mut_doc_free(d);
	return rows;
}

static yyjson_mut_val *begin(yyjson_mut_doc **ret)
{
	yyjson_mut_val *list;

	*ret = yyjson_mut_doc_new(NULL);
	list = yyjson_mut_arr(*ret);
	yyjson_mut_doc_set_root(*ret, list);
	return list;
}

/* ---- containers ---- */

static void add_names(yyjson_mut_doc *d, yyjson_mut_val *row, yyjson_val *c)
{
	buf_cleanup struct buf b = BUF_INIT;
	yyjson_val *name;
	size_t i, n;

	yyjson_arr_foreach (yyjson_obj_get(c, "Names"), i, n, name) {
		const char *text = yyjson_get_str(name);

		buf_printf(&b, "%s%s", i > 0 ? "," : "", text ? text + (*text == '/') : "");
	}
	yyjson_mut_obj_add_strcpy(d, row, "Names", buf_str(&b));
}

static void add_command(yyjson_mut_doc *d, yyjson_mut_val *row, yyjson_val *c, bool whole)
{
	const char *command = show_str(c, "Command", "");
	bool cut = !whole && text_width(command) > COMMAND_COLUMNS;
	size_t n = cut ? text_cut(command, COMMAND_COLUMNS - 2) : strlen(command);
	mem_cleanup char *text = mem_printf("\"%.*s%s\"", (int)n, command, cut ? ".." : "");

	yyjson_mut_obj_add_strcpy(d, row, "Command", text);
}

static void add_port(struct buf *b, yyjson_val *port)
{
	int64_t outside = show_int(port, "PublicPort", 0);
	const char *ip = show_str(port, "IP", "");

	if (b->len > 0)
		buf_adds(b, ", ");
	if (outside > 0)
		buf_printf(b, strchr(ip, ':') ? "[%s]:%" PRId64 "->" : "%s:%" PRId64 "->", ip, outside);
	buf_printf(b, "%" PRId64 "/%s", show_int(port, "PrivatePort", 0), show_str(port, "Type", "tcp"));
}

/* The names of an object's members, or of them and their values, or one member of each of a list; with commas. */
static void add_words(yyjson_mut_doc *d, yyjson_mut_val *row, const char *name, yyjson_val *from, const char *member)
{
	buf_cleanup struct buf b = BUF_INIT;
	yyjson_val *key, *value;
	size_t i, n;

	yyjson_obj_foreach (from, i, n, key, value) {
		buf_printf(&b, "%s%s", i > 0 ? "," : "", yyjson_get_str(key));
		if (yyjson_is_str(value))
			buf_printf(&b, "=%s", yyjson_get_str(value));
	}
	yyjson_arr_foreach (from, i, n, value) {
		const char *text = show_str(value, member, "");

		buf_printf(&b, "%s%s", i > 0 ? "," : "", *text ? text : show_str(value, "Source", ""));
	}
	yyjson_mut_obj_add_strcpy(d, row, name, buf_str(&b));
}

static void add_size(yyjson_mut_doc *d, yyjson_mut_val *row, yyjson_val *c)
{
	char own[TEXT_MAX], all[TEXT_MAX];
	mem_cleanup char *text = mem_printf("%s (virtual %s)", text_size(own, (uint64_t)show_int(c, "SizeRw", 0)),
					    text_size(all, (uint64_t)show_int(c, "SizeRootFs", 0)));

	yyjson_mut_obj_add_strcpy(d, row, "Size", yyjson_obj_get(c, "SizeRootFs") ? text : "");
}

yyjson_doc *rows_containers(yyjson_val *list, bool whole)
{
	yyjson_mut_doc *d;
	yyjson_mut_val *rows = begin(&d);
	yyjson_val *c, *port;
	size_t i, k, n, max;

	yyjson_arr_foreach (list, i, n, c) {
		yyjson_mut_val *row = yyjson_mut_arr_add_obj(d, rows);
		buf_cleanup struct buf ports = BUF_INIT;

		add_id(d, row, c, whole);
		yyjson_mut_obj_add_strcpy(d, row, "Image", show_str(c, "Image", ""));
		add_command(d, row, c, whole);
		add_times(d, row, c, "RunningFor");
		yyjson_mut_obj_add_strcpy(d, row, "State", show_str(c, "State", ""));
		yyjson_mut_obj_add_strcpy(d, row, "Status", show_str(c, "Status", ""));
		yyjson_arr_foreach (yyjson_obj_get(c, "Ports"), k, max, port) {
			add_port(&ports, port);
		}
		yyjson_mut_obj_add_strcpy(d, row, "Ports", buf_str(&ports));
		add_names(d, row, c);
		add_size(d, row, c);
		add_words(d, row, "Labels", yyjson_obj_get(c, "Labels"), NULL);
		add_words(d, row, "Mounts", yyjson_obj_get(c, "Mounts"), "Name");
		add_words(d, row, "Networks", yyjson_obj_get(yyjson_obj_get(c, "NetworkSettings"), "Networks"), NULL);
	}
	return finish(d);
}

/* ---- images ---- */

static void add_image(yyjson_mut_doc *d, yyjson_mut_val *rows, yyjson_val *image, const char *name, bool whole)
{
	yyjson_mut_val *row = yyjson_mut_arr_add_obj(d, rows);
	const char *tag = strrchr(name, ':'), *digest = NULL;
	mem_cleanup char *repository = NULL;
	char size[TEXT_MAX];
	yyjson_val *v;
	size_t i, n;

	if (!tag || strchr(tag, '/'))
		tag = name + strlen(name);
	repository = mem_strndup(name, (size_t)(tag - name));
	yyjson_arr_foreach (yyjson_obj_get(image, "RepoDigests"), i, n, v) {
		const char *at = yyjson_is_str(v) ? strchr(yyjson_get_str(v), '@') : NULL;

		if (at && (!digest || !strncmp(yyjson_get_str(v), repository, strlen(repository))))
			digest = at + 1;
	}
	add_id(d, row, image, whole);
	yyjson_mut_obj_add_strcpy(d, row, "Repository", *repository ? repository : "<none>");
	yyjson_mut_obj_add_strcpy(d, row, "Tag", *tag ? tag + 1 : "<none>");
	yyjson_mut_obj_add_strcpy(d, row, "Digest", digest ? digest : "<none>");
	add_times(d, row, image, "CreatedSince");
	yyjson_mut_obj_add_strcpy(d, row, "Size", text_size(size, (uint64_t)show_int(image, "Size", 0)));
}

yyjson_doc *rows_images(yyjson_val *list, bool whole)
{
	yyjson_mut_doc *d;
	yyjson_mut_val *rows = begin(&d);
	yyjson_val *image, *name;
	size_t i, k, n, max;

	yyjson_arr_foreach (list, i, n, image) {
		yyjson_val *names = yyjson_obj_get(image, "RepoTags");

		yyjson_arr_foreach (names, k, max, name) {
			add_image(d, rows, image, yyjson_is_str(name) ? yyjson_get_str(name) : "", whole);
		}
		if (yyjson_arr_size(names) == 0)
			add_image(d, rows, image, "", whole);
	}
	return finish(d);
}
