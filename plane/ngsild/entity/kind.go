// Package entity reads and writes the NGSI-LD representations of entities
// (ETSI GS CIM 009, clauses 4.5.1 to 4.5.17): normalised, concise, simplified and
// GeoJSON, and what updates do to a stored entity (clauses 5.5.8 to 5.5.12).
package entity

import (
	"strings"

	"polity/plane"
	"polity/plane/ngsild/jsonld"
)

// Null stands for a member to be removed (clause 4.5.0).
const Null = "urn:ngsi-ld:null"

// kinds are the types of attributes with the member that holds the value.
var kinds = [...]struct{ name, member string }{
	plane.Property:     {"Property", "value"},
	plane.Relationship: {"Relationship", "object"},
	plane.Geo:          {"GeoProperty", "value"},
	plane.Language:     {"LanguageProperty", "languageMap"},
	plane.JSON:         {"JsonProperty", "json"},
	plane.Vocabulary:   {"VocabProperty", "vocab"},
	plane.List:         {"ListProperty", "valueList"},
	plane.ListOfLinks:  {"ListRelationship", "objectList"},
}

// KindName is the type of an attribute as NGSI-LD names it.
func KindName(k plane.Kind) string { return kinds[k].name }

// ValueMember is the member that holds the value of an attribute.
func ValueMember(k plane.Kind) string { return kinds[k].member }

func kindOf(name string) (plane.Kind, bool) {
	name = strings.TrimPrefix(name, jsonld.NGSILD)
	for k, d := range kinds {
		if d.name == name && name != "" {
			return plane.Kind(k), true
		}
	}
	return 0, false
}

// Plain are members of an attribute that are no attributes themselves and that the
// plane keeps as metadata under these names.
var plain = map[string]string{
	"objectType": jsonld.NGSILD + "hasObjectType",
	"valueType":  jsonld.NGSILD + "hasValueType",
	"expiresAt":  jsonld.NGSILD + "expiresAt",
	"deletedAt":  jsonld.NGSILD + "deletedAt",
}

func plainMember(stored string) (string, bool) {
	for member, name := range plain {
		if name == stored {
			return member, true
		}
	}
	return "", false
}

// geometries are the types of GeoJSON that a GeoProperty may have (clause 4.7).
var geometries = map[string]int{"Point": 1, "MultiPoint": 2, "LineString": 2, "MultiLineString": 3, "Polygon": 3, "MultiPolygon": 4}
