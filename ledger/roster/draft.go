package roster

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"

	"polity/city"
)

// Draft reads a roster that people wrote: JSON with the members of formats/roster.md in
// any order and with any spaces, its lists of names in any order; format may be left out. The error is of kind Invalid.
func Draft(data []byte) (*Roster, error) {
	if len(data) > MaxSize {
		return nil, city.Errorf(city.TooLarge, "the draft has %d bytes; %d are allowed", len(data), MaxSize)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	r := new(Roster)
	if err := d.Decode(r); err != nil {
		return nil, city.Errorf(city.Invalid, "draft of a roster: %w", err)
	}
	if d.More() {
		return nil, city.Errorf(city.Invalid, "draft of a roster: something follows the JSON object")
	}
	r.Format = cmp.Or(r.Format, Format)
	slices.SortStableFunc(r.Classes, func(a, b Class) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortStableFunc(r.Officers, func(a, b Office) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortStableFunc(r.Witnesses, func(a, b Witness) int { return cmp.Compare(a.Name, b.Name) })
	return r, r.Check()
}
