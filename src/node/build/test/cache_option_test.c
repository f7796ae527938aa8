/* SPDX-License-Identifier: Apache-2.0 */
#include "node/build/cache_option.h"

#include "base/core/err.h"
#include "base/core/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* type name tag max kind level */
static char *shown(const struct cache_option *o)
{
	static const char *const types[] = {"registry", "local", "inline"};

	return mem_printf("%s %s %s%s%s %d %d", types[o->type], o->name, o->tag, o->max ? " max" : "",
			  o->ignore_error ? " ignore" : "", (int)o->kind, o->level);
}

static void test_options(void **state)
{
	static const struct {
		enum cache_option_use use;
		const char *text, *want; /* what it is, or a part of the error */
	} rows[] = {
	    {CACHE_FROM, "lab.example:5000/app:1", "registry lab.example:5000/app:1 latest 1 0"},
	    {CACHE_FROM, "type=registry,ref=a/b", "registry a/b latest 1 0"},
	    {CACHE_FROM, "ref=a/b", "registry a/b latest 1 0"},
	    {CACHE_FROM, "type=local,src=/d,tag=t", "local /d t 1 0"},
	    {CACHE_FROM, "type=local,dest=/d", "unknown part \"dest=/d\""},
	    {CACHE_FROM, "type=local", "src=DIR"},
	    {CACHE_FROM, "type=local,src=/d,digest=sha256:12", "digest="},
	    {CACHE_FROM, "type=inline", "type=registry,ref=IMAGE"},
	    {CACHE_FROM, "type=registry,ref=a,mode=max", "unknown part \"mode=max\""},
	    {CACHE_FROM, "type=gha,ref=a", "\"gha\" is not known; registry, local and inline are"},
	    {CACHE_TO, "type=registry,ref=a,mode=max", "registry a latest max 1 0"},
	    {CACHE_TO, "a", "registry a latest 1 0"},
	    {CACHE_TO, "type=inline", "inline inline latest 1 0"},
	    {CACHE_TO, "type=inline,mode=max", "mode=max needs another type"},
	    {CACHE_TO, "type=local,dest=d,compression=zstd,compression-level=7,ignore-error=true",
	     "local d latest ignore 2 7"},
	    {CACHE_TO, "type=local,dest=d,compression=uncompressed,oci-mediatypes=true,image-manifest=false",
	     "local d latest 0 0"},
	    {CACHE_TO, "type=local,dest=d,compression-level=x", "1 to 19"},
	    {CACHE_TO, "type=local,dest=d,mode=middle", "min or max"},
	    {CACHE_TO, "type=local,dest=d,ignore-error=perhaps", "true or false"},
	    {CACHE_TO, "type=local,dest=d,typ=x", "unknown part \"typ=x\""},
	    {CACHE_TO, "type=local,dest=d,type", "unknown part \"type\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct cache_option o = {.ref = NULL};
		struct err err = ERR_INIT;
		int r = cache_option_parse(rows[i].text, rows[i].use, &o, &err);
		mem_cleanup char *is = r < 0 ? mem_strdup(err.text) : shown(&o);

		if (r < 0 ? !strstr(is, rows[i].want) || !strstr(is, rows[i].text) : strcmp(is, rows[i].want) != 0)
			fail_msg("%s: %s", rows[i].text, is);
		cache_option_free(&o);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_options)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
