package postgres

// What tests of this package look at.
var (
	Ceil     = ceil
	Storable = storable
)
