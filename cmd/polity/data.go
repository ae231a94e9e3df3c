package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"polity/city"
	"polity/internal/durable"
	"polity/plane"
	"polity/plane/backend"
	"polity/plane/transfer"
)

const storeHelp = "where the data is: postgres://USER@HOST/NAME, a hub's data folder, or an SQLite file"

func dataCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "data",
		Short: "Move the city's data: entities and history, from any store into any",
		Long: `Writes all that a store holds into one file, puts such a file into another store, and
compares the two: entities with their times and versions, and what was observed.
The file's form is open (docs/formats/city-data.md): lines of JSON, the same bytes
from every kind of store, with counts and a digest at the end.

A password does not belong on a command line, where others can read it: put it into
a password file (PGPASSFILE) or the variable PGPASSWORD.`,
		Example: `  polity data export --store /var/lib/polity/hub city.jsonl
  polity data import --store postgres://polity@db.example/city?sslmode=verify-full city.jsonl
  polity data verify city.jsonl`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(dataExportCommand(), dataImportCommand(), dataVerifyCommand(), dataRetentionCommand())
	return cmd
}

func dataExportCommand() *cobra.Command {
	var where string
	var force bool
	cmd := &cobra.Command{
		Use:   "export --store WHERE FILE",
		Short: "Write all that a store holds into a file",
		Long: `Writes one state of a store into FILE, or to standard output for "-". The store may be
in use meanwhile. FILE is there when it is whole, and not before.`,
		Example: `  polity data export --store /var/lib/polity/hub city.jsonl
  polity data export --store postgres:///city?host=/run/postgresql -`,
		Args: exactlyOne("file to write"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if _, err := os.Stat(args[0]); err == nil && !force && args[0] != "-" {
				return city.Errorf(city.Conflict, "%s is there already and was left as it is; remove it, name another file, or give --force", args[0])
			}
			s, err := openData(cmd, where, true)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.Close()) }()
			var counts transfer.Counts
			tell := dataProgress(cmd, "exported")
			write := func(to io.Writer) (err error) {
				counts, err = transfer.Export(cmd.Context(), s, to, tell)
				return err
			}
			if args[0] == "-" {
				return write(cmd.OutOrStdout())
			}
			if err := writeWhole(args[0], write); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s in %s.\n", said(counts), args[0])
			return nil
		},
	}
	cmd.Flags().StringVar(&where, "store", "", storeHelp)
	cmd.Flags().BoolVar(&force, "force", false, "overwrite a file that is there")
	return cmd
}

func dataImportCommand() *cobra.Command {
	var where string
	var merge bool
	cmd := &cobra.Command{
		Use:   "import --store WHERE FILE",
		Short: "Put an exported file into an empty store, and compare the two",
		Long: `Reads FILE to its end, puts all of it into the store, and compares the two afterwards.
A store that is not there is made: an SQLite file, or the tables in a PostgreSQL
database that is there (createdb) with PostGIS.

A store that holds data already is refused. With --merge entities of the file stand
in place of those that are there, and observations beside those that are there. An
import that was broken off is done again with --merge.`,
		Example: `  polity data import --store postgres:///city?host=/run/postgresql city.jsonl`,
		Args:    exactlyOne("file"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if err := backend.Check(where); err != nil {
				return city.Errorf(city.Invalid, "--store: %w", err)
			}
			counts, err := fromFile(args[0], func(from io.Reader) (transfer.Counts, error) {
				return transfer.Verify(from, dataProgress(cmd, "read"))
			})
			if err != nil {
				return fmt.Errorf("%w; nothing was stored", err)
			}
			s, err := openData(cmd, where, false)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.Close()) }()
			if _, err := fromFile(args[0], func(from io.Reader) (transfer.Counts, error) {
				return transfer.Import(cmd.Context(), s, from, merge, dataProgress(cmd, "stored"))
			}); err != nil {
				return err
			}
			if err := compareStore(cmd, s, args[0], merge); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s stored, and compared with %s.\n", said(counts), args[0])
			return nil
		},
	}
	cmd.Flags().StringVar(&where, "store", "", storeHelp)
	cmd.Flags().BoolVar(&merge, "merge", false, "into a store that holds data already")
	return cmd
}

func dataVerifyCommand() *cobra.Command {
	var where string
	cmd := &cobra.Command{
		Use:   "verify [--store WHERE] FILE",
		Short: "Is an exported file whole, and what a store holds?",
		Long: `Reads FILE to its end and checks its form, counts and digest. With --store it then
compares with what the store holds, and names the first difference.`,
		Example: `  polity data verify city.jsonl
  polity data verify --store /var/lib/polity/hub city.jsonl`,
		Args: exactlyOne("file"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			counts, err := fromFile(args[0], func(from io.Reader) (transfer.Counts, error) {
				return transfer.Verify(from, dataProgress(cmd, "read"))
			})
			if err != nil {
				return err
			}
			if where == "" {
				fmt.Fprintf(cmd.OutOrStdout(), "%s is whole: %s.\n", args[0], said(counts))
				return nil
			}
			s, err := openData(cmd, where, true)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.Close()) }()
			if err := compareStore(cmd, s, args[0], false); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is whole, and the store holds the same: %s.\n", args[0], said(counts))
			return nil
		},
	}
	cmd.Flags().StringVar(&where, "store", "", storeHelp)
	return cmd
}

func openData(cmd *cobra.Command, where string, existing bool) (plane.Store, error) {
	if err := backend.Check(where); err != nil {
		return nil, city.Errorf(city.Invalid, "--store: %w", err)
	}
	if existing {
		return backend.OpenExisting(cmd.Context(), where, backend.Config{})
	}
	return backend.Open(cmd.Context(), where, backend.Config{})
}

func compareStore(cmd *cobra.Command, s plane.Store, file string, merged bool) error {
	_, err := fromFile(file, func(from io.Reader) (transfer.Counts, error) {
		return transfer.Compare(cmd.Context(), s, from, merged, dataProgress(cmd, "compared"))
	})
	return err
}

// fromFile reads a file with its name before every error.
func fromFile(path string, read func(io.Reader) (transfer.Counts, error)) (transfer.Counts, error) {
	f, err := os.Open(path)
	if err != nil {
		return transfer.Counts{}, city.Errorf(city.NotFound, "%w", err)
	}
	defer f.Close()
	counts, err := read(f)
	if err != nil {
		return counts, fmt.Errorf("%s: %w", path, err)
	}
	return counts, nil
}

// writeWhole makes a file appear under its name when all of it is on disk.
func writeWhole(path string, write func(io.Writer) error) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if errors.Is(err, os.ErrNotExist) {
		return city.Errorf(city.Invalid, "%s cannot be written: there is no folder %s", path, filepath.Dir(path))
	}
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = tmp.Close() // it may be closed by now
			err = errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(tmp.Name()))
		}
	}()
	to := bufio.NewWriter(tmp)
	if err := write(to); err != nil {
		return err
	}
	if err := errors.Join(to.Flush(), tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(path))
}

func said(c transfer.Counts) string {
	entities, observations := "entities", "observations"
	if c.Entities == 1 {
		entities = "entity"
	}
	if c.Observations == 1 {
		observations = "observation"
	}
	text := fmt.Sprintf("%d %s, %d %s", c.Entities, entities, c.Observations, observations)
	if c.Summaries > 0 {
		text += fmt.Sprintf(", %d summaries of hours and days", c.Summaries)
	}
	return text
}

// dataProgress tells how far it is once it takes more than two seconds: on a terminal
// in one line, else now and then.
func dataProgress(cmd *cobra.Command, done string) transfer.Progress {
	terminal := term.IsTerminal(int(os.Stderr.Fd()))
	every := 5 * time.Second
	if terminal {
		every = 200 * time.Millisecond
	}
	begun := time.Now()
	last := begun.Add(2*time.Second - every)
	return func(c transfer.Counts) {
		if time.Since(last) < every {
			return
		}
		last = time.Now()
		line := fmt.Sprintf("%s: %s in %v", done, said(c), time.Since(begun).Round(time.Second))
		if terminal {
			fmt.Fprintf(cmd.ErrOrStderr(), "\r\x1b[K%s\r", line)
		} else {
			fmt.Fprintln(cmd.ErrOrStderr(), line)
		}
	}
}
