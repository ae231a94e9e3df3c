// Package rest is the city's data as plain JSON, GeoJSON and CSV over HTTP, for whoever
// does not want to learn NGSI-LD (docs/formats/rest.md). Reading is for everyone, and
// everyone sees what is on a list: types, and of each the attributes that are public.
// What is not on it does not exist for them. Who is trusted sees everything, and writes.
//
// The table of routes is the only place where addresses, parameters, answers and their
// forms stand; OpenAPI is written from it.
package rest
