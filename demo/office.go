package demo

import (
	"polity/city"
	"polity/internal/durable"
	"polity/ledger/roster"
	casefile "polity/release/case"
)

const (
	officeDevice = office + "-1"
	officePhrase = "the police of the demo"
)

// officeDir is the folder of the machine by which the police ask for a release.
func (t *town) officeDir() string { return t.path(office, "machine") }

// newOffice makes that machine.
func (t *town) newOffice() ([]roster.Office, error) {
	if err := durable.WriteFile(t.path(office, "passphrase"), []byte(officePhrase+"\n"), 0o600); err != nil {
		return nil, err
	}
	o, err := casefile.Init(casefile.Setup{
		Dir: t.officeDir(), Office: office, Device: officeDevice, Name: domain + "/" + officeDevice, Passphrase: officePhrase, WorkFactor: cheap,
	})
	if err != nil {
		return nil, err
	}
	key, err := o.Key()
	if err != nil {
		return nil, err
	}
	return []roster.Office{{Name: office, Devices: []roster.Device{{ID: officeDevice, Key: key}}}}, nil
}

// adoptOffice gives that machine the roster, unless it has it.
func (t *town) adoptOffice(r *roster.Signed) error {
	o, err := casefile.Open(t.officeDir())
	if err != nil {
		return err
	}
	if _, err := o.Roster(); city.KindOf(err) != city.NotFound {
		return err
	}
	return o.Adopt(r.File(), r.Words())
}
