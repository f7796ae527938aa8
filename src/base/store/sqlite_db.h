/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlite_db: one SQLite connection with its prepared statements, and SQLite's errors in our words. store_sqlite.c has two: one writes in
 * the commit thread, one reads on the loop.
 */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

struct err;

enum sqlite_stmt {
	SQLITE_STMT_BEGIN,
	SQLITE_STMT_BEGIN_READ,
	SQLITE_STMT_COMMIT,
	SQLITE_STMT_ROLLBACK,
	SQLITE_STMT_EVENT,
	SQLITE_STMT_DOC_SET,
	SQLITE_STMT_DOC_DELETE,
	SQLITE_STMT_DOC_DROP,
	SQLITE_STMT_SNAPSHOT,
	SQLITE_STMT_PRUNE,
	SQLITE_STMT_READ,
	SQLITE_STMT_GET,
	SQLITE_STMT_SCAN,
	SQLITE_STMT_SNAPSHOT_GET,
	SQLITE_STMT_LAST,
	SQLITE_STMT_N
};

struct sqlite_db {
	sqlite3 *db;
	const char *path; /* of the owner */
	sqlite3_stmt *stmts[SQLITE_STMT_N];
};

/* Opens the file; the one that writes makes it and brings it to our format. -EPROTO: made by a newer version; -EBADMSG: damaged, or not ours. */
int sqlite_db_open(struct sqlite_db *d, const char *path, bool writes, struct err *err);
void sqlite_db_close(struct sqlite_db *d);
/* Of one that was opened for reading: as the one that writes is checked. */
int sqlite_db_check(struct sqlite_db *d, struct err *err);

/* The statement, prepared at its first use and ready to bind; NULL with *err. */
sqlite3_stmt *sqlite_db_stmt(struct sqlite_db *d, enum sqlite_stmt which, struct err *err);
/* Runs it to its end, without rows. */
int sqlite_db_run(struct sqlite_db *d, sqlite3_stmt *stmt, struct err *err);
/* 1 = a row, 0 = no more. The caller resets. */
int sqlite_db_row(struct sqlite_db *d, sqlite3_stmt *stmt, struct err *err);
/* What went wrong last on this connection: ENOSPC, EBADMSG, EBUSY, EIO ... as a negative number. */
int sqlite_db_error(struct sqlite_db *d, struct err *err);
