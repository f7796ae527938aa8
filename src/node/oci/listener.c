/* SPDX-License-Identifier: Apache-2.0 */
#include "node/oci/listener.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/wire/json.h"
#include "node/oci/console.h"
#include "node/runtime/seccomp_profile.h"

#include <string.h>
#include <sys/mman.h>

#define SPARE 64

int listener_open(const struct seccomp_profile *p, struct listener *l, struct err *err)
{
	if (!p->listener_path)
		return err_set(err, EINVAL,
			       "linux.seccomp: a rule with SCMP_ACT_NOTIFY needs a listenerPath, and there is none");
	l->sock = oci_console_connect(p->listener_path, err);
	if (l->sock >= 0)
		return 0;
	err_wrap(err, "linux.seccomp.listenerPath");
	return l->sock;
}

static void write_text(struct buf *out, const struct seccomp_profile *p, const char *version, pid_t pid,
		       const char *state_json)
{
	buf_adds(out, "{\"ociVersion\":");
	json_quote(out, version, strlen(version));
	buf_printf(out, ",\"fds\":[\"seccompFd\"],\"pid\":%d", (int)pid);
	if (p->listener_metadata) {
		buf_adds(out, ",\"metadata\":");
		json_quote(out, p->listener_metadata, strlen(p->listener_metadata));
	}
	buf_printf(out, ",\"state\":");
	buf_adds(out, state_json);
	buf_addc(out, '}');
}

int listener_describe(struct listener *l, const struct seccomp_profile *p, const char *version, pid_t pid,
		      const char *state_json, struct err *err)
{
	buf_cleanup struct buf text = BUF_INIT;

	write_text(&text, p, version, pid, state_json);
	if (text.full)
		return err_set(err, E2BIG, "the state of the container is too long for the seccomp listener");
	if (!l->text) {
		void *at = mmap(NULL, text.len + SPARE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

		if (at == MAP_FAILED)
			return err_sys(err, errno, "make room for the text to the seccomp listener");
		l->text = at;
		l->room = text.len + SPARE;
	}
	if (text.len >= l->room)
		return err_set(err, E2BIG, "the text to the seccomp listener grew by more than %d bytes", SPARE);
	memcpy(l->text, buf_str(&text), text.len + 1);
	return 0;
}

void listener_close(struct listener *l)
{
	fd_closep(&l->sock);
	if (l->text)
		(void)munmap(l->text, l->room);
	l->text = NULL;
}
