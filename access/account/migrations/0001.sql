-- Accounts, form 1 (docs/formats/accounts.md). Times are milliseconds since 1970 UTC,
-- lists are JSON arrays, hashes are SHA-256.

CREATE TABLE person (
	id TEXT PRIMARY KEY,
	name TEXT NOT NULL,
	body TEXT NOT NULL,
	roles TEXT NOT NULL,
	areas TEXT NOT NULL,
	cameras TEXT NOT NULL,
	origin TEXT NOT NULL CHECK (origin IN ('passkey', 'directory', 'door')),
	issuer TEXT, -- of the directory
	subject TEXT, -- within it
	invited_by TEXT NOT NULL,
	created INTEGER NOT NULL,
	disabled INTEGER, -- since when
	UNIQUE (issuer, subject)
) STRICT;

CREATE TABLE passkey (
	id BLOB PRIMARY KEY, -- credential ID
	person TEXT NOT NULL REFERENCES person (id),
	public_key BLOB NOT NULL, -- COSE
	flags INTEGER NOT NULL, -- of the authenticator's data, at its last use
	transports TEXT NOT NULL,
	counter INTEGER NOT NULL,
	name TEXT NOT NULL,
	created INTEGER NOT NULL,
	used INTEGER NOT NULL, -- the day of its last use
	blocked INTEGER -- since when: a copy of it may exist
) STRICT;
CREATE INDEX passkey_person ON passkey (person);

CREATE TABLE session (
	id TEXT PRIMARY KEY,
	hash BLOB NOT NULL UNIQUE,
	person TEXT NOT NULL REFERENCES person (id),
	device TEXT NOT NULL, -- browser and system in words
	network TEXT NOT NULL, -- /24 or /48
	created INTEGER NOT NULL,
	seen INTEGER NOT NULL,
	purpose TEXT NOT NULL
) STRICT;
CREATE INDEX session_person ON session (person);

CREATE TABLE token (
	id TEXT PRIMARY KEY,
	hash BLOB NOT NULL UNIQUE,
	person TEXT NOT NULL REFERENCES person (id),
	name TEXT NOT NULL,
	scope TEXT NOT NULL,
	created INTEGER NOT NULL,
	expires INTEGER NOT NULL,
	used INTEGER -- the day of its last use
) STRICT;
CREATE INDEX token_person ON token (person);

CREATE TABLE code (
	id TEXT PRIMARY KEY,
	hash BLOB NOT NULL UNIQUE,
	kind TEXT NOT NULL CHECK (kind IN ('first', 'invitation', 'recovery', 'offline')),
	person TEXT REFERENCES person (id), -- whose account it opens again
	name TEXT NOT NULL, -- of the one who is invited
	rights TEXT NOT NULL,
	made_by TEXT NOT NULL,
	created INTEGER NOT NULL,
	expires INTEGER NOT NULL,
	used INTEGER
) STRICT;

CREATE TABLE waiting (
	id TEXT PRIMARY KEY,
	kind TEXT NOT NULL CHECK (kind IN ('invite', 'grant', 'enable', 'recover')),
	person TEXT REFERENCES person (id), -- whom it concerns, of an invitation nobody yet
	name TEXT NOT NULL,
	rights TEXT NOT NULL, -- as they would be
	before TEXT NOT NULL, -- as they were
	proposed_by TEXT NOT NULL REFERENCES person (id),
	created INTEGER NOT NULL,
	expires INTEGER NOT NULL
) STRICT;

CREATE TABLE fact (name TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT;

CREATE TABLE book (n INTEGER PRIMARY KEY, line TEXT NOT NULL) STRICT;
