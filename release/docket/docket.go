// Package docket is the hub's store of cases for footage: it takes an office's token to
// the public log, gathers the sealed shares for both bodies, takes their answers to
// the log, and hands ciphertext and answers to the office once both approvals are
// public. It never holds a key, a picture, or an order's reference (formats/token.md,
// formats/docket.md).
package docket

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"polity/city"
	"polity/internal/sqlitefile"
	"polity/ledger/checkpoint"
	"polity/ledger/entry"
	"polity/ledger/proof"
	"polity/ledger/roster"
	"polity/recording/root"
	"polity/recording/share"
)

// Log is the public log: a *log.Log, and its files to make proofs of.
type Log interface {
	// Append is durable when it returns; the same entry again gives the same index.
	Append(ctx context.Context, e entry.Entry) (int64, error)
	// Check says whether Append would take an entry.
	Check(e entry.Entry) error
	// Checkpoint is the newest public one; NotFound before there is any.
	Checkpoint() (*checkpoint.Checkpoint, error)
	// Entries calls each with entries on disk from an index on, those that are not public
	// yet included, and returns the index behind the last.
	Entries(ctx context.Context, from int64, each func(index int64, data []byte) error) (next int64, err error)
	proof.Source
}

// Segment is a sealed segment on an edge's disk.
type Segment struct {
	Camera     city.Slug
	Name       string // of its file, as docs/formats/segment.md has it, without its folder
	Sequence   uint64
	Start      time.Time
	Size       int64 // bytes of the file
	HeaderHash [32]byte
}

// Recordings are the recordings of all edges. An edge that does not answer is an error of
// kind Unavailable, a camera that nobody knows NotFound.
type Recordings interface {
	// Segments returns those that start from a time on and before another, in order.
	Segments(ctx context.Context, camera city.Slug, from, to time.Time) ([]Segment, error)
	// Shares gives one body's share records of the same segments, in order.
	Shares(ctx context.Context, camera city.Slug, from, to time.Time, body share.Body) iter.Seq2[[]byte, error]
	// Ciphertext writes a segment's file from an offset on. NotFound: its time was over, or
	// space was needed.
	Ciphertext(ctx context.Context, camera city.Slug, name string, offset int64, w io.Writer) error
	// Hashes are the segment hashes of an hour that is over, in order, as its edge has them:
	// all as long as one of its segments is there. None: it has none, or the hour is not over.
	Hashes(ctx context.Context, camera city.Slug, hour time.Time) ([]root.Hash, error)
}

// Config is what Open needs.
type Config struct {
	Path   string // folder; it is made if it is missing
	Log    Log
	Roster func() *roster.Signed // the newest
	// Rosters are the files of all rosters that devices may still have, in order of
	// version; nil: the newest alone.
	Rosters    func() [][]byte
	Recordings Recordings
	Now        func() time.Time // nil: time.Now
	Logger     *slog.Logger     // nil: nothing is logged
}

// Docket is the hub's store of cases, open in one process. Its methods may be called by
// any goroutine.
type Docket struct {
	cfg Config
	db  *sql.DB

	writing sync.Mutex         // one change, or one look that may change, at a time
	making  chan struct{}      // few request files are made at once
	fault   func(string) error // of tests: an error at a named step
	told    string             // the last complaint that was logged
}

//go:embed migrations/*.sql
var migrations embed.FS

// applicationID marks the file as Polity's docket (PRAGMA application_id).
const applicationID = 0x506c7944 // "PlyD"

const together = 2 // request files that are made at once

// Open opens the store and takes to the log what a crash kept from it.
func Open(ctx context.Context, cfg Config) (*Docket, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	d := &Docket{cfg: cfg, making: make(chan struct{}, together)}
	if err := d.open(ctx); err != nil {
		return nil, fmt.Errorf("open the cases in %s: %w", cfg.Path, kind(errors.Join(err, d.Close())))
	}
	return d, nil
}

func (d *Docket) open(ctx context.Context) error {
	for _, dir := range []string{answersDir, partsDir, heldDir} {
		if err := os.MkdirAll(filepath.Join(d.cfg.Path, dir), 0o700); err != nil {
			return city.Errorf(city.Unavailable, "%w", err)
		}
	}
	file := filepath.Join(d.cfg.Path, "cases.db")
	if err := sqlitefile.Private(file); err != nil {
		return city.Errorf(city.Unavailable, "%w", err)
	}
	var err error
	d.db, err = sql.Open("sqlite", sqlitefile.Address(file, "rw", "journal_mode(WAL)", "synchronous(FULL)", "busy_timeout(10000)", "foreign_keys(ON)", "trusted_schema(OFF)"))
	if err != nil {
		return err
	}
	d.db.SetMaxOpenConns(4)
	c, err := d.db.Conn(ctx)
	if err != nil {
		return err
	}
	err = sqlitefile.Migrate(ctx, c, migrations, applicationID, "this is an SQLite file, but not one of Polity's cases")
	if err := errors.Join(err, c.Close()); err != nil {
		return err
	}
	if err := d.sweep(ctx); err != nil {
		return err
	}
	d.writing.Lock()
	defer d.writing.Unlock()
	return d.resume(ctx)
}

// Close lets the store go.
func (d *Docket) Close() error {
	if d.db == nil {
		return nil
	}
	return d.db.Close()
}

// at is a step of a change at which tests let the program crash.
func (d *Docket) at(step string) error {
	if d.fault == nil {
		return nil
	}
	return d.fault(step)
}

func kind(err error) error {
	return sqlitefile.Kind(err, sqlitefile.Words{
		Full: "the disk is full, so that cases cannot be written: make room", Busy: "another program holds the file of cases",
		Failing: "the file of cases cannot be used: check the disk, and who owns the file",
		Damaged: "the file of cases is damaged or no database: restore it from a backup; what is public stands in the log",
	})
}

// change runs f in a transaction. The lock is held.
func (d *Docket) change(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := d.db.BeginTx(ctx, nil)
	if err != nil {
		return kind(err)
	}
	if err := f(tx); err != nil {
		return kind(errors.Join(err, tx.Rollback()))
	}
	return kind(tx.Commit())
}
