package ngsild

import (
	"net/http"
	"strconv"
	"strings"

	"polity/plane/ngsild/problem"
)

// negotiate picks what is answered with (clause 6.3.4).
func (r *request) negotiate(geoJSON bool) error {
	r.accept = jsonType
	header := strings.Join(r.Header.Values("Accept"), ",")
	if strings.TrimSpace(header) == "" {
		return nil
	}
	best := 0.0
	for part := range strings.SplitSeq(header, ",") {
		name, params, _ := strings.Cut(part, ";")
		name = strings.ToLower(strings.TrimSpace(name))
		q := 1.0
		if text, ok := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q="); ok {
			if v, err := strconv.ParseFloat(text, 64); err == nil {
				q = v
			}
		}
		offer := ""
		switch name {
		case "*/*", "application/*", jsonType:
			offer = jsonType
		case ldType:
			offer = ldType
		case geoType:
			if geoJSON {
				offer = geoType
			}
		}
		if offer != "" && q > best {
			best, r.accept = q, offer
		}
	}
	if best > 0 || r.Method != http.MethodGet && r.Method != http.MethodPost {
		return nil
	}
	return problem.NotAcceptable("none of the media types %q can be given here; there are application/json and application/ld+json", header)
}

// flag reads a parameter that is true or false.
func (r *request) flag(name string) (bool, error) {
	switch r.query.Get(name) {
	case "":
		return false, nil
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, problem.BadRequest("%s is %q; it is true or false", name, r.query.Get(name))
}

// list reads a parameter with commas between its parts; nil if it is not there.
func (r *request) list(name string) []string {
	if !r.query.Has(name) {
		return nil
	}
	var out []string
	for _, v := range r.query[name] {
		for part := range strings.SplitSeq(v, ",") {
			out = append(out, strings.TrimSpace(part))
		}
	}
	return out
}

// page is which part of a list is asked for.
type page struct {
	limit, offset int
	count         bool
}

// Bounds of pages.
const (
	defaultLimit = 20
	maxLimit     = 1000
	maxOffset    = 1_000_000
)

func (r *request) page() (page, error) {
	p := page{limit: defaultLimit}
	var err error
	if p.count, err = r.flag("count"); err != nil {
		return p, err
	}
	if text := r.query.Get("limit"); text != "" {
		if p.limit, err = strconv.Atoi(text); err != nil || p.limit < 0 || p.limit == 0 && !p.count {
			return p, problem.BadRequest("limit is %q; it is a number from 1 to %d, or 0 with count=true", text, maxLimit)
		}
		if p.limit > maxLimit {
			return p, problem.TooMany("limit is %d; %d are given at most", p.limit, maxLimit)
		}
	}
	if text := r.query.Get("offset"); text != "" {
		if p.offset, err = strconv.Atoi(text); err != nil || p.offset < 0 || p.offset > maxOffset {
			return p, problem.BadRequest("offset is %q; it is a number from 0 to %d", text, maxOffset)
		}
	}
	return p, nil
}

// pageLinks names the pages before and behind (clause 6.3.10).
func (r *request) pageLinks(p page, more bool) {
	if p.limit == 0 {
		return
	}
	link := func(offset int, rel string) {
		q := r.URL.RawQuery
		var parts []string
		for part := range strings.SplitSeq(q, "&") {
			if name, _, _ := strings.Cut(part, "="); part != "" && name != "limit" && name != "offset" {
				parts = append(parts, part)
			}
		}
		parts = append(parts, "limit="+strconv.Itoa(p.limit), "offset="+strconv.Itoa(offset))
		r.w.Header().Add("Link", "<"+Root+"/"+strings.Join(r.path, "/")+"?"+strings.Join(parts, "&")+`>;rel="`+rel+`";type="application/ld+json"`)
	}
	if p.offset > 0 {
		link(max(0, p.offset-p.limit), "prev")
	}
	if more {
		link(p.offset+p.limit, "next")
	}
}

// counted tells how many there are in all.
func (r *request) counted(n int64) {
	r.w.Header().Set("NGSILD-Results-Count", strconv.FormatInt(n, 10))
}
