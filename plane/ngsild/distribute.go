package ngsild

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"polity/city"
	"polity/plane"
	"polity/plane/ngsild/entity"
	"polity/plane/ngsild/forward"
	"polity/plane/ngsild/jsontext"
	"polity/plane/ngsild/problem"
)

// write is a change of one entity, of which sources may have parts (clause 4.3.6).
type write struct {
	op    forward.Op
	id    string
	types []string        // that the body gives, as stored
	names []string        // attributes that are written, as stored
	whole bool            // it is about the entity as a whole
	attrs bool            // it is answered by an UpdateResult
	body  jsontext.Object // nil: none
	plain bool            // the body is of one attribute, and not to be split
}

// failure is a part of a write that was not done. Share is nil for this broker's.
type failure struct {
	share *forward.Share
	names []string
	err   error
}

func namesOf(list []plane.Attribute) []string {
	var names []string
	for i := range list {
		if !slices.Contains(names, list[i].Name) {
			names = append(names, list[i].Name)
		}
	}
	return names
}

// keep leaves attributes with the names.
func keep(list []plane.Attribute, names []string) []plane.Attribute {
	return slices.DeleteFunc(slices.Clone(list), func(a plane.Attribute) bool { return !slices.Contains(names, a.Name) })
}

// typesOf returns the types by which registrations are chosen: those that the request
// gives, and those of the entity if it is here; nil if they are not known.
func (r *request) typesOf(id string, given []string) ([]string, error) {
	e, err := r.s.store.Entity(r.Context(), plane.Key{Tenant: r.tenant, ID: id})
	if city.KindOf(err) == city.NotFound {
		return given, nil
	}
	if err != nil {
		return nil, err
	}
	return append(slices.Clone(given), e.Types...), nil
}

// split says who has which part of a write; ok is false where all is this broker's.
func (r *request) split(w *write) (s forward.Split, ok bool, err error) {
	if list, err := r.registered(); err != nil || len(list) == 0 {
		return s, false, err
	}
	types := w.types
	if w.op&(forward.CreateEntity|forward.CreateBatch) == 0 {
		if types, err = r.typesOf(w.id, types); err != nil {
			return s, false, err
		}
	}
	shares, err := r.sharesOf(w.op, w.id, types, w.names)
	if err != nil || len(shares) == 0 {
		return s, false, err
	}
	if w.whole {
		s = forward.SplitWhole(shares)
	} else {
		s = forward.SplitWrite(shares, w.names)
	}
	return s, len(s.Shares) > 0, nil
}

// spread does a write: local stores the attributes that are left for this broker, done
// answers where all went well.
func (r *request) spread(w *write, local func(rest []string) (entity.Outcome, error), done func(entity.Outcome) error) error {
	s, ok, err := r.split(w)
	if err != nil {
		return err
	}
	if !ok {
		out, err := local(w.names)
		if err != nil {
			return err
		}
		return done(out)
	}
	asked := make(chan []failure, 1)
	go func() { asked <- r.askShares(w, s.Shares) }()
	var out entity.Outcome
	var failed []failure
	if s.Local {
		if out, err = local(s.Rest); err != nil {
			failed = append(failed, failure{names: s.Rest, err: err})
		}
	}
	failed = append(failed, <-asked...)
	parts := len(s.Shares)
	if s.Local {
		parts++
	}
	switch {
	case err != nil && problem.From(err).Status >= 500:
		return err
	case len(failed) == 0:
		return done(out)
	case parts == 1:
		return failed[0].err
	case w.attrs:
		return r.updated(withFailures(out, w.names, failed))
	}
	return r.partly(w.id, len(failed) < parts, failed)
}

// askShares asks each source for its part and lists the failures.
func (r *request) askShares(w *write, shares []forward.Share) []failure {
	var calls []forward.Call
	var called []*forward.Share
	var failed []failure
	for i := range shares {
		x := &shares[i]
		if x.Refused != "" {
			failed = append(failed, failure{x, w.named(x), problem.Conflict("%s", x.Refused)})
			continue
		}
		call := r.call(x, r.Method, r.samePath(), r.sameQuery())
		if w.body != nil {
			body := w.body
			if !w.plain {
				body = forward.Only(w.body, x.Names, r.context)
			}
			call.Body, call.ContentType = body.Append(nil), r.given
		}
		calls, called = append(calls, call), append(called, x)
	}
	for i, a := range r.s.client.AskAll(r.Context(), calls) {
		if err := refusal(called[i], &a); err != nil {
			failed = append(failed, failure{called[i], w.named(called[i]), err})
		}
	}
	return failed
}

// named lists the attributes that a share was to write.
func (w *write) named(x *forward.Share) []string {
	if x.Names == nil {
		return w.names
	}
	return x.Names
}

// call makes a call with what all calls have.
func (r *request) call(x *forward.Share, method, path, rawQuery string) forward.Call {
	return forward.Call{To: x.Registration, Method: method, Path: path, Query: rawQuery, Link: r.link, Came: r.Header}
}

func (r *request) samePath() string {
	var b strings.Builder
	for _, part := range r.path {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(part))
	}
	return b.String()
}

// sameQuery is the query string without what is for this broker alone.
func (r *request) sameQuery() string {
	var kept []string
	for part := range strings.SplitSeq(r.URL.RawQuery, "&") {
		switch name, _, _ := strings.Cut(part, "="); name {
		case "", "local", "csf", "via":
		default:
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, "&")
}

// refusal says why a source did not do its part, nil if it did.
func refusal(x *forward.Share, a *forward.Answer) error {
	switch {
	case a.Err != nil:
		return problem.Gateway("the context source of %s: %v", x.ID, a.Err)
	case a.Status == http.StatusMultiStatus:
		return problem.Source(a.Status, "the context source of %s did a part only", x.ID)
	case !a.OK():
		return problem.Source(a.Status, "the context source of %s answered %d %s", x.ID, a.Status, http.StatusText(a.Status))
	}
	return nil
}

// partly answers 207 with what of a write was not done (clause 5.2.16).
func (r *request) partly(id string, some bool, failed []failure) error {
	r.accept = jsonType
	r.w.Header().Set("Content-Type", jsonType)
	r.w.WriteHeader(http.StatusMultiStatus)
	b := []byte(`{"success":[`)
	if some {
		b = jsontext.AppendString(b, id)
	}
	b = append(b, `],"errors":[`...)
	for i, f := range failed {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendFailure(b, id, f)
	}
	_, _ = r.w.Write(append(b, `]}`...))
	return nil
}

func appendFailure(b []byte, id string, f failure) []byte {
	b = append(b, '{')
	if id != "" {
		b = append(jsontext.AppendString(append(b, `"entityId":`...), id), ',')
	}
	if f.share != nil {
		b = append(jsontext.AppendString(append(b, `"registrationId":`...), f.share.ID), ',')
	}
	return append(problem.From(f.err).Append(append(b, `"error":`...)), '}')
}

// withFailures adds what was not done to the outcome of what was (clause 5.2.18). A
// name is updated where all who were to do so did.
func withFailures(out entity.Outcome, names []string, failed []failure) entity.Outcome {
	for _, n := range names {
		refused := func(x entity.Refusal) bool { return x.Name == n }
		if !slices.Contains(out.Updated, n) && !slices.ContainsFunc(out.NotUpdated, refused) {
			out.Updated = append(out.Updated, n)
		}
	}
	for _, f := range failed {
		registration := ""
		if f.share != nil {
			registration = f.share.ID
		}
		for _, name := range f.names {
			out.Updated = slices.DeleteFunc(slices.Clone(out.Updated), func(n string) bool { return n == name })
			out.NotUpdated = append(out.NotUpdated, entity.Refusal{Name: name, Reason: problem.From(f.err).Detail, Registration: registration})
		}
	}
	return out
}
