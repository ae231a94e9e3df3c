package console

import (
	"html/template"
	"net/http"

	"polity/access"
	"polity/city"
	"polity/console/frame"
	"polity/room/order"
)

// What the pages of water call things by until they move to a package of their own.
type (
	request struct {
		*http.Request
		in       *frame.Request
		who      access.Who
		asPublic bool
		clock    frame.Clock
	}
	page        = frame.Page
	sign        struct{ Sign, Word string }
	powerFigure struct{ Name, Value, What string }
)

var saying = frame.Saying

func (c *Console) water(serve func(*Console, http.ResponseWriter, *request) error) func(http.ResponseWriter, *frame.Request) error {
	return func(w http.ResponseWriter, r *frame.Request) error {
		return serve(c, w, &request{Request: r.Request, in: r, who: r.Who, asPublic: r.AsPublic, clock: r.Clock})
	}
}

func (c *Console) render(w http.ResponseWriter, r *request, status int, p page) error {
	return c.Render(w, r.in, status, p)
}

func (c *Console) answer(w http.ResponseWriter, status int, v any) { c.Answer(w, status, v) }

func (c *Console) html(key string, values ...any) template.HTML { return c.HTML(key, values...) }

func (c *Console) allowed(r *request, do access.Action, on access.Thing) bool {
	return c.Allowed(r.in, do, on)
}

func (c *Console) orders(r *request) (*order.Book, order.Asker, error) { return c.orderBook(r.in) }

func form(w http.ResponseWriter, r *request) error { return readForm(w, r.in) }

func running[Desk any](c *Console, name city.Slug) (Desk, error) {
	return frame.Running[Desk](c.Frame, name, c.cfg.Services[name])
}
