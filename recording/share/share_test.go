package share_test

import (
	"crypto/hpke"
	"slices"
	"strings"
	"testing"
	"time"

	"polity/city"
	"polity/recording/share"
)

var start = time.Date(2026, 12, 1, 14, 30, 0, 125e6, time.UTC)

func pair(t *testing.T) hpke.PrivateKey {
	t.Helper()
	k, err := share.Kem().GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func context(id [32]byte) share.Context {
	return share.Context{Body: share.Court, Domain: "city.example", Camera: "square", Start: start, Day: "2026-12-01", Class: "street", EpochKey: id}
}

func TestSharesMakeTheKeyAndNoneAloneDoes(t *testing.T) {
	s := share.New()
	key, x, y := s.Key, s.Court, s.Ombudsman
	if share.Join(&x, &y) != key {
		t.Fatal("the shares do not make the key")
	}
	if x == key || y == key || x == y || key == (share.Key{}) {
		t.Fatal("a share is the key")
	}
	if share.New().Key == key {
		t.Fatal("a key came twice")
	}
	if s.Wipe(); *s != (share.Split{}) {
		t.Fatal("not wiped")
	}
}

func TestAShareOpensInItsOwnContextOnly(t *testing.T) {
	key, other := pair(t), pair(t)
	x := share.New().Court
	right := context([32]byte{1})
	sealed, err := share.Seal(key.PublicKey(), right, &x)
	if err != nil || len(sealed) != share.SealedSize {
		t.Fatalf("%d bytes, %v", len(sealed), err)
	}
	commitment := share.Commit(share.Court, &x)
	if got, err := share.Open(key, right, sealed, commitment); err != nil || got != x {
		t.Fatalf("does not open: %v", err)
	}
	for name, change := range map[string]func(*share.Context){
		"body":   func(c *share.Context) { c.Body = share.Ombudsman },
		"domain": func(c *share.Context) { c.Domain = "other.example" },
		"camera": func(c *share.Context) { c.Camera = "bridge" },
		"start":  func(c *share.Context) { c.Start = start.Add(time.Millisecond) },
		"day":    func(c *share.Context) { c.Day = "2026-12-02" },
		"class":  func(c *share.Context) { c.Class = "hospital" },
		"key":    func(c *share.Context) { c.EpochKey[31] = 1 },
		// fields that run into one another must not pass for each other
		"shift": func(c *share.Context) { c.Domain, c.Camera = "city.examples", "quare" },
	} {
		wrong := right
		change(&wrong)
		if _, err := share.Open(key, wrong, sealed, commitment); city.KindOf(err) != city.Invalid {
			t.Errorf("another %s: %v", name, err)
		}
	}
	if _, err := share.Open(other, right, sealed, commitment); err == nil {
		t.Error("opened with another key")
	}
	if _, err := share.Open(key, right, sealed[:len(sealed)-1], commitment); err == nil {
		t.Error("a cut share opened")
	}
	bad := slices.Clone(sealed)
	bad[1130] ^= 1
	if _, err := share.Open(key, right, bad, commitment); err == nil {
		t.Error("a changed share opened")
	}
	if _, err := share.Open(key, right, sealed, [32]byte{}); err == nil || !strings.Contains(err.Error(), "commits to") {
		t.Errorf("a share that was not committed to: %v", err)
	}
}

func TestAResealedShareOpensForItsTargetOnly(t *testing.T) {
	epoch, caseKey := pair(t), pair(t)
	x := share.New().Court
	c := context([32]byte{1})
	sealed, err := share.Seal(epoch.PublicKey(), c, &x)
	if err != nil {
		t.Fatal(err)
	}
	commitment := share.Commit(share.Court, &x)
	target := share.Target{Purpose: share.Case, ID: [32]byte{7}, Body: share.Court, Header: [32]byte{8}}
	again, err := share.Rewrap(epoch, c, sealed, commitment, caseKey.PublicKey(), target)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := share.OpenRewrapped(caseKey, target, again, commitment); err != nil || got != x {
		t.Fatalf("does not open: %v", err)
	}
	for name, change := range map[string]func(*share.Target){
		"purpose": func(t *share.Target) { t.Purpose = share.Hold },
		"token":   func(t *share.Target) { t.ID[0]++ },
		"segment": func(t *share.Target) { t.Header[0]++ },
		"body":    func(t *share.Target) { t.Body = share.Ombudsman },
		"nobody":  func(t *share.Target) { t.Body = "police" },
		"nothing": func(t *share.Target) { t.Purpose = "" },
	} {
		wrong := target
		change(&wrong)
		if _, err := share.OpenRewrapped(caseKey, wrong, again, commitment); city.KindOf(err) != city.Invalid {
			t.Errorf("another %s: %v", name, err)
		}
	}
	if _, err := share.OpenRewrapped(epoch, target, again, commitment); err == nil {
		t.Error("opened with the epoch key")
	}
	target.Body = share.Ombudsman
	if _, err := share.Rewrap(epoch, c, sealed, commitment, caseKey.PublicKey(), target); err == nil {
		t.Error("resealed as another body's")
	}
}

func TestAnEpochKeyOfAnotherDayClassOrBodyIsRefused(t *testing.T) {
	public := pair(t).PublicKey().Bytes()
	k, err := share.NewEpochKey(share.Court, "street", "2026-12-01", public)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.For(share.Court, "street", "2026-12-01"); err != nil {
		t.Fatal(err)
	}
	swapped := k
	swapped.Public = pair(t).PublicKey()
	weak, err := hpke.MLKEM768().GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	other := k
	other.Public = weak.PublicKey()
	for name, err := range map[string]error{
		"body":    k.For(share.Ombudsman, "street", "2026-12-01"),
		"class":   k.For(share.Court, "hospital", "2026-12-01"),
		"day":     k.For(share.Court, "street", "2026-12-02"),
		"swapped": swapped.For(share.Court, "street", "2026-12-01"),
		"kem":     other.For(share.Court, "street", "2026-12-01"),
		"none":    new(share.EpochKey).For(share.Court, "street", "2026-12-01"),
	} {
		if city.KindOf(err) != city.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, make := range map[string]func() (share.EpochKey, error){
		"body":  func() (share.EpochKey, error) { return share.NewEpochKey("police", "street", "2026-12-01", public) },
		"class": func() (share.EpochKey, error) { return share.NewEpochKey(share.Court, "", "2026-12-01", public) },
		"day":   func() (share.EpochKey, error) { return share.NewEpochKey(share.Court, "street", "2026-12-1", public) },
		"length": func() (share.EpochKey, error) {
			return share.NewEpochKey(share.Court, "street", "2026-12-01", public[1:])
		},
	} {
		if _, err := make(); city.KindOf(err) != city.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}
