// Package problem is the errors of the NGSI-LD API: problem details (RFC 7807) with
// the types of ETSI GS CIM 009, clause 5.5.2 and the statuses of clause 6.3.2.
package problem

import (
	"errors"
	"fmt"
	"net/http"

	"polity/city"
	"polity/plane/ngsild/jsontext"
)

const base = "https://uri.etsi.org/ngsi-ld/errors/"

// Problem is why a request was refused.
type Problem struct {
	Status int
	Kind   string // last part of the type's URI, such as BadRequestData
	Title  string
	Detail string // what to do
}

// Error is the detail.
func (p *Problem) Error() string { return p.Detail }

// Append writes p as a JSON object.
func (p *Problem) Append(b []byte) []byte {
	b = append(b, `{"type":"`+base...)
	b = append(b, p.Kind...)
	b = append(b, `","title":`...)
	b = jsontext.AppendString(b, p.Title)
	b = append(b, `,"detail":`...)
	b = jsontext.AppendString(b, p.Detail)
	b = append(b, `,"status":`...)
	return append(fmt.Appendf(b, "%d", p.Status), '}')
}

func problem(status int, kind, title, format string, args []any) *Problem {
	return &Problem{Status: status, Kind: kind, Title: title, Detail: fmt.Sprintf(format, args...)}
}

// BadRequest says that the data of a request are wrong.
func BadRequest(format string, args ...any) *Problem {
	return problem(http.StatusBadRequest, "BadRequestData", "The data of the request are not right", format, args)
}

// InvalidRequest says that the request itself is wrong: no JSON, an unknown parameter.
func InvalidRequest(format string, args ...any) *Problem {
	return problem(http.StatusBadRequest, "InvalidRequest", "The request is not right", format, args)
}

// NotFound says that something is not there.
func NotFound(format string, args ...any) *Problem {
	return problem(http.StatusNotFound, "ResourceNotFound", "There is no such resource", format, args)
}

// Exists says that something is there already.
func Exists(format string, args ...any) *Problem {
	return problem(http.StatusConflict, "AlreadyExists", "The resource exists already", format, args)
}

// Conflict says that something cannot be done beside something else that is there.
func Conflict(format string, args ...any) *Problem {
	return problem(http.StatusConflict, "Conflict", "It conflicts with something that is there", format, args)
}

// Loop says that a request went in a circle.
func Loop(format string, args ...any) *Problem {
	return problem(http.StatusLoopDetected, "LoopDetected", "The request went in a circle", format, args)
}

// Gateway says that a context source gave no answer that could be used.
func Gateway(format string, args ...any) *Problem {
	return problem(http.StatusGatewayTimeout, "InternalError", "A context source gave no answer", format, args)
}

// Source says that a context source answered with a status other than success.
func Source(status int, format string, args ...any) *Problem {
	switch status {
	case http.StatusNotFound:
		return NotFound(format, args...)
	case http.StatusConflict:
		return Exists(format, args...)
	case http.StatusLoopDetected:
		return Loop(format, args...)
	case http.StatusBadRequest:
		return BadRequest(format, args...)
	case http.StatusMultiStatus:
		return problem(http.StatusMultiStatus, "InternalError", "A context source did a part only", format, args)
	}
	if status >= 400 && status < 500 {
		return problem(status, "InvalidRequest", "A context source refused", format, args)
	}
	return problem(http.StatusBadGateway, "InternalError", "A context source failed", format, args)
}

// NoContext says that a @context could not be had.
func NoContext(format string, args ...any) *Problem {
	return problem(http.StatusServiceUnavailable, "LdContextNotAvailable", "A @context is not available", format, args)
}

// NotSupported says that an operation is not for such a resource.
func NotSupported(format string, args ...any) *Problem {
	return problem(http.StatusUnprocessableEntity, "OperationNotSupported", "The operation is not supported", format, args)
}

// TooComplex says that a query needs more work than is allowed.
func TooComplex(format string, args ...any) *Problem {
	return problem(http.StatusForbidden, "TooComplexQuery", "The query is too complex", format, args)
}

// TooMany says that an answer would have more entries than are allowed.
func TooMany(format string, args ...any) *Problem {
	return problem(http.StatusForbidden, "TooManyResults", "The answer would be too large", format, args)
}

// NoTenant says that a tenant is not there.
func NoTenant(format string, args ...any) *Problem {
	return problem(http.StatusNotFound, "NonexistentTenant", "There is no such tenant", format, args)
}

// NotAcceptable says that no media type that is asked for can be given.
func NotAcceptable(format string, args ...any) *Problem {
	return problem(http.StatusNotAcceptable, "InvalidRequest", "No such media type can be given", format, args)
}

// MediaType says that a body has a media type that is not read.
func MediaType(format string, args ...any) *Problem {
	return problem(http.StatusUnsupportedMediaType, "InvalidRequest", "The media type is not read", format, args)
}

// TooLarge says that a body is longer than allowed.
func TooLarge(format string, args ...any) *Problem {
	return problem(http.StatusRequestEntityTooLarge, "InvalidRequest", "The request is too large", format, args)
}

// Method says that a resource does not know a method.
func Method(format string, args ...any) *Problem {
	return problem(http.StatusMethodNotAllowed, "OperationNotSupported", "The method is not for this resource", format, args)
}

// From makes a problem of any error. A fault of Polity's own keeps its words to the
// log.
func From(err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	switch city.KindOf(err) {
	case city.Invalid:
		return BadRequest("%v", err)
	case city.NotFound:
		return NotFound("%v", err)
	case city.Conflict:
		return Exists("%v", err)
	case city.TooLarge:
		return BadRequest("%v", err)
	case city.Unavailable:
		return problem(http.StatusServiceUnavailable, "InternalError", "The city's data cannot be reached now", "%s", []any{"try again later"})
	default:
		return problem(http.StatusInternalServerError, "InternalError", "A fault of Polity", "%s", []any{"the hub's log says more"})
	}
}
