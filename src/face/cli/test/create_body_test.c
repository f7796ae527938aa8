/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "face/cli/create_body.h"
#include "face/cli/options.h"
#include "face/cli/stream_client.h"

#include <string.h>

/* The options of a line, as `berth run` reads them. */
static int body_of(const char *line, char **ret, struct err *err)
{
	struct run_options o = run_option_defaults;
	const struct option_set set = {.specs = run_option_specs, .values = &o};
	mem_cleanup char *copy = mem_strdup(line);
	char *words[32] = {NULL}, *rest = copy;
	mem_cleanup char **operands = NULL;
	int r;

	for (size_t n = 0; rest && n < 30; n++)
		words[n] = strsep(&rest, " ");
	r = options_parse(&set, 1, words, true, &operands, err);
	if (r == 0)
		r = create_body(&o, operands, ret, err);
	options_free(&set);
	return r;
}

/* `pointer` of the body is `want`, as JSON. */
static const struct {
	const char *line, *pointer, *want;
} good[] = {
    {"-p 80 i", "/HostConfig/PortBindings", "{\"80/tcp\":[{\"HostIp\":\"\",\"HostPort\":\"\"}]}"},
    {"-p 8080:80/udp i", "/HostConfig/PortBindings", "{\"80/udp\":[{\"HostIp\":\"\",\"HostPort\":\"8080\"}]}"},
    {"-p 127.0.0.1:8080:80 i", "/HostConfig/PortBindings",
     "{\"80/tcp\":[{\"HostIp\":\"127.0.0.1\",\"HostPort\":\"8080\"}]}"},
    {"-p 127.0.0.1::80 i", "/HostConfig/PortBindings", "{\"80/tcp\":[{\"HostIp\":\"127.0.0.1\",\"HostPort\":\"\"}]}"},
    {"-p [::1]:8080:80 i", "/HostConfig/PortBindings", "{\"80/tcp\":[{\"HostIp\":\"::1\",\"HostPort\":\"8080\"}]}"},
    {"-p 90-91:80-81 i", "/HostConfig/PortBindings",
     "{\"80/tcp\":[{\"HostIp\":\"\",\"HostPort\":\"90\"}],\"81/tcp\":[{\"HostIp\":\"\",\"HostPort\":\"91\"}]}"},
    {"-p 90-95:80 i", "/HostConfig/PortBindings", "{\"80/tcp\":[{\"HostIp\":\"\",\"HostPort\":\"90-95\"}]}"},
    {"-p 80:80 -p 81:80 i", "/HostConfig/PortBindings",
     "{\"80/tcp\":[{\"HostIp\":\"\",\"HostPort\":\"80\"},{\"HostIp\":\"\",\"HostPort\":\"81\"}]}"},
    {"-p 80 i", "/ExposedPorts", "{\"80/tcp\":{}}"},
    {"--expose 80-81/udp i", "/ExposedPorts", "{\"80/udp\":{},\"81/udp\":{}}"},
    {"-v /a:/b:ro -v n:/c -v /d i", "/HostConfig/Binds", "[\"/a:/b:ro\",\"n:/c\"]"},
    {"-v /d i", "/Volumes", "{\"/d\":{}}"},
    {"--mount type=bind,src=/a,dst=/b,ro,bind-propagation=rslave i", "/HostConfig/Mounts",
     "[{\"Type\":\"bind\",\"Source\":\"/a\",\"Target\":\"/b\",\"ReadOnly\":true,\"BindOptions\":{\"Propagation\":"
     "\"rslave\"}}]"},
    {"--mount source=n,target=/b,volume-label=k=v,\"volume-opt=o=x,y\" i", "/HostConfig/Mounts",
     "[{\"Source\":\"n\",\"Target\":\"/b\",\"VolumeOptions\":{\"Labels\":{\"k\":\"v\"},\"DriverConfig\":{\"Options\":"
     "{\"o\":\"x,y\"}}},\"Type\":\"volume\"}]"},
    {"--mount type=tmpfs,dst=/b,tmpfs-size=1k,tmpfs-mode=0700 i", "/HostConfig/Mounts",
     "[{\"Type\":\"tmpfs\",\"Target\":\"/b\",\"TmpfsOptions\":{\"SizeBytes\":1024,\"Mode\":448}}]"},
    {"--tmpfs /t:noexec,size=1m i", "/HostConfig/Tmpfs", "{\"/t\":\"noexec,size=1m\"}"},
    {"--device /dev/a:/dev/b:rw --device /dev/c:r i", "/HostConfig/Devices",
     "[{\"PathOnHost\":\"/dev/a\",\"PathInContainer\":\"/dev/b\",\"CgroupPermissions\":\"rw\"},{\"PathOnHost\":"
     "\"/dev/c\",\"PathInContainer\":\"/dev/c\",\"CgroupPermissions\":\"r\"}]"},
    {"--ulimit nofile=5:9 --ulimit core=-1 i", "/HostConfig/Ulimits",
     "[{\"Name\":\"nofile\",\"Soft\":5,\"Hard\":9},{\"Name\":\"core\",\"Soft\":-1,\"Hard\":-1}]"},
    {"--restart on-failure:3 i", "/HostConfig/RestartPolicy", "{\"Name\":\"on-failure\",\"MaximumRetryCount\":3}"},
    {"--gpus all i", "/HostConfig/DeviceRequests", "[{\"Count\":-1,\"Capabilities\":[[\"gpu\"]]}]"},
    {"--gpus device=0,2 i", "/HostConfig/DeviceRequests",
     "[{\"DeviceIDs\":[\"0\",\"2\"],\"Capabilities\":[[\"gpu\"]]}]"},
    {"--network a --network b --ip 10.0.0.9 --network-alias x i", "/NetworkingConfig/EndpointsConfig",
     "{\"a\":{\"Aliases\":[\"x\"],\"IPAMConfig\":{\"IPv4Address\":\"10.0.0.9\"}},\"b\":{}}"},
    {"--network name=a,alias=x,ip6=fd00::9 i", "/NetworkingConfig/EndpointsConfig",
     "{\"a\":{\"Aliases\":[\"x\"],\"IPAMConfig\":{\"IPv6Address\":\"fd00::9\"}}}"},
    {"--network a i", "/HostConfig/NetworkMode", "\"a\""},
    {"-p 80 i", "/HostConfig/NetworkMode", "\"default\""},
    {"--health-cmd x --health-interval 1m30s --health-retries 2 i", "/Healthcheck",
     "{\"Test\":[\"CMD-SHELL\",\"x\"],\"Interval\":90000000000,\"Retries\":2}"},
    {"--no-healthcheck i", "/Healthcheck", "{\"Test\":[\"NONE\"]}"},
    {"--entrypoint  i", "/Entrypoint", "[\"\"]"},
    {"-l a=b=c -l d i", "/Labels", "{\"a\":\"b=c\",\"d\":\"\"}"},
    {"--memory-swap -1 i", "/HostConfig/MemorySwap", "-1"},
    {"--cpus 1.5 i", "/HostConfig/NanoCpus", "1500000000"},
    {"--shm-size 64m i", "/HostConfig/ShmSize", "67108864"},
    {"--add-host a=1.2.3.4 --add-host b:::1 i", "/HostConfig/ExtraHosts", "[\"a:1.2.3.4\",\"b:::1\"]"},
    {"--device-read-bps /dev/a:1m i", "/HostConfig/BlkioDeviceReadBps", "[{\"Path\":\"/dev/a\",\"Rate\":1048576}]"},
    {"-p 80 i", "/HostConfig/CapDrop", "[\"AUDIT_WRITE\",\"MKNOD\",\"NET_RAW\"]"},
    {"--cap-add cap_net_raw --cap-drop MKNOD i", "/HostConfig/CapDrop", "[\"MKNOD\",\"AUDIT_WRITE\"]"},
    {"-p 80 i", "/HostConfig/SecurityOpt", "[\"no-new-privileges\"]"},
    {"--security-opt no-new-privileges=false i", "/HostConfig/SecurityOpt", "[\"no-new-privileges=false\"]"},
    {"-p 80 i", "/HostConfig/Init", "true"},
    {"--log-opt max-size=1m i", "/HostConfig/LogConfig", "{\"Type\":\"json-file\",\"Config\":{\"max-size\":\"1m\"}}"},
    {"-i i c d", "/Cmd", "[\"c\",\"d\"]"},
    {"-i i", "/StdinOnce", "true"},
};

/* "/HostConfig/Binds" */
static yyjson_val *at(yyjson_doc *doc, const char *pointer)
{
	mem_cleanup char *copy = mem_strdup(pointer + 1);
	yyjson_val *v = yyjson_doc_get_root(doc);

	for (char *rest = copy, *key; (key = strsep(&rest, "/"));)
		v = yyjson_obj_get(v, key);
	return v;
}

static void test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct err err = ERR_INIT;
		mem_cleanup char *json = NULL, *got = NULL;
		yyjson_doc *doc json_doc_cleanup = NULL;

		if (body_of(good[i].line, &json, &err) < 0)
			fail_msg("%s: %s", good[i].line, err.text);
		doc = yyjson_read(json, strlen(json), 0);
		got = yyjson_val_write(at(doc, good[i].pointer), 0, NULL);
		if (!got || strcmp(got, good[i].want) != 0)
			fail_msg("%s: %s is %s, not %s", good[i].line, good[i].pointer, got ? got : "missing",
				 good[i].want);
	}
}

static const struct {
	const char *line, *text;
} bad[] = {
    {"-p x i", "--publish \"x\""},
    {"-p 0 i", "--publish \"0\""},
    {"-p 65536 i", "--publish \"65536\""},
    {"-p 80:90-91 i", "1 ports of the machine for 2"},
    {"-p 80/icmp i", "\"icmp\" is none of"},
    {"-p 9-8 i", "--publish \"9-8\""},
    {"--expose 80/x i", "--expose"},
    {"-v a/b:/c i", "has no \"/\""},
    {"-v ~/b:/c i", "$HOME"},
    {"-v x i", "must begin with /"},
    {"-v n:x i", "must begin with /"},
    {"--mount type=bind,from=/x,dst=/y i", "\"from\" is not known"},
    {"--mount type=bind,src=/x i", "target is missing"},
    {"--mount type=tmpfs,dst=/x,tmpfs-mode=9 i", "not an octal mode"},
    {"--mount dst=/x,ro=maybe i", "not true or false"},
    {"--device dev i", "--device \"dev\""},
    {"--device /dev/a:/dev/b:q i", "--device"},
    {"--ulimit nofile i", "NAME=SOFT"},
    {"--ulimit nofile=a i", "NAME=SOFT"},
    {"--restart on-failure:x i", "not a number of tries"},
    {"--gpus many i", "--gpus \"many\""},
    {"--network a=b i", "is none of name="},
    {"--network alias=b i", "name= is missing"},
    {"--network host --ip 1.2.3.4 i", "has no addresses"},
    {"--sysctl =a i", "--sysctl \"=a\""},
    {"--stop-timeout x i", "--stop-timeout"},
    {"--shm-size x i", "--shm-size"},
    {"--add-host a i", "NAME:ADDRESS"},
    {"--device-read-bps x:1 i", "PATH:SIZE"},
    {"--no-healthcheck --health-cmd x i", "exclude each other"},
    {"--env-file /nowhere/x i", "/nowhere/x"},
    {"--label-file /nowhere/x i", "/nowhere/x"},
    {"--security-opt seccomp=/nowhere/x i", "/nowhere/x"},
};

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct err err = ERR_INIT;
		mem_cleanup char *json = NULL;

		if (body_of(bad[i].line, &json, &err) >= 0)
			fail_msg("%s: accepted", bad[i].line);
		if (!strstr(err.text, bad[i].text))
			fail_msg("%s: no \"%s\" in: %s", bad[i].line, bad[i].text, err.text);
	}
}

static bool plain(const char *line)
{
	struct run_options o = run_option_defaults;
	const struct option_set set = {.specs = run_option_specs, .values = &o};
	mem_cleanup char *copy = mem_strdup(line);
	char *words[32] = {NULL}, *rest = copy;
	mem_cleanup char **operands = NULL;
	bool result;

	for (size_t n = 0; rest && n < 30; n++)
		words[n] = strsep(&rest, " ");
	assert_int_equal(options_parse(&set, 1, words, true, &operands, NULL), 0);
	result = run_options_plain(&o);
	options_free(&set);
	return result;
}

/* What is plain goes the short way. */
static void test_plain(void **state)
{
	(void)state;
	assert_true(plain("--rm -d --name x -e A=b -v /a:/b:ro -v n:/c --tmpfs /t:size=1m,mode=700 --cpus 1 i c"));
	assert_false(plain("-i i"));
	assert_false(plain("-t i"));
	assert_false(plain("-p 80 i"));
	assert_false(plain("-v /a i"));
	assert_false(plain("-v /a:/b:rshared i"));
	assert_false(plain("--tmpfs /t:noexec i"));
	assert_true(plain("--network host i"));
	assert_true(plain("--net none i"));
	assert_false(plain("--network shop i"));
	assert_false(plain("--network name=bridge,ip=1.2.3.4 i"));
	assert_false(plain("--network bridge --network shop i"));
	assert_false(plain("--network bridge --ip 1.2.3.4 i"));
}

static void test_keys(void **state)
{
	static const char *const wrong[] = {"ctrl-1", "ab", "ctrl-", "ctrl-A", ",", "ctrl-a,,b"};
	unsigned char keys[STREAM_CLIENT_KEYS_MAX];
	size_t n;

	(void)state;
	assert_int_equal(stream_client_keys(NULL, keys, &n, NULL), 0);
	assert_int_equal(n, 2);
	assert_memory_equal(keys, "\x10\x11", 2);
	assert_int_equal(stream_client_keys("ctrl-a,d,ctrl-[,ctrl-@", keys, &n, NULL), 0);
	assert_int_equal(n, 4);
	assert_memory_equal(keys,
			    "\x01"
			    "d\x1b\x00",
			    4);
	assert_int_equal(stream_client_keys("", keys, &n, NULL), 0);
	assert_int_equal(n, 0);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_int_equal(stream_client_keys(wrong[i], keys, &n, NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_good),
	    cmocka_unit_test(test_bad),
	    cmocka_unit_test(test_plain),
	    cmocka_unit_test(test_keys),
	};

	return cmocka_run_group_tests_name("create_body", tests, NULL, NULL);
}
