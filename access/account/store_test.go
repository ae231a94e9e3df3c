package account_test

import (
	"bytes"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polity/access"
	"polity/access/account"
	"polity/access/account/accounttest"
	"polity/city"
)

var errDisk = errors.New("the disk fails")

// TestAFailureAtAnyStepChangesNothing stops each change at each of its statements, its
// commit included, and expects that everything is as before, and that it then works.
func TestAFailureAtAnyStepChangesNothing(t *testing.T) {
	type step func(s *accounttest.Staff) (do func() error)
	crew := func(s *accounttest.Staff) *accounttest.Browser {
		return s.Person("Dee", []access.Role{access.SafetyOperator}, "harbour")
	}
	for name, prepare := range map[string]step{
		"signing in": func(s *accounttest.Staff) func() error {
			return func() error { _, err := s.First.SignIn(); return err }
		},
		"enrolling": func(s *accounttest.Staff) func() error {
			d, err := s.Accounts.Invite(t.Context(), s.Who(s.First), "Dee", only(access.Crew))
			ok(t, err)
			b := accounttest.NewBrowser(s.Accounts)
			return func() error { _, err := b.Enrol(d.Code.Text, ""); return err }
		},
		"inviting": func(s *accounttest.Staff) func() error {
			me := s.Who(s.First)
			return func() error { _, err := s.Accounts.Invite(t.Context(), me, "Dee", only(access.Crew)); return err }
		},
		"proposing": func(s *accounttest.Staff) func() error {
			me := s.Who(s.First)
			return func() error { _, err := s.Accounts.Invite(t.Context(), me, "Dee", only(access.Auditor)); return err }
		},
		"agreeing": func(s *accounttest.Staff) func() error {
			d, err := s.Accounts.Grant(t.Context(), s.Who(s.First), s.Who(crew(s)).ID, only(access.EvidenceOfficer))
			ok(t, err)
			me := s.Who(s.Second)
			return func() error { _, err := s.Accounts.Agree(t.Context(), me, d.Waiting); return err }
		},
		"closing": func(s *accounttest.Staff) func() error {
			b := crew(s)
			_, _, err := s.Accounts.MakeToken(t.Context(), s.Who(b), "x", []access.Action{access.ReadData}, 0)
			ok(t, err)
			me, id := s.Who(s.First), s.Who(b).ID
			return func() error { return s.Accounts.Disable(t.Context(), me, id) }
		},
		"coming back": func(s *accounttest.Staff) func() error {
			d, err := s.Accounts.Recover(t.Context(), s.Who(s.First), s.Who(crew(s)).ID)
			ok(t, err)
			d, err = s.Accounts.Agree(t.Context(), s.Who(s.Second), d.Waiting)
			ok(t, err)
			b := accounttest.NewBrowser(s.Accounts)
			return func() error { _, err := b.Enrol(d.Code.Text, ""); return err }
		},
		"a token": func(s *accounttest.Staff) func() error {
			me := s.Who(s.First)
			return func() error {
				_, _, err := s.Accounts.MakeToken(t.Context(), me, "x", []access.Action{access.ReadData}, 0)
				return err
			}
		},
		"a purpose": func(s *accounttest.Staff) func() error {
			me := s.Who(s.First)
			return func() error { return s.Accounts.SetPurpose(t.Context(), me, "traffic") }
		},
		"another passkey": func(s *accounttest.Staff) func() error {
			return func() error {
				s.First.Key = &accounttest.Authenticator{Origin: s.Accounts.Origin()}
				return s.First.AddPasskey()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, clock := hub(t)
			do := prepare(s)
			sessions := s.First.Cookies[cookie].Value
			before := dump(t, s.Accounts)
			steps := 0
			for n := 1; ; n++ {
				left := n
				s.Accounts.SetFault(func(string) error {
					if left--; left == 0 {
						return errDisk
					}
					return nil
				})
				err := do()
				s.Accounts.SetFault(nil)
				if left > 0 { // it came through
					ok(t, err)
					break
				}
				steps = n
				if !errors.Is(err, errDisk) {
					t.Fatalf("step %d failed, and it said %v", n, err)
				}
				if after := dump(t, s.Accounts); after != before {
					t.Fatalf("step %d failed and left\n%s\ninstead of\n%s", n, after, before)
				}
				if s.First.Cookies[cookie].Value != sessions {
					t.Fatalf("step %d failed and somebody got a cookie", n)
				}
				clock.Add(30 * time.Second) // for the limits
			}
			if steps < 2 {
				t.Errorf("it has %d steps: nothing was tried", steps)
			}
			if _, _, err := s.Accounts.Verify(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// dump is everything that the accounts hold, as text.
func dump(t *testing.T, a *account.Accounts) string {
	t.Helper()
	text, err := a.Dump(t.Context())
	ok(t, err)
	return text
}

func TestAFullDiskSignsNobodyIn(t *testing.T) {
	s, clock := hub(t)
	ok(t, s.First.SignOut())
	ok(t, s.Accounts.FillDisk(true))
	var err error
	for range 200 { // until the room in the last pages is used up
		clock.Add(10 * time.Second)
		b := accounttest.NewBrowser(s.Accounts)
		b.Key, b.Agent = s.First.Key, "Firefox/1 "+strings.Repeat("x", 100)
		if _, err = b.SignIn(); err != nil {
			signedIn(t, b, false, "on a full disk")
			break
		}
		if err = s.Accounts.SetPurpose(t.Context(), s.Who(b), "traffic"); err != nil {
			break
		}
	}
	is(t, err, city.Unavailable, "a full disk")
	if err != nil && !strings.Contains(err.Error(), "disk is full") {
		t.Errorf("it says %v", err)
	}
	signedIn(t, s.Second, true, "who was signed in before")
	ok(t, s.Accounts.FillDisk(false))
	if _, err := s.First.SignIn(); err != nil {
		t.Errorf("with room again: %v", err)
	}
	if _, _, err := s.Accounts.Verify(t.Context()); err != nil {
		t.Error(err)
	}
}

// closedHub is the file of accounts with two administrators in it, closed.
func closedHub(t *testing.T) account.Config {
	t.Helper()
	cfg := account.Config{Path: filepath.Join(t.TempDir(), "access.db"), Settings: account.Settings{Origin: "http://localhost:8080"}}
	a, err := account.Open(t.Context(), cfg)
	ok(t, err)
	accounttest.Found(t, a)
	ok(t, a.Close())
	return cfg
}

func TestFilesThatAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(t *testing.T, cfg account.Config)
		says  string
	}{
		"no database": {func(t *testing.T, cfg account.Config) {
			ok(t, os.WriteFile(cfg.Path, bytes.Repeat([]byte("junk"), 5000), 0o600))
		}, "restore it from a backup"},
		"damaged": {func(t *testing.T, cfg account.Config) {
			b, err := os.ReadFile(cfg.Path)
			ok(t, err)
			for i := 5000; i < len(b); i++ {
				b[i] ^= 0x55
			}
			ok(t, os.WriteFile(cfg.Path, b, 0o600))
		}, "backup"},
		"cut": {func(t *testing.T, cfg account.Config) {
			ok(t, os.Truncate(cfg.Path, 9000))
		}, "backup"},
		"newer":             {func(t *testing.T, cfg account.Config) { forge(t, cfg, "PRAGMA user_version = 99") }, "update Polity"},
		"another program's": {func(t *testing.T, cfg account.Config) { forge(t, cfg, "PRAGMA application_id = 7") }, "not one of Polity's accounts"},
		"another migration": {func(t *testing.T, cfg account.Config) { forge(t, cfg, "UPDATE migration SET digest = 'x'") }, "another program"},
		"an entry changed": {func(t *testing.T, cfg account.Config) {
			forge(t, cfg, "UPDATE book SET line = replace(line, 'enrol', 'grant') WHERE n = 2")
		}, "at entry"},
		"an entry taken out": {func(t *testing.T, cfg account.Config) { forge(t, cfg, "DELETE FROM book WHERE n = 2") }, "at entry 2"},
		"entries swapped": {func(t *testing.T, cfg account.Config) {
			forge(t, cfg, "UPDATE book SET line = (SELECT line FROM book WHERE n = 3) WHERE n = 2")
		}, "at entry 2"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := closedHub(t)
			c.spoil(t, cfg)
			a, err := account.Open(t.Context(), cfg)
			if err == nil {
				a.Close()
				t.Fatal("it was opened")
			}
			if !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), cfg.Path) {
				t.Errorf("it says %v", err)
			}
			if _, err := os.Stat(cfg.Path); err != nil {
				t.Errorf("what was refused is gone: %v", err)
			}
		})
	}
}

// forge changes a file past the program.
func forge(t *testing.T, cfg account.Config, query string) {
	t.Helper()
	a, err := account.Open(t.Context(), cfg)
	ok(t, err)
	ok(t, a.Forge(query))
	ok(t, a.Close())
}

func TestTheFileIsForItsOwnerAlone(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "access.db")
	ok(t, os.WriteFile(path, nil, 0o644))
	a := accounttest.Open(t, account.Config{Path: path})
	accounttest.Found(t, a)
	ok(t, filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		i, err := d.Info()
		if err == nil && i.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", p, i.Mode())
		}
		return err
	}))
}

// What lets somebody in stands nowhere in the files, nor does what tells devices apart.
func TestSecretsAreNotStored(t *testing.T) {
	dir := t.TempDir()
	a, err := account.Open(t.Context(), account.Config{Path: filepath.Join(dir, "access.db"), Settings: account.Settings{Origin: "http://localhost:8080"}})
	ok(t, err)
	s := accounttest.Found(t, a)
	d, err := a.Invite(t.Context(), s.Who(s.First), "Dee", only(access.Crew))
	ok(t, err)
	_, token, err := a.MakeToken(t.Context(), s.Who(s.First), "x", []access.Action{access.ReadData}, 0)
	ok(t, err)
	secrets := []string{s.First.Cookies[cookie].Value, token, strings.TrimPrefix(token, "polity_"), d.Code.Text, strings.ToLower(strings.ReplaceAll(d.Code.Text, "-", "")), s.First.Agent, "192.0.2.7"}
	look := func() {
		ok(t, filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			b, err := os.ReadFile(p)
			for _, secret := range secrets {
				if bytes.Contains(b, []byte(secret)) {
					t.Errorf("%s holds %q", p, secret)
				}
			}
			return err
		}))
	}
	look()
	ok(t, a.Close())
	look()
}

func TestWhoWithoutItsStoreIsAnError(t *testing.T) {
	a, err := account.Open(t.Context(), account.Config{Path: filepath.Join(t.TempDir(), "access.db"), Settings: account.Settings{Origin: "http://localhost:8080"}})
	ok(t, err)
	s := accounttest.Found(t, a)
	ok(t, a.Close())
	for name, r := range map[string]*http.Request{"a session": s.First.Request(http.MethodGet, "/", nil), "a token": httptest.NewRequest(http.MethodGet, "/", nil)} {
		if name == "a token" {
			r.Header.Set("Authorization", "Bearer polity_"+strings.Repeat("0", 52))
		}
		if who, err := a.Who(r); err == nil || who.Kind != access.Public {
			t.Errorf("%s without a store is %+v, %v", name, who, err)
		}
	}
	if who, err := a.Who(httptest.NewRequest(http.MethodGet, "/", nil)); err != nil || who.Kind != access.Public {
		t.Errorf("who shows nothing is %+v, %v", who, err)
	}
}

func TestReadingBesideAHub(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.db")
	_, err := account.OpenReadOnly(t.Context(), path)
	is(t, err, city.NotFound, "a file that is not there")
	if _, err := os.Stat(path); err == nil {
		t.Error("looking made the file")
	}
	a := accounttest.Open(t, account.Config{Path: path})
	accounttest.Found(t, a)
	r, err := account.OpenReadOnly(t.Context(), path)
	ok(t, err)
	defer r.Close()
	people, err := r.People(t.Context())
	if err != nil || len(people) != 2 || people[0].Name != "Ada First" || people[0].Passkeys != 1 || people[1].InvitedBy != people[0].ID {
		t.Errorf("%+v, %v", people, err)
	}
	if n, head, err := r.Verify(t.Context()); err != nil || n < 4 || len(head) != 64 {
		t.Errorf("%d, %q, %v", n, head, err)
	}
}

func TestSettings(t *testing.T) {
	for name, c := range map[string]struct {
		s    account.Settings
		says string
	}{
		"an IP address":   {account.Settings{Origin: "http://127.0.0.1:8080"}, "http://localhost:8080"},
		"in the clear":    {account.Settings{Origin: "http://hub.city.example"}, "https"},
		"with a path":     {account.Settings{Origin: "https://hub.city.example/hub"}, "https://hub.city.example"},
		"no scheme":       {account.Settings{Origin: "hub.city.example"}, "https://hub.city.example"},
		"a body twice":    {account.Settings{Bodies: []account.Body{{Name: "a", Title: "A"}, {Name: "a", Title: "B"}}}, "twice"},
		"no title":        {account.Settings{Bodies: []account.Body{{Name: "a"}}}, "title"},
		"a bad purpose":   {account.Settings{Purposes: []access.Purpose{{Name: "A B", Title: "x"}}}, "A B"},
		"idle too short":  {account.Settings{Sessions: account.Lifetimes{Idle: 1}}, "idle"},
		"for ever":        {account.Settings{Sessions: account.Lifetimes{Most: 1 << 60}}, "168h"},
		"tokens for ever": {account.Settings{Tokens: 1 << 60}, "a year"},
	} {
		err := c.s.Check()
		is(t, err, city.Invalid, name)
		if err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s says %v", name, err)
		}
	}
	if err := (account.Settings{}).Check(); err != nil {
		t.Error(err)
	}
	if err := (account.Settings{Origin: "https://hub.city.example/"}).Check(); err != nil {
		t.Error(err)
	}
}
