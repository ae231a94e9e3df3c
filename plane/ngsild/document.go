package ngsild

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"polity/plane"
)

// Documents of the API that are no entities of the city are kept as entities in
// tenants of their own, whose names no request can have.
const (
	contextTenant      = "/contexts"
	subscriptionTenant = "/subscriptions"
	sourceTenant       = "/sources"
	temporalTenant     = "/temporal"
)

const documentName = "document"

// document makes the entity that keeps a JSON document.
func document(tenant, id, kind string, text json.RawMessage) *plane.Entity {
	return &plane.Entity{
		Key: plane.Key{Tenant: tenant, ID: id}, Types: []string{kind},
		Attributes: []plane.Attribute{{Name: documentName, Kind: plane.JSON, Value: text}},
	}
}

// documentText returns a kept document.
func documentText(e *plane.Entity) json.RawMessage {
	if a := e.Attribute(documentName); a != nil {
		return a.Value
	}
	return nil
}

// putOne stores one change and returns its refusal.
func (s *Server) putOne(ctx context.Context, c plane.Change) error {
	result, err := s.store.Write(ctx, &plane.Batch{Changes: []plane.Change{c}})
	if err != nil {
		return err
	}
	return result.Err()
}

// all reads every document of a tenant.
func all(ctx context.Context, store plane.Store, tenant string, f func(*plane.Entity)) error {
	return each(ctx, store, plane.Query{Tenant: tenant}, f)
}

// each calls f with every entity that a query finds, page by page.
func each(ctx context.Context, store plane.Store, q plane.Query, f func(*plane.Entity)) error {
	q.Limit = plane.MaxLimit
	for {
		found, err := store.Find(ctx, q)
		if err != nil {
			return err
		}
		for _, e := range found.Entities {
			q.After = e.ID
			f(e)
		}
		if !found.More {
			return nil
		}
	}
}

// hashID is a short name for a text, the same for the same one.
func hashID(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:16])
}

// newID is a name that nobody else has.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
