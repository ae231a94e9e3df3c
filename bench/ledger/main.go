// Command ledger measures the public log: how fast it takes entries, how soon they are
// cosigned, and what it costs to check all of it.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"polity/bench/harness"
	"polity/ledger/proof"
)

func main() {
	harness.Main(harness.Bench{
		Name: "ledger",
		About: `Appends entries to the public log as the hub does, with three witnesses on loopback of
which two must cosign, each writing to disk before it answers. Of ten entries seven are
hours of segments, one an epoch key, one a day of looks, one a decision; all are checked,
signatures included, as they come in. Then the whole log is checked from its files.

appends_per_s              entries acknowledged a second, each on disk, by CLIENTS at once
plain_appends_per_s        the same bytes appended to one file, with the same waiting for the
                           disk in groups: the baseline
append_to_cosigned_p99_ms  from the call to a public checkpoint over the entry, cosigned, at
                           PACE entries a second; of a hundred entries one takes longer
append_to_cosigned_p50_ms  and the middle one
verify_100k_cpu_s          CPU time for forms, every hash, root and checkpoint of 100,000
                           entries (of ENTRIES, in proportion)
verify_100k_signed_cpu_s   the same with the signatures of entries
inclusion_proof_bytes      a proof file of one entry, with the entry and the checkpoint
consistency_proof_bytes    a proof file from half of the log to all of it
bytes_per_entry            of the log on disk`,
		Variables: []harness.Variable{
			{Name: "ENTRIES", Default: "100000", Help: "how many are appended and checked"},
			{Name: "CLIENTS", Default: "512", Help: "who append at once"},
			{Name: "PACE", Default: "100", Help: "entries a second while waiting for cosignatures is measured"},
			{Name: "SECONDS", Default: "30", Help: "how long that is measured"},
			{Name: "DIR", Default: "", Help: "folder to write into; none: the system's folder for temporary files"},
		},
		Quick: "all but 10,000 entries, and 10 seconds of pace",
		Run:   run,
	})
}

type settings struct {
	entries, clients, pace, seconds int
	dir                             string
}

func read(r *harness.Run) (s settings, err error) {
	for name, to := range map[string]*int{"ENTRIES": &s.entries, "CLIENTS": &s.clients, "PACE": &s.pace, "SECONDS": &s.seconds} {
		n, err := r.Number(name)
		if err != nil {
			return s, err
		}
		if n < 1 || n > 1e7 || n != float64(int(n)) {
			return s, fmt.Errorf("%s=%g: a whole number from 1", name, n)
		}
		*to = int(n)
	}
	if r.Quick {
		s.entries, s.seconds = 10_000, 10
	}
	s.dir = r.Text("DIR")
	return s, nil
}

func run(ctx context.Context, r *harness.Run) (figures harness.Figures, err error) {
	s, err := read(r)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(s.dir, "polity-bench-ledger-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	t, err := begin(ctx, filepath.Join(dir, "town"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, t.end()) }()

	r.Say("signing %d entries", s.entries)
	list, err := t.entries(s.entries)
	if err != nil {
		return nil, err
	}
	took, err := t.appendAll(ctx, list, s.clients)
	if err != nil {
		return nil, err
	}
	r.Say("appended in %.1f s", took.Seconds())
	plain, err := plainly(ctx, filepath.Join(dir, "plain"), list, s.clients)
	if err != nil {
		return nil, err
	}
	r.Say("plain file in %.1f s (baseline)", plain.Seconds())
	if err := t.public(ctx, int64(s.entries)); err != nil {
		return nil, err
	}
	size, err := bytesIn(t.dir)
	if err != nil {
		return nil, err
	}
	checked, err := t.verify(ctx, true)
	if err != nil {
		return nil, err
	}
	r.Say("checked: %.2f CPU-s, without signatures of entries", checked.Seconds())
	signed, err := t.verify(ctx, false)
	if err != nil {
		return nil, err
	}
	r.Say("checked: %.2f CPU-s, with them", signed.Seconds())
	inclusion, consistency, err := t.proofs(ctx, int64(s.entries))
	if err != nil {
		return nil, err
	}
	r.Say("%d entries a second for %d s", s.pace, s.seconds)
	waits, err := t.waits(ctx, s)
	if err != nil {
		return nil, err
	}
	each := func(d time.Duration) any { return harness.Rounded(d.Seconds()*100_000/float64(s.entries), 3) }
	return harness.Figures{
		{Name: "entries", Value: s.entries},
		{Name: "appends_per_s", Value: harness.Rounded(float64(s.entries)/took.Seconds(), 0)},
		{Name: "plain_appends_per_s", Value: harness.Rounded(float64(s.entries)/plain.Seconds(), 0)},
		{Name: "append_to_cosigned_p99_ms", Value: waits.at(0.99)},
		{Name: "append_to_cosigned_p50_ms", Value: waits.at(0.5)},
		{Name: "verify_100k_cpu_s", Value: each(checked)},
		{Name: "verify_100k_signed_cpu_s", Value: each(signed)},
		{Name: "inclusion_proof_bytes", Value: inclusion},
		{Name: "consistency_proof_bytes", Value: consistency},
		{Name: "bytes_per_entry", Value: harness.Rounded(float64(size)/float64(s.entries), 0)},
	}, nil
}

// verify checks the log from its files and returns the CPU time that took.
func (t *town) verify(ctx context.Context, noSignatures bool) (time.Duration, error) {
	source, err := proof.Folder(t.dir)
	if err != nil {
		return 0, err
	}
	before, err := cpu()
	if err != nil {
		return 0, err
	}
	report, err := proof.Verify(ctx, source, t.Roster, proof.Options{NoSignatures: noSignatures})
	if err != nil {
		return 0, err
	}
	after, err := cpu()
	if len(report.Problems) > 0 {
		return 0, fmt.Errorf("the log is wrong: %+v", report.Problems[0])
	}
	return after - before, err
}

func (t *town) proofs(ctx context.Context, entries int64) (inclusion, consistency int, err error) {
	source, err := proof.Folder(t.dir)
	if err != nil {
		return 0, 0, err
	}
	p, err := proof.Prove(ctx, source, entries/3, &t.Roster.Roster)
	if err != nil {
		return 0, 0, err
	}
	half, err := t.half(ctx, entries)
	if err != nil {
		return 0, 0, err
	}
	q, err := proof.ProveGrowth(ctx, source, half, &t.Roster.Roster)
	if err != nil {
		return 0, 0, err
	}
	return len(p.Marshal()), len(q.Marshal()), nil
}
