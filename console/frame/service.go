package frame

import (
	"polity/city"
	"polity/service"
)

// Running is a service as a page asks it; one that does not run (nil), or cannot be asked so,
// is an error of kind NotFound.
func Running[Desk any](f *Frame, name city.Slug, s service.Service) (Desk, error) {
	desk, runs := s.(Desk)
	if !runs {
		return desk, city.Errorf(city.NotFound, "%s", f.Say("services.off", "name", string(name)))
	}
	return desk, nil
}

// DeskName is a service as its desk is called.
func (f *Frame) DeskName(d city.Slug) string { return f.Say("orders.desk." + string(d)) }
