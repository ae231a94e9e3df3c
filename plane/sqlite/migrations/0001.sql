-- Entities. The body holds attributes and scopes (encode.go says how); what is
-- searched by stands beside it.
CREATE TABLE entity (
    n        INTEGER PRIMARY KEY,
    tenant   TEXT    NOT NULL,
    id       TEXT    NOT NULL,
    version  INTEGER NOT NULL,
    created  INTEGER NOT NULL, -- ms since 1970
    modified INTEGER NOT NULL,
    body     BLOB    NOT NULL,
    UNIQUE (tenant, id)
) STRICT;

CREATE TABLE entity_type (
    tenant TEXT    NOT NULL,
    type   TEXT    NOT NULL,
    id     TEXT    NOT NULL,
    n      INTEGER NOT NULL,
    PRIMARY KEY (tenant, type, id)
) STRICT, WITHOUT ROWID;

-- The box around each location, degrees. The tree keeps 32-bit floats, rounded
-- outwards, so that it finds too much rather than too little.
CREATE VIRTUAL TABLE entity_box USING rtree (n, west, east, south, north);

-- History. A series is an attribute of an entity; its observations stand in one
-- table per month, history_YYYY_MM, which is made when it is first needed.
CREATE TABLE series (
    s         INTEGER PRIMARY KEY,
    tenant    TEXT NOT NULL,
    id        TEXT NOT NULL,
    attribute TEXT NOT NULL,
    dataset   TEXT NOT NULL,
    UNIQUE (tenant, id, attribute, dataset)
) STRICT;

CREATE TABLE part (
    name  TEXT PRIMARY KEY,    -- of the table
    begin INTEGER NOT NULL,    -- ms since 1970, of the month in UTC
    until INTEGER NOT NULL
) STRICT;
