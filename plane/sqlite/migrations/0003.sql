-- History that was thinned out: summaries of UTC hours and days. An observation is in one
-- place only: its month's table, or its hour, or its day.
CREATE TABLE hourly (
    s       INTEGER NOT NULL,
    at      INTEGER NOT NULL, -- hours since 1970
    count   INTEGER NOT NULL,
    sum     REAL    NOT NULL,
    squares REAL    NOT NULL, -- sum of the squares
    least   REAL    NOT NULL,
    most    REAL    NOT NULL,
    PRIMARY KEY (s, at)
) STRICT, WITHOUT ROWID;

CREATE TABLE daily (
    s       INTEGER NOT NULL,
    at      INTEGER NOT NULL, -- days since 1970
    count   INTEGER NOT NULL,
    sum     REAL    NOT NULL,
    squares REAL    NOT NULL,
    least   REAL    NOT NULL,
    most    REAL    NOT NULL,
    PRIMARY KEY (s, at)
) STRICT, WITHOUT ROWID;

-- Observations that begin before it are passed over: they may be in the summaries.
ALTER TABLE series ADD COLUMN thinned INTEGER NOT NULL DEFAULT 0; -- ms since 1970
