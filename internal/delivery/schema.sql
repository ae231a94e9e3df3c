CREATE TABLE receiver (
    r       INTEGER PRIMARY KEY,
    tenant  TEXT    NOT NULL,
    id      TEXT    NOT NULL,
    sent    INTEGER NOT NULL DEFAULT 0, -- attempts
    failed  INTEGER NOT NULL DEFAULT 0, -- of them
    last    INTEGER NOT NULL DEFAULT 0, -- ms since 1970; 0: never
    success INTEGER NOT NULL DEFAULT 0,
    failure INTEGER NOT NULL DEFAULT 0,
    reason  TEXT    NOT NULL DEFAULT '',
    in_row  INTEGER NOT NULL DEFAULT 0, -- failures since the last success
    dropped INTEGER NOT NULL DEFAULT 0,
    UNIQUE (tenant, id)
) STRICT;

-- AUTOINCREMENT: a note keeps its number when it becomes a dead letter, and no other
-- gets it.
CREATE TABLE waiting (
    n     INTEGER PRIMARY KEY AUTOINCREMENT,
    r     INTEGER NOT NULL,
    at    INTEGER NOT NULL, -- ms since 1970
    tried INTEGER NOT NULL,
    body  BLOB    NOT NULL
) STRICT;
CREATE INDEX waiting_of ON waiting (r, n);

CREATE TABLE dead (
    n      INTEGER PRIMARY KEY,
    r      INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    died   INTEGER NOT NULL,
    tried  INTEGER NOT NULL,
    reason TEXT    NOT NULL,
    body   BLOB    NOT NULL
) STRICT;
CREATE INDEX dead_of ON dead (r, n);
CREATE INDEX dead_by_age ON dead (died);

-- One row: how far the feed of changes was turned into notes.
CREATE TABLE position (one INTEGER PRIMARY KEY CHECK (one = 1), origin TEXT NOT NULL, sequence INTEGER NOT NULL) STRICT;
