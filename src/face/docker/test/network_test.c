/* SPDX-License-Identifier: Apache-2.0
 *
 * What clients send to make a network, or to bring a container to one.
 */
#include "face/docker/network.h"

#include "base/core/err.h"
#include "base/core/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static yyjson_doc *parse(const char *text)
{
	yyjson_doc *doc = json_parse(text, strlen(text), 1u << 20, "the test", NULL);

	assert_non_null(doc);
	return doc;
}

/* What docker network create -o a=b --subnet ... --aux-address ... --label ... sends. */
static void test_create(void **state)
{
	json_doc_cleanup yyjson_doc *doc = parse(
	    "{\"CheckDuplicate\":true,\"Driver\":\"bridge\",\"Scope\":\"\",\"EnableIPv6\":true,\"IPAM\":{\"Driver\":"
	    "\"default\","
	    "\"Options\":{},\"Config\":[{\"Subnet\":\"10.1.0.0/24\",\"IPRange\":\"10.1.0.128/"
	    "25\",\"Gateway\":\"10.1.0.1\","
	    "\"AuxiliaryAddresses\":{\"router\":\"10.1.0.5\"}},{\"Subnet\":\"fd00:1::/64\"},{}]},\"Internal\":true,"
	    "\"Attachable\":true,\"Ingress\":false,\"ConfigOnly\":false,\"ConfigFrom\":null,\"Options\":{\"a\":\"b\"},"
	    "\"Labels\":{\"x\":\"1\",\"y\":\"\"},\"Name\":\"shop\"}");
	cleanup_with(network_body_free) struct network_body w;

	assert_int_equal(network_parse(yyjson_doc_get_root(doc), &w, NULL), 0);
	assert_string_equal(w.w.name, "shop");
	assert_int_equal(w.w.driver, NET_BRIDGE);
	assert_true(w.w.internal && w.w.attachable && !w.w.ingress);
	assert_int_equal(w.w.ipv6, 1);
	assert_int_equal(w.w.ipv4, -1);
	assert_int_equal(w.w.n_pools, 2);
	assert_string_equal(w.w.pools[0].subnet, "10.1.0.0/24");
	assert_string_equal(w.w.pools[0].ip_range, "10.1.0.128/25");
	assert_string_equal(w.w.pools[0].gateway, "10.1.0.1");
	assert_int_equal(w.w.pools[0].n_aux, 1);
	assert_string_equal(w.w.pools[0].aux[0].value, "10.1.0.5");
	assert_string_equal(w.w.pools[1].subnet, "fd00:1::/64");
	assert_null(w.w.pools[1].gateway);
	assert_int_equal(w.w.n_labels, 2);
	assert_int_equal(w.w.n_options, 1);
	assert_string_equal(w.w.options[0].key, "a");
	(void)state;
}

/* null, "" and what is missing are the same. */
static void test_nothing_said(void **state)
{
	static const char *const bodies[] = {
	    "{\"Name\":\"n\"}",
	    "{\"Name\":\"n\",\"Driver\":\"\",\"IPAM\":null,\"Options\":null,\"Labels\":null,\"EnableIPv6\":null}",
	    "{\"Name\":\"n\",\"IPAM\":{\"Driver\":\"\",\"Options\":null,\"Config\":null}}",
	    "{\"Name\":\"n\",\"IPAM\":{\"Config\":[]},\"Options\":{}}"};

	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
		json_doc_cleanup yyjson_doc *doc = parse(bodies[i]);
		cleanup_with(network_body_free) struct network_body w;

		assert_int_equal(network_parse(yyjson_doc_get_root(doc), &w, NULL), 0);
		assert_int_equal(w.w.driver, NET_BRIDGE);
		assert_int_equal(w.w.n_pools + w.w.n_labels + w.w.n_options, 0);
		assert_int_equal(w.w.ipv6, -1);
		assert_null(w.w.ipam_driver);
	}
	(void)state;
}

static void test_refused(void **state)
{
	static const struct {
		const char *body;
		int code;
		const char *text;
	} rows[] = {
	    {"[]", EINVAL, "the body must be an object"},
	    {"{}", EINVAL, "invalid network name: the name is empty"},
	    {"{\"Name\":7}", EINVAL, "Name: "},
	    {"{\"Name\":\"n\",\"Driver\":\"macvlan\"}", ENOENT, "plugin \"macvlan\" not found"},
	    {"{\"Name\":\"n\",\"Labels\":[\"a\"]}", EINVAL, "Labels: an object is needed"},
	    {"{\"Name\":\"n\",\"Labels\":{\"a\":1}}", EINVAL, "Labels: the value of \"a\" must be a string"},
	    {"{\"Name\":\"n\",\"IPAM\":[]}", EINVAL, "IPAM: an object is needed"},
	    {"{\"Name\":\"n\",\"IPAM\":{\"Config\":{}}}", EINVAL, "IPAM: Config must be a list"},
	    {"{\"Name\":\"n\",\"IPAM\":{\"Config\":[1]}}", EINVAL, "IPAM: Config must be a list of objects"},
	    {"{\"Name\":\"n\",\"IPAM\":{\"Config\":[{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}]}}", E2BIG,
	     "IPAM: more than 16 subnets"},
	    {"{\"Name\":\"n\",\"IPAM\":{\"Config\":[{\"Subnet\":4}]}}", EINVAL, "Subnet: "},
	    {"{\"Name\":\"n\",\"Internal\":\"yes\"}", EINVAL, "Internal: "},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		json_doc_cleanup yyjson_doc *doc = parse(rows[i].body);
		cleanup_with(network_body_free) struct network_body w;
		struct err err = ERR_INIT;

		assert_int_equal(network_parse(yyjson_doc_get_root(doc), &w, &err), -rows[i].code);
		assert_non_null(strstr(err.text, rows[i].text));
	}
	(void)state;
}

static void test_endpoint(void **state)
{
	json_doc_cleanup yyjson_doc *doc = parse(
	    "{\"a\":{\"IPAMConfig\":{\"IPv4Address\":\"10.1.0.9\",\"IPv6Address\":\"\"},\"Links\":[\"db:database\"],"
	    "\"Aliases\":[\"x\",\"y\"],\"MacAddress\":\"02:00:00:00:00:01\",\"DriverOpts\":{\"k\":\"v\"},"
	    "\"GwPriority\":7},"
	    "\"b\":{\"IPAMConfig\":null,\"Aliases\":null},\"c\":{\"Aliases\":[1]},\"d\":7,\"e\":{\"IPAMConfig\":7}}");
	yyjson_val *root = yyjson_doc_get_root(doc);
	struct network_endpoint_body w;

	assert_int_equal(network_parse_endpoint(yyjson_obj_get(root, "a"), &w, NULL), 0);
	assert_string_equal(w.w.ipv4, "10.1.0.9");
	assert_null(w.w.ipv6);
	assert_string_equal(w.w.mac, "02:00:00:00:00:01");
	assert_string_equal(w.w.aliases[1], "y");
	assert_string_equal(w.w.links[0], "db:database");
	assert_int_equal(w.w.gw_priority, 7);
	assert_int_equal(w.w.n_driver_options, 1);
	network_endpoint_body_free(&w);
	assert_int_equal(network_parse_endpoint(yyjson_obj_get(root, "b"), &w, NULL), 0);
	assert_int_equal(network_parse_endpoint(NULL, &w, NULL), 0);
	assert_null(w.w.aliases);
	for (const char *key = "c"; *key <= 'e'; key = *key == 'c' ? "d" : *key == 'd' ? "e" : "f") {
		assert_int_equal(network_parse_endpoint(yyjson_obj_get(root, key), &w, NULL), -EINVAL);
		network_endpoint_body_free(&w);
	}
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_create),
	    cmocka_unit_test(test_nothing_said),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_endpoint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
