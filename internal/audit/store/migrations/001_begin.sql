-- For PostgreSQL and for SQLite, which takes the names of types lightly. All times are microseconds since 1970.

-- +goose Up

-- What was received together: those events of it that were new, as lines of JSON, compressed (zstd).
CREATE TABLE batches (
  id     BIGINT NOT NULL PRIMARY KEY, -- when it was received; no two at once
  server TEXT   NOT NULL,
  events BIGINT NOT NULL,
  size   BIGINT NOT NULL, -- about what it takes in here, in bytes, with its rows of events
  digest BYTEA  NOT NULL, -- audit.Root of the lines before they were compressed
  lines  BYTEA  NOT NULL,
  entry  BIGINT -- of the ledger, which has the digest; absent until it has, and without a ledger
);
CREATE INDEX batches_size ON batches (id, size);
CREATE INDEX batches_unsealed ON batches (id) WHERE entry IS NULL;

-- Where to find an event: which line of which batch.
CREATE TABLE events (
  id           BYTEA  NOT NULL PRIMARY KEY, -- audit.Key
  batch        BIGINT NOT NULL REFERENCES batches (id),
  line         BIGINT NOT NULL,
  at           BIGINT NOT NULL, -- when the request was received
  username     TEXT   NOT NULL,
  impersonated TEXT   NOT NULL
);
CREATE INDEX events_batch ON events (batch);
CREATE INDEX events_username ON events (username, at);
CREATE INDEX events_impersonated ON events (impersonated, at) WHERE impersonated <> '';

-- Who was seen last when, with which credential.
CREATE TABLE sightings (
  username   TEXT   NOT NULL,
  credential TEXT   NOT NULL,
  at         BIGINT NOT NULL,
  noted      BIGINT NOT NULL, -- when that was learnt here
  PRIMARY KEY (username, credential)
);
CREATE INDEX sightings_noted ON sightings (noted);

-- What each API server has told.
CREATE TABLE servers (
  name       TEXT   NOT NULL PRIMARY KEY,
  events     BIGINT NOT NULL,
  duplicates BIGINT NOT NULL,
  first_time BIGINT NOT NULL,
  last_time  BIGINT NOT NULL
);

-- Versions of objects: what was there when.
CREATE TABLE versions (
  kind       TEXT   NOT NULL,
  uid        TEXT   NOT NULL,
  since      BIGINT NOT NULL,
  until      BIGINT, -- absent while it is so
  namespace  TEXT   NOT NULL,
  name       TEXT   NOT NULL,
  alias      TEXT   NOT NULL, -- another name: of a User the username
  generation BIGINT NOT NULL,
  digest     BYTEA  NOT NULL,
  document   BYTEA  NOT NULL, -- JSON, compressed (zstd)
  PRIMARY KEY (kind, uid, since)
);
CREATE INDEX versions_name ON versions (kind, namespace, name, since);
CREATE INDEX versions_alias ON versions (kind, alias, since) WHERE alias <> '';
CREATE INDEX versions_open ON versions (uid) WHERE until IS NULL;
CREATE INDEX versions_until ON versions (until) WHERE until IS NOT NULL;

-- Which Session a certificate belongs to.
CREATE TABLE certificates (
  fingerprint TEXT   NOT NULL PRIMARY KEY,
  session     TEXT   NOT NULL, -- its uid
  not_after   BIGINT NOT NULL,
  document    BYTEA  NOT NULL
);
CREATE INDEX certificates_not_after ON certificates (not_after);

-- Which entry of a ledger says that a certificate was issued: an index of the ledger, which is made anew from it at any time.
CREATE TABLE entries (
  ledger      TEXT   NOT NULL, -- its name: another one may have begun since
  fingerprint TEXT   NOT NULL,
  number      BIGINT NOT NULL,
  not_after   BIGINT NOT NULL,
  PRIMARY KEY (ledger, fingerprint)
);
CREATE INDEX entries_not_after ON entries (not_after);

-- How many entries of a ledger are in that index.
CREATE TABLE ledgers (
  name TEXT   NOT NULL PRIMARY KEY,
  next BIGINT NOT NULL
);

-- Times to remember, by name.
CREATE TABLE marks (
  name TEXT   NOT NULL PRIMARY KEY,
  at   BIGINT NOT NULL
);
