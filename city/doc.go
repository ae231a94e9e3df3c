// Package city is the vocabulary that every other part of Polity shares:
// names, places, purposes and kinds of error.
//
// It imports the standard library only, and nothing in it knows a database, a
// protocol or a page.
package city
