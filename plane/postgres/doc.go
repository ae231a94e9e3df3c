// Package postgres keeps the city's data in a PostgreSQL database (15 or later) with
// PostGIS, for a city: one writer whose commits carry whatever waits (group
// commit), synced before they are acknowledged; readers by a pool; history in a
// partition per month. Everything stands in the schema polity
// (migrations/0001.sql); its views entity_json and observation are for people.
//
// An observation takes about 120 bytes with its index.
package postgres
