/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/err.h"
#include "face/oci/criu_options.h"
#include "face/oci/verb.h"
#include "node/oci/checkpoint.h"

#include <fcntl.h>
#include <stdlib.h>

struct values {
	struct criu_image image;
	const char *status_fd;
	bool leave_running, pre_dump;
};

static const struct option_spec options[] = {
    CRIU_COMMON,
    CRIU_TEXT("parent-path", image.parent_path, "DIR",
	      "image files of an earlier --pre-dump, relative to --image-path"),
    CRIU_TEXT("page-server", image.page_server, "ADDRESS:PORT", "where the memory goes"),
    CRIU_TEXT("status-fd", status_fd, "N", "a descriptor that gets one byte when the page server is ready"),
    CRIU_FLAG("leave-running", leave_running, "do not end the container"),
    CRIU_FLAG("pre-dump", pre_dump, "write its memory only, and let it run on"),
    CRIU_FLAG("tcp-skip-in-flight", image.tcp_skip_in_flight, "leave out connections that are being made"),
    CRIU_FLAG("link-remap", image.link_remap, "link files back that were unlinked"),
    {NULL},
};

static int find_status_fd(const char *text, int *ret, struct err *err)
{
	char *end = NULL;
	long n = text ? strtol(text, &end, 10) : -1;
	int flags;

	*ret = (int)n;
	if (!text)
		return 0;
	if (end == text || *end || n < 0 || n > 1000000)
		return err_set(err, EINVAL, "--status-fd: \"%s\" is not the number of a descriptor", text);
	flags = fcntl(*ret, F_GETFL);
	if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
		return err_set(err, EINVAL, "--status-fd: descriptor %d cannot be written", *ret);
	return 0;
}

static int run(const struct oci_runtime *rt, void *values, char **operands, struct err *err)
{
	const struct values *v = values;
	struct oci_checkpoint o = {
	    .id = operands[0], .image = v->image, .leave_running = v->leave_running, .pre_dump = v->pre_dump};
	int r = find_status_fd(v->status_fd, &o.status_fd, err);

	return r < 0 ? r : oci_dump(rt, &o, err);
}

const struct oci_verb verb_checkpoint = {.name = "checkpoint",
					 .usage = "[OPTIONS] ID",
					 .summary = "write a running container to files with criu, and end it",
					 .options = options,
					 .values_size = sizeof(struct values),
					 .least = 1,
					 .most = 1,
					 .run = run};
