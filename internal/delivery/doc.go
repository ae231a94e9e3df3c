// Package delivery keeps notifications until their receivers have them. Each receiver
// has a queue of its own on disk: its notifications go one after the other, in order,
// and are tried again with longer and longer pauses, while a receiver that is slow or
// gone delays no other. What was tried often enough, or waits behind too many, becomes
// a dead letter: it is kept, can be looked at, and put back.
//
// A notification is stored before it is sent and removed after it was taken, so that a
// crash at any point loses none; one that was just taken may then come twice.
package delivery

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"polity/city"
)

// Receiver names who gets notifications: a subscription of a tenant, a channel.
type Receiver struct{ Tenant, ID string }

// Note is one notification for one receiver.
type Note struct {
	To   Receiver
	Body []byte
}

// Position is how far the notes are that a feed of changes makes.
type Position struct {
	Origin   string // of the feed
	Sequence uint64
}

// ErrGone is Send's for a receiver that is no more: the notification is removed.
var ErrGone = errors.New("the subscription is no more")

// Later is an error of Send that says how long to wait at least.
type Later struct {
	Err error
	For time.Duration
}

func (l *Later) Error() string { return l.Err.Error() }

func (l *Later) Unwrap() error { return l.Err }

// longest bounds what a receiver may ask for with Later.
const longest = 10 * time.Minute

// Limits bound what is kept. Zero fields are those of Defaults.
type Limits struct {
	// Pauses are those before another attempt while a receiver fails; the last one
	// goes on. A notification that failed once more than there are pauses becomes a
	// dead letter.
	Pauses  []time.Duration
	Waiting int           // notifications that wait for one receiver; the oldest behind that become dead letters
	Dead    int           // dead letters of one receiver; the oldest behind that are dropped
	Bytes   int64         // of what waits for one receiver, and again of its dead letters
	Keep    time.Duration // for so long a dead letter is kept
	Disk    int64         // bytes of all notifications together; behind that the oldest dead letters are dropped first
}

// Defaults are the limits where none are given.
var Defaults = Limits{
	Pauses:  []time.Duration{time.Second, 4 * time.Second, 15 * time.Second, 40 * time.Second},
	Waiting: 10_000, Dead: 10_000, Bytes: 32 << 20, Keep: 7 * 24 * time.Hour, Disk: 1 << 30,
}

func (l Limits) withDefaults() Limits {
	if len(l.Pauses) == 0 {
		l.Pauses = Defaults.Pauses
	}
	if l.Waiting == 0 {
		l.Waiting = Defaults.Waiting
	}
	if l.Dead == 0 {
		l.Dead = Defaults.Dead
	}
	if l.Bytes == 0 {
		l.Bytes = Defaults.Bytes
	}
	if l.Keep == 0 {
		l.Keep = Defaults.Keep
	}
	if l.Disk == 0 {
		l.Disk = Defaults.Disk
	}
	return l
}

// Check reports the first limit that makes no sense.
func (l Limits) Check() error {
	for _, p := range l.Pauses {
		if p < 10*time.Millisecond || p > 24*time.Hour {
			return city.Errorf(city.Invalid, "retries: a pause of %v; give 10ms to 24h", p)
		}
	}
	switch {
	case len(l.Pauses) > 20:
		return city.Errorf(city.Invalid, "retries: there are %d; 20 are allowed", len(l.Pauses))
	case l.Waiting < 0 || l.Dead < 0 || l.Bytes < 0 || l.Disk < 0 || l.Keep < 0:
		return city.Errorf(city.Invalid, "a limit is below 0; leave it out for the usual one")
	}
	return nil
}

// Config is what Open needs.
type Config struct {
	Path string // of the SQLite file, made if it is not there
	// Send hands a notification to its receiver and returns nil once that has taken
	// it. It is called for many receivers at once, for each one call at a time.
	Send   func(ctx context.Context, to Receiver, body []byte) error
	Limits Limits
	// Command is the one that lists and replays dead letters, for texts; empty:
	// "polity notifications".
	Command string
	Log     *slog.Logger
	Now     func() time.Time // nil: time.Now
}

// State is what happened to a receiver's notifications.
type State struct {
	Sent, Failed           int64 // attempts; those that failed are among the sent
	Last, Success, Failure time.Time
	Reason                 string // of the last failure
	InRow                  int    // failures since the last success
	Waiting, WaitingBytes  int64
	Dead, DeadBytes        int64
	Dropped                int64 // dead letters that are no longer kept
}

// Failing says whether the last attempt failed.
func (s State) Failing() bool { return s.InRow > 0 }

// Counts is what all receivers together come to.
type Counts struct {
	Receivers, Failing            int64
	Waiting, Dead, Bytes          int64
	Sent, Failed, Killed, Dropped uint64 // since the start: attempts, failed ones, new dead letters, dropped ones
}
