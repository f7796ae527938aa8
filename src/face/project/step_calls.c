/* SPDX-License-Identifier: Apache-2.0 */
#include "face/project/step_calls.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/http_client.h"
#include "face/cli/show.h"
#include "face/project/hooks.h"
#include "face/project/project.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define TAR_BLOCK 512

int step_nothing(struct step *s, struct err *err)
{
	(void)err;
	step_end(s);
	return 0;
}

char *step_stop_target(const struct project *p, const char *id)
{
	if (p->timeout < 0)
		return mem_printf("/containers/%s/stop", id);
	return mem_printf("/containers/%s/stop?t=%" PRId64, id, p->timeout);
}

char *step_create_target(yyjson_val *def, const char *name)
{
	const char *platform = show_str(def, "platform", "");
	mem_cleanup char *safe = http_url_encode(name), *safe_platform = http_url_encode(platform);

	return mem_printf("/v1.44/containers/create?name=%s%s%s", safe, *platform ? "&platform=" : "", safe_platform);
}

/* ---- files in a tar (POSIX ustar) ---- */

static void octal(char *field, size_t n, uint64_t value)
{
	for (size_t i = n - 1; i-- > 0; value >>= 3)
		field[i] = (char)('0' + (value & 7));
}

static int add_file(struct buf *tar, const char *path, const char *text, yyjson_val *v, struct err *err)
{
	char h[TAR_BLOCK] = {0};
	size_t n = strlen(text), pad = (TAR_BLOCK - n % TAR_BLOCK) % TAR_BLOCK;
	yyjson_val *mode = yyjson_obj_get(v, "mode");
	unsigned sum = 0;

	path += *path == '/';
	if (strlen(path) >= 100)
		return err_set(err, EINVAL, "the path /%s is too long for a secret or config", path);
	memcpy(h, path, strlen(path));
	octal(h + 100, 8,
	      yyjson_is_str(mode) ? strtoull(yyjson_get_str(mode), NULL, 8)
	      : mode		  ? yyjson_get_uint(mode)
				  : 0444);
	octal(h + 108, 8, strtoull(show_str(v, "uid", "0"), NULL, 10));
	octal(h + 116, 8, strtoull(show_str(v, "gid", "0"), NULL, 10));
	octal(h + 124, 12, n);
	octal(h + 136, 12, 0);
	memset(h + 148, ' ', 8);
	h[156] = '0';
	memcpy(h + 257,
	       "ustar\0"
	       "00",
	       8);
	for (size_t i = 0; i < sizeof h; i++)
		sum += (unsigned char)h[i];
	octal(h + 148, 7, sum);
	buf_add(tar, h, sizeof h);
	buf_add(tar, text, n);
	memset(h, 0, sizeof h);
	return buf_add(tar, h, pad) < 0 ? err_set(err, E2BIG, "secrets and configs are too large") : 0;
}

static int add_section(struct buf *tar, const struct project *p, yyjson_val *def, const char *section,
		       const char *folder, struct err *err)
{
	yyjson_val *all = yyjson_obj_get(yyjson_doc_get_root(p->doc), section), *v;
	size_t i, n;
	int r = 0;

	yyjson_arr_foreach (yyjson_obj_get(def, section), i, n, v) {
		const char *source = show_str(v, "source", ""), *target = show_str(v, "target", source);
		mem_cleanup char *path = *target == '/' ? mem_strdup(target) : mem_printf("%s%s", folder, target);
		yyjson_val *text = yyjson_obj_get(yyjson_obj_get(all, source), "content");

		if (yyjson_is_str(text) && r == 0)
			r = add_file(tar, path, yyjson_get_str(text), v, err);
	}
	return r;
}

int step_contents(struct step *s, const struct project *p, yyjson_val *def, const char *id, step_reply_fn reply,
		  struct err *err)
{
	struct buf tar buf_cleanup = BUF_INIT;
	static const char end[2 * TAR_BLOCK];
	mem_cleanup char *target = mem_printf("/containers/%s/archive?path=/", id);

	if (add_section(&tar, p, def, "secrets", "/run/secrets/", err) < 0 ||
	    add_section(&tar, p, def, "configs", "/", err) < 0)
		return -err->code;
	if (tar.len == 0)
		return reply(s, NULL, NULL, err);
	buf_add(&tar, end, sizeof end);
	return step_send_tar(s, target, tar.data, tar.len, reply, err);
}

/* ---- removing ---- */

int step_gone(struct step *s, yyjson_val *reply, const struct err *failed, struct err *err)
{
	return step_done(s, reply, failed && failed->code == ENOENT ? NULL : failed, err);
}

static int remove_it(struct step *s, yyjson_val *reply, const struct err *failed, struct err *err)
{
	const struct member *m = s->ctx;
	mem_cleanup char *target =
	    mem_printf("/containers/%s?%s%s", m->id, s->kills ? "force=1" : "", s->other ? "&v=1" : "");

	(void)reply;
	if (failed && failed->code != ENOENT)
		return err_set(err, failed->code, "%s: %s", s->subject, failed->text);
	return step_call(s, "DELETE", target, NULL, step_gone, err);
}

static int begin_remove(struct step *s, struct err *err)
{
	return remove_it(s, NULL, NULL, err);
}

static int stop_it(struct step *s, yyjson_val *reply, const struct err *failed, struct err *err)
{
	(void)reply;
	(void)failed;
	return step_call(s, "POST", s->target, NULL, remove_it, err);
}

static int begin_stop(struct step *s, struct err *err)
{
	return hooks_before_stop(s, steps_project(s->plan), s->ctx, stop_it, err);
}

struct step *step_remove(struct steps *plan, struct project *p, const struct member *m, bool volumes, bool kills)
{
	mem_cleanup char *subject = mem_printf("Container %s", m->name);
	struct step *s =
	    steps_add(plan, subject, "Removing", "Removed", member_runs(m) ? begin_stop : begin_remove, (void *)m);

	s->other = volumes ? s : NULL;
	s->kills = kills;
	s->target = member_runs(m) ? step_stop_target(p, m->id) : NULL;
	return s;
}
