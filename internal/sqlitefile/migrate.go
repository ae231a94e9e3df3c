package sqlitefile

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"

	"polity/city"
)

// Migrate runs the migrations (migrations/*.sql, by name) that a file has not had, each in a
// transaction, after checking that those it had are the ones we know. A file of another
// application, or one that a newer program wrote, is refused: Conflict. notOurs says what it
// is not: "this is an SQLite file, but not one of Polity's".
func Migrate(ctx context.Context, c *sql.Conn, migrations fs.FS, application int, notOurs string) error {
	files, err := fs.Glob(migrations, "migrations/*.sql") // sorted
	if err != nil {
		return err
	}
	f, err := ReadForm(ctx, c)
	switch {
	case err != nil:
		return err
	case f.Version > 0 && f.Application != application, f.Version == 0 && (f.Application != 0 || f.Tables > 0):
		return city.Errorf(city.Conflict, "%s", notOurs)
	case f.Version > len(files):
		return Newer(f.Version, len(files))
	}
	for i, name := range files {
		text, err := fs.ReadFile(migrations, name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(text)
		digest := hex.EncodeToString(sum[:])
		if i < f.Version {
			err = had(ctx, c, i+1, digest)
		} else if err = run(ctx, c, i+1, application, string(text), digest); err != nil {
			err = fmt.Errorf("bring the file to form %d: %w", i+1, err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Newer is the error for a file that a newer program wrote.
func Newer(version, known int) error {
	return city.Errorf(city.Conflict, "a newer Polity wrote this file (its form is %d, this program knows %d): update Polity, or restore the backup from before", version, known)
}

func had(ctx context.Context, c *sql.Conn, version int, digest string) error {
	var had string
	err := c.QueryRowContext(ctx, "SELECT digest FROM migration WHERE version = ?", version).Scan(&had)
	if err == nil && had != digest {
		err = city.Errorf(city.Conflict, "the file was brought to form %d by another program than this one (%.12s, here %.12s)", version, had, digest)
	}
	return err
}

func run(ctx context.Context, c *sql.Conn, version, application int, text, digest string) (err error) {
	if _, err := c.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_, rollback := c.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
			err = errors.Join(err, rollback)
		}
	}()
	const note = "CREATE TABLE IF NOT EXISTS migration (version INTEGER PRIMARY KEY, digest TEXT NOT NULL) STRICT"
	for _, q := range []string{text, note, fmt.Sprintf("PRAGMA user_version = %d", version), fmt.Sprintf("PRAGMA application_id = %d", application)} {
		if _, err := c.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	if _, err := c.ExecContext(ctx, "INSERT INTO migration (version, digest) VALUES (?, ?)", version, digest); err != nil {
		return err
	}
	_, err = c.ExecContext(ctx, "COMMIT")
	return err
}
