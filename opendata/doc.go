// Package opendata publishes the city's data as files that anybody can take and cite: a
// set per kind of thing, of each a file per day and per month, as CSV and GeoJSON, with
// a schema (CSV on the Web), a licence, and a catalogue (DCAT-AP 3).
//
// A file that was published never changes its bytes, unless it is corrected, and then
// the set says so (docs/formats/opendata.md). In the folder of an Archive:
//
//	SET/index.json        what is published, with digests; written last
//	SET/2026-11-29.1.csv  a day, revision 1; likewise .geojson, and 2026-11.1.csv for a month
package opendata
