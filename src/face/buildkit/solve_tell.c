/* SPDX-License-Identifier: Apache-2.0 */
#include "face/buildkit/solve_tell.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/buildkit/excerpt.h"
#include "face/buildkit/lint_answer.h"
#include "face/buildkit/status.h"
#include "node/image/image.h"
#include "node/image/oci_layout.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define IGNORE ".dockerignore"

/* Vertices that are no steps. */
enum { OWN_FILE = STATUS_OWN, OWN_IGNORE, OWN_EXPORT, OWN_SEND, OWN_TREES = STATUS_OWN + 1000 };

struct solve_tell {
	struct status *status;
	struct lint_answer *lint; /* NULL = nobody asks for the rules */
	char *file;
	char *name, *text; /* the Dockerfile, when it is the client's */
	size_t n;
	char **images, **pulled, **bases; /* metadata told of; fetched; FROM told of */
	uint32_t n_stages, n_trees;
	char *failed; /* the words for a step that failed */
	unsigned line, end_line;
	bool ignored;
};

struct solve_tell *solve_tell_new(int fd, const char *seed, const char *file, yyjson_mut_doc *answer)
{
	struct solve_tell *t = mem_new(struct solve_tell);

	t->status = status_new(fd, seed);
	t->file = mem_strdup(file ? file : "Dockerfile");
	t->lint = answer ? lint_answer_new(answer) : NULL;
	return t;
}

struct solve_tell *solve_tell_free(struct solve_tell *t, bool well)
{
	if (!t)
		return NULL;
	lint_answer_free(t->lint, well);
	status_free(t->status);
	mem_strv_free(t->images);
	mem_strv_free(t->pulled);
	mem_strv_free(t->bases);
	free(t->failed);
	free(t->file);
	free(t->name);
	free(t->text);
	free(t);
	return NULL;
}

static bool has(char *const *list, const char *text)
{
	for (; list && *list; list++) {
		if (!strcmp(*list, text))
			return true;
	}
	return false;
}

/* ---- files of the client ---- */

static bool is_ignore(const char *path)
{
	const size_t n = strlen(path), end = strlen(IGNORE);

	return n >= end && !strcmp(path + n - end, IGNORE);
}

void solve_tell_file(struct solve_tell *t, const char *path)
{
	mem_cleanup char *name = mem_printf("[internal] load build definition from %s", t->file);

	if (!is_ignore(path))
		status_begin(t->status, OWN_FILE, name);
	else if (!t->ignored)
		status_begin(t->status, OWN_IGNORE, "[internal] load " IGNORE);
}

void solve_tell_file_came(struct solve_tell *t, const char *path, const char *text, size_t n)
{
	if (t->lint && text)
		lint_answer_source(t->lint, path, text, n);
	if (!is_ignore(path)) {
		if (!text)
			return;
		status_part(t->status, OWN_FILE, "transferring dockerfile:", n, 0);
		free(t->name);
		free(t->text);
		t->name = mem_strdup(path);
		t->text = mem_strndup(text, n);
		t->n = n;
	} else if (!t->ignored && (text || !strcmp(path, IGNORE))) {
		/* Two bytes are what BuildKit counts when there is none. */
		status_part(t->status, OWN_IGNORE, "transferring context:", text ? n : 2, 0);
		status_done(t->status, OWN_IGNORE, NULL);
		t->ignored = true;
	}
}

void solve_tell_tree(struct solve_tell *t, const char *dir)
{
	mem_cleanup char *name = t->n_trees == 0 ? mem_strdup("[internal] load build context")
						 : mem_printf("[context %s] load from client", dir);

	status_begin(t->status, OWN_TREES + t->n_trees, name);
}

void solve_tell_tree_came(struct solve_tell *t, uint64_t bytes, const char *failed)
{
	const uint32_t id = OWN_TREES + t->n_trees++;

	if (!failed)
		status_part(t->status, id, "transferring context:", bytes, 0);
	status_done(t->status, id, failed);
}

/* ---- base images ---- */

/* "busybox" is "docker.io/library/busybox:latest". */
static char *full_name(const char *ref)
{
	mem_cleanup char *whole = NULL;

	return oci_name_long(image_ref_normalise(ref, &whole, NULL) == 0 ? whole : ref);
}

static uint32_t image_vertex(const struct solve_tell *t)
{
	return STATUS_IMAGE + (uint32_t)mem_strv_len(t->images) - 1;
}

static void begin_image(struct solve_tell *t, const char *ref)
{
	mem_cleanup char *full = full_name(ref), *name = mem_printf("[internal] load metadata for %s", full);

	mem_strv_add(&t->images, ref);
	status_begin(t->status, image_vertex(t), name);
}

void solve_tell_pull(struct solve_tell *t, const char *ref)
{
	status_done(t->status, OWN_FILE, NULL);
	begin_image(t, ref);
	mem_strv_add(&t->pulled, ref);
}

void solve_tell_pulling(struct solve_tell *t, const struct image_progress *p)
{
	mem_cleanup char *name = mem_printf("%s%s%s", p->action, *p->id ? " " : "", p->id);

	status_part(t->status, image_vertex(t), name, p->done, p->total);
}

void solve_tell_pulled(struct solve_tell *t, const char *failed)
{
	status_done(t->status, image_vertex(t), failed);
}

/* BuildKit tells of images alone, and of each once: neither of stages that stand on others nor of those from nothing. */
static void tell_stage(struct solve_tell *t, const struct build_event *e)
{
	mem_cleanup char *full = NULL, *name = NULL;
	const uint32_t id = STATUS_STAGE + t->n_stages;

	if (!e->base || has(t->bases, e->base))
		return;
	t->n_stages++;
	mem_strv_add(&t->bases, e->base);
	full = full_name(e->base);
	if (!has(t->images, e->base)) {
		begin_image(t, e->base);
		status_done(t->status, image_vertex(t), NULL);
	}
	if (e->n_stages > 1)
		name = mem_printf("[%s 1/%d] FROM %s", e->stage, e->of, full);
	else
		name = mem_printf("[1/%d] FROM %s", e->of, full);
	if (has(t->pulled, e->base)) {
		status_begin(t->status, id, name);
		status_done(t->status, id, NULL);
	} else {
		status_cached(t->status, id, name);
	}
}

/* ---- steps ---- */

/* "[builder  2/10] RUN make": a stage that is alone has no name. */
static char *step_name(const struct build_event *e)
{
	int width = 1;

	for (int n = e->of; n >= 10; n /= 10)
		width++;
	if (e->n_stages > 1 && e->stage)
		return mem_printf("[%s %*d/%d] %s", e->stage, width, e->number, e->of, e->step);
	return mem_printf("[%*d/%d] %s", width, e->number, e->of, e->step);
}

/* BuildKit's words for a command that ended badly; the reason itself for all else. */
static char *words_of(const struct build_event *e)
{
	const char *number = e->argv && !strncmp(e->why, BUILD_EXIT_TEXT, strlen(BUILD_EXIT_TEXT))
				 ? e->why + strlen(BUILD_EXIT_TEXT)
				 : NULL;
	mem_cleanup char *command = mem_strdup("");

	if (!number)
		return mem_strdup(e->why ? e->why : "");
	for (char *const *a = e->argv; *a; a++) {
		char *longer = mem_printf("%s%s%s", command, *command ? " " : "", *a);

		free(command);
		command = longer;
	}
	return mem_printf("process \"%s\" did not complete successfully: exit code: %s", command, number);
}

static void fail_step(struct solve_tell *t, const struct build_event *e, uint32_t id, const char *name)
{
	free(t->failed);
	t->failed = words_of(e);
	t->line = e->written ? e->line : 0;
	t->end_line = e->end_line;
	status_begin(t->status, id, name);
	status_done(t->status, id, t->failed);
}

static void warn(struct solve_tell *t, const struct build_event *e)
{
	mem_cleanup char *words = e->line ? mem_printf("%s (line %u)", e->text, e->line) : mem_strdup(e->text);

	if (t->lint)
		lint_answer_add(t->lint, e->text, e->line);
	else
		status_warn(t->status, OWN_FILE, words);
}

static void tell_step(struct solve_tell *t, const struct build_event *e)
{
	const uint32_t id = STATUS_STEP + (uint32_t)e->index;
	mem_cleanup char *name = e->step ? step_name(e) : mem_strdup("");

	if (e->type == BUILD_EVENT_BEGIN)
		status_begin(t->status, id, name);
	else if (e->type == BUILD_EVENT_CACHED)
		status_cached(t->status, id, name);
	else if (e->type == BUILD_EVENT_OUTPUT)
		status_line(t->status, id, e->text);
	else if (e->type == BUILD_EVENT_DONE)
		status_done(t->status, id, NULL);
	else
		fail_step(t, e, id, name);
}

void solve_tell_event(struct solve_tell *t, const struct build_event *e)
{
	switch (e->type) {
	case BUILD_EVENT_PLAN:
		status_done(t->status, OWN_FILE, NULL);
		break;
	case BUILD_EVENT_STAGE:
		tell_stage(t, e);
		break;
	case BUILD_EVENT_WARNING:
		warn(t, e);
		break;
	case BUILD_EVENT_NOTE:
		status_warn(t->status, OWN_FILE, e->text);
		break;
	case BUILD_EVENT_BEGIN:
	case BUILD_EVENT_CACHED:
	case BUILD_EVENT_OUTPUT:
	case BUILD_EVENT_DONE:
	case BUILD_EVENT_FAILED:
		tell_step(t, e);
		break;
	case BUILD_EVENT_EXPORT:
		status_begin(t->status, OWN_EXPORT, "exporting to image");
		break;
	case BUILD_EVENT_CONFIG:
	case BUILD_EVENT_TICK:
		break;
	}
}

/* ---- the end ---- */

void solve_tell_sending(struct solve_tell *t, bool over, const char *failed)
{
	status_begin(t->status, OWN_SEND, "exporting to client");
	if (over)
		status_done(t->status, OWN_SEND, failed);
}

void solve_tell_made(struct solve_tell *t, const struct build_result *result)
{
	if (result->id) {
		mem_cleanup char *image = mem_printf("writing image %s", result->id);

		status_part(t->status, OWN_EXPORT, "exporting layers", 0, 0);
		status_mark(t->status, OWN_EXPORT, image);
	}
	for (char **n = result->names; n && *n; n++) {
		mem_cleanup char *full = oci_name_long(*n), *name = mem_printf("naming to %s", full);

		status_mark(t->status, OWN_EXPORT, name);
	}
	status_done(t->status, OWN_EXPORT, NULL);
}

/* The line of "FILE:LINE: ...", 0 = it has none. */
static unsigned line_of(const struct solve_tell *t, const char *text)
{
	const size_t n = t->name ? strlen(t->name) : 0;
	unsigned long line;
	char *end;

	if (n == 0 || strncmp(text, t->name, n) != 0 || text[n] != ':')
		return 0;
	line = strtoul(text + n + 1, &end, 10);
	return end > text + n + 1 && (*end == ':' || !*end) && line < UINT32_MAX ? (unsigned)line : 0;
}

void solve_tell_failed(struct solve_tell *t, struct err *err, yyjson_mut_doc *answer)
{
	/* Who could not be reached for the file itself failed there; all else came after it. */
	status_done(t->status, OWN_FILE, t->text ? NULL : err->text);
	status_done(t->status, OWN_IGNORE, NULL);
	status_done(t->status, OWN_EXPORT, err->text);
	if (t->line == 0)
		t->line = line_of(t, err->text);
	if (t->failed && !strncmp(t->failed, "process ", 8) && err->code == EREMOTEIO)
		(void)err_set(err, EREMOTEIO, "%s", t->failed);
	if (t->text)
		excerpt_tell(answer, t->name, t->text, t->n, t->line, t->end_line);
}
