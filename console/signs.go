package console

import (
	"cmp"
	"html/template"
	"strings"
	"time"

	"polity/camera/wire"
	"polity/console/names"
)

// silent is how old the last state of a camera may be; one comes about every
// second.
const silent = 20 * time.Second

// title is what people call the camera.
func (k Camera) title() string { return cmp.Or(k.Entry.Title, string(k.Name)) }

// sign is a state as shape, word and colour: live, attention, stopped or unknown.
type sign struct{ Sign, Word string }

// doing is how a camera is doing, in words.
type doing struct {
	State sign
	What  template.HTML // one sentence
	ToDo  string        // for whoever runs it; empty when nothing is to be done
}

var signOf = map[wire.Condition]string{
	wire.Starting: "unknown", wire.Live: "live", wire.NoPicture: "stopped", wire.WrongPassword: "stopped",
	wire.BadStream: "stopped", wire.NoDetector: "attention", wire.Refused: "stopped", wire.Ended: "stopped",
}

// enough is the share of the wanted rate below which a camera observes less.
const enough = 0.8

func (c *Console) doing(k Camera, at clock) doing {
	key, shape := "", "unknown"
	s := k.State
	switch {
	case !k.Entry.Until.IsZero() && at.now.After(k.Entry.Until):
		key, shape = "ended", "stopped"
	case k.Heard.IsZero():
		key = "never"
	case at.now.Sub(k.Heard) > silent:
		key = "silent"
	case s.Condition == wire.Live && s.Wanted > 0 && s.PerSecond < enough*s.Wanted:
		key, shape = "less", "attention"
	case s.Condition == wire.Refused && k.Refused != 0:
		return doing{
			State: sign{"stopped", c.say.Say("state.refused")},
			What:  c.html("state.refused.because", "reason", c.say.Say("refused."+strings.ReplaceAll(k.Refused.String(), " ", "-"))),
			ToDo:  c.say.Say("state.refused.todo"),
		}
	default:
		key, shape = names.Conditions[s.Condition], signOf[s.Condition]
	}
	return doing{
		State: sign{shape, c.say.Say("state." + key)},
		What: c.html("state."+key+".what", "since", at.Time(k.Heard), "until", at.Date(k.Entry.Until),
			"rate", float64(s.PerSecond), "wanted", float64(s.Wanted)),
		ToDo: c.todo("state." + key + ".todo"),
	}
}

// todo returns a message that not every state has.
func (c *Console) todo(key string) string {
	if c.say.Forms(key) == nil {
		return ""
	}
	return c.say.Say(key)
}
