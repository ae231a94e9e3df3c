-- Cases for footage, form 1 (docs/formats/docket.md). Times are milliseconds since 1970 UTC,
-- ids and sums are 32 bytes, an index is that of the public log.

CREATE TABLE ask (
	id BLOB PRIMARY KEY, -- of the token
	account TEXT NOT NULL,
	received INTEGER NOT NULL,
	submission BLOB NOT NULL,
	entry BLOB NOT NULL,
	logged INTEGER -- index of its entry; NULL: it has to be appended
) STRICT;

CREATE TABLE answer (
	ask BLOB NOT NULL REFERENCES ask (id),
	body TEXT NOT NULL,
	sum BLOB NOT NULL, -- of its file
	entry BLOB NOT NULL,
	received INTEGER NOT NULL,
	logged INTEGER,
	PRIMARY KEY (ask, body)
) STRICT;

-- The last request file of each body, and the headers of all segments that were in one.
CREATE TABLE request (
	ask BLOB NOT NULL REFERENCES ask (id),
	body TEXT NOT NULL,
	sum BLOB NOT NULL,
	made INTEGER NOT NULL,
	PRIMARY KEY (ask, body)
) STRICT;
CREATE TABLE offered (
	ask BLOB NOT NULL,
	body TEXT NOT NULL,
	header BLOB NOT NULL,
	PRIMARY KEY (ask, body, header)
) STRICT, WITHOUT ROWID;

-- Checkpoints that a body's devices may have seen last.
CREATE TABLE shown (
	body TEXT NOT NULL,
	size INTEGER NOT NULL,
	root BLOB NOT NULL,
	made INTEGER NOT NULL, -- when a file had it last
	PRIMARY KEY (body, size)
) STRICT;

-- What the public log says of releases, and of the hours that were recorded.
CREATE TABLE said (
	logged INTEGER PRIMARY KEY,
	token BLOB NOT NULL, -- or hold
	entry BLOB NOT NULL
) STRICT;
CREATE INDEX said_token ON said (token);
CREATE TABLE hour (
	logged INTEGER PRIMARY KEY,
	camera TEXT NOT NULL,
	start INTEGER NOT NULL,
	count INTEGER NOT NULL
) STRICT;
CREATE TABLE reading (
	one INTEGER PRIMARY KEY CHECK (one = 1),
	next INTEGER NOT NULL -- the first entry of the log that was not read yet
) STRICT;
INSERT INTO reading VALUES (1, 0);

-- The first checkpoint that was seen after a day's end, from which the shares of its
-- audit are picked.
CREATE TABLE dusk (
	day TEXT PRIMARY KEY,
	size INTEGER NOT NULL,
	root BLOB NOT NULL
) STRICT;

-- What bodies hold beyond its retention: segments that a request to hold had, the holds, the
-- shares that were resealed to them, and whether the ciphertext is here.
CREATE TABLE segment (
	header BLOB PRIMARY KEY, -- its hash
	front BLOB NOT NULL, -- the header
	camera TEXT NOT NULL,
	start INTEGER NOT NULL,
	sequence INTEGER NOT NULL,
	size INTEGER -- of its file here; NULL: it is not here yet; 0: it was gone before it could be fetched
) STRICT;
CREATE INDEX segment_start ON segment (camera, start);
CREATE TABLE hold (
	id BLOB PRIMARY KEY,
	body TEXT NOT NULL,
	until TEXT NOT NULL, -- a day
	entry BLOB NOT NULL,
	logged INTEGER
) STRICT;
CREATE TABLE held (
	hold BLOB NOT NULL REFERENCES hold (id) ON DELETE CASCADE,
	header BLOB NOT NULL REFERENCES segment (header),
	sealed BLOB NOT NULL,
	PRIMARY KEY (hold, header)
) STRICT, WITHOUT ROWID;
CREATE INDEX held_header ON held (header);
