package casefile

import (
	"bytes"
	"context"
	"time"

	"polity/city"
)

// steps are the entries without which nothing of a case is shown, by the names of their proofs.
var steps = []string{"requested", "court", "ombudsman", "opened"}

// askAgain is how long to wait between two questions for a proof.
const askAgain = 300 * time.Millisecond

// Public makes sure that the request, both approvals and the opening stand in the public log,
// under a checkpoint that a quorum of witnesses cosigned: by proofs that are kept, or that
// the hub gives within a time; nil: there is no hub. The error is of kind Forbidden where a
// proof is missing.
func (c *Case) Public(ctx context.Context, h Hub, within time.Duration) error {
	if h != nil {
		if err := c.Follow(ctx, h); err != nil && city.KindOf(err) != city.Unavailable { // what is proven stays so without a hub
			return err
		}
	}
	end := time.Now().Add(within)
	for {
		missing, err := c.unproven()
		if missing == "" || err != nil {
			return err
		}
		if h == nil {
			return city.Errorf(city.Forbidden, "there is no proof from the public log of %q: nothing is shown before it stands there. 'polity case open %s --log FOLDER' takes it", missing, c.Code())
		}
		if _, err := c.Fetch(ctx, h); err != nil {
			return err
		}
		if missing, err = c.unproven(); missing == "" || err != nil {
			return err
		}
		if time.Now().After(end) {
			return city.Errorf(city.Forbidden, "%q is not in the public log yet, or not yet signed by a quorum of witnesses: nothing is shown before. Wait some seconds; if it stays so, 'polity case open %s' hands it in again", missing, c.Code())
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(askAgain):
		}
	}
}

// unproven names the first step that no proof shows; empty: all are proven.
func (c *Case) unproven() (string, error) {
	ours, err := c.entries()
	if err != nil {
		return "", err
	}
	for _, name := range steps {
		p, _, err := c.Proof(name)
		if err != nil || ours[name] == nil || !bytes.Equal(p.Entry, ours[name]) {
			return name, nil //nolint:nilerr // a proof that is wrong is none
		}
		if _, err := c.office.see(p.Checkpoint); err != nil {
			return "", err
		}
	}
	return "", nil
}
