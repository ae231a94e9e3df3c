package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"polity/city"
	"polity/plane"
)

// Bounds of a body.
const (
	MaxBody  = 4 << 20
	maxDepth = 64 // of lists and objects
)

const mergePatch = "application/merge-patch+json" // RFC 7396

// body reads a JSON body of a media type.
func (r *request) body(media ...string) ([]byte, error) {
	given, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || !slices.Contains(media, given) {
		return nil, refuse(http.StatusUnsupportedMediaType, "the Content-Type is %.80q; send %s", r.Header.Get("Content-Type"), strings.Join(media, " or "))
	}
	text, err := io.ReadAll(http.MaxBytesReader(r.w, r.Body, MaxBody))
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return nil, refuse(http.StatusRequestEntityTooLarge, "the body is longer than %d MiB", MaxBody>>20)
		}
		return nil, bad("the body could not be read to its end: %v", err)
	}
	if deep(text) {
		return nil, bad("the body nests more than %d lists and objects", maxDepth)
	}
	return text, nil
}

// deep looks at brackets alone, before anything is decoded.
func deep(text []byte) bool {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			if depth++; depth > maxDepth {
				return true
			}
		case c == ']' || c == '}':
			depth--
		}
	}
	return false
}

func decode(text []byte, to any) error {
	in := json.NewDecoder(bytes.NewReader(text))
	in.DisallowUnknownFields()
	if err := in.Decode(to); err != nil {
		return bad("the body is not what is asked for here: %v", err)
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return bad("something follows the JSON of the body")
	}
	return nil
}

// entityOf reads a whole entity. Times and version are the store's to set; they may
// stand there, as an entity that was read has them.
func (r *request) entityOf() (*plane.Entity, error) {
	text, err := r.body(JSON)
	if err != nil {
		return nil, err
	}
	var s entityShape
	if err := decode(text, &s); err != nil {
		return nil, err
	}
	e := &plane.Entity{Key: plane.Key{ID: s.ID}, Types: s.Types, Scopes: s.Scopes}
	e.Attributes, err = attributes(s.Attributes)
	return e, err
}

func attributes(named map[string]*attributeShape) (list []plane.Attribute, err error) {
	for _, name := range slices.Sorted(maps.Keys(named)) {
		s := named[name]
		if s == nil {
			return nil, bad("the attribute %.80s is null; leave it out", name)
		}
		if s.Value != nil || len(s.Datasets) == 0 {
			a, err := s.attribute(name, "")
			if err != nil {
				return nil, err
			}
			list = append(list, a)
		}
		for _, dataset := range slices.Sorted(maps.Keys(s.Datasets)) {
			other := s.Datasets[dataset]
			if other == nil || dataset == "" || other.Datasets != nil {
				return nil, bad("a dataset of %.80s has no name, is null, or has datasets of its own", name)
			}
			a, err := other.attribute(name, dataset)
			if err != nil {
				return nil, err
			}
			list = append(list, a)
		}
	}
	return list, nil
}

func (s *attributeShape) attribute(name, dataset string) (plane.Attribute, error) {
	a := plane.Attribute{Name: name, Dataset: dataset, Kind: plane.Property, Value: s.Value, Unit: s.Unit, ObservedAt: s.ObservedAt}
	if name == plane.Location {
		a.Kind = plane.Geo
	}
	if s.Kind != "" {
		i := slices.Index(kinds, s.Kind)
		if i < 1 {
			return a, bad("the attribute %.80s is of the kind %.40q; there are: %s", name, s.Kind, strings.Join(kinds[1:], ", "))
		}
		a.Kind = plane.Kind(i)
	}
	if s.Value == nil {
		return a, bad("the attribute %.80s has no value", name)
	}
	if a.Kind == plane.Geo {
		if e := (&plane.Entity{Attributes: []plane.Attribute{{Name: plane.Location, Kind: plane.Geo, Value: s.Value}}}); !placed(e) {
			return a, bad("the attribute %.80s is no geometry of GeoJSON in degrees, such as {\"type\":\"Point\",\"coordinates\":[24.94,60.17]}", name)
		}
	}
	var err error
	a.Meta, err = attributes(s.Meta)
	return a, err
}

func placed(e *plane.Entity) bool { _, ok := e.Bounds(); return ok }

// change stores a change of the entity that the path names, if the preconditions of
// the request hold in the moment of the change (RFC 9110, 13).
func (r *request) change(edit func(old *plane.Entity) (*plane.Entity, error)) (before bool, err error) {
	if strings.HasPrefix(r.id, own) {
		return false, refuse(http.StatusForbidden, "the entity %.80s is kept by Polity itself and cannot be changed here", r.id)
	}
	result, err := r.s.store.Write(r.Context(), &plane.Batch{Changes: []plane.Change{{Key: plane.Key{ID: r.id}, Edit: func(old *plane.Entity) (*plane.Entity, error) {
		before = old != nil
		if err := r.precondition(old); err != nil {
			return nil, err
		}
		e, err := edit(old)
		if err != nil || e == nil {
			return nil, err
		}
		if err := e.Check(); err != nil { // the store does, too; here its error keeps its kind
			return nil, err
		}
		return e, nil
	}}}})
	if err == nil {
		err = result.Err()
	}
	return before, err
}

func (r *request) precondition(old *plane.Entity) error {
	tag := ""
	if old != nil {
		text, err := encode(shapeOf(old))
		if err != nil {
			return err
		}
		tag = digest(text)
	}
	if want := r.Header.Get("If-Match"); want != "" {
		held := false
		for part := range strings.SplitSeq(want, ",") {
			part = strings.Trim(strings.TrimSpace(part), `"`)
			part, _, _ = strings.Cut(part, "-") // whatever it was written as
			held = held || (old != nil && (part == "*" || part == tag))
		}
		if !held {
			return refuse(http.StatusPreconditionFailed, "the entity is not as If-Match says; get it again, and change what is there now")
		}
	}
	if not := r.Header.Get("If-None-Match"); not != "" && old != nil && listed(not, tag) {
		return refuse(http.StatusPreconditionFailed, "the entity is there already, and If-None-Match says that it must not be")
	}
	return nil
}

// changed answers with the entity as it is after a change.
func (r *request) changed(status int) error {
	e, err := r.s.store.Entity(r.Context(), plane.Key{ID: r.id})
	if err != nil {
		return err
	}
	return r.one(status, e)
}

func (r *request) place() { r.w.Header().Set("Location", Root+"/entities/"+url.PathEscape(r.id)) }

// createEntity stores an entity that must not be there.
func createEntity(r *request) error {
	e, err := r.entityOf()
	if err != nil {
		return err
	}
	r.id = e.ID
	if _, err := r.change(func(old *plane.Entity) (*plane.Entity, error) {
		if old != nil {
			return nil, city.Errorf(city.Conflict, "the entity %s is there already; replace it with PUT or change it with PATCH", e.ID)
		}
		return e.Clone(), nil
	}); err != nil {
		return err
	}
	r.place()
	return r.changed(http.StatusCreated)
}

// replaceEntity stores an entity in place of whatever is there.
func replaceEntity(r *request) error {
	e, err := r.entityOf()
	if err != nil {
		return err
	}
	if e.ID == "" {
		e.ID = r.id
	}
	if e.ID != r.id {
		return bad("the path names the entity %.80s and the body %.80s", r.id, e.ID)
	}
	before, err := r.change(func(*plane.Entity) (*plane.Entity, error) { return e.Clone(), nil })
	if err != nil {
		return err
	}
	if !before {
		r.place()
		return r.changed(http.StatusCreated)
	}
	return r.changed(http.StatusOK)
}

// patchShape is a merge patch of an entity: an attribute that is null goes, one that
// is given takes the place of what is there, its datasets one by one.
type patchShape struct {
	ID         string                     `json:"id"`
	Types      []string                   `json:"types"`
	Scopes     []string                   `json:"scopes"`
	Created    time.Time                  `json:"created"`
	Modified   time.Time                  `json:"modified"`
	Version    uint64                     `json:"version"`
	Attributes map[string]*attributeShape `json:"attributes"`
}

// patchEntity changes some attributes.
func patchEntity(r *request) error {
	text, err := r.body(mergePatch, JSON)
	if err != nil {
		return err
	}
	var p patchShape
	if err := decode(text, &p); err != nil {
		return err
	}
	if p.ID != "" && p.ID != r.id {
		return bad("the path names the entity %.80s and the body %.80s", r.id, p.ID)
	}
	gone := map[string]bool{}
	for name, s := range p.Attributes {
		if s == nil {
			gone[name] = true
			delete(p.Attributes, name)
		}
	}
	set, err := attributes(p.Attributes)
	if err != nil {
		return err
	}
	if _, err := r.change(func(old *plane.Entity) (*plane.Entity, error) {
		if old == nil {
			return nil, errMissing(r.id)
		}
		if p.Types != nil {
			old.Types = p.Types
		}
		if p.Scopes != nil {
			old.Scopes = p.Scopes
		}
		old.Attributes = slices.DeleteFunc(old.Attributes, func(a plane.Attribute) bool { return gone[a.Name] })
		for _, a := range set {
			old.Set(a)
		}
		return old, nil
	}); err != nil {
		return err
	}
	return r.changed(http.StatusOK)
}

// deleteEntity removes an entity that must be there. Its history stays.
func deleteEntity(r *request) error {
	if _, err := r.change(func(old *plane.Entity) (*plane.Entity, error) {
		if old == nil {
			return nil, errMissing(r.id)
		}
		return nil, nil //nolint:nilnil // it goes
	}); err != nil {
		return err
	}
	r.w.WriteHeader(http.StatusNoContent)
	return nil
}
