package entry

import (
	"encoding/base64"
	"encoding/json"
	"fmt"

	"polity/city"
)

// Patterns of values that are text.
const (
	namePattern      = `^[a-z](-?[a-z0-9]){0,47}$`
	hashPattern      = `^[A-Za-z0-9_-]{43}$`
	timePattern      = `^20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z$`
	dayPattern       = `^20[0-9]{2}-[01][0-9]-[0-3][0-9]$`
	weekPattern      = `^20[0-9]{2}-W[0-5][0-9]$`
	referencePattern = `^[A-Z]{1,8} (19|20)[0-9]{2}[-/][0-9]{1,8}$`
	versionPattern   = `^v[0-9]{1,6}\.[0-9]{1,6}\.[0-9]{1,6}$`
	domainPattern    = `^[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+$`
)

// Schema is the JSON Schema (2020-12) of a type. What it cannot say, Check does.
func Schema(t Type) ([]byte, error) {
	list, ok := rules[t]
	if !ok {
		return nil, city.Errorf(city.NotFound, "there is no type %.40q", string(t))
	}
	s := object(list, t)
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["title"] = fmt.Sprintf("Entry %s of the public log", t)
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("schema of %s: %w", t, err)
	}
	return append(data, '\n'), nil
}

func object(list []rule, t Type) map[string]any {
	properties := map[string]any{}
	required := []string{}
	for _, r := range list {
		name := r.path[1+lastDot(r.path):]
		properties[name] = r.schema(t)
		if !r.optional {
			required = append(required, name)
		}
	}
	return map[string]any{"type": "object", "additionalProperties": false, "properties": properties, "required": required}
}

func lastDot(s string) int {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] == '.' {
			return i
		}
	}
	return -1
}

func (r *rule) schema(t Type) map[string]any {
	text := func(pattern string) map[string]any { return map[string]any{"type": "string", "pattern": pattern} }
	switch r.kind {
	case "type":
		return map[string]any{"const": t}
	case "v":
		return map[string]any{"const": 1}
	case "word":
		return map[string]any{"enum": r.words}
	case "name":
		return text(namePattern)
	case "names":
		return map[string]any{"type": "array", "items": text(namePattern), "minItems": 1, "maxItems": r.max, "uniqueItems": true}
	case "number":
		return map[string]any{"type": "integer", "minimum": r.min, "maximum": r.max}
	case "bytes":
		size := func(n int64) int { return base64.RawURLEncoding.EncodedLen(int(n)) }
		return map[string]any{"type": "string", "pattern": `^[A-Za-z0-9_-]*$`, "minLength": size(r.min), "maxLength": size(r.max)}
	case "members":
		return object(r.members, t)
	}
	return text(map[string]string{
		"hash": hashPattern, "time": timePattern, "day": dayPattern, "week": weekPattern,
		"reference": referencePattern, "version": versionPattern, "domain": domainPattern,
	}[r.kind])
}
