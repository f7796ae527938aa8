/* SPDX-License-Identifier: Apache-2.0
 *
 * --format as a table of templates and what they make of a row, and the moments of --since and --until.
 */
#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "face/cli/rows.h"
#include "face/cli/template.h"
#include "face/cli/units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char row_text[] = "{\"Name\":\"Web\",\"N\":3,\"List\":[\"a\",1],\"Map\":{\"k\":\"v\"},\"Actor\":{"
			       "\"Attributes\":{\"com.x\":1,\"name\":\"n\"}}}";

static void test_templates(void **state)
{
	static const struct {
		const char *format, *text;
	} rows[] = {
	    {"{{.Name}}: {{ .N }}", "Web: 3"},
	    {"{{upper .Name}}\\t{{lower .Name}}\\n", "WEB\tweb\n"},
	    {"{{json .Name}} {{json .List}} {{.List}} {{.Map}}", "\"Web\" [\"a\",1] [a 1] map[k:v]"},
	    {"{{len .Name}}{{len .List}}{{\"\\t\"}}{{\"q\\\"\"}}", "32\tq\""},
	    {"{{.Actor.Attributes.name}} { } }}", "n { } }}"},
	    {"json", row_text},
	    {"{{json .}}", row_text},
	    {"", ""},
	};
	json_doc_cleanup yyjson_doc *doc = yyjson_read(row_text, strlen(row_text), 0);

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		buf_cleanup struct buf out = BUF_INIT;

		assert_int_equal(template_add(&out, rows[i].format, yyjson_doc_get_root(doc), NULL), 0);
		assert_string_equal(buf_str(&out), rows[i].text);
	}
}

static void test_refused(void **state)
{
	static const char *const bad[] = {"{{.Nope}}",
					  "{{",
					  "{{.Name",
					  "{{range .List}}",
					  "{{.Name | json}}",
					  "{{Name}}",
					  "{{}}",
					  "{{json}}",
					  "{{\"open}}",
					  "{{if .Name}}x{{end}}",
					  "{{.N.deeper}}",
					  "{{upper}}",
					  "{{printf \"%s\" .N}}"};
	json_doc_cleanup yyjson_doc *doc = yyjson_read(row_text, strlen(row_text), 0);

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		buf_cleanup struct buf out = BUF_INIT;
		struct err err = ERR_INIT;

		assert_int_equal(template_add(&out, bad[i], yyjson_doc_get_root(doc), &err), -EINVAL);
		assert_non_null(strstr(err.text, "--format: "));
	}
}

static void test_rows(void **state)
{
	static const char list[] =
	    "[{\"Id\":\"0123456789abcdef\",\"Names\":[\"/a\"],\"Command\":\"sh -c 'a very long command "
	    "line'\",\"Ports\":["
	    "{\"IP\":\"::\",\"PrivatePort\":80,\"PublicPort\":8080,\"Type\":\"tcp\"},{\"PrivatePort\":53,\"Type\":"
	    "\"udp\"}],"
	    "\"Labels\":{\"a\":\"b\",\"c\":\"\"},\"NetworkSettings\":{\"Networks\":{\"x\":{},\"y\":{}}}}, 3]";
	static const char images[] =
	    "[{\"Id\":\"sha256:0123456789abcdef\",\"RepoTags\":[\"h:5000/a/b:c\",\"d:e\"],\"Size\":1024}]";
	json_doc_cleanup yyjson_doc *doc = yyjson_read(list, strlen(list), 0), *rows = NULL;
	json_doc_cleanup yyjson_doc *image_doc = yyjson_read(images, strlen(images), 0), *image_rows = NULL;
	buf_cleanup struct buf out = BUF_INIT;

	(void)state;
	rows = rows_containers(yyjson_doc_get_root(doc), false);
	assert_int_equal(template_add(&out, "{{.ID}} {{.Names}} {{.Command}} {{.Ports}} {{.Labels}} {{.Networks}}",
				      yyjson_arr_get(yyjson_doc_get_root(rows), 0), NULL),
			 0);
	assert_string_equal(buf_str(&out),
			    "0123456789ab a \"sh -c 'a very long..\" [::]:8080->80/tcp, 53/udp a=b,c= x,y");
	buf_clear(&out);
	image_rows = rows_images(yyjson_doc_get_root(image_doc), false);
	for (size_t i = 0; i < 2; i++)
		template_add(&out, "{{.Repository}} {{.Tag}} {{.ID}} {{.Size}};",
			     yyjson_arr_get(yyjson_doc_get_root(image_rows), i), NULL);
	assert_string_equal(buf_str(&out), "h:5000/a/b c 0123456789ab 1.0 KiB;d e 0123456789ab 1.0 KiB;");
}

static void test_moments(void **state)
{
	static const struct {
		const char *text, *moment;
	} rows[] = {
	    {"1700000000", "1700000000"},
	    {"1700000000.25", "1700000000.25"},
	    {"2023-11-14T22:13:20Z", "1700000000.0"},
	    {"2023-11-14T22:13:20.5Z", "1700000000.5"},
	    {"2023-11-15T00:13:20+02:00", "1700000000.0"},
	    {"2023-11-14T22:13", "1699999980.0"},
	    {"2023-11-14", "1699920000.0"},
	    {"9999999h", "0.000"},
	};
	static const char *const bad[] = {"", "never", "2023-11-14T22:13:20X", "2023-13-14", "1.2.3", "-5"};

	(void)state;
	setenv("TZ", "UTC", 1);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		mem_cleanup char *moment = NULL;

		assert_int_equal(units_moment(rows[i].text, &moment, NULL), 0);
		assert_string_equal(moment, rows[i].moment);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char *moment = NULL;

		assert_int_equal(units_moment(bad[i], &moment, NULL), -EINVAL);
		assert_null(moment);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_templates),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_rows),
	    cmocka_unit_test(test_moments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
