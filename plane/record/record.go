// Package record writes an entity with all that a store knows of it: as JSON that people
// and other programs can read, for the lines of an export (docs/formats/city-data.md), and
// in the binary form that the stores keep.
package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"polity/city"
	"polity/plane"
)

type entity struct {
	Tenant     string      `json:"tenant,omitempty"`
	ID         string      `json:"id"`
	Types      []string    `json:"types"`
	Scopes     []string    `json:"scopes,omitempty"`
	Created    time.Time   `json:"created"`
	Modified   time.Time   `json:"modified"`
	Version    uint64      `json:"version"`
	Attributes []attribute `json:"attributes,omitempty"`
}

type attribute struct {
	Name       string          `json:"name"`
	Dataset    string          `json:"dataset,omitempty"`
	Kind       kind            `json:"kind"`
	Value      json.RawMessage `json:"value"`
	Unit       string          `json:"unit,omitempty"`
	ObservedAt time.Time       `json:"observed_at,omitzero"`
	Created    time.Time       `json:"created"`
	Modified   time.Time       `json:"modified"`
	Meta       []attribute     `json:"meta,omitempty"`
}

// kind is plane.Kind by NGSI-LD's words (ETSI GS CIM 009, clause 4.5).
type kind plane.Kind

var kinds = map[plane.Kind]string{
	plane.Property: "Property", plane.Relationship: "Relationship", plane.Geo: "GeoProperty", plane.Language: "LanguageProperty",
	plane.JSON: "JsonProperty", plane.Vocabulary: "VocabProperty", plane.List: "ListProperty", plane.ListOfLinks: "ListRelationship",
}

// MarshalText writes the word.
func (k kind) MarshalText() ([]byte, error) {
	word, ok := kinds[plane.Kind(k)]
	if !ok {
		return nil, fmt.Errorf("there is no kind %d", k)
	}
	return []byte(word), nil
}

// UnmarshalText reads the word.
func (k *kind) UnmarshalText(text []byte) error {
	for is, word := range kinds {
		if word == string(text) {
			*k = kind(is)
			return nil
		}
	}
	return fmt.Errorf("there is no kind %.40q", text)
}

// Append appends an entity as one line of JSON, without its end. Values stay byte
// for byte.
func Append(to []byte, e *plane.Entity) ([]byte, error) {
	b := bytes.NewBuffer(to)
	out := json.NewEncoder(b)
	out.SetEscapeHTML(false)
	if err := out.Encode(entity{
		e.Tenant, e.ID, e.Types, e.Scopes, e.Created.UTC(), e.Modified.UTC(), e.Version, from(e.Attributes),
	}); err != nil {
		return nil, fmt.Errorf("write entity %s: %w", e.ID, err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), nil
}

func from(list []plane.Attribute) []attribute {
	if len(list) == 0 {
		return nil
	}
	out := make([]attribute, len(list))
	for i, a := range list {
		out[i] = attribute{a.Name, a.Dataset, kind(a.Kind), a.Value, a.Unit, a.ObservedAt.UTC(), a.Created.UTC(), a.Modified.UTC(), from(a.Meta)}
	}
	return out
}

// Decode reads what Append wrote; what it does not know is an error of kind
// Invalid. It does not check what plane.Entity.Check does.
func Decode(text []byte) (*plane.Entity, error) {
	var e entity
	in := json.NewDecoder(bytes.NewReader(text))
	in.DisallowUnknownFields()
	if err := in.Decode(&e); err != nil {
		return nil, city.Errorf(city.Invalid, "this is no entity: %w", err)
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return nil, city.Errorf(city.Invalid, "something follows the entity %.80q", e.ID)
	}
	if len(e.Scopes) == 0 {
		e.Scopes = nil
	}
	return &plane.Entity{
		Key: plane.Key{Tenant: e.Tenant, ID: e.ID}, Types: e.Types, Scopes: e.Scopes, Attributes: to(e.Attributes),
		Created: e.Created.UTC(), Modified: e.Modified.UTC(), Version: e.Version,
	}, nil
}

func to(list []attribute) []plane.Attribute {
	if len(list) == 0 {
		return nil
	}
	out := make([]plane.Attribute, len(list))
	for i, a := range list {
		out[i] = plane.Attribute{
			Name: a.Name, Dataset: a.Dataset, Kind: plane.Kind(a.Kind), Value: a.Value, Unit: a.Unit, ObservedAt: a.ObservedAt.UTC(),
			Created: a.Created.UTC(), Modified: a.Modified.UTC(), Meta: to(a.Meta),
		}
	}
	return out
}
