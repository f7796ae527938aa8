/* SPDX-License-Identifier: Apache-2.0 */
#include "face/project/watch_rule.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "face/cli/show.h"
#include "face/project/project.h"
#include "node/build/ignore.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* What Compose never looks at: files that editors and version control make for themselves. */
static const char passing[] = "**/.git\n**/*~\n**/.*.swp\n**/.*.swx\n**/.*.swo\n**/4913\n**/.#*\n**/#*#\n**/.DS_Store\n"
			      "**/.idea\n**/*.kate-swp\n**/.goutputstream-*\n**/*___jb_old___\n**/*___jb_tmp___\n";

void watch_rules_free(struct watch_rules *r)
{
	for (size_t i = 0; i < r->n; i++) {
		ignore_free(r->v[i].passing);
		ignore_free(r->v[i].ignore);
		ignore_free(r->v[i].include);
		ignore_free(r->v[i].hidden);
	}
	free(r->v);
}

static int patterns(yyjson_val *list, struct ignore **ret, struct err *err)
{
	char **words cleanup_with(mem_strv_freep) = NULL;
	yyjson_val *v;
	size_t i, n;

	yyjson_arr_foreach (list, i, n, v) {
		mem_strv_add(&words, yyjson_get_str(v));
	}
	return words ? ignore_new(words, ret, err) : 0;
}

static int hidden(struct watch_rule *r, yyjson_val *build, struct err *err)
{
	const char *context = show_str(build, "context", "");
	mem_cleanup char *path = mem_printf("%s/.dockerignore", context), *text = NULL;
	fd_cleanup int fd = *context == '/' ? open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC) : -1;
	size_t n;
	int code;

	if (fd < 0)
		return 0;
	code = fd_read_all(fd, IGNORE_BYTES_MAX, &text, &n);
	if (code < 0)
		return err_sys(err, -code, "read \"%s\"", path);
	r->context = context;
	return ignore_parse(text, n, path, &r->hidden, err);
}

static unsigned actions_of(const char *word)
{
	static const struct {
		const char *word;
		unsigned actions;
	} known[] = {{"sync", WATCH_SYNC},
		     {"restart", WATCH_RESTART},
		     {"sync+restart", WATCH_SYNC | WATCH_RESTART},
		     {"sync+exec", WATCH_SYNC | WATCH_EXEC},
		     {"rebuild", WATCH_REBUILD}};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (!strcmp(known[i].word, word))
			return known[i].actions;
	}
	return 0;
}

static int add(struct watch_rules *list, const char *service, yyjson_val *build, yyjson_val *v, struct err *err)
{
	struct watch_rule *r;
	int code;

	mem_grow(&list->v, &list->cap, list->n);
	r = &list->v[list->n++];
	*r = (struct watch_rule){.service = service,
				 .path = show_str(v, "path", ""),
				 .target = show_str(v, "target", ""),
				 .actions = actions_of(show_str(v, "action", "")),
				 .exec = yyjson_obj_get(yyjson_obj_get(v, "exec"), "command"),
				 .initial = show_bool(v, "initial_sync")};
	if ((r->actions & WATCH_SYNC) && *r->target != '/')
		return err_set(err, EINVAL,
			       "service %s: develop.watch: \"%s\": a sync needs a target, an absolute path", service,
			       r->path);
	if ((r->actions & WATCH_REBUILD) && !yyjson_is_obj(build))
		return err_set(err, EINVAL, "service %s: develop.watch: \"%s\": there is no build to do again", service,
			       r->path);
	code = ignore_parse(passing, sizeof passing - 1, "what is never watched", &r->passing, err);
	if (code == 0)
		code = patterns(yyjson_obj_get(v, "ignore"), &r->ignore, err);
	if (code == 0)
		code = patterns(yyjson_obj_get(v, "include"), &r->include, err);
	return code < 0 ? code : hidden(r, build, err);
}

int watch_rules_read(const struct project *p, char *const *services, struct watch_rules *ret, struct err *err)
{
	yyjson_val *name, *service, *v;
	size_t i, n, j, m;
	int r = 0;

	yyjson_obj_foreach (p->services, i, n, name, service) {
		yyjson_val *list = yyjson_obj_get(yyjson_obj_get(service, "develop"), "watch");

		if (!project_in(services, yyjson_get_str(name)))
			continue;
		yyjson_arr_foreach (list, j, m, v) {
			if (r == 0)
				r = add(ret, yyjson_get_str(name), yyjson_obj_get(service, "build"), v, err);
		}
	}
	if (r == 0 && ret->n == 0)
		return err_set(err, EINVAL,
			       "none of the services has anything to watch; `develop: {watch: [...]}` says what");
	return r;
}

/* ---- whether it is meant ---- */

static const char *below(const char *above, const char *path)
{
	size_t n = strlen(above);

	if (strncmp(above, path, n) != 0 || (path[n] && path[n] != '/'))
		return NULL;
	return path + n + (path[n] == '/');
}

static bool is_dir(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

const char *watch_rule_below(const struct watch_rule *r, const char *path)
{
	const char *rest = below(r->path, path), *in_context = r->context ? below(r->context, path) : NULL;

	if (!rest)
		return NULL;
	if (ignore_match(r->passing, path + 1) || (r->ignore && *rest && ignore_match(r->ignore, rest)))
		return NULL;
	/* What is included may be below a directory that is not. */
	if (r->include && *rest && !ignore_match(r->include, rest) && !is_dir(path))
		return NULL;
	if (r->hidden && in_context && *in_context && ignore_match(r->hidden, in_context))
		return NULL;
	return rest;
}

char *watch_rule_target(const struct watch_rule *r, const char *rest)
{
	size_t n = strlen(r->target);

	while (n > 0 && r->target[n - 1] == '/')
		n--;
	return mem_printf("%.*s%s%s", (int)n, r->target, *rest ? "/" : "", rest);
}
