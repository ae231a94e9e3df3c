package witness

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"polity/city"
)

// Bounds on requests of everyone together: a signature is checked for each.
const (
	askRate, askBurst = 300, 600
)

// Handler serves add-checkpoint, the newest checkpoints (C2SP tlog-witness), and a page
// in words.
func (w *Witness) Handler() http.Handler {
	all := newBucket(askRate, askBurst)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /add-checkpoint", func(rw http.ResponseWriter, r *http.Request) {
		if !all.take(w.watch.Running()) {
			answer(rw, errOften)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, maxRequest))
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			answer(rw, city.Errorf(city.TooLarge, "a request has at most %d bytes", maxRequest))
			return
		}
		if err != nil {
			return // the asker is gone
		}
		line, err := w.Add(body)
		if err != nil {
			answer(rw, err)
			return
		}
		rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(rw, line)
	})
	mux.HandleFunc("GET /{hash}/checkpoint", func(rw http.ResponseWriter, r *http.Request) {
		signed, err := w.Newest(r.PathValue("hash"))
		if err != nil {
			answer(rw, err)
			return
		}
		rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
		rw.Header().Set("Cache-Control", "no-store")
		_, _ = rw.Write(signed)
	})
	mux.HandleFunc("GET /{$}", w.page)
	return mux
}

// answer turns an error into the status that C2SP tlog-witness asks for.
func answer(rw http.ResponseWriter, err error) {
	if size, ok := errors.AsType[errSize](err); ok {
		rw.Header().Set("Content-Type", "text/x.tlog.size")
		rw.WriteHeader(http.StatusConflict)
		fmt.Fprintf(rw, "%d\n", int64(size))
		return
	}
	var status int
	switch {
	case errors.Is(err, errProof):
		status = http.StatusUnprocessableEntity
	case errors.Is(err, errOften):
		rw.Header().Set("Retry-After", "1")
		status = http.StatusTooManyRequests
	default:
		status = map[city.Kind]int{
			city.Invalid: http.StatusBadRequest, city.NotFound: http.StatusNotFound, city.Forbidden: http.StatusForbidden,
			city.Unavailable: http.StatusServiceUnavailable, city.TooLarge: http.StatusRequestEntityTooLarge,
		}[city.KindOf(err)]
		if status == 0 {
			status = http.StatusInternalServerError
		}
	}
	rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
	rw.WriteHeader(status)
	text := err.Error()
	if status == http.StatusInternalServerError {
		text = "this witness failed; its operator sees why"
	}
	_, _ = io.WriteString(rw, strings.ToValidUTF8(text, "")+"\n")
}
