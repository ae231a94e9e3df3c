package demo

import (
	"context"
	"fmt"
	"time"

	"polity/camera/wire"
	"polity/city"
	"polity/console"
)

// tellEvery is how often the demo looks how its camera is.
const tellEvery = 500 * time.Millisecond

// tell says how far the demo's camera is until it is live, unless somebody is led through
// something else, and gives it its layout the first time.
func (d *demo) tell(ctx context.Context) {
	said, last := time.Now(), ""
	tick := time.NewTicker(tellEvery)
	defer tick.Stop()
	drawn := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		drawn = drawn || d.draw(ctx)
		words, live := d.cameraWords(ctx)
		if led := d.up != nil; !led && (words != last || (!live && time.Since(said) > 5*time.Second)) {
			d.say("%s", words)
			said, last = time.Now(), words
		}
		if live && drawn {
			tick.Reset(5 * tellEvery)
		}
	}
}

// draw gives the camera the demo's layout unless somebody has drawn one. It reports
// whether there is nothing left to do.
func (d *demo) draw(ctx context.Context) bool {
	l, err := d.started.City.Layout(ctx, cameraName)
	if err != nil {
		return false
	}
	if l.Revision > 0 {
		return true
	}
	_, err = d.started.City.SetLayout(ctx, cameraName, square())
	switch city.KindOf(err) {
	case city.Unavailable: // the edge is not there yet
		return false
	case city.Conflict: // the edge has one
		return true
	}
	if err != nil {
		d.say("The demo's lines and zones could not be set: %v", err)
	}
	return true
}

// cameraWords says how the camera is.
func (d *demo) cameraWords(ctx context.Context) (words string, live bool) {
	c, ok := d.square(ctx)
	switch {
	case !ok || c.Heard.IsZero():
		return "The edge starts.", false
	case c.State.Condition == wire.Live && c.State.Unknown < 0.5:
		return "The square is live: " + d.started.Address + "/cameras/" + cameraName, true
	case c.State.Condition == wire.Live:
		return fmt.Sprintf("The camera is live and learns the place; it shows %d%% of it so far.", 10*int(10*(1-c.State.Unknown))), false
	case c.State.Condition == wire.Starting:
		return "The camera's process starts.", false
	case c.State.Condition == wire.NoDetector:
		return "The detector does not answer yet, so the scene stands still.", false
	case c.State.Condition == wire.NoPicture:
		return "No picture arrives at the moment; a machine that is too busy is the usual reason.", false
	}
	return "The camera is not live; why is in " + d.town.path("edge.log"), false
}

func (d *demo) square(ctx context.Context) (console.Camera, bool) {
	list, err := d.started.City.Cameras(ctx)
	if err != nil {
		return console.Camera{}, false
	}
	for _, c := range list {
		if c.Name == cameraName {
			return c, true
		}
	}
	return console.Camera{}, false
}
