-- History that was thinned out: summaries of UTC hours and days. An observation is in one
-- place only: history, or its hour, or its day.
CREATE TABLE polity.hourly (
    s       integer          NOT NULL,
    at      integer          NOT NULL, -- hours since 1970
    count   bigint           NOT NULL,
    sum     double precision NOT NULL,
    squares double precision NOT NULL, -- sum of the squares
    least   double precision NOT NULL,
    most    double precision NOT NULL,
    PRIMARY KEY (s, at)
);
CREATE TABLE polity.daily (LIKE polity.hourly INCLUDING ALL); -- at: days since 1970

-- Observations that begin before it are passed over: they may be in the summaries.
ALTER TABLE polity.series ADD COLUMN thinned timestamptz NOT NULL DEFAULT '1970-01-01 00:00:00Z';
