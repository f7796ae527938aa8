/* SPDX-License-Identifier: Apache-2.0
 *
 * Documents that others wrote: manifests, files of users, claims of tokens.
 */
#include "base/core/buf.h"
#include "base/core/err.h"
#include "node/depot/access.h"
#include "node/depot/bearer.h"
#include "node/depot/document.h"
#include "node/depot/htpasswd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define BLOB "{\"mediaType\":\"x\",\"size\":1,\"digest\":\"sha256:" HEX64 "\"}"
#define FOREIGN                                                                                                        \
	"{\"mediaType\":\"application/"                                                                                \
	"vnd.oci.image.layer.nondistributable.v1.tar\",\"size\":1,\"digest\":\"sha256:" HEX64 "\"}"
#define OCI "application/vnd.oci.image.manifest.v1+json"
#define INDEX "application/vnd.oci.image.index.v1+json"
#define DOCKER "application/vnd.docker.distribution.manifest.v2+json"
#define LIST "application/vnd.docker.distribution.manifest.list.v2+json"

static const struct {
	const char *text, *type;
	int result;
	size_t refs;
} documents[] = {
    {"{\"schemaVersion\":2,\"config\":" BLOB ",\"layers\":[" BLOB "]}", OCI, 0, 2},
    {"{\"schemaVersion\":2,\"config\":" BLOB ",\"layers\":[" BLOB "]}", OCI "; charset=utf-8", 0, 2},
    {"{\"schemaVersion\":2,\"config\":" BLOB ",\"layers\":[]}", NULL, 0, 1},
    {"{\"schemaVersion\":2,\"mediaType\":\"" DOCKER "\",\"config\":" BLOB ",\"layers\":[]}", DOCKER, 0, 1},
    {"{\"schemaVersion\":2,\"manifests\":[" BLOB "]}", INDEX, 0, 1},
    {"{\"schemaVersion\":2,\"mediaType\":\"" LIST "\",\"manifests\":[]}", LIST, 0, 0},
    /* one thing called another (GHSA-5j5w-g665-5m35) */
    {"{\"schemaVersion\":2,\"mediaType\":\"" OCI "\",\"config\":" BLOB ",\"layers\":[]}", DOCKER, -EINVAL, 0},
    {"{\"schemaVersion\":2,\"config\":" BLOB ",\"layers\":[]}", INDEX, -EINVAL, 0},
    {"{\"schemaVersion\":2,\"config\":" BLOB ",\"layers\":[]}", DOCKER, -EINVAL, 0},
    {"{\"schemaVersion\":2,\"manifests\":[]}", OCI, -EINVAL, 0},
    {"{\"schemaVersion\":2,\"config\":" BLOB ",\"layers\":[],\"manifests\":[]}", OCI, -EINVAL, 0},
    {"{\"schemaVersion\":2,\"config\":" BLOB ",\"layers\":[],\"layers\":[]}", OCI, -EINVAL, 0},
    {"{\"schemaVersion\":2,\"config\":" BLOB ",\"layers\":[]}", "application/json", -ENOTSUP, 0},
    {"{\"schemaVersion\":1,\"config\":" BLOB ",\"layers\":[]}", OCI, -EINVAL, 0},
    {"{\"config\":" BLOB ",\"layers\":[]}", OCI, -EINVAL, 0},
    {"{\"schemaVersion\":2,\"layers\":[]}", OCI, -EINVAL, 0},
    {"{\"schemaVersion\":2,\"config\":" BLOB "}", OCI, -EINVAL, 0},
    {"{\"schemaVersion\":2,\"config\":7,\"layers\":[]}", OCI, -EINVAL, 0},
    {"{\"schemaVersion\":2,\"config\":{\"digest\":\"sha256:../x\",\"size\":1},\"layers\":[]}", OCI, -EINVAL, 0},
    {"{\"schemaVersion\":2,\"config\":{\"digest\":\"sha256:" HEX64 "\",\"size\":-1},\"layers\":[]}", OCI, -EINVAL, 0},
    {"{\"schemaVersion\":2,\"config\":" BLOB ",\"layers\":[],\"subject\":{}}", OCI, -EINVAL, 0},
    {"[]", OCI, -EINVAL, 0},
    {"", OCI, -EINVAL, 0},
};

static void test_documents(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
		struct err err = ERR_INIT;
		struct document d;
		int r = document_parse(documents[i].text, strlen(documents[i].text), documents[i].type, &d, &err);

		if (r != documents[i].result)
			fail_msg("%zu: %d %s", i, r, err.text);
		if (r < 0)
			continue;
		assert_int_equal(d.n_refs, documents[i].refs);
		document_free(&d);
	}
}

static void test_referrer(void **state)
{
	static const char text[] = "{\"schemaVersion\":2,\"artifactType\":\"a/b\",\"config\":" BLOB
				   ",\"layers\":[" FOREIGN "],\"subject\":" BLOB ",\"annotations\":{\"k\":\"v\"}}";
	struct depot_digest digest;
	struct buf out = BUF_INIT;
	struct document d;

	(void)state;
	assert_int_equal(document_parse(text, sizeof text - 1, OCI, &d, NULL), 0);
	assert_true(d.has_subject);
	assert_string_equal(d.subject.hex, HEX64);
	assert_false(d.refs[0].elsewhere);
	assert_true(d.refs[1].elsewhere);
	assert_true(depot_digest_parse("sha256:" HEX64, &digest));
	document_descriptor(&d, &digest, 5, &out);
	assert_string_equal(buf_str(&out), "{\"mediaType\":\"" OCI "\",\"digest\":\"sha256:" HEX64
					   "\",\"size\":5,\"artifactType\":\"a/b\",\"annotations\":{\"k\":\"v\"}}");
	buf_free(&out);
	document_free(&d);
}

/* ---- users ---- */

#define HASH "$2y$04$hYCdugofIAd7PHEs09TKQe7iYdxTc5906TrQ0dFv9Q0K35lpkeHRO"

static int load_users(const char *text, struct htpasswd **ret, struct err *err)
{
	char path[] = "/tmp/berth-users-XXXXXX";
	int fd = mkstemp(path), r;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	r = htpasswd_load(path, ret, err);
	unlink(path);
	return r;
}

static void test_users(void **state)
{
	struct err err = ERR_INIT;
	struct htpasswd *h = NULL;
	bool known;

	(void)state;
	assert_int_equal(load_users("# people\n\nalice:" HASH "\r\nbob:" HASH "\n", &h, &err), 0);
	assert_string_equal(htpasswd_hash(h, "alice", &known), HASH);
	assert_true(known);
	/* As slow as for one who is there. */
	assert_string_equal(htpasswd_hash(h, "eve", &known), HASH);
	assert_false(known);
	assert_true(htpasswd_check(HASH, "wonderland"));
	assert_false(htpasswd_check(HASH, "Wonderland"));
	assert_false(htpasswd_check(HASH, ""));
	htpasswd_free(h);
}

static const char *const bad_users[] = {
    "",
    "# nobody\n",
    "alice\n",
    ":" HASH "\n",
    "alice:secret\n",
    "alice:$apr1$abcdefgh$0123456789abcdefghijkl\n",
    "alice:$1$2$3\n",
    "alice:" HASH "x\n",
};

static void test_bad_users(void **state)
{
	struct htpasswd *h = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof bad_users / sizeof *bad_users; i++)
		if (load_users(bad_users[i], &h, NULL) != -EINVAL)
			fail_msg("\"%s\"", bad_users[i]);
}

/* ---- claims ---- */

#define WHO "\"iss\":\"me\",\"aud\":\"reg\""
#define ACCESS(type, name, actions) "{\"type\":\"" type "\",\"name\":\"" name "\",\"actions\":[" actions "]}"

static const struct {
	const char *json;
	int result;
	unsigned a, everywhere;
} claims[] = {
    {"{" WHO ",\"exp\":1000}", 0, 0, 0},
    {"{" WHO ",\"exp\":1000,\"nbf\":900,\"access\":[" ACCESS("repository", "a", "\"pull\"") "]}", 0, ACCESS_PULL, 0},
    {"{\"iss\":\"me\",\"aud\":[\"x\",\"reg\"],\"exp\":1000,\"access\":[" ACCESS("repository", "a", "\"*\"") "]}", 0,
     ACCESS_PULL | ACCESS_PUSH | ACCESS_DELETE, 0},
    {"{" WHO ",\"exp\":1000,\"access\":[" ACCESS("registry", "catalog", "\"*\"") "]}", 0, ACCESS_CATALOG,
     ACCESS_CATALOG},
    {"{" WHO ",\"exp\":1000,\"access\":[" ACCESS("repository", "b", "\"pull\"") "]}", 0, 0, 0},
    {"{" WHO ",\"exp\":1000,\"access\":[" ACCESS("repository", "../a", "\"pull\"") ",7]}", 0, 0, 0},
    {"{" WHO ",\"exp\":1000,\"access\":[" ACCESS("repository", "a", "\"fly\",7") "]}", 0, 0, 0},
    {"{" WHO ",\"exp\":940}", 0, 0, 0},
    {"{" WHO ",\"exp\":939}", -EACCES, 0, 0},
    {"{" WHO "}", -EACCES, 0, 0},
    {"{" WHO ",\"exp\":\"1000\"}", -EACCES, 0, 0},
    {"{" WHO ",\"exp\":1000,\"nbf\":1061}", -EACCES, 0, 0},
    {"{" WHO ",\"exp\":1000,\"nbf\":\"0\"}", -EACCES, 0, 0},
    {"{\"iss\":\"you\",\"aud\":\"reg\",\"exp\":1000}", -EACCES, 0, 0},
    {"{\"iss\":\"me\",\"aud\":\"gre\",\"exp\":1000}", -EACCES, 0, 0},
    {"{\"iss\":\"me\",\"aud\":[],\"exp\":1000}", -EACCES, 0, 0},
    {"{\"iss\":\"me\",\"exp\":1000}", -EACCES, 0, 0},
    {"7", -EACCES, 0, 0},
    {"", -EACCES, 0, 0},
};

static void test_claims(void **state)
{
	const struct bearer_rules rules = {.issuer = "me", .service = "reg"};

	(void)state;
	for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) {
		struct access a = {.everywhere = 0};
		struct err err = ERR_INIT;
		int r = bearer_claims(&rules, claims[i].json, strlen(claims[i].json), 1000, &a, &err);

		if (r != claims[i].result || a.everywhere != claims[i].everywhere)
			fail_msg("%zu: %d %s", i, r, err.text);
		for (unsigned right = 1; right <= ACCESS_ALL; right *= 2)
			if (access_allows(&a, "a", right) != ((claims[i].a & right) != 0))
				fail_msg("%zu: right %u", i, right);
		access_free(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_documents), cmocka_unit_test(test_referrer), cmocka_unit_test(test_users),
	    cmocka_unit_test(test_bad_users), cmocka_unit_test(test_claims),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
