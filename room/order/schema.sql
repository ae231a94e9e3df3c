-- Work orders (docs/formats/orders.md). Times are Unix seconds, UTC.
CREATE TABLE work_order (
  number INTEGER PRIMARY KEY AUTOINCREMENT, -- as people say it, never used again
  id TEXT NOT NULL UNIQUE,
  revision INTEGER NOT NULL,
  desk TEXT NOT NULL,
  state TEXT NOT NULL,
  kind TEXT NOT NULL,
  task TEXT NOT NULL,
  asset TEXT NOT NULL,
  lon REAL,
  lat REAL,
  place TEXT NOT NULL, -- in words
  priority TEXT NOT NULL,
  due INTEGER,
  person TEXT NOT NULL,
  crew TEXT NOT NULL,
  assigned TEXT NOT NULL, -- name
  source_from TEXT NOT NULL,
  source_key TEXT NOT NULL,
  source_service TEXT NOT NULL,
  source_reason TEXT NOT NULL,
  source_level TEXT NOT NULL,
  made INTEGER NOT NULL,
  changed INTEGER NOT NULL,
  given INTEGER,
  closed INTEGER
) STRICT;
CREATE INDEX work_order_state ON work_order (state, desk);
CREATE INDEX work_order_closed ON work_order (closed) WHERE closed IS NOT NULL;
CREATE INDEX work_order_source ON work_order (source_from, source_key) WHERE source_from <> '';
CREATE UNIQUE INDEX work_order_decision ON work_order (source_key) WHERE source_from = 'decision';

CREATE TABLE entry (
  number INTEGER NOT NULL REFERENCES work_order ON DELETE CASCADE,
  n INTEGER NOT NULL,
  at INTEGER NOT NULL,
  told INTEGER,
  who TEXT NOT NULL,
  name TEXT NOT NULL,
  what TEXT NOT NULL,
  state TEXT NOT NULL,
  reason TEXT NOT NULL,
  text TEXT NOT NULL,
  PRIMARY KEY (number, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE photo (
  id TEXT PRIMARY KEY,
  number INTEGER NOT NULL REFERENCES work_order ON DELETE CASCADE,
  stage TEXT NOT NULL,
  at INTEGER NOT NULL,
  width INTEGER NOT NULL,
  height INTEGER NOT NULL,
  jpeg BLOB NOT NULL -- masked and encoded by the hub
) STRICT;
CREATE INDEX photo_number ON photo (number);

-- What was asked for, so that a repeated request is done once.
CREATE TABLE request (
  who TEXT NOT NULL,
  key TEXT NOT NULL,
  digest BLOB NOT NULL,
  number INTEGER NOT NULL REFERENCES work_order ON DELETE CASCADE,
  at INTEGER NOT NULL,
  PRIMARY KEY (who, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX request_at ON request (at);
CREATE INDEX request_number ON request (number);
