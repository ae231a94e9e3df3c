-- Counts of cameras as they came, until their hour is archived. Times are Unix
-- milliseconds, UTC.
CREATE TABLE minute (
  id TEXT NOT NULL,        -- of the entity
  start INTEGER NOT NULL,
  attribute TEXT NOT NULL,
  dataset TEXT NOT NULL,
  length INTEGER NOT NULL, -- ms
  covered INTEGER NOT NULL,
  value REAL NOT NULL,
  detail BLOB,
  leaving INTEGER NOT NULL DEFAULT 0, -- 1: of the piece that is being archived
  PRIMARY KEY (id, start, attribute, dataset, length)
) STRICT, WITHOUT ROWID;

-- The hours of which there is anything.
CREATE TABLE hour (
  id TEXT NOT NULL,
  start INTEGER NOT NULL,
  first INTEGER NOT NULL, -- when the first of it came
  PRIMARY KEY (id, start)
) STRICT, WITHOUT ROWID;
