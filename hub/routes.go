package hub

import (
	"net/http"
	"slices"
	"strings"

	"polity/access"
	"polity/console"
	"polity/opendata"
	"polity/plane/ngsild"
	"polity/plane/rest"
)

// Route is one address of the hub with the action that the policies decide about before
// anything is answered. There is no other way in: server builds its handler from the
// tables below and from console.Routes, whose routes name theirs.
type Route struct {
	Pattern string // of http.ServeMux; of a gate, METHOD PREFIX
	Do      access.Action
}

// gate is an interface for programs: whatever begins with a prefix. Its paths do not pass
// a ServeMux, which redirects paths that hold the address of a name. The first gate that
// matches counts.
type gate struct {
	methods []string // none: all others
	prefix  string
	matches func(path string) bool // nil: by the prefix
	do      access.Action
	serve   func(h *Hub) http.Handler // nil: it is off
}

var reads = []string{http.MethodGet, http.MethodHead, http.MethodOptions}

// gates are asked in their order.
var gates = []gate{
	{reads, ngsild.Root + "/", nil, access.ReadData, (*Hub).ngsildAPI},
	{[]string{http.MethodPost}, ngsild.Root + "/entityOperations/query", nil, access.ReadData, (*Hub).ngsildAPI},
	{[]string{http.MethodPost}, ngsild.Root + "/temporal/entityOperations/query", nil, access.ReadData, (*Hub).ngsildAPI},
	{nil, ngsild.Root + "/", nil, access.WriteData, (*Hub).ngsildAPI},
	{nil, OperationsPath, nil, access.RunSystem, (*Hub).operations},
	{nil, NoticesPath, nil, access.RunSystem, (*Hub).noticeOperations},
	{[]string{http.MethodPost}, EntriesPath, nil, access.ReadPublic, (*Hub).statementsAPI}, // entries count by their own signatures
	{reads, rest.Root, restServes, access.ReadPublic, (*Hub).restAPI},                      // which shows all to whoever may read-data
	{nil, rest.Root, restServes, access.WriteData, (*Hub).restAPI},
	{reads, LedgerPath, nil, access.ReadPublic, (*Hub).ledgerFiles},
	{reads, "/data/", opendata.Serves, access.ReadPublic, (*Hub).dataFiles},
}

// restServes says whether a path is of the plain API, and of none that has routes of its
// own below the same root.
func restServes(path string) bool {
	for _, root := range []string{console.CasesPath, AuditsPath, HoldsPath} {
		if path == root || strings.HasPrefix(path, root+"/") {
			return false
		}
	}
	return rest.Serves(path)
}

// own are the hub's addresses beside the pages and the gates.
var own = []struct {
	Route
	serve func(h *Hub) http.Handler
}{
	{Route{"GET /healthz", access.ReadPublic}, func(h *Hub) http.Handler { return http.HandlerFunc(h.healthPage) }},
	{Route{"GET /metrics", access.SeeMetrics}, (*Hub).metrics},
	{Route{"POST /ingest/{route}", access.PushData}, (*Hub).push},
	{Route{"POST /ingest/{route}/{device}", access.PushData}, (*Hub).push},
}

// Routes lists every address that the hub serves.
func Routes() []Route {
	var all []Route
	for _, r := range console.Routes() {
		all = append(all, Route{r.Pattern, r.Do})
	}
	for _, o := range own {
		all = append(all, o.Route)
	}
	for _, k := range caseRoutes {
		all = append(all, k.Route)
	}
	listed := map[string]bool{}
	for _, g := range gates {
		methods := g.methods
		if methods == nil {
			methods = append(slices.Clone(reads), http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete)
		}
		for _, m := range methods {
			if pattern := m + " " + g.prefix; !listed[pattern] {
				listed[pattern] = true
				all = append(all, Route{pattern, g.do})
			}
		}
	}
	return all
}

func (g *gate) of(r *http.Request) bool {
	if g.methods != nil && !slices.Contains(g.methods, r.Method) {
		return false
	}
	if g.matches != nil {
		return g.matches(r.URL.Path)
	}
	return r.URL.Path == strings.TrimSuffix(g.prefix, "/") || strings.HasPrefix(r.URL.Path, strings.TrimSuffix(g.prefix, "/")+"/")
}

// handler is everything that the hub serves.
func (h *Hub) handler() http.Handler {
	mux, crossing := http.NewServeMux(), http.NewCrossOriginProtection()
	for _, o := range own {
		if serve := o.serve(h); serve != nil {
			mux.Handle(o.Pattern, crossing.Handler(h.guarded(o.Do, serve)))
		}
	}
	for _, k := range caseRoutes {
		mux.Handle(k.Pattern, crossing.Handler(h.guarded(k.Do, h.caseHandler(k.serve))))
	}
	mux.Handle(console.CasesPath+"/", crossing.Handler(h.guarded(access.SeeCases, h.caseHandler(noCaseRoute))))
	mux.Handle("/", h.console) // guards its own routes
	type open struct {
		gate
		handler http.Handler
	}
	var doors []open
	for _, g := range gates {
		if serve := g.serve(h); serve != nil {
			doors = append(doors, open{g, crossing.Handler(h.guarded(g.do, serve))})
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h.ngsild != nil && strings.HasPrefix(r.URL.Path, ngsild.Root+"/") && h.ngsild.CameRound(r) {
			h.ngsild.ServeHTTP(w, r) // which only says so, to whoever it is
			return
		}
		for i := range doors {
			if doors[i].of(r) {
				doors[i].handler.ServeHTTP(w, r)
				return
			}
		}
		mux.ServeHTTP(w, r)
	})
}
