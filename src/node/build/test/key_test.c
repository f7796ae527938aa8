/* SPDX-License-Identifier: Apache-2.0
 *
 * The nine rules of the cache, one test each. A chain of keys stands for a build: base, then every step of the target.
 */
#include "node/build/key.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "node/build/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define STEPS_MAX 16

struct chain {
	struct key keys[STEPS_MAX]; /* after each step that is no config step */
	bool no_cache[STEPS_MAX];
	size_t n;
};

struct world {
	const char *base;    /* digest of the base image */
	const char *content; /* of every input */
	char *const *args;
	bool no_cache;
};

static const struct world usual = {.base = "sha256:base", .content = "content"};

static void stage_key(const struct plan *p, int stage, const struct world *w, struct chain *c, struct key *key)
{
	const struct plan_stage *s = plan_stage(p, stage);
	struct key own;

	if (s->kind == PLAN_BASE_STAGE)
		stage_key(p, s->base_stage, w, c, key);
	else if (s->kind == PLAN_BASE_SCRATCH)
		key_scratch(key);
	else
		key_base("image", w->base, s->platform, key);
	for (size_t i = 0; i < s->n_steps; i++) {
		struct key_content contents[8];
		size_t n = key_inputs(&s->steps[i]);

		assert_true(n < 8 && c->n < STEPS_MAX);
		for (size_t k = 0; k < n; k++)
			contents[k].digest = w->content;
		key_step(key, &s->steps[i], contents, n, &own);
		key_next(key, &s->steps[i], &own, key);
		if (s->steps[i].kind == STEP_CONFIG)
			continue;
		c->no_cache[c->n] = s->steps[i].no_cache;
		c->keys[c->n++] = own;
	}
}

static struct chain build(const char *text, struct world w)
{
	__attribute__((cleanup(dockerfile_freep))) struct dockerfile *d = NULL;
	__attribute__((cleanup(plan_freep))) struct plan *p = NULL;
	struct plan_options o = {
	    .build_args = w.args, .platform = "linux/amd64", .build_platform = "linux/amd64", .no_cache = w.no_cache};
	struct err err = ERR_INIT;
	struct chain c = {.n = 0};
	struct key key;
	int r = dockerfile_parse(text, strlen(text), "D", &d, &err);

	if (r == 0)
		r = plan_new(d, &o, &p, &err);
	for (int i; r == 0 && (i = plan_next_base(p)) >= 0;)
		r = plan_set_base(p, i, "{}", 2, NULL, &err);
	if (r == 0)
		r = plan_expand(p, &err);
	if (r < 0)
		fail_msg("%s: %s", text, err.text);
	stage_key(p, plan_target(p), &w, &c, &key);
	return c;
}

static bool same(const struct chain *a, const struct chain *b, size_t i)
{
	assert_true(i < a->n && i < b->n);
	return !strcmp(a->keys[i].hex, b->keys[i].hex);
}

/* The step with this number has the same key in both builds. */
static bool hit(const char *first, const char *second, size_t i)
{
	struct chain a = build(first, usual), b = build(second, usual);

	return same(&a, &b, i);
}

/* 1. The step before, the expanded instruction, the content of the inputs; nothing else. */
static void test_rule_1(void **state)
{
	struct world changed = usual;
	struct chain a = build("FROM i\nCOPY a /\nRUN x", usual), b;

	(void)state;
	assert_int_equal(a.n, 2);
	assert_int_equal(strlen(a.keys[0].hex), 64);
	assert_true(hit("FROM i\nCOPY a /b\nRUN x", "# words\nFROM i\n\n\nCOPY   a\t/b\nRUN x # y", 0));
	assert_true(hit("FROM i\nENV A=a\nCOPY $A /b", "FROM i\nCOPY a /b", 0));
	assert_false(hit("FROM i\nCOPY a /b", "FROM i\nCOPY a /c", 0));
	assert_false(hit("FROM i\nCOPY a /b", "FROM i\nCOPY --chmod=755 a /b", 0));
	assert_false(hit("FROM i\nCOPY a /b", "FROM i\nCOPY --chown=1 a /b", 0));
	assert_false(hit("FROM i\nCOPY a /b", "FROM i\nADD a /b", 0));
	assert_false(hit("FROM i\nCOPY <<A /b\n1\nA", "FROM i\nCOPY <<A /b\n2\nA", 0));
	assert_false(hit("FROM i\nCOPY a b /c/", "FROM i\nCOPY ab /c/", 0));
	changed.content = "other";
	b = build("FROM i\nCOPY a /\nRUN x", changed);
	assert_false(same(&a, &b, 0));
	assert_false(same(&a, &b, 1)); /* the step before is another one */
}

/* 2. RUN: command, environment, mounts and the content of bind mounts; no secrets, caches, proxies and network. */
static void test_rule_2(void **state)
{
	char *proxy[] = {(char[]){"HTTP_PROXY=http://a"}, NULL};
	struct world proxied = usual, changed = usual;
	struct chain a = build("FROM i\nRUN x", usual), b;
	static const char bind[] =
	    "FROM i\nRUN --mount=target=/m --mount=type=secret,id=s --mount=type=cache,target=/c x";

	(void)state;
	assert_false(hit("FROM i\nRUN x", "FROM i\nRUN y", 0));
	assert_false(hit("FROM i\nRUN x", "FROM i\nRUN [\"x\"]", 0));
	assert_false(hit("FROM i\nRUN x", "FROM i\nENV A=1\nRUN x", 0));
	assert_false(hit("FROM i\nRUN x", "FROM i\nUSER u\nRUN x", 0));
	assert_false(hit("FROM i\nRUN x", "FROM i\nSHELL [\"bash\"]\nRUN x", 0));
	assert_false(
	    hit("FROM i\nRUN --mount=type=cache,target=/a x", "FROM i\nRUN --mount=type=cache,target=/b x", 0));
	assert_false(
	    hit("FROM i\nRUN --mount=type=cache,target=/a x", "FROM i\nRUN --mount=type=cache,target=/a,id=o x", 0));
	assert_true(hit("FROM i\nRUN --network=none x", "FROM i\nRUN x", 0));
	proxied.args = proxy;
	b = build("FROM i\nRUN x", proxied);
	assert_true(same(&a, &b, 0));
	a = build("FROM i\nARG HTTP_PROXY\nRUN x", usual); /* who declares it wants it */
	b = build("FROM i\nARG HTTP_PROXY\nRUN x", proxied);
	assert_false(same(&a, &b, 0));
	a = build(bind, usual);
	changed.content = "other";
	b = build(bind, changed);
	assert_false(same(&a, &b, 0));
	a = build("FROM i\nRUN --mount=type=secret,id=s --mount=type=ssh --mount=type=cache,target=/c x", usual);
	b = build("FROM i\nRUN --mount=type=secret,id=s --mount=type=ssh --mount=type=cache,target=/c x", changed);
	assert_true(same(&a, &b, 0)); /* they have no content to give */
}

/* 3. An ARG changes what comes behind its first use; RUN behind ARG counts as a use. */
static void test_rule_3(void **state)
{
	char *one[] = {(char[]){"V=1"}, NULL}, *two[] = {(char[]){"V=2"}, NULL};
	struct world first = usual, second = usual;
	static const char text[] = "FROM i\nRUN before\nARG V\nCOPY a /a\nCOPY b$V /b";
	static const char run[] = "FROM i\nARG V\nRUN x";
	struct chain a, b;

	(void)state;
	first.args = one;
	second.args = two;
	a = build(text, first);
	b = build(text, second);
	assert_true(same(&a, &b, 0));
	assert_true(same(&a, &b, 1));
	assert_false(same(&a, &b, 2));
	a = build(run, first);
	b = build(run, second);
	assert_false(same(&a, &b, 0));
}

/* 4. Metadata changes the config only. */
static void test_rule_4(void **state)
{
	(void)state;
	assert_true(hit("FROM i\nLABEL a=1\nEXPOSE 1\nCMD x\nVOLUME /v\nRUN y",
			"FROM i\nLABEL a=2\nENTRYPOINT z\nSTOPSIGNAL 9\nRUN y", 0));
	assert_true(hit("FROM i\nRUN y", "FROM i\nHEALTHCHECK NONE\nMAINTAINER m\nONBUILD RUN z\nRUN y", 0));
}

/* 5. COPY --link does not depend on what is below it. */
static void test_rule_5(void **state)
{
	struct world rebased = usual;
	static const char text[] = "FROM i\nRUN x\nCOPY --link a /b\nCOPY a /b";
	struct chain a = build(text, usual), b;

	(void)state;
	rebased.base = "sha256:other";
	b = build(text, rebased);
	assert_false(same(&a, &b, 0));
	assert_true(same(&a, &b, 1));
	assert_false(same(&a, &b, 2)); /* but what comes behind it sees all below */
	assert_false(hit("FROM i\nCOPY --link a /b", "FROM i\nCOPY a /b", 0));
}

/* 6. FROM is its digest (and platform); a tag has no part in it. ADD of a URL is what the caller found out about it. */
static void test_rule_6(void **state)
{
	struct world moved = usual;
	struct chain a = build("FROM i:1\nRUN x", usual), b = build("FROM j:2\nRUN x", usual);
	struct key k1, k2;

	(void)state;
	assert_true(same(&a, &b, 0));
	moved.base = "sha256:new";
	b = build("FROM i:1\nRUN x", moved);
	assert_false(same(&a, &b, 0));
	key_base("image", "sha256:a", "linux/amd64", &k1);
	key_base("image", "sha256:a", "linux/arm64", &k2);
	assert_string_not_equal(k1.hex, k2.hex);
	key_base("context", "sha256:a", "linux/amd64", &k2);
	assert_string_not_equal(k1.hex, k2.hex);
	moved = usual;
	moved.content = "etag 2";
	a = build("FROM i\nADD http://h/f /f", usual);
	b = build("FROM i\nADD http://h/f /f", moved);
	assert_false(same(&a, &b, 0));
}

/* 7. A change is felt only by what depends on it: equal steps of two builds are one, stages do not know each other. */
static void test_rule_7(void **state)
{
	(void)state;
	assert_true(hit("FROM i AS a\nRUN one\nFROM i AS b\nRUN two\nFROM b\nRUN three",
			"FROM i AS a\nRUN changed\nFROM i AS b\nRUN two\nFROM b\nRUN three", 1));
	assert_true(hit("FROM i AS one\nRUN x", "FROM other AS two\nRUN x\nFROM two", 0));
	assert_true(hit("FROM i\nRUN x\nRUN y", "FROM i\nRUN x\nRUN z", 0));
	assert_false(hit("FROM i\nRUN x\nRUN y", "FROM i\nRUN z\nRUN y", 1));
}

/* 8. --no-cache: RUN, COPY, ADD and WORKDIR all run again; their keys stay, so the new results are found the next time. */
static void test_rule_8(void **state)
{
	static const char text[] = "FROM i\nRUN x\nCOPY a /\nADD b /\nWORKDIR /w";
	struct world again = usual;
	struct chain a = build(text, usual), b;

	(void)state;
	again.no_cache = true;
	b = build(text, again);
	assert_int_equal(b.n, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_true(!a.no_cache[i] && b.no_cache[i]);
		assert_true(same(&a, &b, i));
	}
}

/* 9. The cache is shared by all projects: nothing of a project (file, directory, names of stages, order of others) is in a key. */
static void test_rule_9(void **state)
{
	struct key a, b;

	(void)state;
	assert_true(hit("FROM i AS app\nWORKDIR /w\nCOPY a .",
			"FROM x AS lint\nRUN l\nFROM i AS server\nWORKDIR /w\nCOPY a .", 1));
	key_scratch(&a);
	key_scratch(&b);
	assert_string_equal(a.hex, b.hex);
}

/* Fields do not run into each other, and which input belongs to which mount is told. */
static void test_inputs(void **state)
{
	struct step_mount mounts[] = {{.type = STEP_MOUNT_SECRET, .from = STEP_FROM_NOTHING},
				      {.type = STEP_MOUNT_BIND, .from = STEP_FROM_CONTEXT},
				      {.type = STEP_MOUNT_CACHE, .from = STEP_FROM_NOTHING},
				      {.type = STEP_MOUNT_CACHE, .from = 0}};
	struct step_run run = {.mounts = mounts, .n_mounts = 4};
	struct plan_step step = {.kind = STEP_RUN, .run = &run};

	(void)state;
	assert_int_equal(key_inputs(&step), 2);
	assert_int_equal(key_input(&step, 0), 1);
	assert_int_equal(key_input(&step, 1), 3);
	assert_false(hit("FROM i\nRUN [\"ab\", \"c\"]", "FROM i\nRUN [\"a\", \"bc\"]", 0));
	assert_false(hit("FROM i\nENV A=1B=2\nRUN x", "FROM i\nENV A=1 B=2\nRUN x", 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rule_1), cmocka_unit_test(test_rule_2), cmocka_unit_test(test_rule_3),
	    cmocka_unit_test(test_rule_4), cmocka_unit_test(test_rule_5), cmocka_unit_test(test_rule_6),
	    cmocka_unit_test(test_rule_7), cmocka_unit_test(test_rule_8), cmocka_unit_test(test_rule_9),
	    cmocka_unit_test(test_inputs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
