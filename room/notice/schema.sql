-- Channels of desks and of people ("desk/NAME", "push/PERSON", "mail/PERSON").
CREATE TABLE outlet (
    o     INTEGER PRIMARY KEY AUTOINCREMENT, -- no number is used twice
    name  TEXT    NOT NULL UNIQUE,
    ready INTEGER NOT NULL DEFAULT 0 -- 1 once what was open before it is noted as told
) STRICT;

-- For which reasons an open alert was told to a channel, or need not be since it was
-- there before the channel.
CREATE TABLE told (
    alert   TEXT    NOT NULL,
    o       INTEGER NOT NULL,
    reasons INTEGER NOT NULL, -- bits
    PRIMARY KEY (alert, o)
) STRICT, WITHOUT ROWID;
CREATE INDEX told_by ON told (o);

-- When messages were made, of the last minute.
CREATE TABLE made (
    o  INTEGER NOT NULL,
    at INTEGER NOT NULL -- ms since 1970
) STRICT;
CREATE INDEX made_at ON made (at);

-- A person's own settings.
CREATE TABLE person (
    id        TEXT    PRIMARY KEY,
    push      INTEGER NOT NULL DEFAULT 0,
    mail      INTEGER NOT NULL DEFAULT 0,
    address   TEXT    NOT NULL DEFAULT '', -- confirmed
    priority  INTEGER NOT NULL DEFAULT 2,
    until     INTEGER NOT NULL DEFAULT 0   -- end of the shift, ms since 1970; 0: none
) STRICT, WITHOUT ROWID;

-- Codes that were sent to an address, until it is confirmed.
CREATE TABLE code (
    person  TEXT    PRIMARY KEY,
    address TEXT    NOT NULL,
    hash    BLOB    NOT NULL, -- SHA-256 of person, address and code
    ends    INTEGER NOT NULL,
    tries   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Codes that were sent, by whom and whereto, so that nobody's mailbox is flooded.
CREATE TABLE sent_code (
    person  TEXT    NOT NULL,
    address TEXT    NOT NULL, -- in lower case
    at      INTEGER NOT NULL
) STRICT;

-- Browsers of people who switched push on.
CREATE TABLE subscription (
    id       TEXT    PRIMARY KEY,
    person   TEXT    NOT NULL,
    endpoint TEXT    NOT NULL UNIQUE,
    p256dh   TEXT    NOT NULL,
    auth     TEXT    NOT NULL,
    at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX subscription_of ON subscription (person);
