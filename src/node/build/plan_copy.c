/* SPDX-License-Identifier: Apache-2.0 */
#include "node/build/plan_impl.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "node/build/git_url.h"
#include "node/build/ignore.h"
#include "node/build/lint.h"

#include <string.h>
#include <strings.h>

#define KEEP (&x->p->keep)

static bool is_url(const char *s)
{
	return !strncmp(s, "http://", 7) || !strncmp(s, "https://", 8);
}

static void lint_source(struct plan_expand *x, const struct step_copy *c, const char *source)
{
	const struct ignore *ignore = x->lint ? x->lint->ignore : NULL;
	const char *path;

	if (!ignore || c->from != STEP_FROM_CONTEXT || is_url(source) || git_url_is(source))
		return;
	path = plan_text_path(KEEP, "/", source);
	if (path[1] && !ignore_may_include_below(ignore, path + 1) && ignore_match(ignore, path + 1))
		lint_add(x->lint, LINT_COPY_IGNORED_FILE, x->line,
			 "Attempting to %s file \"%s\" that is excluded by .dockerignore",
			 x->i->kind == DOCKERFILE_ADD ? "Add" : "Copy", path + 1);
}

static int add_source(struct plan_expand *x, struct step_copy *c, const char *word, struct keep_list *sources)
{
	char *source;
	int r = plan_word(x, word, &source);

	if (r < 0)
		return r;
	if (!*source)
		return PLAN_ERR(x->p, x->line, x->err, EINVAL, "%s: the source \"%.100s\" is empty", x->step->name,
				word);
	if (x->i->kind == DOCKERFILE_COPY && (is_url(source) || git_url_is(source)))
		return PLAN_ERR(x->p, x->line, x->err, EINVAL, "COPY %.200s: only ADD can download", source);
	lint_source(x, c, source);
	keep_list_add(KEEP, sources, source);
	return 0;
}

/* The heredoc of a source word becomes a file. 1 when the word is one. */
static int add_file(struct plan_expand *x, struct step_copy *c, const char *word)
{
	struct dockerfile_heredoc h = {0};
	mem_cleanup char *name = NULL;
	struct step_file *f = &c->files[c->n_files];

	if (x->i->json || dockerfile_heredoc_word(word, &h, NULL) != 1)
		return 0;
	name = h.name;
	for (size_t i = 0; i < x->i->n_heredocs; i++) {
		const struct dockerfile_heredoc *doc = &x->i->heredocs[i];
		char *text = doc->content;
		int r = 0;

		if (strcmp(doc->name, name) != 0)
			continue;
		if (strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, ".."))
			return PLAN_ERR(x->p, x->line, x->err, EINVAL, "%s <<%.100s: a file needs a plain name",
					x->step->name, name);
		if (doc->chomp)
			text = keep_own_str(KEEP, dockerfile_chomp(text));
		if (doc->expand)
			r = plan_heredoc(x, text, &text);
		f->name = doc->name;
		f->content = text;
		c->n_files++;
		return r < 0 ? r : 1;
	}
	return 0;
}

static int set_sources(struct plan_expand *x, struct step_copy *c, size_t n)
{
	struct keep_list sources = {0};

	c->files = keep_new_n(KEEP, struct step_file, n);
	for (size_t i = 0; i < n; i++) {
		int r = add_file(x, c, x->i->args[i]);

		if (r == 0)
			r = add_source(x, c, x->i->args[i], &sources);
		if (r < 0)
			return r;
	}
	c->sources = keep_list_end(KEEP, &sources);
	return 0;
}

static int set_dest(struct plan_expand *x, struct step_copy *c, char *dest)
{
	size_t n = strlen(dest);

	/* More than one thing can only go into a directory. */
	c->dest_dir = !n || dest[n - 1] == '/' || !strcmp(dest, ".") || (n > 1 && !strcmp(dest + n - 2, "/.")) ||
		      mem_strv_len(c->sources) + c->n_files > 1;
	c->dest = plan_text_path(KEEP, x->step->workdir, dest);
	return 0;
}

static int optional_word(struct plan_expand *x, const char *flag, char **ret)
{
	const char *text = dockerfile_flag(x->i, flag);
	int r = text ? plan_word(x, text, ret) : 0;

	if (r == 0 && *ret && !**ret)
		*ret = NULL;
	return r;
}

static bool checksum_ok(const char *s)
{
	if (!strncmp(s, "sha256:", 7))
		return strlen(s + 7) == 64 && strspn(s + 7, "0123456789abcdef") == 64;
	return false;
}

static int check_checksum(struct plan_expand *x, const struct step_copy *c)
{
	const char *source = c->sources[0];
	bool git;

	if (!c->checksum)
		return 0;
	if (mem_strv_len(c->sources) != 1 || c->n_files || (!is_url(source) && !git_url_is(source)))
		return PLAN_ERR(x->p, x->line, x->err, EINVAL, "%s",
				"ADD --checksum needs exactly one source, a URL or a git address");
	git = git_url_is(source);
	if (!(git ? git_url_is_commit(c->checksum) : checksum_ok(c->checksum)))
		return PLAN_ERR(x->p, x->line, x->err, EINVAL, "ADD --checksum=%.100s: %s is needed", c->checksum,
				git ? "the whole digest of a commit" : "sha256: and 64 hexadecimal digits");
	return 0;
}

static int set_flags(struct plan_expand *x, struct step_copy *c)
{
	struct keep_list exclude = {0};
	const char *pattern;
	size_t at = 0;
	int r = optional_word(x, "chown", &c->chown);

	if (r == 0)
		r = optional_word(x, "chmod", &c->chmod);
	if (r == 0)
		r = optional_word(x, "checksum", &c->checksum);
	if (r == 0 && c->chmod && (r = file_mode_parse(c->chmod, &c->mode, x->err)) < 0)
		return err_wrap(x->err, "%s:%u: %s --chmod", x->p->d->name, x->line, x->step->name);
	if (r < 0)
		return r;
	while ((pattern = dockerfile_flag_next(x->i, "exclude", &at)) != NULL)
		keep_list_add(KEEP, &exclude, keep_str(KEEP, pattern));
	c->exclude = keep_list_end(KEEP, &exclude);
	c->link = dockerfile_flag_bool(x->i, "link");
	c->parents = dockerfile_flag_bool(x->i, "parents");
	c->keep_git_dir = dockerfile_flag_bool(x->i, "keep-git-dir");
	c->has_unpack = dockerfile_flag(x->i, "unpack") != NULL;
	c->unpack = dockerfile_flag_bool(x->i, "unpack");
	return 0;
}

static char *created_by(struct plan_expand *x, const struct step_copy *c, char *dest)
{
	struct keep_list parts = {0};

	keep_list_add(KEEP, &parts, keep_str(KEEP, x->step->name));
	if (c->parents)
		keep_list_add(KEEP, &parts, keep_str(KEEP, "--parents"));
	if (c->chown)
		keep_list_add(KEEP, &parts, keep_printf(KEEP, "--chown=%s", c->chown));
	if (c->chmod)
		keep_list_add(KEEP, &parts, keep_printf(KEEP, "--chmod=%s", c->chmod));
	for (char **v = c->sources; *v; v++)
		keep_list_add(KEEP, &parts, *v);
	for (size_t i = 0; i < c->n_files; i++)
		keep_list_add(KEEP, &parts, keep_printf(KEEP, "<<%s", c->files[i].name));
	keep_list_add(KEEP, &parts, dest);
	keep_list_add(KEEP, &parts, keep_str(KEEP, "# buildkit"));
	return plan_text_join(KEEP, parts.v);
}

static int check_exclude(struct plan_expand *x, const struct step_copy *c)
{
	struct ignore *ignore __attribute__((cleanup(ignore_freep))) = NULL;

	if (!c->exclude[0] || ignore_new(c->exclude, &ignore, x->err) == 0)
		return 0;
	return err_wrap(x->err, "%s:%u: %s --exclude", x->p->d->name, x->line, x->step->name);
}

int plan_copy_step(struct plan_expand *x)
{
	struct step_copy *c = keep_new(KEEP, struct step_copy);
	size_t n = mem_strv_len(x->i->args) - 1;
	const char *from = dockerfile_flag(x->i, "from");
	char *dest = NULL;
	int r;

	x->step->kind = x->i->kind == DOCKERFILE_ADD ? STEP_ADD : STEP_COPY;
	x->step->copy = c;
	c->from = STEP_FROM_CONTEXT;
	r = from ? plan_stage_find(x->p, x->node->s.index, from, x->line, &c->from, x->err) : 0;
	if (r == 0)
		r = set_flags(x, c);
	if (r == 0)
		r = set_sources(x, c, n);
	if (r == 0)
		r = plan_word(x, x->i->args[n], &dest);
	if (r == 0)
		r = set_dest(x, c, dest);
	if (r == 0)
		r = check_checksum(x, c);
	if (r == 0)
		r = check_exclude(x, c);
	if (r == 0)
		plan_history(x, created_by(x, c, dest), false);
	return r;
}
