-- What is used, and what is known to have arrived.

-- +goose Up

-- What people did, of batches that were not weighed yet, whether these are still kept or not: usage.Deed, JSON, compressed (zstd).
CREATE TABLE deeds (
  batch    BIGINT NOT NULL PRIMARY KEY,
  document BYTEA  NOT NULL
);

-- What was done with the access that Grants give: usage.Use.
CREATE TABLE uses (
  grant_uid TEXT   NOT NULL, -- empty: no Grant allowed it
  username  TEXT   NOT NULL,
  action    TEXT   NOT NULL, -- JSON
  names     TEXT   NOT NULL, -- JSON
  unnamed   BIGINT NOT NULL, -- 0 or 1
  requests  BIGINT NOT NULL,
  first_use BIGINT NOT NULL,
  last_use  BIGINT NOT NULL,
  needed    BIGINT,
  PRIMARY KEY (grant_uid, username, action)
);
CREATE INDEX uses_username ON uses (username);
CREATE INDEX uses_last ON uses (last_use);

-- How much people did each day.
CREATE TABLE days (
  day       BIGINT NOT NULL, -- since 1970, in UTC
  username  TEXT   NOT NULL,
  requests  BIGINT NOT NULL,
  forbidden BIGINT NOT NULL,
  PRIMARY KEY (day, username)
);

-- Which roles and bindings there were at a time.
CREATE INDEX versions_begins ON versions (kind, since);
CREATE INDEX versions_ends ON versions (kind, until);

-- What is known of each API server: whether its events arrive. One that left and came back has two.
CREATE TABLE watches (
  address TEXT   NOT NULL,
  listed  BIGINT NOT NULL, -- since when it is known that there is one
  gone    BIGINT, -- when it was found gone; absent while it is there
  since   BIGINT, -- the first sample that is confirmed; absent while none is, like the next three
  until   BIGINT, -- the last one
  started BIGINT, -- when the process began that it is of
  errors  BIGINT, -- how many events that could not deliver
  PRIMARY KEY (address, listed)
);

-- Times of which it is not known that everything arrived.
CREATE TABLE gaps (
  address TEXT   NOT NULL,
  reason  TEXT   NOT NULL,
  since   BIGINT NOT NULL,
  until   BIGINT NOT NULL,
  lost    BIGINT NOT NULL,
  PRIMARY KEY (address, reason, since, until)
);
CREATE INDEX gaps_until ON gaps (until);
