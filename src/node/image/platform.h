/* SPDX-License-Identifier: Apache-2.0
 *
 * platform: operating system, processor and its variant, in the names of the Go language (image-spec 1.1, image-index.md). Spellings that
 * mean the same are made one: x86_64 and x86-64 = amd64, aarch64 = arm64, arm64/v8 = arm64, armhf = arm/v7, armel = arm/v6, arm = arm/v7.
 */
#pragma once

#include <stdbool.h>

struct err;

struct platform {
	char os[32], architecture[32], variant[32]; /* "" = not said */
};

/* "linux/arm64/v8", "linux/amd64", "arm64" (linux), "linux" (this machine's processor). */
int platform_parse(const char *text, struct platform *ret, struct err *err);
/* From three strings of a document, any of which may be NULL; -EINVAL: characters that no platform has, or too long. */
int platform_set(struct platform *ret, const char *os, const char *architecture, const char *variant, struct err *err);
void platform_host(struct platform *ret);
/* How well an image for `have` runs where `want` was asked for: 0 = not at all, more is better. An older variant runs on a newer processor
 * (arm/v6 on arm/v7, arm/v8 (32 bits) on arm64, 386 on amd64, amd64 on amd64/v3); the nearest is the best. */
int platform_match(const struct platform *want, const struct platform *have);
#define PLATFORM_TEXT_MAX 100
const char *platform_text(const struct platform *p, char text[static PLATFORM_TEXT_MAX]);
