-- Days that are over: each day of each series that has enough is one row of arrays, some 12
-- bytes an observation in place of 120. An observation is in one place only: history,
-- here, or a summary. What has detail stays in history.
CREATE TABLE polity.chunk (
    s       integer            NOT NULL,
    day     integer            NOT NULL, -- days since 1970, UTC
    at      integer[]          NOT NULL, -- beginnings, ms of the day, by at and length
    value   double precision[] NOT NULL,
    length  bigint[]           NOT NULL, -- ms: one for all, or one for each
    covered bigint[],                    -- ms: null if all equal length; null for each that does
    PRIMARY KEY (s, day)
);

CREATE VIEW polity.packed AS
    SELECT c.s, c.day, u.at AS ms, coalesce(u.length, c.length[1]) AS length, u.covered, u.value
    FROM polity.chunk c CROSS JOIN LATERAL unnest(c.at, c.value, c.length, c.covered) AS u (at, value, length, covered);

CREATE OR REPLACE VIEW polity.observation AS
    SELECT tenant, id, attribute, dataset, at, length * interval '1 ms' AS length,
           coalesce(covered, length) * interval '1 ms' AS covered, value, detail
    FROM (SELECT s, at, length, covered, value, detail FROM polity.history
          UNION ALL
          SELECT s, timestamptz '1970-01-01 00:00:00Z' + day * interval '24 h' + ms * interval '1 ms', length, covered, value, NULL FROM polity.packed) AS x
    JOIN polity.series USING (s);
