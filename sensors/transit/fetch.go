package transit

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"polity/city"
)

// maxTimetable bounds a packed timetable, bytes.
const maxTimetable = 2 << 30

const (
	firstBackOff = 5 * time.Second
	lastBackOff  = 10 * time.Minute
)

// source is one place that is asked again and again.
type source struct {
	where    string
	client   *http.Client
	etag     string
	modified string
	stamp    string // of a file: when and how it last changed
	failures int
}

func newClient() *http.Client {
	return &http.Client{Timeout: 2 * time.Minute, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if len(via) >= 5 || r.URL.Hostname() != via[0].URL.Hostname() || via[0].URL.Scheme == "https" && r.URL.Scheme != "https" {
			return city.Errorf(city.Invalid, "it leads elsewhere, to %s; write that address if it is meant", r.URL.Host)
		}
		return nil
	}}
}

// backOff is how long to wait after failures, doubling.
func (s *source) backOff(usual time.Duration) time.Duration {
	if s.failures == 0 {
		return usual
	}
	wait := firstBackOff << min(s.failures-1, 10)
	return max(usual, min(wait, lastBackOff))
}

// open returns what stands there, nil if it has not changed since the last time that
// was accepted. accept is called once what was read is good: then it is not read again
// until it changes.
func (s *source) open(ctx context.Context) (body io.ReadCloser, accept func(), err error) {
	if isAddress(s.where) {
		return s.ask(ctx)
	}
	info, err := os.Stat(s.where)
	if err != nil {
		return nil, nil, city.Errorf(city.NotFound, "there is nothing at %s", s.where)
	}
	if info.IsDir() {
		return nil, nil, city.Errorf(city.Invalid, "%s is a folder", s.where)
	}
	stamp := fmt.Sprint(info.ModTime().UnixNano(), info.Size())
	if stamp == s.stamp {
		return nil, nil, nil
	}
	f, err := os.Open(s.where)
	return f, func() { s.stamp = stamp }, err
}

func (s *source) ask(ctx context.Context) (io.ReadCloser, func(), error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.where, nil)
	if err != nil {
		return nil, nil, err
	}
	r.Header.Set("User-Agent", "polity")
	if s.etag != "" {
		r.Header.Set("If-None-Match", s.etag)
	}
	if s.modified != "" {
		r.Header.Set("If-Modified-Since", s.modified)
	}
	answer, err := s.client.Do(r)
	if err != nil {
		return nil, nil, city.Errorf(city.Unavailable, "%w", withoutAddress(err))
	}
	switch answer.StatusCode {
	case http.StatusOK:
	case http.StatusNotModified:
		answer.Body.Close()
		return nil, nil, nil
	default:
		answer.Body.Close()
		return nil, nil, city.Errorf(city.Unavailable, "it answers %s", answer.Status)
	}
	etag, modified := answer.Header.Get("ETag"), answer.Header.Get("Last-Modified")
	return answer.Body, func() { s.etag, s.modified = etag, modified }, nil
}

// withoutAddress leaves the address out of an error: it may hold a key, and pages show
// the error.
func withoutAddress(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}

// bytes reads all of a small source. Nil without an error: it has not changed.
func (s *source) bytes(ctx context.Context, most int64) ([]byte, func(), error) {
	body, accept, err := s.open(ctx)
	if err != nil || body == nil {
		return nil, nil, err
	}
	defer body.Close()
	b, err := io.ReadAll(io.LimitReader(body, most+1))
	if err != nil {
		return nil, nil, city.Errorf(city.Unavailable, "it broke off: %w", withoutAddress(err))
	}
	if int64(len(b)) > most {
		return nil, nil, city.Errorf(city.TooLarge, "it has more than %d bytes", most)
	}
	return b, accept, nil
}

// download stores what stands there in a file. False without an error: it has not
// changed.
func (s *source) download(ctx context.Context, to string) (changed bool, accept func(), err error) {
	body, accept, err := s.open(ctx)
	if err != nil || body == nil {
		return false, nil, err
	}
	defer body.Close()
	f, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return false, nil, err
	}
	n, err := io.Copy(f, io.LimitReader(body, maxTimetable+1))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil && n > maxTimetable {
		err = city.Errorf(city.TooLarge, "it has more than %d bytes", int64(maxTimetable))
	}
	if err != nil {
		return false, nil, errors.Join(city.Errorf(city.Unavailable, "the timetable did not arrive whole: %w", withoutAddress(err)), os.Remove(to))
	}
	return true, accept, nil
}

// folderStamp changes when a file of a folder does.
func folderStamp(dir string) (string, error) {
	h := sha256.New()
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			fmt.Fprintln(h, name, info.Size(), info.ModTime().UnixNano())
		}
		return err
	})
	return string(h.Sum(nil)), err
}
