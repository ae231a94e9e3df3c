package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"polity/city"
	"polity/ledger/proof"
	casefile "polity/release/case"
	"polity/release/case/play"
)

// opening is what open is asked for.
type opening struct {
	out, log, listen string
	segments         []string
	noLog, play      bool
}

func (s *caseState) openCommand() *cobra.Command {
	var o opening
	cmd := &cobra.Command{
		Use: "open CASE", Short: "Open: say so in the public log, fetch the sealed segments, check everything", Args: exactlyOne("case"),
		Long: `It signs the entry release-opened and hands it to the log first. Then it fetches the sealed
segments, the earliest first, and goes on where a line broke. Each is checked to the byte as
its recorder signed it; that none is missing, or which; that its key is what its header
commits to; and, in the public log, its recorder and the hour that it belongs to. It says in
words what is not there. Nothing is decrypted to disk.

By files alone: --out for the entry, --segments for files or folders that were carried: sealed
segments, and CAMERA.hours, the hashes of an hour's segments as the hub gives them to a case.`,
		Example: `  polity case open lusab-babad --play
  polity case open lusab-babad --out opened.statements --segments /media/disk --log /media/disk/log`,
	}
	f := cmd.Flags()
	f.StringVar(&o.out, "out", "", "write the entry for the log to this file in place of sending it")
	f.StringArrayVar(&o.segments, "segments", nil, "take sealed segments from this file or folder in place of the hub (may be given again)")
	f.StringVar(&o.log, "log", "", "folder or address of the public log (default: the hub's)")
	f.BoolVar(&o.noLog, "no-log", false, "do not hold the segments to the public log")
	f.BoolVar(&o.play, "play", false, "serve the page at once, while segments still come")
	f.StringVar(&o.listen, "listen", "127.0.0.1:0", "loopback address and port of the page")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if o.play {
			if err := loopback(o.listen); err != nil {
				return err
			}
		}
		return s.with(cmd, args[0], func(_ *casefile.Office, c *casefile.Case) error { return o.run(cmd, c) })
	}
	return cmd
}

func (o *opening) run(cmd *cobra.Command, c *casefile.Case) error {
	var h casefile.Hub
	if c.Hub != "" && len(o.segments) == 0 {
		var err error
		if h, err = hubOf(c); err != nil {
			return err
		}
		if _, err := c.Fetch(cmd.Context(), h); err != nil {
			return err
		}
	}
	st, err := c.Opening(time.Now())
	if err != nil {
		return err
	}
	if o.out == "" && c.Hub == "" {
		fmt.Fprintln(cmd.ErrOrStderr(), "This opening is to stand in the public log: write its entry with --out, and hand it in.")
	} else if err := publish(cmd, c, st, o.out, "Opened"); err != nil && !errors.As(err, new(usageError)) {
		return err
	}
	shelf, err := c.Shelf()
	if err != nil && shelf == nil {
		return err
	}
	defer shelf.Close()
	if err != nil {
		fmt.Fprintln(cmd.ErrOrStderr(), "Left out:", err)
	}
	bring := func(ctx context.Context) ([]string, error) {
		told := progress[int](cmd.ErrOrStderr(), "segments here")
		if len(o.segments) > 0 {
			return shelf.Import(o.segments, told)
		}
		if h == nil {
			return nil, nil
		}
		return shelf.Download(ctx, h, told)
	}
	if o.play {
		if o.log != "" { // carried: it keeps the proofs; segments are held to it without --play
			source, err := logSource(o.log)
			if err == nil {
				_, err = shelf.CheckLog(cmd.Context(), source, progress[int64](cmd.ErrOrStderr(), "entries of the log read"))
			}
			if err != nil {
				return err
			}
		}
		if err := public(cmd, c); err != nil {
			return err
		}
		return servePlay(cmd, c, shelf, o.listen, bring)
	}
	problems, err := bring(cmd.Context())
	for _, p := range problems {
		fmt.Fprintln(cmd.OutOrStdout(), "Not here:", p)
	}
	if err != nil {
		return err
	}
	sayReports(cmd.OutOrStdout(), shelf.Report(true, progress[int](cmd.ErrOrStderr(), "segments checked")))
	return o.checkLog(cmd, c, shelf, h)
}

// checkLog holds the segments to the public log.
func (o *opening) checkLog(cmd *cobra.Command, c *casefile.Case, shelf *casefile.Shelf, h casefile.Hub) error {
	source, err := caseLog(o.log, h)
	if err != nil {
		return err
	}
	if o.noLog || source == nil {
		fmt.Fprintln(cmd.OutOrStdout(), "Not held to the public log: whether the recorders are the city's, and the hours whole, was not checked.")
		return nil
	}
	l, err := shelf.CheckLog(cmd.Context(), source, progress[int64](cmd.ErrOrStderr(), "entries of the log read"))
	if err != nil {
		return fmt.Errorf("the segments are here; the public log could not be compared: %w", err)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "Public log, %d entries: %s of a camera whole and as logged, %d in part and as logged, %d in part and not compared, %d not in the log yet.\n", l.Entries, numberOf(l.Hours, "hour"), l.Listed, l.Partial, l.Absent)
	for _, p := range l.Lists {
		fmt.Fprintln(cmd.OutOrStdout(), "Left out:", p)
	}
	for _, p := range l.Problems {
		fmt.Fprintln(cmd.OutOrStdout(), "WRONG:", p)
	}
	if len(l.Problems) > 0 {
		return city.Errorf(city.Invalid, "the segments are not those of the public log")
	}
	fmt.Fprintf(cmd.OutOrStdout(), "Look at it: polity case play %s\n", c.Code())
	return nil
}

// caseLog is the log named, or the hub's; nil: none.
func caseLog(name string, h casefile.Hub) (proof.Source, error) {
	switch {
	case name != "":
		return logSource(name)
	case h != nil:
		return h.Log()
	}
	return nil, nil
}

func sayReports(w io.Writer, reports []casefile.CameraReport) {
	const form = "15:04:05"
	for _, r := range reports {
		fmt.Fprintf(w, "camera %s: %s here, %d open", r.Camera, numberOf(r.Segments, "segment"), r.Opens)
		if r.Segments > 0 {
			fmt.Fprintf(w, ", %s to %s UTC", r.From.Format("2006-01-02 15:04:05"), r.To.Format(form))
		}
		fmt.Fprintln(w)
		for _, g := range r.Gaps {
			fmt.Fprintf(w, "  not recorded  %s to %s: %s\n", g.From.Format(form), g.To.Format(form), g.Why)
		}
		for _, m := range r.Missing {
			fmt.Fprintf(w, "  missing       %s to %s: %s\n", m.From.Format(form), m.To.Format(form), m.Why)
		}
		for _, p := range r.Problems {
			fmt.Fprintf(w, "  WRONG         %s\n", p)
		}
	}
}

func (s *caseState) playCommand() *cobra.Command {
	var listen string
	cmd := &cobra.Command{
		Use: "play CASE", Short: "Look at the clips side by side, on a page on this machine", Args: exactlyOne("case"),
		Long: `It serves the page on loopback and prints an address that works once. Clips run in step;
notes and marks are kept in the case, encrypted; each segment that is looked at is written to
the case's log of views. After 30 minutes without use it ends. Nothing is shown before request,
both approvals and the opening are proven to stand in the public log.`,
		Example: "  polity case play lusab-babad",
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:0", "loopback address and port")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := loopback(listen); err != nil {
			return err
		}
		return s.with(cmd, args[0], func(_ *casefile.Office, c *casefile.Case) error {
			if !c.Opened() {
				return city.Errorf(city.Conflict, "this case was not opened yet: 'polity case open %s' says so in the public log and brings the segments", c.Code())
			}
			if err := public(cmd, c); err != nil {
				return err
			}
			shelf, err := c.Shelf()
			if err != nil && shelf == nil {
				return err
			}
			defer shelf.Close()
			if err != nil {
				fmt.Fprintln(cmd.ErrOrStderr(), "Left out:", err)
			}
			return servePlay(cmd, c, shelf, listen, nil)
		})
	}
	return cmd
}

// provenWithin is how long a quorum of witnesses may take to sign what was just handed in.
const provenWithin = 6 * time.Second

// public makes sure that the public log has all of a case before anything of it is shown.
func public(cmd *cobra.Command, c *casefile.Case) error {
	var h casefile.Hub
	if c.Hub != "" {
		var err error
		if h, err = hubOf(c); err != nil {
			return err
		}
	}
	return c.Public(cmd.Context(), h, provenWithin)
}

// loopback refuses other addresses than this machine's own.
func loopback(listen string) error {
	host, _, err := net.SplitHostPort(listen)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return usageError{fmt.Errorf("--listen is %q; footage is shown on this machine only: use 127.0.0.1:0", listen)}
	}
	return nil
}

// servePlay serves the page of a case until it is ended. bring fetches segments beside it;
// nil: all are here.
func servePlay(cmd *cobra.Command, c *casefile.Case, shelf *casefile.Shelf, listen string, bring func(context.Context) ([]string, error)) (err error) {
	views, err := c.Views()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, views.Close()) }()
	if views.Torn {
		fmt.Fprintln(cmd.ErrOrStderr(), "The last line of the log of views was cut off by a crash, and taken away.")
	}
	if err := views.Add(casefile.View{What: casefile.Begun}); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(cmd.Context())
	defer stop()
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	pages := play.New(c, shelf, views, stop)
	server := &http.Server{Handler: pages.Handler(), ReadHeaderTimeout: 10 * time.Second}
	brought := make(chan struct{})
	if bring != nil {
		pages.Coming(true, nil)
		go func() {
			defer close(brought)
			problems, err := bring(ctx)
			if err != nil {
				problems = append(problems, err.Error())
			}
			pages.Coming(false, problems)
		}()
	} else {
		close(brought)
	}
	stopped := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stopped()
	fmt.Fprintf(cmd.OutOrStdout(), "Open http://%s%s\nThe address works once. Ctrl-C ends it.\n", l.Addr(), pages.Path())
	err = server.Serve(l)
	stop()
	<-brought
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return errors.Join(err, views.Add(casefile.View{What: casefile.Ended}))
}
