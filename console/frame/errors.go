package frame

import (
	"errors"
	"log/slog"
	"net/http"

	"polity/city"
)

// statuses is the one place where kinds of error become HTTP statuses.
var statuses = map[city.Kind]int{
	city.Internal: http.StatusInternalServerError, city.Invalid: http.StatusBadRequest, city.NotFound: http.StatusNotFound,
	city.Conflict: http.StatusConflict, city.Forbidden: http.StatusForbidden, city.Unavailable: http.StatusServiceUnavailable,
	city.TooLarge: http.StatusRequestEntityTooLarge,
}

// errorView is the page of what went wrong.
type errorView struct {
	Happened, Means string
	SignIn          string   // where to; empty: that would not help
	Purposes        []Choice // one of which has to be stated
	Here            string
}

// Status is the HTTP status of an error's kind.
func Status(kind city.Kind) int { return statuses[kind] }

// ErrGone means that the reader left while being answered: nobody is there to tell.
var ErrGone = errors.New("the reader left")

// Gone turns an error of writing an answer into ErrGone.
func Gone(err error) error {
	if err != nil {
		return ErrGone
	}
	return nil
}

// fail answers with what happened, what it means and where to go on: as a page, or
// as a Problem to a script.
func (f *Frame) fail(w http.ResponseWriter, r *Request, err error) {
	if errors.Is(err, ErrGone) {
		return
	}
	kind := city.KindOf(err)
	happened := err.Error()
	if kind == city.Internal {
		f.log.Error("a page failed", slog.String("path", r.URL.Path), slog.Any("error", err))
		happened = f.Say("error.internal") // the rest is for the log
	}
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	for _, name := range []string{"Content-Encoding", "Content-Length", "Content-Disposition"} {
		h.Del(name)
	}
	if wantsJSON(r) {
		f.Answer(w, statuses[kind], Problem{Message: happened})
		return
	}
	data := errorView{Happened: happened, Means: f.Say("error.means." + slugOf(kind))}
	title := f.Say("error.title." + slugOf(kind))
	if no, ok := errors.AsType[*Refusal](err); ok {
		switch {
		case no.Public && f.cfg.Access != nil:
			data.Means, data.SignIn = f.Say("error.means.signin"), signInAddress(r)
		case no.Purpose && r.Method == http.MethodGet:
			title, data.Happened, data.Means = f.Say("purpose.title"), f.Say("account.purpose.why"), ""
			data.Purposes, data.Here = f.cfg.Purposes(), r.URL.RequestURI()
		}
	}
	if err := f.Render(w, r, statuses[kind], Page{Template: "error", Title: title, Data: data}); err != nil {
		f.log.Error("an error page failed", slog.Any("error", err))
	}
}

func slugOf(k city.Kind) string {
	switch k {
	case city.NotFound:
		return "notfound"
	case city.TooLarge:
		return "toolarge"
	}
	return k.String()
}

// Problem is an error for a script.
type Problem struct {
	Message string `json:"message"`
	// Zone, Line and Ground say what of a layout is wrong: the zone's or line's
	// index, -1 for none.
	Zone   int  `json:"zone"`
	Line   int  `json:"line"`
	Ground bool `json:"ground"`
}
