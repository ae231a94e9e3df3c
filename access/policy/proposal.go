package policy

import (
	"context"
	"slices"
	"time"

	"polity/access"
	"polity/city"
)

// Reason is why a change is proposed: a word from a closed list, because the book is read
// by many and free text could name somebody.
type Reason string

// Reasons lists them.
func Reasons() []Reason {
	return []Reason{"council-decision", "audit-finding", "correction", "new-task", "trial-ends"}
}

const (
	// ProposalLife is how long a proposal can be approved.
	ProposalLife = 30 * 24 * time.Hour
	// maxOpen is how many proposals can be open at once.
	maxOpen = 16
)

// Proposal is a change that somebody wants and nobody decided about yet.
type Proposal struct {
	Number int // of its entry
	By     string
	At     time.Time
	Until  time.Time // void from then on
	Reason Reason
	Void   bool // too old, or the policies have changed since
	Before []File
	After  []File
}

// Changed lists the names of the files that are not the same before and after.
func (p Proposal) Changed() []string {
	var names []string
	for _, f := range append(slices.Clone(p.Before), p.After...) {
		if find(p.Before, f.Name) != find(p.After, f.Name) && !slices.Contains(names, f.Name) {
			names = append(names, f.Name)
		}
	}
	slices.Sort(names)
	return names
}

// Files returns a city's own policies that are in effect, by name.
func (l *Live) Files() []File {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(inEffect(l.book.entries))
}

// Proposals lists those that nobody decided about, the void ones included, oldest first.
func (l *Live) Proposals() []Proposal {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []Proposal
	for _, e := range l.book.entries {
		if p, ok := open(l.book.entries, e.N); ok {
			list = append(list, l.proposal(p))
		}
	}
	return list
}

func (l *Live) proposal(e Entry) Proposal {
	until := e.At.Add(ProposalLife)
	return Proposal{
		Number: e.N, By: e.By, At: e.At, Until: until, Reason: e.Reason,
		Void:   e.Old != current(l.book.entries) || !l.cfg.Now().Before(until),
		Before: inEffect(l.book.entries[:e.N-1]), After: e.Files,
	}
}

// Propose proposes files as a city's own policies: all of them, not only those that
// change. Nothing takes effect.
func (l *Live) Propose(who access.Who, files []File, reason Reason) (Proposal, error) {
	if err := l.may(who, access.ProposePolicy); err != nil {
		return Proposal{}, err
	}
	if !slices.Contains(Reasons(), reason) {
		return Proposal{}, city.Errorf(city.Invalid, "%q is no reason; choose one of %v", reason, Reasons())
	}
	files = slices.Clone(files)
	slices.SortFunc(files, byName)
	if len(files) > maxFiles {
		return Proposal{}, city.Errorf(city.Invalid, "these are %d files, more than %d; put several policies into one file", len(files), maxFiles)
	}
	if _, err := New(files, l.cfg.Purposes); err != nil {
		return Proposal{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if Hash(files) == current(l.book.entries) {
		return Proposal{}, city.Errorf(city.Invalid, "these are the policies that are in effect; there is nothing to change")
	}
	n := 0
	for _, e := range l.book.entries {
		if p, ok := open(l.book.entries, e.N); ok && !l.proposal(p).Void {
			n++
		}
	}
	if n >= maxOpen {
		return Proposal{}, city.Errorf(city.Conflict, "%d proposals are open already; have some decided or withdrawn first", n)
	}
	e, err := l.book.add(Entry{What: Proposed, By: who.ID, Reason: reason, New: Hash(files), Files: files}, l.cfg.Now())
	if err != nil {
		return Proposal{}, err
	}
	return l.proposal(e), nil
}

// Approve puts a proposal into effect. The entry is on disk before the first decision by
// the new policies; when Approve returns an error that is not of kind Unavailable, the old
// ones hold.
func (l *Live) Approve(ctx context.Context, who access.Who, number int) error {
	return l.decide(ctx, who, number, Approved)
}

// Refuse ends a proposal that somebody else made.
func (l *Live) Refuse(ctx context.Context, who access.Who, number int) error {
	return l.decide(ctx, who, number, Refused)
}

func (l *Live) decide(ctx context.Context, who access.Who, number int, what string) error {
	if err := l.may(who, access.ApprovePolicy); err != nil {
		return err
	}
	inviter := ""
	if l.cfg.Inviter != nil {
		var err error
		if inviter, err = l.cfg.Inviter(ctx, who.ID); err != nil {
			return city.Errorf(city.Unavailable, "ask who let you in: %w", err)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	e, ok := open(l.book.entries, number)
	switch {
	case !ok:
		return city.Errorf(city.NotFound, "there is no open proposal %d", number)
	case e.By == who.ID:
		return city.Errorf(city.Forbidden, "this proposal is your own; another person decides about it")
	case inviter != "" && inviter == e.By:
		return city.Errorf(city.Forbidden, "whoever made this proposal let you in, so that it takes a third person: one whom they did not invite decides about it, or another administrator makes it")
	}
	if what != Approved {
		_, err := l.book.add(Entry{What: what, By: who.ID, Proposal: number, New: current(l.book.entries)}, l.cfg.Now())
		return err
	}
	if p := l.proposal(e); p.Void {
		if !l.cfg.Now().Before(p.Until) {
			return city.Errorf(city.Conflict, "proposal %d is older than %d days; it must be made again", number, int(ProposalLife.Hours()/24))
		}
		return city.Errorf(city.Conflict, "the policies have changed since proposal %d was made; it must be made again from what is in effect now", number)
	}
	p, err := New(e.Files, l.cfg.Purposes)
	if err != nil {
		return err
	}
	if _, err := l.book.add(Entry{What: what, By: who.ID, Proposal: number, New: e.New}, l.cfg.Now()); err != nil {
		return err
	}
	l.now.Store(p)
	if err := writeFolder(l.cfg.Folder, e.Files); err != nil {
		return city.Errorf(city.Unavailable, "the change is in effect and in the book, but its files could not be written; the next start tries again: %w", err)
	}
	return nil
}

// Withdraw ends one's own proposal.
func (l *Live) Withdraw(who access.Who, number int) error {
	if who.Kind != access.Person || who.Door {
		return city.Errorf(city.Forbidden, "a person withdraws their own proposal; sign in with your passkey")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	e, ok := open(l.book.entries, number)
	switch {
	case !ok:
		return city.Errorf(city.NotFound, "there is no open proposal %d", number)
	case e.By != who.ID:
		return city.Errorf(city.Forbidden, "this proposal is not yours; you can refuse it if you may approve")
	}
	_, err := l.book.add(Entry{What: Withdrawn, By: who.ID, Proposal: number, New: current(l.book.entries)}, l.cfg.Now())
	return err
}

// may asks the policies in effect, whoever asked them before.
func (l *Live) may(who access.Who, do access.Action) error {
	if d := l.Decide(who, do, access.City(), access.Circumstances{}); !d.Allowed {
		return city.Errorf(city.Forbidden, "%s", d.Why)
	}
	return nil
}
