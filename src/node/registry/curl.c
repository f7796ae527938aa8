/* SPDX-License-Identifier: Apache-2.0 */
#include "node/registry/curl.h"

#include "base/core/err.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>

#define AT(name, member)                                                                                               \
	{                                                                                                              \
		(name), offsetof(struct curl, member)                                                                  \
	}

static const struct {
	const char *name;
	size_t offset;
} functions[] = {
    AT("curl_global_init", global_init),
    AT("curl_easy_init", easy_init),
    AT("curl_easy_cleanup", easy_cleanup),
    AT("curl_easy_setopt", easy_setopt),
    AT("curl_easy_getinfo", easy_getinfo),
    AT("curl_easy_pause", easy_pause),
    AT("curl_easy_strerror", easy_strerror),
    AT("curl_slist_append", slist_append),
    AT("curl_slist_free_all", slist_free_all),
    AT("curl_multi_init", multi_init),
    AT("curl_multi_cleanup", multi_cleanup),
    AT("curl_multi_add_handle", multi_add_handle),
    AT("curl_multi_remove_handle", multi_remove_handle),
    AT("curl_multi_perform", multi_perform),
    AT("curl_multi_poll", multi_poll),
    AT("curl_multi_info_read", multi_info_read),
    AT("curl_multi_strerror", multi_strerror),
};

/* Debian's two builds: with OpenSSL, with GnuTLS. */
static void *open_library(void)
{
	static const char *const names[] = {"libcurl.so.4", "libcurl-gnutls.so.4"};
	void *library = NULL;

	for (size_t i = 0; !library && i < sizeof names / sizeof names[0]; i++)
		library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
	return library;
}

int curl_load(const struct curl **ret, struct err *err)
{
	static struct curl api;
	static bool loaded;
	void *library = loaded ? NULL : open_library();

	if (!loaded && !library)
		return err_set(err, ENOSYS,
			       "libcurl is needed to talk to registries and is not installed: apt-get install libcurl4 "
			       "(%.200s)",
			       dlerror());
	for (size_t i = 0; !loaded && i < sizeof functions / sizeof functions[0]; i++) {
		void *function = dlsym(library, functions[i].name);

		if (!function)
			return err_set(err, ENOSYS,
				       "libcurl of this machine has no %s: version 7.77 or later is needed",
				       functions[i].name);
		memcpy((char *)&api + functions[i].offset, &function, sizeof function);
	}
	if (!loaded && api.global_init(CURL_GLOBAL_DEFAULT) != 0)
		return err_set(err, ENOSYS, "libcurl cannot be set up");
	loaded = true;
	*ret = &api;
	return 0;
}
