-- The outbox: each change of an entity, written in the commit that makes it and kept
-- until it is safe elsewhere. Before and after are bodies as in entity, null where
-- there is none. Numbers are given under a lock that is held to the commit, so that
-- they rise in the order of commits whichever program writes.
CREATE TABLE polity.outbox (
    seq    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text COLLATE "C" NOT NULL,
    id     text COLLATE "C" NOT NULL,
    at     timestamptz NOT NULL,
    before bytea,
    after  bytea
);

-- Which store this is: numbers of events are its own.
CREATE TABLE polity.origin (name text NOT NULL);
INSERT INTO polity.origin (name) VALUES (replace(gen_random_uuid()::text, '-', ''));

-- What summaries of all entities are asked by.
CREATE INDEX series_attribute ON polity.series (tenant, attribute, dataset);
