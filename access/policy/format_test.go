package policy

import (
	"bytes"
	"os"
	"regexp"
	"testing"
)

// TestTheFormatPage holds the examples of docs/formats/policy.md to the code.
func TestTheFormatPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/formats/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	o := newOffice(t)
	if err := o.Approve(t.Context(), officer, o.propose(t, quietFile).Number); err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(o.cfg.Book)
	if err != nil {
		t.Fatal(err)
	}
	last := bytes.Split(written, []byte("\n"))[2]
	for lang, want := range map[string]string{"cedar": quiet, "json": string(last) + "\n"} {
		m := regexp.MustCompile("(?s)```" + lang + "\n(.*?)```").FindSubmatch(page)
		if m == nil || string(m[1]) != want {
			t.Errorf("the page's example is not %s", want)
		}
	}
}
