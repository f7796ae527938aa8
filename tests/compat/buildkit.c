/* SPDX-License-Identifier: Apache-2.0
 *
 * buildkit: our parser and word expansion on the tables of BuildKit's checkout, for tools/compat.
 *   buildkit dump DOCKERFILE      the tree as their tests write it
 *   buildkit lines DOCKERFILE     first and last line of each instruction
 *   buildkit vars TABLE           their table of words and values: one line for each row that differs
 *   buildkit words TABLE          the same for splitting
 */
#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "node/build/dockerfile.h"
#include "node/build/shell_word.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* A string as Go quotes it. */
static void quote(const char *s)
{
	static const char names[] = "abtnvfr"; /* \a is 7, \r 13 */

	putchar('"');
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c >= 7 && c <= 13)
			printf("\\%c", names[c - 7]);
		else if (c < 32 || c == 127)
			printf("\\x%02x", c);
		else
			putchar(c);
	}
	putchar('"');
}

static void dump(const struct dockerfile_instruction *i)
{
	putchar('(');
	for (const char *p = i->name; *p; p++)
		putchar(tolower((unsigned char)*p));
	if (i->flags[0])
		printf(" [");
	for (char **v = i->flags; *v; v++) {
		if (v != i->flags)
			putchar(' ');
		quote(*v);
	}
	if (i->flags[0])
		putchar(']');
	if (i->trigger) {
		putchar(' ');
		dump(i->trigger);
	}
	for (char **v = i->args; *v; v++) {
		putchar(' ');
		quote(*v);
	}
	printf(i->kind == DOCKERFILE_UNKNOWN ? " \"\")" : ")");
}

static int each(const char *text, size_t n, bool lines)
{
	struct dockerfile *d __attribute__((cleanup(dockerfile_freep))) = NULL;
	struct err err = ERR_INIT;

	if (dockerfile_parse(text, n, "Dockerfile", &d, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	for (size_t i = 0; i < d->n; i++) {
		if (lines)
			printf("%u %u", d->instructions[i].line, d->instructions[i].end_line);
		else
			dump(&d->instructions[i]);
		putchar('\n');
	}
	return 0;
}

static char *trim(char *s)
{
	char *end = s + strlen(s);

	while (end > s && isspace((unsigned char)end[-1]))
		*--end = '\0';
	return s + strspn(s, " \t\r\n");
}

/* Variables as the tests of the two tables define them; the last definition of a name counts. */
struct vars {
	char **v;
};

static const char *lookup(void *ctx, const char *name, size_t n)
{
	const struct vars *vars = ctx;
	const char *value = NULL;

	for (char **v = vars->v; v && *v; v++)
		if (!strncmp(*v, name, n) && (*v)[n] == '=')
			value = *v + n + 1;
	return value;
}

/* "PLATFORM | word | value" */
static int check_value(const struct shell_word *w, char *line, unsigned number)
{
	mem_cleanup char *got = NULL;
	char *platform = line, *word = strchr(line, '|'), *want = word ? strchr(word + 1, '|') : NULL;
	int r;

	if (!want)
		return 0;
	*word++ = *want++ = '\0';
	word = trim(word);
	want = trim(want);
	if (*trim(platform) == 'W')
		return 0;
	r = shell_word_expand(w, word, &got, NULL);
	if (r < 0 ? !strcmp(want, "error") : strcmp(want, "error") != 0 && !strcmp(want, got))
		return 0;
	printf("line %u: %s gave %s, not %s\n", number, word, r < 0 ? "an error" : got, want);
	return 1;
}

/* "text | word,word" */
static int check_words(const struct shell_word *w, char *line, unsigned number)
{
	char **got __attribute__((cleanup(mem_strv_freep))) = NULL;
	char *want = strchr(line, '|');
	buf_cleanup struct buf joined = BUF_INIT;

	if (!want)
		return 0;
	*want++ = '\0';
	want += strspn(want, " ");
	if (shell_word_split(w, trim(line), &got, NULL) < 0)
		buf_adds(&joined, "error");
	for (char **v = got; v && *v; v++)
		buf_printf(&joined, "%s%s", v == got ? "" : ",", *v);
	if (!strcmp(buf_str(&joined), want))
		return 0;
	printf("line %u: %s gave \"%s\", not \"%s\"\n", number, line, buf_str(&joined), want);
	return 1;
}

static int table(char *text, bool words)
{
	static const char *const fixed[] = {"PWD=/home", "SHELL=bash", "KOREAN=\xed\x95\x9c\xea\xb5\xad\xec\x96\xb4",
					    "NULL="};
	struct vars vars = {NULL};
	struct shell_word w = {.lookup = lookup, .ctx = &vars};
	unsigned number = 0;
	int bad = 0;

	for (size_t i = 0; !words && i < sizeof(fixed) / sizeof(*fixed); i++)
		mem_strv_add(&vars.v, fixed[i]);
	for (char *line; (line = strsep(&text, "\n")) != NULL;) {
		number++;
		if (*line == '#')
			continue;
		if (words && !strncmp(line, "ENV ", 4))
			mem_strv_add(&vars.v, line + 4 + strspn(line + 4, " "));
		else
			bad += words ? check_words(&w, line, number) : check_value(&w, line, number);
	}
	mem_strv_free(vars.v);
	return bad != 0;
}

int main(int argc, char **argv)
{
	mem_cleanup char *text = NULL;
	struct err err = ERR_INIT;
	size_t n = 0;

	if (argc != 3) {
		fprintf(stderr, "usage: buildkit dump|lines|vars|words FILE\n");
		return 2;
	}
	if (fs_read(AT_FDCWD, argv[2], 1u << 20, &text, &n, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return 2;
	}
	if (!strcmp(argv[1], "vars") || !strcmp(argv[1], "words"))
		return table(text, argv[1][0] == 'w');
	return each(text, n, !strcmp(argv[1], "lines"));
}
