package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"polity/city"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate runs the migrations that the file has not had, each in a transaction of its own.
func migrate(ctx context.Context, c *sql.Conn) error {
	files, err := fs.Glob(migrations, "migrations/*.sql") // sorted
	if err != nil {
		return err
	}
	var version, application, tables int
	if err := errors.Join(
		c.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version),
		c.QueryRowContext(ctx, "PRAGMA application_id").Scan(&application),
		c.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables),
	); err != nil {
		return err
	}
	switch {
	case application != applicationID && (application != 0 || version > 0 || tables > 0):
		return city.Errorf(city.Conflict, "this is an SQLite file, but not the control room's")
	case version > len(files):
		return city.Errorf(city.Conflict, "a newer Polity wrote this file (its form is %d, this program knows %d): update Polity, or restore the backup from before", version, len(files))
	}
	for i, name := range files[version:] {
		text, err := migrations.ReadFile(name)
		if err != nil {
			return err
		}
		if err := run(ctx, c, version+i+1, string(text)); err != nil {
			return fmt.Errorf("bring the file to form %d: %w", version+i+1, err)
		}
	}
	return nil
}

func run(ctx context.Context, c *sql.Conn, version int, text string) error {
	for _, q := range []string{"BEGIN IMMEDIATE", text, fmt.Sprintf("PRAGMA user_version = %d", version), fmt.Sprintf("PRAGMA application_id = %d", applicationID), "COMMIT"} {
		if _, err := c.ExecContext(ctx, q); err != nil {
			_, rollback := c.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
			return errors.Join(err, ignoreNoTransaction(rollback))
		}
	}
	return nil
}
