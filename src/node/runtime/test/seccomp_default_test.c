/* SPDX-License-Identifier: Apache-2.0
 *
 * A whole profile, compiled when the container is made, against the filter that the build compiles from the same list.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "node/runtime/seccomp.h"
#include "node/runtime/seccomp_profile.h"
#include "node/runtime/test/seccomp_sim.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <stdlib.h>
#include <time.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

enum { X86_64, X86 };

static const uint32_t audits[] = {AUDIT_ARCH_X86_64, AUDIT_ARCH_I386};

static struct rt_filter compiled(const struct seccomp_profile *p)
{
	struct err err = ERR_INIT;
	struct rt_filter f;

	if (seccomp_compile(p, &f, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(seccomp_sim_sound(f.code, f.n));
	return f;
}

static uint32_t says(const struct rt_filter *f, uint32_t audit, uint32_t nr, uint64_t a0, uint64_t a1)
{
	const struct seccomp_data data = {.nr = (int)nr, .arch = audit, .args = {a0, a1}};
	uint32_t ret = 0;

	assert_true(seccomp_sim(f->code, f->n, &data, &ret));
	return ret;
}

static const char **strings(yyjson_val *list)
{
	const char **v = mem_new_n(const char *, yyjson_arr_size(list) + 1);
	yyjson_arr_iter it = yyjson_arr_iter_with(list);

	for (size_t i = 0; yyjson_arr_iter_has_next(&it); i++)
		v[i] = yyjson_get_str(yyjson_arr_iter_next(&it));
	return v;
}

static void read_rule(yyjson_val *from, struct seccomp_rule *rule)
{
	yyjson_val *list = yyjson_obj_get(from, "args");
	struct seccomp_arg *args = mem_new_n(struct seccomp_arg, yyjson_arr_size(list) + 1);

	rule->names = strings(yyjson_obj_get(from, "names"));
	rule->action = yyjson_get_str(yyjson_obj_get(from, "action"));
	rule->has_errno = yyjson_obj_get(from, "errnoRet") != NULL;
	rule->errno_ret = (unsigned)yyjson_get_uint(yyjson_obj_get(from, "errnoRet"));
	rule->n_args = yyjson_arr_size(list);
	for (size_t i = 0; i < rule->n_args; i++) {
		yyjson_val *arg = yyjson_arr_get(list, i);

		args[i] = (struct seccomp_arg){(unsigned)yyjson_get_uint(yyjson_obj_get(arg, "index")),
					       yyjson_get_uint(yyjson_obj_get(arg, "value")),
					       yyjson_get_uint(yyjson_obj_get(arg, "valueTwo")),
					       yyjson_get_str(yyjson_obj_get(arg, "op"))};
	}
	rule->args = args;
}

static void profile_free(struct seccomp_profile *p)
{
	for (size_t i = 0; i < p->n_rules; i++) {
		free((void *)p->rules[i].names);
		free((void *)p->rules[i].args);
	}
	free((void *)p->rules);
	free((void *)p->architectures);
}

static void profile_read(yyjson_val *root, struct seccomp_profile *p)
{
	yyjson_val *list = yyjson_obj_get(root, "syscalls");
	struct seccomp_rule *rules = mem_new_n(struct seccomp_rule, yyjson_arr_size(list));

	*p = (struct seccomp_profile){.default_action = yyjson_get_str(yyjson_obj_get(root, "defaultAction")),
				      .architectures = strings(yyjson_obj_get(root, "architectures")),
				      .rules = rules,
				      .n_rules = yyjson_arr_size(list)};
	for (size_t i = 0; i < p->n_rules; i++)
		read_rule(yyjson_arr_get(list, i), &rules[i]);
}

static uint32_t built_in(uint32_t audit, uint32_t nr, uint64_t a0)
{
	const struct rt_filter f = {.code = seccomp_default, .n = seccomp_default_len};

	return says(&f, audit, nr, a0, 0);
}

/* The default filter written as a profile decides as the one that the build makes, and is made in a time worth no cache. */
static void the_default_profile_is_the_default_filter(void **state)
{
	static const uint64_t firsts[] = {0,  1,  2,	   8,	    16,		38,	    39,
					  40, 41, 0x20000, 0x20008, 0x10000000, 0xffffffff, 0x100000026};
	fd_cleanup int dir = open(SECCOMP_TEST_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	json_doc_cleanup yyjson_doc *doc = NULL;
	mem_cleanup char *text = NULL;
	struct timespec from, to;
	struct seccomp_profile p;
	struct rt_filter f;
	size_t len;

	(void)state;
	assert_int_equal(fs_read(dir, "seccomp_default.json", 1 << 20, &text, &len, NULL), 0);
	doc = json_parse(text, len, 1 << 20, "the profile", NULL);
	assert_non_null(doc);
	profile_read(yyjson_doc_get_root(doc), &p);
	clock_gettime(CLOCK_MONOTONIC, &from);
	f = compiled(&p);
	clock_gettime(CLOCK_MONOTONIC, &to);
	print_message("# %zu instructions in %lld us\n", f.n,
		      (long long)(to.tv_sec - from.tv_sec) * 1000000 + (to.tv_nsec - from.tv_nsec) / 1000);
	for (unsigned abi = X86_64; abi <= X86; abi++) {
		for (uint32_t i = 0; i < 1100 * COUNT(firsts); i++) {
			const uint32_t nr = i / COUNT(firsts);
			const uint64_t a0 = firsts[i % COUNT(firsts)] & (abi == X86 ? UINT32_MAX : UINT64_MAX);

			if (says(&f, audits[abi], nr, a0, 0) != built_in(audits[abi], nr, a0))
				fail_msg("abi %u number %u argument 0x%llx: 0x%x instead of 0x%x", abi, nr,
					 (unsigned long long)a0, says(&f, audits[abi], nr, a0, 0),
					 built_in(audits[abi], nr, a0));
		}
	}
	/* here the profile opens x32, which the filter of the build does not */
	assert_int_equal(says(&f, AUDIT_ARCH_X86_64, 0x40000029, 38, 0), SECCOMP_RET_ERRNO | EPERM);
	assert_int_equal(says(&f, AUDIT_ARCH_X86_64, 0x40000029, 2, 0), SECCOMP_RET_ALLOW);
	seccomp_filter_free(&f);
	profile_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_default_profile_is_the_default_filter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
