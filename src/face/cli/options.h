/* SPDX-License-Identifier: Apache-2.0
 *
 * options: what a command takes, as a table that feeds the parser, --help and the completion of the shell.
 *
 * An own parser over tables of our own, not argp or getopt_long: both print their errors themselves, in their own
 * words, and cannot suggest the option that was meant; argp also reads the environment and formats help that we would
 * have to undo. This one is 100 lines, allocates nothing but the list of operands, and `berth run` pays nothing for
 * it.
 *
 * Forms: --name, --name=VALUE, --name VALUE, -x, -xVALUE, -x VALUE, -xyz for flags, --flag=true|false, and -- before
 * operands that begin with '-'. A lone "-" is an operand.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

enum option_kind {
	OPTION_FLAG,  /* bool */
	OPTION_TEXT,  /* const char *: part of argv, not owned */
	OPTION_LIST,  /* char **: NULL-terminated copies, freed by options_free() */
	OPTION_COUNT, /* uint64_t */
	OPTION_SIZE,  /* uint64_t bytes */
	OPTION_CPUS,  /* uint64_t thousandths of a core */
	OPTION_TIME,  /* uint64_t milliseconds */
	OPTION_LEVEL, /* uint64_t, enum log_level */
};

struct option_spec {
	const char *name; /* without the dashes; NULL ends a table */
	char letter;	  /* 0: none */
	enum option_kind kind;
	size_t offset;	 /* of its variable in the values of the command */
	const char *arg; /* name of the value in the help, NULL for a flag */
	const char *help;
};

/* A table and the struct that its offsets are about. */
struct option_set {
	const struct option_spec *specs; /* may be NULL */
	void *values;
};

/* Parses the NULL-terminated words. The operands are pointers into argv in a new NULL-terminated array (free() it).
 * With `stop` the first operand ends the options, so that a command line can follow. In two tables the earlier one
 * wins. Returns 0, or -EINVAL: the text quotes the word and suggests the nearest option. */
int options_parse(const struct option_set *sets, size_t n_sets, char **argv, bool stop, char ***ret_operands,
		  struct err *err);
void options_free(const struct option_set *set);
