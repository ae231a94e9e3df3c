package roster_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/roster"
	"polity/ledger/roster/rostertest"
)

var update = flag.Bool("update", false, "write the vectors anew")

// second is a roster in which one root key is another.
func second(c *rostertest.City) (*roster.Roster, rostertest.Key) {
	r := c.Plain()
	key := rostertest.NewKey("root-6.example", "vectors")
	r.Version, r.Root[4] = 2, key.Public
	return r, key
}

func must(t *testing.T) func([]byte, error) []byte {
	return func(b []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
}

func TestVectors(t *testing.T) {
	c := rostertest.New("vectors")
	next, _ := second(c)
	for name, want := range map[string][]byte{"first.roster": c.Roster.File(), "second.roster": c.Sign(next)} {
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, want, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what the code writes (%v)", name, err)
		}
	}
	if err := canonical.Ordered(reflect.TypeFor[roster.Roster]()); err != nil {
		t.Error(err)
	}
}

func TestSuccession(t *testing.T) {
	c := rostertest.New("vectors")
	next, key := second(c)
	got, err := c.Roster.Next(c.Sign(next))
	if err != nil {
		t.Fatal(err)
	}
	if got.Version != 2 || got.Root[4] != key.Public {
		t.Errorf("read %+v", got.Roster)
	}
	// Signatures come from several machines, one after another.
	file := must(t)(roster.Write(next, c.Root[0].Signer()))
	if _, err := c.Roster.Next(file); err == nil {
		t.Error("one signature is enough")
	}
	file = must(t)(roster.Add(file, c.Root[3].Signer()))
	file = must(t)(roster.Add(file, key.Signer()))
	if _, err := c.Roster.Next(file); err == nil {
		t.Error("two keys of the old root and a new one are enough")
	}
	file = must(t)(roster.Add(file, c.Root[4].Signer())) // the key that leaves signs, too
	if _, err := c.Roster.Next(file); err != nil {
		t.Error(err)
	}
}

func TestRefusals(t *testing.T) {
	c := rostertest.New("vectors")
	stranger := rostertest.NewKey("root-1.example", "stranger")
	sign := func(change func(*roster.Roster), keys ...int) []byte {
		r, _ := second(c)
		change(r)
		file, err := roster.Write(r)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range keys {
			file = must(t)(roster.Add(file, c.Root[k].Signer()))
		}
		return file
	}
	good := sign(func(*roster.Roster) {}, 0, 1, 2)
	for _, bad := range []struct {
		name, want string
		file       []byte
	}{
		{"empty", "cut off", nil},
		{"cut in its text", "cut off", good[:200]},
		{"cut in its signatures", "no form that can be read", good[:len(good)-20]},
		{"a bit flipped in its text", "changed after it was signed", bytes.Replace(good, []byte("District"), []byte("Distrect"), 1)},
		{"a bit flipped in a key", "its hash does not fit", bytes.Replace(good, []byte("root-2.example+"), []byte("root-7.example+"), 1)},
		{"of a later format", "this version reads", bytes.Replace(good, []byte("polity-roster/1"), []byte("polity-roster/2"), 1)},
		{"a member more", "unknown field", bytes.Replace(good, []byte(`"quorum":2`), []byte(`"note":"x","quorum":2`), 1)},
		{"a space more", "canonical", bytes.Replace(good, []byte(`"quorum":2`), []byte(`"quorum": 2`), 1)},
		{"two signatures", "2 of the 5 keys of the root of roster 1", sign(func(*roster.Roster) {}, 0, 1)},
		{"one signed twice", "no form that can be read|2 of the 5", must(t)(roster.Add(sign(func(*roster.Roster) {}, 0, 1), c.Root[0].Signer()))},
		{"signed by a stranger of the same name", "in no root", must(t)(roster.Add(good, stranger.Signer()))},
		{"a version left out", "versions in between", sign(func(r *roster.Roster) { r.Version = 3 }, 0, 1, 2)},
		{"the same version with other content", "trust neither", sign(func(r *roster.Roster) { r.Version = 1; r.Quorum = 3 }, 0, 1, 2)},
		{"of another city", "another city", sign(func(r *roster.Roster) { r.Domain = "espoo.example" }, 0, 1, 2)},
		{"of a day before", "before roster 1", sign(func(r *roster.Roster) { r.ValidFrom = "2026-11-29T00:00:00Z" }, 0, 1, 2)},
		{"a new root that never signed", "its own root", sign(func(r *roster.Roster) {
			for i := range 3 {
				r.Root[i] = rostertest.NewKey("new.example/"+string(rune('a'+i)), "vectors").Public
			}
		}, 0, 1, 2)},
		{"too large", "are allowed", bytes.Repeat([]byte("x"), roster.MaxSize+1)},
	} {
		_, err := c.Roster.Next(bad.file)
		if err == nil || !slices.ContainsFunc(strings.Split(bad.want, "|"), func(w string) bool { return strings.Contains(err.Error(), w) }) {
			t.Errorf("%s: %v; want %q", bad.name, err, bad.want)
		}
	}
	if _, err := roster.First(good); err != nil {
		t.Errorf("a later roster compared by words is not taken: %v", err)
	}
}

func TestContentsThatNobodyMaySign(t *testing.T) {
	c := rostertest.New("vectors")
	for _, bad := range []struct {
		want   string
		change func(*roster.Roster)
	}{
		{"more than half", func(r *roster.Roster) { r.Quorum = 1 }},
		{"same key", func(r *roster.Roster) { r.Witnesses[1].Key = r.Witnesses[0].Key }},
		{"same key", func(r *roster.Roster) { r.Bodies[0].Devices[0].Key = r.Bodies[1].Devices[0].Key }},
		{"same key", func(r *roster.Roster) { r.Root[1] = r.Root[0] }},
		{"two devices", func(r *roster.Roster) { r.Bodies[0].Devices[0].ID = r.Bodies[1].Devices[0].ID }},
		{"loss of one", func(r *roster.Roster) { r.Bodies[0].Devices = r.Bodies[0].Devices[:1] }},
		{"in this order", func(r *roster.Roster) { r.Bodies = r.Bodies[:1] }},
		{"in this order", func(r *roster.Roster) { r.Bodies[1].Name = "police" }},
		{"1 to 720", func(r *roster.Roster) { r.Classes[0].Hours = 721 }},
		{"must be 5", func(r *roster.Roster) { r.Root = r.Root[:4] }},
		{"must be the origin", func(r *roster.Roster) { r.Log.Origin = "other" }},
		{"may not stand", func(r *roster.Roster) { r.Bodies[0].Title = "court@example" }},
		{"one of the two bodies", func(r *roster.Roster) { r.Officers[0].Name = roster.Court }},
		{"type 0x04", func(r *roster.Roster) { r.Witnesses[0].Key = c.Witnesses[0].Public }},
		{"DNS name", func(r *roster.Roster) { r.Domain = "Helsinki" }},
	} {
		r := c.Plain()
		bad.change(r)
		if _, err := roster.Write(r); err == nil || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("%v; want %q", err, bad.want)
		}
	}
}

func TestDraft(t *testing.T) {
	c := rostertest.New("vectors")
	plain := c.Plain()
	plain.Format = ""
	slices.Reverse(plain.Witnesses)
	text, err := json.MarshalIndent(plain, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	r, err := roster.Draft(text)
	if err != nil || !bytes.Equal(c.Sign(r), c.Roster.File()) {
		t.Errorf("%+v, %v", r, err)
	}
	for _, bad := range []string{"", "{}", "[]", string(text) + "{}", strings.Replace(string(text), `"quorum"`, `"quorrum"`, 1)} {
		if _, err := roster.Draft([]byte(bad)); err == nil {
			t.Errorf("%.40q is taken", bad)
		}
	}
}

func TestKeysAreFound(t *testing.T) {
	r := rostertest.New("vectors").Roster
	if _, err := r.Device("court", "court-2"); err != nil {
		t.Error(err)
	}
	for _, bad := range [][2]string{{"ombudsman", "court-2"}, {"court", "police-1"}, {"mayor", "court-1"}} {
		if _, err := r.Device(city.Slug(bad[0]), city.Slug(bad[1])); err == nil {
			t.Errorf("%v is found", bad)
		}
	}
	if len(strings.Fields(r.Words())) != 8 {
		t.Errorf("words are %q", r.Words())
	}
}

func FuzzRoster(f *testing.F) {
	c := rostertest.New("vectors")
	next, _ := second(c)
	f.Add(c.Roster.File())
	f.Add(c.Sign(next))
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, err := roster.First(data); err == nil && !bytes.Equal(s.File(), data) {
			t.Error("what was read is not what is kept")
		}
		if s, err := c.Roster.Next(data); err == nil && !bytes.Equal(s.File(), c.Sign(next)) {
			t.Errorf("another successor is taken: %q", data)
		}
	})
}
