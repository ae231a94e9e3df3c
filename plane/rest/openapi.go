package rest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// always are statuses that any operation may answer with.
var always = []int{400, 500, 503}

// Document writes the API as OpenAPI 3.1, from the table of routes.
func Document(title string, licence Licence) ([]byte, error) {
	paths := object{}
	for i := range routes {
		rt := &routes[i]
		path, _ := paths[rt.path].(object)
		if path == nil {
			path = object{}
			paths[rt.path] = path
		}
		path[strings.ToLower(rt.method)] = rt.operation()
	}
	if title == "" {
		title = "City"
	}
	info := object{
		"title": title + ": data of the city", "version": "1",
		"description": "Plain JSON, GeoJSON and CSV. Everyone may read what is public; changing is for who is trusted by the city. Every GET is also a HEAD.",
	}
	if licence.Name != "" {
		info["license"] = object{"name": licence.Name, "url": licence.URL}
	}
	doc := object{
		"openapi": "3.1.0", "info": info, "servers": []object{{"url": Root}}, "paths": paths,
		"components": object{"schemas": schemas()},
	}
	b, err := json.MarshalIndent(doc, "", " ")
	return append(b, '\n'), err
}

func (rt *route) operation() object {
	o := object{"operationId": rt.name, "summary": rt.about, "responses": rt.responses()}
	if p := rt.described(); p != nil {
		o["parameters"] = p
	}
	if rt.body != nil {
		content := object{}
		for _, media := range rt.body {
			content[media] = object{"schema": ref(rt.takes)}
		}
		o["requestBody"] = object{"required": true, "content": content}
	}
	return o
}

func (rt *route) described() []object {
	var list []object
	if strings.Contains(rt.path, "{id}") {
		list = append(list, object{"name": "id", "in": "path", "required": true, "description": "The entity's id, percent-encoded.", "schema": object{"type": "string"}})
	}
	for i := range rt.parameters {
		p := &rt.parameters[i]
		o := object{"name": p.name, "in": "query", "description": p.about, "schema": p.schema()}
		if p.needed {
			o["required"] = true
		}
		if p.example != "" {
			var example any = p.example
			if n, err := strconv.Atoi(p.example); err == nil && p.form == number {
				example = n
			}
			o["example"] = example
		}
		list = append(list, o)
	}
	conditional := func(name, about string) object {
		return object{"name": name, "in": "header", "description": about, "schema": object{"type": "string"}}
	}
	switch {
	case rt.method == http.MethodGet:
		list = append(list, conditional("If-None-Match", "Entity tags that the reader has: 304 if one is current."))
	case rt.writes:
		list = append(list, conditional("If-Match", "Change only what has this entity tag."), conditional("If-None-Match", "* stores only what is not there."))
	}
	return list
}

func (p *parameter) schema() object {
	switch p.form {
	case number:
		return object{"type": "integer", "minimum": p.least, "maximum": p.most}
	case word:
		return object{"type": "string", "enum": p.words}
	case box:
		return object{"type": "string", "pattern": "^-?[0-9.]+(,-?[0-9.]+){3}$"}
	}
	return object{"type": "string", "maxLength": maxText}
}

func (rt *route) responses() object {
	out := object{}
	for _, status := range rt.success {
		r := object{"description": http.StatusText(status)}
		if status != http.StatusNoContent {
			r["content"] = rt.content()
			r["headers"] = rt.headers(status)
		}
		out[strconv.Itoa(status)] = r
	}
	if rt.method == http.MethodGet {
		out["304"] = object{"description": "The reader has it already"}
	}
	for _, status := range rt.statuses() {
		out[strconv.Itoa(status)] = object{"description": http.StatusText(status), "content": object{details: object{"schema": ref("Problem")}}}
	}
	return out
}

// statuses are those of refusals.
func (rt *route) statuses() []int {
	list := slices.Concat(always, rt.fails)
	if rt.media != nil {
		list = append(list, http.StatusNotAcceptable)
	}
	if rt.method == http.MethodGet && !slices.Contains(list, http.StatusRequestEntityTooLarge) {
		list = append(list, http.StatusRequestEntityTooLarge)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func (rt *route) content() object {
	content := object{}
	for _, media := range rt.media {
		switch media {
		case JSON:
			content[media] = object{"schema": ref(rt.gives)}
		case GeoJSON:
			content[media] = object{"schema": ref(rt.geo)}
		case CSV:
			content[media] = object{"schema": object{"type": "string"}}
		}
	}
	return content
}

func (rt *route) headers(status int) object {
	str := object{"schema": object{"type": "string"}}
	h := object{"ETag": str}
	if status == http.StatusCreated {
		h["Location"] = str
	}
	if slices.ContainsFunc(rt.parameters, func(p parameter) bool { return p.name == "cursor" }) {
		h["Link"] = object{"description": "The next page, rel=next.", "schema": object{"type": "string"}}
	}
	return h
}
