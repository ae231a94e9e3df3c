package rest

import "maps"

type object = map[string]any

func ref(name string) object { return object{"$ref": "#/components/schemas/" + name} }

func array(of any) object { return object{"type": "array", "items": of} }

func record(needed []string, properties object) object {
	o := object{"type": "object", "properties": properties, "additionalProperties": false}
	if len(needed) > 0 {
		o["required"] = needed
	}
	return o
}

func described(about string, o object) object {
	o["description"] = about
	return o
}

// schemas are the forms of bodies, as JSON Schema 2020-12, which OpenAPI 3.1 takes.
func schemas() object {
	str := func() object { return object{"type": "string"} }
	moment := func() object { return object{"type": "string", "format": "date-time"} }
	maybe := func() object { return object{"type": []string{"number", "null"}} }
	whole := func() object { return object{"type": "integer", "minimum": 0} }
	attribute := func(needed ...string) object {
		return record(needed, object{
			"kind":        object{"type": "string", "enum": kinds[1:], "description": "As in NGSI-LD. Without it Property, and GeoProperty for location."},
			"value":       object{"description": "Any JSON but null. Missing if there are datasets alone."},
			"unit":        described("UN/CEFACT Recommendation 20, such as CEL.", str()),
			"observed_at": moment(), "created": moment(), "modified": moment(),
			"meta":     described("Attributes of the attribute.", object{"type": "object", "additionalProperties": ref("Attribute")}),
			"datasets": described("Further instances by their dataset.", object{"type": "object", "additionalProperties": ref("Attribute")}),
		})
	}
	entity := func(needed ...string) object {
		return record(needed, object{
			"id":    object{"type": "string", "format": "uri", "maxLength": 1024, "examples": []string{"urn:ngsi-ld:AirQualityObserved:a-1"}},
			"types": object{"type": "array", "items": str(), "minItems": 1}, "scopes": array(str()),
			"created": moment(), "modified": moment(), "version": described("One more with each change; for those who may change it.", whole()),
			"attributes": object{"type": "object", "additionalProperties": ref("Attribute")},
		})
	}
	patch := entity()
	patch["properties"].(object)["attributes"] = object{"type": "object", "additionalProperties": object{"anyOf": []any{ref("Attribute"), object{"type": "null"}}}} //nolint:forcetypeassert // made above
	observation := record([]string{"dataset", "start", "seconds", "covered_seconds", "value", "withheld"}, object{
		"dataset": str(), "start": moment(), "seconds": described("Length of the interval; 0 is an instant.", object{"type": "number", "minimum": 0}),
		"covered_seconds": described("How much of it was really observed.", object{"type": "number", "minimum": 0}), "value": maybe(),
		"withheld": described("There is a value, and it is not published.", object{"type": "boolean"}),
	})
	aggregate := record([]string{"dataset", "from", "to", "count", "withheld", "sum", "mean", "least", "most"}, object{
		"dataset": str(), "from": moment(), "to": moment(), "count": described("Observations that are in the numbers.", whole()),
		"withheld": described("Observations that are not published and in no number, or the number itself is not.", whole()),
		"sum":      maybe(), "mean": maybe(), "least": maybe(), "most": maybe(),
	})
	past := func(list string, of string, more object) object {
		properties := object{"entity": str(), "attribute": str(), "unit": str(), list: array(ref(of))}
		needed := []string{"entity", "attribute", list}
		maps.Copy(properties, more)
		return record(needed, properties)
	}
	feature := record([]string{"type", "id", "geometry", "properties"}, object{
		"type": object{"const": "Feature"}, "id": str(), "geometry": object{"type": []string{"object", "null"}}, "properties": object{"type": "object"},
	})
	return object{
		"Index":     object{"type": "object", "additionalProperties": str()},
		"OpenAPI":   object{"type": "object", "required": []string{"openapi", "info", "paths"}},
		"Attribute": attribute(), "Entity": entity("id", "types", "attributes"), "EntityToStore": entity("types", "attributes"), "Patch": patch,
		"Entities": record([]string{"entities"}, object{"entities": array(ref("Entity")), "next": described("Cursor of the next page; missing on the last.", str())}),
		"Feature":  feature,
		"FeatureCollection": record([]string{"type", "features"}, object{
			"type": object{"const": "FeatureCollection"}, "features": array(ref("Feature")), "next": str(),
		}),
		"Observation": observation, "History": past("observations", "Observation", object{"next": str()}),
		"Aggregate": aggregate, "Aggregates": past("aggregates", "Aggregate", object{"by": object{"enum": []Step{ByHour, ByDay}}}),
		"Types": record([]string{"types"}, object{"types": array(record([]string{"type", "attributes"}, object{
			"type": str(), "title": str(),
			"attributes": array(record([]string{"name"}, object{
				"name": str(), "title": str(), "unit": str(), "at_least": described("Smaller values are withheld.", object{"type": "number"}),
			})),
		}))}),
		"Problem": record([]string{"type", "title", "status", "detail"}, object{
			"type": str(), "title": str(), "status": object{"type": "integer"}, "detail": described("What to do.", str()),
		}),
	}
}
