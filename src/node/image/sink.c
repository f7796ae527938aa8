/* SPDX-License-Identifier: Apache-2.0 */
#include "node/image/sink.h"

#include "base/core/err.h"
#include "base/core/fd.h"

void sink_fd_init(struct sink_fd *s, int fd, const char *what)
{
	*s = (struct sink_fd){.fd = fd, .what = what};
	sha256_init(&s->sha);
}

int sink_plain_write(void *ctx, const void *data, size_t n, struct err *err)
{
	struct sink_fd *s = ctx;
	int r = s->fd < 0 ? 0 : fd_write_all(s->fd, data, n);

	if (r < 0)
		return err_sys(err, -r, "write %s", s->what);
	s->n += n;
	return 0;
}

int sink_fd_write(void *ctx, const void *data, size_t n, struct err *err)
{
	struct sink_fd *s = ctx;
	int r = sink_plain_write(s, data, n, err);

	if (r == 0)
		sha256_add(&s->sha, data, n);
	return r;
}
