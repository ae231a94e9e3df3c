package console

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
	Purposes        []choice // one of which has to be stated
	Here            string
}

// purposeChoices are those that a look may have.
func (c *Console) purposeChoices() []choice {
	var list []choice
	if c.cfg.Accounts != nil {
		for _, p := range c.cfg.Accounts.Purposes() {
			list = append(list, choice{Value: string(p.Name), Words: p.Title})
		}
	}
	return list
}

// errGone means that the reader left while being answered: nobody is there to tell.
var errGone = errors.New("the reader left")

func gone(err error) error {
	if err != nil {
		return errGone
	}
	return nil
}

// fail answers with what happened, what it means and where to go on: as a page, or
// as a Problem to a script.
func (c *Console) fail(w http.ResponseWriter, r *request, err error) {
	if errors.Is(err, errGone) {
		return
	}
	kind := city.KindOf(err)
	happened := err.Error()
	if kind == city.Internal {
		c.log.Error("a page failed", slog.String("path", r.URL.Path), slog.Any("error", err))
		happened = c.say.Say("error.internal") // the rest is for the log
	}
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	for _, name := range []string{"Content-Encoding", "Content-Length", "Content-Disposition"} {
		h.Del(name)
	}
	if wantsJSON(r) {
		c.answer(w, statuses[kind], Problem{Message: happened})
		return
	}
	data := errorView{Happened: happened, Means: c.say.Say("error.means." + slugOf(kind))}
	title := c.say.Say("error.title." + slugOf(kind))
	if no, ok := errors.AsType[*refusal](err); ok {
		switch {
		case no.public && c.cfg.Access != nil:
			data.Means, data.SignIn = c.say.Say("error.means.signin"), signInAddress(r)
		case no.Purpose && r.Method == http.MethodGet:
			title, data.Happened, data.Means = c.say.Say("purpose.title"), c.say.Say("account.purpose.why"), ""
			data.Purposes, data.Here = c.purposeChoices(), r.URL.RequestURI()
		}
	}
	if err := c.render(w, r, statuses[kind], page{Template: "error", Title: title, Data: data}); err != nil {
		c.log.Error("an error page failed", slog.Any("error", err))
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
