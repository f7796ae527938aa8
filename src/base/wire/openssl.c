/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wire/openssl.h"

#include "base/core/err.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

const struct openssl *ossl;

static struct openssl functions;

#define ROW(name) {#name, offsetof(struct openssl, name)},
static const struct {
	const char *name;
	size_t offset;
} rows[] = {OPENSSL_FUNCTIONS(ROW)};

int openssl_load(struct err *err)
{
	void *library;

	if (ossl)
		return 0;
	/* It brings libcrypto with it, whose functions are found through it too. */
	library = dlopen("libssl.so.3", RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return err_set(err, ENOSYS,
			       "TLS and signed tokens need OpenSSL 3, which is not installed: apt-get install libssl3 "
			       "(%.200s)",
			       dlerror());
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		void *function = dlsym(library, rows[i].name);

		if (!function)
			return err_set(err, ENOSYS, "OpenSSL of this machine has no %s: version 3.0 or later is needed",
				       rows[i].name);
		memcpy((char *)&functions + rows[i].offset, &function, sizeof function);
	}
	if (functions.OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
		return err_set(err, ENOSYS, "OpenSSL cannot be set up");
	ossl = &functions;
	return 0;
}
