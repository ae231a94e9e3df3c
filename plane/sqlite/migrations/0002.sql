-- The outbox: each change of an entity, written in the commit that makes it and kept
-- until it is safe elsewhere. Before and after are bodies as in entity, null where there
-- is none; AUTOINCREMENT keeps numbers from being used again after a row is gone.
CREATE TABLE outbox (
    seq             INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant          TEXT    NOT NULL,
    id              TEXT    NOT NULL,
    at              INTEGER NOT NULL, -- ms since 1970
    before_version  INTEGER,
    before_created  INTEGER,
    before_modified INTEGER,
    before          BLOB,
    after_version   INTEGER,
    after_created   INTEGER,
    after_modified  INTEGER,
    after           BLOB
) STRICT;

-- Which store this is: numbers of events are its own.
CREATE TABLE origin (name TEXT NOT NULL) STRICT;
INSERT INTO origin (name) VALUES (lower(hex(randomblob(16))));
