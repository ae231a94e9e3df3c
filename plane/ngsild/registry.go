package ngsild

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"

	"polity/plane/ngsild/forward"
	"polity/plane/ngsild/problem"
	"polity/plane/ngsild/query"
)

// Sources says which registered context sources requests are passed on to.
type Sources struct {
	Hosts []string // as "host" or "host:port"; none: nothing is passed on
	Alias string   // this broker's name in the header Via; empty: one made up at the start
}

// maxTenants bounds the tenants whose registrations are at hand, maxRegistrations those
// of a tenant.
const (
	maxTenants       = 10_000
	maxRegistrations = 1000
)

// registry has the registrations of each tenant at hand, read from the store when the
// tenant is first asked for, and again with each change.
type registry struct {
	s    *Server
	mu   sync.Mutex // held while registrations change
	list sync.Map   // tenant to []*forward.Registration
	n    int        // tenants in list, under mu
}

// of returns the registrations of a tenant. Nobody changes them.
func (g *registry) of(ctx context.Context, tenant string) ([]*forward.Registration, error) {
	if list, ok := g.list.Load(tenant); ok {
		return list.([]*forward.Registration), nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.read(ctx, tenant)
}

func (g *registry) read(ctx context.Context, tenant string) ([]*forward.Registration, error) {
	all, err := g.s.sources(ctx, tenant)
	if err != nil {
		return nil, err
	}
	list := make([]*forward.Registration, len(all))
	for i, x := range all {
		list[i] = x.Registration
	}
	if g.n >= maxTenants {
		g.list.Clear()
		g.n = 0
	}
	if _, known := g.list.Swap(tenant, list); !known {
		g.n++
	}
	return list, nil
}

// change stores a registration by put, unless it cannot stand beside the others; nil
// is one that is removed.
func (g *registry) change(ctx context.Context, tenant string, made *forward.Registration, put func() error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if made != nil {
		list, err := g.read(ctx, tenant)
		if err != nil {
			return err
		}
		same := func(x *forward.Registration) bool { return x.ID == made.ID }
		if len(list) >= maxRegistrations && !slices.ContainsFunc(list, same) {
			return problem.TooMany("the tenant has %d registrations; remove some", len(list))
		}
		if other := forward.Conflict(list, made, g.s.now()); other != nil {
			return problem.Conflict("the registration %s holds some of this in place of others, and one of the two is exclusive (clause 4.3.6.3); change or remove one", other.ID)
		}
	}
	if err := put(); err != nil {
		return err
	}
	_, err := g.read(ctx, tenant)
	return err
}

// CameRound says whether a request went in a circle: this broker passed it on, and it
// came back (clause 6.3.17). Whatever it asks for is refused.
func (s *Server) CameRound(r *http.Request) bool {
	return s.client.On() && slices.Contains(forward.Path(r.Header), s.client.Alias())
}

// registered returns the registrations that may have a part in a request; none where
// it is for this broker alone.
func (r *request) registered() ([]*forward.Registration, error) {
	if !r.s.client.On() {
		return nil, nil
	}
	if local, err := r.flag("local"); err != nil || local {
		return nil, err
	}
	return r.s.registry.of(r.Context(), r.tenant)
}

// shares returns the sources that have a part in a request, nil where it is for this
// broker alone.
func (r *request) shares(ops forward.Op, scope forward.Scope) ([]forward.Share, error) {
	list, err := r.registered()
	if err != nil || len(list) == 0 {
		return nil, err
	}
	if csf := r.query.Get("csf"); csf != "" {
		if scope.Sources, err = query.ParseQ(r.context, csf); err != nil {
			return nil, err
		}
	}
	return forward.Choose(list, ops, scope, forward.Path(r.Header), r.s.now()), nil
}

// sharesOf returns the sources that have a part in a request about one entity. What
// Polity keeps itself is never asked of others.
func (r *request) sharesOf(ops forward.Op, id string, types, names []string) ([]forward.Share, error) {
	if !r.s.client.On() || strings.HasPrefix(id, own) {
		return nil, nil
	}
	return r.shares(ops, forward.One(id, types, names))
}

// warn tells what is missing in the answer (clause 6.3.17).
func (r *request) warn(s *forward.Share, why string) {
	r.w.Header().Add("NGSILD-Warning", r.s.client.Warning(s.Registration, why))
}
