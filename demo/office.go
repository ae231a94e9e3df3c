package demo

import (
	"context"

	"polity/city"
	"polity/ledger/roster"
)

// newOffice makes the device by which the police may ask for a release.
func (d *demo) newOffice(context.Context) ([]roster.Office, error) {
	id := office + "-1"
	_, public, err := d.town.newKey(domain+"/"+id, office, "device.key")
	if err != nil {
		return nil, err
	}
	return []roster.Office{{Name: office, Devices: []roster.Device{{ID: city.Slug(id), Key: public}}}}, nil
}
