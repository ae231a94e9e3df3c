package token_test

import (
	"bytes"
	"crypto/ed25519"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"golang.org/x/crypto/ssh"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/ledger/roster/rostertest"
	"polity/release/token"
)

func submitted(t *testing.T) (*rostertest.City, *token.Submission) {
	t.Helper()
	c, e, d := made(t)
	s, err := token.Submit(&c.Roster.Roster, e, d)
	if err != nil {
		t.Fatal(err)
	}
	return c, s
}

func TestASubmissionIsATokenWithItsScope(t *testing.T) {
	c, s := submitted(t)
	data, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"HEL", "012345", "POL"} {
		if bytes.Contains(data, []byte(secret)) {
			t.Errorf("a submission tells %s", secret)
		}
	}
	got, err := token.ReadSubmission(bytes.NewReader(data))
	if err != nil || !reflect.DeepEqual(got, s) {
		t.Fatalf("read again it is %+v, %v", got, err)
	}
	e, err := got.Token(&c.Roster.Roster, at)
	if err != nil || e.Purpose != "serious-crime" {
		t.Fatalf("%+v, %v", e, err)
	}
	if err := canonical.Ordered(reflect.TypeFor[token.Submission]()); err != nil {
		t.Error(err)
	}
	if got.Holds("square", at) != nil || got.Holds("hospital", at) == nil || got.Holds("square", at.Add(2*time.Hour)) == nil {
		t.Error("the scope is another one")
	}
}

// to encrypts details to some devices of a city.
func to(t *testing.T, c *rostertest.City, text string, devices ...city.Slug) []byte {
	t.Helper()
	var list []age.Recipient
	for _, d := range devices {
		key, err := ssh.NewPublicKey(c.Devices[d].Key.Public())
		if err != nil {
			t.Fatal(err)
		}
		r, err := agessh.NewEd25519Recipient(key)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, r)
	}
	b, err := token.Seal([]byte(text), list...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSubmissionsThatNoDeviceCouldAnswerAreRefused(t *testing.T) {
	all := []city.Slug{"court-1", "court-2", "ombudsman-1", "ombudsman-2"}
	resign := func(t *testing.T, s *token.Submission, key ed25519.PrivateKey, change func(*entry.ReleaseRequested)) {
		t.Helper()
		e, err := entry.Decode(s.Entry)
		if err != nil {
			t.Fatal(err)
		}
		asked := e.(*entry.ReleaseRequested)
		change(asked)
		if err := entry.Sign(asked, key); err != nil {
			t.Fatal(err)
		}
		if s.Entry, err = entry.Encode(asked); err != nil {
			t.Fatal(err)
		}
	}
	for want, change := range map[string]func(*testing.T, *rostertest.City, *token.Submission){
		"names 1 cameras": func(_ *testing.T, _ *rostertest.City, s *token.Submission) { s.Cameras = s.Cameras[:1] },
		"must rise": func(_ *testing.T, _ *rostertest.City, s *token.Submission) {
			s.Cameras = []city.Slug{"square", "bridge"}
		},
		"0 cameras": func(_ *testing.T, _ *rostertest.City, s *token.Submission) { s.Cameras = nil },
		"times have 3 hours": func(_ *testing.T, _ *rostertest.City, s *token.Submission) {
			s.To = canonical.At(at.Add(150 * time.Minute))
		},
		"up to 168 hours":    func(_ *testing.T, _ *rostertest.City, s *token.Submission) { s.To = s.From },
		"a time is written":  func(_ *testing.T, _ *rostertest.City, s *token.Submission) { s.From = "today" },
		"this version reads": func(_ *testing.T, _ *rostertest.City, s *token.Submission) { s.Format = "polity-submission/2" },
		"no age file":        func(_ *testing.T, _ *rostertest.City, s *token.Submission) { s.Details = []byte("HEL 2026-012345") },
		"are cut off": func(_ *testing.T, _ *rostertest.City, s *token.Submission) {
			s.Details = s.Details[:bytes.Index(s.Details, []byte("\n--- "))+69]
		},
		"sealed to the device ombudsman-2": func(t *testing.T, c *rostertest.City, s *token.Submission) { s.Details = to(t, c, "x", all[:3]...) },
		"that are in no body": func(t *testing.T, c *rostertest.City, s *token.Submission) {
			s.Details = to(t, c, "x", append(all, "police-1")...)
		},
		"longer than details": func(t *testing.T, c *rostertest.City, s *token.Submission) {
			s.Details = to(t, c, strings.Repeat("x", 17<<10), all...)
		},
		"allowed": func(t *testing.T, c *rostertest.City, s *token.Submission) {
			s.Details = to(t, c, strings.Repeat("x", 65<<10), all...)
		},
		"who is no device": func(t *testing.T, _ *rostertest.City, s *token.Submission) {
			key, err := age.NewScryptRecipient("correct horse")
			if err != nil {
				t.Fatal(err)
			}
			key.SetWorkFactor(2)
			if s.Details, err = token.Seal([]byte("x"), key); err != nil {
				t.Fatal(err)
			}
		},
		"signature": func(_ *testing.T, _ *rostertest.City, s *token.Submission) {
			s.Entry = bytes.Replace(s.Entry, []byte(`"serious-crime"`), []byte(`"missing-person"`), 1)
		},
		"its id is wrong": func(t *testing.T, c *rostertest.City, s *token.Submission) {
			resign(t, s, c.Devices["police-1"].Key, func(e *entry.ReleaseRequested) { e.ID[0]++ })
		},
		"no device court-1": func(t *testing.T, c *rostertest.City, s *token.Submission) {
			resign(t, s, c.Devices["court-1"].Key, func(e *entry.ReleaseRequested) { e.Device = "court-1" })
		},
		"no office": func(t *testing.T, c *rostertest.City, s *token.Submission) {
			resign(t, s, c.Devices["court-1"].Key, func(e *entry.ReleaseRequested) { e.Body, e.Device = "court", "court-1" })
		},
		"not a token": func(_ *testing.T, c *rostertest.City, s *token.Submission) {
			e := &entry.ReleaseRefused{At: canonical.At(at), Body: "court", Device: "court-1", Reason: "other"}
			if err := entry.Sign(e, c.Devices["court-1"].Key); err != nil {
				t.Fatal(err)
			}
			s.Entry, _ = entry.Encode(e) //nolint:errcheck // Sign has checked it
		},
		"it says no type": func(_ *testing.T, _ *rostertest.City, s *token.Submission) { s.Entry = []byte("{}") },
	} {
		t.Run(want, func(t *testing.T) {
			c, s := submitted(t)
			change(t, c, s)
			data, err := canonical.Encode(s)
			if err != nil {
				t.Fatal(err)
			}
			got, err := token.ParseSubmission(data)
			if err == nil {
				_, err = got.Token(&c.Roster.Roster, at)
			}
			if kind := city.KindOf(err); kind != city.Invalid && kind != city.TooLarge || !strings.Contains(err.Error(), want) {
				t.Errorf("%v", err)
			}
		})
	}
	c, s := submitted(t)
	if _, err := s.Token(&c.Roster.Roster, at.Add(72*time.Hour)); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("after it expired: %v", err)
	}
	if _, err := s.Token(&rostertest.New("another").Roster.Roster, at); city.KindOf(err) != city.Invalid {
		t.Errorf("in another city: %v", err)
	}
	if _, err := token.ParseSubmission(make([]byte, token.MaxSubmission+1)); city.KindOf(err) != city.TooLarge {
		t.Errorf("one byte too many: %v", err)
	}
}

func TestSubmissionVector(t *testing.T) {
	name := filepath.Join("testdata", "submission.json")
	if *update {
		_, s := submitted(t)
		data, err := s.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	s, err := token.ParseSubmission(data)
	if err != nil {
		t.Fatal(err)
	}
	c := rostertest.New("token")
	e, err := s.Token(&c.Roster.Roster, at)
	if err != nil {
		t.Fatal(err)
	}
	d, err := token.Decrypt(s.Details, c.Devices["ombudsman-2"].Key)
	if err != nil || d.Opens(e) != nil {
		t.Errorf("its details: %v, %v", err, d.Opens(e))
	}
	for i := range data {
		if _, err := token.ParseSubmission(data[:i]); city.KindOf(err) != city.Invalid || err == nil {
			t.Fatalf("cut at %d: %v", i, err)
		}
	}
}

func FuzzSubmission(f *testing.F) {
	if b, err := os.ReadFile(filepath.Join("testdata", "submission.json")); err == nil {
		f.Add(b)
	}
	c := rostertest.New("token")
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := token.ParseSubmission(data)
		if err != nil {
			if kind := city.KindOf(err); kind != city.Invalid && kind != city.TooLarge {
				t.Errorf("%v is of kind %s", err, kind)
			}
			return
		}
		if again, err := s.Encode(); err != nil || !bytes.Equal(again, data) {
			t.Errorf("written again it is another file (%v)", err)
		}
		if _, err := s.Token(&c.Roster.Roster, at); err != nil && city.KindOf(err) != city.Invalid {
			t.Errorf("%v is of kind %s", err, city.KindOf(err))
		}
	})
}
