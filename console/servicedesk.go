package console

import (
	"polity/city"
)

// running is a service as a page asks it; one that does not run, or cannot be asked so, is
// an error of kind NotFound.
func running[Desk any](c *Console, name city.Slug) (Desk, error) {
	desk, runs := c.cfg.Services[name].(Desk)
	if !runs {
		return desk, city.Errorf(city.NotFound, "%s", c.say.Say("services.off", "name", string(name)))
	}
	return desk, nil
}
