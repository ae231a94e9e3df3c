package account

import (
	lib "modernc.org/sqlite/lib"

	"polity/city"
	"polity/internal/sqlitefile"
)

// Errors that pages answer in a way of their own. All others have their text alone.
var (
	// ErrSignInAgain is of kind Forbidden.
	ErrSignInAgain = city.Errorf(city.Forbidden, "this needs a sign-in of the last 15 minutes: sign in again, then repeat it")
	// ErrTooMany is of kind Unavailable; its HTTP status is 429.
	ErrTooMany = city.Errorf(city.Unavailable, "too many tries from here: wait a minute, then try again")
	// ErrCode is of kind Forbidden. It is the same for a wrong, a used and an expired code.
	ErrCode = city.Errorf(city.Forbidden, "this code does not work: it may be mistyped, used or expired; ask whoever gave it to you for another")
	// ErrPasskey is of kind Forbidden. It is the same for everything that is wrong with a
	// sign-in.
	ErrPasskey = city.Errorf(city.Forbidden, "this did not sign you in: try again, use another passkey, or ask two administrators to let you back in")
	// ErrCeremony is of kind Invalid.
	ErrCeremony = city.Errorf(city.Invalid, "this sign-in was already answered, or took longer than 5 minutes: begin again")
	// ErrCopied is of kind Forbidden.
	ErrCopied = city.Errorf(city.Forbidden, "a copy of this passkey may exist, so it is blocked: use another one, or ask two administrators to let you back in")
	// ErrLeaked is of kind Invalid.
	ErrLeaked = city.Errorf(city.Invalid, "a token stood in the address, where logs and histories keep it; it is revoked. Make another, and send it in the header: Authorization: Bearer polity_...")
	// ErrNobody is of kind Forbidden.
	ErrNobody = city.Errorf(city.Forbidden, "this hub has no administrator yet: enrol the first one with the code that 'polity hub' printed when it started")
)

// kind gives an error of the database one of our kinds.
func kind(err error) error {
	return sqlitefile.Kind(err, sqlitefile.Words{
		Full: "the disk is full, so that accounts cannot be written: make room", Busy: "another program holds the file of accounts",
		Failing: "the file of accounts cannot be used: check the disk, and who owns the file",
		Damaged: "the file of accounts is damaged or no database: restore it from a backup; without one move it away and enrol everybody again",
	}, lib.SQLITE_PERM, lib.SQLITE_AUTH)
}
