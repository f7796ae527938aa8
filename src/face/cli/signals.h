/* SPDX-License-Identifier: Apache-2.0
 *
 * signals: a descriptor that tells of signals, as long as it is open; then everything is as before.
 */
#pragma once

#include <signal.h>

struct signals {
	int fd; /* a non-blocking signalfd, -1 when there is none */
	sigset_t before;
};
#define SIGNALS_NONE                                                                                                   \
	{                                                                                                              \
		.fd = -1                                                                                               \
	}

/* `list` ends with 0. */
void signals_open(struct signals *s, const int *list);
/* Forgets what is pending and restores the mask. Takes one that is not open. */
void signals_close(struct signals *s);
