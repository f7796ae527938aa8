/* SPDX-License-Identifier: Apache-2.0
 *
 * completion: a script for bash, made from the tables of commands and options. It asks `berth` itself for names.
 */
#include "face/cli/command.h"

#include "base/core/err.h"
#include "face/cli/client.h"

#include <string.h>

static void print_words(const char *(*word)(const struct cli_command *c))
{
	const char *last = NULL;

	for (const struct cli_command *const *c = cli_commands; *c; c++) {
		const char *w = word(*c);

		if (last && strcmp(last, w) == 0)
			continue;
		printf("%s ", w);
		last = w;
	}
}

static const char *first_word(const struct cli_command *c)
{
	return c->group ? c->group : c->name;
}

static void print_options(const struct option_spec *specs)
{
	for (const struct option_spec *s = specs; s && s->name; s++) {
		printf(" --%s", s->name);
		if (s->letter)
			printf(" -%c", s->letter);
	}
}

/* The options whose next word is their value, as a pattern of case; "" (no pattern) when there are none. */
static void print_valued(const struct option_spec *specs, const char **gap)
{
	for (const struct option_spec *s = specs; s && s->name; s++) {
		if (s->kind == OPTION_FLAG)
			continue;
		printf("%s--%s", *gap, s->name);
		*gap = "|";
		if (s->letter)
			printf("|-%c", s->letter);
	}
}

static const char *const operands[] = {
    [OPERAND_NONE] = "",   [OPERAND_FILE] = "file", [OPERAND_IMAGE] = "image", [OPERAND_CONTAINER] = "container",
    [OPERAND_JOB] = "job", [OPERAND_ANY_ID] = "id",
};

static void print_command(const struct cli_command *c)
{
	const char *gap = "";

	printf("\t\"%s\"", c->name);
	for (const struct cli_alias *a = cli_aliases; a->first; a++) {
		if (a->command == c)
			printf("|\"%s%s%s\"", a->first, a->second ? " " : "", a->second ? a->second : "");
	}
	fputs(")\n\t\toptions=\"", stdout);
	print_options(c->options);
	print_options(cli_common_options);
	printf("\"\n\t\toperand=\"%s\"\n\t\tcase \"$previous\" in\n\t\t", operands[c->operand]);
	print_valued(c->options, &gap);
	print_valued(cli_common_options, &gap);
	fputs(") operand=file ;;\n\t\tesac\n\t\t;;\n", stdout);
}

static const char head[] = "# bash completion for berth; load it with: source <(berth completion bash)\n"
			   "_berth_ids() {\n"
			   "\tcase \"$1\" in\n"
			   "\timage) berth image ls -q 2>/dev/null ;;\n"
			   "\tcontainer) berth ps -a -q 2>/dev/null ;;\n"
			   "\tjob) berth jobs -a -q 2>/dev/null ;;\n"
			   "\tid) berth ps -a -q 2>/dev/null; berth jobs -a -q 2>/dev/null ;;\n"
			   "\tesac\n"
			   "}\n"
			   "_berth() {\n"
			   "\tlocal word=\"${COMP_WORDS[COMP_CWORD]}\" previous=\"${COMP_WORDS[COMP_CWORD-1]}\"\n"
			   "\tlocal name=\"${COMP_WORDS[1]}\" options= operand=\n"
			   "\tCOMPREPLY=()\n";

static void print_groups(void)
{
	const char *last = NULL;

	for (const struct cli_command *const *c = cli_commands; *c; c++) {
		const char *g = (*c)->group;

		if (!g || (last && strcmp(last, g) == 0))
			continue;
		last = g;
		printf("\tif [ \"$name\" = %s ]; then\n\t\tif [ \"$COMP_CWORD\" -eq 2 ]; then\n"
		       "\t\t\tCOMPREPLY=($(compgen -W \"",
		       g);
		for (const struct cli_command *const *d = c; *d; d++) {
			if ((*d)->group && strcmp((*d)->group, g) == 0)
				printf("%s ", (*d)->name + strlen(g) + 1);
		}
		for (const struct cli_alias *a = cli_aliases; a->first; a++) {
			if (a->second && strcmp(a->first, g) == 0)
				printf("%s ", a->second);
		}
		fputs("\" -- \"$word\"))\n\t\t\treturn\n\t\tfi\n\t\tname=\"$name ${COMP_WORDS[2]}\"\n\tfi\n", stdout);
	}
}

static int completion_run(struct cli *cli, void *values, char **words, struct err *err)
{
	(void)cli;
	(void)values;
	if (strcmp(words[0], "bash") != 0)
		return err_set(err, EINVAL, "there is no completion for \"%s\", only for bash", words[0]);
	fputs(head, stdout);
	fputs("\tif [ \"$COMP_CWORD\" -eq 1 ]; then\n\t\tCOMPREPLY=($(compgen -W \"", stdout);
	print_words(first_word);
	for (const struct cli_alias *a = cli_aliases; a->first; a++) {
		if (!a->second)
			printf("%s ", a->first);
	}
	fputs("help\" -- \"$word\"))\n\t\treturn\n\tfi\n", stdout);
	print_groups();
	fputs("\tcase \"$name\" in\n", stdout);
	for (const struct cli_command *const *c = cli_commands; *c; c++)
		print_command(*c);
	fputs("\tesac\n"
	      "\tcase \"$word\" in\n"
	      "\t-*) COMPREPLY=($(compgen -W \"$options\" -- \"$word\")) ;;\n"
	      "\t*)\n"
	      "\t\tif [ \"$operand\" = file ]; then\n\t\t\tCOMPREPLY=($(compgen -f -- \"$word\"))\n"
	      "\t\telif [ -n \"$operand\" ]; then\n"
	      "\t\t\tCOMPREPLY=($(compgen -W \"$(_berth_ids \"$operand\")\" -- \"$word\"))\n\t\tfi ;;\n"
	      "\tesac\n}\ncomplete -o filenames -F _berth berth\n",
	      stdout);
	return CLI_OK;
}

const struct cli_command command_completion = {
    .name = "completion",
    .usage = "bash",
    .summary = "Print the completion script of a shell",
    .examples = "  source <(berth completion bash)",
    .least = 1,
    .most = 1,
    .run = completion_run,
};
