package custodian

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-tpm/tpm2/transport"
	"github.com/google/go-tpm/tpm2/transport/linuxtpm"

	"polity/city"
)

func TestTPMOfThisMachine(t *testing.T) {
	if os.Getenv("POLITY_TEST_TPM") == "" {
		t.Skip("the TPM of a machine is written to only with POLITY_TEST_TPM=1")
	}
	tpm, err := linuxtpm.Open(TPMDevice)
	if err != nil {
		t.Fatal(err)
	}
	defer tpm.Close() //nolint:errcheck // a test's end
	tryTPM(t, tpm)
}

// tryTPM tries an anchor in a TPM as files are tried: changes, crashes at each step,
// copies, slots that are written back.
func tryTPM(t *testing.T, tpm transport.TPM) {
	t.Helper()
	anchor := newTPMAnchor(tpm)
	if _, _, err := anchor.load(); city.KindOf(err) != city.NotFound {
		t.Fatalf("this TPM has an anchor: %v", err)
	}
	dir := filepath.Join(t.TempDir(), "state")
	s := Setup{Dir: dir, Anchor: anchor, Body: "court", Device: "court-1", Name: "helsinki.example/court-1", Passphrase: passphrase, WorkFactor: 2}
	d, err := Init(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = anchor.remove() })
	old, err := nv{tpm}.read()
	if err != nil {
		t.Fatal(err)
	}
	change := func(crash int) error {
		if crash >= 0 {
			crashAt(d, crash)
		}
		d.state.Uses = append(d.state.Uses, Use{})
		return d.save()
	}
	for crash := -1; crash < 4; crash++ {
		for range 2 {
			before := len(d.state.Uses)
			if err := change(crash); (err == nil) != (crash < 0) || (err != nil && !errors.Is(err, errCrash)) {
				t.Fatalf("crash %d: %v", crash, err)
			}
			d.Close()
			if d, err = Unlock(dir, anchor, passphrase); err != nil {
				t.Fatalf("after a crash at step %d: %v", crash, err)
			}
			if n := len(d.state.Uses); n != before && n != before+1 {
				t.Errorf("crash %d: %d uses after %d", crash, n, before)
			}
		}
	}
	d.Close()
	backup := filepath.Join(t.TempDir(), "backup")
	copyFolder(t, dir, backup)
	if d, err = Unlock(dir, anchor, passphrase); err != nil {
		t.Fatal(err)
	}
	if err := change(-1); err != nil {
		t.Fatal(err)
	}
	d.Close()
	if _, err := Unlock(backup, anchor, passphrase); city.KindOf(err) != city.Conflict {
		t.Errorf("a backup opens: %v", err)
	}
	if err := (nv{tpm}).writeAt(0, old); err != nil {
		t.Fatal(err)
	}
	if _, _, err := anchor.load(); city.KindOf(err) != city.Conflict {
		t.Errorf("slots that were written back: %v", err)
	}
	if _, err := Init(Setup{Dir: filepath.Join(t.TempDir(), "x"), Anchor: anchor, Body: "court", Device: "court-1", Name: "helsinki.example/court-1", Passphrase: passphrase, WorkFactor: 2}); city.KindOf(err) != city.Conflict {
		t.Errorf("another device's anchor was written over: %v", err)
	}
}
