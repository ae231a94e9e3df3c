package attack_test

import (
	"testing"

	"polity/internal/attack"
)

// recorded keeps what a test would say.
type recorded struct {
	testing.TB
	values []string
}

func (r *recorded) Helper()                {}
func (r *recorded) Attr(key, value string) { r.values = append(r.values, key+" "+value) }

func TestWhatIsToldIsRead(t *testing.T) {
	r := &recorded{TB: t}
	attack.Tell(r, "disk-copied", `Copied the disk of a "recorder".`, "All of it is ciphertext of keys that lie elsewhere.")
	if len(r.values) != 1 || r.values[0][:len(attack.Key)+1] != attack.Key+" " {
		t.Fatalf("told %q", r.values)
	}
	a, err := attack.Read(r.values[0][len(attack.Key)+1:])
	if err != nil || a.Name != "disk-copied" || a.Tried != `Copied the disk of a "recorder".` {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestWordsThatSayNothingAreRefused(t *testing.T) {
	tried, held := "Copied the disk of a recorder.", "All of it is ciphertext alone."
	for name, a := range map[string]attack.Told{
		"no name":       {"", tried, held},
		"a sentence":    {"Disk copied", tried, held},
		"no words":      {"disk-copied", "", held},
		"a word":        {"disk-copied", tried, "encrypted"},
		"several lines": {"disk-copied", tried + "\nAnd more.", held},
	} {
		if a.Check() == nil {
			t.Errorf("%s: taken", name)
		}
	}
	for _, text := range []string{"", "{", `{"name":"disk-copied"}`} {
		if _, err := attack.Read(text); err == nil {
			t.Errorf("%q: taken", text)
		}
	}
}
