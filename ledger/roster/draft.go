package roster

import (
	"bytes"
	"encoding/json"

	"polity/city"
)

// Draft reads a roster that people wrote: JSON with the members of formats/roster.md in
// any order and with any spaces; format may be left out. The error is of kind Invalid.
func Draft(data []byte) (*Roster, error) {
	if len(data) > MaxSize {
		return nil, city.Errorf(city.TooLarge, "the draft has %d bytes; %d are allowed", len(data), MaxSize)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	r := &Roster{Format: Format}
	if err := d.Decode(r); err != nil {
		return nil, city.Errorf(city.Invalid, "draft of a roster: %w", err)
	}
	if d.More() {
		return nil, city.Errorf(city.Invalid, "draft of a roster: something follows the JSON object")
	}
	return r, r.Check()
}
