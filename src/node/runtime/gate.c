/* SPDX-License-Identifier: Apache-2.0
 *
 * The gate of a created container: a listening socket in its state directory. Whoever starts the container connects, and the connection
 * then tells how the exec went: closed by it, or with a failure as the last word.
 */
#include "node/runtime/bundle.h"

#include "base/core/err.h"
#include "base/core/fd.h"

#include <fcntl.h>
#include <sys/socket.h>

int gate_wait(int gate, struct err *err)
{
	int sock, high;

	do {
		sock = accept4(gate, NULL, NULL, SOCK_CLOEXEC);
	} while (sock < 0 && (errno == EINTR || errno == ECONNABORTED));
	if (sock < 0)
		return err_sys(err, errno, "wait for the start");
	/* Above what the program inherits. */
	high = fcntl(sock, F_DUPFD_CLOEXEC, gate > 3 ? gate : 3);
	if (high < 0)
		high = err_sys(err, errno, "move a descriptor");
	close(sock);
	return high;
}

int rt_release(int sock, enum rt_fault *ret_fault, struct err *err)
{
	*ret_fault = RT_FAULT_OURS;
	return setup_hear(sock, NULL, ret_fault, err);
}
