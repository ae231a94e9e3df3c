package bundle

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"polity/city"
	"polity/internal/durable"
	"polity/ledger/canonical"
	"polity/ledger/roster"
	"polity/recording/root"
	"polity/release/export"
)

// Parts are what a bundle is made of.
type Parts struct {
	Dir  string // folder that export.Export wrote its clips to; the bundle's own files are put there
	File string // ZIP file that is written beside it; empty: the folder is the bundle

	Film    *export.Record
	Rosters []*roster.Signed // that the office began with, and those after it
	Token   canonical.Hash
	Office  city.Slug
	Device  city.Slug
	Key     ed25519.PrivateKey // of the device
	By      string             // who makes it, up to 80 characters; may be empty
	Program string             // polity and its version
	Made    time.Time

	Proofs   map[string][]byte // proof files by names of a-z0-9-; capitals become small
	Segments map[city.Slug][]export.Segment
	Hours    map[city.Slug][]Hour // of hours of which Segments has not all; may be nil
	Openings *Openings            // nil: nothing is opened beyond what the log published
	Views    []byte               // views.log; nil: none

	// Progress hears of the bytes that are done and all there are. Nil: nobody hears.
	Progress func(done, all int64)
}

// Write makes a bundle and checks it. When it returns nil, the bundle is on disk and
// nothing in it is wrong; the report says what it cannot prove. What is wrong with the
// parts is an error of kind Invalid, and no ZIP file is left.
func Write(ctx context.Context, p Parts) (*Report, error) {
	w := &writer{Parts: p}
	if err := w.folder(ctx); err != nil {
		return nil, err
	}
	at := p.Dir
	if p.File != "" {
		if err := w.pack(ctx); err != nil {
			return nil, err
		}
		at = p.File
	}
	report, err := Verify(ctx, at, Options{Trusted: p.Rosters[0], Progress: p.Progress})
	if err == nil {
		err = refusal(report)
	}
	if err != nil && p.File != "" {
		_ = os.Remove(p.File)
	}
	return report, err
}

// refusal is an error of what is wrong.
func refusal(r *Report) error {
	for _, f := range r.Findings {
		if f.State == Wrong {
			return city.Errorf(city.Invalid, "this makes no bundle that holds: %s", strings.TrimPrefix(f.Where+": "+f.What, ": "))
		}
	}
	return nil
}

type writer struct {
	Parts
	members map[string][]byte
}

// folder writes everything but the clips into the folder.
func (w *writer) folder(ctx context.Context) error {
	if err := w.check(); err != nil {
		return err
	}
	if err := w.small(); err != nil {
		return err
	}
	if err := w.put(w.members); err != nil {
		return err
	}
	reports, err := w.reports(ctx)
	if err != nil {
		return err
	}
	maps.Copy(w.members, reports)
	if err := w.put(reports); err != nil {
		return err
	}
	return w.sign()
}

func (w *writer) check() error {
	switch {
	case w.Film == nil || len(w.Rosters) == 0:
		return city.Errorf(city.Invalid, "bundle: no film or no roster")
	case len(w.Key) != ed25519.PrivateKeySize:
		return city.Errorf(city.Invalid, "bundle: the office's device has no key")
	}
	used := []string{filepath.Join(w.Dir, proofs), filepath.Join(w.Dir, rosters), filepath.Join(w.Dir, segments)}
	if w.File != "" {
		used = append(used, w.File)
	}
	for _, path := range used { // nothing of somebody's is written over
		if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
			return city.Errorf(city.Conflict, "bundle: there is %s already; name another folder or file", path)
		}
	}
	return nil
}

// small makes all members but clips, reports and sums.
func (w *writer) small() error {
	newest := w.Rosters[len(w.Rosters)-1]
	record := &Record{
		By: w.By, Clips: w.Film.Clips, Decoder: w.Film.Decoder, Device: w.Device, Domain: newest.Domain, Encoder: w.Film.Encoder, Format: Format,
		Made: canonical.At(w.Made), Mask: w.Film.Mask, Office: w.Office, Origin: newest.Log.Origin, Program: w.Program, Token: w.Token,
	}
	if err := record.check(); err != nil {
		return err
	}
	text, err := canonical.Encode(record)
	if err != nil {
		return err
	}
	key, err := pemOf(w.Key.Public().(ed25519.PublicKey))
	if err != nil {
		return err
	}
	w.members = map[string][]byte{recordName: text, pemName: key}
	if w.Openings != nil {
		if w.members[openingsName], err = canonical.Encode(w.Openings); err != nil {
			return err
		}
	}
	if w.Views != nil {
		w.members[viewsName] = w.Views
	}
	for _, r := range w.Rosters {
		w.members[rosterName(r.Version)] = r.File()
	}
	for name, file := range w.Proofs {
		w.members[proofs+"/"+strings.ToLower(name)+".proof"] = file
	}
	for camera, list := range w.Segments {
		w.members[fmt.Sprintf("%s/%s.headers", segments, camera)] = writeHeads(list)
	}
	for camera, list := range w.Hours {
		if len(list) > 0 {
			w.members[fmt.Sprintf("%s/%s.hours", segments, camera)] = root.AppendLists(nil, list...)
		}
	}
	for name, b := range w.members {
		m, err := memberOf(name)
		if err != nil {
			return err
		}
		if int64(len(b)) > m.most {
			return city.Errorf(city.TooLarge, "bundle: %s would have %d bytes; %d are allowed", name, len(b), m.most)
		}
	}
	return nil
}

func (w *writer) put(members map[string][]byte) error {
	for _, name := range slices.Sorted(maps.Keys(members)) {
		path := filepath.Join(w.Dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return fmt.Errorf("bundle: %w", err)
		}
		if err := durable.WriteFile(path, members[name], 0o600); err != nil {
			return err
		}
	}
	return nil
}

// reports are the record in words, out of what a check of the parts finds.
func (w *writer) reports(ctx context.Context) (map[string][]byte, error) {
	for _, name := range []string{sumsName, sigName, htmlName, pdfName} {
		if err := os.Remove(filepath.Join(w.Dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("bundle: %w", err)
		}
	}
	f, err := openFolder(w.Dir)
	if err != nil {
		return nil, err
	}
	defer f.close() //nolint:errcheck // it was read only
	report := &Report{}
	c := newChecker(ctx, f, report, Options{})
	for _, step := range []func() error{c.theRecord, c.theRosters} {
		if err := step(); err != nil {
			return nil, err
		}
		if err := refusal(report); err != nil {
			return nil, err
		}
	}
	for i := range c.Record.Clips { // what films say is checked at the end
		r := &c.Record.Clips[i]
		c.films[r.File] = &export.Film{Width: int(r.Width), Height: int(r.Height), Codec: "avc1", Pictures: r.Pictures, TimeScale: 1000, Ticks: r.To - r.From}
	}
	if err := c.content(); err != nil {
		return nil, err
	}
	if err := refusal(report); err != nil {
		return nil, err
	}
	page, err := writeHTML(c)
	if err != nil {
		return nil, err
	}
	return map[string][]byte{htmlName: page, pdfName: writePDF(c)}, nil
}

// sign writes the sums and their signature.
func (w *writer) sign() error {
	f, err := openFolder(w.Dir)
	if err != nil {
		return err
	}
	defer f.close() //nolint:errcheck // it was read only
	var list []line
	for _, name := range slices.Sorted(slices.Values(f.names)) {
		hash := sha256.New()
		if _, err := copyMember(hash, name, f.open); err != nil {
			return err
		}
		list = append(list, line{name, [32]byte(hash.Sum(nil))})
	}
	sums := writeSums(list)
	return w.put(map[string][]byte{sumsName: sums, sigName: ed25519.Sign(w.Key, signed(sums))})
}

// pack writes the folder as a ZIP file.
func (w *writer) pack(ctx context.Context) (err error) {
	f, err := openFolder(w.Dir)
	if err != nil {
		return err
	}
	defer f.close() //nolint:errcheck // it was read only
	to, err := os.CreateTemp(filepath.Dir(w.File), ".new-*")
	if err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	defer func() {
		if err != nil {
			to.Close()
			_ = os.Remove(to.Name())
			err = fmt.Errorf("bundle: %w", err)
		}
	}()
	buf := bufio.NewWriterSize(to, 1<<20)
	read := func(name string) (io.ReadCloser, error) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		return f.open(name)
	}
	if err := writeZip(buf, f.names, read); err != nil {
		return err
	}
	if err := errors.Join(buf.Flush(), to.Sync(), to.Close()); err != nil {
		return err
	}
	if err := os.Rename(to.Name(), w.File); err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(w.File))
}
