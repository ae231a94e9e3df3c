package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"polity/city"
	"polity/internal/sqlitefile"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate runs the migrations that the file has not had, each in a transaction of its own.
func migrate(ctx context.Context, c *sql.Conn) error {
	files, err := fs.Glob(migrations, "migrations/*.sql") // sorted
	if err != nil {
		return err
	}
	f, err := sqlitefile.ReadForm(ctx, c)
	switch {
	case err != nil:
		return err
	case f.Application != applicationID && f != (sqlitefile.Form{}):
		return city.Errorf(city.Conflict, "this is an SQLite file, but not the control room's")
	case f.Version > len(files):
		return sqlitefile.Newer(f.Version, len(files))
	}
	for i, name := range files[f.Version:] {
		text, err := migrations.ReadFile(name)
		if err != nil {
			return err
		}
		if err := run(ctx, c, f.Version+i+1, string(text)); err != nil {
			return fmt.Errorf("bring the file to form %d: %w", f.Version+i+1, err)
		}
	}
	return nil
}

func run(ctx context.Context, c *sql.Conn, version int, text string) error {
	for _, q := range []string{"BEGIN IMMEDIATE", text, fmt.Sprintf("PRAGMA user_version = %d", version), fmt.Sprintf("PRAGMA application_id = %d", applicationID), "COMMIT"} {
		if _, err := c.ExecContext(ctx, q); err != nil {
			_, rollback := c.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
			return errors.Join(err, sqlitefile.IgnoreNoTransaction(rollback))
		}
	}
	return nil
}
