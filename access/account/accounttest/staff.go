package accounttest

import (
	"path/filepath"
	"sync"
	"testing"
	"time"

	"polity/access"
	"polity/access/account"
	"polity/city"
)

// Clock is a time that a test moves.
type Clock struct {
	mu sync.Mutex
	at time.Time
}

// NewClock is a clock that stands at a working day's morning.
func NewClock() *Clock { return &Clock{at: time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC)} }

// Now is the clock's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

// Add moves it; back, if d is less than 0.
func (c *Clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// Open opens accounts in a folder of the test's, at http://localhost:8080 unless cfg says
// otherwise.
func Open(t testing.TB, cfg account.Config) *account.Accounts {
	t.Helper()
	if cfg.Path == "" {
		cfg.Path = filepath.Join(t.TempDir(), "access.db")
	}
	if cfg.Origin == "" {
		cfg.Origin = "http://localhost:8080"
	}
	a, err := account.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

// Staff are the first two administrators, and whom they let in.
type Staff struct {
	t             testing.TB
	Accounts      *account.Accounts
	First, Second *Browser // role IT
}

// Found enrols the first two administrators of accounts in which nobody is.
func Found(t testing.TB, a *account.Accounts) *Staff {
	t.Helper()
	s := &Staff{t: t, Accounts: a, First: NewBrowser(a), Second: NewBrowser(a)}
	code, ok, err := a.FirstCode(t.Context())
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	s.Enrol(s.First, code.Text, "Ada First")
	d, err := a.Invite(t.Context(), s.Who(s.First), "Bo Second", account.Rights{Body: a.Bodies()[0].Name, Roles: []access.Role{access.IT}})
	if err != nil {
		t.Fatal(err)
	}
	s.Enrol(s.Second, d.Code.Text, "")
	return s
}

// Enrol uses a code up; the test fails if that does not work.
func (s *Staff) Enrol(b *Browser, code, name string) access.Who {
	s.t.Helper()
	who, err := b.Enrol(code, name)
	if err != nil {
		s.t.Fatal(err)
	}
	return who
}

// Who is who is signed in at a browser; the test fails if nobody is.
func (s *Staff) Who(b *Browser) access.Who {
	s.t.Helper()
	who, err := b.Who()
	if err != nil || who.Kind == access.Public {
		s.t.Fatalf("%+v is signed in, %v", who, err)
	}
	return who
}

// Person lets somebody in, as pages do: invited by the first administrator, agreed to by the
// second, enrolled and signed in at a browser of their own.
func (s *Staff) Person(name string, roles []access.Role, areas ...city.Slug) *Browser {
	s.t.Helper()
	d, err := s.Accounts.Invite(s.t.Context(), s.Who(s.First), name, account.Rights{Body: s.Accounts.Bodies()[0].Name, Roles: roles, Areas: areas})
	if err == nil && d.Waiting != "" {
		d, err = s.Accounts.Agree(s.t.Context(), s.Who(s.Second), d.Waiting)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	b := NewBrowser(s.Accounts)
	s.Enrol(b, d.Code.Text, "")
	return b
}
