package custodian

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"testing"
	"time"

	"filippo.io/age"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/recording/share"
	"polity/release/token"
)

// holding makes a request to hold for a device.
func (w *world) holding(d *Device, at time.Time, films ...film) *requested {
	w.t.Helper()
	details, err := token.HoldDetails("HEL 2026-012345", "POL 2026/77", []city.Slug{"square"}, filmed, filmed.Add(time.Hour))
	w.must(details, err)
	secret, err := token.Encrypt(details, &w.Roster.Roster)
	w.must(secret, err)
	r := w.weekly(d, at, films...)
	r.kind, r.parts.Secret, r.details = token.HoldAsked, secret, details
	return r
}

// hold has a device hold shares.
func (w *world) hold(d *Device, r *requested) (map[canonical.Hash]token.Share, *entry.Hold) {
	w.t.Helper()
	h, err := d.ExamineHold(r.file(w.t))
	w.must(h, err)
	var out bytes.Buffer
	if _, err := d.Hold(h, "no", "appeal", "2027-03-01", &out); city.KindOf(err) != city.Forbidden {
		w.t.Errorf("held without the code: %v", err)
	}
	for _, until := range []canonical.Day{"2026-11-01", "2028-03-01", "soon"} {
		if _, err := d.Hold(h, h.Code(), "appeal", until, &out); city.KindOf(err) != city.Invalid {
			w.t.Errorf("until %s: %v", until, err)
		}
	}
	a, err := d.Hold(h, h.Code(), "appeal", "2027-03-01", &out)
	w.must(a, err)
	return w.shares(&out), a.Entry.(*entry.Hold)
}

// Held shares outlast the epoch keys, open for a logged case only, and end with the hold.
func TestAHoldOutlastsRetentionAndOpensNothing(t *testing.T) {
	w := newWorld(t)
	f, g, other := w.film("square", filmed), w.film("square", filmed.Add(time.Minute)), w.film("hospital", filmed)
	header := canonical.Hash(f.header.Hash())
	var kept [2]map[canonical.Hash]token.Share
	var holds [2]*entry.Hold
	first := [2]*Device{w.devices["court-1"], w.devices["ombudsman-1"]}
	second := [2]*Device{w.devices["court-2"], w.devices["ombudsman-2"]}
	for i, d := range first {
		kept[i], holds[i] = w.hold(d, w.holding(d, asked, f))
		w.log(holds[i])
		if err := entry.Verify(holds[i], &w.Roster.Roster); err != nil || holds[i].Count != 1 {
			t.Errorf("%+v, %v", holds[i], err)
		}
		w.handKeys(d, second[i])
		var out bytes.Buffer
		_, _, err := d.Destroy(filmed.Add(10*24*time.Hour), &out)
		w.must(nil, err)
	}
	// What was held is of no use to the case, nor to the other body.
	if _, err := w.open(f, holds[0].Hold, kept[0], kept[1]); err == nil {
		t.Error("held shares opened a segment")
	}
	// A month later a token is logged.
	late := asked.AddDate(0, 1, 0)
	a := w.ask()
	a.Expires = late.Add(48 * time.Hour)
	var answers []map[canonical.Hash]token.Share
	var id canonical.Hash
	var r *requested
	for i, d := range second { // the other devices know of the hold, too
		if r == nil {
			r = w.request(d, a)
			id = r.entry.ID
		}
		r = w.requestFor(d, r.entry, r.details, r.index, late)
		r.records = [][]byte{token.PackHeld(holds[i].Hold, f.header, kept[i][header].Sealed)}
		x, _ := w.approve(d, r)
		answers = append(answers, x)
	}
	if text, err := w.open(f, id, answers...); err != nil || text != "pictures of square" {
		t.Errorf("%q, %v", text, err)
	}
	// Under another segment's header or another hold it does not open.
	d := second[0]
	r = w.requestFor(d, r.entry, r.details, r.index, late)
	r.records = [][]byte{token.PackHeld(holds[0].Hold, g.header, kept[0][header].Sealed)}
	x, _ := w.approve(d, r)
	if s := x[canonical.Hash(g.header.Hash())]; s.State == token.Right {
		t.Error("a held share opened as another segment's")
	}
	r.records = [][]byte{token.PackHeld(holds[1].Hold, f.header, kept[0][header].Sealed)}
	_, err := d.Examine(r.file(t))
	refused(t, err, Scope)
	// The camera that the token does not name.
	r.records = [][]byte{token.PackHeld(holds[0].Hold, other.header, make([]byte, share.SealedSize))}
	_, err = d.Examine(r.file(t))
	refused(t, err, Scope)
	// After its last day the hold is over, and its key goes with the next destroying.
	r = w.requestFor(d, r.entry, r.details, r.index, time.Date(2027, 3, 2, 0, 0, 0, 0, time.UTC))
	r.records = [][]byte{token.PackHeld(holds[0].Hold, f.header, kept[0][header].Sealed)}
	_, err = d.Examine(r.file(t))
	refused(t, err, Scope)
	var out bytes.Buffer
	_, _, err = d.Destroy(d.state.Seen.Time, &out)
	w.must(nil, err)
	if len(d.state.Holds) > 0 {
		t.Error("the key of a hold that is over is still there")
	}
}

func TestAHoldIsCheckedLikeARequest(t *testing.T) {
	w := newWorld(t)
	d := w.devices["court-1"]
	_, err := d.ExamineHold(w.holding(d, asked, w.film("hospital", filmed)).file(t))
	refused(t, err, Scope)
	_, err = d.ExamineHold(w.holding(d, asked, w.film("square", filmed.Add(2*time.Hour))).file(t))
	refused(t, err, Scope)
	_, err = d.ExamineHold(w.holding(d, filmed.Add(9*24*time.Hour), w.film("square", filmed)).file(t)) // past retention
	refused(t, err, Scope)
	_, err = d.ExamineHold(w.request(d, w.ask()).file(t))
	refused(t, err, File)
}

// Keys go from one device to the body's other one, and nowhere else.
func TestEpochKeysGoToTheBodysOtherDeviceOnly(t *testing.T) {
	w := newWorld(t)
	one, two, other := w.devices["court-1"], w.devices["court-2"], w.devices["ombudsman-1"]
	card := func(d *Device) *Card {
		c, err := d.Card()
		w.must(c, err)
		return c
	}
	var b bytes.Buffer
	for name, c := range map[string][]byte{"the other body's": card(other).Marshal(), "its own": card(one).Marshal()} {
		if _, _, err := one.ShareKeys(&b, c); city.KindOf(err) != city.Forbidden {
			t.Errorf("to %s device: %v", name, err)
		}
	}
	forged := card(two)
	forged.Recipient = card(other).Recipient
	for name, c := range map[string][]byte{"forged": forged.Marshal(), "cut": card(two).Marshal()[:200], "empty": nil} {
		if _, _, err := one.ShareKeys(&b, c); city.KindOf(err) != city.Invalid {
			t.Errorf("%s card: %v", name, err)
		}
	}
	if b.Len() > 0 {
		t.Error("keys were written")
	}
	w.must(one.MakeKeys("short", "2027-05-01", 2))
	_, _, err := one.ShareKeys(&b, card(two).Marshal())
	w.must(nil, err)
	file := b.Bytes()
	if _, err := other.TakeKeys(bytes.NewReader(file)); err == nil {
		t.Error("the other body takes them")
	}
	if n, err := two.TakeKeys(bytes.NewReader(file)); n != 2 || err != nil {
		t.Errorf("%d taken, %v", n, err)
	}
	// Both made a key for one day: none is taken, and the device goes on.
	w.must(one.MakeKeys("short", "2027-06-01", 1))
	w.must(two.MakeKeys("short", "2027-06-01", 1))
	b.Reset()
	_, _, err = one.ShareKeys(&b, card(two).Marshal())
	w.must(nil, err)
	if _, err := two.TakeKeys(&b); city.KindOf(err) != city.Conflict {
		t.Errorf("two keys for one day: %v", err)
	}
	// A sender that is not the body's device: anyone can encrypt to a card.
	to, err := age.ParseHybridRecipient(card(two).Recipient)
	w.must(to, err)
	for name, key := range map[string]ed25519.PrivateKey{"a stranger": w.Devices["police-1"].Key, "the device itself": w.Devices["court-1"].Key} {
		gift := &bundle{Body: share.Court, Device: "court-1", Format: bundleFormat, Keys: []bundled{{Class: "short", Day: "2027-08-01", Seed: canonical.Hash{1}}}}
		message, err := gift.message()
		w.must(message, err)
		gift.Signature = ed25519.Sign(key, message)
		text, err := canonical.Encode(gift)
		w.must(text, err)
		sealed, err := token.Seal(text, to)
		w.must(sealed, err)
		b.Reset()
		f := token.Create(&b, token.EpochKeys)
		w.must(nil, errors.Join(f.Add(token.Body, []byte("court")), f.Add(token.Secret, sealed)))
		w.must(f.Close())
		n, err := two.TakeKeys(&b)
		if (name == "a stranger") != (city.KindOf(err) == city.Forbidden && n == 0) {
			t.Errorf("from %s: %d, %v", name, n, err)
		}
	}
}
