/* SPDX-License-Identifier: Apache-2.0
 *
 * The daemon's part in streams: it gives clients to monitors. Those of a container that does not run yet wait here.
 */
#include "node/engine/stream.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/log.h"
#include "base/core/mem.h"
#include "node/engine/container.h"
#include "node/engine/exec.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

/* A client that no monitor has for sure. */
struct stream_wait {
	struct stream_wait *next;
	int fd;
	bool sent;
	char *line;
};

static struct stream_wait *wait_free(struct stream_wait *w)
{
	fd_closep(&w->fd);
	free(w->line);
	free(w);
	return NULL;
}

char *stream_keys(const struct detach *d, char text[static STREAM_KEYS_MAX])
{
	text[0] = '\0';
	for (size_t i = 0; i < d->n; i++)
		snprintf(text + 2 * i, 3, "%02x", d->keys[i]);
	return text;
}

/* ---- clients that wait ---- */

static size_t count_waits(struct container *c)
{
	size_t n = 0;

	for (struct stream_wait **at = &c->waits; *at;) {
		struct pollfd pfd = {.fd = (*at)->fd};
		struct stream_wait *w = *at;

		/* Some go before they were served. */
		if (poll(&pfd, 1, 0) > 0 && (pfd.revents & (POLLHUP | POLLERR | POLLNVAL))) {
			*at = w->next;
			wait_free(w);
			continue;
		}
		n++;
		at = &w->next;
	}
	return n;
}

static void send_wait(struct container *c, struct stream_wait *w)
{
	struct err err = ERR_INIT;

	if (container_give(c, w->line, w->fd, &err) == 0)
		w->sent = true;
	else
		log_err(&err, "a client cannot be attached");
}

void stream_connected(struct container *c)
{
	for (struct stream_wait *w = c->waits; w; w = w->next)
		send_wait(c, w);
}

void stream_heard(struct container *c)
{
	for (struct stream_wait **at = &c->waits; *at;) {
		struct stream_wait *w = *at;

		if (!w->sent) {
			at = &w->next;
			continue;
		}
		*at = w->next;
		wait_free(w);
	}
}

void stream_drop(struct container *c)
{
	while (c->waits) {
		struct stream_wait *w = c->waits;

		c->waits = w->next;
		wait_free(w);
	}
}

static void add_wait(struct container *c, const char *line, int fd)
{
	struct stream_wait *w = mem_new(struct stream_wait), **at = &c->waits;

	*w = (struct stream_wait){.fd = fd, .line = mem_strdup(line)};
	while (*at)
		at = &(*at)->next;
	*at = w;
	if (c->conn >= 0)
		send_wait(c, w);
}

/* ---- attach ---- */

static int check(struct engine *e, const char *id, const struct engine_attach *how, struct container **ret,
		 struct detach *keys, struct err *err)
{
	struct container *c;
	int r = container_find(e, id, &c, err);

	if (r == 0)
		r = detach_parse(keys, how->detach_keys, err);
	if (r < 0)
		return r;
	if (c->pub.removing || c->unlisted)
		return err_set(err, EBUSY, "container %s is marked for removal and cannot be attached to", c->pub.name);
	if (c->pub.paused && how->stream)
		return err_set(err, EBUSY, "container %s is paused, unpause the container before attach", c->pub.name);
	if (how->stream && c->crowded)
		return err_set(err, EBUSY, "container %s has %d clients attached, which is the most it can have",
			       c->pub.name, ENGINE_ATTACH_MAX);
	if (count_waits(c) >= ENGINE_ATTACH_MAX)
		return err_set(err, EBUSY, "container %s has %d clients waiting, which is the most it can have",
			       c->pub.name, ENGINE_ATTACH_MAX);
	*ret = c;
	return 0;
}

int engine_attach_check(struct engine *e, const char *id, const struct engine_attach *how, struct err *err)
{
	struct container *c;
	struct detach keys = {.n = 0};

	return check(e, id, how, &c, &keys, err);
}

static const char *word(bool b)
{
	return b ? "true" : "false";
}

static char *attach_line(const struct engine_attach *how, const struct detach *keys)
{
	char text[STREAM_KEYS_MAX];

	return mem_printf("{\"fd\":true,\"attach\":{\"in\":%s,\"out\":%s,\"err\":%s,\"logs\":%s,\"stream\":%s,"
			  "\"raw\":%s,\"keys\":\"%s\"}}\n",
			  word(how->in), word(how->out), word(how->err), word(how->logs), word(how->stream),
			  word(how->raw), stream_keys(keys, text));
}

int engine_attach(struct engine *e, const char *id, const struct engine_attach *how, int fd, struct err *err)
{
	fd_cleanup int own = fd;
	mem_cleanup char *line = NULL;
	struct container *c;
	struct detach keys = {.n = 0};
	int r = check(e, id, how, &c, &keys, err);

	if (r < 0)
		return r;
	if (how->stream)
		engine_action_of(e, &c->pub, "attach", NULL);
	if (!how->stream && container_idle(c)) {
		const struct stream_log_want want = {.out = how->out, .err = how->err, .framed = !c->tty && !how->raw};

		return how->logs ? stream_log_send(e, c->pub.id, &want, fd_take(&own), err) : 0;
	}
	line = attach_line(how, &keys);
	if (c->heard && c->conn >= 0 && !container_idle(c))
		return container_give(c, line, own, err);
	add_wait(c, line, fd_take(&own));
	return 0;
}

bool engine_has_tty(struct engine *e, const char *id)
{
	struct container *c;

	return container_find(e, id, &c, NULL) == 0 && c->tty;
}

int engine_resize(struct engine *e, const char *id, unsigned rows, unsigned cols, struct err *err)
{
	struct container *c;
	char line[64], height[16], width[16];
	const char *const attributes[] = {"height", height, "width", width, NULL};
	int r = container_find(e, id, &c, err);

	if (r < 0)
		return r;
	if (c->pub.state != ENGINE_RUNNING)
		return err_set(err, EBUSY, "container %s is not running", c->pub.name);
	if (rows > UINT16_MAX || cols > UINT16_MAX)
		return err_set(err, EINVAL, "a terminal of %u rows and %u columns is too large", rows, cols);
	snprintf(line, sizeof line, "{\"resize\":[%u,%u]}\n", rows, cols);
	r = c->tty ? container_tell(c, line, err) : 0;
	snprintf(height, sizeof height, "%u", rows);
	snprintf(width, sizeof width, "%u", cols);
	if (r == 0)
		engine_action_of(e, &c->pub, "resize", attributes);
	return r;
}
