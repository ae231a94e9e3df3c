package demo

import (
	"context"
	"regexp"
)

var devicePage = regexp.MustCompile(`^Open (http://\S+)$`)

// startDevices serves the pages of each body's first device, as people without a terminal
// use them.
func (d *demo) startDevices(c *crowd) error {
	for _, b := range d.founding.bodies {
		out, _, err := d.town.logFile(b.name + ".log")
		if err != nil {
			return err
		}
		b.page = newPlace()
		listen := newPlace()
		c.add(&child{
			name: "The page of " + b.title, out: out,
			program: func() []string {
				return append([]string{d.Program}, b.devices[0].do("serve", "--listen", listen.or(anyPort), "--with-parent")...)
			},
			heard: func(line string) {
				if m := devicePage.FindStringSubmatch(line); m != nil {
					listen.set(hostOf(m[1]))
					b.page.set(m[1])
				}
			},
		})
	}
	return nil
}

// sayDevices tells where the bodies' pages are, and how to see what they are for.
func (d *demo) sayDevices(ctx context.Context) {
	for _, b := range d.founding.bodies {
		if err := b.page.wait(ctx, b.title, d.town.path(b.name+".log")); err != nil {
			d.say("%v", err)
			continue
		}
		d.say("  %-22s %s\n  %-22s passphrase: %s", b.title, b.page.or(""), "", b.phrase)
	}
	data := ""
	if d.Data != UsualData {
		data = " --data " + d.Data
	}
	d.say("A release of footage, step by step, in a second terminal: %s demo --release%s", shorter(d.Program), data)
}
