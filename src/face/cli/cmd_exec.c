/* SPDX-License-Identifier: Apache-2.0
 *
 * exec and attach.
 */
#include "face/cli/command.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/cli/client.h"
#include "face/cli/job_task.h"
#include "face/cli/env_words.h"
#include "face/cli/session.h"
#include "face/cli/show.h"
#include "face/cli/term.h"
#include "face/cli/text.h"

#include <string.h>
#include <unistd.h>

struct exec_values {
	bool interactive, tty, detach, privileged;
	const char *user, *workdir, *keys;
	char **env, **env_files;
};
static const struct option_spec exec_options[] = {
    {"interactive", 'i', OPTION_FLAG, offsetof(struct exec_values, interactive), NULL, "send it standard input"},
    {"tty", 't', OPTION_FLAG, offsetof(struct exec_values, tty), NULL, "give it a terminal"},
    {"detach", 'd', OPTION_FLAG, offsetof(struct exec_values, detach), NULL, "do not wait for its end"},
    {"env", 'e', OPTION_LIST, offsetof(struct exec_values, env), "K[=V]",
     "environment variable, or the name of one of yours"},
    {"env-file", 0, OPTION_LIST, offsetof(struct exec_values, env_files), "FILE", "environment variables, one a line"},
    {"user", 'u', OPTION_TEXT, offsetof(struct exec_values, user), "USER", "user, or user:group, by name or number"},
    {"workdir", 'w', OPTION_TEXT, offsetof(struct exec_values, workdir), "DIR", "working directory"},
    {"privileged", 0, OPTION_FLAG, offsetof(struct exec_values, privileged), NULL, "with all capabilities"},
    {"detach-keys", 0, OPTION_TEXT, offsetof(struct exec_values, keys), "KEYS",
     "keys that leave it running (default: ctrl-p,ctrl-q)"},
    {NULL},
};

static void add_size(yyjson_mut_doc *d, yyjson_mut_val *root)
{
	yyjson_mut_val *size;

	if (!term_is(STDIN_FILENO))
		return;
	size = yyjson_mut_obj_add_arr(d, root, "ConsoleSize");
	yyjson_mut_arr_add_uint(d, size, term_height(STDIN_FILENO));
	yyjson_mut_arr_add_uint(d, size, term_width(STDIN_FILENO));
}

static char *exec_body(const struct exec_values *v, char **command, char **env)
{
	yyjson_mut_doc *d json_mut_cleanup = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(d);
	const struct {
		const char *key, *value;
	} texts[] = {{"User", v->user}, {"WorkingDir", v->workdir}, {"DetachKeys", v->keys}};
	const struct {
		const char *key;
		bool value;
	} flags[] = {{"AttachStdin", v->interactive && !v->detach},
		     {"AttachStdout", !v->detach},
		     {"AttachStderr", !v->detach},
		     {"Tty", v->tty},
		     {"Privileged", v->privileged}};

	yyjson_mut_doc_set_root(d, root);
	json_add_strv(d, root, "Cmd", command);
	json_add_strv(d, root, "Env", env);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		if (texts[i].value)
			yyjson_mut_obj_add_str(d, root, texts[i].key, texts[i].value);
	}
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
		yyjson_mut_obj_add_bool(d, root, flags[i].key, flags[i].value);
	if (v->tty)
		add_size(d, root);
	return json_text(d, false, NULL);
}

/* *ret_id: of the process, new memory. */
static int exec_create(struct cli *cli, const struct exec_values *v, char **words, char **ret_id, struct err *err)
{
	char **env cleanup_with(mem_strv_freep) = NULL;
	mem_cleanup char *body = NULL, *target = client_target(CLIENT_DOCKER_CONTAINERS, words[0], "/exec");
	yyjson_doc *doc json_doc_cleanup = NULL;
	int r = env_words_read(v->env_files, v->env, &env, err);

	if (r < 0)
		return r;
	body = exec_body(v, words + 1, env);
	r = client_call(cli, "POST", target, body, &doc, err);
	if (r == 0)
		*ret_id = mem_strdup(show_str(yyjson_doc_get_root(doc), "Id", ""));
	return r;
}

static int exec_end(struct cli *cli, const char *id, struct err *err)
{
	mem_cleanup char *target = client_target(CLIENT_DOCKER "/exec/", id, "/json");
	yyjson_doc *doc json_doc_cleanup = NULL;
	int r = client_call(cli, "GET", target, NULL, &doc, err);

	if (r < 0)
		return r;
	if (show_bool(yyjson_doc_get_root(doc), "Running"))
		return err_set(err, EPROTO, "lost the connection to the process; it goes on");
	return (int)show_int(yyjson_doc_get_root(doc), "ExitCode", CLI_RUN_FAILED);
}

static int exec_attached(struct cli *cli, const struct exec_values *v, const char *id, struct err *err)
{
	mem_cleanup char *target = client_target(CLIENT_DOCKER "/exec/", id, "/start");
	mem_cleanup char *resize = client_target(CLIENT_DOCKER "/exec/", id, "/resize");
	struct stream_client s = STREAM_CLIENT_NONE;
	const struct stream_client_how how = {
	    .cli = cli, .tty = v->tty, .in = v->interactive, .resize = resize, .detach_keys = v->keys};
	int r = stream_client_open(cli, target, v->tty ? "{\"Tty\":true}" : "{\"Tty\":false}", &s, err);

	if (r == 0)
		r = stream_client_pump(&s, &how, err);
	stream_client_close(&s);
	if (r == -EINTR)
		return CLI_INTERRUPTED;
	if (r == -EPIPE)
		return CLI_NO_READER;
	if (r < 0)
		return r;
	if (!s.detached)
		return exec_end(cli, id, err);
	fputc('\n', stderr); /* the cursor is where the program left it */
	text_error("detached; the process goes on");
	return CLI_OK;
}

static int exec_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	const struct exec_values *v = values;
	mem_cleanup char *id = NULL, *target = NULL, *container = NULL;
	unsigned char keys[STREAM_CLIENT_KEYS_MAX];
	size_t n;
	int r = stream_client_keys(v->keys, keys, &n, err);

	if (r == 0 && v->tty && v->interactive && !v->detach && !term_is(STDIN_FILENO))
		return err_set(err, EINVAL, "--tty: standard input is not a terminal; leave -t out");
	if (r == 0)
		r = job_task_container(cli, operands[0], &container, err);
	if (r < 0)
		return r;
	operands[0] = container;
	r = exec_create(cli, v, operands, &id, err);
	if (r < 0)
		return r;
	if (!v->detach)
		return exec_attached(cli, v, id, err);
	target = client_target(CLIENT_DOCKER "/exec/", id, "/start");
	return client_call(cli, "POST", target, "{\"Detach\":true}", NULL, err);
}

const struct cli_command command_exec = {
    .name = "exec",
    .usage = "CONTAINER|JOB/TASK[/INDEX] COMMAND [ARG...]",
    .summary = "Run one more command in a running container",
    .detail = "Options end at CONTAINER: what follows belongs to the command. The exit status is that of the command, "
	      "or 125\n"
	      "when berth failed, 126 when the command cannot be executed, 127 when it was not found.",
    .examples =
	"  berth exec -it web sh\n  berth exec -u 1000 -w /tmp web id\n  tar c . | berth exec -i web tar x -C /srv",
    .options = exec_options,
    .values_size = sizeof(struct exec_values),
    .least = 2,
    .most = CLI_MANY,
    .operand = OPERAND_CONTAINER,
    .stop = true,
    .failed = CLI_RUN_FAILED,
    .misused = CLI_RUN_FAILED,
    .run = exec_run,
};

struct attach_values {
	bool no_stdin, sig_proxy;
	const char *keys;
};
static const struct option_spec attach_options[] = {
    {"no-stdin", 0, OPTION_FLAG, offsetof(struct attach_values, no_stdin), NULL, "do not send standard input"},
    {"sig-proxy", 0, OPTION_FLAG, offsetof(struct attach_values, sig_proxy), NULL,
     "pass signals on to the container (default; --sig-proxy=false: not)"},
    {"detach-keys", 0, OPTION_TEXT, offsetof(struct attach_values, keys), "KEYS",
     "keys that leave it running (default: ctrl-p,ctrl-q)"},
    {NULL},
};
static const struct attach_values attach_defaults = {.sig_proxy = true};

static int attach_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	const struct attach_values *v = values;
	yyjson_doc *doc json_doc_cleanup = NULL;
	struct session s = {.cli = cli, .no_signals = !v->sig_proxy, .detach_keys = v->keys};
	mem_cleanup char *container = NULL;
	yyjson_val *config, *state;
	int r = job_task_container(cli, operands[0], &container, err);

	s.id = container;
	if (r == 0)
		r = session_inspect(cli, s.id, &doc, err);

	if (r < 0)
		return r;
	state = yyjson_obj_get(yyjson_doc_get_root(doc), "State");
	config = yyjson_obj_get(yyjson_doc_get_root(doc), "Config");
	if (show_bool(state, "Paused"))
		return err_set(err, EBUSY, "%s is paused; let it go on first: berth unpause %s", s.id, s.id);
	if (!show_bool(state, "Running"))
		return err_set(err, EBUSY, "%s does not run; to start it and attach: berth start -a %s", s.id, s.id);
	s.tty = show_bool(config, "Tty");
	s.in = !v->no_stdin && show_bool(config, "OpenStdin");
	r = session_open(&s, true, err);
	if (r == 0)
		return session_run(&s, err);
	session_close(&s);
	return r;
}

const struct cli_command command_attach = {
    .name = "attach",
    .usage = "CONTAINER|JOB/TASK[/INDEX]",
    .summary = "Take part in the streams of a running container",
    .detail = "Output that came before is in `berth logs`. The exit status is that of the container.",
    .examples = "  berth attach web\n  berth attach --no-stdin web",
    .options = attach_options,
    .values_size = sizeof(struct attach_values),
    .defaults = &attach_defaults,
    .least = 1,
    .most = 1,
    .operand = OPERAND_CONTAINER,
    .failed = CLI_RUN_FAILED,
    .misused = CLI_RUN_FAILED,
    .run = attach_run,
};
