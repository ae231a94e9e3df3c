package console

import (
	"net/http"

	"polity/access/account"
	"polity/city"
	"polity/console/frame"
)

// beginDirectory sends a browser to the city's directory.
func (c *Console) beginDirectory(w http.ResponseWriter, r *frame.Request) error {
	if err := c.ReadForm(w, r); err != nil {
		return err
	}
	d := c.cfg.Directory
	if d == nil {
		return city.Errorf(city.NotFound, "%s", c.Say("error.page"))
	}
	start, err := d.Begin(r.Context(), frame.LocalPath(r.PostForm.Get("then")))
	if err != nil {
		return err
	}
	http.SetCookie(w, start.Cookie)
	// The form's policy lets it lead to this hub alone, so that the page goes on by itself.
	return c.goOn(w, r, start.URL)
}

// finishDirectory is where the directory leads back to.
func (c *Console) finishDirectory(w http.ResponseWriter, r *frame.Request) error {
	people, err := c.people()
	if err != nil {
		return err
	}
	d := c.cfg.Directory
	if d == nil {
		return city.Errorf(city.NotFound, "%s", c.Say("error.page"))
	}
	end, err := d.Finish(r.Request)
	if end.Cookie != nil {
		http.SetCookie(w, end.Cookie)
	}
	if err != nil {
		return err
	}
	if _, err := people.SignInDirectory(w, r.Request, account.Directory(end.Result)); err != nil {
		return err
	}
	return c.goOn(w, r, frame.LocalPath(end.Next))
}

// goOn answers with a page that leads on by itself: a redirect would take along where the
// browser came from, and with it no cookie that is for this site alone.
func (c *Console) goOn(w http.ResponseWriter, r *frame.Request, to string) error {
	w.Header().Set("Refresh", "0; url="+to)
	return c.Render(w, r, http.StatusOK, frame.Page{Template: "goon", Title: c.Say("goon.title"), Data: struct{ To string }{to}})
}
