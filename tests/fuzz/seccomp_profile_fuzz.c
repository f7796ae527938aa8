/* SPDX-License-Identifier: Apache-2.0
 *
 * Filters from profiles. The bytes are read as choices: actions, architectures, flags, names by number or as text, arguments. Whatever
 * they say, a filter that is made is one that the kernel takes. Needs runtime_dep.
 */
#include "node/runtime/seccomp_names.h"
#include "node/runtime/seccomp_profile.h"
#include "node/runtime/test/seccomp_sim.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RULES_MAX = 32, NAMES_MAX = 8, ARGS_MAX = 8 };

struct input {
	const uint8_t *at;
	size_t n;
};

static struct seccomp_rule rules[RULES_MAX];
static struct seccomp_arg args[RULES_MAX][ARGS_MAX];
static const char *names[RULES_MAX][NAMES_MAX + 1];

static uint64_t take(struct input *in, size_t n)
{
	uint64_t v = 0;

	n = n < in->n ? n : in->n;
	if (n == 0)
		return 0;
	memcpy(&v, in->at, n);
	in->at += n;
	in->n -= n;
	return v;
}

/* One place past the end gives a text that is in no list. */
static const char *choose(struct input *in, const char *const *list)
{
	size_t n = 0, i;

	while (list[n])
		n++;
	i = take(in, 1) % (n + 1);
	return i < n ? list[i] : "?";
}

static void take_rule(struct input *in, size_t i)
{
	const uint8_t sizes = (uint8_t)take(in, 1);
	const size_t n = sizes % (NAMES_MAX + 1);

	rules[i] = (struct seccomp_rule){.names = names[i], .args = args[i], .action = choose(in, seccomp_actions)};
	rules[i].has_errno = take(in, 1) & 1;
	rules[i].errno_ret = (unsigned)take(in, 2);
	for (size_t k = 0; k < n; k++) {
		size_t name = take(in, 2) % (seccomp_n_names + 1);

		names[i][k] = name < seccomp_n_names ? seccomp_names_text + seccomp_names[name].text : "";
	}
	names[i][n] = NULL;
	rules[i].n_args = sizes / 16 % (ARGS_MAX + 1);
	for (size_t k = 0; k < rules[i].n_args; k++) {
		args[i][k].index = (unsigned)take(in, 1) % 7;
		args[i][k].op = choose(in, seccomp_operators);
		args[i][k].value = take(in, 8);
		args[i][k].value_two = take(in, 8);
	}
}

static void check(const struct rt_filter *f, uint64_t salt)
{
	uint32_t answer;

	if (!seccomp_sim_sound(f->code, f->n))
		__builtin_trap();
	for (size_t abi = 0; abi < seccomp_n_abis; abi++) {
		for (uint32_t nr = 0; nr < 512; nr += 7) {
			struct seccomp_data data = {.nr = (int)(seccomp_abis[abi].bit | nr),
						    .arch = seccomp_abis[abi].audit};

			memset(data.args, (int)(salt >> nr % 56), sizeof data.args);
			if (!seccomp_sim(f->code, f->n, &data, &answer))
				__builtin_trap();
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	const char *architectures[3] = {NULL}, *flags[2] = {NULL};
	struct seccomp_profile p = {.rules = rules, .architectures = architectures, .flags = flags};
	struct rt_filter f;
	uint64_t salt;

	p.default_action = choose(&in, seccomp_actions);
	p.has_default_errno = take(&in, 1) & 1;
	p.default_errno = (unsigned)take(&in, 2);
	p.listener_path = take(&in, 1) & 1 ? "/listener" : NULL;
	for (size_t i = take(&in, 1) % 3; i > 0; i--)
		architectures[i - 1] = choose(&in, seccomp_architectures);
	if (take(&in, 1) & 1)
		flags[0] = choose(&in, seccomp_flags);
	salt = take(&in, 8);
	while (in.n > 0 && p.n_rules < RULES_MAX)
		take_rule(&in, p.n_rules++);
	if (seccomp_compile(&p, &f, NULL) < 0)
		return 0;
	check(&f, salt);
	seccomp_filter_free(&f);
	return 0;
}
