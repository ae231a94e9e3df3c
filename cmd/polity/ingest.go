package main

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"polity/city"
	"polity/internal/strictyaml"
	"polity/plane/ingest/csv"
	"polity/plane/ingest/mapping"
	"polity/plane/ingest/mqtt"
)

func ingestCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ingest",
		Short: "Try mappings of devices' messages, bring files of old values in",
		Long: `Devices' messages become entities and observations by mappings
(docs/formats/ingest.md). These commands try a mapping without a hub, bring CSV files
of old values in, and make passwords for devices.`,
		Example: `  polity ingest check air.yaml --topic air/sensor-7/up --payload message.json
  polity ingest csv air.yaml 2025.csv`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(ingestCheckCommand(), ingestCSVCommand(), ingestMappingsCommand(), ingestSecretCommand())
	return cmd
}

// readMapping reads a mapping's file, or one that comes with the program by its name.
func readMapping(name string) (*mapping.Mapping, error) {
	text, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) && !strings.ContainsAny(name, "./") {
		m, err := mapping.ReadShipped(name)
		if city.KindOf(err) == city.NotFound {
			return nil, city.Errorf(city.Invalid, "there is no file %s, and %w", name, err)
		}
		return m, err
	}
	if err != nil {
		return nil, city.Errorf(city.Invalid, "name a mapping that you may read: %w", err)
	}
	return mapping.Read(name, text)
}

func ingestCheckCommand() *cobra.Command {
	var topic, route, device, file string
	cmd := &cobra.Command{
		Use:   "check MAPPING.yaml",
		Short: "Say what a message would become, or why it would be refused",
		Long: `Reads a mapping and says everything that is wrong with it, with file and line. With
--payload it also says which entity and observations a message would become, or why
it would be refused. Nothing is stored. A mapping that comes with the program goes by
its name.`,
		Example: `  polity ingest check air.yaml
  polity ingest check air.yaml --topic air/sensor-7/up --payload message.json
  echo '{"t": 21.5}' | polity ingest check air.yaml --route air --device sensor-7 --payload -`,
		Args: exactlyOne("mapping"),
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := readMapping(args[0])
			if err != nil {
				return err
			}
			if file == "" {
				fmt.Fprintf(cmd.OutOrStdout(), "%s is in order: the mapping %s with %s.\n", args[0], m.Name, plural(len(m.Attributes), "attribute"))
				return nil
			}
			text, err := readPayload(cmd, file)
			if err != nil {
				return err
			}
			if (topic == "") == (route == "") {
				return usageError{errors.New("say how the message comes: --topic over MQTT, or --route over HTTP")}
			}
			set, err := mapping.NewSet(m)
			if err != nil {
				return err
			}
			_, r, err := set.Apply(mapping.Message{Topic: topic, Route: city.Slug(route), Device: device, Payload: text, Received: time.Now()})
			if err != nil {
				return city.Errorf(city.Invalid, "refused: %w", err)
			}
			sayReading(cmd.OutOrStdout(), m, r)
			return nil
		},
	}
	cmd.Flags().StringVar(&topic, "topic", "", "MQTT topic of the message")
	cmd.Flags().StringVar(&route, "route", "", "route of the message over HTTP")
	cmd.Flags().StringVar(&device, "device", "", "device in the path over HTTP")
	cmd.Flags().StringVar(&file, "payload", "", "file with the message; - for standard input")
	return cmd
}

func readPayload(cmd *cobra.Command, file string) ([]byte, error) {
	if file != "-" {
		return readNamed(file, "a file with one message")
	}
	return io.ReadAll(io.LimitReader(cmd.InOrStdin(), mapping.MaxPayload+1))
}

// sayReading says what would be stored. Values of homes stay with whoever has the file.
func sayReading(out io.Writer, m *mapping.Mapping, r *mapping.Reading) {
	whose := "when it came"
	if r.Own {
		whose = "by the device's clock"
	}
	fmt.Fprintf(out, "device      %s\nobserved    %s, %s\n", r.Device, r.At.Format(time.RFC3339Nano), whose)
	if r.Off != 0 {
		fmt.Fprintf(out, "            the device's clock is off by %s, and its twin says so\n", r.Off.Round(time.Second))
	}
	fmt.Fprintf(out, "entity      %s (%s)\n", r.Entity.ID, strings.Join(r.Entity.Types, ", "))
	if m.Household {
		fmt.Fprintf(out, "            nothing of this message alone: it counts in the sum of the area %s over %s, which is stored if %d homes or more have sent\n", r.Area, m.Sums.Every, m.Sums.AtLeast)
		return
	}
	for _, a := range r.Entity.Attributes {
		fmt.Fprintf(out, "  %-20s %s %s\n", a.Name, a.Value, a.Unit)
	}
	for _, o := range r.Observations() {
		fmt.Fprintf(out, "history     %s %v\n", o.Attribute, o.Value)
	}
}

func ingestCSVCommand() *cobra.Command {
	var store string
	var apply, skip bool
	cmd := &cobra.Command{
		Use:   "csv MAPPING.yaml FILE.csv",
		Short: "Bring a file of old values in, after a look at it",
		Long: `Reads a CSV file by a mapping and says what it has, and what is wrong with which
line. Nothing is stored without --apply, and nothing of a file with wrong lines unless
--skip-bad is given. Storing a file again stores nothing twice. Files of households
become sums of areas, so one file must hold all homes of its areas and days.

--store is a hub's data folder, whose hub does not run meanwhile, an SQLite file, or
postgres://...`,
		Example: `  polity ingest csv air.yaml 2025.csv
  polity ingest csv air.yaml 2025.csv --store /var/lib/polity/hub --apply`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usageError{fmt.Errorf("name a mapping and a CSV file; see '%s --help'", cmd.CommandPath())}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := readMapping(args[0])
			if err != nil {
				return err
			}
			if apply && store == "" {
				return usageError{errors.New("--apply needs --store: where the values go")}
			}
			f, err := os.Open(args[1])
			if err != nil {
				return city.Errorf(city.Invalid, "name a CSV file that you may read: %w", err)
			}
			defer f.Close()
			rep, err := csv.Look(m, f)
			if err != nil {
				return city.Errorf(city.KindOf(err), "%s: %w", args[1], err)
			}
			sayReport(cmd.OutOrStdout(), args[1], m, rep)
			switch {
			case rep.BadLines > 0 && !skip:
				return city.Errorf(city.Invalid, "%s has wrong lines; nothing is stored (--skip-bad stores the others)", args[1])
			case !apply:
				fmt.Fprintln(cmd.OutOrStdout(), "Nothing is stored yet; --store with --apply does it.")
				return nil
			}
			return storeCSV(cmd, m, f, store)
		},
	}
	cmd.Flags().StringVar(&store, "store", "", "the hub's data folder, an SQLite file, or postgres://...")
	cmd.Flags().BoolVar(&apply, "apply", false, "store the values")
	cmd.Flags().BoolVar(&skip, "skip-bad", false, "store the lines that are right although others are wrong")
	return cmd
}

func sayReport(out io.Writer, file string, m *mapping.Mapping, rep csv.Report) {
	for _, b := range rep.Bad {
		fmt.Fprintf(out, "%s:%d: %s\n", file, b.Line, b.Why)
	}
	if n := rep.BadLines - len(rep.Bad); n > 0 {
		fmt.Fprintf(out, "and %s more that are wrong\n", plural(n, "line"))
	}
	fmt.Fprintf(out, "%s: %s, %d of them right, of %s", file, plural(rep.Lines, "line"), rep.Good, plural(rep.Devices, "device"))
	if rep.Good > 0 {
		fmt.Fprintf(out, ", from %s to %s", rep.From.Format(time.RFC3339), rep.To.Format(time.RFC3339))
	}
	fmt.Fprintln(out)
	if m.Household {
		fmt.Fprintf(out, "%s of %d homes or more; %s of fewer, which nobody will see\n", plural(rep.Sums, "sum"), m.Sums.AtLeast, plural(rep.TooFew, "sum"))
	}
	for _, r := range rep.Samples {
		sayReading(out, m, r)
	}
}

func storeCSV(cmd *cobra.Command, m *mapping.Mapping, f *os.File, where string) (err error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	unlock, err := lockHub(where)
	if err != nil {
		return err
	}
	s, err := openData(cmd, where, true)
	if err != nil {
		return errors.Join(err, unlock())
	}
	defer func() { err = errors.Join(err, s.Close(), unlock()) }()
	stored, err := csv.Store(cmd.Context(), m, f, s)
	if err != nil {
		return fmt.Errorf("stored %d observations, then: %w; run it again when that is mended, nothing is stored twice", stored.Observations, err)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "Stored %s in the data of %d entities; %d were there before.\n", plural(stored.Added, "observation"), stored.Entities, stored.Observations-stored.Added-stored.Late)
	if stored.Late > 0 {
		fmt.Fprintf(cmd.OutOrStdout(), "Passed over %s: of that time only summaries are kept ('polity data retention' says how long what is kept).\n", plural(stored.Late, "observation"))
	}
	return nil
}

// lockHub makes sure that no hub uses a data folder meanwhile. What is no hub's folder
// needs no lock.
func lockHub(where string) (unlock func() error, err error) {
	lock, err := os.OpenFile(filepath.Join(where, "lock"), os.O_RDWR, 0)
	if err != nil {
		return func() error { return nil }, nil //nolint:nilerr // not there: no hub was ever here
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(city.Errorf(city.Unavailable, "a hub uses the data folder %s; stop it meanwhile", where), lock.Close())
	}
	return lock.Close, nil
}

func ingestMappingsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "mappings [NAME]",
		Short: "List the mappings that come with the program, or print one",
		Example: `  polity ingest mappings
  polity ingest mappings chirpstack-elsys-ers > /etc/polity/mappings/room.yaml`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				for _, name := range mapping.Shipped() {
					fmt.Fprintln(cmd.OutOrStdout(), name)
				}
				return nil
			}
			text, err := mapping.ShippedText(args[0])
			if err != nil {
				return usageError{fmt.Errorf("%w; %s", err, strings.Join(mapping.Shipped(), ", "))}
			}
			_, err = io.Copy(cmd.OutOrStdout(), bytes.NewReader(text))
			return err
		},
	}
}

func ingestSecretCommand() *cobra.Command {
	var kind string
	cmd := &cobra.Command{
		Use:   "secret",
		Short: "Make a password for a device, or a token for HTTP",
		Long: `Makes a random secret, prints it for the device, and its hash for the configuration of
the hub. The secret itself is kept nowhere.`,
		Example: `  polity ingest secret
  polity ingest secret --kind token`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			secret := rand.Text()
			out := cmd.OutOrStdout()
			switch kind {
			case "password":
				hash, err := mqtt.Hash(secret)
				if err != nil {
					return err
				}
				fmt.Fprintf(out, "for the device:             %s\nfor hub.sensors.mqtt:       password: %q\n", secret, hash)
			case "token":
				sum := sha256.Sum256([]byte(secret))
				fmt.Fprintf(out, "for whoever pushes:         %s\nfor hub.sensors.tokens:     sha256: %s\n", secret, hex.EncodeToString(sum[:]))
			default:
				hint := ""
				if n := strictyaml.Nearest(kind, []string{"password", "token"}); n != "" {
					hint = fmt.Sprintf("; did you mean %q?", n)
				}
				return usageError{fmt.Errorf("--kind %q: it is password or token%s", kind, hint)}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&kind, "kind", "password", "password (MQTT) or token (HTTP)")
	return cmd
}
