package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"polity/bench/harness"
	"polity/city"
	casefile "polity/release/case"
	"polity/release/case/casetest"
	"polity/release/case/play"
	"polity/release/export"
)

// look is one officer at work.
type look struct {
	c          *casefile.Case
	shelf      *casefile.Shelf
	views      *casefile.Views
	passphrase time.Duration
}

func (b *bench) measure() (harness.Figures, error) {
	plain, err := b.plainPicture()
	if err != nil {
		return nil, err
	}
	begun, worked := time.Now(), cpu()
	l, done, err := b.begin()
	if err != nil {
		return nil, err
	}
	defer l.shelf.Close()
	defer l.views.Close()
	one, all, err := b.pictures(l, begun)
	if err != nil {
		return nil, err
	}
	worked = cpu() - worked
	b.say("first picture after %d ms, of every camera after %d ms; plain %d ms", one.Milliseconds(), all.Milliseconds(), plain.Milliseconds())
	if err := <-done; err != nil {
		return nil, err
	}
	fetched := time.Since(begun)
	b.say("all %.0f MiB here after %.1f s", mib(b.bytes), fetched.Seconds())
	checked := time.Now()
	segments := 0
	for _, r := range l.shelf.Report(true, nil) {
		if len(r.Problems) > 0 || len(r.Missing) > 0 && b.minutes == 60 || r.Opens != r.Segments {
			return nil, fmt.Errorf("camera %s: %v, %v, %d of %d open", r.Camera, r.Problems, r.Missing, r.Opens, r.Segments)
		}
		segments += r.Opens
	}
	check := time.Since(checked)
	hub, err := casefile.Web(l.c.Hub, "")
	if err != nil {
		return nil, err
	}
	if _, err := l.c.Fetch(b.ctx, hub); err != nil { // the proof of the opening
		return nil, err
	}
	rate, baseline, err := b.export(l)
	if err != nil {
		return nil, err
	}
	return harness.Figures{
		{Name: "approved_to_first_picture_ms", Value: all.Milliseconds()},
		{Name: "passphrase_ms", Value: l.passphrase.Milliseconds()},
		{Name: "first_picture_cpu_ms", Value: worked.Milliseconds()},
		{Name: "first_of_one_ms", Value: one.Milliseconds()},
		{Name: "plain_first_picture_ms", Value: plain.Milliseconds()},
		{Name: "export_mib_per_s", Value: harness.Rounded(rate, 2)},
		{Name: "plain_export_mib_per_s", Value: harness.Rounded(baseline, 2)},
		{Name: "fetch_mib_per_s", Value: harness.Rounded(mib(b.bytes)/fetched.Seconds(), 1)},
		{Name: "check_s", Value: harness.Rounded(check.Seconds(), 1)},
		{Name: "segments", Value: segments},
		{Name: "sealed_mib", Value: harness.Rounded(mib(b.bytes), 0)},
	}, nil
}

// begin does what 'polity case open --play' does before the page is served. done tells the
// end of the download.
func (b *bench) begin() (*look, <-chan error, error) {
	o, err := casefile.Open(b.office())
	if err != nil {
		return nil, nil, err
	}
	begun := time.Now()
	if err := o.Unlock(casetest.Passphrase); err != nil {
		return nil, nil, err
	}
	passphrase := time.Since(begun)
	c, err := o.Case(b.code)
	if err != nil {
		return nil, nil, err
	}
	if err := errors.Join(c.Hold(), c.Unlock()); err != nil {
		return nil, nil, err
	}
	hub, err := casefile.Web(c.Hub, "")
	if err != nil {
		return nil, nil, err
	}
	if _, err := c.Fetch(b.ctx, hub); err != nil {
		return nil, nil, err
	}
	st, err := c.Opening(casetest.Asked.Add(time.Minute))
	if err != nil {
		return nil, nil, err
	}
	if err := hub.Publish(b.ctx, st.Bytes); err != nil {
		return nil, nil, err
	}
	if err := c.Public(b.ctx, hub, time.Minute); err != nil {
		return nil, nil, err
	}
	shelf, err := c.Shelf()
	if err != nil {
		return nil, nil, err
	}
	views, err := c.Views()
	if err != nil {
		return nil, nil, err
	}
	done := make(chan error, 1)
	go func() {
		problems, err := shelf.Download(b.ctx, hub, nil)
		if err == nil && len(problems) > 0 {
			err = fmt.Errorf("%s", strings.Join(problems, "; "))
		}
		done <- err
	}()
	return &look{c, shelf, views, passphrase}, done, nil
}

// pictures asks the page for the first segment of each camera and decodes its first picture.
func (b *bench) pictures(l *look, begun time.Time) (one, all time.Duration, err error) {
	pages := play.New(l.c, l.shelf, l.views, nil)
	server := httptest.NewServer(pages.Handler())
	defer server.Close()
	key, err := enter(server.URL + pages.Path())
	if err != nil {
		return 0, 0, err
	}
	err = b.each(func(i int) error { return b.picture(l, server.URL, key, l.c.Details.Cameras[i]) }, func() {
		all = time.Since(begun)
		if one == 0 {
			one = all
		}
	})
	return one, all, err
}

// each does something for each camera, two at a time; done hears of each, one after the other.
func (b *bench) each(do func(i int) error, done func()) error {
	var mu sync.Mutex
	var failed error
	err := harness.Jobs(b.ctx, 2, b.cameras, func(i int) {
		err := do(i)
		mu.Lock()
		defer mu.Unlock()
		failed = errors.Join(failed, err)
		if err == nil {
			done()
		}
	}, func(int) {})
	return errors.Join(failed, err)
}

func (b *bench) picture(l *look, address, key string, camera city.Slug) error {
	for len(l.shelf.Pieces(camera)) == 0 {
		select {
		case <-b.ctx.Done():
			return b.ctx.Err()
		case <-time.After(2 * time.Millisecond): // as the page asks, only more often
		}
	}
	p := l.shelf.Pieces(camera)[0]
	r, err := http.NewRequestWithContext(b.ctx, http.MethodGet, fmt.Sprintf("%s/api/segment/%s/%d", address, camera, p.Header.Sequence), nil)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+key)
	return firstPicture(b.ctx, r)
}

// enter opens the address that works once and takes the key of the visit from the page.
func enter(address string) (string, error) {
	a, err := http.Get(address) //nolint:gosec,noctx // our own page
	if err != nil {
		return "", err
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	if err != nil {
		return "", err
	}
	_, rest, _ := strings.Cut(string(b), `name="key" content="`)
	key, _, ok := strings.Cut(rest, `"`)
	if !ok || key == "" {
		return "", fmt.Errorf("the page gives no key")
	}
	return key, nil
}

// firstPicture fetches a film and decodes its first picture.
func firstPicture(ctx context.Context, r *http.Request) error {
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer a.Body.Close()
	film, err := io.ReadAll(a.Body)
	if err != nil || a.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %.200s: %w", a.Status, film, err)
	}
	cmd := exec.CommandContext(ctx, "ffmpeg", "-v", "error", "-nostdin", "-i", "-", "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "gray", "-")
	cmd.Stdin = bytes.NewReader(film)
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("ffmpeg decodes nothing: %w", err)
	}
	if len(out) != width*height {
		return fmt.Errorf("a picture of %d bytes, not %d", len(out), width*height)
	}
	return nil
}

// plainPicture is the baseline: as many films in the clear.
func (b *bench) plainPicture() (time.Duration, error) {
	begun := time.Now()
	err := b.each(func(int) error {
		r, err := http.NewRequestWithContext(b.ctx, http.MethodGet, b.server.URL+"/plain", nil)
		if err != nil {
			return err
		}
		return firstPicture(b.ctx, r)
	}, func() {})
	return time.Since(begun), err
}

// export makes a bundle of one camera with one moving mark, and the baseline of the same
// seconds.
func (b *bench) export(l *look) (rate, baseline float64, err error) {
	camera := l.c.Details.Cameras[0]
	from := casetest.Filmed
	to := from.Add(time.Duration(b.size.export) * time.Second)
	notes, revision, err := l.c.Notes()
	if err != nil {
		return 0, 0, err
	}
	notes.Marks = []casefile.Mark{{Camera: camera, ID: 1, From: from.UnixMilli(), To: to.UnixMilli(), Keys: []casefile.Key{
		{At: from.UnixMilli(), Height: 3000, Left: 0, Top: 1000, Width: 2000}, {At: to.UnixMilli(), Height: 3000, Left: 8000, Top: 6000, Width: 2000},
	}}}
	if _, err := l.c.SaveNotes(notes, revision); err != nil {
		return 0, 0, err
	}
	var sealed int64
	for _, f := range b.world.Films[camera] {
		if f.Header.Start.Before(to) {
			sealed += f.Size
		}
	}
	begun := time.Now()
	report, err := l.shelf.Export(b.ctx, casefile.Wanted{Out: filepath.Join(b.dir, "bundle"), Cameras: []city.Slug{camera}, From: from, To: to, Mask: export.Mosaic, Program: "polity bench"}, l.views)
	if err != nil {
		return 0, 0, err
	}
	rate = mib(sealed) / time.Since(begun).Seconds()
	b.say("%d s of a camera exported at %.2f MiB/s: %d pictures, %d grey", b.size.export, rate, report.Record.Clips[0].Pictures, report.Record.Clips[0].Grey)
	if report.Record.Clips[0].Grey > 0 {
		return 0, 0, fmt.Errorf("%d pictures were grey", report.Record.Clips[0].Grey)
	}
	begun = time.Now()
	//nolint:gosec // a number that was checked
	cmd := exec.CommandContext(b.ctx, "ffmpeg", "-v", "error", "-nostdin", "-i", "-", "-t", fmt.Sprint(min(b.size.export, 60)), "-map", "0:v:0", "-c:v", "libx264",
		"-preset", "veryfast", "-profile:v", "high", "-crf", "20", "-bf", "0", "-g", "50", "-threads", "1", "-f", "mp4", "-movflags", "frag_keyframe+empty_moov", "-y", "/dev/null")
	cmd.Stdin = bytes.NewReader(b.plain)
	if out, err := cmd.CombinedOutput(); err != nil {
		return 0, 0, fmt.Errorf("ffmpeg: %w: %s", err, out)
	}
	baseline = mib(int64(len(b.plain))) * float64(min(b.size.export, 60)) / 60 / time.Since(begun).Seconds()
	return rate, baseline, nil
}

// cpu is the processor time of this process and of those that it waited for.
func cpu() time.Duration {
	var sum time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if err := syscall.Getrusage(who, &u); err == nil {
			sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
		}
	}
	return sum
}
