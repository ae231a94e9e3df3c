package hub

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"polity/access/directory"
	"polity/city"
	"polity/internal/certs"
	"polity/register"
)

// Inspect reads the files that a configuration names, as a hub would at its start, and
// says in words what there is. It opens no port and no store. The error has everything
// that would keep the hub from starting.
func Inspect(c Config) (words string, err error) {
	var b strings.Builder
	var errs []error
	if _, err := c.spine(); err != nil {
		errs = append(errs, err)
	}
	if _, err := c.Changes.programs(); err != nil {
		errs = append(errs, err)
	}
	say := func(words string, err error) {
		b.WriteString(words)
		errs = append(errs, err)
	}
	say(certs.Inspect(c.TLS, c.Listen, time.Now()))
	if c.Access.Directory != nil {
		say(directory.Inspect(*c.Access.Directory))
	}
	if info, err := os.Stat(c.Register); err != nil || !info.IsDir() {
		errs = append(errs, city.Errorf(city.Invalid, "hub.register: %s is no folder; put the cameras' entries there", c.Register))
	} else if err := c.inspectRegister(&b); err != nil {
		errs = append(errs, err)
	}
	if c.Sensors != nil {
		errs = append(errs, c.Sensors.inspect(&b))
	}
	c.Transit.inspect(&b)
	return b.String(), errors.Join(errs...)
}

func (c *Config) inspectRegister(b *strings.Builder) error {
	keys, err := register.ParseKeys(c.CityKeys)
	if err != nil {
		return err
	}
	entries, problems, err := register.Folder{Dir: c.Register, Keys: keys}.All()
	if err != nil {
		return err
	}
	fmt.Fprintf(b, "Entries of cameras that count: %d.\n", len(entries))
	for _, p := range problems {
		fmt.Fprintf(b, "An entry does not count: %v\n", p)
	}
	return nil
}

func (s *Sensors) inspect(b *strings.Builder) error {
	var errs []error
	if set, err := s.read(); err != nil {
		errs = append(errs, err)
	} else {
		for _, m := range set.All() {
			fmt.Fprintf(b, "Mapping %s: %s.\n", m.Name, m.Entity.Type)
		}
	}
	if s.MQTT.Listen != "" {
		broker, err := s.MQTT.read()
		if err != nil {
			errs = append(errs, err)
		} else {
			fmt.Fprintf(b, "Devices that may sign in over MQTT: %d.\n", len(broker.Devices))
		}
	}
	if s.Broker.Server != "" {
		_, err := s.Broker.read()
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
