package notice

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"

	"polity/access"
	"polity/city"
	"polity/internal/delivery"
	"polity/room/notice/webpush"
)

// Settings are a person's own.
type Settings struct {
	Push, Mail bool      // wanted during a shift
	Address    string    // confirmed, for mail; empty: none
	Asked      string    // an address that a code was sent to, and that is not confirmed yet
	Priority   int       // told are alerts of this priority and more urgent ones
	Until      time.Time // end of the shift; zero or past: none
	Browsers   int       // that push goes to
}

// OnShift says whether a shift is on.
func (s *Settings) OnShift(now time.Time) bool { return s.Until.After(now) }

const (
	// LongestShift is how long a person's channels are on at most.
	LongestShift = 14 * time.Hour
	mostBrowsers = 5
	refreshEach  = 30 * time.Second
	sweepEach    = time.Hour
)

// Settings returns a person's own.
func (n *Notices) Settings(ctx context.Context, person string) (Settings, error) {
	s := Settings{Priority: 2}
	var until int64
	err := n.book.db.QueryRowContext(ctx, "SELECT push, mail, address, priority, until FROM person WHERE id = ?", person).Scan(&s.Push, &s.Mail, &s.Address, &s.Priority, &until)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return s, fault(err)
	}
	if until != 0 {
		s.Until = time.UnixMilli(until)
	}
	if err := n.book.db.QueryRowContext(ctx, "SELECT count(*) FROM subscription WHERE person = ?", person).Scan(&s.Browsers); err != nil {
		return s, fault(err)
	}
	err = n.book.db.QueryRowContext(ctx, "SELECT address FROM code WHERE person = ? AND ends > ?", person, n.now().UnixMilli()).Scan(&s.Asked)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return s, fault(err)
	}
	return s, nil
}

// Change is what a person changes of their settings; nil leaves it.
type Change struct {
	Push, Mail *bool
	Priority   *int
	Shift      *time.Duration // from now on; 0 ends it
}

// Change changes a person's settings.
func (n *Notices) Change(ctx context.Context, person string, c Change) error {
	if person == "" {
		return city.Errorf(city.Forbidden, "who is not signed in has no notices")
	}
	if c.Priority != nil && (*c.Priority < 1 || *c.Priority > Least) {
		return city.Errorf(city.Invalid, "the priority %d is none; give 1, the most urgent, to %d", *c.Priority, Least)
	}
	if c.Shift != nil && (*c.Shift < 0 || *c.Shift > LongestShift) {
		return city.Errorf(city.Invalid, "a shift has %d hours at most", int(LongestShift.Hours()))
	}
	return n.changePerson(ctx, person, func(tx *sql.Tx) error {
		if c.Mail != nil && *c.Mail {
			var address string
			if err := tx.QueryRowContext(ctx, "SELECT address FROM person WHERE id = ?", person).Scan(&address); err != nil {
				return err
			}
			if address == "" {
				return city.Errorf(city.Conflict, "confirm a mail address first")
			}
		}
		for column, v := range map[string]any{"push": value(c.Push), "mail": value(c.Mail), "priority": value(c.Priority), "until": n.until(c.Shift)} {
			if v == nil {
				continue
			}
			if _, err := tx.ExecContext(ctx, "UPDATE person SET "+column+" = ? WHERE id = ?", v, person); err != nil { //nolint:gosec // column is ours
				return err
			}
		}
		if c.Shift != nil { // a new shift hears of what comes from now on
			for _, medium := range []string{ofPush, ofMail} {
				for _, q := range []string{"DELETE FROM told WHERE o = (SELECT o FROM outlet WHERE name = ?)", "DELETE FROM outlet WHERE name = ?"} {
					if _, err := tx.ExecContext(ctx, q, medium+"/"+person); err != nil {
						return err
					}
				}
			}
		}
		return nil
	})
}

func value[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}

func (n *Notices) until(shift *time.Duration) any {
	switch {
	case shift == nil:
		return nil
	case *shift == 0:
		return 0
	}
	return n.now().Add(*shift).UnixMilli()
}

// changePerson changes what is kept of a person, and has it read anew.
func (n *Notices) changePerson(ctx context.Context, person string, f func(tx *sql.Tx) error) error {
	n.telling.Lock() // no round is under way with what was
	defer n.telling.Unlock()
	err := n.book.change(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "INSERT INTO person (id) VALUES (?) ON CONFLICT DO NOTHING", person); err != nil {
			return err
		}
		return f(tx)
	})
	n.mu.Lock()
	n.people = true
	n.mu.Unlock()
	n.changed.Ring()
	return err
}

// Subscribe takes a browser of a person for push. A browser that was another person's is
// that person's no more.
func (n *Notices) Subscribe(ctx context.Context, person, endpoint, p256dh, auth string) error {
	if n.signer == nil {
		return city.Errorf(city.Unavailable, "web push is off in the hub's configuration")
	}
	if person == "" {
		return city.Errorf(city.Forbidden, "who is not signed in has no notices")
	}
	if _, err := webpush.Parse(endpoint, p256dh, auth, n.cfg.Hosts); err != nil {
		return err
	}
	return n.changePerson(ctx, person, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM subscription WHERE endpoint = ?", endpoint); err != nil {
			return err
		}
		var have int
		if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM subscription WHERE person = ?", person).Scan(&have); err != nil {
			return err
		}
		if have >= mostBrowsers {
			return city.Errorf(city.Conflict, "push goes to %d of your browsers already; switch it off in one", have)
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO subscription (id, person, endpoint, p256dh, auth, at) VALUES (?, ?, ?, ?, ?, ?)",
			id(person, endpoint, auth)[4:], person, endpoint, p256dh, auth, n.now().UnixMilli()); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "UPDATE person SET push = 1 WHERE id = ?", person)
		return err
	})
}

// Unsubscribe forgets a person's browser; all of them where no endpoint is given.
func (n *Notices) Unsubscribe(ctx context.Context, person, endpoint string) error {
	return n.changePerson(ctx, person, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM subscription WHERE person = ? AND (? = '' OR endpoint = ?)", person, endpoint, endpoint)
		return err
	})
}

// Forget removes all that is kept of a person whose account is no more.
func (n *Notices) Forget(ctx context.Context, person string) error {
	return n.changePerson(ctx, person, func(tx *sql.Tx) error { return forget(ctx, tx, person) })
}

func forget(ctx context.Context, tx *sql.Tx, person string) error {
	for _, q := range []string{
		"DELETE FROM person WHERE id = ?", "DELETE FROM code WHERE person = ?", "DELETE FROM sent_code WHERE person = ?", "DELETE FROM subscription WHERE person = ?",
	} {
		if _, err := tx.ExecContext(ctx, q, person); err != nil {
			return err
		}
	}
	return nil
}

// sweep forgets people whose account is no more, or may not sign in any more. It is part of
// a round.
func (n *Notices) sweep(ctx context.Context) error {
	var all []string
	if err := n.book.each(ctx, "SELECT id FROM person UNION SELECT person FROM code UNION SELECT person FROM subscription", nil, func(scan func(...any) error) error {
		var person string
		err := scan(&person)
		all = append(all, person)
		return err
	}); err != nil {
		return err
	}
	for _, person := range all {
		_, there, err := n.deps.People.Person(ctx, person)
		if err != nil {
			return err
		}
		if there {
			continue
		}
		if err := n.book.change(ctx, func(tx *sql.Tx) error { return forget(ctx, tx, person) }); err != nil {
			return err
		}
	}
	return nil
}

// may says which desks' alerts somebody may see.
func (n *Notices) may(who access.Who) []city.Slug {
	var out []city.Slug
	if n.deps.Decide == nil {
		return nil
	}
	for _, d := range access.Desks() {
		if n.deps.Decide.Decide(who, access.SeeAlerts, access.Service(d), access.Circumstances{}).Allowed {
			out = append(out, d)
		}
	}
	return out
}

// own is a person's channels as they are in the book.
type own struct {
	id       string
	settings Settings
	browsers []string // ids of subscriptions
}

// refresh makes the outlets of people anew where something changed, and now and then
// since rights may have.
func (n *Notices) refresh(ctx context.Context) error {
	now := n.now()
	n.mu.Lock()
	due := n.people || now.Sub(n.fresh) >= refreshEach || now.Before(n.fresh)
	n.mu.Unlock()
	if !due || n.deps.People == nil {
		return nil
	}
	if now.Sub(n.swept) >= sweepEach || now.Before(n.swept) {
		if err := n.sweep(ctx); err != nil {
			return err
		}
		n.swept = now
	}
	list, err := n.onShift(ctx, now)
	if err != nil {
		return err
	}
	want := map[string]*outlet{}
	for _, p := range list {
		who, there, err := n.deps.People.Person(ctx, p.id)
		if err != nil {
			return err
		}
		desks := n.may(who)
		if !there || len(desks) == 0 {
			continue
		}
		rule := Rule{Desks: desks, Priority: p.settings.Priority}.withDefaults()
		if p.settings.Push && n.signer != nil && len(p.browsers) > 0 {
			o := &outlet{name: ofPush + "/" + p.id, rule: rule, perMinute: n.cfg.Push.PerMinute}
			for _, b := range p.browsers {
				o.to = append(o.to, delivery.Receiver{Tenant: ofPush, ID: b})
			}
			want[o.name] = o
		}
		if p.settings.Mail && p.settings.Address != "" && n.mailer != nil {
			want[ofMail+"/"+p.id] = &outlet{name: ofMail + "/" + p.id, rule: rule, perMinute: 4, to: []delivery.Receiver{{Tenant: ofMail, ID: p.id}}}
		}
		for _, o := range want {
			if o.person == "" {
				o.person, o.said, o.until = p.id, "own", p.settings.Until
			}
		}
	}
	if err := n.replace(ctx, want, now); err != nil {
		return err
	}
	n.mu.Lock()
	n.people, n.fresh = false, now
	n.mu.Unlock()
	return nil
}

// onShift reads those whose channels are on.
func (n *Notices) onShift(ctx context.Context, now time.Time) ([]own, error) {
	var list []own
	if err := n.book.each(ctx, "SELECT id, push, mail, address, priority, until FROM person WHERE until > ? AND (push OR mail)", []any{now.UnixMilli()}, func(scan func(...any) error) error {
		var p own
		var until int64
		err := scan(&p.id, &p.settings.Push, &p.settings.Mail, &p.settings.Address, &p.settings.Priority, &until)
		p.settings.Until = time.UnixMilli(until)
		list = append(list, p)
		return err
	}); err != nil {
		return nil, err
	}
	for i := range list {
		if err := n.book.each(ctx, "SELECT id FROM subscription WHERE person = ? ORDER BY at", []any{list[i].id}, func(scan func(...any) error) error {
			var b string
			err := scan(&b)
			list[i].browsers = append(list[i].browsers, b)
			return err
		}); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// replace puts outlets of people in place of those that there were.
func (n *Notices) replace(ctx context.Context, want map[string]*outlet, now time.Time) error {
	n.mu.Lock()
	var gone []*outlet
	for name, o := range n.outlets {
		w := want[name]
		if o.person == "" {
			continue
		}
		if w == nil || !w.until.Equal(o.until) { // a shift that began anew is a new outlet
			delete(n.outlets, name)
			delete(n.byNumber, o.o)
			if w == nil {
				gone = append(gone, o)
			}
			continue
		}
		o.to = w.to
		if o.rule.Priority != w.rule.Priority || !slices.Equal(o.rule.Desks, w.rule.Desks) {
			o.rule, o.isNew = w.rule, true
			clear(o.due)
			n.lookAll(o, now)
		}
		delete(want, name)
	}
	n.mu.Unlock()
	for _, o := range gone {
		if err := n.book.forgetOutlet(ctx, o.o); err != nil {
			return err
		}
	}
	for _, o := range want {
		if o.perMinute == 0 {
			o.perMinute = 6
		}
		if err := n.add(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

// lower is an address for comparison.
func lower(address string) string { return strings.ToLower(address) }
