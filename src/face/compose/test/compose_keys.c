/* SPDX-License-Identifier: Apache-2.0
 *
 * Prints docs/formats/compose-keys.md from the schema; with the name of that file, compares instead and fails when
 * they differ.
 */
#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/core/fs.h"
#include "face/compose/schema.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static const char head[] =
    "# Compose keys\n\n"
    "Every key of the Compose specification, and what this version of berth does with it. Made from the tables of "
    "`src/face/compose/schema*.c`\n"
    "by the program `compose_keys`; a test fails when this file and the tables differ. `NAME` stands for any name.\n\n"
    "- **works**: does what the specification says, as far as the remark does not limit it.\n"
    "- **later**: an error that names the key, unless its value asks for nothing (`false`, `[]`, `{}`, nothing).\n"
    "- **no effect**: a warning; the service works the same without it.\n\n"
    "Keys that start with `x-` are allowed everywhere and ignored, but for `x-berth`. Any other key is an error with "
    "the nearest known one.\n";

struct part {
	const char *title, *path;
	const struct schema *table;
};

static const struct part parts[] = {{"Top level", "", schema_top},
				    {"Service", "services.NAME.", schema_service},
				    {"Deploy", "services.NAME.deploy.", schema_deploy},
				    {"Build", "services.NAME.build.", schema_build},
				    {"Volumes", "volumes.NAME.", schema_volumes},
				    {"Networks", "networks.NAME.", schema_networks},
				    {"Secrets and configs", "secrets.NAME., configs.NAME.", schema_sources},
				    {"x-berth at the top", "x-berth.", schema_berth_top},
				    {"x-berth of a service", "services.NAME.x-berth.", schema_berth_service}};

static bool has_own_part(const struct schema *table)
{
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (parts[i].table == table)
			return true;
	return false;
}

static void add_rows(struct buf *b, const struct schema *table, const char *prefix)
{
	static const char *const support[] = {"works", "later", "no effect"};

	for (const struct schema *s = table; s->name; s++) {
		const struct schema *below = s->fields ? s->fields : s->item ? s->item->fields : NULL;
		const char *name = s->item && (s->shapes & S_NAMES) ? ".NAME" : "";
		mem_cleanup char *path = mem_printf("%s%s%s.", prefix, s->name, below ? name : "");

		buf_printf(b, "| `%s%s` | %s | %s |\n", prefix, s->name, support[s->support],
			   s->remark ? s->remark : "");
		if (below && !has_own_part(below))
			add_rows(b, below, path);
	}
}

static void add_all(struct buf *b)
{
	buf_adds(b, head);
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		buf_printf(b, "\n## %s\n\n", parts[i].title);
		if (*parts[i].path)
			buf_printf(b, "Below `%s`:\n\n", parts[i].path);
		buf_adds(b, "| key | support | remark |\n|---|---|---|\n");
		add_rows(b, parts[i].table, "");
	}
}

int main(int argc, char **argv)
{
	struct buf b = BUF_INIT;
	mem_cleanup char *text = NULL;
	struct err err = ERR_INIT;
	size_t len = 0;
	int result = 0;

	add_all(&b);
	if (argc < 2) {
		fputs(buf_str(&b), stdout);
	} else if (fs_read(AT_FDCWD, argv[1], 1 << 20, &text, &len, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		result = 1;
	} else if (len != b.len || memcmp(text, b.data, len) != 0) {
		fprintf(stderr, "%s differs from the tables of the schema; write it anew with compose_keys\n", argv[1]);
		result = 1;
	}
	buf_free(&b);
	return result;
}
