package city

import (
	"errors"
	"fmt"
)

// A Kind says what sort of thing went wrong, so that a caller can branch on it
// and one place can turn it into an HTTP status or an exit code.
type Kind uint8

// The kinds of error. The zero Kind is Internal, so that an error nobody
// classified is never mistaken for the caller's fault.
const (
	Internal    Kind = iota // a fault of Polity or of the machine under it
	Invalid                 // the request or file is wrong; the text says where
	NotFound                // what was asked for does not exist
	Conflict                // it clashes with what is stored, e.g. it exists already
	Forbidden               // the asker has no right; the text says which right is missing
	Unavailable             // a part that is needed cannot be reached now; trying later may help
	TooLarge                // a bound on size, depth or number was passed
)

// String returns the kind as one lower-case word.
func (k Kind) String() string {
	names := [...]string{"internal", "invalid", "not found", "conflict", "forbidden", "unavailable", "too large"}
	if int(k) < len(names) {
		return names[k]
	}
	return "internal"
}

// Error is an error with a Kind. Its text is written for the person who has to
// act on it.
type Error struct {
	Kind Kind
	err  error
}

// Error returns the text.
func (e *Error) Error() string { return e.err.Error() }

// Unwrap returns the error beneath.
func (e *Error) Unwrap() error { return e.err }

// Errorf makes an error of a kind; %w wraps as in fmt.Errorf.
func Errorf(kind Kind, format string, args ...any) error {
	return &Error{Kind: kind, err: fmt.Errorf(format, args...)}
}

// KindOf returns the kind of the outermost Error in err's chain, or Internal.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}
