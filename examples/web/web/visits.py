#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Counts visits in the database, and keeps the last count in the cache.
import psycopg2
import redis

password = open("/run/secrets/db_password").read().strip()
with psycopg2.connect(host="db", user="web", password=password, dbname="web") as db, db.cursor() as cursor:
    cursor.execute("INSERT INTO visits DEFAULT VALUES RETURNING id")
    number = cursor.fetchone()[0]
cache = redis.Redis(host="cache")
before = cache.getset("last", number)
print("Content-Type: text/plain\n")
print(f"visit {number}, the one before was {before.decode() if before else 'none'}")
