package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"polity/city"
	"polity/hub"
	"polity/ledger/entry"
	"polity/release/custodian"
	"polity/release/token"
)

func recordCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "record",
		Short:   "Bring to a city's public log what somebody signed",
		Example: `  polity record submit keys.statements --hub https://helsinki.example`,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(recordSubmitCommand())
	return cmd
}

func recordSubmitCommand() *cobra.Command {
	var address string
	cmd := &cobra.Command{
		Use:   "submit FILE...",
		Short: "Hand in files of signed entries",
		Long: `Hands in what a body's or an office's device signed, for the public log: files of statements
that came on a stick ('polity custodian keys publish', 'destroy', 'disclose'), or files with
an entry a line. No account is needed: each entry counts by its own signature, and a city's
administrators have no say in it. Entries that are in the log already keep their place.`,
		Example: `  polity record submit keys.statements --hub https://helsinki.example
  polity record submit /media/stick/*.statements --hub https://helsinki.example`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError{errors.New("name at least one file")}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&address, "hub", usualHub, "address of the city's hub")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		u, err := url.Parse(address)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return usageError{fmt.Errorf("--hub %q is no address such as https://helsinki.example", address)}
		}
		var list []handed
		for _, name := range args {
			entries, err := handedIn(name)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			list = append(list, entries...)
		}
		return submit(cmd, u.JoinPath(hub.EntriesPath).String(), list)
	}
	return cmd
}

// handed is an entry with where it came from.
type handed struct {
	from string
	text []byte
}

// handedIn reads a file of statements, or entries a line each, and refuses what no log
// takes before anything is sent.
func handedIn(name string) (list []handed, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, usageError{err}
	}
	defer f.Close() //nolint:errcheck // it is only read
	in := bufio.NewReaderSize(f, 2*entry.MaxSize)
	if begin, err := in.Peek(len(token.Mark)); err == nil && string(begin) == token.Mark {
		entries, err := custodian.Statements(in)
		if err != nil {
			return nil, err
		}
		for i, e := range entries {
			text, err := entry.Encode(e)
			if err != nil {
				return nil, err
			}
			list = append(list, handed{fmt.Sprintf("%s, entry %d", name, i+1), text})
		}
		return list, nil
	}
	text, err := io.ReadAll(io.LimitReader(in, token.MaxFile))
	if err != nil {
		return nil, err
	}
	n := 0
	for line := range bytes.Lines(text) {
		n++
		if line = bytes.TrimRight(line, "\r\n"); len(line) == 0 {
			continue
		}
		if _, err := token.SignedEntry(line); err != nil {
			return nil, city.Errorf(city.Invalid, "line %d: %w", n, err)
		}
		list = append(list, handed{fmt.Sprintf("%s, line %d", name, n), bytes.Clone(line)})
	}
	if len(list) == 0 {
		return nil, city.Errorf(city.Invalid, "it has no entry")
	}
	return list, nil
}

const (
	submitChunk = 128
	submitTries = 5 // of a chunk, while the hub has no time
)

// submit hands entries in, a few at a time, and says what became of them.
func submit(cmd *cobra.Command, address string, list []handed) error {
	ctx, out := cmd.Context(), cmd.OutOrStdout()
	told := progress[int](cmd.ErrOrStderr(), "entries handed in")
	logged, refused, last := 0, 0, int64(-1)
	for at := 0; at < len(list); at += submitChunk {
		chunk := list[at:min(at+submitChunk, len(list))]
		answer, err := handIn(ctx, address, chunk)
		if err != nil {
			if logged > 0 {
				err = fmt.Errorf("%w; %d entries are in the log already: hand the same files in again", err, logged)
			}
			return err
		}
		for i, one := range answer.Entries {
			if one.Index == nil {
				refused++
				fmt.Fprintf(out, "refused  %s: %s\n", chunk[i].from, one.Refused)
				continue
			}
			logged++
			last = max(last, *one.Index)
		}
		if told != nil {
			told(at+len(chunk), len(list))
		}
	}
	if refused > 0 {
		return city.Errorf(city.Invalid, "%d of %d entries were refused; %d are in the public log", refused, len(list), logged)
	}
	what := "entries are"
	if logged == 1 {
		what = "entry is"
	}
	fmt.Fprintf(out, "%d %s in the log, the last at index %d; public once its witnesses have cosigned that.\n", logged, what, last)
	return nil
}

// handIn hands a chunk in. A hub that has no time is asked again.
func handIn(ctx context.Context, address string, chunk []handed) (*hub.HandedIn, error) {
	var body bytes.Buffer
	for _, e := range chunk {
		body.Write(e.text)
		body.WriteByte('\n')
	}
	for try := 1; ; try++ {
		answer, wait, err := handOnce(ctx, address, body.Bytes())
		if wait == 0 || try == submitTries {
			if err == nil && len(answer.Entries) != len(chunk) {
				err = city.Errorf(city.Unavailable, "the hub looked at %d of %d entries: %s", len(answer.Entries), len(chunk), answer.Stopped)
			}
			return answer, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(wait):
		}
	}
}

// handOnce sends a chunk once. wait is not 0 if the hub asks to try again.
func handOnce(ctx context.Context, address string, body []byte) (answer *hub.HandedIn, wait time.Duration, err error) {
	ctx, stop := context.WithTimeout(ctx, 2*time.Minute)
	defer stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return nil, 0, err
	}
	req.Header.Set("Content-Type", "text/plain")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, 0, city.Errorf(city.Unavailable, "no hub answers at %s; is the address right? %w", address, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err != nil {
		return nil, 0, err
	}
	answer = &hub.HandedIn{}
	switch resp.StatusCode {
	case http.StatusOK, http.StatusUnprocessableEntity:
		if err := json.Unmarshal(text, answer); err != nil {
			return nil, 0, city.Errorf(city.Unavailable, "%s answered in no form that this release reads; is it a hub of this version?", address)
		}
		return answer, 0, nil
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		wait = time.Second
		if n, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && n > 0 {
			wait = min(time.Duration(n)*time.Second, time.Minute)
		}
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return nil, 0, city.Errorf(city.NotFound, "the hub at %s keeps no public log, or is of an older version", strings.TrimSuffix(address, hub.EntriesPath))
	}
	var p struct{ Detail, Stopped string }
	if json.Unmarshal(text, &p) != nil || p.Detail+p.Stopped == "" {
		p.Detail = resp.Status
	}
	return nil, wait, city.Errorf(city.Unavailable, "the hub refuses: %s", p.Detail+p.Stopped)
}
