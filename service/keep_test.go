package service_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"polity/city"
	"polity/service"
)

func TestWhatAServiceKeeps(t *testing.T) {
	d := service.Deps{Dir: filepath.Join(t.TempDir(), "new")}
	got := map[string]int{"a": 1}
	if err := d.Load(&got); err != nil || got["a"] != 1 {
		t.Fatalf("with nothing there: %v, %v", got, err)
	}
	if err := d.Save(map[string]int{"b": 2}); err != nil {
		t.Fatal(err)
	}
	if err := d.Load(&got); err != nil || got["b"] != 2 {
		t.Errorf("%v, %v", got, err)
	}
	if info, err := os.Stat(d.KeptPath()); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if err := os.WriteFile(d.KeptPath(), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if d.Load(&got) == nil {
		t.Error("a damaged file is read")
	}
}

// answered are decisions of which the answer to a withdrawal is known.
type answered struct {
	service.Decisions
	err error
}

func (a answered) Withdraw(context.Context, string, string) error { return a.err }

func TestWhatIsMootIsWithdrawnUnlessAnswered(t *testing.T) {
	for _, x := range []struct {
		id   string
		err  error
		want city.Kind
		fine bool
	}{
		{"a", nil, 0, true},
		{"a", city.Errorf(city.Conflict, "answered"), 0, true},
		{"a", city.Errorf(city.NotFound, "gone"), 0, true},
		{"a", city.Errorf(city.Unavailable, "disk"), city.Unavailable, false},
		{"", city.Errorf(city.Unavailable, "disk"), 0, true},
	} {
		err := service.Deps{Decisions: answered{err: x.err}}.Moot(t.Context(), x.id, "over")
		if (err == nil) != x.fine || (err != nil && city.KindOf(err) != x.want) {
			t.Errorf("%q, %v: %v", x.id, x.err, err)
		}
	}
}

func TestASentenceFits(t *testing.T) {
	for text, want := range map[string]string{"a\n b": "a b", "abcdef": "abcd…", "ääääää": "ääää…", "": ""} {
		if got := service.Sentence(text, 5); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func TestNamesAndChancesInWords(t *testing.T) {
	for want, names := range map[string][]string{"": nil, "a": {"a"}, "a and b": {"a", "b"}, "a, b and c": {"a", "b", "c"}} {
		if got := service.List(names); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for p, want := range map[float64]string{1: "over 99 %", 0.996: "over 99 %", 0.5: "50 %", 0.004: "under 1 %", 0: "under 1 %"} {
		if got := service.Chance(p); got != want {
			t.Errorf("%g: %q, want %q", p, got, want)
		}
	}
}
