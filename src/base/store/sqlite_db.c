/* SPDX-License-Identifier: Apache-2.0 */
#include "base/store/sqlite_db.h"

#include "base/core/err.h"
#include "base/store/store.h"

#include <string.h>
#include <sys/statvfs.h>

#define APPLICATION_ID 0x62727468 /* "brth" */
#define BUSY_MS 5000

static const char *const sql[SQLITE_STMT_N] = {
    [SQLITE_STMT_BEGIN] = "BEGIN IMMEDIATE",
    [SQLITE_STMT_BEGIN_READ] = "BEGIN",
    [SQLITE_STMT_COMMIT] = "COMMIT",
    [SQLITE_STMT_ROLLBACK] = "ROLLBACK",
    [SQLITE_STMT_EVENT] = "INSERT INTO events (seq, time, kind, data) VALUES (?1, ?2, ?3, ?4)",
    [SQLITE_STMT_DOC_SET] = ("INSERT INTO docs (key, value) VALUES (?1, ?2) "
			     "ON CONFLICT (key) DO UPDATE SET value = excluded.value"),
    [SQLITE_STMT_DOC_DROP] = "DELETE FROM docs WHERE key >= ?1 AND key < ?2",
    [SQLITE_STMT_DOC_DELETE] = "DELETE FROM docs WHERE key = ?1",
    [SQLITE_STMT_SNAPSHOT] = ("INSERT INTO snapshot (id, seq, data) VALUES (1, ?1, ?2) "
			      "ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, data = excluded.data"),
    [SQLITE_STMT_PRUNE] = "DELETE FROM events WHERE seq <= ?1",
    [SQLITE_STMT_READ] = "SELECT seq, time, kind, data FROM events WHERE seq >= ?1 ORDER BY seq LIMIT ?2",
    [SQLITE_STMT_GET] = "SELECT value FROM docs WHERE key = ?1",
    [SQLITE_STMT_SCAN] = "SELECT key, value FROM docs WHERE key >= ?1 ORDER BY key LIMIT ?2",
    [SQLITE_STMT_SNAPSHOT_GET] = "SELECT seq, data FROM snapshot WHERE id = 1",
    /* Events below the snapshot may all have been dropped; their numbers must not be given again. */
    [SQLITE_STMT_LAST] = ("SELECT max(ifnull((SELECT max(seq) FROM events), 0), "
			  "ifnull((SELECT max(seq) FROM snapshot), 0))"),
};

/* For every connection. About 0.5 MB of cache each; no mmap: a failing disk must be an error, not a signal. */
static const char pragmas[] = "PRAGMA cache_size = -512; PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY;"
			      "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;";

/* The WAL is taken over into the database every 1,000 pages (4 MB) and its file is cut to that size again. */
static const char write_pragmas[] = "PRAGMA page_size = 4096; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
				    "PRAGMA wal_autocheckpoint = 1000; PRAGMA journal_size_limit = 4194304;";

static const char schema[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE format (version INTEGER NOT NULL, made_by TEXT NOT NULL);"
    "CREATE TABLE events (seq INTEGER PRIMARY KEY, time INTEGER NOT NULL, kind TEXT NOT NULL, data TEXT NOT NULL);"
    "CREATE TABLE docs (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE snapshot (id INTEGER PRIMARY KEY CHECK (id = 1), seq INTEGER NOT NULL, data TEXT NOT NULL);";

/* The errno of the last failed write. sqlite3_system_errno() is no help: the rollback that follows at once overwrites it. */
static int last_errno(const struct sqlite_db *d)
{
	sqlite3_file *wal = NULL;
	int number = 0;

	if (!d->db)
		return 0;
	if (sqlite3_file_control(d->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal) == SQLITE_OK && wal &&
	    wal->pMethods)
		(void)wal->pMethods->xFileControl(wal, SQLITE_FCNTL_LAST_ERRNO, &number);
	if (number == 0)
		(void)sqlite3_file_control(d->db, "main", SQLITE_FCNTL_LAST_ERRNO, &number);
	return number;
}

static bool disk_is_full(const struct sqlite_db *d, int code)
{
	int number = (code & 0xff) == SQLITE_IOERR ? last_errno(d) : 0;
	struct statvfs v;

	if ((code & 0xff) == SQLITE_FULL || number == ENOSPC || number == EDQUOT || number == EFBIG)
		return true;
	/* Where no number is kept (the shared index of the WAL). */
	return (code & 0xff) == SQLITE_IOERR && statvfs(d->path, &v) == 0 && v.f_bavail == 0;
}

static int explain(struct sqlite_db *d, int code, struct err *err)
{
	const char *text = d->db ? sqlite3_errmsg(d->db) : sqlite3_errstr(code);

	if (disk_is_full(d, code))
		return err_set(err, ENOSPC, "the disk that holds %s is full", d->path);
	switch (code & 0xff) {
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return err_set(err, EBADMSG, "the database %s is damaged: %s", d->path, text);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return err_set(err, EBUSY, "the database %s is in use by another process", d->path);
	case SQLITE_PERM:
	case SQLITE_READONLY:
	case SQLITE_AUTH:
		return err_set(err, EACCES, "the database %s may not be written: %s", d->path, text);
	case SQLITE_NOMEM:
		return err_set(err, ENOMEM, "no memory for the database %s", d->path);
	case SQLITE_TOOBIG:
		return err_set(err, E2BIG, "a record is too large for the database %s", d->path);
	default:
		return err_set(err, EIO, "the database %s: %s (%d)", d->path, text, code);
	}
}

int sqlite_db_error(struct sqlite_db *d, struct err *err)
{
	return explain(d, d->db ? sqlite3_extended_errcode(d->db) : SQLITE_NOMEM, err);
}

static int run_text(struct sqlite_db *d, const char *text, struct err *err)
{
	return sqlite3_exec(d->db, text, NULL, NULL, NULL) == SQLITE_OK ? 0 : sqlite_db_error(d, err);
}

static int get_number(struct sqlite_db *d, const char *text, int64_t *ret, struct err *err)
{
	sqlite3_stmt *stmt = NULL;
	int r = sqlite3_prepare_v2(d->db, text, -1, &stmt, NULL);

	if (r == SQLITE_OK)
		r = sqlite3_step(stmt);
	if (r == SQLITE_ROW)
		*ret = sqlite3_column_int64(stmt, 0);
	r = r == SQLITE_ROW ? 0 : sqlite_db_error(d, err);
	sqlite3_finalize(stmt);
	return r;
}

static int create(struct sqlite_db *d, struct err *err)
{
	char numbers[256];
	int r = run_text(d, schema, err);

	sqlite3_snprintf(sizeof numbers, numbers,
			 "INSERT INTO format VALUES (%d, '" BERTH_VERSION "');"
			 "PRAGMA user_version = %d; PRAGMA application_id = %d; COMMIT;",
			 STORE_FORMAT, STORE_FORMAT, APPLICATION_ID);
	return r < 0 ? r : run_text(d, numbers, err);
}

/* Changes nothing. 1 = the file is new and empty. */
static int check_format(struct sqlite_db *d, struct err *err)
{
	int64_t id = 0, version = 0, tables = 0;
	int r = get_number(d, "PRAGMA application_id", &id, err);

	if (r == 0)
		r = get_number(d, "PRAGMA user_version", &version, err);
	if (r == 0)
		r = get_number(d, "SELECT count(*) FROM sqlite_schema", &tables, err);
	if (r < 0)
		return r;
	if (id == 0 && version == 0 && tables == 0)
		return 1;
	if (id != APPLICATION_ID)
		return err_set(err, EBADMSG, "%s is a database of another program", d->path);
	if (version > STORE_FORMAT)
		return err_set(err, EPROTO,
			       "%s has format %lld, this berth (%s) knows formats up to %d: use the newer berth again",
			       d->path, (long long)version, BERTH_VERSION, STORE_FORMAT);
	if (version < 1)
		return err_set(err, EBADMSG, "%s has the impossible format %lld", d->path, (long long)version);
	return 0;
}

/* Before the first connection of the process; a second call is refused by SQLite, which is fine. */
static void configure(void)
{
	(void)sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	(void)sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 128, 64);
	(void)sqlite3_config(SQLITE_CONFIG_SMALL_MALLOC, 1);
	/* No 20 pages ahead for each connection: most never hold more than a few. */
	(void)sqlite3_config(SQLITE_CONFIG_PAGECACHE, NULL, 0, 0);
}

static int prepare_writer(struct sqlite_db *d, struct err *err)
{
	int is_new = check_format(d, err);
	int r = is_new < 0 ? is_new : run_text(d, write_pragmas, err);

	return r == 0 && is_new ? create(d, err) : r;
}

int sqlite_db_open(struct sqlite_db *d, const char *path, bool writes, struct err *err)
{
	int flags = writes ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READWRITE;
	int r;

	configure();
	*d = (struct sqlite_db){.path = path};
	r = sqlite3_open_v2(path, &d->db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE,
			    NULL);
	if (r != SQLITE_OK) {
		r = explain(d, r, err);
	} else {
		sqlite3_busy_timeout(d->db, BUSY_MS);
		(void)sqlite3_db_config(d->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
		r = run_text(d, pragmas, err);
	}
	if (r == 0)
		r = writes ? prepare_writer(d, err) : run_text(d, "PRAGMA query_only = ON", err);
	if (r < 0)
		sqlite_db_close(d);
	return r;
}

void sqlite_db_close(struct sqlite_db *d)
{
	for (int i = 0; i < SQLITE_STMT_N; i++) {
		sqlite3_finalize(d->stmts[i]);
		d->stmts[i] = NULL;
	}
	sqlite3_close(d->db);
	d->db = NULL;
}

int sqlite_db_check(struct sqlite_db *d, struct err *err)
{
	int is_new = check_format(d, err);

	return is_new > 0 ? err_set(err, ENOENT, "%s is empty", d->path) : is_new;
}

sqlite3_stmt *sqlite_db_stmt(struct sqlite_db *d, enum sqlite_stmt which, struct err *err)
{
	sqlite3_stmt **stmt = &d->stmts[which];

	if (!*stmt && sqlite3_prepare_v3(d->db, sql[which], -1, SQLITE_PREPARE_PERSISTENT, stmt, NULL) != SQLITE_OK) {
		sqlite_db_error(d, err);
		return NULL;
	}
	sqlite3_reset(*stmt);
	return *stmt;
}

int sqlite_db_row(struct sqlite_db *d, sqlite3_stmt *stmt, struct err *err)
{
	int r = sqlite3_step(stmt);

	if (r == SQLITE_ROW)
		return 1;
	return r == SQLITE_DONE ? 0 : sqlite_db_error(d, err);
}

int sqlite_db_run(struct sqlite_db *d, sqlite3_stmt *stmt, struct err *err)
{
	int r = sqlite_db_row(d, stmt, err);

	sqlite3_reset(stmt);
	sqlite3_clear_bindings(stmt);
	return r < 0 ? r : 0;
}
