// Package sqlite keeps the city's data in one SQLite file, for a city that starts
// small and for tests: write-ahead log, synced with every commit, and one writer
// whose commits carry whatever waits (group commit).
//
// An observation takes 30 to 50 bytes (migrations/0001.sql, history): rows are
// clustered by series and time, times count from the month's start.
package sqlite
