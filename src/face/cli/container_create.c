/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/container_create.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "face/cli/client.h"
#include "face/cli/command.h"
#include "face/cli/create_body.h"
#include "face/cli/image_fetch.h"
#include "face/cli/session.h"
#include "face/cli/show.h"
#include "face/cli/term.h"
#include "face/cli/text.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int post(struct cli *cli, const struct run_options *o, const char *body, char **ret_id, struct err *err)
{
	yyjson_doc *doc json_doc_cleanup = NULL;
	struct buf target buf_cleanup = BUF_INIT;
	yyjson_val *warning;
	size_t i, n;
	int r;

	buf_adds(&target, CLIENT_DOCKER_CONTAINERS "create");
	if (o->name)
		client_query(&target, "name", o->name);
	if (o->platform)
		client_query(&target, "platform", o->platform);
	r = client_call(cli, "POST", buf_str(&target), body, &doc, err);
	if (r < 0)
		return r;
	yyjson_arr_foreach (yyjson_obj_get(yyjson_doc_get_root(doc), "Warnings"), i, n, warning) {
		text_error("warning: %s", yyjson_get_str(warning));
	}
	*ret_id = mem_strdup(show_str(yyjson_doc_get_root(doc), "Id", ""));
	return 0;
}

/* A container whose image is there costs no request more. */
static int create(struct cli *cli, const struct run_options *o, char **words, char **ret_id, struct err *err)
{
	enum image_fetch pull = IMAGE_FETCH_MISSING;
	mem_cleanup char *body = NULL;
	int r = image_fetch_parse(o->pull, &pull, err);

	if (r == 0)
		r = create_body(o, words, &body, err);
	if (r == 0 && pull == IMAGE_FETCH_ALWAYS)
		r = image_fetch(cli, words[0], o->quiet, err);
	if (r == 0)
		r = post(cli, o, body, ret_id, err);
	if (!body || r != -ENOENT || pull != IMAGE_FETCH_MISSING || image_fetch_is_here(cli, words[0], NULL) != 0)
		return r;
	err_clear(err);
	r = image_fetch(cli, words[0], o->quiet, err);
	return r < 0 ? r : post(cli, o, body, ret_id, err);
}

/* The file is there before the container: two that are given one name do not both begin. */
int container_create(struct cli *cli, const struct run_options *o, char **words, char **ret_id, struct err *err)
{
	fd_cleanup int fd = -1;
	int r;

	if (o->cidfile) {
		fd = open(o->cidfile, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0644);
		if (fd < 0)
			return err_sys(err, errno, "--cidfile: make \"%s\"", o->cidfile);
	}
	r = create(cli, o, words, ret_id, err);
	if (r == 0 && fd >= 0)
		r = fd_write_all(fd, *ret_id, strlen(*ret_id));
	if (r < 0 && fd >= 0)
		(void)unlink(o->cidfile);
	return r;
}

static int run_detached(struct cli *cli, const char *id)
{
	int status = session_start(cli, id);

	if (status == 0)
		text_line(stdout, "%s", id);
	return status;
}

static int run_attached(struct cli *cli, const struct run_options *o, const char *id, struct err *err)
{
	struct run_streams streams = {.in = false};
	int r = run_options_streams(o, &streams, err), status;
	struct session s = {.cli = cli,
			    .id = id,
			    .tty = o->tty,
			    .in = streams.in,
			    .no_out = !streams.out,
			    .no_err = !streams.err,
			    .no_signals = !o->sig_proxy,
			    .remove = o->remove,
			    .detach_keys = o->detach_keys};

	/* Whose output does not come here, of him we tell the name. */
	if (r == 0 && !streams.out && !streams.err)
		text_line(stdout, "%s", id);
	if (r == 0)
		r = session_open(&s, false, err);
	status = r == 0 ? session_start(cli, id) : 0;
	if (r == 0 && status == 0)
		return session_run(&s, err);
	session_close(&s);
	return r < 0 ? r : status;
}

int container_create_run(struct cli *cli, const struct run_options *o, char **words, struct err *err)
{
	mem_cleanup char *id = NULL;
	int r;

	if (o->tty && o->interactive && !o->detach && !term_is(STDIN_FILENO))
		return err_set(err, EINVAL, "--tty: standard input is not a terminal; leave -t out");
	r = container_create(cli, o, words, &id, err);
	if (r < 0)
		return r;
	return o->detach ? run_detached(cli, id) : run_attached(cli, o, id, err);
}
