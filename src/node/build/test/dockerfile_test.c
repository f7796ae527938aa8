/* SPDX-License-Identifier: Apache-2.0 */
#include "node/build/dockerfile.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define DOCKERFILE __attribute__((cleanup(dockerfile_freep))) struct dockerfile *

static struct dockerfile *parse(const char *text)
{
	struct dockerfile *d = NULL;
	struct err err = ERR_INIT;

	if (dockerfile_parse(text, strlen(text), "D", &d, &err) < 0)
		fail_msg("\"%s\": %s", text, err.text);
	return d;
}

/* Flags and arguments, each in brackets. */
static char *describe(const struct dockerfile_instruction *i)
{
	struct buf out = BUF_INIT;

	for (char **v = i->flags; *v; v++)
		buf_printf(&out, "<%s>", *v);
	for (char **v = i->args; *v; v++)
		buf_printf(&out, "[%s]", *v);
	return out.data ? buf_take(&out) : mem_strdup("");
}

static void test_forms(void **state)
{
	static const struct {
		const char *text;
		enum dockerfile_kind kind;
		bool json;
		const char *want;
	} rows[] = {
	    {"RUN  make  all ", DOCKERFILE_RUN, false, "[make  all]"},
	    {"run [\"a\", \"b c\"]", DOCKERFILE_RUN, true, "[a][b c]"},
	    {"RUN [ -f x ]", DOCKERFILE_RUN, false, "[[ -f x ]]"},
	    {"RUN ['a']", DOCKERFILE_RUN, false, "[['a']]"},
	    {"CMD []", DOCKERFILE_CMD, true, ""},
	    {"RUN --mount=type=cache,target=/c --network=none x --y", DOCKERFILE_RUN, false,
	     "<--mount=type=cache,target=/c><--network=none>[x --y]"},
	    {"RUN --mount=\"a b\",c\\ d -- --x", DOCKERFILE_RUN, false, "<--mount=a b,c d>[--x]"},
	    {"COPY --chown=\xc3\xa4:\xc3\xb6 a b\tc", DOCKERFILE_COPY, false, "<--chown=\xc3\xa4:\xc3\xb6>[a][b][c]"},
	    {"COPY [\"a b\", \"c\"]", DOCKERFILE_COPY, true, "[a b][c]"},
	    {"ENV a=b c=\"d e\" f=g\\ h", DOCKERFILE_ENV, false, "[a][b][=][c][\"d e\"][=][f][g\\ h][=]"},
	    {"ENV a b  c=d", DOCKERFILE_ENV, false, "[a][b  c=d][]"},
	    {"LABEL \"a b\"=c", DOCKERFILE_LABEL, false, "[\"a b\"][c][=]"},
	    {"ARG a b=c d='e f'", DOCKERFILE_ARG, false, "[a][b=c][d='e f']"},
	    {"FROM --platform=linux/arm64 x AS y", DOCKERFILE_FROM, false, "<--platform=linux/arm64>[x][AS][y]"},
	    {"HEALTHCHECK --retries=2 CMD curl x", DOCKERFILE_HEALTHCHECK, false, "<--retries=2>[CMD][curl x]"},
	    {"HEALTHCHECK CMD [\"a\", \"b\"]", DOCKERFILE_HEALTHCHECK, true, "[CMD][a][b]"},
	    {"healthcheck none", DOCKERFILE_HEALTHCHECK, false, "[none]"},
	    {"WORKDIR  /a b ", DOCKERFILE_WORKDIR, false, "[/a b]"},
	    {"VOLUME /a /b", DOCKERFILE_VOLUME, false, "[/a][/b]"},
	    {"STOPSIGNAL 9", DOCKERFILE_STOPSIGNAL, false, "[9]"},
	    {"WHAT is this", DOCKERFILE_UNKNOWN, false, ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		DOCKERFILE d = parse(rows[i].text);
		mem_cleanup char *got = describe(&d->instructions[0]);

		assert_int_equal(d->n, 1);
		assert_int_equal(d->instructions[0].kind, rows[i].kind);
		assert_int_equal(d->instructions[0].json, rows[i].json);
		assert_string_equal(got, rows[i].want);
	}
}

static void test_lines(void **state)
{
	DOCKERFILE d = parse(
	    "\xef\xbb\xbf# syntax=docker/dockerfile:1\r\n# escape=`\r\n# check=skip=all\n\n# about\n# more\nFROM a\r\n"
	    "  run one `  \n  # inside\n\n  two ` \n   three\n"
	    "# lost\n#\nRUN C:\\x\\\nRUN a`` \nRUN end `");

	(void)state;
	assert_string_equal(d->syntax, "docker/dockerfile:1");
	assert_int_equal(d->escape, '`');
	assert_string_equal(d->check, "skip=all");
	assert_int_equal(d->check_line, 3);
	assert_int_equal(d->n, 5);
	assert_int_equal(d->instructions[0].line, 7);
	assert_string_equal(d->instructions[0].comments[0], "about");
	assert_string_equal(d->instructions[0].comments[1], "more");
	assert_string_equal(d->instructions[1].name, "run");
	assert_string_equal(d->instructions[1].args[0], "one   two    three");
	assert_int_equal(d->instructions[1].line, 8);
	assert_int_equal(d->instructions[1].end_line, 12);
	assert_int_equal(d->n_empty, 1);
	assert_int_equal(d->empty[0], 12);
	assert_null(d->instructions[2].comments[0]);
	assert_string_equal(d->instructions[2].args[0], "C:\\x\\");
	assert_string_equal(d->instructions[3].args[0], "a``");
	assert_string_equal(d->instructions[4].args[0], "end");
}

/* Directives count at the very top only. */
static void test_directives(void **state)
{
	DOCKERFILE after_words = parse("# words\n# escape=`\nRUN a\\\nb");
	DOCKERFILE after_blank = parse("\n# escape=`\nRUN a\\\nb");
	DOCKERFILE unknown = parse("# other=1\n# escape=`\nRUN a\\\nb");
	DOCKERFILE shebang = parse("#!/usr/bin/env build\n#  SYNTAX = x y \nFROM a");

	(void)state;
	assert_int_equal(after_words->escape, '\\');
	assert_int_equal(after_blank->escape, '\\');
	assert_int_equal(unknown->escape, '\\');
	assert_string_equal(shebang->syntax, "x y");
}

static void test_heredocs(void **state)
{
	DOCKERFILE d = parse(
	    "RUN <<A cat 3<<-'B c'\none $X\nA\n\ttwo\n\t\tB c\nCOPY <<\"F\" <<G /d/\nf\nF\ng\r\nG\n"
	    "RUN echo \"<<A\"\nRUN [\"<<A\"]\nENV x=<<A\nONBUILD RUN <<A\nin\nA\nRUN a<<A; x <<<y\nRUN <<  E  >f\nE");
	const struct dockerfile_instruction *i = d->instructions;
	mem_cleanup char *chomped = dockerfile_chomp("\t\ta\n\tb\t\n\nc");

	(void)state;
	assert_int_equal(d->n, 8);
	assert_int_equal(i[0].n_heredocs, 2);
	assert_string_equal(i[0].heredocs[0].content, "one $X\n");
	assert_true(i[0].heredocs[0].expand && !i[0].heredocs[0].chomp);
	assert_string_equal(i[0].heredocs[1].name, "B c");
	assert_string_equal(i[0].heredocs[1].content, "\ttwo\n");
	assert_true(!i[0].heredocs[1].expand && i[0].heredocs[1].chomp);
	assert_int_equal(i[0].heredocs[1].fd, 3);
	assert_int_equal(i[0].end_line, 5);
	assert_false(i[1].heredocs[0].expand);
	assert_string_equal(i[1].heredocs[1].content, "g\r\n");
	for (size_t k = 2; k <= 4; k++)
		assert_int_equal(i[k].n_heredocs, 0);
	assert_int_equal(i[5].trigger->n_heredocs, 1);
	assert_int_equal(i[6].n_heredocs, 0);
	assert_string_equal(i[7].heredocs[0].name, "E");
	assert_string_equal(chomped, "a\nb\t\n\nc");
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *error;
	} rows[] = {
	    {"", "D: there is no instruction in it: a Dockerfile begins with FROM"},
	    {"# only\n\n", "D: there is no instruction in it: a Dockerfile begins with FROM"},
	    {"# escape=x\nFROM a", "D:1: escape=x: only \\ or ` can be the escape character"},
	    {"# syntax=a\n# syntax=b\nFROM a", "D:2: the directive syntax was given before: once is enough"},
	    {"FROM a\nENV b", "D:2: ENV needs a name and a value: ENV name=value"},
	    {"FROM a\n\nLABEL a=b c", "D:3: LABEL: \"c\" has no \"=\": write name=value"},
	    {"CMD [\"a\", 1]", "D:1: CMD: a JSON array holds strings only: quote each of them"},
	    {"CMD [\"a\\u0000b\"]", "D:1: CMD: no argument can hold the character \\u0000"},
	    {"FROM a\nRUN <<A\nb", "D:2: the heredoc \"A\" has no end: a line with only that word is missing"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct dockerfile *d = NULL;
		struct err err = ERR_INIT;

		assert_int_equal(dockerfile_parse(rows[i].text, strlen(rows[i].text), "D", &d, &err), -EINVAL);
		assert_string_equal(err.text, rows[i].error);
	}
}

static void test_check(void **state)
{
	static const struct {
		const char *text, *error; /* behind "D:LINE: "; NULL = good */
	} rows[] = {
	    {"COPY --chown=a --chmod=b --link --parents=false --exclude=a --exclude=b --from=x a b", NULL},
	    {"ADD --checksum=x --keep-git-dir --unpack=TRUE --link a b", NULL},
	    {"RUN --mount=a --mount=b --network=none --security=sandbox --device=x y", NULL},
	    {"ONBUILD HEALTHCHECK --interval=1h30m --timeout=1.5s --start-period=0 --start-interval=2ms --retries=3 "
	     "CMD a",
	     NULL},
	    {"CMD", NULL},
	    {"ENTRYPOINT []", NULL},
	    {"RNU make", "unknown instruction RNU (did you mean RUN?)"},
	    {"COPPY a b", "unknown instruction COPPY (did you mean COPY?)"},
	    {"MAKE a b", "unknown instruction MAKE"},
	    {"COPY --chmood=1 a b", "COPY has no flag --chmood (did you mean --chmod?)"},
	    {"COPY --checksum=1 a b", "COPY has no flag --checksum"},
	    {"ENV --x a=b", "ENV has no flag --x"},
	    {"COPY --from=a --from=b c d", "COPY: --from is given twice"},
	    {"COPY --from a b", "COPY: --from needs a value: --from=..."},
	    {"COPY --link=yes a b", "COPY --link=yes: only true and false are possible"},
	    {"COPY a", "COPY needs a source and a destination"},
	    {"COPY a <<A\nA", "COPY: the destination cannot be a heredoc"},
	    {"ENV =a", "ENV: a name is empty"},
	    {"ARG =a", "ARG: a name is empty"},
	    {"ARG", "ARG needs an argument"},
	    {"LABEL", "LABEL needs name=value"},
	    {"WORKDIR", "WORKDIR needs an argument"},
	    {"SHELL /bin/sh -c", "SHELL needs the JSON form: SHELL [\"/bin/sh\", \"-c\"]"},
	    {"VOLUME [\" \"]", "VOLUME: a path is empty"},
	    {"ONBUILD", "ONBUILD needs an instruction"},
	    {"ONBUILD ONBUILD RUN x", "ONBUILD ONBUILD is not possible"},
	    {"ONBUILD FROM x", "ONBUILD FROM is not possible"},
	    {"ONBUILD COPY x", "COPY needs a source and a destination"},
	    {"HEALTHCHECK NONE x", "HEALTHCHECK NONE takes no arguments"},
	    {"HEALTHCHECK CMD", "HEALTHCHECK CMD needs a command"},
	    {"HEALTHCHECK TCP 7", "HEALTHCHECK TCP: only CMD and NONE are known"},
	    {"HEALTHCHECK --interval=5 CMD a",
	     "HEALTHCHECK --interval: \"5\" is no duration: write it as 300ms, 1.5s, 2m or 1h30m"},
	    {"HEALTHCHECK --timeout=1us CMD a", "HEALTHCHECK --timeout=1us: at least 1ms, or 0 for the default"},
	    {"HEALTHCHECK --retries=-1 CMD a", "HEALTHCHECK --retries=-1: a number from 0 to 1000000 is needed"},
	    {"FROM a b", "FROM takes an image, or an image, AS and a name"},
	    {"FROM a AS 1b", "\"1b\" cannot name a stage: a letter first, then letters, digits and . _ -"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		mem_cleanup char *text = mem_printf("FROM a\n%s", rows[i].text);
		DOCKERFILE d = parse(text);
		struct err err = ERR_INIT;
		int r = dockerfile_check(d, &err);

		if (rows[i].error
			? r != -EINVAL || strncmp(err.text, "D:2: ", 5) != 0 || strcmp(err.text + 5, rows[i].error) != 0
			: r)
			fail_msg("%s: %s", rows[i].text, err.text);
	}
}

static void test_order(void **state)
{
	DOCKERFILE early = parse("ARG a=1\nRUN x\nFROM a");
	DOCKERFILE none = parse("ARG a=1");
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(dockerfile_check(early, &err), -EINVAL);
	assert_string_equal(err.text, "D:2: RUN stands before the first FROM, where only ARG may");
	assert_int_equal(dockerfile_check(none, &err), -EINVAL);
	assert_string_equal(err.text, "D: there is no FROM in it");
}

/* A text of `n` times `part` between two others. */
static int parse_many(const char *before, const char *part, size_t n, const char *after)
{
	buf_cleanup struct buf text = BUF_INIT;
	DOCKERFILE d = NULL;

	buf_adds(&text, before);
	for (size_t i = 0; i < n; i++)
		buf_adds(&text, part);
	buf_adds(&text, after);
	return dockerfile_parse(buf_str(&text), text.len, "D", &d, NULL);
}

static void test_limits(void **state)
{
	DOCKERFILE d = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(parse_many("FROM a\n", "CMD\n", DOCKERFILE_INSTRUCTIONS_MAX, ""), -E2BIG);
	assert_int_equal(parse_many("RUN ", "aaaa", DOCKERFILE_LINE_MAX / 4, ""), -E2BIG);
	assert_int_equal(parse_many("RUN ", "aa\\\n", DOCKERFILE_LINE_MAX / 2, ""), -E2BIG);
	assert_int_equal(parse_many("RUN ", "--a ", DOCKERFILE_FLAGS_MAX + 1, "b"), -E2BIG);
	assert_int_equal(parse_many("COPY ", "a ", DOCKERFILE_ARGS_MAX + 1, "b"), -E2BIG);
	assert_int_equal(parse_many("RUN ", "<<A ", DOCKERFILE_HEREDOCS_MAX + 1, ""), -E2BIG);
	assert_int_equal(parse_many("", "# word\n", DOCKERFILE_BYTES_MAX / 7 + 1, "FROM a"), -E2BIG);
	assert_int_equal(parse_many("", "ONBUILD ", 30000, ""), 0);
	assert_int_equal(parse_many("CMD ", "[", 100000, ""), 0);
	assert_int_equal(dockerfile_parse("FROM a\nRUN \0b", 14, "D", &d, &err), -EINVAL);
	assert_string_equal(err.text, "D:2: a NUL character: this is no text file");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_forms),    cmocka_unit_test(test_lines),   cmocka_unit_test(test_directives),
	    cmocka_unit_test(test_heredocs), cmocka_unit_test(test_refused), cmocka_unit_test(test_check),
	    cmocka_unit_test(test_order),    cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
