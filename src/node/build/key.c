/* SPDX-License-Identifier: Apache-2.0
 *
 * A key is the SHA-256 of fields, each with its length in front, so that no two lists of fields give the same bytes. The first field names
 * the form: it changes when what is keyed changes, and no old entry of a cache is mistaken for a new one.
 */
#include "node/build/key.h"

#include "node/build/step.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FORM "berth build key 1"

static void add(struct sha256 *s, const char *text)
{
	size_t n = text ? strlen(text) : 0;
	char length[32];

	/* NULL and "" are different: -1 and 0. */
	sha256_add(s, length, (size_t)snprintf(length, sizeof(length), "%" PRId64 ":", text ? (int64_t)n : -1));
	if (n)
		sha256_add(s, text, n);
}

static void add_number(struct sha256 *s, uint64_t n)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%" PRIu64, n);
	add(s, text);
}

static void add_list(struct sha256 *s, char *const *v)
{
	size_t n = 0;

	while (v && v[n])
		n++;
	add_number(s, n);
	for (size_t i = 0; i < n; i++)
		add(s, v[i]);
}

static void begin(struct sha256 *s, const char *what)
{
	sha256_init(s);
	add(s, FORM);
	add(s, what);
}

void key_scratch(struct key *ret)
{
	struct sha256 s;

	begin(&s, "scratch");
	sha256_hex(&s, ret->hex);
}

void key_base(const char *kind, const char *digest, const char *platform, struct key *ret)
{
	struct sha256 s;

	begin(&s, "base");
	add(&s, kind);
	add(&s, digest);
	add(&s, platform);
	sha256_hex(&s, ret->hex);
}

/* The definition of a mount; of secrets and ssh only where they are, as a command may look for the file. */
static void add_mount(struct sha256 *s, const struct step_mount *m)
{
	add_number(s, m->type);
	add(s, m->target);
	add(s, m->source);
	add(s, m->id);
	add(s, m->env);
	add_number(s, m->read_only);
	add_number(s, m->required);
	add_number(s, m->size);
	add_number(s, m->mode);
	add_number(s, m->uid);
	add_number(s, m->gid);
}

static void add_run(struct sha256 *s, const struct plan_step *step)
{
	const struct step_run *run = step->run;

	add_list(s, run->argv);
	add(s, run->script_name);
	add(s, run->script);
	add_list(s, run->env);
	add(s, step->user);
	add(s, step->workdir);
	add_number(s, run->insecure);
	add_number(s, run->n_mounts);
	for (size_t i = 0; i < run->n_mounts; i++)
		add_mount(s, &run->mounts[i]);
	add_number(s, run->n_devices);
	for (size_t i = 0; i < run->n_devices; i++)
		add(s, run->devices[i].name);
}

/* What the content does not say: names of sources choose them and are told by their content; the shape of the copy is here. */
static void add_copy(struct sha256 *s, const struct plan_step *step)
{
	const struct step_copy *c = step->copy;

	add(s, c->dest);
	add_number(s, c->dest_dir);
	add(s, c->chown);
	add(s, c->chmod);
	add_number(s, c->link);
	add_number(s, c->parents);
	add_list(s, c->exclude);
	add_list(s, c->sources);
	add(s, c->checksum);
	add_number(s, c->keep_git_dir);
	add_number(s, c->has_unpack);
	add_number(s, c->unpack);
	add_number(s, c->n_files);
	for (size_t i = 0; i < c->n_files; i++) {
		add(s, c->files[i].name);
		add(s, c->files[i].content);
	}
}

static void add_contents(struct sha256 *s, const struct key_content *contents, size_t n)
{
	add_number(s, n);
	for (size_t i = 0; i < n; i++)
		add(s, contents[i].digest);
}

void key_step(const struct key *parent, const struct plan_step *step, const struct key_content *contents, size_t n,
	      struct key *ret)
{
	static const char *const names[] = {"", "run", "copy", "add", "workdir"};
	struct sha256 s;

	if (step->kind == STEP_CONFIG) {
		*ret = *parent;
		return;
	}
	begin(&s, names[step->kind]);
	if ((step->kind == STEP_COPY || step->kind == STEP_ADD) && step->copy->link)
		add(&s, "linked");
	else
		add(&s, parent->hex);
	if (step->kind == STEP_RUN) {
		add_run(&s, step);
	} else if (step->kind == STEP_WORKDIR) {
		add(&s, step->dir->path);
		add(&s, step->user);
	} else {
		add_copy(&s, step);
	}
	add_contents(&s, contents, n);
	sha256_hex(&s, ret->hex);
}

void key_next(const struct key *parent, const struct plan_step *step, const struct key *key, struct key *ret)
{
	struct sha256 s;

	if ((step->kind != STEP_COPY && step->kind != STEP_ADD) || !step->copy->link) {
		memmove(ret, key, sizeof *ret);
		return;
	}
	begin(&s, "linked on");
	add(&s, parent->hex);
	add(&s, key->hex);
	sha256_hex(&s, ret->hex);
}

static bool has_content(const struct step_mount *m)
{
	return m->type == STEP_MOUNT_BIND || (m->type == STEP_MOUNT_CACHE && m->from != STEP_FROM_NOTHING);
}

size_t key_inputs(const struct plan_step *step)
{
	size_t n = 0;

	if (step->kind == STEP_COPY || step->kind == STEP_ADD)
		while (step->copy->sources[n])
			n++;
	for (size_t i = 0; step->kind == STEP_RUN && i < step->run->n_mounts; i++)
		n += has_content(&step->run->mounts[i]);
	return n;
}

size_t key_input(const struct plan_step *step, size_t i)
{
	size_t at = 0;

	if (step->kind != STEP_RUN)
		return i;
	while (at < step->run->n_mounts && (!has_content(&step->run->mounts[at]) || i-- > 0))
		at++;
	return at;
}
