/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/err.h"
#include "face/oci/verb.h"
#include "node/oci/checkpoint.h"

struct values {
	const char *image_path, *work_path, *parent_path, *manage_cgroups, *page_server, *empty_ns, *status_fd;
	bool leave_running, tcp_established, tcp_skip_in_flight, ext_unix, shell_job, file_locks, link_remap, pre_dump,
	    auto_dedup, lazy_pages;
};

#define TEXT(name, field, arg, help)                                                                                   \
	{                                                                                                              \
		name, 0, OPTION_TEXT, offsetof(struct values, field), arg, help                                        \
	}
#define FLAG(name, field, help)                                                                                        \
	{                                                                                                              \
		name, 0, OPTION_FLAG, offsetof(struct values, field), NULL, help                                       \
	}

static const struct option_spec options[] = {
    TEXT("image-path", image_path, "DIR", "where the image files go (default: checkpoint)"),
    TEXT("work-path", work_path, "DIR", "where the log of criu goes"),
    TEXT("parent-path", parent_path, "DIR", "image files of an earlier --pre-dump, relative to --image-path"),
    TEXT("manage-cgroups-mode", manage_cgroups, "MODE", "soft, full, strict or ignore"),
    TEXT("page-server", page_server, "ADDRESS:PORT", "not possible here"),
    TEXT("empty-ns", empty_ns, "NAMESPACE", "not possible here"),
    TEXT("status-fd", status_fd, "N", "not possible here"),
    FLAG("leave-running", leave_running, "do not end the container"),
    FLAG("pre-dump", pre_dump, "write its memory only, and let it run on"),
    FLAG("tcp-established", tcp_established, "open connections are allowed"),
    FLAG("tcp-skip-in-flight", tcp_skip_in_flight, "leave out connections that are being made"),
    FLAG("ext-unix-sk", ext_unix, "sockets that lead out of the container are allowed"),
    FLAG("shell-job", shell_job, "it may use a terminal of ours"),
    FLAG("file-locks", file_locks, "file locks are allowed"),
    FLAG("link-remap", link_remap, "link files back that were unlinked"),
    FLAG("auto-dedup", auto_dedup, "remove what a parent image has twice"),
    FLAG("lazy-pages", lazy_pages, "not possible here"),
    {NULL},
};

static int check(const struct values *v, struct err *err)
{
	const struct {
		bool set;
		const char *name;
	} rows[] = {{v->page_server, "--page-server"},
		    {v->empty_ns, "--empty-ns"},
		    {v->status_fd, "--status-fd"},
		    {v->lazy_pages, "--lazy-pages"}};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (rows[i].set)
			return err_set(err, ENOTSUP, "%s is not possible", rows[i].name);
	}
	return 0;
}

static int run(const struct oci_runtime *rt, void *values, char **operands, struct err *err)
{
	const struct values *v = values;
	const struct oci_checkpoint o = {.id = operands[0],
					 .image_path = v->image_path,
					 .work_path = v->work_path,
					 .parent_path = v->parent_path,
					 .manage_cgroups = v->manage_cgroups,
					 .leave_running = v->leave_running,
					 .tcp_established = v->tcp_established,
					 .tcp_skip_in_flight = v->tcp_skip_in_flight,
					 .ext_unix = v->ext_unix,
					 .shell_job = v->shell_job,
					 .file_locks = v->file_locks,
					 .link_remap = v->link_remap,
					 .pre_dump = v->pre_dump,
					 .auto_dedup = v->auto_dedup};
	int r = check(v, err);

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
