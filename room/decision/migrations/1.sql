-- What services want done (docs/formats/decisions.md). Times are Unix milliseconds, UTC.
CREATE TABLE decision (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL,
  service TEXT NOT NULL,
  revision INTEGER NOT NULL,
  state TEXT NOT NULL,
  level TEXT NOT NULL,
  proposal TEXT NOT NULL, -- JSON
  until INTEGER NOT NULL,
  made INTEGER NOT NULL,
  closed INTEGER,
  UNIQUE (service, id)
) STRICT;
CREATE INDEX decision_state ON decision (state, service);
CREATE INDEX decision_closed ON decision (closed) WHERE closed IS NOT NULL;

CREATE TABLE step (
  n INTEGER PRIMARY KEY AUTOINCREMENT, -- of all decisions: the order for the public log
  number INTEGER NOT NULL REFERENCES decision ON DELETE CASCADE,
  at INTEGER NOT NULL,
  state TEXT NOT NULL,
  person TEXT NOT NULL, -- empty: a program
  name TEXT NOT NULL,
  note TEXT NOT NULL,
  salt BLOB NOT NULL
) STRICT;
CREATE INDEX step_number ON step (number);
