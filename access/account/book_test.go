package account_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"polity/access"
	"polity/access/account"
	"polity/access/account/accounttest"
)

// TestTheBookIsWrittenAsTheFormatSays holds the page of the format and the code together:
// its example, and its list of changes, both ways.
func TestTheBookIsWrittenAsTheFormatSays(t *testing.T) {
	text, err := os.ReadFile("../../docs/formats/accounts.md")
	ok(t, err)
	_, rest, found := strings.Cut(string(text), "```json\n")
	example, rest, ends := strings.Cut(rest, "\n```")
	if !found || !ends {
		t.Fatal("the page has no example")
	}
	var e account.Entry
	d := json.NewDecoder(strings.NewReader(example))
	d.DisallowUnknownFields()
	ok(t, d.Decode(&e))
	again, err := json.Marshal(e)
	ok(t, err)
	if string(again) != example {
		t.Errorf("the example is\n%s\nand would be written\n%s", example, again)
	}

	listed := map[account.Did]bool{}
	for line := range strings.Lines(rest) {
		cell, _, is := strings.Cut(strings.TrimPrefix(line, "| "), " |")
		for word := range strings.SplitSeq(cell, ", ") {
			if is && strings.HasPrefix(word, "`") {
				listed[account.Did(strings.Trim(word, "`"))] = true
			}
		}
	}
	for _, did := range account.Changes() {
		if !listed[did] {
			t.Errorf("the page does not list %q", did)
		}
		delete(listed, did)
	}
	for did := range listed {
		t.Errorf("the page lists %q, which nothing does", did)
	}
}

func TestTheBookNamesNobody(t *testing.T) {
	s, _ := hub(t)
	s.Person("Cleo Guard", []access.Role{access.SafetyOperator}, "harbour")
	b := accounttest.NewBrowser(s.Accounts)
	_, err := viaDirectory(b, account.Directory{Issuer: "https://id.city.example", Subject: "jo.traffic", Name: "Jo Traffic", Body: "city", Roles: []access.Role{access.Crew}})
	ok(t, err)
	entries, err := s.Accounts.Entries(t.Context(), 0, 1000)
	ok(t, err)
	if len(entries) < 8 {
		t.Fatalf("%d entries", len(entries))
	}
	text, err := json.Marshal(entries)
	ok(t, err)
	for _, name := range []string{"Ada", "Bo Second", "Cleo", "Guard", "Jo", "jo.traffic", "id.city.example", "192.0.2", "Firefox"} {
		if strings.Contains(string(text), name) {
			t.Errorf("the book says %q", name)
		}
	}
}

func TestPagesOfTheBook(t *testing.T) {
	s, _ := hub(t)
	n, head, err := s.Accounts.Head(t.Context())
	ok(t, err)
	if verified, same, err := s.Accounts.Verify(t.Context()); err != nil || verified != n || same != head {
		t.Errorf("%d %s, verified %d %s, %v", n, head, verified, same, err)
	}
	var all []account.Entry
	for before := int64(0); ; before = all[len(all)-1].N {
		page, err := s.Accounts.Entries(t.Context(), before, 2)
		ok(t, err)
		if len(page) == 0 {
			break
		}
		all = append(all, page...)
		if all[len(all)-1].N == 1 {
			break
		}
	}
	if int64(len(all)) != n {
		t.Errorf("%d entries on pages, %d in the book", len(all), n)
	}
}
