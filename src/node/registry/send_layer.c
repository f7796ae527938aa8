/* SPDX-License-Identifier: Apache-2.0 */
#include "node/registry/send_layer.h"

#include "base/core/err.h"
#include "base/core/mem.h"

#include <errno.h>

/* An upload that ended because there were no more bytes: whoever made them knows the reason. */
static int why_not(struct packer *k, int sent, struct err *err)
{
	struct err why = ERR_INIT;
	struct compressed c;
	int r = sent == -EIO ? packer_end(k, &c, &why) : 0;

	if (r == 0 || r == -EPIPE)
		return sent;
	if (err)
		*err = why;
	return r;
}

/* Sends what the packer makes; the upload is begun when this is called. */
static int by_packer(struct send *s, const struct packer_job *j, size_t chunk, struct compressed *ret, struct err *err)
{
	struct packer *k cleanup_with(packer_freep) = NULL;
	int sent;

	if (j->way != PACKER_NEW)
		chunk = 0;
	sent = packer_start(j, &k, err);
	if (sent < 0)
		return sent;
	if (!chunk)
		packer_nonblock(k);
	if (j->way == PACKER_NEW)
		sent = send_unknown(s, packer_fd(k), chunk, err);
	else
		sent = send_known(s, packer_fd(k), j->hex, j->size, err);
	return sent < 0 ? why_not(k, sent, err) : packer_end(k, ret, err);
}

int send_layer(struct send *s, const struct packer_job *j, size_t chunk, struct compressed *ret, struct err *err)
{
	int r;

	*ret = (struct compressed){.size = 0};
	send_free(s);
	r = send_begin(s, NULL, NULL, err);
	if (r == 0)
		r = by_packer(s, j, chunk, ret, err);
	if (r == 0 && j->way == PACKER_NEW)
		r = send_finish(s, ret->hex, err);
	return r;
}
