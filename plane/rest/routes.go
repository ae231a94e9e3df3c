package rest

import (
	"net/http"
	"slices"

	"polity/plane"
)

// route is one operation: what OpenAPI says of it, and what answers.
type route struct {
	method, path string
	name         string // operationId
	about        string
	parameters   []parameter
	media        []string // of the answer, the preferred first
	body         []string // media types of the request's body; nil: there is none
	takes, gives string   // names of schemas, of the body and of a JSON answer
	geo          string   // schema of a GeoJSON answer
	success      []int
	fails        []int // besides those that any operation may answer with
	writes       bool
	file         string // name of a CSV file
	serve        func(*request) error
}

var every = []string{JSON, GeoJSON, CSV}

var (
	whichParameters = []parameter{pType, pBox, pSince, pQ, pLimit, pCursor, pFormat, pAs}
	pastParameters  = []parameter{pAttribute, pDataset, pFrom, pTo}
)

// routes is the API.
var routes = table()

func table() []route {
	historyLimit := pLimit
	historyLimit.most = maxHistory
	return []route{
		{
			method: http.MethodGet, path: "/", name: "index", about: "What there is.", media: []string{JSON}, gives: "Index", serve: getIndex, success: []int{200},
		},
		{
			method: http.MethodGet, path: "/openapi.json", name: "openapi", about: "This description, as OpenAPI 3.1.", media: []string{JSON}, gives: "OpenAPI", serve: getDocument, success: []int{200},
		},
		{
			method: http.MethodGet, path: "/types", name: "listTypes", about: "Types of entities and their attributes.", parameters: []parameter{pTable, pAs}, media: []string{JSON, CSV}, file: "types", gives: "Types", serve: listTypes, success: []int{200},
		},
		{
			method: http.MethodGet, path: "/entities", name: "listEntities", about: "Entities in the order of their ids, a page at a time.",
			parameters: whichParameters, media: every, file: "entities", gives: "Entities", geo: "FeatureCollection", serve: listEntities, success: []int{200},
		},
		{
			method: http.MethodPost, path: "/entities", name: "createEntity", about: "Store an entity that is not there yet.", media: []string{JSON},
			body: []string{JSON}, takes: "EntityToStore", gives: "Entity", writes: true, serve: createEntity, success: []int{201}, fails: []int{403, 409, 412, 413, 415},
		},
		{
			method: http.MethodGet, path: "/entities/{id}", name: "getEntity", about: "One entity.", parameters: []parameter{pFormat, pAs},
			media: every, file: "entity", gives: "Entity", geo: "Feature", serve: getEntity, success: []int{200}, fails: []int{404},
		},
		{
			method: http.MethodPut, path: "/entities/{id}", name: "replaceEntity", about: "Store an entity in place of whatever is there.", media: []string{JSON},
			body: []string{JSON}, takes: "EntityToStore", gives: "Entity", writes: true, serve: replaceEntity, success: []int{200, 201}, fails: []int{403, 412, 413, 415},
		},
		{
			method: http.MethodPatch, path: "/entities/{id}", name: "patchEntity", about: "Change some attributes: null removes one (RFC 7396).", media: []string{JSON},
			body: []string{mergePatch, JSON}, takes: "Patch", gives: "Entity", writes: true, serve: patchEntity, success: []int{200}, fails: []int{403, 404, 412, 413, 415},
		},
		{
			method: http.MethodDelete, path: "/entities/{id}", name: "deleteEntity", about: "Remove an entity; its past stays.",
			writes: true, serve: deleteEntity, success: []int{204}, fails: []int{403, 404, 412},
		},
		{
			method: http.MethodGet, path: "/entities/{id}/history", name: "getHistory", about: "What was observed of an attribute, a page at a time.",
			parameters: slices.Concat(pastParameters, []parameter{historyLimit, pCursor, pTable, pAs}), media: []string{JSON, CSV}, file: "history", gives: "History", serve: getHistory, success: []int{200}, fails: []int{404},
		},
		{
			method: http.MethodGet, path: "/entities/{id}/aggregates", name: "getAggregates", about: "Count, sum, mean, least and most of an attribute by hours or days of the city.",
			parameters: slices.Concat(pastParameters, []parameter{pBy, pTable, pAs}), media: []string{JSON, CSV}, file: "aggregates", gives: "Aggregates", serve: getAggregates, success: []int{200}, fails: []int{404, 413},
		},
	}
}

// getIndex says where to go on.
func getIndex(r *request) error {
	body, err := encode(map[string]string{"entities": Root + "/entities", "types": Root + "/types", "openapi": Root + "/openapi.json", "documentation": "/api", "data": "/data"})
	if err != nil {
		return err
	}
	return r.answer(http.StatusOK, body, digest(body))
}

func getDocument(r *request) error { return r.answer(http.StatusOK, r.s.doc, digest(r.s.doc)) }

type typeShape struct {
	Type       string          `json:"type"`
	Title      string          `json:"title,omitempty"`
	Attributes []typeAttribute `json:"attributes"`
}

type typeAttribute struct {
	Name    string  `json:"name"`
	Title   string  `json:"title,omitempty"`
	Unit    string  `json:"unit,omitempty"`
	AtLeast float64 `json:"at_least,omitempty"` // smaller values are withheld
}

// listTypes answers with the types that may be seen.
func listTypes(r *request) error {
	list := []typeShape{}
	for _, p := range r.view.public {
		s := typeShape{Type: p.Type, Title: p.Title, Attributes: []typeAttribute{}}
		for _, a := range p.Attributes {
			s.Attributes = append(s.Attributes, typeAttribute{a.Name, a.Title, a.Unit, a.AtLeast})
		}
		list = append(list, s)
	}
	if r.view.all {
		var err error
		if list, err = r.allTypes(list); err != nil {
			return err
		}
	}
	slices.SortFunc(list, func(a, b typeShape) int { return compare(a.Type, b.Type) })
	body, err := r.typesBody(list)
	if err != nil {
		return err
	}
	return r.answer(http.StatusOK, body, digest(body))
}

func (r *request) typesBody(list []typeShape) ([]byte, error) {
	if r.accept != CSV {
		return encode(map[string][]typeShape{"types": list})
	}
	b, w := newTable("type", "attribute", "title", "unit", "at_least")
	for _, t := range list {
		for _, a := range t.Attributes {
			_ = w.Write([]string{cell(t.Type), cell(a.Name), cell(a.Title), cell(a.Unit), decimal(a.AtLeast)})
		}
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

// allTypes adds what entities have that nobody listed.
func (r *request) allTypes(list []typeShape) ([]typeShape, error) {
	q := plane.Query{Limit: plane.MaxLimit}
	for {
		found, err := r.s.store.Find(r.Context(), q)
		if err != nil {
			return nil, err
		}
		for _, e := range found.Entities {
			q.After = e.ID
			for _, name := range e.Types {
				list = withType(list, name, e)
			}
		}
		if !found.More {
			return list, nil
		}
	}
}

func withType(list []typeShape, name string, e *plane.Entity) []typeShape {
	i := slices.IndexFunc(list, func(t typeShape) bool { return t.Type == name })
	if i < 0 {
		i = len(list)
		list = append(list, typeShape{Type: name, Attributes: []typeAttribute{}})
	}
	t := &list[i]
	for _, a := range e.Attributes {
		if !slices.ContainsFunc(t.Attributes, func(x typeAttribute) bool { return x.Name == a.Name }) {
			t.Attributes = append(t.Attributes, typeAttribute{Name: a.Name, Unit: a.Unit})
		}
	}
	return list
}
