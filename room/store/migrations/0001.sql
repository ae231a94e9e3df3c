-- Times are milliseconds since 1970, UTC. Bodies are JSON as in docs/formats/alerts.md.
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

-- An alert as it is now. seq is its sequence; version that of its entity, so that an
-- older one does not come over a newer one.
CREATE TABLE alert (
  key TEXT PRIMARY KEY, seq INTEGER NOT NULL, version INTEGER NOT NULL,
  desk TEXT NOT NULL, kind TEXT NOT NULL, camera TEXT NOT NULL, incident TEXT NOT NULL,
  ended INTEGER NOT NULL, closed INTEGER NOT NULL, -- 0: it is not
  body TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX alert_seq ON alert (seq);
CREATE INDEX alert_closed ON alert (closed, key);
CREATE INDEX alert_incident ON alert (incident) WHERE incident <> '';

-- Timelines: of alerts, incidents, and of kinds that went quiet.
CREATE TABLE entry (n INTEGER PRIMARY KEY, subject TEXT NOT NULL, body TEXT NOT NULL) STRICT;
CREATE INDEX entry_subject ON entry (subject, n);

-- How far each source was read, in the commit that stored what it said.
CREATE TABLE place (source TEXT PRIMARY KEY, cursor TEXT NOT NULL) STRICT, WITHOUT ROWID;

-- Requests of clients, so that one that is sent again changes nothing.
CREATE TABLE request (name TEXT PRIMARY KEY, digest TEXT NOT NULL, answer TEXT NOT NULL, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX request_at ON request (at);

-- Verdicts by day of closing. What stays when alerts are forgotten.
CREATE TABLE verdict (
  day TEXT NOT NULL, kind TEXT NOT NULL, camera TEXT NOT NULL,
  useful INTEGER NOT NULL, wrong INTEGER NOT NULL, unclear INTEGER NOT NULL, none INTEGER NOT NULL,
  PRIMARY KEY (kind, camera, day)
) STRICT, WITHOUT ROWID;

-- Kinds that were demoted; camera is empty for everywhere.
CREATE TABLE quiet (kind TEXT NOT NULL, camera TEXT NOT NULL, since INTEGER NOT NULL, PRIMARY KEY (kind, camera)) STRICT, WITHOUT ROWID;

CREATE TABLE incident (id TEXT PRIMARY KEY, at INTEGER NOT NULL, open INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
CREATE INDEX incident_at ON incident (at);
CREATE TABLE handover (id TEXT PRIMARY KEY, desk TEXT NOT NULL, at INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
CREATE INDEX handover_desk ON handover (desk, at);
