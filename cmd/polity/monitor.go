package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"polity/city"
	"polity/ledger/monitor"
	"polity/ledger/roster"
	"polity/ledger/witness"
)

type monitorFlags struct {
	address, roster, state, listen, form, level                 string
	peers, webhooks, mailTo                                     []string
	webhookSecret, mailServer, mailFrom, mailUser, mailPassword string
	every                                                       time.Duration
	once                                                        bool
}

func monitorCommand() *cobra.Command {
	var f monitorFlags
	cmd := &cobra.Command{
		Use:   "monitor",
		Short: "Read a city's public log as it grows, check it, and be told what is wrong",
		Long: `A monitor reads every entry of a public log and checks all of it: signatures, the quorum of
witnesses, that nothing was changed or removed, and what the city owes to do, such as
details of an opening that are not public on their day. It tells by webhook or mail, and
shows a page. It asks other monitors and witnesses what they saw: if the log showed them
another history, it keeps proof that anyone can check with 'polity monitor check'.

Anyone can run one. It needs the first roster that you got by hand, compared in words;
later ones it reads from the log.`,
		Example: `  polity monitor --log https://helsinki.example/log --roster helsinki.roster --state monitor
  polity monitor --log https://helsinki.example/log --roster helsinki.roster --state monitor \
      --peer https://watch.ngo.example --webhook https://alerts.ngo.example/polity \
      --mail-to watch@ngo.example --mail-from polity@ngo.example --mail-server mail.ngo.example:587
  polity monitor --log https://helsinki.example/log --roster helsinki.roster --state monitor --once`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runMonitor(cmd, f) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.address, "log", "", "address of the log, under which /checkpoint stands")
	fl.StringVar(&f.roster, "roster", "", "the first roster, which you got by hand")
	fl.StringVar(&f.state, "state", "", "folder for what the monitor has read")
	fl.StringArrayVar(&f.peers, "peer", nil, "address of another monitor, or of a witness (may be given again)")
	fl.StringVar(&f.listen, "listen", "127.0.0.1:8096", `address for other monitors and for the page; "" for neither`)
	fl.DurationVar(&f.every, "every", 30*time.Second, "time between looks at the log")
	fl.BoolVar(&f.once, "once", false, "look once, print what is wrong, and fail if anything is")
	fl.StringArrayVar(&f.webhooks, "webhook", nil, "address that alerts are posted to (may be given again)")
	fl.StringVar(&f.webhookSecret, "webhook-secret", "", "file with the secret that posts are signed with")
	fl.StringArrayVar(&f.mailTo, "mail-to", nil, "address that alerts are mailed to (may be given again)")
	fl.StringVar(&f.mailFrom, "mail-from", "", "address that they come from")
	fl.StringVar(&f.mailServer, "mail-server", "", "mail server, host:port")
	fl.StringVar(&f.mailUser, "mail-user", "", "user of the mail server, if it asks for one")
	fl.StringVar(&f.mailPassword, "mail-password", "", "file with that user's password")
	fl.StringVar(&f.form, "log-form", "text", "form of the program's own log: text or json")
	fl.StringVar(&f.level, "log-level", "info", "least level of that log: debug, info, warn or error")
	cmd.AddCommand(monitorCheckCommand())
	return cmd
}

func runMonitor(cmd *cobra.Command, f monitorFlags) error {
	if f.address == "" || f.roster == "" || f.state == "" {
		return usageError{fmt.Errorf("--log, --roster and --state are needed; see '%s --help'", cmd.CommandPath())}
	}
	if f.every < time.Second {
		return usageError{fmt.Errorf("--every %s: at least 1s", f.every)}
	}
	log, err := newLogger(cmd, f.form, f.level)
	if err != nil {
		return err
	}
	first, err := readRoster(f.roster)
	if err != nil {
		return err
	}
	sinks, err := f.sinks()
	if err != nil {
		return err
	}
	d := monitor.Deps{Folder: f.state, Address: f.address, Peers: f.peers, Sinks: sinks, Now: time.Now, Log: log}
	if f.once {
		return monitorOnce(cmd, first, d)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "reads %s by roster %d, in words:\n  %s\n", first.Log.Origin, first.Version, first.Words())
	return monitor.Run(cmd.Context(), monitor.Config{Roster: first, Deps: d, Every: f.every, Listen: f.listen, Ready: func(address string) {
		fmt.Fprintf(cmd.OutOrStdout(), "its page is at http://%s\n", address)
	}})
}

// monitorOnce looks once and prints what it finds.
func monitorOnce(cmd *cobra.Command, first *roster.Signed, d monitor.Deps) error {
	alerts, size, err := monitor.Once(cmd.Context(), first, d)
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	wrong := 0
	for _, a := range alerts {
		if a.Ended.IsZero() {
			fmt.Fprintf(out, "%s: %s: %s\n", a.Severity, a.Kind, a.Text)
			wrong++
		}
	}
	if wrong > 0 {
		return city.Errorf(city.Conflict, "%d things are wrong with the log", wrong)
	}
	fmt.Fprintf(out, "all %d entries were read and checked; nothing is wrong\n", size)
	return nil
}

func readRoster(file string) (*roster.Signed, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, usageError{err}
	}
	r, err := roster.First(text)
	if err != nil {
		return nil, city.Errorf(city.Invalid, "%s: %w", file, err)
	}
	return r, nil
}

func (f monitorFlags) sinks() (sinks []monitor.Sink, err error) {
	secret, err := secretOf(f.webhookSecret)
	if err != nil {
		return nil, err
	}
	for _, address := range f.webhooks {
		w, err := monitor.NewWebhook(address, secret)
		if err != nil {
			return nil, err
		}
		sinks = append(sinks, w)
	}
	password, err := secretOf(f.mailPassword)
	if err != nil {
		return nil, err
	}
	for _, to := range f.mailTo {
		m := &monitor.Mail{Server: f.mailServer, From: f.mailFrom, To: to, User: f.mailUser, Password: password}
		if err := m.Check(); err != nil {
			return nil, err
		}
		sinks = append(sinks, m)
	}
	return sinks, nil
}

// secretOf reads a file with a secret; no file is no secret.
func secretOf(file string) (string, error) {
	if file == "" {
		return "", nil
	}
	text, err := readSecret(file)
	if err != nil {
		return "", err
	}
	if s := strings.TrimSpace(string(text)); s != "" {
		return s, nil
	}
	return "", city.Errorf(city.Invalid, "%s is empty", file)
}

func monitorCheckCommand() *cobra.Command {
	var rosters []string
	cmd := &cobra.Command{
		Use: "check --roster FILE PROOF", Short: "Check proof that a log showed two histories",
		Long: `Checks a file that a monitor or a witness kept, with the keys of a roster and nothing else:
that the log signed both checkpoints, that neither continues the other, and which
witnesses signed both though they must not.`,
		Example: `  polity monitor check --roster helsinki.roster 1f0c...-23-27.fork`,
		Args:    exactlyOne("file with the proof"),
	}
	cmd.Flags().StringArrayVar(&rosters, "roster", nil, "a roster with the keys (may be given again)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(rosters) == 0 {
			return usageError{fmt.Errorf("--roster is needed; see '%s --help'", cmd.CommandPath())}
		}
		data, err := os.ReadFile(args[0])
		if err != nil {
			return usageError{err}
		}
		proof, err := witness.ParseFork(data)
		if err != nil {
			return city.Errorf(city.Invalid, "%s: %w", args[0], err)
		}
		keys, err := witnessedLogs(nil, rosters)
		if err != nil {
			return err
		}
		var witnesses []witness.Verifier
		for _, file := range rosters {
			r, err := readRoster(file)
			if err != nil {
				return err
			}
			witnesses = append(witnesses, monitor.Witnesses(&r.Roster)...)
		}
		found, err := proof.Verify(keys, witnesses)
		if err != nil {
			return city.Errorf(city.Invalid, "%s: %w", args[0], err)
		}
		out := cmd.OutOrStdout()
		fmt.Fprintf(out, "The log %s showed two histories.\n", found.Origin)
		for i, c := range []witness.Checkpoint{found.First, found.Second} {
			by := [][]string{found.OnFirst, found.OnSecond}[i]
			if len(by) == 0 {
				by = []string{"no witness of the roster"}
			}
			fmt.Fprintf(out, "  size %d, root %s, cosigned by %s\n", c.Size, c.Root, strings.Join(by, ", "))
		}
		if len(found.Witnesses) == 0 {
			fmt.Fprintln(out, "No witness signed both.")
			return nil
		}
		fmt.Fprintf(out, "Witnesses that signed both, and lied: %s.\n", strings.Join(found.Witnesses, ", "))
		return nil
	}
	return cmd
}
