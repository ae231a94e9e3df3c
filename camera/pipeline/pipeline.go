// Package pipeline is what is done with each analysed frame of a camera: look,
// learn the place, measure. A live camera, a film that a city tries and every
// benchmark run through this one.
package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"image"
	"time"

	"polity/camera/detect"
	"polity/camera/detect/model"
	"polity/camera/frame"
	"polity/camera/layout"
	"polity/camera/measure"
	"polity/camera/scene"
	"polity/camera/wire"
	"polity/city"
)

// Config is how a camera is watched.
type Config struct {
	Tuning    detect.Tuning
	Attending detect.Attending
	Scene     scene.Config
	Measure   measure.Config
}

// DefaultConfig is what Polity ships: one for all cameras, films and benchmarks.
var DefaultConfig = Config{
	Tuning: detect.DefaultTuning, Attending: detect.DefaultAttending,
	Scene: scene.DefaultConfig, Measure: measure.DefaultConfig,
}

// Hash names the configuration, the scene's rules and the network that the detector
// runs: the first 12 hexadecimal digits of a SHA-256.
func (c *Config) Hash() string {
	text, err := json.Marshal(struct {
		*Config
		Rules map[string]float64
	}{c, scene.Rules()})
	if err != nil {
		panic(err) // plain numbers
	}
	network := sha256.Sum256(model.ONNX)
	sum := sha256.Sum256(append(text, network[:]...))
	return hex.EncodeToString(sum[:6])
}

// Pipeline watches one camera. It is used by one goroutine.
type Pipeline struct {
	attention *detect.Attention
	scene     *scene.Model
	meter     *measure.Measure
	layout    uint32 // revision
	health    health
	left      []measure.Left
	leftAt    time.Time
	looks     uint64
	failed    error
	out       []wire.Message
}

// New returns a Pipeline that has seen nothing. Without eyes nothing is ever shown
// and nothing counted. A live camera is looked at less often under load, a film as
// often as configured.
func New(config Config, eyes detect.Eyes, l layout.Layout, live bool) (*Pipeline, error) {
	if eyes == nil {
		eyes = blind{}
	}
	model, err := scene.New(config.Scene, eyes)
	if err != nil {
		return nil, err
	}
	meter, err := measure.New(config.Measure, l)
	if err != nil {
		return nil, err
	}
	return &Pipeline{attention: detect.NewAttention(eyes, config.Attending, live), scene: model, meter: meter, layout: l.Revision}, nil
}

// leftEvery is how often the scene is asked what was left in the place.
const leftEvery = time.Second

// See takes in the next frame, in the order of time, and keeps nothing of it. While
// the detector fails, what is shown freezes and the time counts as not seen.
func (p *Pipeline) See(ctx context.Context, f *frame.Frame) {
	var sight detect.Sight
	sight, p.failed = p.attention.Look(ctx, f, p.meter.Expected())
	if len(sight.Looked) > 0 {
		p.looks++
	}
	p.scene.See(ctx, f, sight, p.failed)
	if p.failed != nil {
		p.meter.Miss(f.Taken)
	} else {
		if since := f.Taken.Sub(p.leftAt); since >= leftEvery || since < 0 {
			p.leftAt, p.left = f.Taken, p.left[:0]
			for _, l := range p.scene.Left() {
				p.left = append(p.left, measure.Left(l))
			}
		}
		p.meter.See(sight, p.left)
	}
	p.out = p.health.tampered(p.out, p.scene.Tamper(), f.Taken, p.layout)
}

// Miss says that nothing was seen at that time: no picture came.
func (p *Pipeline) Miss(at time.Time) { p.meter.Miss(at) }

// Silent says whether the camera gives pictures, Less whether load forces fewer
// analysed frames than configured (value is their rate). Both are events while they
// hold.
func (p *Pipeline) Silent(is bool, at time.Time) {
	p.out = p.health.set(p.out, wire.CameraSilent, is, at, 0, p.layout)
}

// Less is described with Silent.
func (p *Pipeline) Less(is bool, rate float64, at time.Time) {
	p.out = p.health.set(p.out, wire.ObservingLess, is, at, rate, p.layout)
}

// SetLayout goes on with another layout at the time at.
func (p *Pipeline) SetLayout(l layout.Layout, at time.Time) error {
	if err := p.meter.SetLayout(l, at); err != nil {
		return err
	}
	p.out = p.health.close(p.out, at)
	p.layout = l.Revision
	return nil
}

// Take returns the observations and events since the last call. An event that
// begins carries the place as it is shown, small.
func (p *Pipeline) Take() []wire.Message {
	out := append(p.out, p.meter.Take()...)
	p.out = nil
	return p.illustrate(out)
}

// Close ends the interval under way and all events, and returns what Take would.
func (p *Pipeline) Close(at time.Time) []wire.Message {
	out := append(p.out, p.meter.Close(at)...)
	p.out = nil
	return p.illustrate(p.health.close(out, at))
}

func (p *Pipeline) illustrate(out []wire.Message) []wire.Message {
	for _, m := range out {
		e, ok := m.(*wire.Event)
		if !ok || !e.End.IsZero() {
			continue
		}
		if picture, err := p.scene.Thumbnail(); err == nil {
			e.Place = picture
		} // an event without its picture is still an event
	}
	return out
}

// Scene is the place, Meter what is counted.
func (p *Pipeline) Scene() *scene.Model { return p.scene }

// Meter is what is counted.
func (p *Pipeline) Meter() *measure.Measure { return p.meter }

// Looks is how often the detector looked at a frame.
func (p *Pipeline) Looks() uint64 { return p.looks }

// Failed is why the detector did not look at the last frame although it was asked
// to; nil if it works.
func (p *Pipeline) Failed() error { return p.failed }

// blind are eyes that see nothing and know it.
type blind struct{}

func (blind) err() error { return city.Errorf(city.Unavailable, "there is no detector") }

func (b blind) Detect(context.Context, *frame.Frame, image.Rectangle, float32) ([]detect.Box, error) {
	return nil, b.err()
}

func (b blind) DetectIn(context.Context, *frame.Frame, []image.Rectangle, float32) ([]detect.Box, bool, error) {
	return nil, false, b.err()
}
