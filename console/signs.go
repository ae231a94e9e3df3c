package console

import (
	"cmp"
	"html/template"
	"strings"
	"time"

	"polity/camera/wire"
	"polity/console/frame"
	"polity/console/names"
)

// silent is how old the last state of a camera may be; one comes about every
// second.
const silent = 20 * time.Second

// title is what people call the camera.
func (k Camera) title() string { return cmp.Or(k.Entry.Title, string(k.Name)) }

// doing is how a camera is doing, in words.
type doing struct {
	State frame.Sign
	What  template.HTML // one sentence
	ToDo  string        // for whoever runs it; empty when nothing is to be done
}

var signOf = map[wire.Condition]string{
	wire.Starting: "unknown", wire.Live: "live", wire.NoPicture: "stopped", wire.WrongPassword: "stopped",
	wire.BadStream: "stopped", wire.NoDetector: "attention", wire.Refused: "stopped", wire.Ended: "stopped",
}

// enough is the share of the wanted rate below which a camera observes less.
const enough = 0.8

func (c *Console) doing(k Camera, at frame.Clock) doing {
	key, shape := "", "unknown"
	s := k.State
	switch {
	case !k.Entry.Until.IsZero() && at.Now.After(k.Entry.Until):
		key, shape = "ended", "stopped"
	case k.Heard.IsZero():
		key = "never"
	case at.Now.Sub(k.Heard) > silent:
		key = "silent"
	case s.Condition == wire.Live && s.Wanted > 0 && s.PerSecond < enough*s.Wanted:
		key, shape = "less", "attention"
	case s.Condition == wire.Refused && k.Refused != 0:
		return doing{
			State: frame.Stopped(c.Say("state.refused")),
			What:  c.HTML("state.refused.because", "reason", c.Say("refused."+strings.ReplaceAll(k.Refused.String(), " ", "-"))),
			ToDo:  c.Say("state.refused.todo"),
		}
	default:
		key, shape = names.Conditions[s.Condition], signOf[s.Condition]
	}
	return doing{
		State: frame.Sign{Sign: shape, Word: c.Say("state." + key)},
		What: c.HTML("state."+key+".what", "since", at.Time(k.Heard), "until", at.Date(k.Entry.Until),
			"rate", float64(s.PerSecond), "wanted", float64(s.Wanted)),
		ToDo: c.todo("state." + key + ".todo"),
	}
}

// todo returns a message that not every state has.
func (c *Console) todo(key string) string {
	if c.Forms(key) == nil {
		return ""
	}
	return c.Say(key)
}
