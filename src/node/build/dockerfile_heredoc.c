/* SPDX-License-Identifier: Apache-2.0 */
#include "node/build/dockerfile_parts.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "node/build/shell_word.h"

#include <string.h>

static size_t count_quotes(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += *s == '\'' || *s == '"';
	return n;
}

/* One word, with quotes or without; 0 when there is not exactly one. */
static int one_word(const char *text, bool raw, char **ret, struct err *err)
{
	struct shell_word w = {.raw_quotes = raw, .keep_unset = true};
	char **words __attribute__((cleanup(mem_strv_freep))) = NULL;
	int r = shell_word_split(&w, text, &words, err);

	if (r < 0)
		return r;
	if (!words[0] || words[1])
		return 0;
	*ret = mem_strdup(words[0]);
	return 1;
}

int dockerfile_heredoc_word(const char *word, struct dockerfile_heredoc *ret, struct err *err)
{
	struct dockerfile_heredoc h = {.fd = 0};
	mem_cleanup char *name = NULL;
	mem_cleanup char *raw = NULL;
	const char *p = word;
	int r;

	for (; *p >= '0' && *p <= '9'; p++)
		h.fd = h.fd < 100000 ? h.fd * 10 + (unsigned)(*p - '0') : h.fd;
	if (p[0] != '<' || p[1] != '<')
		return 0;
	p += 2;
	h.chomp = *p == '-';
	p += h.chomp;
	while (dockerfile_blank(*p))
		p++;
	if (!*p || strchr(p, '<'))
		return 0;
	r = one_word(p, false, &name, err);
	if (r == 1)
		r = one_word(p, true, &raw, err);
	if (r <= 0)
		return r;
	h.expand = count_quotes(name) == count_quotes(raw);
	h.name = mem_take(name);
	*ret = h;
	return 1;
}

static bool may_have(const struct dockerfile_instruction *i)
{
	if (i->kind == DOCKERFILE_ONBUILD && i->trigger)
		i = i->trigger;
	return !i->json && (i->kind == DOCKERFILE_RUN || i->kind == DOCKERFILE_COPY || i->kind == DOCKERFILE_ADD);
}

int dockerfile_find_heredocs(struct dockerfile *d, struct dockerfile_instruction *i, struct err *err)
{
	static const struct shell_word w = {.raw_quotes = true, .raw_escapes = true, .keep_unset = true};
	char **words __attribute__((cleanup(mem_strv_freep))) = NULL;
	struct dockerfile_heredoc h;

	if (!may_have(i) || !strstr(i->original, "<<"))
		return 0;
	if (shell_word_split(&w, i->original, &words, NULL) < 0)
		return 0; /* words of a shell that only it understands: it is told about them, too */
	for (char **v = words; *v; v++) {
		int r = dockerfile_heredoc_word(*v, &h, err);

		if (r < 0)
			return err_wrap(err, "%s:%u: heredoc %s", d->name, i->line, *v);
		if (r == 0)
			continue;
		keep_own_str(&d->keep, h.name);
		if (i->n_heredocs == DOCKERFILE_HEREDOCS_MAX)
			return DOCKERFILE_ERR(d, i->line, err, E2BIG, "more than %u heredocs", DOCKERFILE_HEREDOCS_MAX);
		if (!i->heredocs)
			i->heredocs = keep_new_n(&d->keep, struct dockerfile_heredoc, DOCKERFILE_HEREDOCS_MAX);
		i->heredocs[i->n_heredocs++] = h;
	}
	return 0;
}

char *dockerfile_chomp(const char *content)
{
	buf_cleanup struct buf out = BUF_INIT;
	bool start = true;

	for (; *content; content++) {
		if (start && *content == '\t')
			continue;
		start = *content == '\n';
		buf_addc(&out, *content);
	}
	return out.data ? buf_take(&out) : mem_strdup("");
}
