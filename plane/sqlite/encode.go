package sqlite

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"polity/plane"
)

// body is the stored form of an entity, apart from what has a column of its own.
// Names are short because they are repeated in every row.
type body struct {
	Types      []string    `json:"t"`
	Scopes     []string    `json:"s,omitempty"`
	Attributes []attribute `json:"a,omitempty"`
}

type attribute struct {
	Name     string          `json:"n"`
	Dataset  string          `json:"d,omitempty"`
	Kind     plane.Kind      `json:"k"`
	Value    json.RawMessage `json:"v"`
	Unit     string          `json:"u,omitempty"`
	Observed *int64          `json:"o,omitempty"` // ns since 1970
	Meta     []attribute     `json:"m,omitempty"`
	Created  int64           `json:"c"` // ms since 1970
	Modified int64           `json:"x"`
}

func encode(e *plane.Entity) ([]byte, error) {
	var b bytes.Buffer
	to := json.NewEncoder(&b)
	to.SetEscapeHTML(false) // values stay byte for byte
	if err := to.Encode(body{e.Types, e.Scopes, fromAttributes(e.Attributes)}); err != nil {
		return nil, fmt.Errorf("encode entity %s: %w", e.ID, err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), nil
}

func fromAttributes(list []plane.Attribute) []attribute {
	if len(list) == 0 {
		return nil
	}
	out := make([]attribute, len(list))
	for i, a := range list {
		out[i] = attribute{
			Name: a.Name, Dataset: a.Dataset, Kind: a.Kind, Value: a.Value, Unit: a.Unit,
			Meta: fromAttributes(a.Meta), Created: a.Created.UnixMilli(), Modified: a.Modified.UnixMilli(),
		}
		if !a.ObservedAt.IsZero() {
			ns := a.ObservedAt.UnixNano()
			out[i].Observed = &ns
		}
	}
	return out
}

// row is a row of the table entity.
type row struct {
	n, created, modified int64
	version              uint64
	id                   string
	body                 []byte
}

func (r *row) entity(tenant string) (*plane.Entity, error) {
	var b body
	if err := json.Unmarshal(r.body, &b); err != nil {
		return nil, fmt.Errorf("entity %s as stored: %w", r.id, err)
	}
	return &plane.Entity{
		Key: plane.Key{Tenant: tenant, ID: r.id}, Types: b.Types, Scopes: b.Scopes, Attributes: toAttributes(b.Attributes),
		Created: time.UnixMilli(r.created).UTC(), Modified: time.UnixMilli(r.modified).UTC(), Version: r.version,
	}, nil
}

func toAttributes(list []attribute) []plane.Attribute {
	if len(list) == 0 {
		return nil
	}
	out := make([]plane.Attribute, len(list))
	for i, a := range list {
		out[i] = plane.Attribute{
			Name: a.Name, Dataset: a.Dataset, Kind: a.Kind, Value: a.Value, Unit: a.Unit, Meta: toAttributes(a.Meta),
			Created: time.UnixMilli(a.Created).UTC(), Modified: time.UnixMilli(a.Modified).UTC(),
		}
		if a.Observed != nil {
			out[i].ObservedAt = time.Unix(0, *a.Observed).UTC()
		}
	}
	return out
}
