/* SPDX-License-Identifier: Apache-2.0
 *
 * run: one request; its reply is the program's output and, last, how it ended. Only a signal or a lost reader of the
 * output makes a second request.
 */
#include "face/cli/command.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/wire/http_client.h"
#include "face/cli/client.h"
#include "face/cli/container_create.h"
#include "base/wire/frame.h"
#include "face/cli/image_fetch.h"
#include "face/cli/interrupt.h"
#include "face/cli/run_request.h"
#include "face/cli/show.h"
#include "face/cli/signals.h"
#include "face/cli/text.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define PIECE (64u << 10)

/* A `berth run` whose program's output comes in. */
struct attached {
	struct cli *cli;
	char *id;      /* known after the first note */
	int waiting;   /* a signal that came before the ID was known */
	int forwarded; /* the last that was sent on */
	bool ended;
	bool no_reader; /* of our stdout or stderr */
	int status;
};

static const struct {
	int number;
	const char *name;
} signals[] = {{SIGINT, "INT"}, {SIGTERM, "TERM"}, {SIGQUIT, "QUIT"}, {SIGUSR1, "USR1"}, {SIGUSR2, "USR2"}};
static const int signal_list[] = {SIGINT, SIGTERM, SIGQUIT, SIGUSR1, SIGUSR2, 0};

static const char *signal_name(int number)
{
	for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
		if (signals[i].number == number)
			return signals[i].name;
	}
	return "KILL";
}

static void send_signal(struct attached *a, const char *name)
{
	mem_cleanup char *path = client_target("/v1/containers/", a->id, "/kill?signal=");
	mem_cleanup char *target = mem_printf("%s%s", path, name);
	struct http_client *c = NULL;
	struct err err = ERR_INIT;
	int r = client_open(a->cli, &c, &err);

	if (r == 0)
		r = client_call_on(c, "POST", target, NULL, NULL, &err);
	http_client_close(c);
	if (r < 0 && r != -EBUSY && r != -ENOENT) /* it has just ended: its exit is on the way */
		text_error("cannot send SIG%s to %s: %s", name, a->id, err.text);
}

static void first_note(struct attached *a, yyjson_val *note)
{
	const char *id = show_str(note, "id", NULL);

	if (!id || a->id)
		return;
	a->id = mem_strdup(id);
	if (a->waiting)
		send_signal(a, signal_name(a->waiting));
	a->waiting = 0;
}

static void exit_note(struct attached *a, yyjson_val *note)
{
	yyjson_val *end = yyjson_obj_get(note, "exit");
	const char *error = show_str(end, "error", NULL);
	int64_t code = show_int(end, "code", CLI_RUN_FAILED), signal = show_int(end, "signal", 0);

	if (!end)
		return;
	a->ended = true;
	if (code == 0 && signal > 0)
		code = 128 + signal;
	a->status = code >= 0 && code < 256 ? (int)code : CLI_RUN_FAILED;
	if (error && *error)
		text_error("%s", error);
	else if (show_bool(end, "oom"))
		text_error("the container was killed: it used more memory than its limit");
}

static int on_note(struct attached *a, const char *text, size_t n, struct err *err)
{
	yyjson_doc *doc json_doc_cleanup = json_parse(text, n, FRAME_NOTE_MAX, "a note of the container", err);
	yyjson_val *root = yyjson_doc_get_root(doc);
	const char *notice = show_str(root, "notice", NULL);

	if (!doc)
		return -EPROTO;
	first_note(a, root);
	if (notice)
		text_error("%s", notice);
	exit_note(a, root);
	return 0;
}

static int on_frame(void *ctx, enum frame_type type, const char *data, size_t n, struct err *err)
{
	struct attached *a = ctx;
	int r;

	if (type == FRAME_NOTE)
		return on_note(a, data, n, err);
	r = fd_write_all(type == FRAME_STDERR ? STDERR_FILENO : STDOUT_FILENO, data, n);
	a->no_reader = r == -EPIPE;
	return r < 0 ? err_sys(err, -r, "write the output of the container") : 0;
}

/* Returns true when the user has had enough. */
static bool on_signal(struct attached *a, int signal)
{
	if (signal == SIGINT && a->forwarded == SIGINT) {
		text_error("detached; %s goes on. To end it: berth kill %s", a->id ? a->id : "the container",
			   a->id ? a->id : "ID (see berth ps)");
		return true;
	}
	a->forwarded = signal;
	if (a->id)
		send_signal(a, signal_name(signal));
	else
		a->waiting = signal;
	return false;
}

/* The reader of a pipeline went away (`berth run ... | head`). Outside a container SIGPIPE would end the program; the
 * first process of a container does not get signals that it has no handler for, so it is killed. */
static int lost_reader(struct attached *a)
{
	if (a->id)
		send_signal(a, "KILL");
	return CLI_NO_READER;
}

static int follow(struct attached *a, struct http_client *c, int signal_fd, struct err *err)
{
	struct frame_reader frames cleanup_with(frame_free) = FRAME_READER_INIT;
	mem_cleanup char *data = mem_zalloc(1, PIECE);
	int signal = 0, r = 0;
	ssize_t n;

	while (!a->ended) {
		n = client_read(c, signal_fd, data, PIECE, -1, &signal, err);
		if (n == -EINTR) {
			if (on_signal(a, signal))
				return CLI_INTERRUPTED;
			continue;
		}
		if (n > 0)
			r = frame_feed(&frames, data, (size_t)n, on_frame, a, err);
		if (r < 0)
			return a->no_reader ? lost_reader(a) : r;
		if (n <= 0)
			break;
	}
	if (a->ended)
		return a->status;
	return err_set(err, EPROTO, "lost the connection to berth; %s%s goes on, see: berth ps -a",
		       a->id ? "container " : "the container", a->id ? a->id : "");
}

static int run_detached(struct http_client *c, struct err *err)
{
	yyjson_doc *doc json_doc_cleanup = NULL;
	mem_cleanup char *reply = NULL;
	size_t n;
	int r = http_client_read_all(c, FRAME_NOTE_MAX, &reply, &n, err);

	if (r < 0)
		return r;
	doc = json_parse(reply, n, FRAME_NOTE_MAX, "the reply of berth", err);
	if (!doc)
		return -EPROTO;
	text_line(stdout, "%s", show_str(yyjson_doc_get_root(doc), "id", ""));
	return CLI_OK;
}

static int run_attached(struct cli *cli, struct http_client *c, bool sig_proxy, const char *json, struct err *err)
{
	struct attached a = {.cli = cli};
	struct signals s = SIGNALS_NONE;
	void (*on_pipe)(int) = signal(SIGPIPE, SIG_IGN);
	int r;

	if (sig_proxy)
		signals_open(&s, signal_list);
	r = client_begin(c, "POST", "/v1/containers/run", json, err);
	if (r == 0)
		r = follow(&a, c, s.fd, err);
	signals_close(&s);
	(void)signal(SIGPIPE, on_pipe);
	free(a.id);
	return r;
}

static int run_once(struct cli *cli, const struct run_options *o, const char *json, struct err *err)
{
	struct http_client *c = NULL;
	int r = client_http(cli, &c, err);

	if (r < 0)
		return r;
	if (!o->detach)
		return run_attached(cli, c, o->sig_proxy, json, err);
	r = client_begin(c, "POST", "/v1/containers/run", json, err);
	return r < 0 ? r : run_detached(c, err);
}

/* True when a run was refused because its image is not there. */
static bool lacks_image(struct cli *cli, int r, const char *image)
{
	return r == -ENOENT && image_fetch_is_here(cli, image, NULL) == 0;
}

/* A run of an image that is there costs no request more. */
static int run_plain(struct cli *cli, const struct run_options *o, char **operands, struct err *err)
{
	enum image_fetch pull = IMAGE_FETCH_MISSING;
	mem_cleanup char *json = NULL;
	int r = image_fetch_parse(o->pull, &pull, err);

	if (r == 0)
		r = run_request(o, operands, &json, err);
	if (r == 0 && pull == IMAGE_FETCH_ALWAYS)
		r = image_fetch(cli, operands[0], o->quiet, err);
	if (r == 0)
		r = run_once(cli, o, json, err);
	if (json && pull == IMAGE_FETCH_MISSING && lacks_image(cli, r, operands[0])) {
		err_clear(err);
		r = image_fetch(cli, operands[0], o->quiet, err);
		if (r == 0)
			r = run_once(cli, o, json, err);
	}
	return r;
}

static int run_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	const struct run_options *o = values;
	int r = run_options_plain(o) ? run_plain(cli, o, operands, err) : container_create_run(cli, o, operands, err);

	return interrupt_status(r, err);
}

const struct cli_command command_run = {
    .name = "run",
    .usage = "IMAGE [COMMAND [ARG...]]",
    .summary = "Run a command in a new container",
    .detail =
	"Options end at IMAGE: what follows belongs to the command. The exit status is that of the program, or 125 "
	"when\n"
	"berth failed, 126 when the command cannot be executed, 127 when it was not found. Ctrl-C is passed on to the\n"
	"program; a second one leaves it running and returns. A container is on the network \"bridge\"; --network none "
	"gives it its\nloopback alone. An ordinary user's has pasta or slirp4netns.",
    .examples = "  berth run --rm busybox echo hello\n"
		"  berth run -it --rm busybox sh\n"
		"  berth run -d --name web -p 8080:80 -v ./site:/www:ro busybox httpd -f -h /www\n"
		"  berth run --rm --cpus 0.5 --memory 256m --pids 100 -e LANG busybox env",
    .options = run_option_specs,
    .values_size = sizeof(struct run_options),
    .defaults = &run_option_defaults,
    .least = 1,
    .most = CLI_MANY,
    .operand = OPERAND_IMAGE,
    .stop = true,
    .failed = CLI_RUN_FAILED,
    .misused = CLI_RUN_FAILED,
    .run = run_run,
};
