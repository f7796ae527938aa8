/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/session.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/http_client.h"
#include "face/cli/client.h"
#include "face/cli/command.h"
#include "face/cli/show.h"
#include "face/cli/text.h"

#include <signal.h>
#include <string.h>

#define WAIT_MAX (1u << 20)

static const int signal_list[] = {SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, 0};

static char *attach_target(const struct session *s)
{
	mem_cleanup char *base = client_target(CLIENT_DOCKER_CONTAINERS, s->id, "/attach");
	struct buf target buf_cleanup = BUF_INIT;

	buf_printf(&target, "%s?stream=1&stdout=%d&stderr=%d&stdin=%d", base, !s->no_out, !s->no_err, s->in);
	if (s->detach_keys)
		client_query(&target, "detachKeys", s->detach_keys);
	return buf_take(&target);
}

static int open_wait(struct session *s, bool running, struct err *err)
{
	const char *condition = s->remove ? "removed" : running ? "not-running" : "next-exit";
	mem_cleanup char *base = client_target(CLIENT_DOCKER_CONTAINERS, s->id, "/wait?condition=");
	mem_cleanup char *target = mem_printf("%s%s", base, condition);
	int r = client_open(s->cli, &s->wait, err);

	/* The headers come at once, the body at the end. */
	return r < 0 ? r : client_begin(s->wait, "POST", target, NULL, err);
}

int session_open(struct session *s, bool running, struct err *err)
{
	mem_cleanup char *target = attach_target(s);
	unsigned char keys[STREAM_CLIENT_KEYS_MAX];
	size_t n;
	int r = stream_client_keys(s->detach_keys, keys, &n, err);

	s->streams = (struct stream_client)STREAM_CLIENT_NONE;
	if (r == 0)
		r = stream_client_open(s->cli, target, NULL, &s->streams, err);
	return r < 0 ? r : open_wait(s, running, err);
}

void session_close(struct session *s)
{
	stream_client_close(&s->streams);
	s->wait = http_client_close(s->wait);
}

/* One that has just ended needs no signal: its exit is on the way. */
static bool pass_on(void *ctx, int signal)
{
	struct session *s = ctx;
	mem_cleanup char *base = client_target(CLIENT_DOCKER_CONTAINERS, s->id, "/kill?signal=");
	mem_cleanup char *target = mem_printf("%s%d", base, signal);
	struct err err = ERR_INIT;
	int r = client_call(s->cli, "POST", target, NULL, NULL, &err);

	if (r < 0 && r != -EBUSY && r != -ENOENT)
		text_error("cannot send signal %d to %s: %s", signal, s->id, err.text);
	return true;
}

static int read_end(struct session *s, struct err *err)
{
	yyjson_doc *doc json_doc_cleanup = NULL;
	mem_cleanup char *body = NULL;
	const char *message;
	int64_t code;
	size_t n;
	int r = http_client_read_all(s->wait, WAIT_MAX, &body, &n, err);

	if (r < 0)
		return r;
	doc = json_parse(body, n, WAIT_MAX, "the reply of berth", err);
	if (!doc)
		return -EPROTO;
	message = show_str(yyjson_obj_get(yyjson_doc_get_root(doc), "Error"), "Message", "");
	if (*message)
		text_error("%s", message);
	code = show_int(yyjson_doc_get_root(doc), "StatusCode", CLI_RUN_FAILED);
	return code >= 0 && code < 256 ? (int)code : CLI_RUN_FAILED;
}

static int left_running(const struct session *s, int status)
{
	fputc('\n', stderr); /* the cursor is where the program left it */
	text_error("detached; %s goes on. To come back: berth attach %s", s->id, s->id);
	return status;
}

/* Outside a container SIGPIPE would end a program whose reader has gone. */
static int lost_reader(struct session *s)
{
	(void)pass_on(s, SIGKILL);
	return CLI_NO_READER;
}

int session_run(struct session *s, struct err *err)
{
	mem_cleanup char *resize = client_target(CLIENT_DOCKER_CONTAINERS, s->id, "/resize");
	const struct stream_client_how how = {.cli = s->cli,
					      .tty = s->tty,
					      .in = s->in,
					      .resize = s->tty ? resize : NULL,
					      .detach_keys = s->detach_keys,
					      .signals = s->tty || s->no_signals ? NULL : signal_list,
					      .on_signal = pass_on,
					      .ctx = s};
	int r = stream_client_pump(&s->streams, &how, err);

	if (r == -EINTR)
		r = left_running(s, CLI_INTERRUPTED);
	else if (r == -EPIPE)
		r = lost_reader(s);
	else if (r == 0 && s->streams.detached)
		r = left_running(s, CLI_OK);
	else if (r == 0)
		r = read_end(s, err);
	session_close(s);
	return r;
}

int session_start(struct cli *cli, const char *id)
{
	static const struct {
		const char *text;
		int status;
	} codes[] = {{"executable file not found", 127},
		     {"no such file or directory", 127},
		     {"permission denied", 126},
		     {"is a directory", 126}};
	mem_cleanup char *target = client_target(CLIENT_DOCKER_CONTAINERS, id, "/start");
	struct err err = ERR_INIT;

	if (client_call(cli, "POST", target, NULL, NULL, &err) == 0)
		return 0;
	text_error("%s", err.text);
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
		if (strcasestr(err.text, codes[i].text))
			return codes[i].status;
	}
	return CLI_RUN_FAILED;
}

int session_inspect(struct cli *cli, const char *id, yyjson_doc **ret, struct err *err)
{
	mem_cleanup char *target = client_target(CLIENT_DOCKER_CONTAINERS, id, "/json");
	int r = client_call(cli, "GET", target, NULL, ret, err);

	if (r == 0 && !*ret)
		return err_set(err, EPROTO, "berth said nothing about \"%s\"", id);
	return r;
}
