package custodian

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"polity/ledger/entry"
	"polity/release/token"
)

// FuzzExamine hands a device foreign files: it refuses them by a check, or they are the
// one that is right, and it goes on either way.
func FuzzExamine(f *testing.F) {
	w := newWorldOf(f, "custodian")
	d := w.devices["court-1"]
	file := w.request(d, w.ask(), w.film("square", filmed)).file(f)
	right, err := io.ReadAll(file)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(right)
	for _, i := range []int{0, 20, len(right) / 2} {
		bad := bytes.Clone(right)
		bad[i] ^= 1
		f.Add(bad)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		req, err := d.Examine(bytes.NewReader(data))
		if _, ok := errors.AsType[*Refused](err); err != nil && !ok {
			t.Errorf("not by a check: %v", err)
		}
		if err == nil && (entry.Verify(req.Token, &w.Roster.Roster) != nil || req.Details.Opens(req.Token) != nil) {
			t.Errorf("a request passes that nobody signed: %x", req.Sum)
		}
		if _, err := d.TakeKeys(bytes.NewReader(data)); err == nil {
			t.Error("taken for epoch keys")
		}
		_, _ = Statements(bytes.NewReader(data))
		_, _ = ParseCard(data, &w.Roster.Roster)
		_, _, _ = d.Audit(bytes.NewReader(data), io.Discard)
		_, _, _ = token.ReadAnswer(bytes.NewReader(data), &w.Roster.Roster, nil)
	})
}
