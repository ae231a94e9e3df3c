package ngsild

import (
	"net/http"
	"strings"
)

// handler is one operation.
type handler struct {
	serve   func(*request) error
	params  string // names that it knows
	geoJSON bool   // it can answer in GeoJSON
}

// Parameters that operations share.
const (
	formParams  = "options format "
	showParams  = formParams + "attrs pick omit lang datasetId geometryProperty join joinLevel containedBy local csf via "
	whichParams = "id idPattern type attrs q georel geometry coordinates geoproperty scopeQ csf expandValues jsonKeys local via "
	pageParams  = "limit offset count "
	timeParams  = "timerel timeAt endTimeAt timeproperty lastN aggrMethods aggrPeriodDuration "
)

type resource struct {
	path    string // with * for any part
	methods map[string]handler
}

func only(method string, h handler) map[string]handler { return map[string]handler{method: h} }

// resources are those of clause 6.2.
var resources = []resource{
	{"entities", map[string]handler{
		http.MethodGet:    {(*request).queryEntities, whichParams + showParams + pageParams + "orderBy collation entityMap", true},
		http.MethodPost:   {(*request).createEntity, "local via", false},
		http.MethodDelete: {(*request).purgeEntities, whichParams + "keep drop", false},
		http.MethodPut:    {(*request).noID, "", false},
		http.MethodPatch:  {(*request).noID, "", false},
	}},
	{"entities/*", map[string]handler{
		http.MethodGet:    {(*request).retrieveEntity, showParams + "type entityMap", true},
		http.MethodPut:    {(*request).replaceEntity, "local via type", false},
		http.MethodPatch:  {(*request).mergeEntity, "local via type observedAt lang " + formParams, false},
		http.MethodDelete: {(*request).deleteEntity, "local via type", false},
	}},
	{"entities/*/attrs", map[string]handler{
		http.MethodPost:  {(*request).appendAttributes, "options local via type", false},
		http.MethodPatch: {(*request).updateAttributes, "options local via type", false},
	}},
	{"entities/*/attrs/*", map[string]handler{
		http.MethodPatch:  {(*request).partialUpdate, "local via type", false},
		http.MethodPut:    {(*request).replaceAttribute, "local via type", false},
		http.MethodDelete: {(*request).deleteAttribute, "datasetId deleteAll local via type", false},
	}},
	{"entityOperations/create", only(http.MethodPost, handler{(*request).batchCreate, "local via", false})},
	{"entityOperations/upsert", only(http.MethodPost, handler{(*request).batchUpsert, "options local via", false})},
	{"entityOperations/update", only(http.MethodPost, handler{(*request).batchUpdate, "options local via", false})},
	{"entityOperations/merge", only(http.MethodPost, handler{(*request).batchMerge, "options local via", false})},
	{"entityOperations/delete", only(http.MethodPost, handler{(*request).batchDelete, "local via", false})},
	{"entityOperations/query", only(http.MethodPost, handler{(*request).queryByPost, showParams + pageParams + "orderBy collation", true})},
	{"types", only(http.MethodGet, handler{(*request).listTypes, "details local via", false})},
	{"types/*", only(http.MethodGet, handler{(*request).retrieveType, "local via", false})},
	{"attributes", only(http.MethodGet, handler{(*request).listAttributes, "details local via", false})},
	{"attributes/*", only(http.MethodGet, handler{(*request).retrieveAttribute, "local via", false})},
	{"jsonldContexts", map[string]handler{
		http.MethodGet:  {(*request).listContexts, "details kind", false},
		http.MethodPost: {(*request).addContext, "", false},
	}},
	{"jsonldContexts/*", map[string]handler{
		http.MethodGet:    {(*request).serveContext, "details", false},
		http.MethodDelete: {(*request).deleteContext, "reload", false},
	}},
}

// find returns the operation for a path, and the methods that the path knows; none
// if there is no such resource.
func find(path []string, method string) (handler, string) {
	for _, list := range [][]resource{resources, temporalResources, subscriptionResources, sourceResources} {
		for _, res := range list {
			if !matches(res.path, path) {
				continue
			}
			var methods []string
			for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
				if _, ok := res.methods[m]; ok {
					methods = append(methods, m)
				}
			}
			return res.methods[method], strings.Join(methods, ", ")
		}
	}
	return handler{}, ""
}

func matches(pattern string, path []string) bool {
	i := 0
	for part := range strings.SplitSeq(pattern, "/") {
		if i >= len(path) || part != "*" && part != path[i] {
			return false
		}
		i++
	}
	return i == len(path)
}
