/* SPDX-License-Identifier: Apache-2.0
 *
 * build_words: the command line of `berth build` for the `build` of a service.
 */
#pragma once

#include "base/wire/json.h"

struct err;
struct ensure_images;
struct project;

#define BUILD_WORDS_FILES_MAX 32

/* Texts that have no file: files in memory that the child opens by their numbers. */
struct build_words {
	char **words; /* after the program's name; grows, NULL-terminated */
	int fds[BUILD_WORDS_FILES_MAX];
	size_t n_fds;
};
#define BUILD_WORDS_INIT                                                                                               \
	{                                                                                                              \
		.words = NULL                                                                                          \
	}
void build_words_free(struct build_words *b);

/* image: what it is called. -EINVAL: a key of `build` that cannot be done here, in words; what changes nothing is a warning on standard error. */
int build_words(struct project *p, const char *service, const char *image, const struct ensure_images *how,
		struct build_words *ret, struct err *err);
/* The services that the build takes files of (additional_contexts: "service:NAME"); NULL-terminated, the caller's, or NULL. */
char **build_words_services(yyjson_val *build);
