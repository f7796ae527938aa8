/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/docker/create.h"
#include "node/engine/spec.h"

#include <stdio.h>
#include <string.h>

static int make(const char *body, const char *image, struct create *ret, struct err *err)
{
	json_doc_cleanup yyjson_doc *doc = yyjson_read(body, strlen(body), 0);
	json_doc_cleanup yyjson_doc *config = image ? yyjson_read(image, strlen(image), 0) : NULL;

	assert_non_null(doc);
	return create_spec(yyjson_doc_get_root(doc), yyjson_doc_get_root(config), ret, err);
}

/* "/mounts/0/type". */
static yyjson_mut_val *at(const struct create *c, const char *pointer)
{
	yyjson_mut_val *v = yyjson_mut_doc_get_root(c->doc);

	while (v && *pointer == '/') {
		size_t n = strcspn(++pointer, "/");

		v = yyjson_mut_is_arr(v) ? yyjson_mut_arr_get(v, strtoul(pointer, NULL, 10))
					 : yyjson_mut_obj_getn(v, pointer, n);
		pointer += n;
	}
	return v;
}

/* A member of the spec as JSON, "" = there is none. */
static char *member(const struct create *c, const char *pointer)
{
	yyjson_mut_val *v = at(c, pointer);
	char *text = v ? yyjson_mut_val_write(v, 0, NULL) : NULL;

	return text ? text : mem_strdup("");
}

static void expect(const char *body, const char *image, const char *pointer, const char *want)
{
	mem_cleanup char *got = NULL;
	struct err err = ERR_INIT;
	struct create c;

	if (make(body, image, &c, &err) < 0)
		fail_msg("%s: %s", body, err.text);
	got = member(&c, pointer);
	if (strcmp(got, want) != 0)
		fail_msg("%s: %s is %s, not %s", body, pointer, got, want);
	create_free(&c);
}

#define BOX(rest) "{\"Image\":\"box\",\"Cmd\":[\"true\"]" rest "}"
#define HOST(rest) BOX(",\"HostConfig\":{" rest "}")

/* Each: what a client sends, where it is found, and as what. */
static void test_members(void **state)
{
	static const struct {
		const char *body, *pointer, *want;
	} cases[] = {
	    {BOX(), "/image", "\"box\""},
	    {BOX(), "/docker_caps", "true"},
	    {BOX(), "/init", "false"},
	    {BOX(), "/no_new_privileges", "false"},
	    {BOX(), "/entrypoint", "[]"},
	    {BOX(), "/restart", ""},
	    {BOX(), "/mounts", ""},
	    {BOX(), "/ports", ""},
	    {BOX(), "/network_mode", "\"default\""},
	    {BOX(), "/networks", "[{\"name\":\"bridge\"}]"},
	    {"{\"Image\":\"box\",\"Cmd\":\"true\"}", "/command", "[\"true\"]"},
	    {"{\"Image\":\"box\",\"Entrypoint\":\"a\",\"Cmd\":null}", "/entrypoint", "[\"a\"]"},
	    {BOX(",\"Hostname\":\"h\",\"Domainname\":\"d\""), "/domainname", "\"d\""},
	    {BOX(",\"User\":\"1:2\""), "/user", "\"1:2\""},
	    {BOX(",\"Tty\":true,\"OpenStdin\":true,\"StdinOnce\":true"), "/stdin_once", "true"},
	    {BOX(",\"Env\":[\"A=b\",\"C\",\"\"]"), "/environment", "[\"A=b\",\"C\"]"},
	    {BOX(",\"StopTimeout\":3"), "/stop_grace_ms", "3000"},
	    {BOX(",\"StopTimeout\":0"), "/stop_grace_ms", "0"},
	    {BOX(",\"StopSignal\":\"SIGINT\""), "/stop_signal", "\"SIGINT\""},
	    {BOX(",\"Labels\":{\"a\":\"b\"}"), "/labels", "{\"a\":\"b\"}"},
	    {BOX(",\"Healthcheck\":{\"Test\":[\"CMD\",\"x\"],\"Interval\":1500000000,\"Timeout\":0,\"Retries\":2}"),
	     "/healthcheck", "{\"test\":[\"CMD\",\"x\"],\"retries\":2,\"interval_ms\":1500}"},
	    {HOST("\"Memory\":6291456,\"MemorySwap\":-1,\"MemorySwappiness\":-1"), "/memory_swap", "-1"},
	    {HOST("\"Memory\":6291456"), "/limit_memory", "6291456"},
	    {HOST("\"MemorySwappiness\":-1"), "/memory_swappiness", ""},
	    {HOST("\"MemorySwappiness\":0"), "/memory_swappiness", "0"},
	    {HOST("\"NanoCpus\":1500000000"), "/limit_cpu_milli", "1500"},
	    {HOST("\"PidsLimit\":0"), "/limit_pids", ""},
	    {HOST("\"PidsLimit\":null"), "/limit_pids", ""},
	    {HOST("\"PidsLimit\":7"), "/limit_pids", "7"},
	    {HOST("\"PidsLimit\":-1"), "/limit_pids", "4194304"},
	    {HOST("\"RestartPolicy\":{\"Name\":\"\"}"), "/restart", ""},
	    {HOST("\"RestartPolicy\":{\"Name\":\"on-failure\",\"MaximumRetryCount\":3}"), "/restart",
	     "{\"policy\":\"on-failure\",\"max_retries\":3}"},
	    {HOST("\"AutoRemove\":true"), "/remove", "true"},
	    {HOST("\"SecurityOpt\":[\"no-new-privileges\"]"), "/no_new_privileges", "true"},
	    {HOST("\"SecurityOpt\":[\"no-new-privileges:false\"]"), "/no_new_privileges", "false"},
	    {HOST("\"SecurityOpt\":[\"seccomp=unconfined\"]"), "/seccomp", "\"unconfined\""},
	    {HOST("\"MaskedPaths\":[]"), "/masked_paths", "[]"},
	    {HOST("\"MaskedPaths\":null"), "/masked_paths", ""},
	    {HOST("\"Init\":true"), "/init", "true"},
	    {HOST("\"CapAdd\":[\"ALL\"],\"CapDrop\":[\"NET_RAW\"]"), "/cap_drop", "[\"NET_RAW\"]"},
	    {HOST("\"Ulimits\":[{\"Name\":\"nofile\",\"Soft\":1,\"Hard\":2}]"), "/ulimits",
	     "[{\"name\":\"nofile\",\"soft\":1,\"hard\":2}]"},
	    {HOST("\"Devices\":[{\"PathOnHost\":\"/dev/null\",\"PathInContainer\":\"/dev/x\","
		  "\"CgroupPermissions\":\"rw\"}]"),
	     "/devices", "[{\"path_on_host\":\"/dev/null\",\"path_in_container\":\"/dev/x\",\"permissions\":\"rw\"}]"},
	    {HOST("\"BlkioDeviceReadBps\":[{\"Path\":\"/dev/a\",\"Rate\":5}]"), "/blkio_device_read_bps",
	     "[{\"path\":\"/dev/a\",\"rate\":5}]"},
	    {HOST("\"LogConfig\":{\"Type\":\"\",\"Config\":{\"max-size\":\"1m\",\"max-file\":\"2\"}}"), "/log",
	     "{\"driver\":\"json-file\",\"max_size\":1048576,\"max_files\":2}"},
	    {HOST("\"LogConfig\":{\"Type\":\"json-file\",\"Config\":{\"tag\":\"x\"}}"), "/log",
	     "{\"driver\":\"json-file\",\"options\":{\"tag\":\"x\"}}"},
	    {HOST("\"LogConfig\":{\"Type\":\"json-file\",\"Config\":{\"compress\":\"true\"}}"), "/log/compress",
	     "true"},
	    {HOST("\"LogConfig\":{\"Type\":\"json-file\",\"Config\":{}}"), "/log/compress", ""},
	    {HOST("\"LogConfig\":{\"Type\":\"local\",\"Config\":{}}"), "/log/compress", "true"},
	    {HOST("\"LogConfig\":{\"Type\":\"local\",\"Config\":{\"compress\":\"false\"}}"), "/log/compress", ""},
	    {HOST("\"LogConfig\":{\"Type\":\"local\",\"Config\":{\"max-file\":\"1\"}}"), "/log/compress", ""},
	    {HOST("\"LogConfig\":{\"Type\":\"journald\",\"Config\":{\"cache-compress\":\"false\"}}"), "/log/compress",
	     ""},
	    {HOST("\"LogConfig\":{\"Type\":\"journald\",\"Config\":{}}"), "/log/compress", "true"},
	    {HOST("\"PidMode\":\"host\",\"IpcMode\":\"shareable\""), "/ipc_mode", "\"shareable\""},
	    {HOST("\"Sysctls\":{\"net.a\":\"1\"}"), "/sysctls", "{\"net.a\":\"1\"}"},
	    {HOST("\"ConsoleSize\":[24,80]"), "/console_size", "[24,80]"},
	    {HOST("\"Unheard\":1"), "/docker/HostConfig/Unheard", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		expect(cases[i].body, NULL, cases[i].pointer, cases[i].want);
}

static void test_mounts(void **state)
{
	static const struct {
		const char *body, *want;
	} cases[] = {
	    {HOST("\"Binds\":[\"/a//b/.:/c/\"]"),
	     "[{\"type\":\"bind\",\"target\":\"/c\",\"source\":\"/a/b\",\"create\":true}]"},
	    {HOST("\"Binds\":[\"vol:/c:ro,nocopy,Z\"]"),
	     "[{\"type\":\"volume\",\"target\":\"/c\",\"source\":\"vol\",\"read_only\":true,\"nocopy\":true}]"},
	    {HOST("\"Binds\":[\"/c\"]"), "[{\"type\":\"volume\",\"target\":\"/c\",\"anonymous\":true}]"},
	    {HOST("\"Binds\":[\"/a:/b:rslave\"]"), "[{\"type\":\"bind\",\"target\":\"/b\",\"source\":\"/a\",\"create\":"
						   "true,\"propagation\":\"rslave\"}]"},
	    {HOST("\"Tmpfs\":{\"/t\":\"rw,noexec,size=5m\"}"),
	     "[{\"type\":\"tmpfs\",\"target\":\"/t\",\"mode\":1023,\"options\":[\"noexec\",\"size=5m\"]}]"},
	    {HOST("\"Mounts\":[{\"Type\":\"bind\",\"Source\":\"/a\",\"Target\":\"/b\",\"ReadOnly\":true,"
		  "\"BindOptions\":{\"Propagation\":\"rshared\",\"NonRecursive\":true}}]"),
	     "[{\"type\":\"bind\",\"target\":\"/b\",\"read_only\":true,\"source\":\"/a\",\"recursive\":false,"
	     "\"propagation\":\"rshared\"}]"},
	    {HOST("\"Mounts\":[{\"Type\":\"volume\",\"Target\":\"/b\",\"VolumeOptions\":{\"Subpath\":\"x\",\"Labels\":{"
		  "\"l\":\"m\"},\"DriverConfig\":{\"Name\":\"local\",\"Options\":{\"type\":\"tmpfs\"}}}}]"),
	     "[{\"type\":\"volume\",\"target\":\"/b\",\"anonymous\":true,\"labels\":{\"l\":\"m\"},\"subpath\":\"x\","
	     "\"driver\":\"local\",\"driver_options\":{\"type\":\"tmpfs\"}}]"},
	    {HOST("\"Mounts\":[{\"Type\":\"tmpfs\",\"Target\":\"/b\",\"TmpfsOptions\":{\"SizeBytes\":9,\"Mode\":448,"
		  "\"Options\":[[\"exec\"],[\"uid\",\"5\"]]}}]"),
	     "[{\"type\":\"tmpfs\",\"target\":\"/b\",\"size\":9,\"mode\":448,\"options\":[\"exec\",\"uid=5\"]}]"},
	    {BOX(",\"Volumes\":{\"/v\":{},\"/c\":{}},\"HostConfig\":{\"Binds\":[\"vol:/c\"]}"),
	     "[{\"type\":\"volume\",\"target\":\"/c\",\"source\":\"vol\"},{\"type\":\"volume\",\"target\":\"/v\","
	     "\"anonymous\":true}]"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		expect(cases[i].body, NULL, "/mounts", cases[i].want);
}

static void test_network(void **state)
{
	static const struct {
		const char *body, *pointer, *want;
	} cases[] = {
	    {HOST("\"NetworkMode\":\"none\""), "/networks", ""},
	    {HOST("\"NetworkMode\":\"container:x\""), "/network_mode", "\"container:x\""},
	    {BOX(",\"NetworkDisabled\":true"), "/network_mode", "\"none\""},
	    {BOX(",\"HostConfig\":{\"NetworkMode\":\"default\"},\"NetworkingConfig\":{\"EndpointsConfig\":{\"default\":"
		 "{"
		 "\"Aliases\":[\"a\"]}}}"),
	     "/networks", "[{\"name\":\"bridge\",\"aliases\":[\"a\"]}]"},
	    {BOX(",\"HostConfig\":{\"NetworkMode\":\"n1\"},\"NetworkingConfig\":{\"EndpointsConfig\":{\"n2\":null,"
		 "\"n1\":"
		 "{\"IPAMConfig\":{\"IPv4Address\":\"10.0.0.5\"},\"MacAddress\":\"02:00:00:00:00:05\"}}}"),
	     "/networks", "[{\"name\":\"n1\",\"mac\":\"02:00:00:00:00:05\",\"ipv4\":\"10.0.0.5\"},{\"name\":\"n2\"}]"},
	    {HOST("\"PortBindings\":{\"80/tcp\":[{\"HostIp\":\"127.0.0.1\",\"HostPort\":\"8080\"}],\"53/udp\":[{"
		  "\"HostPort\":\"\"}]}"),
	     "/ports",
	     "[{\"port\":80,\"protocol\":\"tcp\",\"host_ip\":\"127.0.0.1\",\"host_first\":8080,\"host_last\":8080},{"
	     "\"port\":53,\"protocol\":\"udp\",\"host_first\":0,\"host_last\":0}]"},
	    {HOST("\"PortBindings\":{\"80\":[{\"HostPort\":\"8000-8010\"}]}"), "/ports",
	     "[{\"port\":80,\"protocol\":\"tcp\",\"host_first\":8000,\"host_last\":8010}]"},
	    {HOST("\"PortBindings\":{\"80-81/tcp\":[{\"HostPort\":\"90-91\"}]}"), "/ports/1/host_first", "91"},
	    {BOX(",\"ExposedPorts\":{\"80/tcp\":{}},\"HostConfig\":{\"PublishAllPorts\":true}"), "/ports",
	     "[{\"port\":80,\"protocol\":\"tcp\",\"host_first\":0,\"host_last\":0}]"},
	    {BOX(",\"ExposedPorts\":{\"80/tcp\":{}}"), "/ports", ""},
	    {BOX(",\"ExposedPorts\":{\"80\":{},\"8000-8001/udp\":{}}"), "/expose",
	     "[\"80/tcp\",\"8000/udp\",\"8001/udp\"]"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		expect(cases[i].body, NULL, cases[i].pointer, cases[i].want);
}

/* What the image says fills what the client leaves out, and inspect shows both. */
static void test_image(void **state)
{
	static const char image[] =
	    "{\"Env\":[\"PATH=/"
	    "bin\",\"A=image\"],\"Cmd\":[\"c\"],\"Entrypoint\":[\"e\"],\"User\":\"7\",\"WorkingDir\":\"/w\","
	    "\"Labels\":{\"i\":\"1\",\"x\":\"1\"},\"ExposedPorts\":{\"80/tcp\":{}},\"Volumes\":{\"/data\":{}},"
	    "\"StopSignal\":\"SIGQUIT\",\"Healthcheck\":{\"Test\":[\"CMD\",\"t\"],\"Interval\":5000000000}}";
	static const struct {
		const char *body, *pointer, *want;
	} cases[] = {
	    {"{\"Image\":\"b\"}", "/command", "[\"c\"]"},
	    {"{\"Image\":\"b\"}", "/entrypoint", "[\"e\"]"},
	    {"{\"Image\":\"b\",\"Cmd\":[\"own\"]}", "/entrypoint", "[\"e\"]"},
	    {"{\"Image\":\"b\",\"Entrypoint\":[\"own\"]}", "/command", "[]"},
	    {"{\"Image\":\"b\",\"Entrypoint\":[\"\"],\"Cmd\":[\"own\"]}", "/entrypoint", "[]"},
	    {"{\"Image\":\"b\",\"Env\":[\"A=own\"]}", "/environment", "[\"A=own\",\"PATH=/bin\"]"},
	    {"{\"Image\":\"b\",\"Labels\":{\"x\":\"own\"}}", "/labels", "{\"x\":\"own\",\"i\":\"1\"}"},
	    {"{\"Image\":\"b\"}", "/docker/Config/ExposedPorts", "{\"80/tcp\":{}}"},
	    {"{\"Image\":\"b\"}", "/expose", "[\"80/tcp\"]"},
	    {"{\"Image\":\"b\"}", "/mounts", "[{\"type\":\"volume\",\"target\":\"/data\",\"anonymous\":true}]"},
	    {"{\"Image\":\"b\"}", "/stop_signal", "\"SIGQUIT\""},
	    {"{\"Image\":\"b\"}", "/user", "\"7\""},
	    {"{\"Image\":\"b\",\"WorkingDir\":\"/own\"}", "/working_dir", "\"/own\""},
	    {"{\"Image\":\"b\",\"Healthcheck\":{\"Retries\":9}}", "/healthcheck",
	     "{\"test\":[\"CMD\",\"t\"],\"retries\":9,\"interval_ms\":5000}"},
	    {"{\"Image\":\"b\",\"Healthcheck\":{\"Test\":[\"NONE\"]}}", "/healthcheck/test", "[\"NONE\"]"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		expect(cases[i].body, image, cases[i].pointer, cases[i].want);
}

static void test_exposed_shown(void **state)
{
	static const char body[] = "{\"Image\":\"b\",\"ExposedPorts\":{\"80\":{},\"53/udp\":null}}";
	json_doc_cleanup yyjson_doc *doc = yyjson_read(body, strlen(body), 0);
	json_mut_cleanup yyjson_mut_doc *shaped = create_shape(yyjson_doc_get_root(doc), NULL, NULL);
	yyjson_mut_val *ports =
	    yyjson_mut_obj_get(yyjson_mut_obj_get(yyjson_mut_doc_get_root(shaped), "Config"), "ExposedPorts");

	(void)state;
	assert_int_equal(yyjson_mut_obj_size(ports), 2);
	assert_non_null(yyjson_mut_obj_get(ports, "80/tcp"));
	assert_non_null(yyjson_mut_obj_get(ports, "53/udp"));
}

/* docker-compose 1 compares what it gets back with what it sent, without the nulls. */
static void test_health_shown(void **state)
{
	static const char body[] = "{\"Image\":\"b\",\"Healthcheck\":{\"Test\":[\"CMD\",\"t\"],\"StartPeriod\":null,"
				   "\"Retries\":0,\"Interval\":5000000000}}";
	json_doc_cleanup yyjson_doc *doc = yyjson_read(body, strlen(body), 0);
	json_mut_cleanup yyjson_mut_doc *shaped = create_shape(yyjson_doc_get_root(doc), NULL, NULL);
	yyjson_mut_val *health =
	    yyjson_mut_obj_get(yyjson_mut_obj_get(yyjson_mut_doc_get_root(shaped), "Config"), "Healthcheck");

	(void)state;
	assert_int_equal(yyjson_mut_obj_size(health), 2);
	assert_non_null(yyjson_mut_obj_get(health, "Test"));
	assert_int_equal(yyjson_mut_get_sint(yyjson_mut_obj_get(health, "Interval")), 5000000000);
}

static void test_refused(void **state)
{
	static const struct {
		const char *body, *text;
	} cases[] = {
	    {"[]", "config cannot be empty"},
	    {"{}", "Image: "},
	    {"{\"Image\":\"b\"}", "no command specified"},
	    {BOX(",\"Env\":{}"), "Config.Env: a list of strings is needed"},
	    {BOX(",\"Tty\":1"), "Config.Tty: true or false is needed"},
	    {BOX(",\"WorkingDir\":\"a\""), "the working directory 'a' is invalid, it needs to be an absolute path"},
	    {BOX(",\"Healthcheck\":{\"Test\":[\"CMD\",\"x\"],\"Interval\":5}"),
	     "Interval in Healthcheck cannot be less"},
	    {BOX(",\"HostConfig\":{\"NetworkMode\":\"n1\"},\"NetworkingConfig\":{\"EndpointsConfig\":{\"n1\":"
		 "{\"IPAMConfig\":{\"LinkLocalIPs\":[\"169.254.1.2\",\"10.0.0.1\"]}}}}"),
	     "invalid link local IP address: 10.0.0.1"},
	    {HOST("\"Binds\":[\"v:/c\"]"), "create v: volume name is too short"},
	    {HOST("\"Memory\":\"1g\""), "HostConfig.Memory: a whole number is needed"},
	    {HOST("\"Memory\":5"), "Minimum memory limit allowed is 6MB"},
	    {HOST("\"MemorySwap\":99999999"), "You should always set the Memory limit"},
	    {HOST("\"MemorySwappiness\":101"), "valid memory swappiness range is 0-100"},
	    {HOST("\"NanoCpus\":1000000000,\"CpuQuota\":5"), "Conflicting options: Nano CPUs and CPU Quota"},
	    {HOST("\"RestartPolicy\":{\"Name\":\"sometimes\"}"), "invalid restart policy: unknown policy 'sometimes'"},
	    {HOST("\"RestartPolicy\":{\"Name\":\"always\",\"MaximumRetryCount\":1}"), "maximum retry count can only"},
	    {HOST("\"AutoRemove\":true,\"RestartPolicy\":{\"Name\":\"always\"}"),
	     "can't create 'AutoRemove' container"},
	    {HOST("\"SecurityOpt\":[\"magic\"]"), "invalid --security-opt 2: \"magic\""},
	    {HOST("\"Runtime\":\"kata\""), "unknown or invalid runtime name: kata"},
	    {HOST("\"Isolation\":\"hyperv\""), "invalid isolation"},
	    {HOST("\"StorageOpt\":{\"size\":\"1g\"}"), "StorageOpt"},
	    {HOST("\"DeviceRequests\":[{\"Count\":-1}]"), "could not select device driver \"\" with capabilities: []"},
	    {HOST("\"DeviceRequests\":[{\"Driver\":\"x\",\"Capabilities\":[[\"gpu\",\"a\"],[\"b\"]]}]"),
	     "could not select device driver \"x\" with capabilities: [[gpu a] [b]]"},
	    {HOST("\"DeviceRequests\":[{\"Driver\":\"cdi\",\"DeviceIDs\":[\"/dev/null\"]}]"),
	     "invalid CDI device name /dev/null"},
	    {HOST("\"DeviceRequests\":[{\"Count\":1,\"DeviceIDs\":[\"a\"],\"Capabilities\":[[\"gpu\"]]}]"),
	     "cannot set both Count and DeviceIDs"},
	    {HOST("\"DeviceRequests\":[{\"Count\":1000,\"Capabilities\":[[\"gpu\"]]}]"), "more than 256 devices"},
	    {HOST("\"DeviceRequests\":[5]"), "DeviceRequests: an object is needed"},
	    {HOST("\"LogConfig\":{\"Type\":\"gelf\"}"), "logger: no log driver named 'gelf'"},
	    {HOST("\"LogConfig\":{\"Type\":\"local\",\"Config\":{\"max-size\":\"x\"}}"), "invalid value for max-size"},
	    {HOST("\"LogConfig\":{\"Type\":\"local\",\"Config\":{\"compress\":\"1\",\"max-file\":\"1\"}}"),
	     "compress cannot be true when max-file is less than 2"},
	    {HOST("\"Binds\":[\"a:b:c:d\"]"), "invalid volume specification: 'a:b:c:d'"},
	    {HOST("\"Binds\":[\":/x\"]"), "invalid volume specification"},
	    {HOST("\"Binds\":[\"/a:/b:what\"]"), "invalid mode: what"},
	    {HOST("\"Binds\":[\"/a:/b:ro,rw\"]"), "invalid mode: ro,rw"},
	    {HOST("\"Binds\":[\"rel/path:/b\"]"), "create rel/path: \"rel/path\" includes invalid characters"},
	    {HOST("\"CpuShares\":1"), "the minimum allowed cpu-shares is 2"},
	    {HOST("\"CpuShares\":-1"), "shares: invalid argument"},
	    {HOST("\"CpuShares\":262145"), "the maximum allowed cpu-shares is 262144"},
	    {HOST("\"CpuPeriod\":10"), "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s"},
	    {HOST("\"CpuQuota\":10"), "CPU cfs quota can not be less than 1ms (i.e. 1000)"},
	    {HOST("\"CpusetCpus\":\"100000\""), "Requested CPUs are not available - requested 100000, available: 0"},
	    {HOST("\"CpusetMems\":\"0,100-100000\""), "Requested memory nodes are not available"},
	    {HOST("\"CpusetCpus\":\"x\""), "Invalid value x for cpuset cpus: invalid format: x"},
	    {HOST("\"CpusetCpus\":\"0,\""), "Invalid value 0, for cpuset cpus: invalid format: 0,"},
	    {HOST("\"CpusetCpus\":\"1-0\""), "Invalid value 1-0 for cpuset cpus: invalid format: 1-0"},
	    {HOST("\"Binds\":[\"/a:/b\",\"/c:/b/\"]"), "Duplicate mount point: /b"},
	    {HOST("\"Binds\":[\"/a:/\"]"), "destination can't be '/'"},
	    {HOST("\"Mounts\":[{\"Type\":\"npipe\",\"Target\":\"/a\"}]"), "mount type unknown: \"npipe\""},
	    {HOST("\"Mounts\":[{\"Type\":\"bind\",\"Target\":\"/a\"}]"), "field Source must not be empty"},
	    {HOST("\"Mounts\":[{\"Type\":\"bind\",\"Source\":\"/a\"}]"), "field Target must not be empty"},
	    {HOST("\"Mounts\":[5]"), "Mounts: an object is needed"},
	    {HOST("\"PortBindings\":{\"80/x\":[]}"), "invalid port specification"},
	    {HOST("\"PortBindings\":{\"0/tcp\":[]}"), "invalid port specification"},
	    {HOST("\"PortBindings\":{\"80/tcp\":[{\"HostPort\":\"70000\"}]}"), "invalid port specification: \"70000\""},
	    {HOST("\"PortBindings\":{\"80/tcp\":[{\"HostIp\":\"x\"}]}"), "invalid HostIp \"x\""},
	    {HOST("\"PortBindings\":{\"80-82/tcp\":[{\"HostPort\":\"1-2\"}]}"), "not equally long"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct err err = ERR_INIT;
		struct create c;

		if (make(cases[i].body, NULL, &c, &err) == 0)
			fail_msg("%s was taken", cases[i].body);
		assert_null(c.doc);
		if (!strstr(err.text, cases[i].text))
			fail_msg("%s: %s", cases[i].body, err.text);
	}
}

static void test_warnings(void **state)
{
	struct create c;

	(void)state;
	assert_int_equal(make(HOST("\"KernelMemory\":5,\"SecurityOpt\":[\"label=disable\"]"), NULL, &c, NULL), 0);
	assert_int_equal(mem_strv_len(c.warnings), 2);
	assert_non_null(strstr(c.warnings[0], "KernelMemory"));
	create_free(&c);
}

/* The engine takes what is made of a body with everything in it. */
static void test_engine_takes_it(void **state)
{
	static const char body[] =
	    "{\"Image\":\"b\",\"Cmd\":[\"x\"],\"Hostname\":\"h\",\"Domainname\":\"d\",\"User\":\"1\",\"Tty\":true,"
	    "\"Env\":[\"A=b\"],"
	    "\"OpenStdin\":true,\"StdinOnce\":true,\"WorkingDir\":\"/"
	    "\",\"StopSignal\":\"15\",\"StopTimeout\":-1,\"Labels\":{},"
	    "\"Healthcheck\":{\"Test\":[\"CMD-SHELL\",\"x\"],\"StartInterval\":1000000},\"Volumes\":{\"/"
	    "v\":{}},\"HostConfig\":{"
	    "\"Binds\":[\"/a:/b:ro,rslave\",\"named:/n\"],\"Tmpfs\":{\"/"
	    "t\":\"size=1m\"},\"Mounts\":[{\"Type\":\"bind\",\"Source\":\"/q\","
	    "\"Target\":\"/"
	    "r\",\"ReadOnly\":true,\"BindOptions\":{\"ReadOnlyForceRecursive\":true}},{\"Type\":\"volume\",\"Source\":"
	    "\"o\",\"Target\":\"/"
	    "s\",\"VolumeOptions\":{\"NoCopy\":true,\"Subpath\":\"u\"}}],\"CapAdd\":[\"ALL\"],\"CapDrop\":["
	    "\"NET_RAW\"],\"Privileged\":true,\"SecurityOpt\":[\"seccomp=unconfined\",\"apparmor=unconfined\"],"
	    "\"Ulimits\":[{"
	    "\"Name\":\"nofile\",\"Soft\":1,\"Hard\":2}],\"Devices\":[{\"PathOnHost\":\"/dev/"
	    "null\"}],\"Sysctls\":{\"net.x\":\"1\"},"
	    "\"ShmSize\":1048576,\"Memory\":16777216,\"MemorySwap\":-1,\"MemoryReservation\":8388608,\"CpuShares\":2,"
	    "\"CpuPeriod\":"
	    "1000,\"CpuQuota\":1000,\"CpusetCpus\":\"0\",\"CpusetMems\":\"0\",\"BlkioWeight\":10,\"OomScoreAdj\":5,"
	    "\"PidsLimit\":5,"
	    "\"BlkioWeightDevice\":[{\"Path\":\"/d\",\"Weight\":10}],\"BlkioDeviceWriteIOps\":[{\"Path\":\"/"
	    "d\",\"Rate\":10}],"
	    "\"GroupAdd\":[\"1\"],\"Dns\":[\"1.1.1.1\"],\"ExtraHosts\":[\"a:1.2.3.4\"],\"RestartPolicy\":{\"Name\":"
	    "\"always\"},"
	    "\"LogConfig\":{\"Type\":\"json-file\",\"Config\":{\"max-size\":\"10m\"}},\"ConsoleSize\":[2,3],"
	    "\"CgroupnsMode\":"
	    "\"host\",\"IpcMode\":\"host\",\"PidMode\":\"host\",\"UTSMode\":\"host\",\"UsernsMode\":\"host\","
	    "\"Annotations\":{\"a\":"
	    "\"b\"},\"DeviceCgroupRules\":[\"c 1:3 "
	    "rwm\"],\"PortBindings\":{\"80/tcp\":[{\"HostPort\":\"80\"}]},\"MemorySwappiness\":5,"
	    "\"CpuRealtimePeriod\":5,\"CpuRealtimeRuntime\":5,\"OomKillDisable\":true,\"CgroupParent\":\"/x\"}}";
	struct err err = ERR_INIT;
	struct create c;
	struct spec s;
	yyjson_doc *doc;

	(void)state;
	assert_int_equal(make(body, NULL, &c, &err), 0);
	/* The engine gives these their names before it reads them. */
	yyjson_mut_obj_add_str(c.doc, at(&c, "/mounts/5"), "source", "made-up");
	doc = yyjson_mut_doc_imut_copy(c.doc, NULL);
	if (spec_parse(yyjson_doc_get_root(doc), &s, &err) < 0)
		fail_msg("%s", err.text);
	spec_free(&s);
	yyjson_doc_free(doc);
	create_free(&c);
}

static void test_update(void **state)
{
	static const char body[] = "{\"Memory\":16777216,\"CpuShares\":0,\"RestartPolicy\":{\"Name\":\"always\"}}";
	json_doc_cleanup yyjson_doc *doc = yyjson_read(body, strlen(body), 0);
	mem_cleanup char *spec = NULL, *text = NULL;
	yyjson_mut_val *shown;
	struct create c;

	(void)state;
	assert_int_equal(create_update(yyjson_doc_get_root(doc), &c, &shown, NULL), 0);
	spec = json_text(c.doc, false, NULL);
	text = yyjson_mut_val_write(shown, 0, NULL);
	assert_string_equal(spec, "{\"limit_memory\":16777216,\"restart\":{\"policy\":\"always\"}}");
	assert_string_equal(text,
			    "{\"RestartPolicy\":{\"Name\":\"always\",\"MaximumRetryCount\":0},\"Memory\":16777216}");
	create_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_members),	    cmocka_unit_test(test_mounts),
	    cmocka_unit_test(test_network),	    cmocka_unit_test(test_image),
	    cmocka_unit_test(test_exposed_shown),   cmocka_unit_test(test_health_shown),
	    cmocka_unit_test(test_health_shown),    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_warnings),	    cmocka_unit_test(test_update),
	    cmocka_unit_test(test_engine_takes_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
