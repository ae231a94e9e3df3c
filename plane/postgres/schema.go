package postgres

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"

	"polity/city"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Locks that programs take among one another (pg_advisory_xact_lock).
const (
	schemaLock    = 0x506c7931_0001 // "Ply1"
	partitionLock = 0x506c7931_0002
	feedLock      = 0x506c7931_0003
)

// settings refuses a database that could lose what it acknowledged, or cannot hold
// our texts.
func settings(ctx context.Context, c *pgx.Conn) error {
	var version int
	var encoding, fsync, synchronous string
	if err := c.QueryRow(ctx, `SELECT current_setting('server_version_num')::int, current_setting('server_encoding'),
		current_setting('fsync'), current_setting('synchronous_commit')`).Scan(&version, &encoding, &fsync, &synchronous); err != nil {
		return err
	}
	switch {
	case version < 150000:
		return city.Errorf(city.Conflict, "this is PostgreSQL %d; Polity needs 15 or later", version/10000)
	case encoding != "UTF8":
		return city.Errorf(city.Conflict, "the database's encoding is %s; make one with 'createdb --encoding UTF8 --template template0'", encoding)
	case fsync != "on":
		return city.Errorf(city.Conflict, "the database runs with fsync = %s and would lose what it acknowledged when its machine fails; set fsync = on", fsync)
	}
	if synchronous == "off" {
		_, err := c.Exec(ctx, "SET synchronous_commit = on")
		return err
	}
	return nil
}

// migrate runs the migrations that the database has not had, all in one transaction,
// after checking that those it had are the ones we know. Programs that start at the
// same time wait for one another.
func migrate(ctx context.Context, c *pgx.Conn) error {
	files, err := fs.Glob(migrations, "migrations/*.sql") // sorted
	if err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(schemaLock)); err != nil {
			return err
		}
		had, err := migrationsHad(ctx, tx)
		if err != nil {
			return err
		}
		if len(had) > len(files) {
			return city.Errorf(city.Conflict, "a newer Polity wrote this database (its form is %d, this program knows %d): update Polity, or restore the backup from before", len(had), len(files))
		}
		for i, name := range files {
			text, err := migrations.ReadFile(name)
			if err != nil {
				return err
			}
			sum := sha256.Sum256(text)
			digest := hex.EncodeToString(sum[:])
			if i < len(had) {
				if had[i] != digest {
					return city.Errorf(city.Conflict, "the database was brought to form %d by another program than this one (%.12s, here %.12s)", i+1, had[i], digest)
				}
				continue
			}
			if err := runMigration(ctx, tx, i+1, string(text), digest); err != nil {
				return fmt.Errorf("bring the database to form %d: %w", i+1, err)
			}
		}
		return nil
	})
}

// migrationsHad returns the digests of the migrations that the database has had, in
// their order.
func migrationsHad(ctx context.Context, tx pgx.Tx) ([]string, error) {
	var schema, table bool
	if err := tx.QueryRow(ctx, "SELECT to_regnamespace('polity') IS NOT NULL, to_regclass('polity.migration') IS NOT NULL").Scan(&schema, &table); err != nil {
		return nil, err
	}
	if schema && !table {
		return nil, city.Errorf(city.Conflict, "the database has a schema polity that is not Polity's; give Polity a database of its own")
	}
	if !table {
		return nil, postgis(ctx, tx)
	}
	rows, err := tx.Query(ctx, "SELECT digest FROM polity.migration ORDER BY version")
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// postgis makes sure that the extension is there.
func postgis(ctx context.Context, tx pgx.Tx) error {
	var there bool
	if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'postgis')").Scan(&there); err != nil || there {
		return err
	}
	_, err := tx.Exec(ctx, "CREATE EXTENSION postgis")
	switch code(err) {
	case noPrivilege:
		return city.Errorf(city.Forbidden, "the database lacks PostGIS; have its administrator run CREATE EXTENSION postgis in it: %w", err)
	case planChanged, extensionNotThere: // feature_not_supported, undefined_file
		return city.Errorf(city.Conflict, "the database's machine lacks PostGIS; install it there (Debian: postgresql-15-postgis-3): %w", err)
	}
	return err
}

func runMigration(ctx context.Context, tx pgx.Tx, version int, text, digest string) error {
	// Several statements in one text go without parameters only.
	_, err := tx.Exec(ctx, text, pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		return err
	}
	const note = "CREATE TABLE IF NOT EXISTS polity.migration (version integer PRIMARY KEY, digest text NOT NULL, ran timestamptz NOT NULL DEFAULT now())"
	_, create := tx.Exec(ctx, note)
	_, insert := tx.Exec(ctx, "INSERT INTO polity.migration (version, digest) VALUES ($1, $2)", version, digest)
	return errors.Join(create, insert)
}
