/* SPDX-License-Identifier: Apache-2.0
 *
 * curl: libcurl, loaded when it is needed (docs/DEPENDENCIES.md): it brings fifty libraries and 10 MB of memory, which a command that talks to
 * no registry should not pay for. Only transport.c includes this. The numbers are libcurl's stable interface (curl/curl.h, curl/multi.h);
 * they never change, so its headers are not needed to build.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct err;

typedef struct curl_easy CURL;
typedef struct curl_multi CURLM;

struct curl_slist;

struct curl_message {
	int kind; /* CURL_MESSAGE_DONE */
	CURL *easy;
	union {
		void *whatever;
		int result;
	} data;
};
struct curl_waitfd {
	int fd;
	short events, revents;
};
struct curl_address {
	int family, type, protocol;
	unsigned n;
	struct sockaddr sa; /* n bytes of it */
};
struct curl_blob {
	void *data;
	size_t n;
	unsigned flags;
};

enum { CURL_MESSAGE_DONE = 1, CURL_WAIT_IN = 1, CURL_WAIT_OUT = 4, CURL_BLOB_COPY = 1, CURL_GLOBAL_DEFAULT = 3 };
enum {
	CURL_ERROR_TEXT = 256,
	CURL_WRITE_PAUSE = 0x10000001,
	CURL_READ_PAUSE = 0x10000001,
	CURL_READ_ABORT = 0x10000000
};
enum { CURL_PAUSE_NONE = 0, CURL_HTTP_1_1 = 2, CURL_TLS_1_2 = 6 };
enum { CURL_INFO_STATUS = 0x200000 + 2, CURL_INFO_PRIVATE = 0x100000 + 21 };

enum curl_option {
	CURL_NOBODY = 44,
	CURL_UPLOAD = 46,
	CURL_LOW_SPEED_LIMIT = 19,
	CURL_LOW_SPEED_TIME = 20,
	CURL_SSL_VERSION = 32,
	CURL_NETRC = 51,
	CURL_FOLLOW = 52,
	CURL_VERIFY_PEER = 64,
	CURL_VERIFY_HOST = 81,
	CURL_HTTP_VERSION = 84,
	CURL_BUFFER_SIZE = 98,
	CURL_NO_SIGNAL = 99,
	CURL_CONNECT_TIMEOUT_MS = 156,
	CURL_TRANSFER_DECODING = 157,
	CURL_PROTOCOLS = 181, /* a mask: 1 http, 2 https */
	CURL_EXPECT_TIMEOUT_MS = 227,
	CURL_PATH_AS_IS = 234,
	CURL_SUPPRESS_CONNECT = 265,
	CURL_UPLOAD_BUFFER_SIZE = 280,
	CURL_HTTP09 = 285,
	CURL_WRITE_DATA = 10001,
	CURL_URL = 10002,
	CURL_PROXY = 10004,
	CURL_READ_DATA = 10009,
	CURL_ERROR_BUFFER = 10010,
	CURL_USER_AGENT = 10018,
	CURL_HEADERS = 10023,
	CURL_CERT = 10025,
	CURL_HEADER_DATA = 10029,
	CURL_METHOD = 10036,
	CURL_KEY = 10087,
	CURL_PRIVATE = 10103,
	CURL_OPEN_SOCKET_DATA = 10164,
	CURL_NOPROXY = 10177,
	CURL_WRITE_FUNCTION = 20011,
	CURL_READ_FUNCTION = 20012,
	CURL_HEADER_FUNCTION = 20079,
	CURL_OPEN_SOCKET_FUNCTION = 20163,
	CURL_BODY_SIZE = 30115,
	CURL_CA_BLOB = 40309,
};

enum curl_code {
	CURL_OK = 0,
	CURL_NO_PROXY_HOST = 5,
	CURL_NO_HOST = 6,
	CURL_NO_CONNECTION = 7,
	CURL_PARTIAL = 18,
	CURL_TIMED_OUT = 28,
	CURL_TLS_FAILED = 35,
	CURL_EMPTY = 52,
	CURL_SEND_FAILED = 55,
	CURL_RECEIVE_FAILED = 56,
	CURL_CERT_PROBLEM = 58,
	CURL_NOT_TRUSTED = 60,
};

struct curl {
	int (*global_init)(long flags);
	CURL *(*easy_init)(void);
	void (*easy_cleanup)(CURL *easy);
	int (*easy_setopt)(CURL *easy, int option, ...);
	int (*easy_getinfo)(CURL *easy, int info, ...);
	int (*easy_pause)(CURL *easy, int what);
	const char *(*easy_strerror)(int code);
	struct curl_slist *(*slist_append)(struct curl_slist *list, const char *text);
	void (*slist_free_all)(struct curl_slist *list);
	CURLM *(*multi_init)(void);
	int (*multi_cleanup)(CURLM *multi);
	int (*multi_add_handle)(CURLM *multi, CURL *easy);
	int (*multi_remove_handle)(CURLM *multi, CURL *easy);
	int (*multi_perform)(CURLM *multi, int *running);
	int (*multi_poll)(CURLM *multi, struct curl_waitfd *fds, unsigned n, int timeout_ms, int *ready);
	struct curl_message *(*multi_info_read)(CURLM *multi, int *left);
	const char *(*multi_strerror)(int code);
};

/* The one copy of this process; -ENOSYS tells which package is missing. */
int curl_load(const struct curl **ret, struct err *err);
