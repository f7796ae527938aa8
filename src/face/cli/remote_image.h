/* SPDX-License-Identifier: Apache-2.0
 *
 * remote_image: pulls and pushes that a daemon elsewhere does for us, by Docker's API and with our logins. What it tells goes to standard error.
 */
#pragma once

#include <stdbool.h>

struct cli;
struct err;

struct remote_image {
	const char *image;    /* as the user wrote it */
	const char *platform; /* or NULL */
	bool all;	      /* tags */
	bool quiet;
};

/* An error of the registry is that of the daemon, in its words. */
int remote_image_pull(struct cli *cli, const struct remote_image *what, struct err *err);
int remote_image_push(struct cli *cli, const struct remote_image *what, struct err *err);
