/* SPDX-License-Identifier: Apache-2.0
 *
 * docker_archive: manifest.json of `docker save`, the list of the images in an archive; and repositories, its older form.
 */
#pragma once

#include <stddef.h>

struct err;

#define DOCKER_ARCHIVE_NAME "manifest.json"
#define DOCKER_REPOSITORIES_NAME "repositories"
#define DOCKER_ARCHIVE_IMAGES_MAX 1000u

struct docker_image {
	char *config;  /* name of the member that is the config */
	char **tags;   /* "busybox:latest"; may be NULL */
	char **layers; /* names of the members that are the layers, bottom first; may be NULL */
};
struct docker_archive {
	struct docker_image *images;
	size_t n;
};

/* For untrusted text: strict, limited. docker_archive_free() empties *ret; a failure leaves it empty. */
int docker_archive_parse(const char *text, size_t n, struct docker_archive *ret, struct err *err);
void docker_archive_free(struct docker_archive *a);

char *docker_archive_text(const struct docker_archive *a, size_t *ret_len);
/* {"busybox":{"latest":"<hex of the topmost layer>"}}: `tops` has one for each image. */
char *docker_repositories_text(const struct docker_archive *a, char *const *tops, size_t *ret_len);
