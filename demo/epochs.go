package demo

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"time"

	"polity/internal/durable"
)

// daysAhead is for how many days the bodies have made epoch keys.
const daysAhead = "90"

// keepEpochs has the bodies make epoch keys for the days ahead, and destroy those that are
// due: at the start and whenever another day begins.
func (d *demo) keepEpochs(ctx context.Context) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	told := ""
	for {
		today := d.Now().UTC().Format(time.DateOnly)
		if done, err := os.ReadFile(d.town.path("epochs")); err != nil || strings.TrimSpace(string(done)) != today {
			err := d.epochs(ctx, today)
			switch {
			case err == nil:
				d.say("Court and ombudsman made keys for %s days; they are in the public log, and the camera is recorded, sealed to both.", daysAhead)
			case ctx.Err() == nil && err.Error() != told:
				told = err.Error()
				d.say("The bodies' keys for the days ahead are not in the public log yet; it is tried again each minute:\n%v", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// epochs does what the bodies' people do each month: it is told as commands in
// docs/operations.md.
func (d *demo) epochs(ctx context.Context, today string) error {
	errs := make([]error, len(d.founding.bodies))
	var work sync.WaitGroup
	for i, b := range d.founding.bodies {
		work.Go(func() { errs[i] = d.bodyEpochs(ctx, b, today) })
	}
	work.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	var files []string
	for _, b := range d.founding.bodies {
		files = append(files, b.path("stick", "keys.statements"))
		for _, v := range b.devices {
			files = append(files, b.path("stick", v.id+"-destroyed.statements"))
		}
	}
	if _, err := d.command(ctx, append([]string{"record", "submit", "--hub", d.started.Address}, files...)...); err != nil {
		return err
	}
	return durable.WriteFile(d.town.path("epochs"), []byte(today+"\n"), 0o600)
}

// bodyEpochs is one body's part. Every step may be done again: what a device has, it keeps.
func (d *demo) bodyEpochs(ctx context.Context, b *body, today string) error {
	stick := b.path("stick")
	if err := errors.Join(os.RemoveAll(stick), os.MkdirAll(stick, 0o700)); err != nil {
		return err
	}
	for _, v := range b.devices {
		if err := d.adopt(ctx, v); err != nil {
			return err
		}
	}
	first, second := b.devices[0], b.devices[1]
	card, keys := b.path("stick", second.id+".card"), b.path("stick", "keys.bin")
	for _, args := range [][]string{
		first.do("keys", "make", "--class", class, "--from", today, "--days", daysAhead),
		first.do("keys", "publish", "--from", today, "--out", b.path("stick", "keys.statements")),
		second.do("keys", "card", "--out", card),
		first.do("keys", "share", "--card", card, "--out", keys),
		second.do("keys", "take", keys),
		first.do("destroy", "--due", "--on", today, "--out", b.path("stick", first.id+"-destroyed.statements")),
		second.do("destroy", "--due", "--on", today, "--out", b.path("stick", second.id+"-destroyed.statements")),
	} {
		if _, err := d.command(ctx, args...); err != nil {
			return err
		}
	}
	return os.Remove(keys) // as the people are told to wipe the stick
}

// adopt gives a device the city's roster, unless it has it.
func (d *demo) adopt(ctx context.Context, v *device) error {
	said, err := d.command(ctx, v.do("status")...)
	if err != nil || !strings.Contains(said, "none yet; 'polity custodian roster'") {
		return err
	}
	_, err = d.command(ctx, v.do("roster", d.town.path(rosterFile), "--words", d.founding.roster.Words())...)
	return err
}
