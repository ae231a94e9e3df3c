// Package postgres keeps the city's data in a PostgreSQL database (15 or later) with
// PostGIS, for a city: one writer whose commits carry whatever waits (group
// commit), synced before they are acknowledged; readers by a pool; history in a
// partition per month, and days that are over as arrays. Everything stands in the schema
// polity (migrations); its views entity_json and observation are for people.
//
// An observation takes about 120 bytes with its index until its day is packed (Pack), and
// 10 to 15 bytes from then on, where a series has more than a few a day.
package postgres
