CREATE SCHEMA polity;

-- Entities. The body is the whole entity as JSON (package record) in UTF-8, byte for
-- byte; what is searched by stands beside it. Names are in the order of their bytes.
CREATE TABLE polity.entity (
    tenant   text   COLLATE "C" NOT NULL,
    id       text   COLLATE "C" NOT NULL,
    types    text[] COLLATE "C" NOT NULL,
    version  bigint      NOT NULL,
    created  timestamptz NOT NULL,
    modified timestamptz NOT NULL,
    location geometry(Geometry, 4326), -- or the box around it where PostGIS would not take it
    body     bytea       NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX entity_types ON polity.entity USING gin (types);
CREATE INDEX entity_location ON polity.entity USING gist (location);

CREATE VIEW polity.entity_json AS
    SELECT tenant, id, types, version, created, modified, location, convert_from(body, 'UTF8')::json AS body
    FROM polity.entity;

-- A series is an attribute of an entity. Four names can be longer than what an index
-- takes, so that their digest is unique: SHA-256 of the names with a NUL between.
CREATE TABLE polity.series (
    s         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest    bytea NOT NULL UNIQUE,
    tenant    text COLLATE "C" NOT NULL,
    id        text COLLATE "C" NOT NULL,
    attribute text COLLATE "C" NOT NULL,
    dataset   text COLLATE "C" NOT NULL
);
CREATE INDEX series_entity ON polity.series (tenant, id);

-- History, a partition per month (history_YYYY_MM); what lies before 2000 and from
-- 2100 on has one each.
CREATE TABLE polity.history (
    at      timestamptz      NOT NULL, -- beginning
    value   double precision NOT NULL,
    length  bigint           NOT NULL, -- ms
    covered bigint,                    -- ms; null where it equals length
    s       integer          NOT NULL,
    detail  bytea,
    PRIMARY KEY (s, at, length)
) PARTITION BY RANGE (at);

CREATE VIEW polity.observation AS
    SELECT tenant, id, attribute, dataset, at, length * interval '1 ms' AS length,
           coalesce(covered, length) * interval '1 ms' AS covered, value, detail
    FROM polity.history JOIN polity.series USING (s);
