package sqlite

import (
	"polity/city"
	"polity/internal/sqlitefile"
)

// kind gives an error of the database one of our kinds.
func kind(err error) error {
	return sqlitefile.Kind(err, sqlitefile.Words{
		Full: "the disk is full", Busy: "another program holds the file", Failing: "the disk or machine fails",
		Damaged: "the file is damaged or no database; restore it from a backup",
	})
}

func errClosed() error { return city.Errorf(city.Unavailable, "the store is closed") }
