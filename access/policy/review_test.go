package policy

import (
	"bytes"
	"encoding/csv"
	"flag"
	"os"
	"strings"
	"testing"

	"polity/access"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestMatrix compares every answer with the golden file, so that each change of a policy
// is seen in review.
func TestMatrix(t *testing.T) {
	var got bytes.Buffer
	if err := Matrix(&got, shippedPolicies(t)); err != nil {
		t.Fatal(err)
	}
	const file = "testdata/matrix.txt"
	if *update {
		if err := os.WriteFile(file, got.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if was, is := strings.Split(string(want), "\n"), strings.Split(got.String(), "\n"); !bytes.Equal(want, got.Bytes()) {
		for i := range min(len(was), len(is)) {
			if was[i] != is[i] {
				t.Errorf("line %d was %q and is %q", i+1, was[i], is[i])
				break
			}
		}
		t.Errorf("who may do what has changed. Read what is new, and if it is meant: go test ./access/policy -run Matrix -update")
	}
}

func TestReview(t *testing.T) {
	table := Review(shippedPolicies(t))
	cell := func(do access.Action, to, column string) Answer {
		for _, r := range table.Rows {
			if r.Do != do || r.To != to {
				continue
			}
			for i, c := range table.Columns {
				if c.Short == column {
					return r.Answers[i]
				}
			}
		}
		t.Fatalf("no cell %s %s %s", do, to, column)
		return No
	}
	for _, c := range []struct {
		do         access.Action
		to, column string
		want       Answer
	}{
		{access.LookLive, "own-area", "safety", ForPurpose},
		{access.LookLive, "elsewhere", "safety", No},
		{access.LookLive, "own-area", "traffic", No},
		{access.LookLive, "own-area", "it", No},
		{access.LookData, "water", "water", ForPurpose},
		{access.SeeCounts, "camera", "traffic", Yes},
		{access.ReadData, "", "program", Scoped},
		{access.ReadPublic, "", "program", Yes},
		{access.ManagePeople, "oneself", "it", No},
		{access.ManagePeople, "another", "it", Yes},
		{access.SeeMetrics, "loopback", "public", Yes},
	} {
		if got := cell(c.do, c.to, c.column); got != c.want {
			t.Errorf("%s %s %s: %s, not %s", c.do, c.to, c.column, got, c.want)
		}
	}
	var text, comma, mark bytes.Buffer
	if err := table.WriteText(&text); err != nil || strings.Contains(text.String(), "%!") {
		t.Errorf("%s, %v", text.String(), err)
	}
	if err := table.WriteMarkdown(&mark); err != nil || strings.Count(mark.String(), "\n") != len(table.Rows)+2 {
		t.Errorf("%s, %v", mark.String(), err)
	}
	if err := table.WriteCSV(&comma); err != nil {
		t.Fatal(err)
	}
	if rows, err := csv.NewReader(&comma).ReadAll(); err != nil || len(rows) != len(table.Rows)+1 || len(rows[0]) != len(table.Columns)+3 {
		t.Errorf("%v, %v", rows, err)
	}
}

// TestEverythingHasWords: a new action or role comes with its words and its kind.
func TestEverythingHasWords(t *testing.T) {
	for _, a := range access.Actions() {
		if Words(a) == "" || KindOf(a) == "" {
			t.Errorf("%s has no words", a)
		}
	}
	for _, r := range access.Roles() {
		if RoleWords(r) == "" {
			t.Errorf("%s has no words", r)
		}
	}
	for i, c := range columns() {
		if c.Short == "" || i > 0 && c.who.Kind == access.Public {
			t.Errorf("%+v", c)
		}
	}
}

func TestChanges(t *testing.T) {
	before := Review(shippedPolicies(t))
	after := Review(shippedPolicies(t, File{"wide.cedar", `
@id("waste-looks")
@reason("Waste operators look at every camera.")
permit (principal in Role::"waste-operator", action == Action::"look-live", resource);`}, File{"narrow.cedar", `
@id("no-crews")
@reason("Crews see no orders of water.")
forbid (principal in Role::"crew", action == Action::"see-orders", resource == Service::"water");`}))
	list := before.Changes(after)
	if len(list) != 3 || len(before.Changes(before)) != 0 {
		t.Fatalf("%+v", list)
	}
	for _, c := range list[:2] {
		if c.Row.Do != access.LookLive || c.Column.Role() != access.WasteOperator || c.Was != No || c.Is != ForPurpose {
			t.Errorf("%+v", c)
		}
	}
	if c := list[2]; c.Row.To != "water" || c.Column.Role() != access.Crew || c.Was != Yes || c.Is != No {
		t.Errorf("%+v", c)
	}
}
