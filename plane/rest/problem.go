package rest

import (
	"errors"
	"fmt"
	"net/http"

	"polity/city"
	"polity/plane/ngsild/problem"
)

// Problem is why a request was refused (RFC 9457).
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"` // what to do
}

// Error is the detail.
func (p *Problem) Error() string { return p.Detail }

func refuse(status int, format string, args ...any) *Problem {
	return &Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: fmt.Sprintf(format, args...)}
}

func bad(format string, args ...any) *Problem { return refuse(http.StatusBadRequest, format, args...) }

// errMissing is the same whether a thing is not there or not public.
func errMissing(id string) *Problem {
	return refuse(http.StatusNotFound, "there is no entity %s, or it is not public", id)
}

var statuses = map[city.Kind]int{
	city.Invalid: http.StatusBadRequest, city.NotFound: http.StatusNotFound, city.Conflict: http.StatusConflict, city.Forbidden: http.StatusForbidden,
	city.Unavailable: http.StatusServiceUnavailable, city.TooLarge: http.StatusRequestEntityTooLarge,
}

// problemOf makes a problem of any error. A fault of Polity's own keeps its words to the
// log.
func problemOf(err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	if p, ok := errors.AsType[*problem.Problem](err); ok { // of a query language
		return refuse(p.Status, "%s", p.Detail)
	}
	status, ok := statuses[city.KindOf(err)]
	switch {
	case !ok:
		return refuse(http.StatusInternalServerError, "this is a fault of Polity; the hub's log says more")
	case status == http.StatusServiceUnavailable:
		return refuse(status, "the city's data cannot be reached now; try again later")
	}
	return refuse(status, "%v", err)
}
